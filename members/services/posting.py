"""Between the database and the pure posting rule: load what a fold must know, write what it changed.

Used by the single-order service and by bulk posting alike; the rule itself is members.lib.posting. The caller holds
the locks (`lock_members`) before it loads.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from decimal import Decimal
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.utils.functional import cached_property

from members.lib import bulk
from members.lib.points import earning_terms
from members.lib.posting import (
    Account,
    Changes,
    DayTotals,
    Lot,
    MemberState,
    OrderKey,
    OrderState,
    Refund,
    Rules,
)
from members.lib.posting import changes as rows
from members.lib.tiers import TierStanding as PureStanding
from members.models import (
    DailyTotal,
    Member,
    Merchant,
    Order,
    OrderLine,
    OrderRevision,
    PointsAccount,
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


def member_chunks(*, merchant_id: int, size: int) -> Iterator[list[int]]:
    """The ids of a merchant's members, `size` at a time, in order."""
    after = 0
    while True:
        query = (
            Member.objects.of(merchant_id).filter(id__gt=after).order_by("id").values_list("id", flat=True)
        )
        ids = list(query[:size])
        if not ids:
            return
        yield ids
        after = ids[-1]


def lock_merchant(*, merchant_id: int, alone: bool) -> None:
    """Serialise bulk posting of a merchant against single postings, until the transaction ends."""
    lock = "pg_advisory_xact_lock" if alone else "pg_advisory_xact_lock_shared"
    with connection.cursor() as cursor:
        cursor.execute(f"select {lock}(hashtextextended('posting', %s))", [merchant_id])


def lock_order(*, merchant_id: int, key: OrderKey) -> None:
    """Serialise two requests about one order, stored or not, until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select pg_advisory_xact_lock(hashtextextended(%s, %s))", ["\x1f".join(key), merchant_id]
        )


def lock_members(*, merchant_id: int, member_ids: Collection[int]) -> None:
    """Lock the members' accounts in member order, in a statement of its own before anything is read."""
    if not member_ids:
        return
    ids = sorted(member_ids)
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into members_pointsaccount (merchant_id, member_id, available, pending, deficit, earned, "
            "redeemed, expired, clawed_back, sequence) select %s, id, 0, 0, 0, 0, 0, 0, 0, 0 "
            "from unnest(%s::bigint[]) as id on conflict do nothing",
            [merchant_id, ids],
        )
        cursor.execute(
            "select 1 from members_pointsaccount where merchant_id = %s and member_id = any(%s) "
            "order by member_id for update",
            [merchant_id, ids],
        )


def load(
    *,
    merchant: Merchant,
    rules: Rules,
    member_ids: Collection[int],
    at: dt.datetime,
    order_keys: Collection[OrderKey] = (),
    spending: Collection[int] | None = None,
) -> dict[int | None, MemberState]:
    """The states of members (and of customers, under None) as the fold must know them.

    `at` is the first event's instant: days of the window from it are loaded. `order_keys` are the orders that
    events name; the members of those stored are loaded whatever `member_ids` says. `spending` are members whose
    open lots are needed (None: all that own a named stored order).
    """
    loader = _Loader(merchant, rules, at)
    orders = loader.orders(order_keys)
    wanted = set(member_ids) | {order.member_id for order in orders if order.member_id is not None}
    owners = {order.member_id for order in orders if order.member_id is not None}
    states = loader.members(wanted, owners if spending is None else set(spending) | owners, orders)
    states[None] = MemberState.customer(at=at)
    for order in orders:
        states[order.member_id].orders[order.key] = order
    return states


class _Loader:
    """Reads of one load; each topic is one query."""

    def __init__(self, merchant: Merchant, rules: Rules, at: dt.datetime) -> None:
        self.merchant, self.rules, self.at = merchant, rules, at
        self.merchant_id = merchant.pk

    @cached_property
    def first_day(self) -> dt.date:
        """The first day of the window at the first event."""
        return self.rules.tiers.window.start(self.at.astimezone(self.rules.zone).date())

    def rows(self, query: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        with connection.cursor() as cursor:
            cursor.execute(query, parameters)
            return cursor.fetchall()

    def members(
        self, ids: set[int], spending: set[int | None], orders: list[OrderState]
    ) -> dict[int | None, MemberState]:
        """Standing, validities, account, lots and days."""
        wanted = sorted(ids)
        base = self.rules.tiers.base.id
        held = {
            row[0]: row[1:]
            for row in self.rows(
                "select m.id, s.tier_id, coalesce(s.since, m.joined_at) from members_member m left join "
                "members_tierstanding s on s.merchant_id = m.merchant_id and s.member_id = m.id "
                "where m.merchant_id = %s and m.id = any(%s)",
                [self.merchant_id, wanted],
            )
        }
        states: dict[int | None, MemberState] = {
            member_id: MemberState(
                member_id=member_id, standing=PureStanding(tier_id=tier or base, since=since)
            )
            for member_id, (tier, since) in held.items()
        }
        for member_id, tier_id, until in self.rows(
            "select member_id, tier_id, valid_until from members_tiervalidity "
            "where merchant_id = %s and member_id = any(%s)",
            [self.merchant_id, wanted],
        ):
            states[member_id].standing.validity[tier_id] = until
        self._accounts(states, wanted)
        self._lots(states, sorted(i for i in spending if i is not None), orders)
        self._days(states, wanted)
        return states

    def _accounts(self, states: dict[int | None, MemberState], wanted: list[int]) -> None:
        names = (
            "available, pending, deficit, earned, redeemed, expired, clawed_back, sequence, expired_through"
        )
        for member_id, *values in self.rows(
            f"select member_id, {names} from members_pointsaccount where merchant_id = %s and member_id = any(%s)",
            [self.merchant_id, wanted],
        ):
            states[member_id].account = Account(*values)

    def _lots(
        self, states: dict[int | None, MemberState], wanted: list[int], orders: list[OrderState]
    ) -> None:
        if not wanted:
            return
        key_of = {order.id: order.key for order in orders}
        for member_id, number, order_id, available_at, amount, remaining, expires_on in self.rows(
            "select member_id, number, order_id, available_at, amount, remaining, expires_on from members_pointslot "
            "where merchant_id = %s and member_id = any(%s) and remaining > 0",
            [self.merchant_id, wanted],
        ):
            lot = Lot(number, key_of.get(order_id), available_at, amount, remaining, expires_on)
            states[member_id].account.lots.append(lot)

    def _days(self, states: dict[int | None, MemberState], wanted: list[int]) -> None:
        for member_id, day, spend, orders, points in self.rows(
            "select member_id, day, spend_minor, orders, points from members_dailytotal "
            "where merchant_id = %s and member_id = any(%s) and day >= %s",
            [self.merchant_id, wanted, self.first_day],
        ):
            states[member_id].daily[day] = DayTotals(spend, orders, points)

    def orders(self, keys: Collection[OrderKey]) -> list[OrderState]:
        """The stored orders of these keys, with lines and refunds."""
        if not keys:
            return []
        channels, external_ids = zip(*keys, strict=True)
        found = [
            self._order(row)
            for row in self.rows(
                "select o.id, o.channel, o.external_id, o.member_id, o.at, o.status, o.paid_at, o.paid_on, "
                "o.completed_at, o.total_minor, o.refunded_minor, o.rules_version, o.tier_id, o.per_major, "
                "o.multiplier, o.pending_days, o.posted, o.postings, o.revision from members_order o "
                "join unnest(%s::text[], %s::text[]) as k (channel, external_id) "
                "on o.channel = k.channel and o.external_id = k.external_id where o.merchant_id = %s",
                [list(channels), list(external_ids), self.merchant_id],
            )
        ]
        if found:
            self._lines(found)
            self._refunds(found)
        return found

    def _order(self, row: tuple[Any, ...]) -> OrderState:
        version, tier_id, per_major, multiplier, pending_days = row[11:16]
        terms = None
        if version is not None:
            terms = earning_terms(
                rules_version=version,
                tier_id=tier_id,
                per_major=per_major,
                multiplier=multiplier,
                minor_digits=self.rules.minor_digits,
                pending_days=pending_days,
            )
        return OrderState(
            id=row[0],
            key=(row[1], row[2]),
            member_id=row[3],
            at=row[4],
            status=row[5],
            paid_at=row[6],
            paid_on=row[7],
            completed_at=row[8],
            lines=(),
            total_minor=row[9],
            refunded_minor=row[10],
            terms=terms,
            posted=row[16],
            postings=row[17],
            revision=row[18],
        )

    def _lines(self, orders: list[OrderState]) -> None:
        lines = defaultdict(list)
        for order_id, sku, quantity, amount, points, refunded in self.rows(
            "select order_id, sku, quantity, amount_minor, points, refunded_minor from members_orderline "
            "where merchant_id = %s and order_id = any(%s) order by order_id, number",
            [self.merchant_id, [order.id for order in orders]],
        ):
            lines[order_id].append((sku, quantity, amount, points, refunded))
        for order in orders:
            own = lines[order.id]
            order.lines = tuple((sku, quantity, amount) for sku, quantity, amount, _, _ in own)
            if order.terms is not None:
                order.points = tuple(points or 0 for *_, points, _ in own)
            if order.refunded_minor:
                order.refunded = [refunded for *_, refunded in own]

    def _refunds(self, orders: list[OrderState]) -> None:
        by_id = {order.id: order for order in orders}
        for order_id, refund, at, is_whole, lines in self.rows(
            "select order_id, refund, at, is_whole, lines::text from members_refund "
            "where merchant_id = %s and order_id = any(%s)",
            [self.merchant_id, list(by_id)],
        ):
            order = by_id[order_id]
            pairs = tuple((number, amount) for number, amount in json.loads(lines))
            order.refunds[refund] = Refund(order.key, refund, at, is_whole, pairs)


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
    daily: list[Row]
    accounts: list[Row]
    standings: list[Row]
    validities: list[Row]
    moves: list[Row]


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
        daily=list(changes.daily_rows()),
        accounts=list(changes.account_rows()),
        standings=list(changes.standing_rows()),
        validities=list(changes.validity_rows()),
        moves=list(changes.move_rows()),
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
    bulk.add(DailyTotal, merchant_id, ["member_id", "day"], rows.DAILY_COLUMNS[2:], ready.daily)
    bulk.update(PointsAccount, merchant_id, ["member_id"], rows.ACCOUNT_COLUMNS[1:], ready.accounts)
    _upsert(TierStanding, merchant_id, rows.STANDING_COLUMNS, ready.standings, ["member_id"])
    _upsert(TierValidity, merchant_id, rows.VALIDITY_COLUMNS, ready.validities, ["member_id", "tier_id"])
    bulk.insert(TierMove, merchant_id, rows.MOVE_COLUMNS, ready.moves)


def check_references_at_once() -> None:
    """Have references checked with each statement, for the rest of the transaction: quicker for many rows."""
    with connection.cursor() as cursor:
        cursor.execute("set constraints all immediate")


def _upsert(model: Any, merchant_id: int, columns: Sequence[str], values: Any, keys: Sequence[str]) -> None:
    setting = ", ".join(f"{name} = excluded.{name}" for name in columns if name not in keys)
    tail = f"on conflict (merchant_id, {', '.join(keys)}) do update set {setting}"
    bulk.insert(model, merchant_id, columns, values, tail=tail)


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
        )
