"""The ladder of tiers: thresholds, window, validity (domain.md 5)."""

from __future__ import annotations

import datetime as dt
import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from members.lib.refusals import Invalid, NotFound
from members.lib.tiers import MOST_GRACE_DAYS, MOST_VALIDITY_MONTHS, MOST_WINDOW_DAYS
from members.models import Member, RulesVersion, Tier, TierStanding
from members.selectors import rules as selector
from members.selectors import tier_lifts as lifts
from members.selectors.tier_simulation import Proposal
from members.services import occasions, rules, tier_lifts, tier_versions
from members.services.audit import Actor

LONGEST_NAME = 40
MOST_WEIGHT, WEIGHT_DECIMALS = 1_000_000, 6
# What a tier may ask for: more than any member comes to, and far below what a number of the database holds.
MOST_OF = {
    "spend_minor": 10**15,
    "orders": 10**7,
    "active_days": 36_600,
    "points_earned": 10**12,
    "growth": 10**12,
}


@transaction.atomic
def configure(
    *,
    merchant_id: int,
    at: dt.datetime,
    actor: Actor,
    ladder: Sequence[Mapping[str, Any]],
    window: Mapping[str, Any] | None = None,
    validity_months: int = 12,
    grace_days: int = 0,
    downgrade: str = "to_qualified",
    growth: Mapping[str, Decimal] | None = None,
    targets: Mapping[str, str] | None = None,
    seen: int | None = None,
    in_background: bool = False,
) -> RulesVersion:
    """Replace the tier part of the rules from `at` on. Members rise at once, nobody falls (cause "rules").

    `in_background`: the members of a large program are lifted by a worker, as of `at` (`tier_lifts`).
    `seen` is the number of the version that the editor began from: Conflict when another changed the tiers since.

    `ladder` is lowest first: {"code", "name", "all" or "any": {metric: at least}, "welcome": points}. `growth` are the
    weights of the merchant's own score, by metric. `targets` says, by code, where members of a deleted tier go; the
    lowest is never deleted. Raises Invalid for a ladder out of order or that asks for growth without weights, a weight
    out of range, a deleted tier without target, or a window (days), validity (months) or grace (days) that is too long.
    """
    values = _values(ladder, window, validity_months, grace_days, downgrade, growth)
    if seen is not None:
        tier_versions.check_seen(merchant_id=merchant_id, seen=seen, at=at)
    names = {rung["code"]: rung["name"] for rung in ladder if rung.get("name")}
    codes = [rung["code"] for rung in ladder]
    ids = rules.tier_ids(merchant_id=merchant_id, codes=codes, at=at, names=names)
    before = selector.version_at(merchant_id=merchant_id, at=at)
    values["ladder"] = _steps(ladder, ids)
    version = rules.new_version(merchant_id=merchant_id, at=at, actor=actor, values=values)
    if before is not None and version.number != before.number:
        moves = _targets(merchant_id, before, version, targets or {}, at)
        occasions.tell_tiers_gone(merchant_id=merchant_id, at=at, targets=moves)
        tier_lifts.begin(
            merchant_id=merchant_id,
            at=at,
            actor=actor,
            version=version,
            former=before,
            targets=moves,
            in_background=in_background,
        )
    return version


@dataclass(frozen=True, slots=True)
class Draft:
    """A ladder that is not saved: the proposal, and the names of its tiers by id (new ones have ids below 0).

    `changes_nothing`: saving it would make no new version of the rules, so nobody would move by it.
    """

    proposal: Proposal
    names: dict[int, str]
    welcomes: dict[int, int]
    changes_nothing: bool


def draft(
    *,
    merchant_id: int,
    at: dt.datetime,
    ladder: Sequence[Mapping[str, Any]],
    window: Mapping[str, Any] | None = None,
    validity_months: int = 12,
    grace_days: int = 0,
    downgrade: str = "to_qualified",
    growth: Mapping[str, Decimal] | None = None,
    targets: Mapping[str, str] | None = None,
) -> Draft:
    """What `configure` would put into force, to simulate it: the same checks, and nothing is written. Raises Invalid,
    NotFound (no rules yet).
    """
    values = _values(ladder, window, validity_months, grace_days, downgrade, growth)
    present = selector.version_at(merchant_id=merchant_id, at=at)
    if present is None:
        raise NotFound(_("This program has no rules yet."))
    tiers = {tier.pk: tier for tier in Tier.objects.of(merchant_id)}
    ids = {tier.code: tier.pk for tier in tiers.values()}
    for place, rung in enumerate(ladder):
        ids.setdefault(rung["code"], -1 - place)
    codes = {tier_id: code for code, tier_id in ids.items()}
    version = RulesVersion(merchant_id=merchant_id, number=present.number + 1, at=at)
    for name, value in values.items():
        setattr(version, name, value)
    values["ladder"] = version.ladder = _steps(ladder, ids)
    proposed = selector.tier_rules(version, codes)
    moves = _targets(merchant_id, present, version, targets or {}, at)
    names = {pk: str(tier) for pk, tier in tiers.items()}
    names.update({ids[rung["code"]]: rung["name"] for rung in ladder if rung.get("name")})
    return Draft(
        Proposal(selector.tier_rules(present, codes), proposed, moves),
        names,
        {tier.id: tier.welcome for tier in proposed.ladder if tier.welcome},
        all(getattr(present, name) == value for name, value in values.items()),
    )


def _values(
    ladder: Sequence[Mapping[str, Any]],
    window: Mapping[str, Any] | None,
    validity_months: int,
    grace_days: int,
    downgrade: str,
    growth: Mapping[str, Decimal] | None,
) -> dict[str, Any]:
    """The fields of a version but the ladder, all checked. Raises Invalid."""
    window = dict(window or {"kind": "rolling", "days": 365})
    _check_lengths(window.get("days", 1), validity_months, grace_days)
    for rung in ladder:
        _check_rung(rung)
    codes = [rung["code"] for rung in ladder]
    if len(set(codes)) < len(codes):
        raise Invalid(_("Every tier of the ladder needs a code of its own."))
    _check_reachable(ladder)
    return {
        "window": window,
        "validity_months": validity_months,
        "grace_days": grace_days,
        "downgrade": downgrade,
        "growth": _weights(growth or {}, ladder),
    }


def _check_reachable(ladder: Sequence[Mapping[str, Any]]) -> None:
    """A tier that holds whenever a lower one does leaves that one to nobody. Raises Invalid."""
    for lower, tier in itertools.combinations(ladder[1:], 2):
        if not _implies(lower, tier):
            continue
        problem = _("Whoever reaches %(lower)s reaches %(tier)s too, so nobody would hold %(lower)s.")
        if all((lower.get(needs) or {}) == (tier.get(needs) or {}) for needs in ("all", "any")):
            problem = _("%(tier)s asks for exactly what %(lower)s asks for, so nobody would hold %(lower)s.")
        names = [rung.get("name") or rung["code"] for rung in (lower, tier)]
        raise Invalid(problem % {"tier": names[1], "lower": names[0]})


def _implies(lower: Mapping[str, Any], tier: Mapping[str, Any]) -> bool:
    """Whether the least numbers that are enough for the lower tier, each way to it, are enough for the other."""
    ways = [lower["all"]] if lower.get("all") else [{m: n} for m, n in (lower.get("any") or {}).items()]
    asked = tier.get("all") or tier.get("any") or {}
    enough = all if tier.get("all") else any
    return bool(ways and asked) and all(
        enough(way.get(metric, 0) >= least for metric, least in asked.items()) for way in ways
    )


def _steps(ladder: Sequence[Mapping[str, Any]], ids: Mapping[str, int]) -> list[dict[str, Any]]:
    """The ladder as it is stored."""
    steps = []
    for rung in ladder:
        needs = "any" if rung.get("any") else "all"
        step = {"tier": ids[rung["code"]], "needs": needs, "requirements": dict(rung.get(needs) or {})}
        if rung.get("welcome"):
            step["welcome"] = rung["welcome"]
        steps.append(step)
    return steps


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _check_lengths(window_days: Any, validity_months: Any, grace_days: Any) -> None:
    """Whole numbers and their upper limits; the rule itself knows the lower ones."""
    if not _is_whole(window_days):
        raise Invalid(_("A window needs at least one day."))
    if not _is_whole(validity_months) or not _is_whole(grace_days):
        raise Invalid(_("A tier is valid for at least one month, and grace is not negative."))
    for chosen, most, problem in (
        (window_days, MOST_WINDOW_DAYS, _("A window has at most %(most)s days.")),
        (validity_months, MOST_VALIDITY_MONTHS, _("A tier is valid for at most %(most)s months.")),
        (grace_days, MOST_GRACE_DAYS, _("Grace has at most %(most)s days.")),
    ):
        if chosen > most:
            raise Invalid(problem % {"most": most})


def _weights(growth: Mapping[str, Decimal], ladder: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The weights of growth as they are stored; those of nothing are left out. Raises Invalid."""
    for weight in growth.values():
        if (
            not Decimal(weight).is_finite()
            or not 0 <= weight <= MOST_WEIGHT
            or weight != round(weight, WEIGHT_DECIMALS)
        ):
            raise Invalid(
                _("A weight of growth lies between 0 and %(most)s and has at most %(decimals)s decimals.")
                % {"most": MOST_WEIGHT, "decimals": WEIGHT_DECIMALS}
            )
    weights = {metric: str(weight) for metric, weight in growth.items() if weight}
    for rung in ladder:
        if not weights and "growth" in {**(rung.get("all") or {}), **(rung.get("any") or {})}:
            raise Invalid(
                _("Tier %(tier)s asks for growth, which has no weights yet.") % {"tier": rung["code"]}
            )
    return weights


def _check_rung(rung: Mapping[str, Any]) -> None:
    code = rung.get("code")
    if not isinstance(code, str) or not re.fullmatch(r"[\w-]{1,32}", code):
        raise Invalid(_("A tier's code is letters, digits, - and _, at most 32."))
    if len(rung.get("name") or "") > LONGEST_NAME:
        raise Invalid(_("A tier's name has at most %(most)s characters.") % {"most": LONGEST_NAME})
    if unknown := sorted(set(rung) - {"code", "name", "all", "any", "welcome"}):
        raise Invalid(_("Tier %(tier)s: unknown key %(key)s.") % {"tier": code, "key": unknown[0]})
    if rung.get("all") and rung.get("any"):
        raise Invalid(
            _("Tier %(tier)s needs all of its requirements or any of them, not both.") % {"tier": code}
        )
    welcome = rung.get("welcome") or 0
    if not _is_whole(welcome):
        raise Invalid(_("Tier %(tier)s: a welcome is a whole number of points.") % {"tier": code})
    for needs in ("all", "any"):
        requirements = rung.get(needs) or {}
        if not isinstance(requirements, Mapping) or not all(
            _is_whole(value) for value in requirements.values()
        ):
            raise Invalid(_("Tier %(tier)s: requirements are whole numbers by metric.") % {"tier": code})
        for metric, value in requirements.items():
            if value > (most := MOST_OF.get(metric, value)):
                raise Invalid(
                    _("Tier %(tier)s asks for more %(metric)s than %(most)s.")
                    % {"tier": code, "metric": metric, "most": f"{most:,}"}
                )


def _targets(
    merchant_id: int, before: RulesVersion, after: RulesVersion, targets: Mapping[str, str], at: dt.datetime
) -> dict[int, int]:
    """Where members of deleted tiers go, by id; a deleted tier that nobody holds needs no target."""
    kept = {rung["tier"] for rung in after.ladder}
    gone = [rung["tier"] for rung in before.ladder if rung["tier"] not in kept]
    lowest = before.ladder[0]["tier"]
    # Who never moved has no standing and holds the lowest tier: another lowest would be a fall that nobody decided.
    if lowest != after.ladder[0]["tier"] and Member.objects.of(merchant_id).exists():
        raise Invalid(
            _("The lowest tier cannot be deleted: everybody holds it at least. Give it another name instead.")
            if lowest in gone
            else _("No other tier can become the lowest one: everybody holds that at least.")
        )
    if not gone:
        return {}
    codes = selector.tier_codes(merchant_id=merchant_id)
    ids = {code: tier_id for tier_id, code in codes.items()}
    found: dict[int, int] = {}
    for tier_id in gone:
        target = ids.get(targets.get(codes[tier_id], ""))
        if target is not None and target in kept:
            found[tier_id] = target
        elif _is_held(merchant_id, tier_id):
            raise Invalid(
                _("Members hold tier %(tier)s. Say which tier they move to before deleting it.")
                % {"tier": codes[tier_id]}
            )
    return found


def _is_held(merchant_id: int, tier_id: int) -> bool:
    """Whether a member holds a tier, or may come to by an edit that is still worked off."""
    held = TierStanding.objects.of(merchant_id).filter(tier_id=tier_id)
    return held.exists() or bool(lifts.still_open(merchant_id=merchant_id))
