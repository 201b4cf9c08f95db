"""What a basket costs a buyer at an instant, and why: the price stack as a pure rule (domain.md 7).

List -> sale -> best of (member, fan, plan) -> spend-and-save -> coupon or discount -> points offset -> shipping. Prices
are per unit, in minor units; a line is unit price times quantity. Every candidate that was tried is on the receipt,
with what it gives and why it won or lost. What is taken off the whole basket is in `benefits.lib.baskets`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from benefits.lib import baskets
from benefits.lib.baskets import (
    Asked,
    Candidate,
    FanOffer,
    Offers,
    Quote,
    QuotedLine,
    Reward,
    Tried,
    shared_down_to_floors,
)
from benefits.lib.cuts import HUNDRED, MOST_MINOR, Cut, Way
from members.lib.refusals import Invalid
from members.lib.words import sentence as _

__all__ = [
    "HUNDRED",
    "LAYERS",
    "MOST_LINES",
    "MOST_MINOR",
    "MOST_QUANTITY",
    "STACKS",
    "Asked",
    "Buyer",
    "Cut",
    "Offers",
    "PriceRules",
    "Quote",
    "QuotedLine",
    "Reward",
    "SkuPrices",
    "Stack",
    "Tried",
    "Unit",
    "UnknownSku",
    "Way",
    "quote",
    "quote_units",
    "shared_down_to_floors",
    "unit_of",
]  # fmt: skip

Stack = Literal["on_sale_price", "best_of", "not_on_sale"]
STACKS: tuple[Stack, ...] = ("on_sale_price", "best_of", "not_on_sale")
LAYERS = ("fan", "coupon", "points", "shipping")  # those in which benefits act
MOST_LINES = 200
MOST_QUANTITY = 100_000
NOTHING_ASKED, NO_OFFERS = Asked(), Offers()
OWN_FAN_PRICE = "the price table has a fan price of its own"


class UnknownSku(Invalid):
    """A basket names a SKU that had no price then."""

    slug = "unknown-sku"


@dataclass(frozen=True, slots=True)
class SkuPrices:
    """The prices of one SKU in force at an instant. members: by tier code, each for exactly that tier; plans: by the
    code of a paid plan, for members with a term in it."""

    sku: str
    list_minor: int
    sale_minor: int | None = None
    floor_minor: int = 1
    members: Mapping[str, Cut] = field(default_factory=dict)
    fans: Cut | None = None
    plans: Mapping[str, Cut] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for price in (self.list_minor, self.sale_minor, self.floor_minor):
            if price is not None and not 1 <= price <= MOST_MINOR:
                raise Invalid(
                    _("%(sku)s: a price is at least 1 minor unit, not %(price)s.", sku=self.sku, price=price)
                )

    @property
    def public_minor(self) -> int:
        """What anybody pays for one."""
        return public_price(self.list_minor, self.sale_minor, self.floor_minor)

    @property
    def least_minor(self) -> int:
        """The least that one may cost: the floor, which a list price below it undercuts by itself."""
        return min(self.floor_minor, self.list_minor)


@dataclass(frozen=True, slots=True)
class PriceRules:
    """How prices meet, and what a basket gives. In force from an instant on. layers: those in which benefits act; a
    version of before there was one does not know it, so that what was quoted then stays what it was."""

    stack: Stack = "on_sale_price"
    rewards: tuple[Reward, ...] = ()
    layers: tuple[str, ...] = LAYERS

    def __post_init__(self) -> None:
        if self.stack not in STACKS:
            raise Invalid(_("%(stack)s is not a way in which prices meet.", stack=self.stack))

    def leaving_out(self, layers: Collection[str]) -> PriceRules:
        """The same where benefits do not act in some layers."""
        return replace(self, layers=tuple(each for each in self.layers if each not in layers))


@dataclass(frozen=True, slots=True)
class Buyer:
    """Who asks: the tier held (None for a visitor), whether they follow the shop, and the plans with a term then."""

    tier: str | None = None
    follows: bool = False
    plans: frozenset[str] = frozenset()


class _Price(NamedTuple):
    """A price of a member or follower; why_not: what keeps it from counting at all."""

    layer: str
    name: str
    price: int
    why_not: str = ""
    benefit: str | None = None


@dataclass(slots=True)
class Unit:
    """What one of a SKU costs a buyer: best is the price that won over what everybody pays, None when none did."""

    sku: str
    list_minor: int
    sale_minor: int | None
    public_minor: int
    least_minor: int
    rests: bool  # member prices, while a sale runs
    found: list[_Price]
    best: _Price | None

    @property
    def price_minor(self) -> int:
        """What one costs."""
        return self.public_minor if self.best is None else self.best.price

    def tried(self) -> list[Candidate]:
        """Every price that was tried, and why it won or lost."""
        done, public = [], self.public_minor
        if self.sale_minor is not None:
            on_sale, is_lower = public < self.list_minor, self.sale_minor < self.list_minor
            why = "the sale price" if on_sale else "the floor" if is_lower else "not below the list price"
            done.append(Candidate("sale", self.sku, self.list_minor - public, on_sale, why))
        for each in self.found:
            gives = 0 if each.why_not else max(0, public - each.price)
            won = each is self.best
            done.append(
                Candidate(each.layer, each.name, gives, won, each.why_not or self._why(each), each.benefit)
            )
        return done

    def _why(self, each: _Price) -> str:
        if each is self.best:
            return "the lowest price"
        if self.rests:
            return "member prices rest while a sale runs"
        if each.price >= self.public_minor or self.best is None:
            return "not below what everybody pays"
        return f"the {self.best.layer} price is not higher"


def quote(
    basket: Sequence[tuple[SkuPrices, int]],
    rules: PriceRules,
    buyer: Buyer,
    offers: Offers = NO_OFFERS,
    asked: Asked = NOTHING_ASKED,
) -> Quote:
    """Price a basket of (prices of a SKU, quantity). Same input, same quote. domain.md 7.

    Raises Invalid for an empty basket, over 200 lines, or a quantity that is not from 1 to 100,000.
    """
    units = []
    for prices, quantity in basket:
        member = prices.members.get(buyer.tier) if buyer.tier else None
        row = (prices.sku, prices.list_minor, prices.sale_minor, prices.floor_minor, member, prices.fans)
        units.append((unit_of(*row, rules, buyer, offers.fans, prices.plans), quantity))
    return quote_units(units, rules, offers, asked)


def quote_units(
    basket: Sequence[tuple[Unit, int]],
    rules: PriceRules,
    offers: Offers = NO_OFFERS,
    asked: Asked = NOTHING_ASKED,
) -> Quote:
    """The same of SKUs whose price for the buyer is known already. Raises as `quote`."""
    if not 1 <= len(basket) <= MOST_LINES:
        raise Invalid(
            _("A basket has 1 to %(most)s lines, not %(count)s.", most=MOST_LINES, count=len(basket))
        )
    lines = []
    for number, (unit, quantity) in enumerate(basket, start=1):
        if not 1 <= quantity <= MOST_QUANTITY:
            raise _bad_quantity(number, quantity)
        lines.append(QuotedLine(unit.sku, quantity, unit.list_minor, unit.price_minor, unit.least_minor))
    done = Quote(lines, [unit for unit, _quantity in basket])
    baskets.spend_and_save(done, rules.rewards)
    if "coupon" in rules.layers:
        baskets.take_coupon(done, offers.offs, asked.coupon)
    if "points" in rules.layers:
        baskets.take_points(done, offers.offsets, offers.points, asked.points)
    shipping = offers.shipping if "shipping" in rules.layers else ()
    baskets.take_shipping(done, shipping, asked.shipping_minor)
    return done


def _bad_quantity(number: int, quantity: int) -> Invalid:
    text = _(
        "Line %(line)s: a quantity is from 1 to %(most)s, not %(count)s.",
        line=number,
        most=MOST_QUANTITY,
        count=quantity,
    )
    return Invalid(text)


def unit_of(
    sku: str,
    list_minor: int,
    sale_minor: int | None,
    floor_minor: int,
    member: Cut | None,
    fan: Cut | None,
    rules: PriceRules,
    buyer: Buyer,
    fans: Sequence[FanOffer] = (),
    plans: Mapping[str, Cut] | None = None,
) -> Unit:
    """What one of a SKU costs a buyer: the sale price, then the lowest of the tier's member price, the fan prices of
    the price table and of benefits, and the prices of the plans that the buyer holds."""
    public = public_price(list_minor, sale_minor, floor_minor)
    on_sale = public < list_minor
    base = list_minor if rules.stack == "best_of" else public
    least, rests = min(floor_minor, list_minor), on_sale and rules.stack == "not_on_sale"
    found = []
    if member is not None:
        found.append(_Price("member", f"{sku} {buyer.tier}", max(member.of(base), least)))
    if buyer.follows:
        if fan is not None:
            found.append(_Price("fan", sku, max(fan.of(base), least)))
        if fans and "fan" in rules.layers:
            found += _offered(sku, base, least, fan, fans)
    for code in sorted(buyer.plans.intersection(plans or ())):
        found.append(_Price("plan", f"{sku} {code}", max((plans or {})[code].of(base), least)))
    best, price = None, public
    for each in found:
        if each.price < price and not (rests or each.why_not):
            best, price = each, each.price
    return Unit(sku, list_minor, sale_minor, public, least, rests, found, best)


def _offered(sku: str, base: int, least: int, own: Cut | None, fans: Sequence[FanOffer]) -> list[_Price]:
    """The fan prices of benefits; the price table's own of a SKU wins over them all."""
    return [
        _Price(
            "fan",
            sku,
            max(fan.cut.of(base), least),
            fan.unfit or ("" if own is None else OWN_FAN_PRICE),
            fan.benefit,
        )
        for fan in fans
        if not fan.skus or sku in fan.skus
    ]


def public_price(list_minor: int, sale_minor: int | None, floor_minor: int) -> int:
    """What anybody pays for one: the sale price where there is one below the list price, not below the floor."""
    if sale_minor is None or sale_minor >= list_minor:
        return list_minor
    return max(sale_minor, min(floor_minor, list_minor))
