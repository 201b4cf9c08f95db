"""Cells of the price table as people write them, endings of prices, and edits of stretches of time (domain.md 7)."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benefits.lib import price_edits
from benefits.lib.price_edits import Stretch, bulk, cell_text, edited, ended, joined, parse_cell
from benefits.lib.quotes import Cut, SkuPrices
from members.lib.refusals import Invalid
from tests.conftest import NOON

DAY = dt.timedelta(days=1)
A = SkuPrices("A", 10_000, members={"gold": Cut("percent", Decimal(90))})


def at(day: int) -> dt.datetime:
    return NOON + day * DAY


@pytest.mark.parametrize(
    ("column", "text", "value"),
    [
        ("list", "¥1,234.50", 123_450),
        ("list", "１００", 10_000),
        ("sale", "", None),
        ("tier:gold", "72", Cut("fixed", Decimal(7_200))),
        ("tier:gold", "90 %", Cut("percent", Decimal(90))),
        ("tier:gold", "8.5折", Cut("percent", Decimal(85))),
        ("tier:gold", "８．５ 折", Cut("percent", Decimal(85))),
        ("fan", "-5.00", Cut("off", Decimal(500))),
        ("fan", "−5", Cut("off", Decimal(500))),
    ],
)
def test_a_cell_means_what_people_write(column, text, value):
    assert parse_cell(column, text, "CNY") == value
    assert parse_cell(column, cell_text(value, "CNY"), "CNY") == value


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ("list", "0"), ("list", "-5"), ("list", "90%"), ("sale", "1.234"), ("tier:gold", "101%"), ("fan", "0%"),
        ("fan", "-0"), ("fan", "11 折"), ("fan", "x%"), ("tier:gold", "cheap"), ("fan", "33.333%"), ("fan", "nan%"),
    ],
)  # fmt: skip
def test_a_cell_that_cannot_be_is_refused_in_a_sentence(column, text):
    with pytest.raises(ValueError, match=r"."):
        parse_cell(column, text, "CNY")


@pytest.mark.parametrize(
    ("ending", "price", "currency", "found"),
    [
        ("exact", 8_500, "CNY", 8_500),
        ("9", 8_500, "CNY", 8_490),
        ("9", 8_490, "CNY", 8_490),
        ("99", 8_500, "CNY", 8_499),
        ("whole", 8_567, "CNY", 8_500),
        ("9", 80, "CNY", 0),
        ("whole", 85, "JPY", 85),
    ],
)
def test_a_price_ends_downwards(ending, price, currency, found):
    assert ended(price, ending, currency) == found


@given(st.integers(1, 10**7), st.sampled_from(["9", "99", "whole"]))
def test_an_ending_never_raises_a_price_nor_lowers_it_by_a_unit(price, ending):
    found = ended(price, ending, "CNY")

    assert found <= price
    if found:
        assert price - found < 100
        assert found % 100 == price_edits.ENDINGS[ending]


def test_85_percent_down_to_9_is_one_price_and_exactly_it_is_a_share():
    edits, left = bulk([A, SkuPrices("B", 100)], ["tier:gold", "sale"], Decimal(85), "9", "CNY")

    assert [(each.sku, each.column, each.value) for each in edits] == [
        ("A", "tier:gold", Cut("fixed", Decimal(8_490))),
        ("A", "sale", 8_490),
    ]
    assert [sku for sku, _why in left] == ["B"]
    (exact,) = bulk([A], ["tier:gold"], Decimal(85), "exact", "CNY")[0]
    assert exact.value == Cut("percent", Decimal(85))


def test_a_change_for_a_time_leaves_the_rest_of_time_as_it_was():
    found = edited("A", [Stretch(at(0), None, A)], {"sale": 8_000}, at(0), at(3))

    assert [(each.from_at, each.to_at, each.prices.sale_minor) for each in found] == [
        (at(0), at(3), 8_000),
        (at(3), None, None),
    ]


def test_a_change_over_planned_stretches_changes_its_own_cells_alone():
    other = SkuPrices("A", 9_000)
    found = edited(
        "A", [Stretch(at(0), at(2), A), Stretch(at(2), None, other)], {"floor": 5_000}, at(0), at(4)
    )

    assert [
        (each.from_at, each.to_at, each.prices.list_minor, each.prices.floor_minor) for each in found
    ] == [
        (at(0), at(2), 10_000, 5_000),
        (at(2), at(4), 9_000, 5_000),
        (at(4), None, 9_000, 1),
    ]


def test_neighbours_of_equal_prices_are_one():
    assert joined([Stretch(at(0), at(1), A), Stretch(at(1), None, A)]) == [Stretch(at(0), None, A)]


@pytest.mark.parametrize(
    "cells",
    [
        {"list": None},
        {"tier:gold": Cut("fixed", Decimal(10_001))},
        {"list": 100, "fan": Cut("fixed", Decimal(101))},
    ],
)
def test_prices_that_cannot_be_are_refused(cells):
    with pytest.raises(Invalid):
        edited("A", [Stretch(at(0), None, A)], cells, at(0), None)


def test_a_new_sku_needs_a_list_price():
    with pytest.raises(Invalid):
        edited("N", [], {"sale": 100}, at(0), None)

    (made,) = edited("N", [], {"list": 200, "sale": 100}, at(0), at(2))
    assert (made.to_at, made.prices.public_minor) == (at(2), 100)
