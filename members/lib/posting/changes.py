"""What a fold changed, for one member or a chunk of them, and the rows to write for it.

Rows are plain tuples in the order of the `*_COLUMNS` beside them, without the merchant (staging tables have
none). The caller gives every order of `new_orders` its `id` before it asks for rows. Daily totals are
differences, to be added; everything else that is not new is the whole new value.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from members.lib.posting.events import Line, OrderKey, Status
from members.lib.posting.state import (
    Allocation,
    DayTotals,
    Entry,
    Lot,
    MemberState,
    OrderState,
    Refund,
)
from members.lib.tiers import Cause, Metrics

Row = tuple[Any, ...]

ORDER_COLUMNS = (
    "id", "channel", "external_id", "member_id", "at", "status", "paid_at", "paid_on", "completed_at",
    "total_minor", "refunded_minor", "net_minor", "counts", "rules_version", "tier_id", "per_major",
    "multiplier", "pending_days", "posted", "postings", "revision",
)  # fmt: skip
LINE_COLUMNS = ("order_id", "number", "sku", "quantity", "amount_minor", "points", "refunded_minor")
REFUND_COLUMNS = ("order_id", "refund", "at", "is_whole", "amount_minor", "sequence")
REFUND_LINE_COLUMNS = ("order_id", "refund", "number", "amount_minor")
ENTRY_COLUMNS = (
    "member_id", "sequence", "at", "kind", "points", "pending", "balance_after", "cause", "order_id",
    "refund", "posting", "request_id", "lot", "rules_version",
)  # fmt: skip
ALLOCATION_COLUMNS = ("member_id", "sequence", "lot", "points")
PENDING_COLUMNS = ("order_id", "member_id", "points", "due_at", "confirmed")
LOT_COLUMNS = ("member_id", "number", "order_id", "available_at", "amount", "remaining", "expires_on")
LOT_CHANGE_COLUMNS = ("member_id", "number", "remaining")
DAILY_COLUMNS = ("member_id", "day", "spend_minor", "orders", "points")
ACCOUNT_COLUMNS = (
    "member_id", "available", "pending", "deficit", "earned", "redeemed", "expired", "clawed_back",
    "sequence",
)  # fmt: skip
STANDING_COLUMNS = ("member_id", "tier_id", "since", "valid_until")
BONUS_COLUMNS = ("order_id", "scene", "kept")
USE_COLUMNS = ("member_id", "code", "day", "points")
VALIDITY_COLUMNS = ("member_id", "tier_id", "valid_until")
MOVE_COLUMNS = (
    "member_id", "at", "from_tier_id", "to_tier_id", "cause", "rules_version", *Metrics._fields, "reason",
)  # fmt: skip


@dataclass(slots=True)
class OrderRevision:
    """What a changed order was before it was sent again at `replaced_at`: the trace of the difference.

    `sequence` is that of the member's last entry before it was.
    """

    order: OrderKey
    revision: int
    replaced_at: datetime
    member_id: int | None
    status: Status
    paid_at: datetime | None
    completed_at: datetime | None
    lines: tuple[Line, ...]
    posted: int
    sequence: int


@dataclass(slots=True)
class TierMove:
    """A member went from one tier to another: with the numbers and the rules that decided it."""

    member_id: int
    at: datetime
    from_tier_id: int
    to_tier_id: int
    cause: Cause
    rules_version: int
    metrics: Metrics
    reason: str = ""


@dataclass(slots=True)
class Changes:
    """Collects over many folds. Objects in it are those of the states, so they show the last value."""

    orders: dict[OrderKey, OrderState] = field(default_factory=dict)
    new_orders: list[OrderState] = field(default_factory=list)
    revisions: list[OrderRevision] = field(default_factory=list)
    refunds: list[Refund] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    new_lots: dict[tuple[int, int], Lot] = field(default_factory=dict)
    changed_lots: dict[tuple[int, int], Lot] = field(default_factory=dict)
    allocations: list[Allocation] = field(default_factory=list)
    pendings: dict[OrderKey, OrderState] = field(default_factory=dict)
    daily: dict[tuple[int, date], DayTotals] = field(default_factory=dict)
    accounts: dict[int, MemberState] = field(default_factory=dict)
    standings: dict[int, MemberState] = field(default_factory=dict)
    validities: dict[tuple[int, int], date] = field(default_factory=dict)
    moves: list[TierMove] = field(default_factory=list)
    bonuses: dict[OrderKey, OrderState] = field(default_factory=dict)
    uses: dict[tuple[int, str, date], int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether there is anything to write."""
        return bool(self.orders or self.standings or self.accounts)

    def add_to_day(self, member_id: int, day: date, spend_minor: int, orders: int, points: int) -> None:
        """Collect a difference of a member's day."""
        key = (member_id, day)
        totals = self.daily.get(key)
        if totals is None:
            self.daily[key] = DayTotals(spend_minor, orders, points)
        else:
            totals.spend_minor += spend_minor
            totals.orders += orders
            totals.points += points

    def order_rows(self, *, new: bool) -> Iterator[Row]:
        """ORDER_COLUMNS of the orders stored for the first time, or of those changed or refunded."""
        fresh = {id(order) for order in self.new_orders}
        for order in self.orders.values():
            if (id(order) in fresh) is not new:
                continue
            terms = order.terms
            yield (
                order.id, *order.key, order.member_id, order.at, order.status, order.paid_at, order.paid_on,
                order.completed_at, order.total_minor, order.refunded_minor, order.net_minor, order.counts,
                terms and terms.rules_version, terms and terms.tier_id, terms and terms.per_major,
                terms and terms.multiplier, terms and terms.pending_days,
                order.posted, order.postings, order.revision,
            )  # fmt: skip

    def line_rows(self, *, new: bool) -> Iterator[Row]:
        """LINE_COLUMNS of the same orders; a changed order has exactly these lines now."""
        fresh = {id(order) for order in self.new_orders}
        for order in self.orders.values():
            if (id(order) in fresh) is not new:
                continue
            order_id, points, refunded = order.id, order.points, order.refunded
            for i, (sku, quantity, amount) in enumerate(order.lines):
                yield (
                    order_id,
                    i + 1,
                    sku,
                    quantity,
                    amount,
                    points[i] if points is not None else None,
                    refunded[i] if refunded is not None else 0,
                )

    def refund_rows(self) -> Iterator[Row]:
        """REFUND_COLUMNS."""
        for refund in self.refunds:
            amount = sum(minor for _, minor in refund.lines)
            order_id = self.orders[refund.order].id
            yield (order_id, refund.refund, refund.at, refund.is_whole, amount, refund.sequence)

    def refund_line_rows(self) -> Iterator[Row]:
        """REFUND_LINE_COLUMNS."""
        for refund in self.refunds:
            order_id = self.orders[refund.order].id
            for number, amount in refund.lines:
                yield (order_id, refund.refund, number, amount)

    def entry_rows(self) -> Iterator[Row]:
        """ENTRY_COLUMNS, in the order in which they were posted."""
        for entry in self.entries:
            yield (
                entry.member_id, entry.sequence, entry.at, entry.kind, entry.points, entry.pending,
                entry.balance_after, entry.cause, self._order_id(entry.order), entry.refund, entry.posting,
                entry.request, entry.lot, entry.rules_version,
            )  # fmt: skip

    def allocation_rows(self) -> Iterator[Row]:
        """ALLOCATION_COLUMNS: which lots each debit took from, and each return gave back to."""
        for each in self.allocations:
            yield (each.member_id, each.sequence, each.lot, each.points)

    def pending_rows(self) -> Iterator[Row]:
        """PENDING_COLUMNS of orders whose waiting points, or their due instant, moved: to insert or replace."""
        for order in self.pendings.values():
            yield (order.id, order.member_id, order.pending, order.due_at, order.confirmed)

    def new_lot_rows(self) -> Iterator[Row]:
        """LOT_COLUMNS of lots made here; what was spent of them already is in `remaining`."""
        for (member_id, number), lot in self.new_lots.items():
            order_id = self._order_id(lot.order)
            yield (member_id, number, order_id, lot.available_at, lot.amount, lot.remaining, lot.expires_on)

    def changed_lot_rows(self) -> Iterator[Row]:
        """LOT_CHANGE_COLUMNS of lots that existed."""
        for (member_id, number), lot in self.changed_lots.items():
            yield (member_id, number, lot.remaining)

    def daily_rows(self) -> Iterator[Row]:
        """DAILY_COLUMNS: differences to add to the stored row, or to 0 where there is none."""
        for (member_id, day), totals in self.daily.items():
            if totals.spend_minor or totals.orders or totals.points:
                yield (member_id, day, totals.spend_minor, totals.orders, totals.points)

    def account_rows(self) -> Iterator[Row]:
        """ACCOUNT_COLUMNS."""
        for member_id, state in self.accounts.items():
            a = state.account
            yield (
                member_id, a.available, a.pending, a.deficit, a.earned, a.redeemed, a.expired, a.clawed_back,
                a.sequence,
            )  # fmt: skip

    def standing_rows(self) -> Iterator[Row]:
        """STANDING_COLUMNS of members whose tier or its validity moved."""
        for member_id, state in self.standings.items():
            standing = state.standing
            yield (member_id, standing.tier_id, standing.since, standing.valid_until)

    def bonus_rows(self) -> Iterator[Row]:
        """BONUS_COLUMNS of orders with a scene, campaigns or caps: to insert or replace."""
        for order in self.bonuses.values():
            yield (order.id, order.scene, {} if order.bonus is None else order.bonus.stored())

    def use_rows(self) -> Iterator[Row]:
        """USE_COLUMNS: differences to add to the stored row, or to 0 where there is none."""
        for key, points in self.uses.items():
            if points:
                yield (*key, points)

    def validity_rows(self) -> Iterator[Row]:
        """VALIDITY_COLUMNS, to insert or replace."""
        for (member_id, tier_id), until in self.validities.items():
            yield (member_id, tier_id, until)

    def move_rows(self) -> Iterator[Row]:
        """MOVE_COLUMNS: the history of tiers."""
        for m in self.moves:
            yield (
                m.member_id,
                m.at,
                m.from_tier_id,
                m.to_tier_id,
                m.cause,
                m.rules_version,
                *m.metrics,
                m.reason,
            )

    def _order_id(self, key: OrderKey | int | None) -> int | None:
        return key if key is None or isinstance(key, int) else self.orders[key].id
