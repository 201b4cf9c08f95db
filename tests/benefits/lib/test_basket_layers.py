"""What benefits take off a basket: fan prices, coupons and discounts, points, shipping (domain.md 7)."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benefits.lib import baskets
from benefits.lib.baskets import FanOffer, FreeShipping, Off, Offers, PointsOffset
from benefits.lib.quotes import LAYERS, Asked, Buyer, Cut, PriceRules, Reward, SkuPrices, quote
from tests.benefits.lib.test_quotes import baskets as some_baskets
from tests.benefits.lib.test_quotes import buyers, cuts, rule_sets

GOLD = Buyer("gold")
TEA = SkuPrices("A", 10_000)


def off(name="c", cut=("off", 1_000), **more):
    return Off(name=name, benefit=more.pop("benefit", "benefit"), cut=Cut(cut[0], Decimal(cut[1])), **more)


def offset(**more):
    found = {"points": 100, "off_minor": 100, "step": 100, **more}
    return PointsOffset(name="p", benefit="p", **found)


def priced(offers=None, asked=None, basket=((TEA, 1),), rules=None, buyer=GOLD):
    return quote(list(basket), rules or PriceRules(), buyer, offers or Offers(), asked or Asked())


def told(found, layer):
    return [
        (each.candidate, each.gives_minor, each.won, each.why)
        for each in found.receipt
        if each.layer == layer
    ]


def test_e13_with_every_layer_on_top():
    """72.00 x 2 = 144.00, 满100减20 = 124.00, 10 % off = 111.60, at most 30 % by points = 78.60, shipping 8.00."""
    tea = SkuPrices("A", 10_000, 8_000, members={"gold": Cut("percent", Decimal(90))})
    offers = Offers(
        offs=(off(cut=("percent", 90)),),
        offsets=(offset(share=Decimal(30)),),
        shipping=(FreeShipping(name="s", benefit="s", most_minor=400),),
        points=50_000,
    )
    found = priced(
        offers,
        Asked(points=None, shipping_minor=1_200),
        [(tea, 2)],
        PriceRules(rewards=(Reward(10_000, 2_000),)),
    )

    assert (found.goods_minor, found.shipping_minor, found.total_minor) == (7_860, 800, 8_660)
    assert (found.points, found.codes) == (3_300, ["c"])
    assert found.lines[0].discount_minor == 2_000 + 1_240 + 3_300


def test_the_one_that_takes_off_the_most_wins_alone():
    found = priced(
        Offers(offs=(off("a"), off("b", ("percent", 80)), off("c", ("off", 9_000), at_least_minor=10_001)))
    )

    assert told(found, "coupon") == [
        ("a", 1_000, False, baskets.BEATEN), ("b", 2_000, True, baskets.MOST), ("c", 0, False, baskets.NOT_REACHED),
    ]  # fmt: skip
    assert (found.total_minor, found.codes) == (8_000, ["b"])


def test_of_equal_ones_the_first_wins_and_a_discount_uses_no_code():
    found = priced(Offers(offs=(off("b", benefit="b"), off("code"))))

    assert [won for _name, _gives, won, _why in told(found, "coupon")] == [True, False]
    assert found.codes == []


def test_a_coupon_that_was_chosen_is_the_only_one_even_where_it_gives_nothing():
    offers = Offers(offs=(off("a"), off("b", ("off", 500)), off("c", unfit="it has expired")))

    assert priced(offers, Asked(coupon="b")).total_minor == 9_500
    found = priced(offers, Asked(coupon="c"))
    assert found.total_minor == 10_000
    assert [why for *_rest, why in told(found, "coupon")] == [
        baskets.OTHER_ASKED, baskets.OTHER_ASKED, "it has expired",
    ]  # fmt: skip


def test_a_discount_stops_at_the_floors_and_says_so():
    tea = SkuPrices("A", 1_000, floor_minor=900)
    found = priced(Offers(offs=(off("a", ("off", 500)), off("b", ("off", 100)))), basket=[(tea, 1)])

    assert told(found, "coupon") == [
        ("a", 100, True, baskets.MOST_LEFT), ("b", 100, False, baskets.BEATEN),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("more", "held", "asked", "points", "takes"),
    [
        ({}, 10**6, None, 9_900, 9_900),  # the floor keeps 1 fen, a step is 100
        ({}, 250, None, 200, 200),
        ({}, 10**6, 350, 300, 300),
        ({"share": Decimal(50)}, 10**6, None, 5_000, 5_000),
        ({"most_minor": 1_234}, 10**6, None, 1_200, 1_200),
        ({"step": 1}, 1_234, None, 1_234, 1_234),
        ({"points": 3, "off_minor": 1, "step": 1}, 10, None, 9, 3),  # the tenth point takes off nothing
        ({}, 99, None, 0, 0),
        ({"at_least_minor": 10_001}, 10**6, None, 0, 0),
    ],
)
def test_points_are_taken_as_far_as_they_are_held_asked_for_and_fit(more, held, asked, points, takes):
    found = priced(Offers(offsets=(offset(**more),), points=held), Asked(points=asked))

    assert (found.points, 10_000 - found.total_minor) == (points, takes)


def test_points_that_nothing_takes_are_told():
    assert told(priced(asked=Asked(points=5)), "points") == [("", 0, False, baskets.NO_OFFSET)]
    assert told(priced(Offers(offsets=(offset(),), points=5)), "points") == []


def test_a_fan_price_of_a_benefit_is_for_followers_and_gives_way_to_the_price_tables_own():
    own = SkuPrices("A", 1_000, fans=Cut("off", Decimal(50)))
    offers = Offers(
        fans=(
            FanOffer("f", Cut("percent", Decimal(80))),
            FanOffer("g", Cut("off", Decimal(1)), frozenset("B")),
        )
    )

    assert priced(offers, basket=[(SkuPrices("A", 1_000), 1)]).total_minor == 1_000
    assert priced(offers, basket=[(SkuPrices("A", 1_000), 1)], buyer=Buyer(follows=True)).total_minor == 800
    found = priced(offers, basket=[(own, 1)], buyer=Buyer(follows=True))
    assert [(each.gives_minor, each.benefit) for each in found.receipt] == [(50, None), (0, "f")]


def test_rules_of_before_a_layer_do_not_know_it():
    offers = Offers(
        (FanOffer("f", Cut("off", Decimal(1))),),
        (off(),),
        (offset(),),
        (FreeShipping(name="s", benefit="s"),),
        500,
    )
    asked = Asked(points=None, shipping_minor=300)
    buyer = Buyer("gold", True)

    assert priced(offers, asked, rules=PriceRules(layers=()), buyer=buyer).total_minor == 10_300
    assert priced(offers, asked, rules=PriceRules(layers=()), buyer=buyer).receipt == []
    assert priced(offers, asked, buyer=buyer).total_minor == 9_999 - 1_000 - 500


bounds = {"at_least_minor": st.integers(0, 9_000), "most_minor": st.none() | st.integers(0, 4_000)}
unfit = st.sampled_from(["", "", "", "it is paused"])
names = st.sampled_from(["a", "b", "c"])
offs = st.builds(
    Off, name=names, benefit=names, cut=cuts.filter(lambda cut: cut.way != "fixed"), unfit=unfit, **bounds
)
offsets = st.builds(
    PointsOffset, name=names, benefit=names, unfit=unfit, **bounds, points=st.integers(1, 300),
    off_minor=st.integers(1, 300), step=st.integers(1, 200), share=st.integers(0, 100).map(Decimal),
)  # fmt: skip
shippings = st.builds(FreeShipping, name=names, benefit=names, unfit=unfit, **bounds)
fans = st.builds(FanOffer, names, cuts, st.frozensets(st.sampled_from("AB"), max_size=1), unfit)
some_offers = st.builds(
    Offers,
    *(st.lists(each, max_size=3).map(tuple) for each in (fans, offs, offsets, shippings)),
    st.integers(0, 20_000),
)
some_asked = st.builds(
    Asked, st.sampled_from(["", "", "a"]), st.none() | st.integers(0, 5_000), st.integers(0, 2_000)
)


@given(some_baskets, rule_sets, buyers, some_offers, some_asked)
def test_with_every_layer_lines_add_up_no_floor_breaks_and_no_loser_beats_a_winner(
    basket, rules, buyer, offers, asked
):
    found = quote(basket, rules, buyer, offers, asked)

    assert found.costs == [line.total_minor for line in found.lines]
    assert found.total_minor == sum(found.costs) + found.shipping_minor
    for line, (prices, quantity) in zip(found.lines, basket, strict=True):
        assert line.total_minor >= quantity * min(prices.floor_minor, prices.list_minor)
    takes = {}
    for layer in ("spend_and_save", *LAYERS[1:]):
        tried = [each for each in found.receipt if each.layer == layer]
        won = [each for each in tried if each.won]
        assert len(won) <= 1
        takes[layer] = sum(each.gives_minor for each in won)
        if layer != "spend_and_save" and not won:
            assert all(each.gives_minor == 0 or each.why == baskets.OTHER_ASKED for each in tried)
        assert all(each.gives_minor <= takes[layer] for each in tried)
    assert sum(line.discount_minor for line in found.lines) == sum(takes.values()) - takes["shipping"]
    assert asked.shipping_minor - found.shipping_minor == takes["shipping"]
    assert 0 <= found.points <= min(offers.points, 5_000 if asked.points is None else asked.points) or (
        asked.points is None and found.points <= offers.points
    )
    assert (found.points > 0) == (takes["points"] > 0)
    assert quote(basket, rules, buyer, offers, asked) == found


@given(some_baskets, rule_sets, buyers, offs, st.integers(0, 1_000), st.integers(0, 1_000))
def test_a_deeper_coupon_never_costs_more(basket, rules, buyer, coupon, one, other):
    deep, shallow = sorted((one, other))

    def total(tenths):
        cut = Cut("percent", Decimal(tenths) / 10)
        each = Off(
            name="x", benefit="y", cut=cut, at_least_minor=coupon.at_least_minor, most_minor=coupon.most_minor
        )
        return quote(basket, rules, buyer, Offers(offs=(each,))).total_minor

    assert total(deep) <= total(shallow)


@given(some_baskets, rule_sets, buyers, offsets, st.integers(0, 20_000), st.integers(0, 20_000))
def test_more_points_never_cost_more_and_fewer_would_not_have_done(basket, rules, buyer, rate, one, other):
    few, many = sorted((one, other))

    def found(points):
        return quote(basket, rules, buyer, Offers(offsets=(rate,), points=points), Asked(points=None))

    least, most = found(few), found(many)
    assert most.total_minor <= least.total_minor
    if most.points:
        assert found(most.points - 1).total_minor > most.total_minor == found(most.points).total_minor


def test_a_discount_is_never_taken_off_a_discount_prestashop_38738():
    """A coupon beside a discount: one of them counts, once, of what the layers before left."""
    lines = [(SkuPrices(sku, price), n) for sku, price, n in (("A", 333, 3), ("B", 1, 7), ("C", 9_999, 1))]
    for percent in range(1, 100):
        both = (off("b", ("percent", percent), benefit="b"), off("code", ("percent", 50)))
        found = priced(Offers(offs=both), basket=lines)
        (gives,) = [each.gives_minor for each in found.receipt if each.won]
        assert gives == min(11_005 - Cut("percent", Decimal(min(percent, 50))).of(11_005), 11_005 - 11)
        assert sum(line.discount_minor for line in found.lines) == gives == 11_005 - found.total_minor


def test_all_of_a_basket_taken_off_leaves_no_stray_cent_odoo_237624():
    """What stays is the floor of each unit, 1 fen, and nothing besides."""
    lines = [(SkuPrices("A", 999), 1), (SkuPrices("A", 999), 1), (SkuPrices("B", 1), 50)]
    for cut in (("percent", 0), ("off", 2_048)):
        found = priced(Offers(offs=(off(cut=cut),)), basket=lines)
        assert [line.total_minor for line in found.lines] == [1, 1, 50]
