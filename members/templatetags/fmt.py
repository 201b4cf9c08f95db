"""How numbers, dates and people look on a page. Exact arithmetic only: int and Decimal, never float."""

from __future__ import annotations

import datetime as dt
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from members.lib import masks

register = template.Library()

NOTHING = "--"
MINUS = "\u2212"
SYMBOLS = {
    "CNY": "¥", "USD": "$", "EUR": "€", "GBP": "£", "JPY": "JP¥", "KRW": "₩",
    "HKD": "HK$", "TWD": "NT$", "SGD": "S$", "MOP": "MOP$", "AUD": "A$", "THB": "฿", "MYR": "RM",
}  # fmt: skip
# Digits of the minor unit where ISO 4217 does not say two.
DIGITS = {"JPY": 0, "KRW": 0, "VND": 0, "BHD": 3, "KWD": 3}
BIG_FROM = 100_000


def _whole(value: Any) -> int | None:
    try:
        return int(value)
    except (TypeError, ValueError):
        return None


def _decimal(value: Any) -> Decimal | None:
    try:
        return Decimal(str(value)) if value is not None and value != "" else None
    except InvalidOperation:
        return None


def _plain(value: Decimal) -> str:
    """A decimal without trailing zeros and without an exponent: 8.50 -> 8.5, 1234.0 -> 1,234."""
    text = f"{value:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def money_text(minor: int, currency: str = "CNY") -> str:
    """Money in minor units as text: 123450 CNY -> ¥1,234.50."""
    digits = DIGITS.get(currency, 2)
    symbol = SYMBOLS.get(currency, f"{currency}\u00a0")
    major, rest = divmod(abs(minor), 10**digits)
    tail = f".{rest:0{digits}d}" if digits else ""
    return f"{MINUS if minor < 0 else ''}{symbol}{major:,}{tail}"


@register.filter
def money(minor: Any, currency: str = "CNY") -> str:
    """`{{ order.paid_minor|money:"CNY" }}` -> ¥1,234.50; None -> --."""
    amount = _whole(minor)
    return NOTHING if amount is None else money_text(amount, currency or "CNY")


@register.filter
def points(value: Any) -> str:
    """Whole points with thousands: 1,234."""
    amount = _whole(value)
    if amount is None:
        return NOTHING
    return f"{MINUS if amount < 0 else ''}{abs(amount):,}"


@register.filter
def signed(value: Any) -> str:
    """A change with its sign: +200, −66, 0."""
    amount = _whole(value)
    if amount is None:
        return NOTHING
    return f"+{amount:,}" if amount > 0 else points(amount)


def _units() -> list[tuple[int, str]]:
    language = (get_language() or "en").lower()
    if language.startswith(("zh-hant", "zh-tw", "zh-hk")):
        return [(10**8, "億"), (10**4, "萬")]
    if language.startswith("zh"):
        return [(10**8, "亿"), (10**4, "万")]
    return [(10**9, "B"), (10**6, "M"), (10**3, "k")]


@register.filter
def big(value: Any) -> str | SafeString:
    """A large number shortened (万/亿 or k/M), the exact one on hover; below 100,000 it is exact."""
    amount = _whole(value)
    if amount is None:
        return NOTHING
    if abs(amount) < BIG_FROM:
        return points(amount)
    unit, word = next((size, name) for size, name in _units() if abs(amount) >= size)
    # Rounded down, so that 99,999,999 never reads as 1亿.
    short = (Decimal(abs(amount)) / unit).quantize(Decimal("0.1"), ROUND_DOWN)
    sign = MINUS if amount < 0 else ""
    return format_html('<span title="{}">{}{}{}</span>', points(amount), sign, _plain(short), word)


@register.filter
def discount(percent_paid: Any) -> str:
    """A price in per cent of the full one: 85 -> 8.5 折, in English 15% off."""
    paid = _decimal(percent_paid)
    if paid is None:
        return NOTHING
    # Two ways of counting, not two words: Chinese names what is paid, English what is saved.
    if (get_language() or "en").lower().startswith("zh"):
        return f"{_plain(paid / 10)} 折"
    return _("{saved} off").format(saved=f"{_plain(100 - paid)}%")


@register.filter
def percent(rate: Any, places: int = 1) -> str:
    """A rate as per cent: Decimal("0.0625") -> 6.3%."""
    value = _decimal(rate)
    if value is None:
        return NOTHING
    return f"{_plain((value * 100).quantize(Decimal(1).scaleb(-int(places)), ROUND_HALF_UP))}%"


@register.filter
def permille(value: Any) -> str:
    """A whole number of thousandths as per cent: 62 -> 6.2%."""
    amount = _decimal(value)
    return NOTHING if amount is None else f"{_plain(amount / 10)}%"


@register.filter
def dash(value: Any) -> Any:
    """No data is "--"; zero stays 0."""
    return NOTHING if value is None or value == "" else value


def _time(value: Any, pattern: str) -> str | SafeString:
    if value is None or value == "":
        return NOTHING
    if isinstance(value, dt.datetime):
        local = timezone.localtime(value) if timezone.is_aware(value) else value
        return format_html('<time datetime="{}">{}</time>', local.isoformat(), local.strftime(pattern))
    if isinstance(value, dt.date):
        return format_html(
            '<time datetime="{}">{}</time>', value.isoformat(), value.strftime(pattern.split(" ")[0])
        )
    return str(value)


@register.filter
def moment(value: Any) -> str | SafeString:
    """2026-06-30 14:05 in the active time zone."""
    return _time(value, "%Y-%m-%d %H:%M")


@register.filter
def day(value: Any) -> str | SafeString:
    """2026-06-30."""
    return _time(value, "%Y-%m-%d")


@register.filter
def short_moment(value: Any) -> str | SafeString:
    """06-30 14:05."""
    return _time(value, "%m-%d %H:%M")


@register.filter
def short_day(value: Any) -> str | SafeString:
    """06-30."""
    return _time(value, "%m-%d")


@register.filter
def clock(value: Any) -> str | SafeString:
    """14:05."""
    return _time(value, "%H:%M") if isinstance(value, dt.datetime) else NOTHING


@register.simple_tag
def zone_note() -> str:
    """The name of the active time zone as people say it."""
    zone = timezone.get_current_timezone()
    name = zone.key if isinstance(zone, ZoneInfo) else str(zone)
    if name in ("Asia/Shanghai", "PRC", "Asia/Chongqing"):
        return _("Beijing time")
    return _("{zone} time").format(zone=name.replace("_", " "))


masked_phone = register.filter(masks.masked_phone)
masked_id = register.filter(masks.masked_id)
masked_name = register.filter(masks.masked_name)
