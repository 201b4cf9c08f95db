"""Reading the price guard: the policy in force, the bases of struck-through prices, what was found (domain.md 7)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet

from benefits.lib.price_guard import Basis, GuardRules, basis_of
from benefits.models import GuardPolicy, PriceFinding
from benefits.selectors import catalogue, quotes
from members.models import Merchant
from members.selectors import members, rules, tier_counts

LOOKED_BACK = dt.timedelta(days=400)


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingFilter:
    """Which findings. `[from_at, to_at)`; is_blocked: None for all."""

    kind: str = ""
    search: str = ""
    is_blocked: bool | None = None
    from_at: dt.datetime | None = None
    to_at: dt.datetime | None = None


def policy_at(at: dt.datetime) -> GuardRules:
    """The rules in force at an instant; the defaults, as 0, before any version. One query."""
    rows = GuardPolicy.objects.filter(effective_at__lte=at)
    row = rows.order_by("-effective_at", "-published_at", "-number").first()
    return GuardRules() if row is None else row.rules


def policies() -> QuerySet[GuardPolicy]:
    """Every version, the newest first. Runs no query."""
    return GuardPolicy.objects.order_by("-number")


def holders(merchant_id: int, at: dt.datetime) -> tuple[Mapping[str, int], int]:
    """(members by the code of their tier, all of them). A few queries."""
    codes = rules.tier_codes(merchant_id=merchant_id)
    base = rules.rules_at(merchant_id=merchant_id, at=at).tiers.base.code
    base_id = next((tier_id for tier_id, code in codes.items() if code == base), None)
    counts = tier_counts.by_tier(merchant_id=merchant_id, base_tier_id=base_id)
    by_code: dict[str, int] = {}
    for tier_id, count in counts.items():
        code = codes.get(tier_id, "")
        by_code[code] = by_code.get(code, 0) + count
    return by_code, members.count(merchant_id=merchant_id)


def bases(*, merchant_id: int, skus: Collection[str], at: dt.datetime) -> dict[str, Basis]:
    """The stated basis of the struck-through price of each SKU that has one at an instant. A few queries."""
    zone = Merchant.objects.values_list("timezone", flat=True).get(pk=merchant_id)
    days = policy_at(at).days_in(zone)
    stack = quotes.stack_at(merchant_id=merchant_id, at=at)
    instant = at + dt.timedelta(microseconds=1)
    past = catalogue.past(merchant_id=merchant_id, skus=skus, since=at - LOOKED_BACK, before=instant)
    found = {sku: basis_of(stretches, at, days, stack) for sku, stretches in past.items()}
    return {sku: basis for sku, basis in found.items() if basis is not None}


def listed(*, merchant_id: int, wanted: FindingFilter) -> QuerySet[PriceFinding]:
    """The findings a filter means, the newest first. Runs no query."""
    rows: QuerySet[PriceFinding] = PriceFinding.objects.of(merchant_id)
    if wanted.kind:
        rows = rows.filter(kind=wanted.kind)
    if wanted.search:
        rows = rows.filter(sku__startswith=wanted.search)
    if wanted.is_blocked is not None:
        rows = rows.filter(is_blocked=wanted.is_blocked)
    if wanted.from_at is not None:
        rows = rows.filter(at__gte=wanted.from_at)
    if wanted.to_at is not None:
        rows = rows.filter(at__lt=wanted.to_at)
    return rows.order_by("-at", "-id")


def counts(
    *, start: dt.datetime, end: dt.datetime, first_id: int = 0, last_id: int = 2**63 - 1
) -> dict[int, dict[str, int]]:
    """Findings by merchant and kind of the instants `[start, end)`, for merchants of a range of ids: what a grade of
    that month shows. Merchants without any are left out. One query; works as platform, or for the merchant in scope."""
    rows = PriceFinding.objects.filter(
        Q(at__gte=start, at__lt=end), merchant_id__gte=first_id, merchant_id__lte=last_id
    )
    found: dict[int, dict[str, int]] = {}
    for merchant_id, kind, count in (
        rows.values_list("merchant_id", "kind").annotate(n=Count("id")).order_by()
    ):
        found.setdefault(merchant_id, {})[kind] = count
    return found
