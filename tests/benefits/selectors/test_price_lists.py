"""What every tier pays, computed in the database, is what the rule of quotes says (domain.md 7)."""

from __future__ import annotations

import itertools
import random
from decimal import Decimal

import pytest
from django.db import connection, transaction

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
    assert_paid_is_quoted(cast.shop.pk, catalogue, rules)


def assert_paid_is_quoted(shop: int, catalogue: list[SkuPrices], rules: PriceRules) -> None:
    with tenancy.tenant(shop):
        pricing.configure(
            merchant_id=shop, at=NOON, actor=Actor.job("test"), rules=rules, catalogue=catalogue
        )
        found = list(price_lists.paid(merchant_id=shop, at=NOON, tiers=TIERS))

    def pays(prices: SkuPrices, tier: str | None) -> int:
        return quote([(prices, 1)], rules, Buyer(tier)).total_minor

    assert found == [
        (each.sku, each.list_minor, pays(each, None), [pays(each, tier) for tier in TIERS])
        for each in catalogue
    ]


@pytest.mark.parametrize("stack", STACKS)
def test_halves_bounds_and_the_dearest_prices_are_paid_to_the_last_minor_unit(cast, stack):
    """Whole and broken per cents of one to three digits, halves to round, floors above every price."""
    percents = ("0", "5", "50", "97", "99", "100", "7.5", "99.99", "33.333")
    cuts = [Cut("percent", Decimal(said)) for said in percents]
    cuts += [Cut(way, Decimal(number)) for way in ("fixed", "off") for number in (0, 1, 10**12)]
    catalogue = [
        SkuPrices(f"S{place:03d}", whole, sale, floor, dict.fromkeys(TIERS[:-1], each))
        for place, (each, whole, (sale, floor)) in enumerate(
            itertools.product(
                cuts, (1, 50, 150, 10**12), ((None, 1), (10, 1), (49, 100), (10**12, 10**12), (7, 10**12))
            )
        )
    ]

    assert_paid_is_quoted(cast.shop.pk, catalogue, PriceRules(stack))


def test_what_every_tier_pays_can_be_shared_among_processes(cast):
    """A fence in the statement would keep the server from it, which takes twice as long for a large catalogue."""
    text, names = price_lists.statement(TIERS)
    values = {"merchant": cast.shop.pk, "at": NOON, "stack": "on_sale_price", "begins": "", **names}
    with tenancy.tenant(cast.shop.pk), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "set local min_parallel_table_scan_size = 0; set local parallel_setup_cost = 0;"
            "set local parallel_tuple_cost = 0; set local enable_indexscan = off; set local enable_bitmapscan = off;"
            "set local max_parallel_workers_per_gather = 2"
        )
        cursor.execute(f"explain select sum(paid[1]) from ({text}) as found", values)
        plan = "\n".join(line for (line,) in cursor.fetchall())

    assert "Parallel Seq Scan on benefits_skuprice" in plan, plan
