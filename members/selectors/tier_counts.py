"""How many members hold each tier."""

from __future__ import annotations

from django.db.models import Count

from members.models import TierStanding
from members.selectors import members


def by_tier(*, merchant_id: int, base_tier_id: int | None) -> dict[int, int]:
    """Members by tier id; who has no standing yet holds the lowest, `base_tier_id`. Two queries."""
    standings = TierStanding.objects.of(merchant_id).values_list("tier_id")
    counts = dict(standings.annotate(n=Count("pk")).order_by())
    if base_tier_id is not None:
        without = members.count(merchant_id=merchant_id) - sum(counts.values())
        counts[base_tier_id] = counts.get(base_tier_id, 0) + max(without, 0)
    return counts
