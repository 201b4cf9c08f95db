"""What a change of prices does to one SKU: which of its cells differ, and its stretches afterwards (domain.md 7).

A row of a change is [SKU, column, value before, value after], and [.., from, to] where only a time of its own is meant:
a sale with its dates. Such a sale takes the place of every sale from then on. Cells of the catalogue (product, name,
stock) have no time: they are as they are now.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from benefits.lib.price_edits import (
    FAN,
    FLOOR,
    ITEMS,
    LIST,
    SALE,
    Edit,
    Stretch,
    Value,
    as_json,
    changed,
    edited,
    from_json,
    joined,
    plan_column,
    tier_column,
    value_of,
)
from benefits.lib.quotes import SkuPrices
from members.lib.refusals import Invalid

Item = Mapping[str, Value]
Row = list[Any]


def by_sku(edits: Sequence[Edit]) -> dict[str, list[Edit]]:
    """Edits by SKU; of two of one cell the last counts."""
    found: dict[str, dict[str, Edit]] = {}
    for each in edits:
        found.setdefault(each.sku, {})[each.column] = each
    return {sku: list(cells.values()) for sku, cells in found.items()}


def row_of(edit: Edit, before: Value) -> Row:
    """An edit as a change keeps it."""
    row: Row = [edit.sku, edit.column, as_json(before), as_json(edit.value)]
    if edit.has_period:
        row += [each and each.astimezone(dt.UTC).isoformat() for each in (edit.from_at, edit.to_at)]
    return row


def edit_of(row: Sequence[Any]) -> Edit:
    """The same back."""
    times = [each and dt.datetime.fromisoformat(each) for each in row[4:6]] or [None, None]
    return Edit(row[0], row[1], from_json(row[3]), *times)


def in_force(timeline: Sequence[Stretch], at: dt.datetime) -> SkuPrices | None:
    """The prices of a SKU at an instant, of its stretches."""
    for each in timeline:
        if each.from_at <= at and (each.to_at is None or each.to_at > at):
            return each.prices
    return None


def begins(edit: Edit, start: dt.datetime) -> dt.datetime:
    """When an edit counts from, in a change that begins at `start`."""
    return max(edit.from_at or start, start)


def value_before(edit: Edit, timeline: Sequence[Stretch], item: Item | None, start: dt.datetime) -> Value:
    """What stands in an edit's cell when it begins."""
    if edit.column in ITEMS:
        return (item or {}).get(edit.column)
    return value_of(in_force(timeline, begins(edit, start)), edit.column)


def _as_kept(edit: Edit) -> Value:
    """An edit's value as the cell has it afterwards: a floor of 1 minor unit is none."""
    return None if edit.column == FLOOR and edit.value == 1 else edit.value


def differing(
    sku: str,
    timeline: Sequence[Stretch],
    item: Item | None,
    edits: Sequence[Edit],
    start: dt.datetime,
    end: dt.datetime | None,
) -> list[Edit]:
    """The edits of a SKU that change something. Raises Invalid for what cannot be, with a sentence."""
    found = []
    for each in edits:
        is_new = value_before(each, timeline, item, start) != _as_kept(each)
        is_planned = each.column not in ITEMS and in_force(timeline, start) is None
        if timeline and (each.has_period or (is_new and is_planned)):
            is_new = planned(sku, timeline, [each], start, end) != joined(timeline)
        if is_new:
            found.append(each)
    if item is None and not timeline and not any(each.column == LIST for each in found):
        raise Invalid(_("A list price is needed."))
    planned(sku, timeline, found, start, end)
    return found


def planned(
    sku: str,
    timeline: Sequence[Stretch],
    edits: Sequence[Edit],
    start: dt.datetime,
    end: dt.datetime | None,
) -> list[Stretch]:
    """A SKU's stretches from `start` on once the edits are made in `[start, end)`, or in their own time. Raises
    Invalid."""
    prices = [each for each in edits if each.column not in ITEMS]
    if not prices:
        return list(timeline)
    plain = {each.column: each.value for each in prices if not each.has_period}
    now = in_force(timeline, start)
    if plain and now is not None:
        changed(sku, now, plain)  # told by what is in force first
    found = edited(sku, timeline, plain, start, end) if plain or not timeline else list(timeline)
    for each in prices:
        if not each.has_period:
            continue
        if each.from_at is not None and each.to_at is not None and each.to_at <= each.from_at:
            raise Invalid.on(SALE, _("The sale ends before it begins."))
        found = edited(sku, found, {each.column: None}, start, end)
        until = end if each.to_at is None else each.to_at if end is None else min(each.to_at, end)
        if until is None or until > begins(each, start):
            found = edited(sku, found, {each.column: each.value}, begins(each, start), until)
    return found


def cells_between(before: SkuPrices | None, after: SkuPrices | None) -> list[list[Any]]:
    """[column, before, after] of every price that differs."""
    tiers = {code for prices in (before, after) if prices for code in prices.members}
    plans = {code for prices in (before, after) if prices for code in prices.plans}
    columns = [LIST, SALE, FLOOR, FAN, *map(tier_column, sorted(tiers)), *map(plan_column, sorted(plans))]
    pairs = [(column, value_of(before, column), value_of(after, column)) for column in columns]
    return [[column, as_json(old), as_json(new)] for column, old, new in pairs if old != new]
