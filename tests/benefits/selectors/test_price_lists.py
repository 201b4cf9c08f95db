"""What every tier pays, computed in the database, is what the rule of quotes says (domain.md 7)."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest

from benefits.lib.quotes import STACKS, Buyer, Cut, PriceRules, SkuPrices, quote
from benefits.selectors import price_lists
from benefits.services import pricing
from members.lib import tenant as tenancy
from members.services.audit import Actor
from tests.conftest import NOON

TIERS = ("base", "silver", "gold", "black", "none")


def cut(dice: random.Random) -> Cut:
    way = dice.choice(("percent", "fixed", "off"))
    if way == "percent":
        return Cut("percent", Decimal(dice.randint(1, 10_000)) / 100)
    return Cut(way, Decimal(dice.randint(0, 3_000)))


def some_sku(dice: random.Random, number: int) -> SkuPrices:
    return SkuPrices(
        f"S{number:03d}",
        dice.randint(1, 2_000),
        dice.choice((None, dice.randint(1, 2_500))),
        dice.choice((1, dice.randint(1, 2_500))),
        {tier: cut(dice) for tier in TIERS[:-1] if dice.random() < 0.7},
    )


@pytest.mark.parametrize("stack", STACKS)
def test_every_tier_pays_what_a_quote_of_one_says(cast, stack):
    dice = random.Random(f"prices {stack}")
    catalogue = [some_sku(dice, number) for number in range(150)]
    rules = PriceRules(stack)
    with tenancy.tenant(cast.shop.pk):
        pricing.configure(
            merchant_id=cast.shop.pk, at=NOON, actor=Actor.job("test"), rules=rules, catalogue=catalogue
        )
        found = list(price_lists.paid(merchant_id=cast.shop.pk, at=NOON, tiers=TIERS))

    def pays(prices: SkuPrices, tier: str | None) -> int:
        return quote([(prices, 1)], rules, Buyer(tier)).total_minor

    assert found == [
        (each.sku, each.list_minor, pays(each, None), [pays(each, tier) for tier in TIERS])
        for each in catalogue
    ]
