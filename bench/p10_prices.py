"""P10: prices. What every tier pays for a large catalogue, computed in one statement, beside a scan of the rows; a
basket of twenty lines over HTTP beside a plain Django "hello" on the same server; a thousand of them in one call.

A quote of the basket tries every layer there is: list, sale, member price, fan prices of the table and of a benefit,
spend-and-save, coupon and discount, points, shipping.
"""

from __future__ import annotations

import http.client
import itertools
import json
import statistics
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from django.db import connection, connections, transaction

from bench import ledger_world
from bench.harness import Row, median, say, scratch
from bench.p7_api import CLIENTS, ROUNDS, SECONDS, Ask, _rate, asked, server
from benefits.lib.quotes import Cut, PriceRules, Reward, SkuPrices
from benefits.selectors import price_lists
from benefits.services import benefits, pricing
from members.lib import tenant as tenancy
from members.lib.scopes import Scope
from members.services import api_keys

SKUS = {"small": 20_000, "full": 100_000}
TIERS = ("base", "silver", "gold", "black", "diamond")
LINES, FEW, BASKETS = 20, 3, 1_000
GIVEN: dict[str, dict[str, Any]] = {
    "discount": {"off_percent": 2},
    "fan_price": {"percent": 96},
    "points_offset": {"points": 100, "off_minor": 100, "max_percent": 30},
    "free_shipping": {"at_least_minor": 5_000},
    "coupon": {"off_percent": 5, "max_off_minor": 3_000},
}
COUPONS = """
insert into benefits_entitlement (merchant_id, member_id, benefit_id, code, revision, source, cause, state, uses_total,
    uses_left, paid_with, paid_amount, at, valid_from, reservation)
select %(merchant)s, i, %(benefit)s, 'B' || i, 1, 'claim', 'claim:' || i, 'issued', 1, 1, 'nothing', 0,
    '2024-01-02+08', '2024-01-02+08', '' from generate_series(1, %(members)s) i
"""
SCAN = """
select count(*), sum(list_minor), sum(sale_minor), sum(floor_minor), sum(pg_column_size(members))
from benefits_skuprice where merchant_id = %(merchant)s
"""


def run(scale: str) -> Iterator[Row]:
    """Three rows."""
    with scratch() as database:
        shop = ledger_world.shop("P10")
        _fill(shop, SKUS[scale])
        yield _lists(shop, SKUS[scale])
        with tenancy.tenant(shop), transaction.atomic():
            _key, secret = api_keys.create_key(
                merchant_id=shop,
                name="Till",
                scopes=[Scope.BENEFITS_READ],
                actor=ledger_world.BENCH,
                at=ledger_world.OPENED_AT,
            )
        ledger_world.fill(shop, members=1_000, lots=1, expires_on="date '2030-01-01' + n")
        _give(shop)
        with server(database) as port:
            yield from _quotes(port, secret, SECONDS[scale])


def _fill(shop: int, skus: int) -> None:
    def cut(number: int) -> Cut:
        return Cut("percent", Decimal(99 - number)) if number % 3 else Cut("off", Decimal(100 + number))

    catalogue = [
        SkuPrices(
            f"S{n:06d}",
            2_000 + n % 5_000,
            1_800 + n % 4_000 if n % 2 else None,
            500,
            {tier: cut(n % 20 + place) for place, tier in enumerate(TIERS)},
            Cut("percent", Decimal(97)),
        )
        for n in range(skus)
    ]
    rules = PriceRules("on_sale_price", (Reward(10_000, 1_000), Reward(30_000, 4_000)))
    with tenancy.tenant(shop), transaction.atomic():
        pricing.configure(
            merchant_id=shop,
            at=ledger_world.OPENED_AT,
            actor=ledger_world.BENCH,
            rules=rules,
            catalogue=catalogue,
        )
    with connections["owner"].cursor() as cursor:  # as autovacuum would
        cursor.execute("vacuum analyze benefits_skuprice")


def _lists(shop: int, skus: int) -> Row:
    text, names = price_lists.statement(TIERS)
    values = {"merchant": shop, "at": ledger_world.OPENED_AT, "stack": "on_sale_price", "begins": "", **names}

    def ask(statement: str) -> None:
        with tenancy.tenant(shop), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, values)
            cursor.fetchone()

    def computed() -> None:
        ask(f"select count(*), sum(public_minor), sum(paid[1] + paid[5]) from ({text}) as found")

    for _warm in range(2):
        ask(SCAN)
        computed()
    scan = median(lambda: ask(SCAN), times=7)
    found = median(computed, times=7)
    say(f"P10: scan {scan * 1000:.0f} ms, {skus:,} SKUs x {len(TIERS)} tiers {found * 1000:.0f} ms")
    return Row(
        "P10-lists, what each of five tiers pays for every SKU",
        found / scan,
        f"scan of the SKUs' prices, {scan * 1000:.0f} ms",
        6,
        skus,
        note=f"{found * 1000:.0f} ms",
    )


def _give(shop: int) -> None:
    """What benefits add to a basket: a discount, a fan price, points, free shipping, and a coupon of every member."""
    about: dict[str, Any] = {"merchant_id": shop, "at": ledger_world.OPENED_AT, "actor": ledger_world.BENCH}
    for kind, settings in GIVEN.items():
        with tenancy.tenant(shop):
            made = benefits.publish_benefit(kind=kind, name=kind, settings=settings, **about)
    with connections["owner"].cursor() as cursor:
        cursor.execute(COUPONS, {"merchant": shop, "benefit": made.pk, "members": BASKETS})
        cursor.execute(
            "vacuum analyze benefits_benefit, benefits_benefitrevision, benefits_entitlement, benefits_priceversion"
        )


def _basket(member: int) -> dict[str, Any]:
    lines = [{"sku": f"S{(member * 61 + n * 37) % 19_000:06d}", "quantity": n % 3 + 1} for n in range(LINES)]
    return {
        "member": f"m{member}", "follows": True, "points": "max", "shipping_minor": 1_200, "lines": lines,
    }  # fmt: skip


def _quotes(port: int, secret: str, seconds: float) -> Iterator[Row]:
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
    baskets = [_basket(member) for member in range(1, BASKETS + 1)]
    singles = itertools.cycle([json.dumps(each) for each in baskets])
    small = [each | {"lines": each["lines"][:FEW]} for each in baskets]
    fews = itertools.cycle([json.dumps(each) for each in small])
    batch = json.dumps({"baskets": small})

    def quote(connection: http.client.HTTPConnection) -> int:
        return asked(connection, "POST", "/api/v1/quotes", next(singles), headers, 200)

    def few(connection: http.client.HTTPConnection) -> int:
        return asked(connection, "POST", "/api/v1/quotes", next(fews), headers, 200)

    def many(connection: http.client.HTTPConnection) -> int:
        return asked(connection, "POST", "/api/v1/quotes/batch", batch, headers, 200)

    def hello(connection: http.client.HTTPConnection) -> int:
        return asked(connection, "GET", "/hello", None, {}, 200)

    asks: dict[str, Ask] = {"hello": hello, "quote": quote, "few": few, "many": many}
    rates: dict[str, list[float]] = {name: [] for name in asks}
    for ask in asks.values():
        _rate(port, ask, seconds / 3)
    for _round in range(ROUNDS):
        for name, ask in asks.items():
            rates[name].append(_rate(port, ask, seconds))
    medians = {name: statistics.median(found) for name, found in rates.items()}
    say("P10: " + ", ".join(f"{name} {rate:,.1f} a second" for name, rate in medians.items()))
    pairs = zip(rates["quote"], rates["hello"], strict=True)
    yield Row(
        f"P10-quote, a basket of {LINES} lines with every layer",
        statistics.median(ours / plain for ours, plain in pairs),
        f"Django hello on the same server, {CLIENTS} clients, {medians['hello']:,.0f} a second",
        0.25,
        LINES,
        at_least=True,
        note=f"{medians['quote']:,.0f} a second",
    )
    pairs = zip(rates["many"], rates["few"], strict=True)
    yield Row(
        f"P10-many, {BASKETS:,} baskets of {FEW} lines in a call",
        statistics.median(ours * BASKETS / single for ours, single in pairs),
        f"the same baskets one by one, {medians['few']:,.0f} a second",
        20,
        BASKETS,
        at_least=True,
        note=f"{medians['many'] * BASKETS:,.0f} a second",
    )
