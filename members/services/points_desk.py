"""One act on one member's points, from lock to write: what `points` and its siblings have in common.

Few statements, because a till waits: lock program and account, read what the act may touch, write everything in one.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _
from psycopg.types.json import Jsonb

from members.lib import prepared
from members.lib.expiry import Expiry
from members.lib.periods import merchant_day
from members.lib.posting import Account, Changes, Lot
from members.lib.posting.ledger import Ledger
from members.lib.refusals import Conflict, IdempotencyConflict, Invalid, NotFound
from members.lib.webhooks import WebhookEvent
from members.models import Member, PointsRequest, PointsRequestStatus, Program
from members.services import audit, programs, webhook_events

# One row. Program and account are read by their locks, so they say what the last writer committed; the lots are those
# of the statement's snapshot. `is_stale`: somebody moved the account, or the expiry of all lots, while a lock was
# waited for; the statement is sent again. `%(key)s` null: no key is asked for. The key is asked for by its order, which
# one index alone has: a session plans once, perhaps while the table is empty and any index as good as another.
OPEN = """
select p.status, m.timezone, a.available, a.pending, a.deficit, a.earned, a.redeemed, a.expired, a.clawed_back,
    a.sequence, greatest(a.expired_through, p.points_expired_through),
    a.sequence <> s.sequence or p.lots_moved <> q.lots_moved as is_stale, l.*,
    (select case when key = %(key)s then id end from members_pointsrequest
        where merchant_id = %(merchant)s and space = %(space)s and key >= %(key)s order by key limit 1) as used,
    (select array_agg(id order by ends_at, id) from members_pointsrequest
        where merchant_id = %(merchant)s and member_id = %(member)s and status = 'held' and ends_at <= %(at)s) as over,
    (select public_id from members_member where merchant_id = %(merchant)s and id = %(member)s) as member,
    p.webhook_events{terms}
from (
    select status, points_expired_through, lots_moved, webhook_events from members_program
    where merchant_id = %(merchant)s for key share
) p
cross join (select lots_moved from members_program where merchant_id = %(merchant)s) q
cross join (select timezone from members_merchant where id = %(merchant)s) m
left join lateral (
    select * from members_pointsaccount where merchant_id = %(merchant)s and member_id = %(member)s for update
) a on true
left join members_pointsaccount s on s.merchant_id = %(merchant)s and s.member_id = %(member)s
cross join lateral (
    select array_agg(number) as numbers, array_agg(order_id) as orders, array_agg(available_at) as since,
        array_agg(amount) as amounts, array_agg(remaining) as remaining, array_agg(expires_on) as until
    from members_pointslot l
    where l.merchant_id = %(merchant)s and l.member_id = %(member)s and l.remaining > 0
        and (l.expires_on is null or s.expired_through is null or l.expires_on > s.expired_through)
) l{of_terms}
"""
PLAIN = OPEN.format(terms="", of_terms="")
# The same with what an act by hand asks of the rules in force.
WITH_TERMS = OPEN.format(
    terms=", v.number, v.expiry::text, v.adjust_limit, v.give_back_days",
    of_terms=""" left join lateral (
    select number, expiry, adjust_limit, give_back_days from members_rulesversion
    where merchant_id = %(merchant)s and at <= %(at)s order by at desc, number desc limit 1
) v on true""",
)
TAKEN = """
select a.lot, a.points, l.order_id, l.available_at, l.amount, l.remaining, l.expires_on
from members_pointsallocation a join members_pointslot l
    on l.merchant_id = a.merchant_id and l.member_id = a.member_id and l.number = a.lot
where a.merchant_id = %s and a.member_id = %s and a.sequence = %s order by a.id
"""
_FIELDS = (
    "space", "key", "verb", "member_id", "points", "reason", "minutes", "status", "at", "ends_at", "settled_at",
    "sequence", "postings", "actor_kind", "actor_label", "by_id", "details", "public_id",
)  # fmt: skip
INSERTED = f"""
insert into members_pointsrequest (merchant_id, {", ".join(_FIELDS)})
values (%(merchant)s, {", ".join(f"%({name})s" for name in _FIELDS)})
on conflict (merchant_id, space, key) do nothing returning id
"""
UPDATED = """
update members_pointsrequest set status = %(status)s, settled_at = %(settled_at)s, sequence = %(sequence)s,
    postings = %(postings)s, details = %(details)s where merchant_id = %(merchant)s and id = %(id)s returning id
"""
MOVED_ON = "a points account moved on while it was locked"
# `sequence` guards the write: an account that moved on since it was locked is left alone, and the act fails.
WRITE = """
with r as ({request}),
account as (
    update members_pointsaccount a set available = %(available)s, pending = %(pending)s, deficit = %(deficit)s,
        earned = %(earned)s, redeemed = %(redeemed)s, expired = %(expired)s, clawed_back = %(clawed_back)s,
        sequence = %(last)s
    from r where a.merchant_id = %(merchant)s and a.member_id = %(member)s and a.sequence = %(first)s{guard}
    returning r.id
)
"""
# Terms were read by a statement that may have waited for a lock behind an edit of the rules; this one has not.
SAME_TERMS = """ and not exists (select from members_rulesversion
        where merchant_id = %(merchant)s and at <= %(at)s and number > %(terms)s)"""
# What moved, by table. `{rows}` are rows that `account` leads to: one row's columns as they are, several from arrays.
ENTRIES = """, entries as (
    insert into members_pointsentry (merchant_id, member_id, sequence, at, kind, points, pending, balance_after,
        cause, refund, posting, request_id, lot, rules_version)
    select %(merchant)s, %(member)s, sequence, %(at)s, kind, points, 0, balance_after, cause, null, posting,
        request, null, %(rules_version)s
    from ({rows}) e
)"""
LOTS = """, lots as (
    insert into members_pointslot (merchant_id, member_id, number, order_id, available_at, amount, remaining,
        expires_on)
    select %(merchant)s, %(member)s, number, source, since, amount, remaining, expires_on from ({rows}) n
)"""
CHANGED = """, changed as (
    update members_pointslot l set remaining = c.left_over from ({rows}) c
    where l.merchant_id = %(merchant)s and l.member_id = %(member)s and l.number = c.lot
)"""
ALLOCATED = """, allocated as (
    insert into members_pointsallocation (merchant_id, member_id, sequence, lot, points)
    select %(merchant)s, %(member)s, sequence, lot, points from ({rows}) a
)"""
_ENTRY = {
    "sequence": "bigint", "kind": "text", "points": "bigint", "balance_after": "bigint", "cause": "text",
    "posting": "int",
}  # fmt: skip
_LOT = {
    "number": "bigint", "source": "bigint", "since": "timestamptz", "amount": "bigint", "remaining": "bigint",
    "expires_on": "date",
}  # fmt: skip
_CHANGE = {"lot": "bigint", "left_over": "bigint"}
_ALLOCATION = {"sequence": "bigint", "lot": "bigint", "points": "bigint"}

AUDITED = f", audited as ({audit.insert(prefix='audit_', source='account')})"


@dataclass(frozen=True, slots=True)
class Terms:
    """What the rules in force say of acts by hand: their version's number, expiry, the limit (points) over which a
    second person approves, the window (days) in which expired points may be given back.
    """

    number: int
    expiry: Expiry
    adjust_limit: int | None
    give_back_days: int


@dataclass(slots=True)
class Desk:
    """An act under way: the locked account, its open lots, the request it is for, the member's opaque id.

    `answered` is the request's stored answer when its key was used with the same body before: nothing is to be done.
    """

    merchant_id: int
    at: dt.datetime
    today: dt.date
    request: PointsRequest
    account: Account
    member: str
    answered: PointsRequest | None = None
    changes: Changes = field(default_factory=Changes)
    rules_version: int | None = None
    is_heard: bool = False  # whether somebody wants to hear that points changed
    _terms: Terms | None = None
    _first: int = 0

    def ledger(self, *, rules_version: int | None = None, expiry: Expiry | None = None) -> Ledger:
        """The account, open for writing."""
        self.rules_version = rules_version
        return Ledger(
            self.account,
            self.changes,
            self.request.member_id,
            self.at,
            self.today,
            expiry or Expiry(),
            rules_version,
        )

    @property
    def terms(self) -> Terms:
        """The terms the desk was opened with (`with_terms`). Raises NotFound before the first version of the rules."""
        if self._terms is None:
            raise NotFound(_("This program has no rules yet."))
        return self._terms

    def taken(self) -> list[tuple[Lot, int]]:
        """From which lots the request's first entry took how much, in spending order."""
        open_lots = {lot.number: lot for lot in self.account.lots}
        with connection.cursor() as cursor:
            cursor.execute(TAKEN, [self.merchant_id, self.request.member_id, self.request.sequence])
            rows = cursor.fetchall()
        found: list[tuple[Lot, int]] = []
        for number, points, *about in rows:
            found.append((open_lots.get(number) or Lot(number, *about), points))
        return found

    def write(self, *, status: str, audited: Mapping[str, Any] | None = None, **values: Any) -> PointsRequest:
        """Write the request, all that moved and its audit row (`audit.row`), in one statement.

        Raises IdempotencyConflict, or answers as another request with the same key did meanwhile; Conflict where the
        rules changed since they were read, RuntimeError where the account moved on: nothing may stand.
        """
        request = self.request
        request.status = status
        for name, value in values.items():
            setattr(request, name, value)
        first = request.postings
        request.postings += len(self.changes.entries)
        written = prepared.fetch_one(*_statement(self, first, audited))
        if written is None:
            return same_or_conflict(self._twin(), request)
        request.pk = int(written[0])
        if self.is_heard and self.changes.entries:
            span = (request.member_id, self._first + 1, self.account.sequence)
            webhook_events.points_changed(merchant_id=self.merchant_id, at=self.at, spans=[span])
        return request

    def _twin(self) -> PointsRequest:
        """What has the request's key: another's, asked at the same time for another member.

        Our own means that the statement kept the request and then left the account alone: it moved no points.
        """
        request = self.request
        twin = PointsRequest.objects.of(self.merchant_id).get(space=request.space, key=request.key)
        is_new = not request.pk
        if is_new and twin.public_id != request.public_id:
            return twin
        if self._terms is not None:
            raise Conflict(_("The rules were changed at this very moment. Send the request again."))
        raise RuntimeError(MOVED_ON)


def open_desk(
    *,
    merchant_id: int,
    at: dt.datetime,
    wanted: PointsRequest | None = None,
    request: PointsRequest | None = None,
    ends_holds: bool = True,
    with_terms: bool = False,
) -> Desk:
    """Lock the program and the member's account and read what an act may touch.

    For a new request (`wanted`) a used key is answered or refused here; for one that is stored (`request`) its row is
    read anew. Holds of the member that are over are ended first. `with_terms` reads the rules in force too. Raises
    NotFound, ProgramNotOpen, ProgramCleared, IdempotencyConflict.
    """
    asked = wanted or request
    assert asked is not None
    asked.merchant_id = merchant_id
    key, space = (asked.key, asked.space) if wanted is not None else (None, "")
    row = _open(WITH_TERMS if with_terms else PLAIN, merchant_id, asked.member_id, at, key, space)
    status, zone, used, over, member = row[0], row[1], *row[18:21]
    account = Account(*row[2:11])
    today = merchant_day(at, ZoneInfo(zone))
    desk = Desk(merchant_id, at, today, asked, account, member, _first=account.sequence)
    desk.is_heard = WebhookEvent.POINTS_CHANGED in (row[21] or ())
    if with_terms and row[22] is not None:
        desk._terms = Terms(row[22], Expiry.read(json.loads(row[23])), row[24], row[25])
    if wanted is not None and used is not None:
        desk.answered = same_or_conflict(PointsRequest.objects.of(merchant_id).get(pk=used), wanted)
        return desk
    if request is not None:
        request.refresh_from_db()
    if status != "open":
        programs.require_open(Program(status=status))
    if ends_holds and over:
        for request_id in over:
            end_hold(merchant_id=merchant_id, request_id=request_id)
        return open_desk(
            merchant_id=merchant_id,
            at=at,
            wanted=wanted,
            request=request,
            ends_holds=False,
            with_terms=with_terms,
        )
    account.lots.extend(Lot(*lot) for lot in (zip(*row[12:18], strict=True) if row[12] else ()))
    return desk


@transaction.atomic
def end_hold(*, merchant_id: int, request_id: int) -> PointsRequest:
    """A hold whose time is over ends at its own instant; nothing when it has ended already."""
    request = PointsRequest.objects.of(merchant_id).get(pk=request_id)
    assert request.ends_at is not None
    desk = open_desk(merchant_id=merchant_id, at=request.ends_at, request=request, ends_holds=False)
    if request.status != PointsRequestStatus.HELD:
        return request
    desk.ledger().give_back("release", desk.taken(), cause="rule")
    return desk.write(status=PointsRequestStatus.RELEASED, settled_at=request.ends_at)


def _open(
    statement: str, merchant_id: int, member_id: int, at: dt.datetime, key: str | None, space: str
) -> tuple[Any, ...]:
    """The row of `OPEN`, with lots and account of one moment. Raises NotFound."""
    parameters = {"merchant": merchant_id, "member": member_id, "at": at, "key": key, "space": space}
    while True:
        row = prepared.fetch_one(statement, parameters)
        if row is None:
            raise NotFound(_("This merchant has no program."))
        available, is_stale = row[2], row[11]
        if available is None:
            if not Member.objects.of(merchant_id).filter(pk=member_id).exists():
                raise NotFound(_("There is no such member."))
            _make_account(merchant_id, member_id)
        elif not is_stale:
            return row


def _make_account(merchant_id: int, member_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into members_pointsaccount (merchant_id, member_id, available, pending, deficit, earned, "
            "redeemed, expired, clawed_back, sequence) values (%s, %s, 0, 0, 0, 0, 0, 0, 0, 0) on conflict do nothing",
            [merchant_id, member_id],
        )


def request_of(*, merchant_id: int, key: str, verb: str | None = None, space: str = "") -> PointsRequest:
    """The request of a key. Raises NotFound; Invalid when it is of another kind."""
    request = PointsRequest.objects.of(merchant_id).filter(space=space, key=key).first()
    if request is None:
        raise NotFound(_("Nothing was asked under the key “%(key)s”.") % {"key": key})
    if verb is not None and request.verb != verb:
        raise Invalid(_("The key “%(key)s” belongs to something else.") % {"key": key})
    return request


def same_or_conflict(stored: PointsRequest, wanted: PointsRequest) -> PointsRequest:
    """The stored request when the wanted one has the same body. Raises IdempotencyConflict."""
    names = ("verb", "member_id", "points", "reason")
    if any(getattr(stored, name) != getattr(wanted, name) for name in names):
        raise IdempotencyConflict(_("The key “%(key)s” was used for another request.") % {"key": wanted.key})
    return stored


def _statement(
    desk: Desk, first_posting: int, audited: Mapping[str, Any] | None
) -> tuple[str, dict[str, Any]]:
    """What is to be written, as one statement that returns the request's id when all of it was."""
    request, account, changes = desk.request, desk.account, desk.changes
    parameters: dict[str, Any] = {name: getattr(request, name) for name in _FIELDS}
    parameters |= {
        "id": request.pk,
        "at": desk.at,
        "details": Jsonb(request.details),
        "merchant": desk.merchant_id,
        "member": request.member_id,
        "first": desk._first,
        "last": account.sequence,
        "available": account.available,
        "pending": account.pending,
        "deficit": account.deficit,
        "earned": account.earned,
        "redeemed": account.redeemed,
        "expired": account.expired,
        "clawed_back": account.clawed_back,
        "rules_version": desk.rules_version,
    }
    guard = ""
    if desk._terms is not None:
        guard, parameters["terms"] = SAME_TERMS, desk._terms.number
    parts = [WRITE.format(request=UPDATED if request.pk else INSERTED, guard=guard)]
    entries = [
        (e.sequence, e.kind, e.points, e.balance_after, e.cause, first_posting + i)
        for i, e in enumerate(changes.entries, start=1)
    ]
    for prefix, put, columns, rows in (
        ("e", ENTRIES, _ENTRY, entries),
        ("n", LOTS, _LOT, [row[1:] for row in changes.new_lot_rows()]),
        ("c", CHANGED, _CHANGE, [row[1:] for row in changes.changed_lot_rows()]),
        ("a", ALLOCATED, _ALLOCATION, [row[1:] for row in changes.allocation_rows()]),
    ):
        if rows:
            source, values = prepared.rows_after("account", prefix, columns, rows)
            parts.append(put.format(rows=source))
            parameters |= values
    if audited is not None:
        parts.append(AUDITED)
        parameters |= {f"audit_{name}": value for name, value in audited.items()}
    return "".join(parts) + " select id from account", parameters
