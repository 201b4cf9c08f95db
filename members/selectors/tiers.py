"""A member's tier as it stands at an instant: tier, validity, metrics, history (domain.md 5; play.md `show tier`)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from django.db.models import Count, Q, Sum

from members.lib.tiers import Metrics
from members.models import DailyTotal, Member, Tier, TierMove, TierStanding
from members.selectors import rules as rules_selector


def metrics(*, merchant_id: int, member_id: int, rules: Any, at: dt.datetime) -> Metrics:
    """The member's metrics over the window that ends on the merchant day of `at`. Two queries at most."""
    today = at.astimezone(rules.zone).date()
    joined_on = _joined_on(merchant_id, member_id) if rules.tiers.window.kind == "membership_year" else None
    days = DailyTotal.objects.of(merchant_id).filter(
        member_id=member_id, day__gte=rules.tiers.window.start(today, joined_on), day__lte=today
    )
    sums = days.aggregate(
        spend=Sum("spend_minor", default=0),
        count=Sum("orders", default=0),
        active=Count("id", filter=Q(orders__gt=0)),
        earned=Sum("points", default=0),
    )
    return rules.tiers.metrics(int(sums["spend"]), int(sums["count"]), sums["active"], int(sums["earned"]))


def _joined_on(merchant_id: int, member_id: int) -> dt.date:
    return Member.objects.of(merchant_id).values_list("joined_on", flat=True).get(pk=member_id)


def names(*, merchant_id: int, member_ids: Iterable[int], at: dt.datetime) -> dict[int, str]:
    """The names of the tiers that some members hold, by member; "" before there are any. At most three queries."""
    held = TierStanding.objects.of(merchant_id).filter(member_id__in=set(member_ids)).select_related("tier")
    found = {row.member_id: str(row.tier) for row in held}
    missing = set(member_ids) - found.keys()
    if missing:
        version = rules_selector.version_at(merchant_id=merchant_id, at=at)
        base = Tier.objects.of(merchant_id).filter(pk=version.ladder[0]["tier"]).first() if version else None
        found |= dict.fromkeys(missing, "" if base is None else str(base))
    return found


def standing(*, merchant_id: int, member_id: int, at: dt.datetime) -> dict[str, Any]:
    """Tier code, since, valid_until, metrics and history, as a play prints them."""
    rules = rules_selector.rules_at(merchant_id=merchant_id, at=at)
    codes = rules_selector.tier_codes(merchant_id=merchant_id)
    held = TierStanding.objects.of(merchant_id).filter(member_id=member_id).first()
    since = held.since if held else Member.objects.of(merchant_id).get(pk=member_id).joined_at
    moves = TierMove.objects.of(merchant_id).filter(member_id=member_id).order_by("at", "id")
    return {
        "tier": codes[held.tier_id] if held else rules.tiers.base.code,
        "since": since.astimezone(rules.zone),
        "valid_until": held.valid_until if held else None,
        "metrics": metrics(merchant_id=merchant_id, member_id=member_id, rules=rules, at=at)._asdict(),
        "history": [
            {
                "at": move.at.astimezone(rules.zone),
                "from": codes.get(move.from_tier_id or 0),
                "to": codes[move.to_tier_id],
                "cause": move.cause,
            }
            for move in moves
        ],
    }
