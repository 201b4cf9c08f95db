"""Reading pools of codes: how many are left, what was uploaded, which code an entitlement has."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, Q

from benefits.lib.pools import is_low, is_pooled
from benefits.models import Benefit, BenefitStatus, CodeState, CodeUpload, Entitlement, PoolCode
from benefits.models import EntitlementState as State

SHOWN = 20


@dataclass(frozen=True, slots=True)
class Pool:
    """How many codes a benefit's pool has, by what became of them."""

    free: int
    given: int
    withdrawn: int

    @property
    def is_low(self) -> bool:
        """Whether it should be filled."""
        return is_low(self.free, self.free + self.given)


def pool_of(benefit: Benefit) -> Pool:
    """A benefit's pool. One query."""
    rows = PoolCode.objects.of(benefit.merchant_id).filter(benefit_id=benefit.pk)
    counts = {str(state): Count("pk", filter=Q(state=state)) for state in CodeState}
    return Pool(**rows.aggregate(**counts))


def low_among(benefits: Iterable[Benefit]) -> set[int]:
    """The benefits of one merchant in use whose pools should be filled, by their ids. One query, none without pools."""
    pooled = [
        each for each in benefits if is_pooled(each.settings) and each.status == BenefitStatus.PUBLISHED
    ]
    if not pooled:
        return set()
    rows = PoolCode.objects.of(pooled[0].merchant_id).filter(benefit_id__in=[each.pk for each in pooled])
    given = dict(
        rows.filter(state=CodeState.GIVEN).values_list("benefit_id").annotate(Count("pk")).order_by()
    )
    return {each.pk for each in pooled if is_low(each.stock or 0, (each.stock or 0) + given.get(each.pk, 0))}


def uploads_of(benefit: Benefit) -> list[CodeUpload]:
    """What was put into a benefit's pool, the newest first. One query."""
    rows = CodeUpload.objects.of(benefit.merchant_id).filter(
        benefit_id=benefit.pk, confirmed_at__isnull=False
    )
    return list(rows.defer("codes", "rejects").order_by("-confirmed_at", "-id")[:SHOWN])


@dataclass(frozen=True, slots=True)
class Card:
    """A benefit's pool, as its page tells it."""

    counts: Pool
    uploads: list[CodeUpload]


def card_of(benefit: Benefit) -> Card | None:
    """None for a benefit without a pool. Two queries."""
    return Card(pool_of(benefit), uploads_of(benefit)) if is_pooled(benefit.settings) else None


def upload_of(*, merchant_id: int, public_id: str) -> CodeUpload | None:
    """An upload with its benefit. One query."""
    rows = CodeUpload.objects.of(merchant_id).select_related("benefit")
    return rows.filter(public_id=public_id).first()


def codes_of(entitlements: Iterable[Entitlement]) -> dict[int, str]:
    """The partner's codes that entitlements of one merchant hold, by their ids; of one that was taken back none. One
    query, none where there is no entitlement."""
    held = [each for each in entitlements if each.state != State.REVOKED]
    if not held:
        return {}
    rows = PoolCode.objects.of(held[0].merchant_id).filter(entitlement_id__in=[each.pk for each in held])
    return {row.entitlement_id: str(row.code) for row in rows if row.entitlement_id is not None}
