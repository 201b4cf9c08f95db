"""Baskets priced by the stack (domain.md 7, E13)."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benefits.lib.quotes import (
    STACKS,
    Buyer,
    Cut,
    PriceRules,
    Reward,
    SkuPrices,
    quote,
    shared_down_to_floors,
)
from members.lib.refusals import Invalid

GOLD = Buyer("gold")


def gold(percent="90", **prices):
    return SkuPrices("A", 10_000, members={"gold": Cut("percent", Decimal(percent))}, **prices)


@pytest.mark.parametrize(
    ("sale", "stack", "unit"),
    [
        (8_000, "on_sale_price", 7_200),
        (8_000, "best_of", 8_000),
        (8_000, "not_on_sale", 8_000),
        (9_500, "on_sale_price", 8_550),
        (9_500, "best_of", 9_000),
        (9_500, "not_on_sale", 9_500),
        *((None, stack, 9_000) for stack in STACKS),
    ],
)
def test_e13_how_a_member_price_meets_a_sale(sale, stack, unit):
    found = quote([(gold(sale_minor=sale), 1)], PriceRules(stack), GOLD)

    assert found.lines[0].unit_minor == found.total_minor == unit


def test_e13_spend_and_save_is_shared_over_the_lines():
    rules = PriceRules(rewards=(Reward(10_000, 2_000),))
    priced = gold(sale_minor=8_000)

    two = quote([(priced, 2)], rules, GOLD)
    apart = quote([(priced, 1), (priced, 1)], rules, GOLD)

    assert (two.total_minor, two.lines[0].discount_minor) == (12_400, 2_000)
    assert [line.total_minor for line in apart.lines] == [6_200, 6_200]


def test_a_price_is_for_exactly_its_tier_and_a_fan_price_for_followers_only():
    prices = SkuPrices(
        "A", 1_000, members={"gold": Cut("fixed", Decimal(700))}, fans=Cut("off", Decimal(150))
    )
    rules = PriceRules()

    def unit(buyer):
        return quote([(prices, 1)], rules, buyer).lines[0].unit_minor

    assert unit(Buyer()) == unit(Buyer("silver")) == 1_000
    assert unit(Buyer(follows=True)) == unit(Buyer("silver", True)) == 850
    assert unit(Buyer("gold")) == unit(Buyer("gold", True)) == 700


def test_half_a_minor_unit_is_rounded_up_per_unit():
    prices = SkuPrices("A", 333, members={"gold": Cut("percent", Decimal("50"))})

    assert quote([(prices, 3)], PriceRules(), GOLD).total_minor == 167 * 3


def test_a_sale_above_the_list_price_is_ignored_and_said():
    found = quote([(SkuPrices("A", 100, sale_minor=120), 1)], PriceRules(), Buyer())

    assert found.total_minor == 100
    assert [(each.layer, each.won, each.gives_minor) for each in found.receipt] == [("sale", False, 0)]


def test_a_sale_that_the_floor_raises_to_the_list_price_is_said_to_be_floored():
    found = quote([(SkuPrices("A", 100, sale_minor=50, floor_minor=100), 1)], PriceRules(), Buyer())

    assert found.total_minor == 100
    assert [(each.won, each.why) for each in found.receipt] == [(False, "the floor")]


def test_the_largest_reward_reached_is_given_once():
    rules = PriceRules(rewards=(Reward(10_000, 500), Reward(20_000, 2_000), Reward(40_000, 9_000)))
    found = quote([(SkuPrices("A", 10_000), 3)], rules, Buyer())

    assert found.total_minor == 28_000
    assert [each.won for each in found.receipt] == [False, True, False]


def test_what_a_line_cannot_bear_is_shared_over_the_others_and_what_fits_nowhere_is_not_given():
    cheap, dear = SkuPrices("A", 1_000, floor_minor=950), SkuPrices("B", 1_000, floor_minor=300)
    found = quote([(cheap, 1), (dear, 1)], PriceRules(rewards=(Reward(1_000, 600),)), Buyer())
    assert [line.discount_minor for line in found.lines] == [50, 550]

    found = quote([(cheap, 1), (dear, 1)], PriceRules(rewards=(Reward(1_000, 1_900),)), Buyer())
    assert [line.discount_minor for line in found.lines] == [50, 700]
    assert found.receipt[-1].gives_minor == 750


@pytest.mark.parametrize("basket", [[], [(gold(), 1)] * 201, [(gold(), 0)], [(gold(), 100_001)]])
def test_baskets_out_of_bounds_are_refused(basket):
    with pytest.raises(Invalid):
        quote(basket, PriceRules(), GOLD)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Cut("percent", Decimal("100.01")),
        lambda: Cut("percent", Decimal(-1)),
        lambda: Cut("off", Decimal("0.5")),
        lambda: Cut("fixed", Decimal("1E+3000000")),
        lambda: SkuPrices("A", 0),
        lambda: SkuPrices("A", 10, floor_minor=0),
        lambda: Reward(100, 0),
        lambda: PriceRules("whatever"),
    ],
)
def test_prices_that_cannot_be_are_refused(make):
    with pytest.raises(Invalid):
        make()


cuts = st.one_of(
    st.builds(Cut, st.just("percent"), st.integers(0, 1_000).map(lambda n: Decimal(n) / 10)),
    st.builds(Cut, st.sampled_from(["fixed", "off"]), st.integers(0, 3_000).map(Decimal)),
)
skus = st.builds(
    SkuPrices,
    st.sampled_from("ABC"),
    st.integers(1, 3_000),
    st.none() | st.integers(1, 3_500),
    st.integers(1, 800),
    st.dictionaries(st.sampled_from(["gold", "silver"]), cuts),
    st.none() | cuts,
)
baskets = st.lists(st.tuples(skus, st.integers(1, 5)), min_size=1, max_size=6)
rule_sets = st.builds(
    PriceRules,
    st.sampled_from(STACKS),
    st.lists(st.builds(Reward, st.integers(1, 9_000), st.integers(1, 4_000)), max_size=3).map(tuple),
)
buyers = st.builds(Buyer, st.none() | st.sampled_from(["gold", "silver"]), st.booleans())


@given(baskets, rule_sets, buyers)
def test_lines_add_up_nobody_pays_more_than_the_public_and_no_floor_is_broken(basket, rules, buyer):
    found = quote(basket, rules, buyer)
    public = quote(basket, PriceRules(rules.stack), Buyer())

    assert found.total_minor == sum(line.total_minor for line in found.lines)
    for line, everybody, (prices, quantity) in zip(found.lines, public.lines, basket, strict=True):
        assert line.total_minor == line.unit_minor * quantity - line.discount_minor
        assert line.unit_minor <= everybody.unit_minor <= prices.list_minor
        assert line.total_minor >= quantity * min(prices.floor_minor, prices.list_minor)
    assert quote(basket, rules, buyer) == found


@given(baskets, rule_sets, buyers)
def test_the_receipt_accounts_for_every_unit_price_and_no_loser_beats_the_winner(basket, rules, buyer):
    found = quote(basket, rules, buyer)

    for number, (line, (prices, quantity)) in enumerate(zip(found.lines, basket, strict=True), start=1):
        tried = [each for each in found.receipt if each.line == number]
        won = {each.layer: each.gives_minor for each in tried if each.won}
        assert prices.list_minor * quantity - sum(won.values()) == line.gross_minor
        assert len(won.keys() & {"member", "fan"}) <= 1
        if best := won.get("member", won.get("fan")):
            assert all(each.gives_minor <= best for each in tried if each.layer != "sale")
    assert sum(line.discount_minor for line in found.lines) == sum(
        each.gives_minor for each in found.receipt if each.line == 0
    )


@given(skus, st.integers(0, 1_000), st.integers(0, 1_000), rule_sets)
def test_a_deeper_percentage_never_costs_more(prices, one, other, rules):
    deep, shallow = sorted((one, other))

    def unit(tenths):
        cut = Cut("percent", Decimal(tenths) / 10)
        priced = SkuPrices("A", prices.list_minor, prices.sale_minor, prices.floor_minor, {"gold": cut})
        return quote([(priced, 1)], rules, GOLD).lines[0].unit_minor

    assert unit(deep) <= unit(shallow)


@given(baskets, st.integers(1, 20_000))
def test_a_shared_discount_is_given_whole_wherever_it_fits(basket, whole):
    lines = quote(basket, PriceRules(), Buyer()).lines
    parts = shared_down_to_floors(whole, lines)

    assert sum(parts) == min(whole, sum(line.room_minor for line in lines))
    assert all(0 <= part <= line.room_minor for part, line in zip(parts, lines, strict=True))


@given(skus, cuts, rule_sets, buyers)
def test_a_plan_never_makes_it_dearer_and_breaks_no_floor(prices, cut, rules, buyer):
    with_plan = replace(prices, plans={"card": cut, "other": Cut("fixed", Decimal(1))})
    holder = replace(buyer, plans=frozenset({"card"}))

    held = quote([(with_plan, 1)], rules, holder).lines[0]
    without = quote([(with_plan, 1)], rules, buyer).lines[0]

    assert min(prices.floor_minor, prices.list_minor) <= held.unit_minor <= without.unit_minor
    assert without == quote([(prices, 1)], rules, buyer).lines[0]
