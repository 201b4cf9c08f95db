"""Files of the price table: a line a SKU, a column a kind of price; what is read becomes edits.

A cell that is empty takes a price away, a column that is missing changes nothing.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from benefits.lib.price_edits import (
    FAN,
    FLOOR,
    LIST,
    SALE,
    Edit,
    cell_text,
    parse_cell,
    tier_column,
    value_of,
)
from benefits.lib.prices import COLUMNS, MOST_ROWS, unreadable
from benefits.lib.quotes import SkuPrices

NAMES: Mapping[str, tuple[str, ...]] = {
    "sku": COLUMNS["sku"],
    LIST: COLUMNS["list"],
    SALE: ("sale", "sale price", "sale_price", "活动价", "活動價", "促销价", "促銷價", "特价", "特價"),
    FLOOR: ("floor", "floor price", "floor_price", "底价", "底價", "最低价", "最低價"),
    FAN: ("fan", "fan price", "fan_price", "粉丝价", "粉絲價", "关注价", "關注價"),
}
FORMULA = tuple("=+-@")
WRITTEN = {"sku": "sku", LIST: "list_price", SALE: "sale_price", FLOOR: "floor", FAN: "fan_price"}


@dataclass(slots=True)
class Sheet:
    """What a file gave: edits in its order, and (line, reason) of what was left out."""

    edits: list[Edit] = field(default_factory=list)
    rejects: list[tuple[str, str]] = field(default_factory=list)


def head(tiers: Sequence[str]) -> list[str]:
    """The first line of a file: the tiers by their codes."""
    return [*WRITTEN.values(), *tiers]


def line(prices: SkuPrices, tiers: Sequence[str], currency: str) -> list[str]:
    """The prices of a SKU as a line under `head`."""
    columns = [LIST, SALE, FLOOR, FAN, *(tier_column(code) for code in tiers)]
    return [prices.sku, *(cell_text(value_of(prices, column), currency) for column in columns)]


def read(lines: Iterable[tuple[int, list[str]]], *, tiers: Mapping[str, str], currency: str) -> Sheet:
    """The edits of a table's lines. tiers: name or code of a tier (casefolded) -> its code. Raises Invalid for a table
    that is empty, too long, or without SKUs or prices."""
    source = iter(lines)
    first = next(source, None)
    if first is None:
        raise unreadable(_("The file is empty."))
    places = _places(first[1], tiers)
    found, seen = Sheet(), dict[str, int]()
    for count, (number, cells) in enumerate(source, start=1):
        if count > MOST_ROWS:
            raise unreadable(_("The file has more than %(most)d rows. Split it.") % {"most": MOST_ROWS})
        if not any(cells):
            continue
        where = _("Line %(line)s") % {"line": number}
        sku = _sku(cells[places["sku"]]) if places["sku"] < len(cells) else ""
        try:
            if not 1 <= len(sku) <= 64:
                raise ValueError(_("The SKU is missing or longer than 64 characters."))
            if sku in seen:
                raise ValueError(_("The SKU stands in line %(line)s already.") % {"line": seen[sku]})
            edits = [
                Edit(sku, column, parse_cell(column, cells[place], currency))
                for column, place in places.items()
                if column != "sku" and place < len(cells)
            ]
        except ValueError as error:
            found.rejects.append((where, str(error)))
            continue
        seen[sku] = number
        found.edits += edits
    return found


def _sku(text: str) -> str:
    """A SKU without the mark that keeps spreadsheets from taking it for a formula."""
    return text[1:] if text[:1] == "'" and text[1:2] in FORMULA else text


def _places(header: Sequence[str], tiers: Mapping[str, str]) -> dict[str, int]:
    """Where each known column stands. Raises Invalid."""
    places: dict[str, int] = {}
    for place, cell in enumerate(header):
        name = unicodedata.normalize("NFKC", cell).strip().casefold()
        column = next((column for column, names in NAMES.items() if name in names), None)
        if column is None and name in tiers:
            column = tier_column(tiers[name])
        if column is not None:
            places.setdefault(column, place)
    if "sku" not in places or len(places) < 2:
        raise unreadable(
            _(
                "The file needs the column sku and at least one of prices, such as list_price. It has: %(found)s."
            )
            % {"found": ", ".join(header)[:200] or "--"}
        )
    return places
