"""What the fold knows of one member. Plain, mutable and small: a chunk holds tens of thousands of them.

Loading (the caller's side of the contract), all under the member's lock:
- `orders`: every stored order that an event names, with its refunds. Others are not needed.
- `daily`: at least every row of the window that the rules in force look at, from the day of the first event.
- `window`: the rolling sums if they are kept, else None (they are then summed from `daily` once).
- `uses`: every row of the codes that limits of the rules in force or of those orders name; else none.
- `account.lots`: what an event may spend: for an earn nothing (a member in deficit has no lots); for a refund
  or a change, every lot with a remainder.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

from members.lib.bonus import BonusTerms
from members.lib.points import EarningTerms
from members.lib.posting.events import Line, OrderKey, Status
from members.lib.tiers import Metrics, TierRules, TierStanding

EntryKind = Literal[
    "earn",
    "confirm",
    "redeem",
    "hold",
    "release",
    "capture",
    "expire",
    "clawback",
    "restore",
    "adjust",
    "transfer_in",
    "transfer_out",
]
EntryCause = Literal["order", "refund", "rule", "staff", "request"]
"""What moved the points: an order, a refund, a rule (expiry, a hold's end, an award), staff with a reason, or a
request by its key (redemptions and holds)."""


@dataclass(slots=True)
class Lot:
    """Available points of one credit. `number` is the sequence of the entry that made it: unique per member.

    `order` is the order that brought them: its key, or its id where the caller did not load the order.

    `expires_on` is its last usable day; it is dead once the account has expired through that day. What a dead
    lot has left is what expired of it.
    """

    number: int
    order: OrderKey | int | None
    available_at: datetime
    amount: int
    remaining: int
    expires_on: date | None = None


@dataclass(slots=True)
class Entry:
    """One line of the ledger, written once. `points` changes available - deficit, `pending` changes pending.

    `balance_after` is available - deficit. `posting` counts the entries of its order or of its request from 1, so that
    (order, posting) and (request, posting) are keys of the entry that do not depend on when or how often it is sent;
    an order's confirmations count down from -1, apart from what its sender does. `lot` is the one that expired.
    `rules_version` is the version under which the points were moved.
    """

    member_id: int
    sequence: int
    at: datetime
    kind: EntryKind
    points: int
    pending: int
    balance_after: int
    cause: EntryCause
    order: OrderKey | None = None
    refund: str | None = None
    posting: int = 0
    request: int | None = None
    lot: int | None = None
    rules_version: int | None = None


@dataclass(slots=True)
class Allocation:
    """Points of a lot that an entry took (positive) or gave back (negative)."""

    member_id: int
    sequence: int
    lot: int
    points: int


@dataclass(slots=True)
class Account:
    """A member's points. `earned` counts every earn and is never lowered; the other totals are positive too.

    `sequence` is that of the last entry. `expired_through` is the last day up to which lots were expired, the member's
    own or all of the program.
    """

    available: int = 0
    pending: int = 0
    deficit: int = 0
    earned: int = 0
    redeemed: int = 0
    expired: int = 0
    clawed_back: int = 0
    sequence: int = 0
    expired_through: date | None = None
    lots: list[Lot] = field(default_factory=list)

    @property
    def balance(self) -> int:
        """available - deficit: the sum of all entries' points."""
        return self.available - self.deficit


@dataclass(slots=True)
class DayTotals:
    """A member's merchant day: what its orders come to now, net of refunds. `points` is what they have
    posted.
    """

    spend_minor: int = 0
    orders: int = 0
    points: int = 0


@dataclass(slots=True)
class WindowTotals:
    """Sums of the daily rows of `[start, through]`, both days included."""

    start: date
    through: date
    spend_minor: int = 0
    orders: int = 0
    active_days: int = 0
    points: int = 0

    def metrics(self, rules: TierRules) -> Metrics:
        """The sums as metrics."""
        return rules.metrics(self.spend_minor, self.orders, self.active_days, self.points)


@dataclass(slots=True)
class Refund:
    """A refund as it was resolved: what it took of each line, by line number from 1.

    `sequence` is that of the member's last entry before it: its place among the entries, which instants do not tell.
    """

    order: OrderKey
    refund: str
    at: datetime
    is_whole: bool
    lines: tuple[tuple[int, int], ...]
    sequence: int = 0


@dataclass(slots=True)
class OrderBonus:
    """Campaigns and caps that an order keeps; `claims` is what it takes of limits now, by code; `priced` how each of
    its revisions was priced, in the stored form.
    """

    terms: BonusTerms
    claims: dict[str, int] = field(default_factory=dict)
    priced: dict[int, dict[str, Any]] = field(default_factory=dict)

    def stored(self) -> dict[str, Any]:
        """The form that is stored."""
        return {
            "terms": self.terms.stored(),
            "claims": self.claims,
            "priced": {str(revision): each for revision, each in self.priced.items()},
        }


@dataclass(slots=True)
class OrderState:
    """An order with what the rule derived from it.

    `points` are the lines' stored points, shared from the whole; `refunded` is per line in minor units, None
    while nothing was refunded; `paid_on` is the merchant day of `paid_at`, the order's own day. `posted` is
    what it comes to by rule, `postings` the number of its entries. `pending` is what of them still waits, due for
    confirmation at `due_at` (None while the order is not completed), `confirmed` how often it was confirmed. `scene` is
    where it was bought (takeaway, in-store); `bonus` None: no campaign and no cap concerns it. `id` belongs to the
    caller.
    """

    key: OrderKey
    member_id: int | None
    at: datetime
    status: Status
    paid_at: datetime | None
    paid_on: date | None
    completed_at: datetime | None
    lines: tuple[Line, ...]
    total_minor: int
    terms: EarningTerms | None = None
    points: tuple[int, ...] | None = None
    posted: int = 0
    postings: int = 0
    pending: int = 0
    due_at: datetime | None = None
    confirmed: int = 0
    refunded: list[int] | None = None
    refunded_minor: int = 0
    refunds: dict[str, Refund] = field(default_factory=dict)
    revision: int = 1
    id: int | None = None
    scene: str = ""
    bonus: OrderBonus | None = None

    @property
    def net_minor(self) -> int:
        """What is left of the order's amount after its refunds, paid or not."""
        return self.total_minor - self.refunded_minor

    @property
    def counts(self) -> bool:
        """Whether the order is paid and not refunded whole. An order of amount 0 counts: nothing was
        given back.
        """
        return self.status == "paid" and (not self.refunded_minor or self.refunded_minor < self.total_minor)


@dataclass(slots=True)
class MemberState:
    """One member, or a customer who has not joined (`member_id` None: orders are kept, nothing is
    derived).
    """

    member_id: int | None
    standing: TierStanding
    account: Account = field(default_factory=Account)
    daily: dict[date, DayTotals] = field(default_factory=dict)
    window: WindowTotals | None = None
    orders: dict[OrderKey, OrderState] = field(default_factory=dict)
    uses: dict[tuple[str, date], int] = field(default_factory=dict)  # of limits, by code and merchant day
    joined_on: date | None = None  # the merchant day, for years of membership

    @classmethod
    def joined(
        cls, *, member_id: int, at: datetime, rules: TierRules, joined_on: date | None = None
    ) -> MemberState:
        """A member who joins at `at`: the lowest tier, nothing earned."""
        standing = TierStanding(tier_id=rules.base.id, since=at)
        return cls(member_id=member_id, standing=standing, joined_on=joined_on)

    @classmethod
    def customer(cls, *, at: datetime) -> MemberState:
        """A buyer who has not joined: for orders without a member."""
        return cls(member_id=None, standing=TierStanding(tier_id=0, since=at))
