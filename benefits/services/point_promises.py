"""What benefits promise of points, kept by the program's rules of earning, so that promise and ledger agree.

A points multiplier in force is a campaign of the rules, a check-in a rule of checking in; both follow their benefit:
what is published, changed, paused, resumed and ended becomes a version of the rules in the same transaction, and each
entry of the ledger is explained by that version.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext_lazy as _

from benefits.lib.audience import tiers_of
from benefits.lib.coverage import EVERYONE
from benefits.lib.kinds import KINDS
from benefits.models import Benefit, BenefitStatus
from members.lib.check_ins import CheckIn
from members.lib.earning import Campaign, When
from members.lib.periods import merchant_day
from members.lib.refusals import Invalid
from members.models import Merchant
from members.selectors import rules as rules_selector
from members.services import earning_rules
from members.services.audit import Actor

SEARCHED = 62  # days in which every day of the week and of the month comes at least once
KINDS_OF_POINTS = frozenset(code for code, kind in KINDS.items() if kind.moves_points)


def moves_points(*, merchant_id: int, benefit_id: int) -> bool:
    """Whether a benefit is kept by the rules: who acts on it writes them, and locks for that. One query."""
    rows = Benefit.objects.of(merchant_id).filter(pk=benefit_id, kind__in=KINDS_OF_POINTS)
    return rows.exists()


def keep(benefit: Benefit, at: dt.datetime, actor: Actor, *, was: str = "", is_said: bool = True) -> None:
    """Have the rules give from now on what the benefit promises as it stands. In the transaction that publishes,
    changes or moves it, which holds the program for its rules. `was`: its kind before; `is_said`: whether its days or
    its period are said now, and judged. Raises Invalid."""
    if not KINDS_OF_POINTS & {benefit.kind, was}:
        return
    merchant_id = benefit.merchant_id
    latest = rules_selector.latest(merchant_id=merchant_id)
    at = max(at, latest.at) if latest else at
    earning_rules.follow(
        merchant_id=merchant_id,
        at=at,
        actor=actor,
        owner=benefit.public_id,
        **_promised(benefit, at, is_said),
    )


def _promised(benefit: Benefit, at: dt.datetime, is_said: bool) -> dict[str, Any]:
    """The campaign or the rule of checking in that keeps a benefit; neither for one that gives nothing now or later."""
    is_over = benefit.to_at is not None and benefit.to_at <= at
    if benefit.status != BenefitStatus.PUBLISHED or benefit.worthless or is_over:
        return {}
    tiers = _tiers(benefit)
    if tiers is None:
        return {}
    settings = benefit.settings
    if is_said:
        _require_place(benefit)
    name = str(benefit)[:60]
    if benefit.kind == "check_in" and settings.get("points") is not None:
        steps = tuple(sorted((each["days"], each["points"]) for each in settings.get("streaks") or ()))
        return {
            "check_in": CheckIn(
                settings["points"],
                steps,
                name=name,
                tiers=tiers,
                from_at=benefit.from_at,
                to_at=benefit.to_at,
            )
        }
    if benefit.kind == "points_multiplier" and settings.get("multiplier") is not None:
        when = _when(settings, tiers, benefit)
        if is_said:
            _require_days(when, at, Merchant.objects.get(pk=benefit.merchant_id).zone)
        times = Decimal(str(settings["multiplier"]))
        caps = {name: settings.get(name) for name in ("day_most", "member_most")}
        return {"campaign": Campaign("", name, times, when=when, **caps)}
    return {}


def _tiers(benefit: Benefit) -> frozenset[int] | None:
    """Ids of the tiers that a benefit is for, empty for all members; None for nobody. A rule of earning knows no
    segments and plans."""
    codes = tiers_of(benefit.audience)
    if codes is None:
        return frozenset() if benefit.audience == EVERYONE else None
    known = rules_selector.tier_codes(merchant_id=benefit.merchant_id)
    return frozenset(tier_id for tier_id, code in known.items() if code in codes) or None


def _when(settings: Mapping[str, Any], tiers: frozenset[int], benefit: Benefit) -> When:
    return When(
        tiers=tiers,
        from_at=benefit.from_at,
        to_at=benefit.to_at,
        channels=frozenset(benefit.scope.get("channels", ())),
        scenes=frozenset(benefit.scope.get("scenes", ())),
        weekdays=frozenset(settings.get("weekdays") or ()),
        month_days=frozenset(settings.get("month_days") or ()),
        dates=frozenset(dt.date.fromisoformat(day) for day in settings.get("dates") or ()),
    )


def _require_place(benefit: Benefit) -> None:
    """Raises Invalid for a scope that the rules of earning cannot keep: orders earn by channel and scene, a check-in
    has no place."""
    if benefit.kind == "check_in" and benefit.scope:
        raise Invalid.on(
            "scope", _("Members check in on their phone: this benefit has no channels, stores or scenes.")
        )
    if benefit.scope.get("stores"):
        raise Invalid.on("scope", _("Points are multiplied on channels and in scenes, not in single stores."))


def _require_days(when: When, at: dt.datetime, zone: Any) -> None:
    """Raises Invalid where none of the days comes in the benefit's period: it would promise what never happens."""
    if when.is_daily:
        return
    first = merchant_day(max(at, when.from_at or at), zone)
    last = None if when.to_at is None else merchant_day(when.to_at - dt.timedelta(microseconds=1), zone)
    coming = [first + dt.timedelta(days=n) for n in range(SEARCHED)]
    if any(day >= first and (last is None or day <= last) for day in when.dates):
        return
    if any(when.has_day(day) and (last is None or day <= last) for day in coming):
        return
    raise Invalid.on(
        "dates",
        _("None of these days comes while the benefit is in force. Choose others, or a longer period."),
    )
