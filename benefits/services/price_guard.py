"""Judging prices that somebody wants, refusing what the platform blocks, keeping what was found (domain.md 7)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from benefits.lib.price_edits import Stretch, Value
from benefits.lib.price_guard import (
    KINDS,
    NO_OTHERS,
    OFF,
    Basis,
    Finding,
    GuardRules,
    Others,
    Watched,
    basis_of,
    findings,
    others_of,
)
from benefits.lib.price_plans import in_force
from benefits.lib.prices import PriceRow
from benefits.lib.quotes import Cut, SkuPrices
from benefits.models import PriceFinding
from benefits.selectors import catalogue, guard_words, price_guard, price_table, quotes
from benefits.selectors.catalogue import Families
from members.lib.refusals import Invalid
from members.models import Merchant
from members.services.audit import Actor

MOST_INSTANTS = 8  # coming stretches of one SKU that are looked at
MOST_TOLD = 20
BATCH = 2_000
Timelines = Mapping[str, Sequence[Stretch]]


class PriceBlocked(Invalid):
    """The platform's price guard stops these prices. `findings` are all that it found in them."""

    slug = "price-guard"

    def __init__(self, found: Sequence[Finding], currency: str) -> None:
        texts = [
            guard_words.sentence(each.kind, each.sku, each.numbers, currency)
            for each in found
            if each.is_blocked
        ]
        super().__init__(" ".join(texts[:MOST_TOLD]))
        self.findings = list(found)


def judge(
    *,
    merchant_id: int,
    at: dt.datetime,
    start: dt.datetime,
    timelines: Timelines,
    told: Mapping[str, Mapping[str, Value]] | None = None,
) -> list[Finding]:
    """What the guard finds in SKUs whose stretches from `start` on are to be these. `told`: cells of the catalogue that
    are to change with them. Queries do not grow with SKUs."""
    rules = price_guard.policy_at(at)
    if not timelines or all(rules.level(kind) == OFF for kind in KINDS):
        return []
    merchant = Merchant.objects.get(pk=merchant_id)
    stack = quotes.stack_at(merchant_id=merchant_id, at=at)
    families = catalogue.families(merchant_id=merchant_id, skus=timelines, told=told or {})
    kin = families.kin(timelines) - set(timelines)
    beside = {
        **price_table.timelines(merchant_id=merchant_id, skus=kin, start=start),
        **timelines,
    }
    past = catalogue.past(
        merchant_id=merchant_id, skus=timelines, since=start - price_guard.LOOKED_BACK, before=start
    )
    watched = []
    others = _Others(families, beside)
    for sku, timeline in timelines.items():
        whole = [*past.get(sku, ()), *timeline]
        for each in list(timeline)[:MOST_INSTANTS]:
            watched.append(
                Watched(
                    each.prices,
                    others.of(sku, each),
                    families.stock.get(sku),
                    basis_of(whole, each.from_at, rules.days_in(merchant.timezone), stack),
                )
            )
    return _once(findings(watched, rules, stack=stack, holders=lambda: price_guard.holders(merchant_id, at)))


class _Others:
    """What everybody pays for the other SKUs of products; the prices of a product at an instant are gathered once."""

    def __init__(self, families: Families, beside: Timelines) -> None:
        self._families, self._beside = families, beside
        self._ordered: dict[tuple[str, dt.datetime], list[int]] = {}

    def of(self, sku: str, at: Stretch) -> Others:
        """Of a SKU whose stretch begins then."""
        product = self._families.of.get(sku)
        if product is None:
            return NO_OTHERS
        key = (product, at.from_at)
        if key not in self._ordered:
            members = self._families.members[product]
            prices = (in_force(self._beside.get(each, ()), at.from_at) for each in members)
            self._ordered[key] = sorted(each.public_minor for each in prices if each is not None)
        return others_of(self._ordered[key], at.prices.public_minor)


def judge_list(*, merchant_id: int, at: dt.datetime, rows: Sequence[PriceRow]) -> list[Finding]:
    """What the guard finds in a list of member prices: comparisons, and prices under floors of the price table."""
    rules = price_guard.policy_at(at)
    if not rows or all(rules.level(kind) == OFF for kind in ("comparison", "floor")):
        return []
    merchant = Merchant.objects.get(pk=merchant_id)
    days = rules.days_in(merchant.timezone)
    skus = {row.sku for row in rows}
    past = catalogue.past(merchant_id=merchant_id, skus=skus, since=at - dt.timedelta(days=days), before=at)
    now = price_table.timelines(merchant_id=merchant_id, skus=skus, start=at)
    watched = []
    for row in rows:
        lowest = min((each.prices.public_minor for each in past.get(row.sku, ())), default=None)
        table = in_force(now.get(row.sku, ()), at)
        cut = {row.tier_code: Cut("fixed", Decimal(row.price_minor))}
        prices = SkuPrices(row.sku, row.list_minor, None, table.floor_minor if table else 1, cut)
        is_reduced = row.price_minor < row.list_minor
        watched.append(Watched(prices, basis=Basis(row.list_minor, lowest, at, days) if is_reduced else None))
    return _once(findings(watched, _without_kin(rules), stack="best_of", holders=lambda: ({}, 0)))


def _without_kin(rules: GuardRules) -> GuardRules:
    """The rules that a list alone can be judged by."""
    return GuardRules(
        number=rules.number, bait=OFF, conditions=OFF, comparison=rules.comparison, floor=rules.floor
    )


def _once(found: Iterable[Finding]) -> list[Finding]:
    """The first finding of each kind of a SKU."""
    kept: dict[tuple[str, str], Finding] = {}
    for each in found:
        kept.setdefault((each.sku, each.kind), each)
    return list(kept.values())


def refuse(found: Sequence[Finding], *, merchant_id: int) -> None:
    """Raises PriceBlocked when the platform blocks any of it."""
    if any(each.is_blocked for each in found):
        currency = Merchant.objects.values_list("currency", flat=True).get(pk=merchant_id)
        raise PriceBlocked(found, currency)


def keep(
    found: Sequence[Finding],
    *,
    merchant_id: int,
    at: dt.datetime,
    actor: Actor,
    source: str,
    source_id: str,
    was_blocked: bool = False,
) -> None:
    """Keep what was found, once for each change (or list), SKU and kind; of prices that were blocked only what blocked
    them. In the caller's transaction."""
    number = price_guard.policy_at(at).number if found else 0
    PriceFinding.objects.bulk_create(
        [
            PriceFinding(
                merchant_id=merchant_id,
                at=at,
                source=source,
                source_id=source_id,
                sku=each.sku,
                kind=each.kind,
                is_blocked=each.is_blocked,
                numbers=each.numbers,
                policy=number,
                by_label=actor.label[:120],
            )
            for each in found
            if each.is_blocked or not was_blocked
        ],
        batch_size=BATCH,
        ignore_conflicts=True,
    )
