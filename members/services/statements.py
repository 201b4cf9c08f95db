"""Closing a month of the books of points: once, in the daily job after its end, and never again (domain.md 6).

A statement covers what had arrived when it was closed. To know that, the job takes the program's lock, which every
writer of the ledger shares, and reads how far the ledger's numbers have come: every entry of the merchant up to there
is committed, every later one has a higher number. So a statement can be worked out again from the ledger at any time
(`check`), and what arrives later, whatever its date, is booked in a month that is still open.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from members.lib import books
from members.lib import tenant as tenancy
from members.lib.books import MOVEMENTS, Flow, Pots
from members.lib.periods import add_months, merchant_day
from members.models import Merchant, PointsStatement
from members.selectors import books as selector
from members.selectors import rules
from members.services import audit, programs
from members.services.audit import Actor

JOB = Actor.job("books")
A_MOMENT = dt.timedelta(microseconds=1)
SEALED = (
    "month", "until", "position", "entries", "late", "opening", *MOVEMENTS, "closing", "available", "pending", "held",
    "deficit", "difference", "by_expiry", "currency", "rules_version", "point_cost", "liability_minor",
    "expected_minor", "breakage_ppm", "breakage_basis", "fingerprint",
)  # fmt: skip
# Shops of a zone whose last whole month is not closed: a step along the ledger's key for each shop that has entries.
DUE = """
with recursive shops as (
    (select merchant_id from members_pointsentry order by merchant_id limit 1)
    union all
    select (select e.merchant_id from members_pointsentry e where e.merchant_id > s.merchant_id
        order by e.merchant_id limit 1)
    from shops s where s.merchant_id is not null
)
select s.merchant_id from shops s join members_merchant m on m.id = s.merchant_id and m.timezone = %(zone)s
where not exists (
    select from members_pointsstatement p where p.merchant_id = s.merchant_id and p.month >= %(month)s
) order by 1
"""
FIRST = "select min(at) from members_pointsentry where merchant_id = %s"
POSITION = "select last_value from members_pointsentry_id_seq"


def close_due(*, zone: str, at: dt.datetime) -> int:
    """Close every whole month before `at` that is not closed, of a zone's merchants; how many. Works as platform.

    A killed job is simply run again: what was closed is no longer due.
    """
    month = add_months(merchant_day(at, ZoneInfo(zone)).replace(day=1), -1)
    with tenancy.platform(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(DUE, {"zone": zone, "month": month})
        due = [row[0] for row in cursor.fetchall()]
    return sum(close_months(merchant_id=merchant_id, at=at) for merchant_id in due)


def close_months(*, merchant_id: int, at: dt.datetime) -> int:
    """Close each whole month of a merchant before `at` that is not closed, the oldest first; how many."""
    with tenancy.tenant(merchant_id):
        position = _position(merchant_id)
        closed = 0
        while _close_next(merchant_id, position, at) is not None:
            closed += 1
        return closed


@transaction.atomic
def _position(merchant_id: int) -> int:
    """A number that no entry still under way has, nor a lower one: nobody posts while the lock is held."""
    programs.lock_for_close(merchant_id=merchant_id)
    with connection.cursor() as cursor:
        cursor.execute(POSITION)
        return int(cursor.fetchone()[0])


@transaction.atomic
def _close_next(merchant_id: int, position: int, at: dt.datetime) -> PointsStatement | None:
    """Close the month after the last closed one, one worker at a time; None when it is not over yet."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(hashtextextended('books', %s))", [merchant_id])
    merchant = Merchant.objects.get(pk=merchant_id)
    last = selector.last_statement(merchant_id=merchant_id)
    month = add_months(last.month, 1) if last else _first_month(merchant)
    if month is None or selector.month_end(month, merchant) > at:
        return None
    position = max(position, last.position if last else 0)
    row = _worked_out(merchant, month, position, last)
    row.closed_at = at
    row.seal = seal_of(row, last.seal if last else "")
    row.save(force_insert=True)
    audit.record(
        merchant_id=merchant_id,
        at=at,
        actor=JOB,
        action="points.month_closed",
        subject=("points_statement", f"{month:%Y-%m}"),
        after={"month": f"{month:%Y-%m}", "closing": row.closing, "seal": row.seal},
    )
    return row


def _first_month(merchant: Merchant) -> dt.date | None:
    with connection.cursor() as cursor:
        cursor.execute(FIRST, [merchant.pk])
        (first,) = cursor.fetchone()
    return None if first is None else merchant_day(first, merchant.zone).replace(day=1)


def _worked_out(
    merchant: Merchant, month: dt.date, position: int, last: PointsStatement | None
) -> PointsStatement:
    """The figures of a month from the ledger, and what they mean in money."""
    until = selector.month_end(month, merchant)
    flow = _flow(merchant, until, position, last)
    buckets, deficit = selector.outstanding(merchant_id=merchant.pk, until=until, position=position)
    opening = last.closing if last else 0
    pots = Pots(
        available=sum(each.points for each in buckets),
        pending=flow.pending + (last.pending if last else 0),
        held=flow.held + (last.held if last else 0),
        deficit=deficit,
    )
    closing = opening + flow.moved.total
    version = rules.version_at(merchant_id=merchant.pk, at=until - A_MOMENT)
    cost = version.point_cost if version else None
    basis = selector.breakage(merchant=merchant, before=add_months(month, 1))
    dated = sum(each.points for each in buckets if each.month is not None)
    used = pots.owed - dated + books.expected(dated, basis.ppm)
    return PointsStatement(
        merchant_id=merchant.pk,
        month=month,
        until=until,
        position=position,
        entries=flow.entries,
        late=flow.late,
        opening=opening,
        **{name: getattr(flow.moved, name) for name in MOVEMENTS},
        closing=closing,
        available=pots.available,
        pending=pots.pending,
        held=pots.held,
        deficit=deficit,
        difference=closing - pots.balance,
        by_expiry=[[each.month and each.month.isoformat(), each.points] for each in buckets],
        currency=merchant.currency,
        rules_version=version.number if version else None,
        point_cost=cost,
        liability_minor=books.worth(pots.owed, cost),
        expected_minor=None if basis.ppm is None else books.worth(used, cost),
        breakage_ppm=basis.ppm,
        breakage_basis={
            "months": [[on.isoformat(), issued, expired] for on, issued, expired in basis.months],
            "given_back": basis.given_back,
        },
        fingerprint=str(flow.fingerprint),
    )


def _flow(merchant: Merchant, until: dt.datetime, position: int, last: PointsStatement | None) -> Flow:
    whole = Flow()
    for flow in selector.flows(merchant=merchant, until=until, position=position, after=last).values():
        whole.add(flow)
    return whole


def seal_of(row: PointsStatement, before: str) -> str:
    """What seals a statement's figures, chained to the statement before."""
    figures = {name: _plain(getattr(row, name)) for name in SEALED}
    return hashlib.sha256(books.canonical(figures, before).encode()).hexdigest()


def _plain(value: Any) -> str:
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat()
    if isinstance(value, dict):
        return json.dumps(value, sort_keys=True)
    return f"{value:.6f}" if hasattr(value, "as_tuple") else str(value)


@dataclass(frozen=True, slots=True)
class Wrong:
    """A closed month whose statement no longer agrees."""

    merchant_id: int
    month: str  # 2026-06


def check(*, merchant_id: int) -> list[str]:
    """The months (2026-06) whose statement is not what its seal or the ledger says; none in sound books."""
    return [each.month for each in check_shops(first=merchant_id, last=merchant_id)]


def check_shops(*, first: int, last: int) -> list[Wrong]:
    """The statements, of merchants with ids from `first` to `last`, that are not what their seal or the ledger says.

    The ledger is asked for the very entries that each statement covered, all of them in one pass. Works as platform;
    reads only.
    """
    with tenancy.platform(), transaction.atomic():
        rows = selector.statements_of_shops(first=first, last=last)
        flows = selector.flows_of_statements(first=first, last=last) if rows else {}
    wrong: list[Wrong] = []
    for merchant_id, closed in groupby(rows, key=lambda each: each.merchant_id):
        before: PointsStatement | None = None
        for place, row in enumerate(closed):
            if not _is_sound(row, before, flows.get((merchant_id, place), Flow())):
                wrong.append(Wrong(merchant_id, f"{row.month:%Y-%m}"))
            before = row
    return wrong


def _is_sound(row: PointsStatement, before: PointsStatement | None, flow: Flow) -> bool:
    """Whether a statement says what its entries say, beginning where the one before ended."""
    return (
        seal_of(row, before.seal if before else "") == row.seal
        and row.opening == (before.closing if before else 0)
        and row.pending == flow.pending + (before.pending if before else 0)
        and row.held == flow.held + (before.held if before else 0)
        and row.entries == flow.entries
        and selector.moved_of(row) == flow.moved
        and row.fingerprint == str(flow.fingerprint)
    )
