"""Writing what folds of the posting rule changed: rows made at once, then written parent before child by COPY."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import connection

from members.lib import bulk, prepared
from members.lib.posting import Changes, OrderKey
from members.lib.posting import changes as rows
from members.models import (
    DailyTotal,
    EarningUse,
    Order,
    OrderBonus,
    OrderLine,
    OrderRevision,
    PendingPoints,
    PointsAccount,
    PointsAllocation,
    PointsEntry,
    PointsLot,
    TierMove,
    TierStanding,
    TierValidity,
)
from members.models import Refund as RefundRow

Row = tuple[Any, ...]
Buyers = Mapping[OrderKey, tuple[int | None, int | None]]
"""(identity id, store id) by order."""


# What an order writes that lifts its member: one statement, which the server plans once.
ONE_MOVE = f"""
with standing as (
    insert into members_tierstanding (merchant_id, member_id, tier_id, since, valid_until)
    values (%(merchant)s, %(member_id)s, %(tier_id)s, %(since)s, %(valid_until)s)
    on conflict (merchant_id, member_id) do update
    set tier_id = excluded.tier_id, since = excluded.since, valid_until = excluded.valid_until
),
validities as (
    insert into members_tiervalidity (merchant_id, member_id, tier_id, valid_until)
    select %(merchant)s, %(member_id)s, v.tier_id, v.valid_until
    from unnest(%(tiers)s::bigint[], %(untils)s::date[]) v (tier_id, valid_until)
    on conflict (merchant_id, member_id, tier_id) do update set valid_until = excluded.valid_until
)
insert into members_tiermove (merchant_id, {", ".join(rows.MOVE_COLUMNS)})
values (%(merchant)s, {", ".join(f"%({name})s" for name in rows.MOVE_COLUMNS)}) returning member_id
"""


@dataclass(slots=True)
class Prepared:
    """The rows to write for what folds changed, made at once: the states behind them may move on meanwhile."""

    new_orders: list[Row]
    new_lines: list[Row]
    changed_orders: list[Row]
    changed_lines: list[Row]
    line_counts: list[int]  # of the changed orders
    revisions: list[Row]
    refunds: list[Row]
    entries: list[Row]
    new_lots: list[Row]
    changed_lots: list[Row]
    allocations: list[Row]
    pendings: list[Row]
    daily: list[Row]
    accounts: list[Row]
    standings: list[Row]
    validities: list[Row]
    moves: list[Row]
    bonuses: list[Row]
    uses: list[Row]


def prepare(changes: Changes, buyers: Buyers) -> Prepared:
    """The rows of some changes whose new orders have their ids. Pure."""
    changed = list(changes.order_rows(new=False))
    return Prepared(
        new_orders=[
            (*row, *buyers.get((row[1], row[2]), (None, None))) for row in changes.order_rows(new=True)
        ],
        new_lines=list(changes.line_rows(new=True)),
        changed_orders=changed,
        changed_lines=list(changes.line_rows(new=False)) if changed else [],
        line_counts=[len(changes.orders[row[1], row[2]].lines) for row in changed],
        revisions=list(_revision_rows(changes)),
        refunds=list(_refund_rows(changes)),
        entries=list(changes.entry_rows()),
        new_lots=list(changes.new_lot_rows()),
        changed_lots=list(changes.changed_lot_rows()),
        allocations=list(changes.allocation_rows()),
        pendings=list(changes.pending_rows()),
        daily=list(changes.daily_rows()),
        accounts=list(changes.account_rows()),
        standings=list(changes.standing_rows()),
        validities=list(changes.validity_rows()),
        moves=list(changes.move_rows()),
        bonuses=list(changes.bonus_rows()),
        uses=list(changes.use_rows()),
    )


def write(*, merchant_id: int, changes: Changes, buyers: Buyers | None = None) -> None:
    """Write what folds changed. `buyers` gives (identity id, store id) of new orders. domain.md 4 to 6."""
    if not changes:
        return
    for order, order_id in zip(
        changes.new_orders, bulk.next_ids(Order, len(changes.new_orders)), strict=True
    ):
        order.id = order_id
    write_rows(merchant_id=merchant_id, ready=prepare(changes, buyers or {}))


def write_rows(*, merchant_id: int, ready: Prepared) -> None:
    """Write prepared rows, what is referred to before what refers to it."""
    _write_orders(merchant_id, ready)
    bulk.insert(PointsEntry, merchant_id, rows.ENTRY_COLUMNS, ready.entries)
    bulk.insert(PointsLot, merchant_id, rows.LOT_COLUMNS, ready.new_lots)
    bulk.update(PointsLot, merchant_id, ["member_id", "number"], ["remaining"], ready.changed_lots)
    bulk.insert(PointsAllocation, merchant_id, rows.ALLOCATION_COLUMNS, ready.allocations)
    _upsert(PendingPoints, merchant_id, rows.PENDING_COLUMNS, ready.pendings, ["order_id"])
    bulk.add(DailyTotal, merchant_id, ["member_id", "day"], rows.DAILY_COLUMNS[2:], ready.daily)
    bulk.update(PointsAccount, merchant_id, ["member_id"], rows.ACCOUNT_COLUMNS[1:], ready.accounts)
    _write_tiers(merchant_id, ready)
    if ready.bonuses or ready.uses:
        _upsert(OrderBonus, merchant_id, rows.BONUS_COLUMNS, ready.bonuses, ["order_id"])
        bulk.add(EarningUse, merchant_id, ["member_id", "code", "day"], rows.USE_COLUMNS[3:], ready.uses)


def check_references_at_once() -> None:
    """Have references checked with each statement, for the rest of the transaction: quicker for many rows."""
    with connection.cursor() as cursor:
        cursor.execute("set constraints all immediate")


def _upsert(model: Any, merchant_id: int, columns: Sequence[str], values: Any, keys: Sequence[str]) -> None:
    setting = ", ".join(f"{name} = excluded.{name}" for name in columns if name not in keys)
    tail = f"on conflict (merchant_id, {', '.join(keys)}) do update set {setting}"
    bulk.insert(model, merchant_id, columns, values, tail=tail)


def _write_tiers(merchant_id: int, ready: Prepared) -> None:
    if len(ready.standings) == len(ready.moves) == 1 and ready.validities:
        known = dict(zip(rows.MOVE_COLUMNS, ready.moves[0], strict=True))
        known |= dict(zip(rows.STANDING_COLUMNS, ready.standings[0], strict=True))
        _members, tiers, untils = (list(column) for column in zip(*ready.validities, strict=True))
        prepared.fetch_one(ONE_MOVE, known | {"merchant": merchant_id, "tiers": tiers, "untils": untils})
        return
    _upsert(TierStanding, merchant_id, rows.STANDING_COLUMNS, ready.standings, ["member_id"])
    _upsert(TierValidity, merchant_id, rows.VALIDITY_COLUMNS, ready.validities, ["member_id", "tier_id"])
    bulk.insert(TierMove, merchant_id, rows.MOVE_COLUMNS, ready.moves)


def _write_orders(merchant_id: int, ready: Prepared) -> None:
    bulk.insert(Order, merchant_id, (*rows.ORDER_COLUMNS, "identity_id", "store_id"), ready.new_orders)
    bulk.insert(OrderLine, merchant_id, rows.LINE_COLUMNS, ready.new_lines)
    if ready.changed_orders:
        bulk.update(Order, merchant_id, ["id"], rows.ORDER_COLUMNS[1:], ready.changed_orders)
        _upsert(OrderLine, merchant_id, rows.LINE_COLUMNS, ready.changed_lines, ["order_id", "number"])
        with connection.cursor() as cursor:  # an order sent again with fewer lines
            cursor.execute(
                "delete from members_orderline l using unnest(%s::bigint[], %s::int[]) as o (id, lines) "
                "where l.merchant_id = %s and l.order_id = o.id and l.number > o.lines",
                [[row[0] for row in ready.changed_orders], ready.line_counts, merchant_id],
            )
    bulk.insert(OrderRevision, merchant_id, REVISION_COLUMNS, ready.revisions)
    bulk.insert(RefundRow, merchant_id, (*rows.REFUND_COLUMNS, "lines"), ready.refunds)


def _refund_rows(changes: Changes) -> Iterator[Row]:
    for refund in changes.refunds:
        yield (
            changes.orders[refund.order].id,
            refund.refund,
            refund.at,
            refund.is_whole,
            sum(minor for _number, minor in refund.lines),
            refund.sequence,
            [*map(list, refund.lines)],
        )


REVISION_COLUMNS = (
    "order_id",
    "revision",
    "replaced_at",
    "member_id",
    "status",
    "paid_at",
    "completed_at",
    "lines",
    "posted",
    "sequence",
)


def _revision_rows(changes: Changes) -> Iterator[tuple[Any, ...]]:
    for was in changes.revisions:
        lines = [[sku, f"{Decimal(quantity).normalize():f}", amount] for sku, quantity, amount in was.lines]
        yield (
            changes.orders[was.order].id,
            was.revision,
            was.replaced_at,
            was.member_id,
            was.status,
            was.paid_at,
            was.completed_at,
            lines,
            was.posted,
            was.sequence,
        )
