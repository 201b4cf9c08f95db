"""A merchant's file of orders played in time order, with every scheduled job at its own instant.

Each order arrives when it was paid (an unpaid one when it was placed). Between two instants at which something else
happens (a job, the end of a local month, an event of the caller's) the orders are posted together, which is as if
they had been sent one by one. What is due at an instant is worked before an order that arrives at it.

The jobs are those of the whole platform: a replay is meant for a database of its own (see `make real-year`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from django.db import connection, transaction

from compliance.selectors import decisions, standing
from compliance.services import schedule
from members.lib import tenant as tenancy
from members.lib.collection import no_collection
from members.lib.periods import add_months, local_instant, merchant_day
from members.lib.refusals import Invalid
from members.models import Merchant
from members.selectors import rules as rules_selector
from members.services.audit import Actor
from members.services.imports.orders import memory, posting
from members.services.imports.orders.checking import Checked

ACTOR = Actor.job("replay")
TOGETHER = 20_000  # orders posted in one transaction at most
MIDNIGHT = dt.time()
Event = tuple[dt.datetime, Callable[[dt.datetime], None]]
_JOB, _MONTH, _EVENT = 0, 1, 2


@dataclass(slots=True)
class Replay:
    """What a replay came to: rows by local month, and the rows of the file that were refused."""

    months: list[dict[str, Any]] = field(default_factory=list)
    reasons: dict[int, str] = field(default_factory=dict)
    jobs: int = 0


@dataclass(slots=True)
class Player:
    """One replay on its way."""

    merchant: Merchant
    checked: Checked
    channel: str
    declared_source: str
    tell: Callable[[dict[str, Any]], None]
    done: Replay = field(default_factory=Replay)
    place: int = 0

    def until(self, at: dt.datetime) -> None:
        """Post the orders that arrive before `at`."""
        end = memory.place_at(self.checked, at)
        while self.place < end:
            upto = min(end, self.place + TOGETHER)
            with tenancy.tenant(self.merchant.pk), transaction.atomic(), no_collection():
                chunk = memory.read(
                    self.checked,
                    self.place,
                    upto,
                    merchant_id=self.merchant.pk,
                    channel=self.channel,
                    declared_source=self.declared_source,
                )
                self.done.reasons |= posting.post_chunk(self.merchant.pk, chunk, actor=ACTOR).reasons
            self.place = upto

    def work(self, job: schedule.Job) -> None:
        """One job of the platform."""
        schedule.work(job)
        self.done.jobs += 1

    def close_month(self, first: dt.date) -> None:
        """Write down how the merchant stands at the end of a local month."""
        with tenancy.tenant(self.merchant.pk), transaction.atomic():
            at = local_instant(add_months(first, 1), MIDNIGHT, self.merchant.zone)
            row = month_row(merchant_id=self.merchant.pk, first=first, at=at)
            row["state"] = standing.show(merchant_id=self.merchant.pk, at=at)["state"]
        self.done.months.append(row)
        self.tell(row)


def replay(
    *,
    merchant_id: int,
    checked: Checked,
    channel: str,
    declared_source: str = "",
    from_at: dt.datetime | None = None,
    to_at: dt.datetime | None = None,
    events: Sequence[Event] = (),
    tell: Callable[[dict[str, Any]], None] = lambda row: None,
) -> Replay:
    """Play a checked file. One row a local month: month, orders and spend_minor of that month (net, members or not),
    members, points_available, tiers {code: members} and compliance state at its end, clearance (outcome of its run).

    `from_at` defaults to the local midnight before the first order, `to_at` to the end of the last order's month;
    orders and events outside are left out. Raises Invalid for a file without orders in that span. Works as platform.
    """
    with tenancy.platform(), transaction.atomic():
        merchant = Merchant.objects.get(pk=merchant_id)
    begin, end = _span(checked, merchant, from_at, to_at)
    player = Player(merchant, checked, channel, declared_source, tell, place=memory.place_at(checked, begin))
    with tenancy.platform():
        for at, kind, what in _timeline(merchant, begin, end, events):
            player.until(at)
            if kind == _JOB:
                player.work(what)
            elif kind == _MONTH:
                player.close_month(what)
            else:
                what(at)
        player.until(end)
    _fill_in_clearance(merchant_id, player.done.months)
    return player.done


def _span(
    checked: Checked, merchant: Merchant, from_at: dt.datetime | None, to_at: dt.datetime | None
) -> tuple[dt.datetime, dt.datetime]:
    if not checked.orders:
        raise Invalid("The file has no order that could be played.")
    first = memory.instant(int(checked.paid_at[0]))
    last = memory.instant(int(checked.paid_at[-1]))
    begin = from_at or local_instant(merchant_day(first, merchant.zone), MIDNIGHT, merchant.zone)
    month = merchant_day(last, merchant.zone).replace(day=1)
    end = to_at or local_instant(add_months(month, 1), MIDNIGHT, merchant.zone)
    if end <= begin:
        raise Invalid("The end of a replay lies after its beginning.")
    return begin, end


def _timeline(
    merchant: Merchant, begin: dt.datetime, end: dt.datetime, events: Sequence[Event]
) -> Iterator[tuple[dt.datetime, int, Any]]:
    """What happens besides orders, in order: at one instant a month ends first, then jobs, then events.

    Jobs are asked for piece by piece, since an event may change the policy that says when runs are.
    """
    fixed: list[tuple[dt.datetime, int, Any]] = [
        (at, _EVENT, work) for at, work in events if begin <= at <= end
    ]
    month = merchant_day(begin, merchant.zone).replace(day=1)
    while (month_end := local_instant(add_months(month, 1), MIDNIGHT, merchant.zone)) <= end:
        fixed.append((month_end, _MONTH, month))
        month = add_months(month, 1)
    if not any(at == end and kind == _MONTH for at, kind, _ in fixed):
        fixed.append((end, _MONTH, month))
    fixed.sort(key=lambda each: (each[0], each[1] != _MONTH))
    for (after, *_), (until, kind, what) in pairwise([(begin, 0, None), *fixed]):
        with transaction.atomic():
            due = schedule.due_jobs(after=after, until=until)
        if kind == _MONTH:
            yield from ((job.at, _JOB, job) for job in due if job.at < until)
            yield until, kind, what
            yield from ((job.at, _JOB, job) for job in due if job.at == until)
        else:
            yield from ((job.at, _JOB, job) for job in due)
            yield until, kind, what


_MONTH_SQL = """
select (select count(*) from members_order where merchant_id = %(m)s and paid_on >= %(first)s and paid_on < %(end)s
            and counts) as orders,
    (select coalesce(sum(net_minor), 0) from members_order where merchant_id = %(m)s and paid_on >= %(first)s
            and paid_on < %(end)s and counts) as spend_minor,
    (select count(*) from members_member where merchant_id = %(m)s and status = 'active') as members,
    (select coalesce(sum(available), 0) from members_pointsaccount where merchant_id = %(m)s) as points_available
"""
_TIERS_SQL = """
select t.code, count(*) from members_member m
left join members_tierstanding s on s.merchant_id = m.merchant_id and s.member_id = m.id
join members_tier t on t.merchant_id = m.merchant_id and t.id = coalesce(s.tier_id, %(base)s)
where m.merchant_id = %(m)s and m.status = 'active' group by t.code
"""


def month_row(*, merchant_id: int, first: dt.date, at: dt.datetime) -> dict[str, Any]:
    """The figures of a local month that ends at `at`, which is now; `clearance` left open. Works as the merchant."""
    values: dict[str, Any] = {"m": merchant_id, "first": first, "end": add_months(first, 1)}
    ladder = rules_selector.rules_at(merchant_id=merchant_id, at=at).tiers.ladder
    values["base"] = ladder[0].id
    with connection.cursor() as cursor:
        cursor.execute(_MONTH_SQL, values)
        orders, spend_minor, members, points = cursor.fetchone()
        cursor.execute(_TIERS_SQL, values)
        held = dict(cursor.fetchall())
    return {
        "month": f"{first:%Y-%m}",
        "orders": int(orders),
        "spend_minor": int(spend_minor),
        "members": int(members),
        "points_available": int(points),
        "tiers": {tier.code: held.get(tier.code, 0) for tier in ladder},
        "clearance": None,
    }


def _fill_in_clearance(merchant_id: int, months: list[dict[str, Any]]) -> None:
    """The outcome of each month's run: known only now, since a run may fall after the local month's end."""
    with tenancy.tenant(merchant_id), transaction.atomic():
        outcomes = {row["period"]: row["outcome"] for row in decisions.show(merchant_id=merchant_id)}
    for row in months:
        row["clearance"] = outcomes.get(row["month"])
