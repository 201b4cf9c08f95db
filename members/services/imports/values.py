"""Text of a column as money, quantities, instants and words; worked once for each different text.

Columns of orders repeat themselves, so each is split into its different texts and the place of each row among
them. Plain texts go through Arrow at once; the others are read one by one, with a sentence for what cannot be read.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from django.utils.translation import gettext as _

from members.models import Channel

Ints = npt.NDArray[np.int64]
Read = Callable[[str], int]
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
MOST_MINOR = 10**15
MISSING = -(1 << 62)  # an empty cell of an optional column of instants or money
_DECIMAL = b"0123456789."
_PLAIN = bytes(
    byte for byte in range(0x21, 0x7F) if byte not in b"='"
)  # what no spreadsheet put around an id


@dataclass(slots=True)
class Parsed:
    """A column of whole numbers. `reasons` says, by place among the different texts, what cannot be read."""

    texts: pa.StringArray
    codes: npt.NDArray[np.int32]
    numbers: Ints  # by different text
    reasons: dict[int, str]

    @property
    def values(self) -> Ints:
        """The numbers of all rows."""
        return self.numbers[self.codes]

    def bad_rows(self) -> Ints:
        """The rows whose text cannot be read."""
        if not self.reasons:
            return np.zeros(0, dtype=np.int64)
        is_bad = np.zeros(len(self.texts), dtype=bool)
        is_bad[list(self.reasons)] = True
        return np.flatnonzero(is_bad[self.codes])

    def reason(self, row: int) -> str:
        """Why a bad row is bad."""
        return self.reasons[int(self.codes[row])]


def split(column: pa.StringArray) -> tuple[pa.StringArray, npt.NDArray[np.int32]]:
    """The different texts of a column, in order of first appearance, and each row's place among them."""
    encoded = column.dictionary_encode()
    return encoded.dictionary, encoded.indices.to_numpy(zero_copy_only=False)


def _is_made_of(texts: pa.StringArray, allowed: bytes, *, may_be_empty: bool = False) -> bool:
    """Whether the texts hold the allowed bytes only, and none is empty."""
    if not may_be_empty and len(texts) and pc.min(pc.binary_length(texts)).as_py() == 0:
        return False
    offsets = np.frombuffer(texts.buffers()[1], dtype=np.int32)[texts.offset : texts.offset + len(texts) + 1]
    if not len(texts) or offsets[0] == offsets[-1]:
        return True
    data = memoryview(texts.buffers()[2])[int(offsets[0]) : int(offsets[-1])]
    return not bytes(data).translate(None, allowed)


def _one_by_one(
    texts: pa.StringArray, read: Callable[[str], int], empty: int | None
) -> tuple[Ints, dict[int, str]]:
    numbers = np.zeros(len(texts), dtype=np.int64)
    reasons: dict[int, str] = {}
    for place, text in enumerate(texts.to_pylist()):
        if empty is not None and not text.strip():
            numbers[place] = empty
            continue
        try:
            numbers[place] = read(text)
        except ValueError as error:
            reasons[place] = str(error)
    return numbers, reasons


def parsed(column: pa.StringArray, read: Read) -> Parsed:
    """A column of whole numbers, each different text read once; ValueErrors are the reasons."""
    texts, codes = split(column)
    return Parsed(texts, codes, *_one_by_one(texts, read, None))


def _scaled(texts: pa.StringArray, digits: int) -> Ints | None:
    """Plain decimal numbers times 10^digits, exactly; None when one does not fit."""
    try:
        exact = pc.cast(texts, pa.decimal128(15 + digits, digits))
    except pa.ArrowInvalid:
        return None
    pairs = np.frombuffer(exact.buffers()[1], dtype=np.int64).reshape(-1, 2)
    return pairs[exact.offset : exact.offset + len(exact), 0].copy()


def amounts(column: pa.StringArray, digits: int, *, optional: bool = False) -> Parsed:
    """Money in minor units of a currency with `digits` minor digits; ¥, commas, full-width digits and 元 are fine."""
    texts, codes = split(column)
    numbers = _scaled(texts, digits) if _is_made_of(texts, _DECIMAL) else None
    if numbers is not None and len(numbers) and numbers.max() >= MOST_MINOR:
        numbers = None
    reasons: dict[int, str] = {}
    if numbers is None:
        read = partial(amount, digits=digits)
        numbers, reasons = _one_by_one(texts, read, MISSING if optional else None)
    return Parsed(texts, codes, numbers, reasons)


_MONEY_MARKS = re.compile(
    r"^(?:rmb|cny|usd|hkd|twd|jpy|eur|gbp|nt\$|hk\$|us\$|[¥$€£])\s*|\s*(?:元|圆|圓|块|塊|cny|rmb|usd)$"
)
_NUMBER = re.compile(r"(?:\d+|\d{1,3}(?:,\d{3})+)(?:\.(\d*))?|\.(\d+)")


def amount(text: str, digits: int) -> int:
    """One amount in minor units. Raises ValueError with a sentence."""
    plain = unicodedata.normalize("NFKC", text).strip().casefold()
    if not plain:
        raise ValueError(_("The amount is empty."))
    sign, plain = _sign(plain)
    plain = _MONEY_MARKS.sub("", _MONEY_MARKS.sub("", plain)).strip()
    if not sign:
        sign, plain = _sign(plain)
    found = _NUMBER.fullmatch(plain)
    if found is None:
        raise ValueError(_("“%(text)s” is not an amount.") % {"text": text.strip()})
    if sign == "-" and plain.strip("0.,"):
        raise ValueError(
            _("The amount %(text)s is negative. A refund goes into refund_id and refund_amount.")
            % {"text": text.strip()}
        )
    whole, _point, fraction = plain.replace(",", "").partition(".")
    if fraction[digits:].strip("0"):
        raise ValueError(
            _("The amount %(text)s has more than %(digits)s decimals.")
            % {"text": text.strip(), "digits": digits}
        )
    number = int((whole or "0") + fraction[:digits].ljust(digits, "0"))
    if number >= MOST_MINOR:
        raise ValueError(_("The amount %(text)s is too large.") % {"text": text.strip()})
    return number


def _sign(text: str) -> tuple[str, str]:
    if text[:1] in ("-", "−"):
        return "-", text[1:].strip()
    if text[:1] == "(" and text[-1:] == ")":
        return "-", text[1:-1].strip()
    return "", text.removeprefix("+")


def quantities(column: pa.StringArray) -> Parsed:
    """Quantities in thousandths; 0 is a quantity."""
    texts, codes = split(column)
    numbers = _scaled(texts, 3) if _is_made_of(texts, _DECIMAL) else None
    if numbers is not None and len(numbers) and numbers.max() >= 10**14:
        numbers = None
    reasons: dict[int, str] = {}
    if numbers is None:
        numbers, reasons = _one_by_one(texts, quantity, None)
    return Parsed(texts, codes, numbers, reasons)


def quantity(text: str) -> int:
    """One quantity in thousandths. Raises ValueError with a sentence."""
    plain = unicodedata.normalize("NFKC", text).strip()
    if not plain:
        raise ValueError(_("The quantity is empty."))
    if plain[:1] in "-−" and plain[1:].strip("0."):
        raise ValueError(_("The quantity %(text)s is negative.") % {"text": text.strip()})
    found = _NUMBER.fullmatch(plain.lstrip("-−"))
    if found is None:
        raise ValueError(_("“%(text)s” is not a quantity.") % {"text": text.strip()})
    whole, _point, fraction = plain.lstrip("-−").replace(",", "").partition(".")
    if fraction[3:].strip("0"):
        raise ValueError(_("The quantity %(text)s has more than 3 decimals.") % {"text": text.strip()})
    number = int((whole or "0") + fraction[:3].ljust(3, "0"))
    if number >= 10**14:
        raise ValueError(_("The quantity %(text)s is too large.") % {"text": text.strip()})
    return number


EARLIEST_YEAR, YEAR_TOO_LATE = 1970, 2200
# Instants whose year is one of these in every zone.
_SURELY_IN_RANGE = tuple(
    (dt.datetime(year, month, day, tzinfo=dt.UTC) - EPOCH) // dt.timedelta(microseconds=1)
    for year, month, day in ((EARLIEST_YEAR, 1, 2), (YEAR_TOO_LATE - 1, 12, 31))
)
_PLAIN_MOMENT = r"^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d"
_MOMENT = re.compile(
    r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?"
    r"(?:[t\s]*(\d{1,2})[:时時](\d{1,2})(?:[:分](\d{1,2})?(?:[.,](\d+))?秒?)?)?\s*(z|[+-]\d\d:?\d\d)?",
    re.IGNORECASE,
)
_COMPACT = re.compile(
    r"(\d{4})(\d\d)(\d\d)(?:[t\s]?(\d\d)(\d\d)(\d\d)?)?()\s*(z|[+-]\d\d:?\d\d)?", re.IGNORECASE
)


def moments(column: pa.StringArray, zone: ZoneInfo, *, optional: bool = False) -> Parsed:
    """Instants in microseconds since 1970; without an offset they are the merchant's wall clock."""
    texts, codes = split(column)
    numbers = _moments_at_once(texts, zone)
    reasons: dict[int, str] = {}
    if numbers is None:
        numbers, reasons = _one_by_one(texts, partial(moment, zone=zone), MISSING if optional else None)
    return Parsed(texts, codes, numbers, reasons)


def _moments_at_once(texts: pa.StringArray, zone: ZoneInfo) -> Ints | None:
    """Texts like 2024-06-27 23:00:00, all with Z or all without; None when one is not, or does not exist."""
    try:
        if pc.all(pc.match_substring_regex(texts, _PLAIN_MOMENT + "Z$")).as_py():
            found = pc.cast(texts, pa.timestamp("us", "UTC"))
        elif pc.all(pc.match_substring_regex(texts, _PLAIN_MOMENT + "$")).as_py():
            local = pc.cast(texts, pa.timestamp("us"))
            found = pc.assume_timezone(local, zone.key, ambiguous="earliest", nonexistent="raise")
        else:
            return None
    except pa.ArrowInvalid:
        return None
    numbers = pc.cast(found, pa.int64()).to_numpy(zero_copy_only=False)
    if len(numbers) and not _SURELY_IN_RANGE[0] <= numbers.min() <= numbers.max() < _SURELY_IN_RANGE[1]:
        return None  # one by one each is taken, or said to be too long ago or too far ahead
    return numbers


def moment(text: str, zone: ZoneInfo) -> int:
    """One instant in microseconds. Raises ValueError with a sentence."""
    plain = unicodedata.normalize("NFKC", text).strip()
    if not plain:
        raise ValueError(_("The time is empty."))
    found = _MOMENT.fullmatch(plain) or _COMPACT.fullmatch(plain)
    if found is None:
        raise ValueError(
            _("“%(text)s” is not a time; write it like 2024-06-27 23:00:00.") % {"text": text.strip()}
        )
    *numbers, fraction, offset = found.groups()
    year, month, day, hour, minute, second = (int(number or 0) for number in numbers)
    micro = int((fraction or "")[:6].ljust(6, "0"))
    try:
        wall = dt.datetime(year, month, day, hour, minute, second, micro)  # noqa: DTZ001 (a wall clock)
    except ValueError:
        raise ValueError(_("%(text)s does not exist.") % {"text": text.strip()}) from None
    if not EARLIEST_YEAR <= year < YEAR_TOO_LATE:
        raise ValueError(_("%(text)s is too long ago or too far ahead.") % {"text": text.strip()})
    at = _with_offset(wall, offset) if offset else _local(wall, zone, text)
    return (at - EPOCH) // dt.timedelta(microseconds=1)


def day(text: str, zone: ZoneInfo) -> int:
    """A day of the merchant's as days since 1970. Raises ValueError with a sentence."""
    try:
        at = instant(moment(text, zone)).astimezone(zone)
    except ValueError:
        raise ValueError(
            _("“%(text)s” is not a day; write it like 2024-06-27.") % {"text": text.strip()}
        ) from None
    return (at.date() - EPOCH.date()).days


def _with_offset(wall: dt.datetime, offset: str) -> dt.datetime:
    if offset in "zZ":
        return wall.replace(tzinfo=dt.UTC)
    digits = offset[1:].replace(":", "")
    ahead = dt.timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    if ahead >= dt.timedelta(hours=24):
        raise ValueError(_("%(offset)s is not an offset.") % {"offset": offset})
    return wall.replace(tzinfo=dt.timezone(-ahead if offset[0] == "-" else ahead))


def _local(wall: dt.datetime, zone: ZoneInfo, text: str) -> dt.datetime:
    at = wall.replace(tzinfo=zone).astimezone(dt.UTC)
    if at.astimezone(zone).replace(tzinfo=None) != wall:
        raise ValueError(
            _("%(text)s does not exist in %(zone)s: the clocks went forward.")
            % {"text": text.strip(), "zone": zone.key}
        )
    return at


def instant(micros: int) -> dt.datetime:
    """Microseconds as an aware datetime."""
    return EPOCH + dt.timedelta(microseconds=int(micros))


STATUS_WORDS: dict[str, tuple[str, ...]] = {
    "paid": (
        "paid", "completed", "complete", "finished", "success", "shipped", "delivered", "已付款", "已支付", "交易成功",
        "已完成", "已发货", "已發貨", "待发货", "卖家已发货", "买家已付款", "已签收", "完成",
    ),
    "unpaid": ("unpaid", "pending", "待付款", "未付款", "等待买家付款", "待支付", "未支付"),
    "cancelled": (
        "cancelled", "canceled", "closed", "refunded", "已取消", "交易关闭", "交易關閉", "已关闭", "已關閉", "已退款",
    ),
}  # fmt: skip
_STATUS = {word: status for status, words in STATUS_WORDS.items() for word in words}
CHANNEL_WORDS = {
    "淘宝": "taobao", "淘寶": "taobao", "天猫": "tmall", "天貓": "tmall", "京东": "jd", "京東": "jd", "抖音": "douyin",
    "微信": "wechat", "小程序": "wechat", "美团": "meituan", "美團": "meituan", "门店": "pos", "門市": "pos",
    "官网": "web", "官網": "web", "其他": "other",
} | {str(value): str(value) for value in Channel.values}  # fmt: skip


@dataclass(slots=True)
class Words:
    """A column of names of ours; the words by different text, None where a text is no such name."""

    codes: npt.NDArray[np.int32]
    words: list[str | None]
    texts: list[str]


def words(column: pa.StringArray, known: Mapping[str, Any], empty: str) -> Words:
    """Each text's word; an empty text is `empty`."""
    texts, codes = split(column)
    found = [
        known.get(unicodedata.normalize("NFKC", text).strip().casefold()) if text.strip() else empty
        for text in texts.to_pylist()
    ]
    return Words(codes, found, texts.to_pylist())


def statuses(column: pa.StringArray) -> Words:
    """paid, unpaid or cancelled; empty is paid."""
    return words(column, _STATUS, "paid")


def channels(column: pa.StringArray, default: str) -> Words:
    """One of our channels, by its code or its Chinese name; empty is the import's."""
    return words(column, CHANNEL_WORDS, default)


_SCIENTIFIC = re.compile(r"\d(\.\d+)?E\+\d+", re.IGNORECASE)


def is_plain(column: pa.StringArray) -> bool:
    """Whether a column holds printable ASCII alone, without blanks and quotation marks."""
    return _is_made_of(column, _PLAIN, may_be_empty=True)


def names(column: pa.StringArray) -> pa.StringArray:
    """Ids and codes without what spreadsheets put around them (blanks, ="…", a leading apostrophe)."""
    if is_plain(column):
        return column
    trimmed = pc.utf8_trim_whitespace(column)
    if not pc.any(pc.match_substring_regex(trimmed, "^[='\u200b\ufeff]")).as_py():
        return trimmed
    return pc.replace_substring_regex(trimmed, r"^(?:[\x{200b}\x{feff}]*)(?:=\"(.*)\"|'(.*))$", r"\1\2")


def was_shortened(text: str) -> bool:
    """Whether a spreadsheet turned a long number into 1.23E+17."""
    return bool(_SCIENTIFIC.fullmatch(text))
