"""Edits of the price table: cells as people write them, stretches of time, endings of prices (domain.md 7).

A cell is a SKU's list price, sale price, floor, fan price, or the price of one tier or paid plan. Amounts are in
minor units.
"""

from __future__ import annotations

import datetime as dt
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any, cast

from babel.numbers import get_currency_precision
from django.utils.translation import gettext as _

from benefits.lib.prices import parse_amount
from benefits.lib.quotes import HUNDRED, Cut, SkuPrices, Way
from members.lib.refusals import Invalid

LIST, SALE, FLOOR, FAN, TIER, PLAN = "list", "sale", "floor", "fan", "tier:", "plan:"
PLAIN = (LIST, SALE, FLOOR)  # amounts; the others are said as an amount, a percentage, or an amount off
PRODUCT, NAME, STOCK = "product", "name", "stock"
ITEMS = (PRODUCT, NAME, STOCK)  # what the catalogue says of a SKU, which has no time
LONGEST_NAME, LONGEST_SKU = 160, 64
MOST_STOCK = 2_000_000_000
MINUSES = str.maketrans("−–", "--")
# A bulk change's ending: of a unit of 100, the last two digits that a price has; rounded downwards.
ENDINGS: Mapping[str, int | None] = {"exact": None, "9": 90, "99": 99, "whole": 0}

Value = int | str | Cut | None


@dataclass(frozen=True, slots=True)
class Edit:
    """One cell that is to have another value; None takes the price away. A time of its own, `[from_at, to_at)`, is
    counted instead of that of the whole change."""

    sku: str
    column: str
    value: Value
    from_at: dt.datetime | None = None
    to_at: dt.datetime | None = None

    @property
    def has_period(self) -> bool:
        """Whether it has a time of its own."""
        return self.from_at is not None or self.to_at is not None


@dataclass(frozen=True, slots=True)
class Stretch:
    """The prices of one SKU in `[from_at, to_at)`; no end: open."""

    from_at: dt.datetime
    to_at: dt.datetime | None
    prices: SkuPrices


def tier_column(code: str) -> str:
    """The column of a tier."""
    return f"{TIER}{code}"


def plan_column(code: str) -> str:
    """The column of a paid plan."""
    return f"{PLAN}{code}"


def named(column: str) -> str:
    """The code of a tier's or plan's column; another column as it is."""
    return column.removeprefix(TIER).removeprefix(PLAN)


def value_of(prices: SkuPrices | None, column: str) -> Value:
    """What stands in a cell. A floor of 1 minor unit is none."""
    if prices is None:
        return None
    if column == LIST:
        return prices.list_minor
    if column == SALE:
        return prices.sale_minor
    if column == FLOOR:
        return prices.floor_minor if prices.floor_minor > 1 else None
    if column == FAN:
        return prices.fans
    if column.startswith(PLAN):
        return prices.plans.get(column.removeprefix(PLAN))
    return prices.members.get(column.removeprefix(TIER))


def column_text(column: str, value: Value, currency: str) -> str:
    """A value of any column, the catalogue's too, as it is written in a cell and in files."""
    return ("" if value is None else str(value)) if column in ITEMS else cell_text(value, currency)


def cell_text(value: Value, currency: str) -> str:
    """A price as it is written in a cell and in files: 72.00, 90%, -5.00; nothing for none."""
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, int):
        return _amount(Decimal(value), currency)
    if value.way == "percent":
        return f"{value.value.normalize():f}%"
    return f"{'-' if value.way == 'off' else ''}{_amount(value.value, currency)}"


def _amount(minor: Decimal, currency: str) -> str:
    digits = get_currency_precision(currency)
    return f"{minor.scaleb(-digits):.{digits}f}"


def parse_cell(column: str, text: str, currency: str) -> Value:
    """The value that a cell's text means: 72, ¥72.00, 90%, 9 折, -5.00. Raises ValueError with a sentence."""
    plain = unicodedata.normalize("NFKC", text).translate(MINUSES).strip()
    if not plain:
        return None
    if column in ITEMS:
        return _parse_item(column, text.strip(), plain)
    if column in PLAIN:
        return parse_amount(plain, currency)
    if plain.endswith(("%", "折")):
        try:
            share = Decimal(plain.rstrip("%折").strip()) * (10 if plain.endswith("折") else 1)
        except InvalidOperation:
            raise ValueError(_("“%(text)s” is not a number.") % {"text": text[:40]}) from None
        if not share.is_finite() or not 0 < share <= HUNDRED:
            raise ValueError(
                _("“%(text)s” is no share of a price: give more than 0 %% and at most 100 %%.")
                % {"text": text[:40]}
            )
        if share != share.quantize(Decimal("0.01")):
            raise ValueError(_("A share has at most two digits behind the point."))
        return Cut("percent", share.normalize())
    if plain.startswith("-"):
        return Cut("off", Decimal(parse_amount(plain[1:], currency)))
    return Cut("fixed", Decimal(parse_amount(plain, currency)))


def _parse_item(column: str, text: str, plain: str) -> Value:
    """A name as it stands, or a whole number of units. Raises ValueError with a sentence."""
    if column == STOCK:
        digits = plain.replace(",", "")
        if not (
            digits.isascii() and digits.isdecimal() and int(digits[:11]) <= MOST_STOCK and len(digits) < 12
        ):
            raise ValueError(
                _("“%(text)s” is no stock: write a whole number, 0 or more.") % {"text": text[:40]}
            )
        return int(digits)
    if len(text) > LONGEST_NAME:
        raise ValueError(_("A name has at most %(most)s characters.") % {"most": LONGEST_NAME})
    return text


def as_json(value: Value) -> Any:
    """A value as a row keeps it."""
    return {value.way: f"{value.value:f}"} if isinstance(value, Cut) else value


def from_json(said: Any) -> Value:
    """The same back."""
    if isinstance(said, dict):
        ((way, value),) = said.items()
        return Cut(cast(Way, way), Decimal(value))
    return cast("int | str | None", said)


def changed(sku: str, prices: SkuPrices | None, cells: Mapping[str, Value]) -> SkuPrices:
    """A SKU's prices with some cells changed. Raises Invalid for what cannot be, with a sentence."""
    list_minor = cells.get(LIST, value_of(prices, LIST))
    if not isinstance(list_minor, int):
        raise Invalid(_("A list price is needed."))
    before = prices or SkuPrices(sku, list_minor)
    members, plans = dict(before.members), dict(before.plans)
    for column, value in cells.items():
        if not column.startswith((TIER, PLAN)):
            continue
        prices_by = members if column.startswith(TIER) else plans
        if isinstance(value, Cut):
            prices_by[named(column)] = value
        else:
            prices_by.pop(named(column), None)
    found = replace(
        before,
        list_minor=list_minor,
        sale_minor=cast("int | None", cells.get(SALE, before.sale_minor)),
        floor_minor=cast(int, cells.get(FLOOR, before.floor_minor) or 1),
        members=members,
        fans=cast("Cut | None", cells.get(FAN, before.fans)),
        plans=plans,
    )
    for cut in (*found.members.values(), *found.plans.values(), found.fans):
        if cut is not None and cut.way == "fixed" and cut.value > found.list_minor:
            raise Invalid(_("The member price is above the list price."))
    return found


def edited(
    sku: str,
    timeline: Sequence[Stretch],
    cells: Mapping[str, Value],
    start: dt.datetime,
    end: dt.datetime | None,
) -> list[Stretch]:
    """A SKU's stretches with the cells changed in `[start, end)`. Raises Invalid.

    Where the SKU has no prices yet it gets them, also before those that are planned when the list price is among the
    cells; a gap between stretches stays one.
    """
    found = []
    if timeline and start < timeline[0].from_at and isinstance(cells.get(LIST), int):
        first = timeline[0].from_at
        found.append(Stretch(start, first if end is None else min(end, first), changed(sku, None, cells)))
    for each in timeline:
        if end is not None and each.from_at >= end:
            found.append(each)
            continue
        if each.to_at is not None and each.to_at <= start:
            found.append(each)
            continue
        if each.from_at < start:
            found.append(replace(each, to_at=start))
            each = replace(each, from_at=start)
        until = each.to_at if end is None or (each.to_at is not None and each.to_at <= end) else end
        found.append(Stretch(each.from_at, until, changed(sku, each.prices, cells)))
        if until != each.to_at:
            found.append(Stretch(cast(dt.datetime, until), each.to_at, each.prices))
    if not timeline:
        found.append(Stretch(start, end, changed(sku, None, cells)))
    return joined(found)


def clipped(timeline: Sequence[Stretch], start: dt.datetime) -> list[Stretch]:
    """What of the stretches lies at or after an instant."""
    return [
        replace(each, from_at=max(each.from_at, start))
        for each in timeline
        if each.to_at is None or each.to_at > start
    ]


def joined(timeline: Sequence[Stretch]) -> list[Stretch]:
    """The same with neighbours of equal prices made one."""
    found: list[Stretch] = []
    for each in timeline:
        last = found[-1] if found else None
        if last is not None and last.to_at == each.from_at and last.prices == each.prices:
            found[-1] = replace(last, to_at=each.to_at)
        else:
            found.append(each)
    return found


def bulk(
    prices: Sequence[SkuPrices], columns: Sequence[str], share: Decimal, ending: str, currency: str
) -> tuple[list[Edit], list[tuple[str, str]]]:
    """So much per cent of each list price in some columns, with an ending, as edits; and (SKU, reason) of those left.

    An exact share of a tier or fan price follows the list price; an amount is one price. Raises Invalid.
    """
    if ending not in ENDINGS:
        raise Invalid.on("ending", _("Choose how prices end."))
    edits, left = [], []
    for each in prices:
        exact = Cut("percent", share)
        amount = ended(exact.of(each.list_minor), ending, currency)
        if amount < 1:
            left.append((each.sku, _("Nothing would be left of its price with this ending.")))
            continue
        for column in columns:
            follows = ending == "exact" and column != SALE
            value: Value = exact if follows else amount if column == SALE else Cut("fixed", Decimal(amount))
            edits.append(Edit(each.sku, column, value))
    return edits, left


def ended(price_minor: int, ending: str, currency: str) -> int:
    """The highest price of an ending that is not above another: 85.00 with ".9" is 84.90. 0: there is none."""
    digits = ENDINGS[ending]
    if digits is None:
        return price_minor
    unit = 10 ** get_currency_precision(currency)
    wanted = digits * unit // 100
    return max(0, price_minor - (price_minor - wanted) % unit)
