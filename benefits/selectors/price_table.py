"""The price table: SKUs with their prices at an instant, their stretches, and what a change would do (domain.md 7)."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from benefits.lib.price_edits import (
    LIST,
    LONGEST_SKU,
    PLAIN,
    SALE,
    Cut,
    Edit,
    Stretch,
    Value,
    from_json,
)
from benefits.lib.price_plans import Row, by_sku, differing, edit_of, planned, row_of, value_before
from benefits.models import PriceChange, SkuPrice
from benefits.selectors import catalogue
from benefits.selectors.quotes import prices_of
from members.lib.refusals import Invalid


def at_instant(*, merchant_id: int, at: dt.datetime, begins: str = "") -> QuerySet[SkuPrice]:
    """The rows in force at an instant, of SKUs that begin so, by SKU. Runs no query."""
    rows: QuerySet[SkuPrice] = SkuPrice.objects.of(merchant_id)
    rows = rows.filter(Q(to_at=None) | Q(to_at__gt=at), from_at__lte=at)
    if begins:
        rows = rows.filter(sku__startswith=begins)
    return rows.order_by("sku")


def history(*, merchant_id: int, sku: str) -> list[SkuPrice]:
    """Every stretch of a SKU, the latest first; those that were replaced where they began are left out. One query."""
    rows = SkuPrice.objects.of(merchant_id).filter(sku=sku).order_by("-from_at", "-pk")[:500]
    return [row for row in rows if row.to_at is None or row.to_at > row.from_at]


def timelines(
    *, merchant_id: int, skus: Collection[str], start: dt.datetime, is_locked: bool = False
) -> dict[str, list[Stretch]]:
    """The stretches of SKUs from an instant on, in order; none for SKUs without a price from then on. One query."""
    rows = SkuPrice.objects.of(merchant_id).filter(Q(to_at=None) | Q(to_at__gt=start), sku__in=skus)
    if is_locked:
        rows = rows.select_for_update()
    found: dict[str, list[Stretch]] = defaultdict(list)
    for row in rows.order_by("sku", "from_at"):
        if row.to_at is None or row.to_at > row.from_at:
            found[row.sku].append(Stretch(max(row.from_at, start), row.to_at, prices_of(row)))
    return found


def changes(*, merchant_id: int) -> QuerySet[PriceChange]:
    """The changes of prices, newest first, without what they hold. Runs no query."""
    rows: QuerySet[PriceChange] = PriceChange.objects.of(merchant_id)
    return rows.defer("rows", "rejects", "before", "after", "left", "findings").order_by("-created_at", "-pk")


def change_of(*, merchant_id: int, public_id: str) -> PriceChange | None:
    """One change by the id shown outside. One query."""
    return PriceChange.objects.of(merchant_id).filter(public_id=public_id).first()


@dataclass(frozen=True, slots=True)
class Difference:
    """One cell of a change: `new`, `changed` or `gone`; what one unit costs then, where a tier or fan price can say."""

    what: str
    sku: str
    column: str
    before: Value
    after: Value
    pays_before: int | None
    pays_after: int | None
    is_dearer: bool
    from_at: dt.datetime | None = None
    to_at: dt.datetime | None = None


def differences(change: PriceChange, lists: dict[str, int]) -> list[Difference]:
    """The cells of a change in its order. `lists`: list prices by SKU, from which shares are taken. Runs no query."""
    lists = lists | {row[0]: row[3] for row in change.rows if row[1] == LIST and row[3]}
    return [_difference(row, lists.get(row[0])) for row in change.rows]


def _difference(row: list[Any], list_minor: int | None) -> Difference:
    edit = edit_of(row)
    sku, column, before, after = edit.sku, edit.column, from_json(row[2]), edit.value
    pays = [_pays(value, column, list_minor) for value in (before, after)]
    return Difference(
        what="new" if before is None else "gone" if after is None else "changed",
        sku=sku,
        column=column,
        before=before,
        after=after,
        pays_before=pays[0],
        pays_after=pays[1],
        is_dearer=pays[0] is not None and (pays[1] is None or pays[1] > pays[0]) and column not in PLAIN[2:],
        from_at=edit.from_at,
        to_at=edit.to_at,
    )


def _pays(value: Value, column: str, list_minor: int | None) -> int | None:
    if isinstance(value, Cut):
        return value.of(list_minor) if list_minor is not None else None
    if column == SALE and isinstance(value, int) and list_minor is not None:
        return min(value, list_minor)  # one above it is no sale
    return value if column in (LIST, SALE) and isinstance(value, int) else None


def lists_at(*, merchant_id: int, skus: Collection[str], at: dt.datetime) -> dict[str, int]:
    """The list prices of SKUs at an instant. One query."""
    rows = at_instant(merchant_id=merchant_id, at=at).filter(sku__in=skus)
    return dict(rows.values_list("sku", "list_minor"))


@dataclass(slots=True)
class Plan:
    """What edits do: the rows of those that differ, (SKU, reason) of those that cannot be, the stretches afterwards of
    the SKUs that change."""

    rows: list[Row] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    after: dict[str, list[Stretch]] = field(default_factory=dict)


def plan(*, merchant_id: int, edits: Sequence[Edit], start: dt.datetime, to_at: dt.datetime | None) -> Plan:
    """What edits do from `start` on, or in `[start, to_at)`. Two queries."""
    cells, found = by_sku(edits), Plan()
    known = timelines(merchant_id=merchant_id, skus=cells, start=start)
    items = catalogue.items(merchant_id=merchant_id, skus=cells)
    for sku, wanted in cells.items():
        timeline, item = known.get(sku, []), items.get(sku)
        try:
            _check_name(sku)
            some = differing(sku, timeline, item, wanted, start, to_at)
            if some:
                found.after[sku] = planned(sku, timeline, some, start, to_at)
        except Invalid as refusal:
            found.refused.append((sku, str(refusal.detail)))
            continue
        found.rows += [row_of(each, value_before(each, timeline, item, start)) for each in some]
    return found


def _check_name(sku: str) -> None:
    """Raises Invalid."""
    if not 1 <= len(sku) <= LONGEST_SKU:
        raise Invalid(_("A SKU has 1 to %(most)s characters.") % {"most": LONGEST_SKU})
