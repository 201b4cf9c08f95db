"""Between the database and the pure posting rule: load what a fold must know, write what it changed.

Used by the single-order service and by bulk posting alike; the rule itself is members.lib.posting. The caller holds
the locks (`lock_members`) before it loads.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from django.db import connection
from django.utils.functional import cached_property

from members.lib.bonus import DAY
from members.lib.bulk import KEY_BY_KEY, array_literal
from members.lib.points import earning_terms
from members.lib.posting import (
    Account,
    DayTotals,
    Lot,
    MemberState,
    OrderKey,
    OrderState,
    Refund,
    Rules,
)
from members.lib.posting.bonuses import read as read_bonus
from members.lib.tiers import TierStanding as PureStanding
from members.models import Member, Merchant
from members.services.posting_rows import Prepared, check_references_at_once, prepare, write, write_rows

__all__ = [
    "Prepared",
    "accounts",
    "check_references_at_once",
    "load",
    "lock_members",
    "lock_merchant",
    "lock_order",
    "member_chunks",
    "prepare",
    "write",
    "write_rows",
]


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
    """Serialise two requests about one order, or one of anything named so, stored or not, until the transaction
    ends.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "select pg_advisory_xact_lock(hashtextextended(%s, %s))", ["\x1f".join(key), merchant_id]
        )


def lock_members(*, merchant_id: int, member_ids: Collection[int]) -> None:
    """Lock the members' accounts in member order, in a statement of its own before anything is read.

    Those that lack are made before the first is locked: who waits for another's new account holds none.
    """
    if not member_ids:
        return
    ids = sorted(member_ids)
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into members_pointsaccount (merchant_id, member_id, available, pending, deficit, earned, "
            "redeemed, expired, clawed_back, sequence) select %s, m.id, 0, 0, 0, 0, 0, 0, 0, 0 "
            "from unnest(%s::bigint[]) as m (id) where (select a.id from members_pointsaccount a "
            "where a.merchant_id = %s and a.member_id = m.id) is null on conflict do nothing",
            [merchant_id, ids, merchant_id],
        )
        cursor.execute(
            "select 1 from members_pointsaccount where merchant_id = %s and member_id = any(%s) "
            "order by member_id for update",
            [merchant_id, ids],
        )


def accounts(*, merchant_id: int, member_ids: Collection[int], lots: bool = False) -> dict[int, Account]:
    """The accounts of locked members, with what is left of their lots if asked: dead ones too, for what expired."""
    found: dict[int, Account] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            "select member_id, available, pending, deficit, earned, redeemed, expired, clawed_back, sequence, "
            "greatest(expired_through, points_expired_through) from members_pointsaccount a "
            "join members_program p on p.merchant_id = a.merchant_id "
            "where a.merchant_id = %s and member_id = any(%s)",
            [merchant_id, sorted(member_ids)],
        )
        for member_id, *values in cursor.fetchall():
            found[member_id] = Account(*values)
        if lots:
            cursor.execute(
                "select member_id, number, order_id, available_at, amount, remaining, expires_on "
                "from members_pointslot where merchant_id = %s and member_id = any(%s) and remaining > 0",
                [merchant_id, sorted(member_ids)],
            )
            for member_id, *values in cursor.fetchall():
                found[member_id].lots.append(Lot(*values))
    return found


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
    if rules.is_lifting:
        from members.services import tier_lifts  # which stands on this module

        tier_lifts.catch_up(merchant=merchant, member_ids=wanted)
    owners: set[int | None] = {order.member_id for order in orders if order.member_id is not None}
    states = loader.members(wanted, owners if spending is None else owners | set(spending), orders)
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
        return self.rules.tiers.window.start(self.at.astimezone(self.rules.zone).date())  # of any member

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
                "select m.id, s.tier_id, coalesce(s.since, m.joined_at), m.joined_on from members_member m left join "
                "members_tierstanding s on s.merchant_id = m.merchant_id and s.member_id = m.id "
                "where m.merchant_id = %s and m.id = any(%s)",
                [self.merchant_id, wanted],
            )
        }
        states: dict[int | None, MemberState] = {
            member_id: MemberState(
                member_id=member_id,
                standing=PureStanding(tier_id=tier or base, since=since),
                joined_on=joined_on,
            )
            for member_id, (tier, since, joined_on) in held.items()
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
        if codes := self._limits(orders):
            self._uses(states, wanted, codes)
        return states

    def _limits(self, orders: list[OrderState]) -> list[str]:
        """The codes of limits that concern these orders or orders to come."""
        earning = self.rules.points.earning
        found = {campaign.counted_as for campaign in earning.campaigns if campaign.is_limited}
        if earning.day_most is not None:
            found.add(DAY)
        for order in orders:
            if order.bonus is not None:
                found.update(order.bonus.terms.limited)
        return sorted(found)

    def _uses(self, states: dict[int | None, MemberState], wanted: list[int], codes: list[str]) -> None:
        for member_id, code, day, points in self.rows(
            "select member_id, code, day, points from members_earninguse "
            "where merchant_id = %s and member_id = any(%s) and code = any(%s)",
            [self.merchant_id, wanted, codes],
        ):
            states[member_id].uses[code, day] = points

    def _accounts(self, states: dict[int | None, MemberState], wanted: list[int]) -> None:
        for member_id, *values in self.rows(
            "select member_id, available, pending, deficit, earned, redeemed, expired, clawed_back, sequence, "
            "greatest(expired_through, points_expired_through) from members_pointsaccount a "
            "join members_program p on p.merchant_id = a.merchant_id "
            "where a.merchant_id = %s and member_id = any(%s)",
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
            "select l.member_id, l.number, l.order_id, l.available_at, l.amount, l.remaining, l.expires_on "
            "from members_pointslot l join members_pointsaccount a "
            "on a.merchant_id = l.merchant_id and a.member_id = l.member_id "
            "where l.merchant_id = %s and l.member_id = any(%s) and l.remaining > 0 and (l.expires_on is null "
            "or a.expired_through is null or l.expires_on > a.expired_through or l.order_id = any(%s))",
            [self.merchant_id, wanted, list(key_of)],
        ):
            lot = Lot(number, key_of.get(order_id, order_id), available_at, amount, remaining, expires_on)
            states[member_id].account.lots.append(lot)

    def _days(self, states: dict[int | None, MemberState], wanted: list[int]) -> None:
        for member_id, day, spend, orders, points in self.rows(
            "select d.* from unnest(%s::bigint[]) as m (id) cross join lateral (select member_id, day, spend_minor, "
            "orders, points from members_dailytotal where merchant_id = %s and member_id = m.id and day >= %s "
            f"{KEY_BY_KEY}) d",
            [wanted, self.merchant_id, self.first_day],
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
                "o.multiplier, o.pending_days, o.posted, o.postings, o.revision, p.points, p.due_at, p.confirmed, "
                "b.scene, b.kept::text from unnest(%s::text[], %s::text[]) as k (channel, external_id) "
                "cross join lateral (select * from members_order where merchant_id = %s and channel = k.channel "
                f"and external_id = k.external_id {KEY_BY_KEY}) o "
                "left join lateral (select points, due_at, confirmed from members_pendingpoints "
                f"where merchant_id = o.merchant_id and order_id = o.id {KEY_BY_KEY}) p on true "
                "left join lateral (select scene, kept from members_orderbonus "
                f"where merchant_id = o.merchant_id and order_id = o.id {KEY_BY_KEY}) b on true",
                [array_literal(channels), array_literal(external_ids), self.merchant_id],
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
            pending=row[19] or 0,
            due_at=row[20],
            confirmed=row[21] or 0,
            scene=row[22] or "",
            bonus=read_bonus(json.loads(row[23])) if row[23] else None,
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
        for order_id, refund, at, is_whole, lines, sequence in self.rows(
            "select order_id, refund, at, is_whole, lines::text, sequence from members_refund "
            "where merchant_id = %s and order_id = any(%s)",
            [self.merchant_id, list(by_id)],
        ):
            order = by_id[order_id]
            pairs = tuple((number, amount) for number, amount in json.loads(lines))
            order.refunds[refund] = Refund(order.key, refund, at, is_whole, pairs, sequence)


def fill_in_buyers(*, merchant_id: int, buyers: dict[OrderKey, tuple[int | None, int | None]]) -> int:
    """Set identity and store of stored orders where they lack; what is set stays. How many orders changed."""
    rows = [(*key, *ids) for key, ids in buyers.items()]
    with connection.cursor() as cursor:
        cursor.execute(
            "update members_order o set identity_id = coalesce(o.identity_id, k.identity_id), "
            "store_id = coalesce(o.store_id, k.store_id) "
            "from unnest(%s::text[], %s::text[], %s::bigint[], %s::bigint[]) "
            "as k (channel, external_id, identity_id, store_id) "
            "where o.merchant_id = %s and o.channel = k.channel and o.external_id = k.external_id "
            "and (o.identity_id is null and k.identity_id is not null "
            "or o.store_id is null and k.store_id is not null)",
            [*map(list, zip(*rows, strict=True)), merchant_id],
        )
        return cursor.rowcount
