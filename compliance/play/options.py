"""`points` and `tiers` of program.configure, translated to what the services take."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from compliance.play.arguments import BadLine, exact
from members.lib.tiers import METRICS, WINDOWS


def point_options(options: dict[str, Any]) -> dict[str, Any]:
    """`points` of program.configure, as point_rules.configure takes it. Raises BadLine."""
    known = {"per_major", "pending_days", "expiry", "clawback", "tier_multipliers"}
    if unknown := sorted(set(options) - known):
        raise BadLine(f"points: unknown option {unknown[0]!r}")
    pending_days, expiry = options.get("pending_days", 0), options.get("expiry", {"kind": "never"})
    if not isinstance(pending_days, int) or isinstance(pending_days, bool):
        raise BadLine("pending_days: a whole number")
    if not isinstance(expiry, dict):
        raise BadLine('expiry: an object such as {"kind": "never"}')
    clawback = options.get("clawback", "allow_deficit")
    if not isinstance(clawback, str):
        raise BadLine("clawback: text")
    multipliers = options.get("tier_multipliers", {})
    if not isinstance(multipliers, dict):
        raise BadLine("tier_multipliers: an object from tier code to number")
    return {
        "per_major": exact("per_major", options.get("per_major", "1")),
        "tier_multipliers": {
            code: exact(f"tier_multipliers.{code}", value) for code, value in multipliers.items()
        },
        "pending_days": pending_days,
        "expiry": expiry,
        "clawback": clawback,
    }


def _whole(name: str, value: Any) -> int:
    """A whole number, of whatever range."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise BadLine(f"{name}: a whole number")
    return value


def tier_options(options: dict[str, Any]) -> dict[str, Any]:
    """`tiers` of program.configure, as tier_rules.configure takes it. Raises BadLine."""
    known = {"window", "validity_months", "grace_days", "downgrade", "growth", "ladder"}
    if unknown := sorted(set(options) - known):
        raise BadLine(f"tiers: unknown option {unknown[0]!r}")
    downgrade = options.get("downgrade", "to_qualified")
    if not isinstance(downgrade, str):
        raise BadLine("downgrade: text")
    return {
        "window": _window(options.get("window", {"kind": "rolling", "days": 365})),
        "validity_months": _whole("validity_months", options.get("validity_months", 12)),
        "grace_days": _whole("grace_days", options.get("grace_days", 0)),
        "downgrade": downgrade,
        "growth": _growth(options.get("growth", {})),
        "ladder": _ladder(options.get("ladder", [{"code": "base"}])),
    }


def _window(window: Any) -> dict[str, Any]:
    if not isinstance(window, dict) or window.get("kind") not in WINDOWS:
        raise BadLine('window: {"kind": "rolling", "days": 365}')
    known = {"kind", "days"} if window["kind"] == "rolling" else {"kind"}
    if unknown := sorted(set(window) - known):
        raise BadLine(f"window: unknown key {unknown[0]!r}")
    if window["kind"] != "rolling":
        return dict(window)
    return {"kind": "rolling", "days": _whole("window.days", window.get("days", 365))}


def _growth(growth: Any) -> dict[str, Decimal]:
    if not isinstance(growth, dict):
        raise BadLine('growth: an object such as {"spend_minor": "0.01"}')
    for metric in growth:
        if metric not in METRICS[:-1]:
            raise BadLine(f"growth: unknown metric {metric!r}")
    return {metric: exact(f"growth.{metric}", weight) for metric, weight in growth.items()}


def _ladder(ladder: Any) -> list[dict[str, Any]]:
    if not isinstance(ladder, list) or not all(isinstance(rung, dict) for rung in ladder):
        raise BadLine("ladder: a list of tiers")
    for rung in ladder:
        if not isinstance(rung.get("name", ""), str):
            raise BadLine("ladder: name: text")
        for mode in ("all", "any"):
            if not isinstance(rung.get(mode, {}), dict):
                raise BadLine(f"ladder: {mode}: an object from metric to whole number")
            for metric in rung.get(mode, {}):
                if metric not in METRICS:
                    raise BadLine(f"ladder: unknown metric {metric!r}")
    return ladder
