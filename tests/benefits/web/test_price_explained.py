"""A price explained over HTTP: the waterfall, every candidate with its why, for whom and when (domain.md 7, E13)."""

from __future__ import annotations

import datetime as dt
import itertools
from decimal import Decimal

import pytest
from django.utils import timezone, translation

from benefits.lib import offers
from benefits.lib.baskets import FanOffer, FreeShipping, Off, PointsOffset
from benefits.lib.codes import shown
from benefits.lib.quotes import (
    STACKS,
    Asked,
    Buyer,
    Cut,
    Offers,
    PriceRules,
    Reward,
    SkuPrices,
    quote,
)
from benefits.services import benefits, claims, pricing
from benefits.web import price_words
from members.lib import tenant as tenancy
from members.services import points
from tests.factories import ledger

URL = "/benefits/prices/explain/"
REWARDS = (Reward(10_000, 2_000), Reward(50_000, 9_000))
TEN_OFF = Cut("percent", Decimal(90))


@pytest.fixture
def at():
    """Ten days ago, since pages read the clock."""
    return timezone.now().replace(microsecond=0) - dt.timedelta(days=10)


@pytest.fixture
def shop(cast, at):
    """E13: list 100.00, sale 80.00, 9 折 for the lowest tier, 满100减20."""
    ledger.open_shop(cast.shop, at)
    prices = SkuPrices("A", 10_000, 8_000, members={"base": TEN_OFF}, fans=Cut("off", Decimal(500)))
    with tenancy.tenant(cast.shop.pk):
        pricing.configure(
            merchant_id=cast.shop.pk,
            at=at,
            actor=ledger.JOB,
            rules=PriceRules(rewards=REWARDS),
            catalogue=[prices],
        )
    return cast.shop


def page_of(client, **query):
    return client.get(URL, {"sku": "A", "quantity": "2", **query})


def test_e13_is_a_waterfall_with_every_candidate_and_why_it_won_or_lost(owner, shop):
    response = page_of(owner, buyer="base", follows="on")
    page = response.content.decode()

    assert response.context["steps"] == [
        ("List price", 20_000), ("Sale price", -4_000), ("Member price", -1_600), ("Fan price", 0),
        ("Spend and save", -2_000),
    ]  # fmt: skip
    assert response.context["end"] == ("To pay", 12_400)
    for words in (
        "To pay: ¥124.00",
        "version 1 of the price rules",
        "Member price of A",
        "It is the lowest price that this buyer can have.",
        "The member price is as low or lower.",
        "¥20.00 off from ¥100.00 on",
        "The basket does not reach it.",
        "−¥16.00",
    ):
        assert words in page, words


def test_a_visitor_has_no_member_price_and_a_member_is_found_by_phone(owner, shop, at):
    ledger.join(shop, at, phone="13800131402")

    assert page_of(owner).context["end"][1] == 16_000 - 2_000
    assert page_of(owner, member="13800131402").context["end"][1] == 12_400
    assert page_of(owner, member="13800131402").context["found"].tier == "base"


def test_a_past_instant_is_priced_by_the_version_of_then(owner, shop, at):
    with tenancy.tenant(shop.pk):
        pricing.configure(
            merchant_id=shop.pk, at=at + dt.timedelta(days=5), actor=ledger.JOB,
            rules=PriceRules(), catalogue=[SkuPrices("A", 9_000)],
        )  # fmt: skip
    then = (at + dt.timedelta(days=1)).astimezone(shop.zone)

    assert page_of(owner).context["end"][1] == 18_000
    old = page_of(owner, at=f"{then:%Y-%m-%d %H:%M}")
    assert (old.context["end"][1], old.context["found"].version) == (14_000, 1)


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({"sku": "Z"}, "There is no price of the SKU “Z”."),
        ({"sku": ""}, "Name at least one SKU."),
        ({"quantity": "0"}, "a quantity is from 1 to"),
        ({"quantity": "1000000"}, "The most is 100,000."),
        ({"quantity": "two"}, "“two” is not a whole number."),
        ({"member": "nobody"}, "Nobody is found by “nobody”."),
        ({"at": "2090-01-01"}, "Prices of the future are not known yet."),
        ({"at": "tomorrow"}, "Write a day like 2026-06-30"),
        ({"buyer": "platinum"}, "Select a valid choice."),
    ],
)
def test_what_cannot_be_priced_is_said_and_what_was_typed_stays(owner, shop, query, told):
    response = page_of(owner, **query)

    assert response.status_code == 422
    assert told in response.content.decode()
    assert response.context["found"] is None


def test_the_first_look_asks_for_a_basket(owner, shop):
    response = owner.get(URL)

    assert response.status_code == 200
    assert '<option value="A">' in response.content.decode()


def test_cashiers_and_other_shops_see_none_of_it(clerk, outsider, shop):
    assert clerk.get(URL).status_code == 403
    assert "There is no price of the SKU “A”." in page_of(outsider).content.decode()


def test_every_why_of_every_receipt_has_words_in_every_language():
    cuts = (None, Cut("percent", Decimal(80)), Cut("fixed", Decimal(7_000)), Cut("fixed", Decimal(20_000)))
    told = set()
    for stack, sale, floor, member, fan in itertools.product(
        STACKS, (None, 8_000, 12_000), (1, 10_000), cuts, cuts
    ):
        own = {"card": Cut("percent", Decimal(70))} if member and fan else {}
        prices = SkuPrices("A", 10_000, sale, floor, {"base": member} if member else {}, fan, own)
        for rewards in ((), REWARDS, (*REWARDS, Reward(1, 30_000))):
            told |= {
                each.why
                for plans in (frozenset(), frozenset({"card"}))
                for each in quote(
                    [(prices, 2)], PriceRules(stack, rewards), Buyer("base", True, plans)
                ).receipt
            }

    asked = Asked("a", None, 500)
    for unfit in ("", *offers.ALL_WHYS):
        shared = {"benefit": "b", "unfit": unfit}
        half = Off(name="a", cut=Cut("percent", Decimal(50)), **shared)
        rest = {
            "offs": (half, Off(name="z", cut=Cut("off", Decimal(1)), at_least_minor=10**9, **shared)),
            "offsets": tuple(PointsOffset(name=n, points=1, off_minor=1, step=2, **shared) for n in "pq"),
            "shipping": (FreeShipping(name="s", most_minor=0, **shared),),
            "fans": (FanOffer("f", Cut("percent", Decimal(1)), unfit=unfit),),
        }
        for held, choice, floor in itertools.product(
            (0, 1, 9**9), (asked, Asked("", None, 500)), (1, 10_000, 6_000)
        ):
            prices = SkuPrices("A", 10_000, None, floor, fans=TEN_OFF)
            for some in (rest, {}):
                found = quote(
                    [(prices, 1)], PriceRules(), Buyer("base", True), Offers(**some, points=held), choice
                )
                told |= {each.why for each in found.receipt}

    assert told == set(price_words.WHY)
    for language in ("zh-hans", "zh-hant"):
        with translation.override(language):
            assert all(str(words).isascii() is False for words in price_words.WHY.values())


def test_layers_of_benefits_can_be_left_out_to_see_what_they_do(owner, shop, at):
    about = {"merchant_id": shop.pk, "at": at, "actor": ledger.JOB}
    with tenancy.tenant(shop.pk):
        for kind, settings in (
            ("discount", {"off_percent": 10}), ("fan_price", {"percent": 50}), ("free_shipping", {"cap_minor": 500}),
        ):  # fmt: skip
            benefits.publish_benefit(kind=kind, name=kind, settings=settings, **about)
        pricing.configure(
            merchant_id=shop.pk,
            at=at,
            actor=ledger.JOB,
            rules=PriceRules(),
            catalogue=[SkuPrices("A", 10_000)],
        )
    asked = {"quantity": "1", "buyer": "base", "follows": "on", "shipping_minor": "8"}

    def pays(*without):
        response = page_of(owner, **asked, without=list(without))
        return response.context["end"][1], response.content.decode()

    everything, page = pays()
    assert everything == 4_500 + 300
    assert "Left out:" not in page
    assert pays("coupon")[0] == 5_000 + 300
    assert pays("fan")[0] == 9_000 + 300
    assert pays("shipping")[0] == 4_500 + 800
    none_acts, page = pays("fan", "coupon", "points", "shipping")
    assert none_acts == 10_000 + 800
    assert "Left out: Fan prices of benefits, Coupons and discounts, Points, Free shipping." in page
    assert page_of(owner, without="sale").status_code == 422


def test_a_members_coupon_points_and_shipping_are_steps_of_the_waterfall(owner, shop, at):
    member = ledger.join(shop, at, phone="13800131402")
    about = {"merchant_id": shop.pk, "at": at, "actor": ledger.JOB}
    with tenancy.tenant(shop.pk):
        tea = benefits.publish_benefit(
            kind="coupon", name="Spring coupon", settings={"off_minor": 400}, **about
        )
        benefits.publish_benefit(kind="discount", name="Two off", settings={"off_percent": 2}, **about)
        benefits.publish_benefit(kind="free_shipping", name="Free", settings={"cap_minor": 500}, **about)
        benefits.publish_benefit(
            kind="points_offset", name="Points", settings={"points": 10, "off_minor": 100}, **about
        )
        mine, _is_new = claims.claim(member_id=member.pk, benefit_id=tea.pk, key="k", **about)
        points.adjust(member_id=member.pk, points=25, key="p", reason="given", **about)

    response = page_of(owner, member="13800131402", points="on", shipping_minor="8", coupon=mine.code.lower())

    assert response.context["steps"][-4:] == [
        ("Coupon or discount", -400), ("Points", -200), ("Shipping fee", 800), ("Free shipping", -500),
    ]  # fmt: skip
    assert response.context["end"][1] == 12_400 - 400 - 200 + 300
    page = response.content.decode()
    for words in (
        "Spring coupon, code ", "Another coupon was chosen.", "It takes off the most.", "It takes 20 points.",
        f"It uses the code {shown(mine.code)}.",
    ):  # fmt: skip
        assert words in page, words
    assert page_of(owner, coupon=mine.code).status_code == 422
    assert page_of(owner, points="on").status_code == 422
