"""The price guard as a pure rule: each finding with its numbers, and what is none (domain.md 7)."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from benefits.lib.price_edits import Stretch
from benefits.lib.price_guard import Basis, GuardRules, Others, Watched, basis_of, findings, others_of
from benefits.lib.quotes import Cut, SkuPrices

NOON = dt.datetime(2024, 5, 15, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
RULES = GuardRules()


def fixed(minor: int) -> Cut:
    return Cut("fixed", Decimal(minor))


def judged(watched: Watched, rules: GuardRules = RULES, *, members=None, everybody=100):
    found = findings([watched], rules, stack="on_sale_price", holders=lambda: (members or {}, everybody))
    return [(each.kind, each.is_blocked, each.numbers) for each in found]


def test_a_sku_far_below_its_products_others_with_nothing_in_stock_is_bait():
    bait = Watched(SkuPrices("A", 4_900), others_of([9_900, 10_000, 12_000]), stock=0)

    assert judged(bait) == [("bait", False, {"price": 4_900, "others": 10_000, "count": 3, "percent": 50})]


@pytest.mark.parametrize(
    "watched",
    [
        Watched(SkuPrices("A", 4_900), Others(10_000, 1), stock=1),
        Watched(SkuPrices("A", 4_900), Others(10_000, 1), stock=None),
        Watched(SkuPrices("A", 5_000), Others(10_000, 1), stock=0),
        Watched(SkuPrices("A", 4_900), Others(), stock=0),
    ],
    ids=["in stock", "stock not counted", "not under half", "no others"],
)
def test_what_can_be_had_or_is_not_far_below_is_no_bait(watched):
    assert judged(watched) == []


def test_a_price_far_below_for_tiers_of_hardly_anybody_has_hard_conditions():
    one = Watched(SkuPrices("A", 10_000, members={"gold": fixed(1_000), "silver": fixed(9_000)}))

    found = judged(one, members={"gold": 5, "silver": 40})

    assert found == [
        (
            "conditions",
            False,
            {"price": 1_000, "reference": 10_000, "tiers": ["gold"], "members": 5, "all": 100},
        )
    ]
    assert judged(one, members={"gold": 6}) == []
    assert judged(one, members={}, everybody=0) == []


def test_a_price_that_everybody_has_has_no_hard_conditions():
    one = Watched(SkuPrices("A", 4_000, members={"gold": fixed(1_000)}), Others(10_000, 1))

    assert judged(one, members={"gold": 1}) == []


def test_a_price_under_the_floor_is_found_by_whose_it_is():
    one = Watched(SkuPrices("A", 10_000, 6_000, 5_000, {"gold": Cut("percent", Decimal(50))}))

    assert judged(one, members={"gold": 100}) == [
        ("floor", False, {"price": 3_000, "floor": 5_000, "who": "tier:gold"})
    ]
    assert judged(Watched(SkuPrices("A", 10_000, 5_000, 5_000))) == []


def test_what_the_policy_says_nothing_about_is_not_looked_for_and_what_it_blocks_is_blocked():
    one = Watched(SkuPrices("A", 10_000, 4_000, 5_000))

    assert judged(one, GuardRules(floor="off")) == []
    assert [blocked for _kind, blocked, _numbers in judged(one, GuardRules(floor="block"))] == [True]


def stretches(*rows: tuple[int, int | None, SkuPrices]) -> list[Stretch]:
    """(first day, last day or None, prices) each from NOON."""
    return [
        Stretch(NOON + start * DAY, None if end is None else NOON + end * DAY, prices)
        for start, end, prices in rows
    ]


LIST, SALE = SkuPrices("A", 10_000), SkuPrices("A", 10_000, 8_000)


def test_a_list_price_raised_for_a_sale_is_measured_against_what_everybody_paid_before():
    past = stretches((-30, 0, LIST), (0, None, SkuPrices("A", 15_000, 9_900)))
    basis = basis_of(past, NOON, 7, "on_sale_price")

    assert basis == Basis(15_000, 10_000, NOON, 7) and not basis.is_honest
    (found,) = judged(Watched(past[-1].prices, basis=basis))
    assert found[0] == "comparison"
    assert (found[2]["struck"], found[2]["basis"], found[2]["days"]) == (15_000, 10_000, 7)


def test_the_basis_is_that_of_the_days_before_the_reduction_began_however_long_it_goes_on():
    longer = stretches((-30, 0, LIST), (0, 20, SALE), (20, None, SkuPrices("A", 10_000, 7_000)))

    basis = basis_of(longer, NOON + 25 * DAY, 7, "on_sale_price")

    assert basis is not None and (basis.begins_at, basis.basis_minor, basis.is_honest) == (NOON, 10_000, True)


@pytest.mark.parametrize(("days", "lowest"), [(7, 10_000), (30, 8_000)])
def test_a_sale_ten_days_ago_counts_within_thirty_days_and_not_within_seven(days, lowest):
    past = stretches((-40, -20, LIST), (-20, -10, SALE), (-10, 0, LIST), (0, None, SALE))

    basis = basis_of(past, NOON, days, "on_sale_price")

    assert basis is not None and basis.basis_minor == lowest


def test_a_new_sku_and_one_without_reduction_have_no_basis():
    new = basis_of(stretches((0, None, SALE)), NOON, 7, "on_sale_price")

    assert new is not None and new.basis_minor is None and new.is_honest
    assert basis_of(stretches((-5, None, LIST)), NOON, 7, "on_sale_price") is None


def test_a_member_price_strikes_the_list_price_through():
    with_member = SkuPrices("A", 10_000, members={"gold": fixed(7_000)})

    basis = basis_of(
        stretches((-3, -1, SALE), (-1, 0, LIST), (0, None, with_member)), NOON, 7, "on_sale_price"
    )

    assert basis is not None and (basis.struck_minor, basis.basis_minor) == (10_000, 8_000)


@pytest.mark.parametrize(
    ("zone", "days"), [("Asia/Shanghai", 7), ("Europe/Berlin", 30), ("Europe/London", 7), ("Europe/Oslo", 30)]
)
def test_thirty_days_hold_in_the_zones_of_the_eu(zone, days):
    assert RULES.days_in(zone) == days


@pytest.mark.parametrize("prices", [[5], [5, 7], [5, 5, 7], [1, 2, 3, 4], [9, 9, 9], [3, 1, 2, 5, 4]])
def test_the_others_of_a_sku_are_its_products_prices_without_its_own(prices):
    for place, own in enumerate(prices):
        rest = sorted(prices[:place] + prices[place + 1 :])
        assert others_of(sorted(prices), own) == others_of(rest)
        assert others_of(rest).number == len(rest)
    assert others_of([]) == Others()
