"""Member price lists: reading a file of them, and what a list amounts to (domain.md 7, "Bad input").

A row is a SKU, its name, its list price and a member price, for one tier or for all members. A bad row is
reported with its line and the reason and the rest goes on; only a file that cannot be read at all is refused whole.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from babel.numbers import get_currency_precision
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from members.lib.refusals import Invalid

MOST_BYTES = 5_000_000
MOST_ROWS = 20_000
MOST_MINOR = 10**12
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "sku": ("sku", "sku_id", "sku id", "商品编码", "商品編碼", "货号", "貨號", "商家编码", "商家編碼"),
    "name": ("name", "product", "product name", "名称", "名稱", "商品名称", "商品名稱", "商品"),
    "list": (
        "list",
        "list price",
        "list_price",
        "划线价",
        "劃線價",
        "原价",
        "原價",
        "吊牌价",
        "吊牌價",
        "定价",
        "定價",
    ),
    "price": ("member price", "member_price", "price", "会员价", "會員價", "会员价格", "會員價格"),
    "tier": ("tier", "level", "等级", "等級", "会员等级", "會員等級"),
}
NEEDED = ("sku", "list", "price")


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceRow:
    """One member price, in minor units. tier_code "" is for members of every tier."""

    sku: str
    name: str = ""
    list_minor: int
    price_minor: int
    tier_code: str = ""

    @property
    def key(self) -> tuple[str, str]:
        return (self.sku, self.tier_code)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Reject:
    """A line that was left out, why, and how it stood."""

    line: int
    reason: str
    text: str

    def as_json(self) -> list[Any]:
        return [self.line, self.reason, self.text]


@dataclass(slots=True)
class PriceList:
    """What a file gave: good rows in its order, and rejects."""

    rows: list[PriceRow] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)


def list_facts(rows: Sequence[PriceRow]) -> dict[str, Any]:
    """What a benefit's settings say about its list: how long, how many prices are really lower, and which list."""
    content = sorted((row.sku, row.tier_code, row.list_minor, row.price_minor) for row in rows)
    digest = hashlib.sha256(json.dumps(content, separators=(",", ":")).encode()).hexdigest()[:16]
    return {
        "rows": len(rows),
        "lower": sum(1 for row in rows if row.price_minor < row.list_minor),
        "digest": digest,
    }


def check_size(content: bytes) -> None:
    """Raises Invalid for a file that is too large."""
    if len(content) > MOST_BYTES:
        raise unreadable(_("The file is larger than %(size)d MB. Split it.") % {"size": MOST_BYTES // 10**6})


def read_lines(
    lines: Iterable[tuple[int, list[str]]], *, currency: str, tiers: Mapping[str, str] | None = None
) -> PriceList:
    """The prices of a table's lines, each with its number. tiers: name or code of a tier (casefolded) -> its code.

    Raises Invalid for a table that is empty, too long, or without a needed column.
    """
    lines = iter(lines)
    header = next(lines, None)
    if header is None:
        raise unreadable(_("The file is empty."))
    places = _places(header[1])
    reader = _Reader(places, len(header[1]), currency, tiers or {})
    for number, cells in lines:
        if len(reader.found.rows) + len(reader.found.rejects) >= MOST_ROWS:
            raise unreadable(_("The file has more than %(most)d rows. Split it.") % {"most": MOST_ROWS})
        reader.take(number, cells)
    return reader.found


def parse_amount(text: str, currency: str) -> int:
    """Money as people write it (¥1,234.50, full-width digits, 元) in minor units. Raises ValueError with a sentence."""
    plain = unicodedata.normalize("NFKC", text).strip().strip("¥￥$€元圆圓").replace(",", "").replace(" ", "")
    digits = get_currency_precision(currency)
    try:
        amount = Decimal(plain)
    except InvalidOperation:
        raise ValueError(_("“%(text)s” is not an amount.") % {"text": text[:40]}) from None
    if not amount.is_finite() or not all(c.isdigit() or c in ".-+" for c in plain):
        raise ValueError(_("“%(text)s” is not an amount.") % {"text": text[:40]})
    minor = amount.scaleb(digits)
    if minor != minor.to_integral_value():
        raise ValueError(
            _("“%(text)s” has more than %(digits)d digits behind the point.")
            % {"text": text[:40], "digits": digits}
        )
    if not 1 <= minor <= MOST_MINOR:
        raise ValueError(_("“%(text)s” is not a price: it must be above zero.") % {"text": text[:40]})
    return int(minor)


class _Reader:
    """Takes the lines of a file one by one and keeps what is good of them."""

    def __init__(
        self, places: Mapping[str, int], width: int, currency: str, tiers: Mapping[str, str]
    ) -> None:
        self.places = places
        self.width = width
        self.currency = currency
        self.tiers = tiers
        self.found = PriceList()
        self._prices: dict[tuple[str, str], tuple[int, PriceRow]] = {}
        self._lists: dict[str, tuple[int, int]] = {}

    def take(self, number: int, cells: list[str]) -> None:
        """One line of the file, from 1, the header included."""
        if not any(cells):
            return
        try:
            row = self._row(cells)
            self._check_repeats(number, row)
        except ValueError as error:
            self.found.rejects.append(Reject(number, str(error), ", ".join(cells)[:300]))

    def _cell(self, cells: list[str], name: str) -> str:
        place = self.places.get(name)
        return cells[place] if place is not None and place < len(cells) else ""

    def _row(self, cells: list[str]) -> PriceRow:
        if max(self.places[name] for name in NEEDED) >= len(cells):
            raise ValueError(
                _("The line ends after %(found)d of %(width)d columns: it seems to be cut off.")
                % {"found": len(cells), "width": self.width}
            )
        sku = self._cell(cells, "sku")
        if not sku or len(sku) > 64:
            raise ValueError(_("The SKU is missing or longer than 64 characters."))
        list_minor = self._amount(cells, "list", _("List price"))
        price_minor = self._amount(cells, "price", _("Member price"))
        if price_minor > list_minor:
            raise ValueError(_("The member price is above the list price."))
        tier = self._cell(cells, "tier")
        code = self.tiers.get(tier.casefold()) if tier else ""
        if code is None:
            raise ValueError(_("There is no tier “%(tier)s”.") % {"tier": tier[:40]})
        return PriceRow(
            sku=sku,
            name=self._cell(cells, "name")[:160],
            list_minor=list_minor,
            price_minor=price_minor,
            tier_code=code,
        )

    def _amount(self, cells: list[str], name: str, label: str | Promise) -> int:
        text = self._cell(cells, name)
        if not text:
            raise ValueError(_("%(column)s is missing.") % {"column": label})
        try:
            return parse_amount(text, self.currency)
        except ValueError as error:
            raise ValueError(_("%(column)s: %(what)s") % {"column": label, "what": error}) from None

    def _check_repeats(self, number: int, row: PriceRow) -> None:
        known = self._prices.get(row.key)
        if known and known[1].price_minor != row.price_minor:
            raise ValueError(
                _("The same SKU stands in line %(line)d with another member price.") % {"line": known[0]}
            )
        listed = self._lists.get(row.sku)
        if listed and listed[1] != row.list_minor:
            raise ValueError(
                _("The same SKU stands in line %(line)d with another list price.") % {"line": listed[0]}
            )
        if known:
            return
        self._prices[row.key] = (number, row)
        self._lists.setdefault(row.sku, (number, row.list_minor))
        self.found.rows.append(row)


def _places(header: list[str]) -> dict[str, int]:
    """Where each known column stands. Raises Invalid when a needed one is missing."""
    names = [unicodedata.normalize("NFKC", cell).strip().casefold() for cell in header]
    places = {}
    for column, aliases in COLUMNS.items():
        found = next((i for i, name in enumerate(names) if name in aliases), None)
        if found is not None:
            places[column] = found
    missing = [column for column in NEEDED if column not in places]
    if missing:
        wanted = {"sku": "sku", "list": "list_price", "price": "member_price"}
        raise unreadable(
            _("These columns are missing: %(missing)s. The file has: %(found)s.")
            % {
                "missing": ", ".join(wanted[column] for column in missing),
                "found": ", ".join(header)[:200] or "--",
            }
        )
    return places


def text_lines(content: bytes) -> Iterator[tuple[int, list[str]]]:
    """The lines of CSV, each with its number. Raises Invalid."""
    text = _decoded(content)
    delimiter = max(",\t;", key=text.split("\n", 1)[0].count)
    # strict=False: a quote left open by a cut-off last line ends with the file.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for cells in reader:
            if cells:
                yield reader.line_num, [cell.strip() for cell in cells]
    except csv.Error as error:
        raise unreadable(
            _("Line %(line)d cannot be read: %(error)s.") % {"line": reader.line_num, "error": error}
        ) from None


def _decoded(content: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return text
    raise unreadable(_("The file's encoding is unknown. Save it as CSV in UTF-8 or GBK, or as XLSX."))


def unreadable(text: str) -> Invalid:
    """The refusal of a whole file, at the field that it came in."""
    return Invalid(text, errors={"file": text})


def rows_from_json(rows: Iterable[Mapping[str, Any]]) -> list[PriceRow]:
    """Rows as `as_json` left them."""
    return [PriceRow(**row) for row in rows]
