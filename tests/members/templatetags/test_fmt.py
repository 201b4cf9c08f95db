"""How numbers, dates and people look."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone, translation

from members.templatetags import fmt


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (123450, "CNY", "¥1,234.50"),
        (0, "CNY", "¥0.00"),
        (5, "CNY", "¥0.05"),
        (-3600, "CNY", "−¥36.00"),
        (1234, "JPY", "JP¥1,234"),
        (1234567, "KWD", "KWD\u00a01,234.567"),
        (199, "USD", "$1.99"),
    ],
)
def test_money_has_its_currency_and_exactly_its_minor_digits(minor, currency, text):
    assert fmt.money(minor, currency) == text


def test_no_data_is_two_dashes_and_zero_is_zero():
    assert (
        fmt.money(None) == fmt.points(None) == fmt.percent(None) == fmt.moment(None) == fmt.dash("") == "--"
    )
    assert fmt.points(0) == "0"
    assert fmt.signed(0) == "0"
    assert fmt.dash(0) == 0


def test_a_change_of_points_shows_its_sign():
    assert (fmt.signed(1200), fmt.signed(-66)) == ("+1,200", "−66")


def test_large_numbers_are_shortened_by_language_and_never_rounded_up():
    with translation.override("zh-hans"):
        assert ">12.3万<" in fmt.big(123_999)
        assert ">9,999.9万<" in fmt.big(99_999_999)
        assert ">1.2亿<" in fmt.big(123_456_789)
    with translation.override("zh-hant"):
        assert ">12.3萬<" in fmt.big(123_999)
    with translation.override("en"):
        assert ">123.9k<" in fmt.big(123_999)
        assert 'title="1,999,999"' in fmt.big(1_999_999)
    assert fmt.big(12_846) == "12,846"


def test_a_discount_is_what_is_paid_in_chinese_and_what_is_saved_in_english():
    with translation.override("zh-hans"):
        assert fmt.discount(85) == "8.5 折"
        assert fmt.discount(Decimal("90.00")) == "9 折"
    with translation.override("en"):
        assert fmt.discount("85") == "15% off"
        assert fmt.discount(Decimal("92.5")) == "7.5% off"


def test_rates_are_exact():
    assert fmt.percent(Decimal("0.0625")) == "6.3%"
    assert fmt.percent(Decimal("0.3")) == "30%"
    assert fmt.permille(62) == "6.2%"


def test_moments_are_shown_in_the_active_zone():
    at = dt.datetime(2026, 6, 30, 6, 5, tzinfo=dt.UTC)

    with timezone.override(ZoneInfo("Asia/Shanghai")), translation.override("en"):
        assert ">2026-06-30 14:05<" in fmt.moment(at)
        assert ">06-30 14:05<" in fmt.short_moment(at)
        assert fmt.zone_note() == "Beijing time"
    with timezone.override(ZoneInfo("America/New_York")), translation.override("en"):
        assert ">2026-06-30 02:05<" in fmt.moment(at)
        assert fmt.zone_note() == "America/New York time"
    assert ">2026-06-30<" in fmt.moment(dt.date(2026, 6, 30))


def test_people_are_masked_whatever_the_length():
    assert fmt.masked_phone("+8613800001402") == "138****1402"
    assert fmt.masked_phone("12345") == "*****"
    assert fmt.masked_phone("") == "--"
    assert (fmt.masked_name("王小明"), fmt.masked_name("王"), fmt.masked_name(None)) == ("王*", "王*", "--")
