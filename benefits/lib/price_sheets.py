"""Files of the price table and of the catalogue: a line a SKU, a column a kind of price; what is read becomes edits.

A cell that is empty takes a price away, a column that is missing changes nothing. A sale with `from` or `to` takes the
place of every sale of its SKU from now on; a day in `to` is the last one, included.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from benefits.lib.price_edits import (
    FAN,
    FLOOR,
    ITEMS,
    LIST,
    NAME,
    PLAN,
    PRODUCT,
    SALE,
    STOCK,
    Edit,
    cell_text,
    column_text,
    parse_cell,
    plan_column,
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
    PRODUCT: ("product", "product name", "product_name", "商品", "商品名称", "商品名稱"),
    NAME: ("name", "sku name", "sku_name", "名称", "名稱", "规格", "規格", "规格名称", "規格名稱"),
    STOCK: ("stock", "库存", "庫存"),
    "from": ("from", "sale from", "sale_from", "活动开始", "活動開始", "开始", "開始"),
    "to": ("to", "sale to", "sale_to", "活动结束", "活動結束", "结束", "結束"),
}
TIMES = ("from", "to")
CATALOGUE = ("product", "name", "sku", "list_price", "sale_price", "from", "to", "stock", "floor")
FORMULA = tuple("=+-@")
WRITTEN = {"sku": "sku", LIST: "list_price", SALE: "sale_price", FLOOR: "floor", FAN: "fan_price"}


@dataclass(slots=True)
class Sheet:
    """What a file gave: edits in its order, and (line, reason) of what was left out."""

    edits: list[Edit] = field(default_factory=list)
    rejects: list[tuple[str, str]] = field(default_factory=list)


def head(tiers: Sequence[str], plans: Sequence[str] = ()) -> list[str]:
    """The first line of a file: the tiers by their codes, the plans as plan:CODE."""
    return [*WRITTEN.values(), *tiers, *map(plan_column, plans)]


def line(prices: SkuPrices, tiers: Sequence[str], currency: str, plans: Sequence[str] = ()) -> list[str]:
    """The prices of a SKU as a line under `head`."""
    columns = [LIST, SALE, FLOOR, FAN, *map(tier_column, tiers), *map(plan_column, plans)]
    return [prices.sku, *(cell_text(value_of(prices, column), currency) for column in columns)]


def catalogue_line(
    prices: SkuPrices | None,
    item: Mapping[str, Any],
    sku: str,
    sale: tuple[int | None, dt.datetime | None, dt.datetime | None],
    *,
    zone: dt.tzinfo,
    currency: str,
) -> list[str]:
    """A SKU of the catalogue as a line under `CATALOGUE`: its prices now, and the sale that runs or comes."""
    sale_minor, start, end = sale
    return [
        column_text(PRODUCT, item[PRODUCT], currency),
        column_text(NAME, item[NAME], currency),
        sku,
        cell_text(value_of(prices, LIST), currency),
        cell_text(sale_minor, currency),
        moment(start, zone),
        moment(end, zone, last=True),
        column_text(STOCK, item[STOCK], currency),
        cell_text(value_of(prices, FLOOR), currency),
    ]


def moment(at: dt.datetime | None, zone: dt.tzinfo, *, last: bool = False) -> str:
    """An instant as a cell has it: a day where it is one's beginning, `last` the last day of a time."""
    if at is None:
        return ""
    local = at.astimezone(zone)
    if local.time() == dt.time():
        return (local.date() - dt.timedelta(days=1 if last else 0)).isoformat()
    return local.strftime("%Y-%m-%d %H:%M:%S") if local.second else local.strftime("%Y-%m-%d %H:%M")


def parse_moment(text: str, zone: dt.tzinfo, *, last: bool = False) -> dt.datetime | None:
    """The same back; None for nothing. Raises ValueError with a sentence."""
    plain = re.sub(r"[/.]", "-", unicodedata.normalize("NFKC", text).replace("T", " ").strip())
    if not plain:
        return None
    found = re.fullmatch(r"(\d{4})-(\d{1,2})-(\d{1,2})(?: +(\d{1,2}):(\d{2})(?::(\d{2}))?)?", plain)
    try:
        if found is None or not 2000 <= int(found.group(1)) < 2100:
            raise ValueError
        year, month, day, hour, minute, second = (int(part or 0) for part in found.groups())
        at = dt.datetime(year, month, day, hour, minute, second, tzinfo=zone)
    except ValueError:
        raise ValueError(
            _("“%(text)s” is no day: write it like 2026-06-30, or 2026-06-30 14:05.") % {"text": text[:40]}
        ) from None
    return at + dt.timedelta(days=1) if last and found.group(4) is None else at


def read(
    lines: Iterable[tuple[int, list[str]]],
    *,
    tiers: Mapping[str, str],
    currency: str,
    zone: dt.tzinfo = dt.UTC,
    plans: Sequence[str] = (),
) -> Sheet:
    """The edits of a table's lines. tiers: name or code of a tier (casefolded) -> its code; plans: codes of plans,
    whose columns are headed plan:CODE. Days are those of `zone`. Raises Invalid for a table that is empty, too long, or
    without SKUs or prices."""
    source = iter(lines)
    first = next(source, None)
    if first is None:
        raise unreadable(_("The file is empty."))
    places = _places(first[1], tiers, plans)
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
            edits = _edits(
                sku, {name: cells[at] for name, at in places.items() if at < len(cells)}, currency, zone
            )
        except ValueError as error:
            found.rejects.append((where, str(error)))
            continue
        seen[sku] = number
        found.edits += edits
    return found


def _edits(sku: str, cells: Mapping[str, str], currency: str, zone: dt.tzinfo) -> list[Edit]:
    """The edits of a line. Raises ValueError with a sentence."""
    start = parse_moment(cells.get("from", ""), zone)
    end = parse_moment(cells.get("to", ""), zone, last=True)
    if start is not None and end is not None and end <= start:
        raise ValueError(_("The sale ends before it begins."))
    edits = []
    for column, text in cells.items():
        if column == "sku" or column in TIMES:
            continue
        value = parse_cell(column, _sku(text) if column in ITEMS else text, currency)
        is_dated = column == SALE and value is not None
        edits.append(Edit(sku, column, value, *((start, end) if is_dated else ())))
    if (start or end) and not any(each.has_period for each in edits):
        raise ValueError(_("The line has days of a sale and no sale price."))
    return edits


def _sku(text: str) -> str:
    """A SKU without the mark that keeps spreadsheets from taking it for a formula."""
    return text[1:] if text[:1] == "'" and text[1:2] in FORMULA else text


def _places(header: Sequence[str], tiers: Mapping[str, str], plans: Sequence[str]) -> dict[str, int]:
    """Where each known column stands. Raises Invalid."""
    places: dict[str, int] = {}
    for place, cell in enumerate(header):
        name = unicodedata.normalize("NFKC", cell).strip().casefold()
        column = next((column for column, names in NAMES.items() if name in names), None)
        if column is None and name in tiers:
            column = tier_column(tiers[name])
        if column is None and name.startswith(PLAN) and name.removeprefix(PLAN).strip() in plans:
            column = plan_column(name.removeprefix(PLAN).strip())
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
