"""What is taken off a whole basket, layer by layer: spend-and-save, one coupon, points, shipping (domain.md 7).

Each layer looks at what those before it left. Of its candidates the one that gives the most wins alone; of equals the
one that stands first. What it gives is shared over the lines by largest remainder, none below its floor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import NamedTuple, Protocol, TypeVar

from benefits.lib.cuts import HUNDRED, Cut
from members.lib.points import share
from members.lib.refusals import Invalid
from members.lib.words import sentence as _

NOT_REACHED = "the basket does not reach it"
NO_ROOM = "nothing is left to take off"
BEATEN = "another takes off as much or more"
MOST = "takes off the most"
MOST_LEFT = "takes off all that the floors leave"
OTHER_ASKED = "another coupon was asked for"
FEW_POINTS = "too few points"
NO_OFFSET = "no points offset is in force"


@dataclass(frozen=True, slots=True)
class Reward:
    """Spend-and-save 满减: so much off a basket of at least so much."""

    at_least_minor: int
    off_minor: int

    def __post_init__(self) -> None:
        if self.at_least_minor < 1 or self.off_minor < 1:
            raise Invalid(_("Spend-and-save takes something off above a threshold of at least 1 minor unit."))


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a benefit may take off a basket. name: the code that is redeemed for it, or the benefit's id; benefit: that
    id; unfit: why it does not act for this buyer at this instant (`benefits.lib.offers`), "" when it does."""

    name: str
    benefit: str
    at_least_minor: int = 0
    most_minor: int | None = None
    unfit: str = ""

    @property
    def code(self) -> str:
        """What is redeemed when the order is placed; "" where nothing is."""
        return "" if self.name == self.benefit else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Off(Offer):
    """A coupon, or a discount for members: an amount or a share off."""

    cut: Cut

    def of(self, goods_minor: int) -> int:
        """What it takes off."""
        off = goods_minor - self.cut.of(goods_minor)
        return off if self.most_minor is None else min(off, self.most_minor)


@dataclass(frozen=True, slots=True, kw_only=True)
class PointsOffset(Offer):
    """Points as a part of the price: `points` of them make `off_minor`, taken in multiples of `step`, for at most
    `share` per cent of the goods."""

    points: int
    off_minor: int
    step: int
    share: Decimal = HUNDRED

    def of(self, held: int, goods_minor: int, room_minor: int) -> tuple[int, int]:
        """(points taken, what they take off): the most that may be, with the fewest points that make it."""
        limits = [room_minor, int(goods_minor * self.share / HUNDRED)]
        most = min(limits if self.most_minor is None else [*limits, self.most_minor])
        unit = self.step * self.off_minor
        steps = min(held // self.step, ((most + 1) * self.points - 1) // unit)
        off = steps * unit // self.points
        return -(-off * self.points // unit) * self.step, off


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeShipping(Offer):
    """No shipping fee, or so much less of it."""

    def of(self, shipping_minor: int) -> int:
        """What it takes off."""
        return shipping_minor if self.most_minor is None else min(shipping_minor, self.most_minor)


@dataclass(frozen=True, slots=True)
class FanOffer:
    """A price for followers, of some SKUs or (none named) of all."""

    benefit: str
    cut: Cut
    skus: frozenset[str] = frozenset()
    unfit: str = ""


@dataclass(frozen=True, slots=True)
class Offers:
    """All that benefits may give a buyer, and the points that the buyer has."""

    fans: tuple[FanOffer, ...] = ()
    offs: tuple[Off, ...] = ()
    offsets: tuple[PointsOffset, ...] = ()
    shipping: tuple[FreeShipping, ...] = ()
    points: int = 0


@dataclass(frozen=True, slots=True)
class Asked:
    """What a buyer asks for beyond the lines. coupon: the code of the only one that may be taken; points: how many at
    most may be spent, None for all that fit; shipping_minor: what the shop would charge."""

    coupon: str = ""
    points: int | None = 0
    shipping_minor: int = 0


class Tried(NamedTuple):
    """One line of the receipt. gives_minor: what it takes off, for the whole line or basket; line: from 1, 0 basket;
    benefit: the id of the benefit that offers it."""

    layer: str
    candidate: str
    gives_minor: int
    won: bool
    why: str
    line: int
    benefit: str | None = None


class Candidate(NamedTuple):
    """A price that was tried for one of a SKU; gives_minor: what it takes off one."""

    layer: str
    name: str
    gives_minor: int
    won: bool
    why: str
    benefit: str | None = None


class Unit(Protocol):
    """What one of a SKU costs a buyer; `benefits.lib.quotes.Unit`."""

    @property
    def sku(self) -> str: ...
    @property
    def list_minor(self) -> int: ...
    @property
    def price_minor(self) -> int: ...
    @property
    def least_minor(self) -> int: ...
    def tried(self) -> list[Candidate]:
        """What was tried for it."""
        ...


@dataclass(slots=True)
class QuotedLine:
    """One line priced. unit_minor: per unit before the basket's discounts; discount_minor: its share of those."""

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
        return self.unit_minor * self.quantity - self.discount_minor

    @property
    def room_minor(self) -> int:
        """How much more of a basket's discounts the line can bear: down to its floor, never up."""
        return max(0, self.total_minor - self.quantity * self.floor_minor)


@dataclass(slots=True)
class Quote:
    """A basket priced. tried: the candidates of the whole basket; points: how many it takes; codes: those that are
    redeemed for it; goods_minor: what the lines cost; costs, rooms: each line's, as the next layer finds them."""

    lines: list[QuotedLine]
    units: list[Unit]
    tried: list[Tried] = field(default_factory=list)
    shipping_minor: int = 0
    points: int = 0
    codes: list[str] = field(default_factory=list)
    costs: list[int] = field(init=False)
    rooms: list[int] = field(init=False)
    goods_minor: int = field(init=False)

    def __post_init__(self) -> None:
        self.costs = [line.total_minor for line in self.lines]
        self.rooms = [line.room_minor for line in self.lines]
        self.goods_minor = sum(self.costs)

    @property
    def total_minor(self) -> int:
        """What the basket costs, with its shipping."""
        return self.goods_minor + self.shipping_minor

    @property
    def receipt(self) -> list[Tried]:
        """Every candidate that was tried: line by line, then those of the whole basket."""
        found = [
            Tried(layer, name, gives * line.quantity, won, why, number, benefit)
            for number, (line, unit) in enumerate(zip(self.lines, self.units, strict=True), start=1)
            for layer, name, gives, won, why, benefit in unit.tried()
        ]
        return found + self.tried

    def take_off(self, whole: int) -> int:
        """Share a discount over the lines; what of it was given."""
        shares = shared(whole, self.costs, self.rooms)
        for place, part in enumerate(shares):
            if part:
                self.lines[place].discount_minor += part
                self.costs[place] -= part
                self.rooms[place] -= part
        given = sum(shares)
        self.goods_minor -= given
        return given


def spend_and_save(done: Quote, rewards: Sequence[Reward]) -> None:
    """The largest reward whose threshold the lines reach, once."""
    goods = done.goods_minor
    reached = [each for each in rewards if each.at_least_minor <= goods]
    best = max(reached, key=lambda each: (each.off_minor, each.at_least_minor), default=None)
    given = 0 if best is None else done.take_off(best.off_minor)
    for each in rewards:
        won = each is best
        if won:
            whole = given == each.off_minor
            why = "the largest reward reached" if whole else "the floors leave no more to give"
        else:
            why = "another reward gives as much or more" if each in reached else NOT_REACHED
        name = f"{each.off_minor} off {each.at_least_minor}"
        done.tried.append(Tried("spend_and_save", name, given if won else 0, won, why, 0))


def take_coupon(done: Quote, offs: Sequence[Off], coupon: str = "") -> None:
    """The coupon or discount that takes off the most, alone; with `coupon` no other than that."""
    goods, room = done.goods_minor, sum(done.rooms)
    if coupon:
        offs = [each if each.name == coupon or each.unfit else _set_aside(each, OTHER_ASKED) for each in offs]
    best = _best(done, "coupon", offs, lambda each: each.of(goods), room)
    if best is not None:
        done.take_off(best[1])
        if best[0].code:
            done.codes.append(best[0].code)


def take_points(done: Quote, offsets: Sequence[PointsOffset], held: int, asked: int | None) -> None:
    """Points for a part of the price: as many as were asked for, are held and fit; None asks for all that fit."""
    if asked == 0:
        return
    if not offsets:
        done.tried.append(Tried("points", "", 0, False, NO_OFFSET, 0))
        return
    held = held if asked is None else min(held, asked)
    goods, room = done.goods_minor, sum(done.rooms)
    # Of those that take off the same the one with the fewest points.
    ordered = sorted(offsets, key=lambda each: each.of(held, goods, room)[0])
    least = [each if each.unfit or held >= each.step else _set_aside(each, FEW_POINTS) for each in ordered]
    best = _best(done, "points", least, lambda each: each.of(held, goods, room)[1], room)
    if best is not None:
        done.take_off(best[1])
        done.points = best[0].of(held, goods, room)[0]


def take_shipping(done: Quote, offers: Sequence[FreeShipping], shipping_minor: int) -> None:
    """What is paid for shipping, after the best that takes it off."""
    done.shipping_minor = shipping_minor
    if not shipping_minor:
        return
    best = _best(done, "shipping", offers, lambda each: each.of(shipping_minor), shipping_minor)
    if best is not None:
        done.shipping_minor -= best[1]
        if best[0].code:
            done.codes.append(best[0].code)


_Offer = TypeVar("_Offer", bound=Offer)


def _set_aside(offer: _Offer, why: str) -> _Offer:
    return replace(offer, unfit=why)


def _best(
    done: Quote, layer: str, offers: Sequence[_Offer], gives: Callable[[_Offer], int], room: int
) -> tuple[_Offer, int] | None:
    """The first of the offers that give the most, with that; every one of them on the receipt."""
    goods = done.goods_minor
    found: list[tuple[_Offer, int, int]] = []  # offer, what it would take off, what of it there is room for
    best: tuple[_Offer, int] | None = None
    for each in offers:
        whole = 0 if each.unfit or goods < each.at_least_minor else gives(each)
        fits = min(whole, room)
        found.append((each, whole, fits))
        if fits > (0 if best is None else best[1]):
            best = (each, fits)
    for each, whole, fits in found:
        won = best is not None and each is best[0]
        why = _why(each, won=won, goods=goods, whole=whole, fits=fits)
        done.tried.append(Tried(layer, each.name, fits, won, why, 0, each.benefit))
    return best


def _why(offer: Offer, *, won: bool, goods: int, whole: int, fits: int) -> str:
    if won:
        return MOST if fits == whole else MOST_LEFT
    if offer.unfit:
        return offer.unfit
    if goods < offer.at_least_minor:
        return NOT_REACHED
    return BEATEN if fits else NO_ROOM


def shared_down_to_floors(whole: int, lines: Sequence[QuotedLine]) -> list[int]:
    """A basket's discount shared by largest remainder over what lines cost, none below its floor."""
    return shared(whole, [line.total_minor for line in lines], [line.room_minor for line in lines])


def shared(whole: int, costs: Sequence[int], rooms: Sequence[int]) -> list[int]:
    """The same by what each line costs and the room that it has above its floor.

    What a line cannot bear is shared again over the others; what fits nowhere is not given.
    """
    taken = [0] * len(costs)
    open_lines = [place for place, room in enumerate(rooms) if room]
    left = whole
    while left and open_lines:
        parts = share(left, [costs[place] for place in open_lines])
        for place, part in zip(open_lines, parts, strict=True):
            fits = min(part, rooms[place] - taken[place])
            taken[place] += fits
            left -= fits
        still = [place for place in open_lines if taken[place] < rooms[place]]
        if len(still) == len(open_lines):
            break  # everything fitted
        open_lines = still
    return taken
