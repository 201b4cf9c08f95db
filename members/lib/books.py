"""The arithmetic of the books of points: what moved, what is owed, what it costs, what will lapse (domain.md 6). Pure.

Points that a shop owes are in one of three pots: available to members, pending (not available yet), or held for a
redemption under way. Members who owe points make a deficit, which is kept apart. So, at every instant:

    owed    = available + pending + held
    balance = owed - deficit
    opening balance + movements = closing balance

Points that are confirmed, held or released go from one pot to another and are no movement. Every movement is that of
some entries of the ledger, and what is available is the sum of the open lots, by the month of their last usable day.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from members.lib.points import share

PPM = 1_000_000
# History below this says nothing about how many points lapse (policy of the estimate; shown with it).
LEAST_MONTHS = 3
LEAST_POINTS = 1_000


@dataclass(slots=True)
class Movements:
    """Points that came and went, each with its sign: their sum is what the balance changed by."""

    issued: int = 0  # earned by orders and awards, waiting or not
    imported: int = 0  # opening balances from another system, less what was undone of them
    redeemed: int = 0  # negative: one-step redemptions and captured holds
    cancelled: int = 0  # redemptions that were taken back
    expired: int = 0  # negative
    given_back: int = 0  # expired points that staff gave back
    clawed_back: int = 0  # negative: taken by refunds and reversed awards
    adjusted: int = 0  # by hand, either way
    transferred: int = 0  # between members; 0 once both sides are in

    @property
    def total(self) -> int:
        """What the balance changed by."""
        return sum(getattr(self, each.name) for each in fields(self))

    def add(self, other: Movements) -> None:
        """Count others in."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))


MOVEMENTS = tuple(each.name for each in fields(Movements))


@dataclass(slots=True)
class Flow:
    """What some entries moved: the movements, and by how much the pots changed.

    `balance` is the change of available - deficit; `late` counts entries dated before the span they are booked in.
    """

    moved: Movements = field(default_factory=Movements)
    balance: int = 0
    pending: int = 0
    held: int = 0
    entries: int = 0
    late: int = 0
    fingerprint: int = 0  # of the entries, whatever their order

    def add(self, other: Flow) -> None:
        """Count others in."""
        self.moved.add(other.moved)
        for name in ("balance", "pending", "held", "entries", "late", "fingerprint"):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def note(self, kind: str, verb: str, *, points: int, pending: int, asked: int) -> None:
        """Count entries of one kind in. `verb`: what their requests ask, "" without one; `asked`: how many points."""
        self.balance += points
        self.pending += pending
        total = points + pending
        if kind in ("hold", "release"):
            self.held -= points
        elif kind == "capture":
            self.held -= asked
            self.moved.redeemed -= asked
        elif name := movement_of(kind, verb):
            setattr(self.moved, name, getattr(self.moved, name) + total)


_BY_KIND = {
    "earn": "issued",
    "redeem": "redeemed",
    "expire": "expired",
    "clawback": "clawed_back",
    "adjust": "adjusted",
    "transfer_in": "transferred",
    "transfer_out": "transferred",
}


def movement_of(kind: str, verb: str) -> str:
    """Which movement entries of a kind are, by what their request asks; "" for those that move nothing in sum."""
    if verb == "import":
        return "imported"
    if kind == "restore":
        return "given_back" if verb == "give_back" else "cancelled"
    return _BY_KIND.get(kind, "")


@dataclass(frozen=True, slots=True)
class Bucket:
    """Available points whose last usable day lies in a month (its first day); None: they never expire."""

    month: date | None
    points: int


@dataclass(slots=True)
class Pots:
    """What is owed at an instant, and what members owe."""

    available: int = 0
    pending: int = 0
    held: int = 0
    deficit: int = 0

    @property
    def owed(self) -> int:
        """All points that members have, could have, or are about to spend."""
        return self.available + self.pending + self.held

    @property
    def balance(self) -> int:
        """What the books carry: opening + movements."""
        return self.owed - self.deficit


@dataclass(frozen=True, slots=True)
class Breakage:
    """The share of issued points that lapse, from months of which every point was used or lapsed; and its basis.

    A month is that in which points became available. It is mature when the last usable day of all its points is over;
    points that never expire are in none. What staff gave back of expired points did not lapse, whenever that was, so
    the estimate rather says too little than too much. `ppm` is rounded down; None: too little history.
    """

    months: tuple[tuple[date, int, int], ...] = ()  # (month, issued, expired), the oldest first
    given_back: int = 0

    @property
    def issued(self) -> int:
        """Points of the basis."""
        return sum(issued for _month, issued, _expired in self.months)

    @property
    def expired(self) -> int:
        """Of them, points that lapsed and were not given back."""
        return max(0, sum(expired for _month, _issued, expired in self.months) - self.given_back)

    @property
    def ppm(self) -> int | None:
        """The share in millionths; None while there are too few months or points."""
        if len(self.months) < LEAST_MONTHS or self.issued < LEAST_POINTS:
            return None
        return self.expired * PPM // self.issued


def matured(
    cohorts: Iterable[tuple[date, int, int, bool]], *, given_back: int = 0, before: date | None = None
) -> Breakage:
    """The basis of the estimate: months before `before` of (month, issued, expired, whether all of it is over)."""
    months = sorted(
        (month, issued, expired)
        for month, issued, expired, is_over in cohorts
        if is_over and issued > 0 and (before is None or month < before)
    )
    return Breakage(tuple(months), given_back)


def worth(points: int, cost: Decimal | None) -> int | None:
    """What points cost, in minor units, rounded half up; None while no cost is set."""
    if cost is None:
        return None
    return int((points * cost).quantize(Decimal(1), ROUND_HALF_UP))


def shared(parts: Sequence[int], cost: Decimal | None) -> tuple[int | None, ...]:
    """What each part costs, so that together they cost what their sum does."""
    whole = worth(sum(parts), cost)
    return (None,) * len(parts) if whole is None else share(whole, parts)


def expected(points: int, ppm: int | None) -> int:
    """Of points that can lapse, how many will be used by the estimate, rounded up; all without an estimate."""
    return points if ppm is None else points - points * ppm // PPM


def ties(opening: int, moved: Movements, closing: Pots) -> bool:
    """Whether opening + movements = closing."""
    return opening + moved.total == closing.balance


def canonical(figures: Mapping[str, object], before: str) -> str:
    """The text that a statement's seal is made of: every figure by name, and the seal of the statement before."""
    return "\n".join([before, *(f"{name}={figures[name]}" for name in sorted(figures))])
