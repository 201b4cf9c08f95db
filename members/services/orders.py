"""Orders in: put, put again, refund; one by one or many at once, by one rule (domain.md 4)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

from django.db import transaction

from members.lib import bulk
from members.lib.collection import no_collection
from members.lib.posting import Changes, TierMove
from members.models import Merchant, Order, ProgramStatus
from members.selectors import rules as rules_selector
from members.services import order_news, posting, programs, tier_welcomes, webhook_events
from members.services.audit import Actor
from members.services.order_desk import Desk
from members.services.order_items import Batch, Item, LineIn, Live, OrderIn, Outcome, RefundIn

__all__ = [
    "Batch",
    "Item",
    "LineIn",
    "OrderIn",
    "Outcome",
    "RefundIn",
    "put_many",
    "put_order",
    "refund_order",
]

PART = 5_000  # items folded while the part before is written
FIRST_PART = 1_250


@transaction.atomic
def put_order(*, merchant_id: int, at: dt.datetime, actor: Actor, order: OrderIn) -> Outcome:
    """Store an order, or adjust it by difference; the same order again is a no-op (domain.md 4).

    Points, tier and daily totals follow in the same transaction while the program is open; while it is not, the
    order is stored and earns nothing. Raises Invalid, NotFound, OrderMemberFixed, RefundExceedsOrder.
    """
    posting.lock_merchant(merchant_id=merchant_id, alone=False)
    posting.lock_order(merchant_id=merchant_id, key=order.key)
    outcome = _work(merchant_id, [(at, order)]).outcomes[0]
    if outcome.refusal is not None:
        raise outcome.refusal
    return outcome


@transaction.atomic
def refund_order(
    *,
    merchant_id: int,
    at: dt.datetime,
    actor: Actor,
    channel: str,
    external_id: str,
    refund_id: str,
    lines: Sequence[tuple[int, int]] | None = None,
) -> Outcome:
    """Refund an order whole or by line; points follow under the clawback policy in force (domain.md 6).

    `lines` are (line number from 1, amount in minor units). Refused whole over what is left of any line, or of
    nothing. Raises NotFound, RefundExceedsOrder, Invalid, IdempotencyConflict.
    """
    item = RefundIn(external_id=external_id, refund=refund_id, channel=channel, lines=lines)
    posting.lock_merchant(merchant_id=merchant_id, alone=False)
    posting.lock_order(merchant_id=merchant_id, key=item.key)
    outcome = _work(merchant_id, [(at, item)]).outcomes[0]
    if outcome.refusal is not None:
        raise outcome.refusal
    return outcome


@transaction.atomic
def put_many(*, merchant_id: int, actor: Actor, items: Sequence[Item]) -> Batch:
    """Post many orders and refunds in the order given, each arriving at its own instant (not going back).

    Equal to posting them one by one; refused items change nothing and the rest goes on. One transaction: keep a
    call to some ten thousand items.
    """
    posting.lock_merchant(merchant_id=merchant_id, alone=True)
    with no_collection():
        return _work(merchant_id, items)


def _work(merchant_id: int, items: Sequence[Item]) -> Batch:
    """Resolve buyers, load, fold per member, write."""
    batch = Batch([Outcome("") for _ in items])
    if not items:
        return batch
    program = programs.lock_for_write(merchant_id=merchant_id)
    merchant = Merchant.objects.get(pk=merchant_id)
    first, version = rules_selector.after_edits(merchant_id=merchant_id, at=items[0][0])
    if program.status in (ProgramStatus.CLOSED, ProgramStatus.CLEARED):
        # A close that came in meanwhile is before it too: what the closure keeps back is told by its instants.
        first = max(first, programs.closed_since(merchant_id=merchant_id) or first)
    if first > items[0][0]:
        # An edit of the rules came in while this waited for its turn: it arrives after the edit, whose lift has not
        # seen it and whose tiers older rules do not know.
        items = [(max(at, first), item) for at, item in items]
    rules = rules_selector.rules_at(merchant_id=merchant_id, at=first, program=program, version=version)
    heard = webhook_events.Heard(program)
    news = order_news.News(program)
    desk = Desk(merchant, rules, items, batch)
    desk.check()
    desk.resolve()
    desk.load(first)
    if len(items) > 2 * PART:
        moves = _in_parts(merchant_id, desk, heard, news)
    else:
        desk.fold(desk.live())
        posting.write(merchant_id=merchant_id, changes=desk.changes, buyers=desk.buyers)
        heard.take(desk.changes)
        news.take(desk.changes)
        moves = desk.changes.moves
    heard.leave(merchant_id=merchant_id, at=items[-1][0])
    tier_welcomes.give(merchant=merchant, program=program, rules=rules, at=items[-1][0], moves=moves)
    news.tell(merchant_id=merchant_id, at=items[-1][0])
    desk.fill_in_buyers()
    desk.report()
    return batch


def _parts(live: list[Live]) -> list[list[Live]]:
    """Items in parts of some `PART`, the first a quarter of it: while it is folded the database has nothing to do."""
    begins = [0, *range(FIRST_PART, len(live), PART)]
    return [live[begin:end] for begin, end in pairwise([*begins, len(live)])]


def _in_parts(
    merchant_id: int, desk: Desk, heard: webhook_events.Heard, news: order_news.News
) -> list[TierMove]:
    """Fold part by part, each while the database writes the one before; the parts follow each other in order. Returns
    the rises of all parts, which bring welcomes.

    The folding thread touches no database and the rows of a part are made before the next is folded, so writing
    sees none of what comes after it.
    """
    live = desk.live()
    parts = _parts(live)
    ids = iter(bulk.next_ids(Order, sum(isinstance(item, OrderIn) for _place, _at, item in live)))

    moves: list[TierMove] = []
    last = Changes()  # what is a whole new value is written once, at the end

    def folded(part: list[Live]) -> posting.Prepared:
        changes = desk.changes = Changes()
        desk.fold(part)
        heard.take(changes)
        news.take(changes)
        moves.extend(tier_welcomes.risen(desk.rules.tiers, changes.moves))
        for order in changes.new_orders:
            order.id = next(ids)
        for name in ("accounts", "standings", "validities"):
            getattr(last, name).update(getattr(changes, name))
            setattr(changes, name, {})
        return posting.prepare(changes, desk.buyers)

    posting.check_references_at_once()
    with ThreadPoolExecutor(max_workers=1) as pool:
        ahead = [pool.submit(folded, part) for part in parts[:1]]
        for following in [*parts[1:], None]:
            if not ahead:
                break
            ready = ahead.pop().result()
            if following is not None:
                ahead.append(pool.submit(folded, following))
            posting.write_rows(merchant_id=merchant_id, ready=ready)
    posting.write_rows(merchant_id=merchant_id, ready=posting.prepare(last, {}))
    return moves
