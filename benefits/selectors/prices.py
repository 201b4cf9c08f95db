"""Reading member prices: the present list of a benefit, and what a new list would change."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Q, QuerySet

from benefits.lib.prices import PriceRow
from benefits.models import CatalogueSku, MemberPrice, PriceUpload


def present(*, merchant_id: int, benefit_id: int) -> QuerySet[MemberPrice]:
    """The prices of a benefit's list now, with their items, by SKU and tier."""
    rows: QuerySet[MemberPrice] = MemberPrice.objects.of(merchant_id)
    return (
        rows.filter(benefit_id=benefit_id, to_at=None)
        .select_related("item")
        .order_by("item__sku", "tier_code", "id")
    )


def at_instant(*, merchant_id: int, benefit_id: int, at: dt.datetime) -> QuerySet[MemberPrice]:
    """The prices that stood in a benefit's list at an instant."""
    rows: QuerySet[MemberPrice] = MemberPrice.objects.of(merchant_id)
    return (
        rows.filter(Q(to_at=None) | Q(to_at__gt=at), benefit_id=benefit_id, from_at__lte=at)
        .select_related("item")
        .order_by("item__sku", "tier_code", "id")
    )


@dataclass(frozen=True, slots=True)
class Difference:
    """One line of a comparison: `new`, `gone`, `changed` or `same`."""

    what: str
    sku: str
    name: str
    tier_code: str
    list_minor: int
    before_minor: int | None
    after_minor: int | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a list would change: the differences, new and changed first, and the counts by what."""

    lines: list[Difference]
    counts: dict[str, int]


def compare(*, merchant_id: int, benefit_id: int | None, rows: Iterable[PriceRow]) -> Comparison:
    """A new list against a benefit's present one (None: there is none yet)."""
    old: dict[tuple[str, str], MemberPrice] = {}
    if benefit_id is not None:
        old = {
            (row.sku, row.tier_code): row for row in present(merchant_id=merchant_id, benefit_id=benefit_id)
        }
    lines = [_difference(row, old.pop(row.key, None)) for row in rows]
    lines += [
        Difference("gone", row.sku, row.item_name, row.tier_code, row.list_minor, row.price_minor, None)
        for row in old.values()
    ]
    counts = dict.fromkeys(("new", "changed", "gone", "same"), 0)
    for line in lines:
        counts[line.what] += 1
    order = {what: place for place, what in enumerate(counts)}
    lines.sort(key=lambda line: order[line.what])
    return Comparison(lines, counts)


def _difference(row: PriceRow, old: MemberPrice | None) -> Difference:
    if old is None:
        what = "new"
    elif (old.price_minor, old.list_minor) == (row.price_minor, row.list_minor):
        what = "same"
    else:
        what = "changed"
    before = old.price_minor if old else None
    return Difference(what, row.sku, row.name, row.tier_code, row.list_minor, before, row.price_minor)


def has_catalogue(*, merchant_id: int) -> bool:
    """Whether any SKU is known."""
    return CatalogueSku.objects.of(merchant_id).exists()


def upload_of(*, merchant_id: int, public_id: str) -> PriceUpload | None:
    """A list that was read, with the benefit it is for."""
    found = PriceUpload.objects.of(merchant_id).filter(public_id=public_id).select_related("benefit")
    return found.first()
