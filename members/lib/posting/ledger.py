"""Moving points of one member's account at one instant (domain.md 6). Pure.

Always: available = what live lots have left; available - deficit = the sum of all entries' points; pending = the sum
of their pending; and there is never both something available and a deficit, because every credit repays first.

A debit takes points from lots in spending order and remembers from which (allocations), so that a cancellation gives
them back to the same lots.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from members.lib.expiry import Expiry, day_of_return, living_day
from members.lib.points import Clawback
from members.lib.posting.changes import Changes
from members.lib.posting.events import OrderKey
from members.lib.posting.state import Account, Allocation, Entry, EntryKind, Lot, OrderState
from members.lib.refusals import InsufficientPoints
from members.lib.words import sentence as _


@dataclass(slots=True)
class Ledger:
    """One member's account, open for writing at `at`, which is `today` for its merchant.

    `expiry` and `rules_version` are those in force; what is written is collected in `changes`. A day whose points have
    expired is over: should the clock go back, `today` is the day after.
    """

    account: Account
    changes: Changes
    member_id: int
    at: datetime
    today: date
    expiry: Expiry
    rules_version: int | None = None

    def __post_init__(self) -> None:
        self.today = living_day(self.today, self.account.expired_through)

    # credits

    def earn(self, order: OrderState, points: int, *, waits: bool) -> None:
        """Credit `points` (positive) of an order: available at once, or waiting for its confirmation."""
        account = self.account
        account.earned += points
        version = order.terms.rules_version if order.terms else self.rules_version
        if waits:
            account.pending += points
            order.pending += points
            self.changes.pendings[order.key] = order
            self._order_entry(order, "earn", pending=points, rules_version=version)
            return
        account.available += points
        entry = self._order_entry(order, "earn", points, rules_version=version)
        self._new_lot(entry, points, order.key)

    def confirm(self, order: OrderState) -> None:
        """What of an order waits becomes available now."""
        points = order.pending
        order.pending = 0
        order.confirmed += 1
        self.changes.pendings[order.key] = order
        self.account.pending -= points
        self.account.available += points
        entry = self._entry(
            "confirm", points, -points, cause="order", order=order.key, posting=-order.confirmed
        )
        self._new_lot(entry, points, order.key)

    def credit(
        self, kind: EntryKind, points: int, *, expires_on: date | None, is_earned: bool = False, **about: Any
    ) -> Entry:
        """Credit `points` (positive) that no order brought: an award, an adjustment, points given back."""
        self.account.available += points
        if is_earned:
            self.account.earned += points
        entry = self._entry(kind, points, **about)
        self._new_lot(entry, points, None, expires_on=expires_on)
        return entry

    # debits

    def spend(self, kind: EntryKind, points: int, **about: Any) -> Entry:
        """Take `points` (positive) in spending order. Raises `InsufficientPoints`, with nothing changed."""
        self._require(points)
        self._take(live_lots(self.account, self.account.lots), points)
        self.account.available -= points
        _forget_empty_lots(self.account)
        return self._entry(kind, -points, **about)

    def take_back(
        self, kind: EntryKind, points: int, own: Lot, *, partly: bool = False, **about: Any
    ) -> Entry | None:
        """Take back `points` (positive) of a credit: from its `own` lot first, then in spending order.

        What expired of its own lot is gone already and moves nothing; None when that was all. Raises
        `InsufficientPoints`, with nothing changed, when too many are spent; `partly` takes what is there instead and
        leaves the rest, None when nothing is.
        """
        account = self.account
        left = points - (min(points, own.remaining) if is_dead(own, account.expired_through) else 0)
        if partly:
            left = min(left, account.available)
        if not left:
            return None
        self._require(left)
        self._take_expired([own], points)
        taken = self._take(live_lots(account, [own]), left)
        self._take(live_lots(account, account.lots), left - taken)
        account.available -= left
        _forget_empty_lots(account)
        return self._entry(kind, -left, **about)

    def clawback(self, order: OrderState, points: int, *, policy: Clawback, refund: str | None) -> None:
        """Take back `points` (positive) of an order, as far as `policy` lets; one entry, none when nothing is taken.

        From the order's own waiting points, then its own lots, then its own points that expired (gone already,
        nothing moves), then any lots in spending order; the rest becomes a deficit, or is forgotten.
        """
        account = self.account
        waiting = min(points, order.pending)
        if waiting:
            order.pending -= waiting
            account.pending -= waiting
            self.changes.pendings[order.key] = order
        from_lots = owed = 0
        if policy != "only_pending":
            own = [lot for lot in account.lots if lot.order == order.key]
            left = points - waiting
            from_lots = self._take(live_lots(account, own), left)
            gone = self._take_expired(own, left - from_lots)
            from_lots += self._take(live_lots(account, account.lots), left - from_lots - gone)
            owed = left - from_lots - gone if policy == "allow_deficit" else 0
            _forget_empty_lots(account)
        taken = from_lots + owed
        if not taken and not waiting:
            return
        account.available -= from_lots
        account.deficit += owed
        account.clawed_back += taken + waiting
        self._order_entry(order, "clawback", -taken, pending=-waiting, refund=refund)

    def hand_over(self, **about: Any) -> tuple[list[Lot], int]:
        """Everything leaves for another account of the same person: (copies of live lots in spending order, deficit).

        One entry takes all that is available, or ends the deficit; none when there is neither.
        """
        account = self.account
        lots = [replace(lot) for lot in live_lots(account, account.lots)]
        owed = account.deficit
        if account.available:
            self.spend("transfer_out", account.available, **about)
        elif owed:
            account.deficit = 0
            self._entry("transfer_out", owed, **about)
        return lots, owed

    def take_over(self, lots: Sequence[Lot], owed: int, **about: Any) -> None:
        """What another account handed over: an entry for each lot, which keeps its last usable day; a deficit is paid
        as far as there are points."""
        account = self.account
        for lot in lots:
            self.credit("transfer_in", lot.remaining, expires_on=lot.expires_on, **about)
        if owed:
            taken = self._take(live_lots(account, account.lots), owed)
            account.available -= taken
            account.deficit += owed - taken
            _forget_empty_lots(account)
            self._entry("transfer_in", -owed, **about)

    # returns

    def give_back(self, kind: EntryKind, taken: Sequence[tuple[Lot, int]], **about: Any) -> Entry:
        """Points of a debit go back to the lots they were taken from; `taken` is (lot, points) in spending order.

        Those whose last usable day lies before today come back together as one new lot of 30 days.
        """
        account = self.account
        points = sum(part for _lot, part in taken)
        account.available += points
        entry = self._entry(kind, points, **about)
        late: list[tuple[Lot, int]] = []
        for lot, part in taken:
            if day_of_return(lot.expires_on, self.today) != lot.expires_on:
                late.append((lot, part))
                continue
            lot.remaining += part
            if all(other.number != lot.number for other in account.lots):
                account.lots.append(lot)
            self._note(lot)
            self.changes.allocations.append(Allocation(self.member_id, entry.sequence, lot.number, -part))
        if late:
            orders = {lot.order for lot, _part in late}
            self._add_lot(
                entry,
                sum(part for _lot, part in late),
                orders.pop() if len(orders) == 1 else None,
                day_of_return(late[0][0].expires_on, self.today),
            )
        self._repay(entry.sequence)
        return entry

    def note(self, kind: EntryKind, **about: Any) -> Entry:
        """An entry that moves no points: a hold was captured."""
        return self._entry(kind, 0, **about)

    # parts

    def _require(self, points: int) -> None:
        available = self.account.available
        if points > available:
            raise InsufficientPoints(
                _(
                    "%(points)s points are wanted and %(available)s are available.",
                    points=points,
                    available=available,
                ),
                errors={"available": available},
            )

    def _new_lot(
        self, entry: Entry, points: int, order: OrderKey | None, *, expires_on: date | None = None
    ) -> None:
        if order is not None:
            expires_on = self.expiry.last_day(self.today)
        self._add_lot(entry, points, order, expires_on)
        self._repay(entry.sequence)

    def _add_lot(
        self, entry: Entry, points: int, order: OrderKey | int | None, expires_on: date | None
    ) -> None:
        lot = Lot(entry.sequence, order, self.at, points, points, expires_on)
        self.account.lots.append(lot)
        self.changes.new_lots[self.member_id, lot.number] = lot

    def _take(self, lots: Iterable[Lot], points: int) -> int:
        """Take up to `points` from these lots, in their order, for the entry that comes; how many there were."""
        left = points
        for lot in lots:
            if not left:
                break
            part = min(left, lot.remaining)
            if part:
                lot.remaining -= part
                left -= part
                self._note(lot)
                self.changes.allocations.append(
                    Allocation(self.member_id, self.account.sequence + 1, lot.number, part)
                )
        return points - left

    def _take_expired(self, own: Iterable[Lot], points: int) -> int:
        """Points that expired need not be taken twice: they leave their dead lot, and no entry."""
        left = points
        for lot in own:
            if left and is_dead(lot, self.account.expired_through):
                part = min(left, lot.remaining)
                lot.remaining -= part
                left -= part
                self._note(lot)
        return points - left

    def _repay(self, sequence: int) -> None:
        """Pay the deficit with what is available, in spending order, without an entry: the balance does not move."""
        account = self.account
        if not account.deficit:
            return
        left = account.deficit
        for lot in live_lots(account, account.lots):
            part = min(left, lot.remaining)
            lot.remaining -= part
            left -= part
            self._note(lot)
            self.changes.allocations.append(Allocation(self.member_id, sequence, lot.number, part))
            if not left:
                break
        account.available -= account.deficit - left
        account.deficit = left
        _forget_empty_lots(account)

    def _note(self, lot: Lot) -> None:
        if (self.member_id, lot.number) not in self.changes.new_lots:
            self.changes.changed_lots[self.member_id, lot.number] = lot

    def _order_entry(
        self,
        order: OrderState,
        kind: EntryKind,
        points: int = 0,
        *,
        pending: int = 0,
        refund: str | None = None,
        rules_version: int | None = None,
    ) -> Entry:
        order.postings += 1
        return self._entry(
            kind,
            points,
            pending,
            cause="order" if refund is None else "refund",
            order=order.key,
            refund=refund,
            posting=order.postings,
            rules_version=rules_version,
        )

    def _entry(
        self, kind: EntryKind, points: int, pending: int = 0, rules_version: int | None = None, **about: Any
    ) -> Entry:
        account = self.account
        account.sequence += 1
        entry = Entry(
            member_id=self.member_id,
            sequence=account.sequence,
            at=self.at,
            kind=kind,
            points=points,
            pending=pending,
            balance_after=account.available - account.deficit,
            rules_version=self.rules_version if rules_version is None else rules_version,
            **about,
        )
        self.changes.entries.append(entry)
        return entry


def live_lots(account: Account, lots: Iterable[Lot]) -> list[Lot]:
    """Lots that can be spent, in spending order: the earliest expiry first, never-expiring last, then the
    oldest, then the lowest number.
    """
    through = account.expired_through
    return sorted((lot for lot in lots if lot.remaining and not is_dead(lot, through)), key=_spending_order)


def _spending_order(lot: Lot) -> tuple[bool, date, datetime, int]:
    return (lot.expires_on is None, lot.expires_on or date.max, lot.available_at, lot.number)


def is_dead(lot: Lot, expired_through: date | None) -> bool:
    """Whether the lot's expiry was posted; what it has left is what expired of it."""
    return expired_through is not None and lot.expires_on is not None and lot.expires_on <= expired_through


def _forget_empty_lots(account: Account) -> None:
    account.lots = [lot for lot in account.lots if lot.remaining]
