"""Moving points: an earn makes a lot, a clawback takes them back (domain.md 6).

Always: available = what live lots have left; available - deficit = the sum of all entries' points; and there
is never both something available and a deficit, because every credit repays first.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime

from members.lib.points import Clawback
from members.lib.posting.changes import Changes
from members.lib.posting.state import Account, Entry, EntryCause, EntryKind, Lot, OrderState


def earn(
    account: Account, order: OrderState, points: int, changes: Changes, *, member_id: int, at: datetime
) -> None:
    """Credit `points` (positive) for `order`, available at once; they repay a deficit before anything
    else.
    """
    account.available += points
    account.earned += points
    entry = _entry(
        account, order, "earn", points, changes, member_id=member_id, at=at, cause="order", refund=None
    )
    lot = Lot(entry.sequence, order.key, at, points, points)
    account.lots.append(lot)
    changes.new_lots[member_id, lot.number] = lot
    if account.deficit:
        _repay(account, changes, member_id)


def clawback(
    account: Account,
    order: OrderState,
    points: int,
    changes: Changes,
    *,
    policy: Clawback,
    member_id: int,
    at: datetime,
    refund: str | None,
) -> None:
    """Take back `points` (positive) of `order`, as far as `policy` lets; no entry when nothing is taken.

    From the order's own lots, then its own points that expired (gone already, nothing moves), then any lots
    in spending order; the rest becomes a deficit, or is forgotten. Points do not wait yet, so `only_pending`
    takes none.
    """
    if policy == "only_pending":
        return
    own = [lot for lot in account.lots if lot.order == order.key]
    from_own = _take(live_lots(account, own), points, changes, member_id)
    gone = _take(
        [lot for lot in own if _is_dead(lot, account.expired_through)], points - from_own, changes, member_id
    )
    from_any = _take(live_lots(account, account.lots), points - from_own - gone, changes, member_id)
    owed = points - from_own - gone - from_any if policy == "allow_deficit" else 0
    taken = from_own + from_any + owed
    _forget_empty_lots(account)
    if not taken:
        return
    account.available -= from_own + from_any
    account.deficit += owed
    account.clawed_back += taken
    _entry(
        account,
        order,
        "clawback",
        -taken,
        changes,
        member_id=member_id,
        at=at,
        cause="refund" if refund is not None else "order",
        refund=refund,
    )


def live_lots(account: Account, lots: Iterable[Lot]) -> list[Lot]:
    """Lots that can be spent, in spending order: the earliest expiry first, never-expiring last, then the
    oldest.
    """
    through = account.expired_through
    return sorted((lot for lot in lots if lot.remaining and not _is_dead(lot, through)), key=_spending_order)


def _spending_order(lot: Lot) -> tuple[bool, date, datetime, int]:
    return (lot.expires_on is None, lot.expires_on or date.max, lot.available_at, lot.number)


def _is_dead(lot: Lot, expired_through: date | None) -> bool:
    return expired_through is not None and lot.expires_on is not None and lot.expires_on <= expired_through


def _take(lots: Iterable[Lot], points: int, changes: Changes, member_id: int) -> int:
    """Take up to `points` from these lots, in their order; how many there were."""
    left = points
    for lot in lots:
        if not left:
            break
        part = min(left, lot.remaining)
        if part:
            lot.remaining -= part
            left -= part
            if (member_id, lot.number) not in changes.new_lots:
                changes.changed_lots[member_id, lot.number] = lot
    return points - left


def _repay(account: Account, changes: Changes, member_id: int) -> None:
    """Pay the deficit with what is available, in spending order, without an entry: the balance does not
    move.
    """
    paid = _take(live_lots(account, account.lots), account.deficit, changes, member_id)
    account.available -= paid
    account.deficit -= paid
    _forget_empty_lots(account)


def _forget_empty_lots(account: Account) -> None:
    account.lots = [lot for lot in account.lots if lot.remaining]


def _entry(
    account: Account,
    order: OrderState,
    kind: EntryKind,
    points: int,
    changes: Changes,
    *,
    member_id: int,
    at: datetime,
    cause: EntryCause,
    refund: str | None,
) -> Entry:
    account.sequence += 1
    order.postings += 1
    entry = Entry(
        member_id=member_id,
        sequence=account.sequence,
        at=at,
        kind=kind,
        points=points,
        pending=0,
        balance_after=account.available - account.deficit,
        cause=cause,
        order=order.key,
        refund=refund,
        posting=order.postings,
    )
    changes.entries.append(entry)
    return entry
