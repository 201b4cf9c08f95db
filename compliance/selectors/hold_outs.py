"""Programs held out of runs."""

from __future__ import annotations

from compliance.models import HoldOut


def of_period(period: str, most: int) -> list[HoldOut]:
    """The first programs held out of the run of a period, by merchant."""
    rows = HoldOut.objects.filter(period=period, lifted_at=None).select_related("merchant")
    return list(rows.order_by("merchant_id")[:most])


def reasons_of(merchant_id: int) -> dict[str, str]:
    """Why a merchant's program was held out, by the period of the run. One query."""
    rows = HoldOut.objects.of(merchant_id).filter(lifted_at=None)
    return dict(rows.values_list("period", "reason"))


def standing(*, merchant_id: int, period: str) -> HoldOut | None:
    """The hold-out of a program from the run of a period. One query."""
    return HoldOut.objects.of(merchant_id).filter(period=period, lifted_at=None).first()
