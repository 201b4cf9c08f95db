"""The price guard: prices that mislead, each with its numbers (domain.md 7). Amounts in minor units.

A comparison is judged against prices that everybody could buy at, as the price history has them: what orders came to
holds member prices, coupons and shares of basket discounts, which no struck-through price is compared with.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from benefits.lib.price_edits import Stretch
from benefits.lib.quotes import SkuPrices, Stack

KINDS = ("bait", "conditions", "comparison", "floor")
OFF, WARN, BLOCK = "off", "warn", "block"
# Zones in which the Omnibus rule of 30 days holds (EU and EEA).
EU_ZONES = frozenset(
    f"Europe/{city}"
    for city in (
        "Amsterdam", "Athens", "Berlin", "Bratislava", "Brussels", "Bucharest", "Budapest", "Busingen",
        "Copenhagen", "Dublin", "Helsinki", "Lisbon", "Ljubljana", "Luxembourg", "Madrid", "Malta", "Mariehamn",
        "Nicosia", "Oslo", "Paris", "Prague", "Riga", "Rome", "Sofia", "Stockholm", "Tallinn", "Vaduz", "Vienna",
        "Vilnius", "Warsaw", "Zagreb",
    )
) | {
    "Asia/Nicosia", "Asia/Famagusta", "Atlantic/Azores", "Atlantic/Canary", "Atlantic/Madeira",
    "Atlantic/Reykjavik", "Africa/Ceuta",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class GuardRules:
    """What is done about each kind of finding, and its limits. number: the version, 0 before any."""

    number: int = 0
    bait: str = WARN
    conditions: str = WARN
    comparison: str = WARN
    floor: str = WARN
    far_percent: int = 50
    few_percent: int = 5
    days: int = 7
    eu_days: int = 30

    def days_in(self, zone: str) -> int:
        """The days before a reduction that count for a merchant of a time zone."""
        return self.eu_days if zone in EU_ZONES else self.days

    def level(self, kind: str) -> str:
        """What is done about a kind."""
        return str(getattr(self, kind))


@dataclass(frozen=True, slots=True)
class Basis:
    """What a struck-through price is measured against: the lowest price of everybody in `days` before the reduction
    began; None where the SKU had no price then (a new one)."""

    struck_minor: int
    basis_minor: int | None
    begins_at: dt.datetime
    days: int

    @property
    def is_honest(self) -> bool:
        """Whether nobody paid less than the struck-through price before."""
        return self.basis_minor is None or self.struck_minor <= self.basis_minor


class Others(NamedTuple):
    """What everybody pays for the other SKUs of a product: the lower of the middle prices, and how many have one."""

    middle: int | None = None
    number: int = 0


NO_OTHERS = Others()


def others_of(ordered: Sequence[int], own: int | None = None) -> Others:
    """Of the prices of a product in order, those without one SKU's own (None: it has none among them). A product may
    have very many SKUs that are judged at once: nothing is copied or sorted for each."""
    if own is None:
        return Others(ordered[(len(ordered) - 1) // 2], len(ordered)) if ordered else NO_OTHERS
    count = len(ordered) - 1
    if count < 1:
        return NO_OTHERS
    middle = (count - 1) // 2
    return Others(ordered[middle if middle < bisect_left(ordered, own) else middle + 1], count)


@dataclass(frozen=True, slots=True)
class Watched:
    """A SKU whose prices are judged. stock: None where nobody counts it."""

    prices: SkuPrices
    others: Others = NO_OTHERS
    stock: int | None = None
    basis: Basis | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with a SKU's prices, with its numbers."""

    kind: str
    sku: str
    is_blocked: bool
    numbers: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> list[Any]:
        """As a change keeps it."""
        return [self.kind, self.sku, self.is_blocked, self.numbers]


def offers(prices: SkuPrices, stack: Stack) -> dict[str, int]:
    """What a SKU is offered at, by to whom: each tier, each plan, followers ("fan"). Floors are not looked at."""
    base = prices.list_minor if stack == "best_of" else prices.public_minor
    found = {f"tier:{code}": cut.of(base) for code, cut in prices.members.items()}
    found |= {f"plan:{code}": cut.of(base) for code, cut in prices.plans.items()}
    if prices.fans is not None:
        found["fan"] = prices.fans.of(base)
    return found


def is_reduced(prices: SkuPrices, stack: Stack) -> bool:
    """Whether a list price stands struck through beside a lower one."""
    public = prices.public_minor
    return public < prices.list_minor or any(price < public for price in offers(prices, stack).values())


def basis_of(past: Sequence[Stretch], at: dt.datetime, days: int, stack: Stack) -> Basis | None:
    """The basis of a SKU's struck-through price at an instant; None where none is struck through.

    past: its stretches in order. A reduction goes on while stretches follow each other with one list price.
    """
    place = next(
        (i for i, each in enumerate(past) if each.from_at <= at and (each.to_at is None or each.to_at > at)),
        None,
    )
    if place is None or not is_reduced(past[place].prices, stack):
        return None
    begins, struck = past[place].from_at, past[place].prices.list_minor
    for earlier in reversed(past[:place]):
        is_same = earlier.to_at == begins and earlier.prices.list_minor == struck
        if not is_same or not is_reduced(earlier.prices, stack):
            break
        begins = earlier.from_at
    since = begins - dt.timedelta(days=days)
    before = [each for each in past if each.from_at < begins and (each.to_at is None or each.to_at > since)]
    lowest = min((each.prices.public_minor for each in before), default=None)
    return Basis(struck, lowest, begins, days)


def findings(
    watched: Sequence[Watched],
    rules: GuardRules,
    *,
    stack: Stack,
    holders: Callable[[], tuple[Mapping[str, int], int]],
) -> list[Finding]:
    """Everything that is wrong with some SKUs' prices. `holders`: members by tier code, and all of them; asked only
    where a price of few is found."""
    found = []
    for each in watched:
        tests = {
            "bait": lambda one: _bait(one, rules),
            "conditions": lambda one: _conditions(one, rules, stack, holders),
            "comparison": _comparison,
            "floor": lambda one: _floor(one, stack),
        }
        for kind, test in tests.items():
            level = rules.level(kind)
            numbers = None if level == OFF else test(each)
            if numbers is not None:
                found.append(Finding(kind, each.prices.sku, level == BLOCK, numbers))
    return found


def _is_far(price: int, reference: int, percent: int) -> bool:
    return price * 100 < reference * percent


def _bait(one: Watched, rules: GuardRules) -> dict[str, Any] | None:
    """Priced far below its product's others, and none to be had."""
    middle = one.others.middle
    price = one.prices.public_minor
    if one.stock != 0 or middle is None or not _is_far(price, middle, rules.far_percent):
        return None
    return {"price": price, "others": middle, "count": one.others.number, "percent": rules.far_percent}


def _conditions(
    one: Watched,
    rules: GuardRules,
    stack: Stack,
    holders: Callable[[], tuple[Mapping[str, int], int]],
) -> dict[str, Any] | None:
    """A price far below the others that hardly anybody can have: only tiers with few members."""
    public = one.prices.public_minor
    reference = one.others.middle or public
    if _is_far(public, reference, rules.far_percent):
        return None  # everybody can have it
    low = {
        who.removeprefix("tier:"): max(price, one.prices.least_minor)
        for who, price in offers(one.prices, stack).items()
        if who.startswith("tier:") and price < public
    }
    low = {code: price for code, price in low.items() if _is_far(price, reference, rules.far_percent)}
    if not low:
        return None
    by_tier, everybody = holders()
    reach = sum(by_tier.get(code, 0) for code in low)
    if not everybody or reach * 100 > everybody * rules.few_percent:
        return None
    return {
        "price": min(low.values()),
        "reference": reference,
        "tiers": sorted(low),
        "members": reach,
        "all": everybody,
    }


def _comparison(one: Watched) -> dict[str, Any] | None:
    """A struck-through price above what everybody could buy at before."""
    if one.basis is None or one.basis.is_honest:
        return None
    return {
        "struck": one.basis.struck_minor,
        "basis": one.basis.basis_minor,
        "days": one.basis.days,
        "since": one.basis.begins_at.astimezone(dt.UTC).isoformat(),
    }


def _floor(one: Watched, stack: Stack) -> dict[str, Any] | None:
    """A price under the SKU's floor: the till takes the floor, so what is shown is not what is paid."""
    floor = one.prices.floor_minor
    prices = {"list": one.prices.list_minor, **offers(one.prices, stack)}
    if one.prices.sale_minor is not None:
        prices["sale"] = one.prices.sale_minor
    who, price = min(prices.items(), key=lambda pair: (pair[1], pair[0]))
    return None if floor <= 1 or price >= floor else {"price": price, "floor": floor, "who": who}


def share_text(part: int, whole: int) -> str:
    """A part as per cent with one digit: 47 of 100 is 47."""
    return f"{(Decimal(part) * 100 / whole).quantize(Decimal('0.1')).normalize():f}" if whole else "--"
