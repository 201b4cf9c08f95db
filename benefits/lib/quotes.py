"""What a basket costs a buyer at an instant, and why: the price stack as a pure rule (domain.md 7).

List -> sale -> best of (member, fan) -> spend-and-save. Prices are per unit, in minor units; a line is unit price times
quantity. Every candidate that was tried is on the receipt, with what it gives and why it won or lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal, NamedTuple

from members.lib.points import share
from members.lib.refusals import Invalid
from members.lib.words import sentence as _

Stack = Literal["on_sale_price", "best_of", "not_on_sale"]
Way = Literal["percent", "fixed", "off"]
STACKS: tuple[Stack, ...] = ("on_sale_price", "best_of", "not_on_sale")
MOST_LINES = 200
MOST_QUANTITY = 100_000
MOST_MINOR = 10**12
HUNDRED = Decimal(100)


class UnknownSku(Invalid):
    """A basket names a SKU that had no price then."""

    slug = "unknown-sku"


@dataclass(frozen=True, slots=True)
class Cut:
    """How a member or fan price is said: percent of a price (90 is 9 折), a fixed price, or an amount off."""

    way: Way
    value: Decimal

    def __post_init__(self) -> None:
        if self.way == "percent" and not 0 <= self.value <= HUNDRED:
            raise Invalid(_("A percentage lies between 0 and 100, not %(value)s.", value=self.value))
        if self.way != "percent" and not (0 <= self.value <= MOST_MINOR and self.value == int(self.value)):
            raise Invalid(_("An amount is a whole number of minor units, not %(value)s.", value=self.value))

    def of(self, price_minor: int) -> int:
        """The price that it makes of another, half a minor unit rounded up; never below zero."""
        if self.way == "fixed":
            return int(self.value)
        if self.way == "off":
            return max(0, price_minor - int(self.value))
        exact = Decimal(price_minor) * self.value / HUNDRED
        return int(exact.to_integral_value(ROUND_HALF_UP))


@dataclass(frozen=True, slots=True)
class SkuPrices:
    """The prices of one SKU in force at an instant. members: by tier code, each for exactly that tier."""

    sku: str
    list_minor: int
    sale_minor: int | None = None
    floor_minor: int = 1
    members: Mapping[str, Cut] = field(default_factory=dict)
    fans: Cut | None = None

    def __post_init__(self) -> None:
        for price in (self.list_minor, self.sale_minor, self.floor_minor):
            if price is not None and not 1 <= price <= MOST_MINOR:
                raise Invalid(
                    _("%(sku)s: a price is at least 1 minor unit, not %(price)s.", sku=self.sku, price=price)
                )

    @property
    def public_minor(self) -> int:
        """What anybody pays for one: the sale price where there is one below the list price, not below the floor."""
        if self.sale_minor is None or self.sale_minor >= self.list_minor:
            return self.list_minor
        return max(self.sale_minor, min(self.floor_minor, self.list_minor))

    @property
    def least_minor(self) -> int:
        """The least that one may cost: the floor, which a list price below it undercuts by itself."""
        return min(self.floor_minor, self.list_minor)


@dataclass(frozen=True, slots=True)
class Reward:
    """Spend-and-save 满减: so much off a basket of at least so much."""

    at_least_minor: int
    off_minor: int

    def __post_init__(self) -> None:
        if self.at_least_minor < 1 or self.off_minor < 1:
            raise Invalid(_("Spend-and-save takes something off above a threshold of at least 1 minor unit."))


@dataclass(frozen=True, slots=True)
class PriceRules:
    """How prices meet, and what a basket gives. In force from an instant on."""

    stack: Stack = "on_sale_price"
    rewards: tuple[Reward, ...] = ()

    def __post_init__(self) -> None:
        if self.stack not in STACKS:
            raise Invalid(_("%(stack)s is not a way in which prices meet.", stack=self.stack))


@dataclass(frozen=True, slots=True)
class Buyer:
    """Who asks: the tier held (None for a visitor), and whether they follow the shop."""

    tier: str | None = None
    follows: bool = False


class Tried(NamedTuple):
    """One line of the receipt. gives_minor: what it takes off, for the whole line or basket; line: from 1, 0 basket."""

    layer: str
    candidate: str
    gives_minor: int
    won: bool
    why: str
    line: int


@dataclass(slots=True)
class QuotedLine:
    """One line priced. unit_minor: per unit before the basket's discount; discount_minor: the line's share of that."""

    sku: str
    quantity: int
    list_minor: int
    unit_minor: int
    floor_minor: int
    discount_minor: int = 0

    @property
    def gross_minor(self) -> int:
        """Unit price times quantity."""
        return self.unit_minor * self.quantity

    @property
    def total_minor(self) -> int:
        """What the line costs."""
        return self.gross_minor - self.discount_minor

    @property
    def room_minor(self) -> int:
        """How much of a basket's discount the line can bear: down to its floor, never up."""
        return max(0, self.gross_minor - self.quantity * self.floor_minor)


@dataclass(slots=True)
class Quote:
    """A basket priced, with its receipt."""

    lines: list[QuotedLine]
    receipt: list[Tried]

    @property
    def total_minor(self) -> int:
        """What the basket costs."""
        return sum(line.total_minor for line in self.lines)


def quote(basket: Sequence[tuple[SkuPrices, int]], rules: PriceRules, buyer: Buyer) -> Quote:
    """Price a basket of (prices of a SKU, quantity). Same input, same quote. domain.md 7.

    Raises Invalid for an empty basket, over 200 lines, or a quantity that is not from 1 to 100,000.
    """
    if not 1 <= len(basket) <= MOST_LINES:
        raise Invalid(
            _("A basket has 1 to %(most)s lines, not %(count)s.", most=MOST_LINES, count=len(basket))
        )
    done = Quote([], [])
    for number, (prices, quantity) in enumerate(basket, start=1):
        if not 1 <= quantity <= MOST_QUANTITY:
            raise Invalid(
                _(
                    "Line %(line)s: a quantity is from 1 to %(most)s, not %(count)s.",
                    line=number,
                    most=MOST_QUANTITY,
                    count=quantity,
                )
            )
        unit, tried = _unit_price(prices, quantity, rules.stack, buyer, number)
        done.lines.append(QuotedLine(prices.sku, quantity, prices.list_minor, unit, prices.least_minor))
        done.receipt += tried
    _spend_and_save(done, rules.rewards)
    return done


def _unit_price(
    prices: SkuPrices, quantity: int, stack: Stack, buyer: Buyer, number: int
) -> tuple[int, list[Tried]]:
    """What one costs this buyer, and what was tried."""
    public = prices.public_minor
    on_sale = public < prices.list_minor
    tried = []
    if prices.sale_minor is not None:
        is_lower = prices.sale_minor < prices.list_minor
        why = "the sale price" if on_sale else "the floor" if is_lower else "not below the list price"
        tried.append(Tried("sale", prices.sku, (prices.list_minor - public) * quantity, on_sale, why, number))
    wanted = [
        ("member", f"{prices.sku} {buyer.tier}", prices.members.get(buyer.tier or "")),
        ("fan", prices.sku, prices.fans if buyer.follows else None),
    ]
    base = prices.list_minor if stack == "best_of" else public
    found = [
        (layer, name, max(cut.of(base), prices.least_minor)) for layer, name, cut in wanted if cut is not None
    ]
    counting = [each for each in found if each[2] < public and not (on_sale and stack == "not_on_sale")]
    best = min(counting, key=lambda each: each[2], default=None)
    for each in found:
        layer, name, price = each
        why = _why(each is best, price, public, best, on_sale, stack)
        tried.append(Tried(layer, name, max(0, public - price) * quantity, each is best, why, number))
    return (public if best is None else best[2]), tried


def _why(
    won: bool, price: int, public: int, best: tuple[str, str, int] | None, on_sale: bool, stack: Stack
) -> str:
    if won:
        return "the lowest price"
    if on_sale and stack == "not_on_sale":
        return "member prices rest while a sale runs"
    if price >= public:
        return "not below what everybody pays"
    assert best is not None
    return f"the {best[0]} price is not higher"


def _spend_and_save(done: Quote, rewards: Sequence[Reward]) -> None:
    """The largest reward whose threshold the lines reach, once, shared over them down to their floors."""
    gross = sum(line.gross_minor for line in done.lines)
    reached = [each for each in rewards if each.at_least_minor <= gross]
    best = max(reached, key=lambda each: (each.off_minor, each.at_least_minor), default=None)
    given = 0
    if best is not None:
        shares = shared_down_to_floors(best.off_minor, done.lines)
        for line, part in zip(done.lines, shares, strict=True):
            line.discount_minor = part
        given = sum(shares)
    for each in rewards:
        won = each is best
        if won:
            why = (
                "the largest reward reached"
                if given == each.off_minor
                else "the floors leave no more to give"
            )
        else:
            why = (
                "another reward gives as much or more" if each in reached else "the basket does not reach it"
            )
        name = f"{each.off_minor} off {each.at_least_minor}"
        done.receipt.append(Tried("spend_and_save", name, given if won else 0, won, why, 0))


def shared_down_to_floors(whole: int, lines: Sequence[QuotedLine]) -> list[int]:
    """A basket's discount shared by largest remainder over what lines cost, none below its floor.

    What a line cannot bear is shared again over the others; what fits nowhere is not given.
    """
    taken = [0] * len(lines)
    open_lines = [i for i, line in enumerate(lines) if line.room_minor]
    left = whole
    while left and open_lines:
        parts = share(left, [lines[i].gross_minor for i in open_lines])
        for i, part in zip(open_lines, parts, strict=True):
            fits = min(part, lines[i].room_minor - taken[i])
            taken[i] += fits
            left -= fits
        still = [i for i in open_lines if taken[i] < lines[i].room_minor]
        if len(still) == len(open_lines):
            break  # everything fitted
        open_lines = still
    return taken
