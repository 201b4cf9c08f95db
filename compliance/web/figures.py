"""The four figures of Home against their targets, in words (ux.md)."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from compliance.web import cards
from members.selectors.kpis import Kpis
from members.templatetags.charts import scaled
from members.templatetags.fmt import permille, points

MARK = 666  # where a meter's target stands, per mille

CARD: dict[str, Any] = {
    "unit": "", "window": "", "note": "", "note_level": "", "target": "", "level": None, "mark": None, "values": None,
    "goal": None, "explain": "",
}  # fmt: skip


def figure_cards(shown: Kpis) -> list[dict[str, Any]]:
    """The four figures as the arguments of `{% kpi %}`."""
    return [CARD | make(shown) for make in (_members, _recruits, _share, _repurchase)]


def _members(shown: Kpis) -> dict[str, Any]:
    row = shown.members
    note = ngettext("{n} joined in 30 days", "{n} joined in 30 days", row.joined)
    return {
        "label": _("Members"),
        "value": points(row.total),
        "unit": ngettext("person", "people", row.total),
        "note": note.format(n=points(row.joined)),
        "values": row.series if row.total else None,
        "explain": _("Everybody who joined and is a member now, whatever the channel; a person counts once."),
    }


def _recruits(shown: Kpis) -> dict[str, Any]:
    row = shown.recruits
    missing = row.missing
    note = _("Target reached") if not missing else _("{n} short").format(n=scaled(missing, 10))
    return {
        "label": _("Recruits a day"),
        "window": _("7 days"),
        "value": scaled(row.tenths, 10),
        "unit": _("a day"),
        "note": note,
        "note_level": "warn" if missing else "ok",
        "target": _("Target {n}").format(n=scaled(row.goal, 10)),
        "level": row.tenths * MARK // row.goal,
        "mark": MARK,
        "values": row.series if any(row.series) else None,
        "goal": row.goal,
        "explain": _("New members a day, the mean of the last seven merchant days."),
    }


def _share(shown: Kpis) -> dict[str, Any]:
    row = shown.share
    target = _("Target {n}").format(n=permille(row.goal))
    card = {
        "label": _("Member GMV share"),
        "window": _("30 days"),
        "value": "--" if row.permille is None else scaled(row.permille, 10),
        "unit": "" if row.permille is None else "%",
        "target": target,
        "explain": _(
            "Net sales to members as a part of all net sales; who was a member when they paid counts."
        ),
    }
    if row.permille is None:
        return card | {"note": _("No sales in 30 days")}
    above = row.permille - row.goal
    text = _("{n} points above") if above >= 0 else _("{n} points short")
    return card | {
        "note": text.format(n=scaled(abs(above), 10)),
        "note_level": "ok" if above >= 0 else "warn",
        "level": row.permille * 500 // row.goal,
        "mark": 500,
        "values": row.series[-30:],
        "goal": row.goal,
    }


def _repurchase(shown: Kpis) -> dict[str, Any]:
    row = shown.repurchase
    card = {
        "label": _("Repurchase"),
        "window": _("90 days"),
        "value": "--" if row.permille is None else scaled(row.permille, 10),
        "unit": "" if row.permille is None else "%",
        "explain": _("Members with two orders or more of all members who bought, in 90 days."),
    }
    if row.permille is None:
        return card | {"note": _("No member bought in 90 days")}
    others = row.others_permille
    better = others is not None and row.permille >= others
    return card | {
        "note": _("Others: {rate}").format(rate=permille(others)),
        "note_level": "ok" if better else "",
        "level": row.permille,
        "mark": others,
        "values": row.series,
    }


def share_points(shown: Kpis) -> list[tuple[str, int | None]]:
    """The chart's points: day and share per mille."""
    days = zip(shown.share.days, shown.share.series, strict=True)
    return [(cards.short(day), value) for day, value in days]
