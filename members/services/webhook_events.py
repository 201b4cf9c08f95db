"""Leaving events for a merchant's endpoints, in the transaction of the facts and set-based (interface.md, Webhooks).

What the merchant's endpoints want stands in the program's row, which every posting reads anyway: when nobody listens,
nothing is done and nothing is asked.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from members.lib import queue
from members.lib.posting import Changes
from members.lib.webhooks import WebhookEvent
from members.models import Program

TASK = "members.webhooks"
ENTRIES_TOLD = 50  # the latest of one posting

Span = tuple[int, int, int]
"""(member id, sequence of the first entry, of the last)."""

# `{facts}` gives (member_id, at, data) a row, each for every endpoint that wants the event.
LEAVE = """
insert into members_webhookdelivery (merchant_id, endpoint_id, public_id, event, data, created_at, due_at, attempts,
    last_error, log)
select e.merchant_id, e.id, replace(gen_random_uuid()::text, '-', ''), %(event)s, f.data, f.at, f.at, 0, '', '[]'
from ({facts}) f
join members_webhookendpoint e on e.merchant_id = %(merchant)s and e.deleted_at is null and %(event)s = any(e.events)
order by f.place, e.id
"""
# The same for many merchants at once: `{facts}` gives (merchant_id, at, data).
LEAVE_MANY = """
insert into members_webhookdelivery (merchant_id, endpoint_id, public_id, event, data, created_at, due_at, attempts,
    last_error, log)
select e.merchant_id, e.id, replace(gen_random_uuid()::text, '-', ''), %(event)s, f.data, f.at, f.at, 0, '', '[]'
from ({facts}) f
join members_webhookendpoint e on e.merchant_id = f.merchant_id and e.deleted_at is null and %(event)s = any(e.events)
order by e.merchant_id, e.id
"""
POINTS = """
select c.place, %(at)s::timestamptz as at, jsonb_build_object(
    'member', m.public_id, 'available', a.available, 'pending', a.pending, 'deficit', a.deficit,
    'entries', (
        select jsonb_agg(jsonb_build_object('number', n.sequence, 'kind', n.kind, 'points', n.points,
            'pending', n.pending, 'balance_after', n.balance_after, 'cause', n.cause) order by n.sequence)
        from members_pointsentry n where n.merchant_id = %(merchant)s and n.member_id = c.member_id
            and n.sequence between greatest(c.first, c.last - %(most)s + 1) and c.last
    )
) as data
from unnest(%(members)s::bigint[], %(firsts)s::bigint[], %(lasts)s::bigint[])
    with ordinality c (member_id, first, last, place)
join members_member m on m.merchant_id = %(merchant)s and m.id = c.member_id
join members_pointsaccount a on a.merchant_id = %(merchant)s and a.member_id = c.member_id
"""
MOVES = """
select c.place, c.at, jsonb_build_object('member', m.public_id, 'from', f.code, 'to', t.code, 'cause', c.cause) as data
from unnest(%(members)s::bigint[], %(ats)s::timestamptz[], %(froms)s::bigint[], %(tos)s::bigint[], %(causes)s::text[])
    with ordinality c (member_id, at, from_id, to_id, cause, place)
join members_member m on m.merchant_id = %(merchant)s and m.id = c.member_id
left join members_tier f on f.merchant_id = %(merchant)s and f.id = c.from_id
join members_tier t on t.merchant_id = %(merchant)s and t.id = c.to_id
"""
EXPIRING = """
select c.place, %(at)s::timestamptz as at, jsonb_build_object('member', m.public_id, 'points', c.points,
    'expires_on', %(day)s::date, 'days', %(days)s::int, 'days_left', %(left)s::int) as data
from unnest(%(members)s::bigint[], %(points)s::bigint[]) with ordinality c (member_id, points, place)
join members_member m on m.merchant_id = %(merchant)s and m.id = c.member_id
"""
JOINED = """
select m.id as place, %(at)s::timestamptz as at, jsonb_build_object('member', m.public_id, 'channel', m.channel,
    'source', m.source, 'joined_at', m.joined_at) as data
from members_member m where m.merchant_id = %(merchant)s and m.id = any(%(members)s)
"""

SAID = "select 1 as place, %(at)s::timestamptz as at, %(data)s::jsonb as data"


def points_changed(*, merchant_id: int, at: dt.datetime, spans: Sequence[Span]) -> None:
    """Tell of points that moved, once a member: the balance now and the entries. After they are written."""
    if not spans:
        return
    members, firsts, lasts = zip(*spans, strict=True)
    _leave(
        WebhookEvent.POINTS_CHANGED,
        POINTS,
        merchant=merchant_id,
        at=at,
        most=ENTRIES_TOLD,
        members=list(members),
        firsts=list(firsts),
        lasts=list(lasts),
    )


def points_expiring(
    *, merchant_id: int, at: dt.datetime, day: dt.date, days: int, left: int, told: Sequence[tuple[int, int]]
) -> None:
    """Tell of points that can be used until a day, once for each (member, points)."""
    if told:
        members, points = zip(*told, strict=True)
        _leave(
            WebhookEvent.POINTS_EXPIRING,
            EXPIRING,
            merchant=merchant_id,
            at=at,
            day=day,
            days=days,
            left=left,
            members=list(members),
            points=list(points),
        )


def member_joined(*, merchant_id: int, program: Program, at: dt.datetime, ids: Collection[int]) -> None:
    """Tell of new members, if anybody listens. After they are written."""
    if ids and wants(program, WebhookEvent.MEMBER_JOINED):
        _leave(WebhookEvent.MEMBER_JOINED, JOINED, merchant=merchant_id, at=at, members=list(ids))


def of_programs(event: WebhookEvent, facts: str, **parameters: Any) -> int:
    """Tell the endpoints of many merchants something about their programs; how many messages were left.

    `facts`: SQL that gives (merchant_id, at, data) a row, once for each message. Works as platform, set-based.
    """
    return _leave(event, facts, LEAVE_MANY, **parameters)


def told_of(*, program: Program, event: WebhookEvent, at: dt.datetime, data: dict[str, Any]) -> None:
    """Tell of something that another app knows of, if anybody listens. In the transaction of the fact."""
    if wants(program, event):
        _leave(event, SAID, merchant=program.merchant_id, at=at, data=json.dumps(data))


def told_set(*, program: Program, event: WebhookEvent, facts: str, **parameters: Any) -> None:
    """Tell of many things that another app knows of, if anybody listens. In the transaction of the facts, after they
    are written. `facts`: SQL over `merchant` and the parameters that gives (place, at, data) a row for each."""
    if wants(program, event):
        _leave(event, facts, merchant=program.merchant_id, **parameters)


def wants(program: Program, event: str) -> bool:
    """Whether some endpoint of the program's merchant wants an event. Runs no query."""
    return event in (program.webhook_events or ())


@dataclass(slots=True)
class Heard:
    """What of a posting somebody listens to: collected while it is made, left once it is written."""

    program: Program
    _spans: dict[int, tuple[int, int]] = field(default_factory=dict)
    _moves: list[tuple[Any, ...]] = field(default_factory=list)

    def take(self, changes: Changes) -> None:
        """Collect what some folds changed; nothing when nobody listens."""
        if wants(self.program, WebhookEvent.POINTS_CHANGED):
            for entry in changes.entries:
                first, _last = self._spans.get(entry.member_id, (entry.sequence, 0))
                self._spans[entry.member_id] = (first, entry.sequence)
        if wants(self.program, WebhookEvent.MEMBER_TIER_CHANGED):
            for move in changes.moves:
                self._moves.append((move.member_id, move.at, move.from_tier_id, move.to_tier_id, move.cause))

    def leave(self, *, merchant_id: int, at: dt.datetime) -> None:
        """Leave the events for after the commit."""
        spans = [(member_id, *span) for member_id, span in self._spans.items()]
        points_changed(merchant_id=merchant_id, at=at, spans=spans)
        if self._moves:
            names = ("members", "ats", "froms", "tos", "causes")
            columns: dict[str, Any] = {
                name: list(column) for name, column in zip(names, zip(*self._moves, strict=True), strict=True)
            }
            _leave(WebhookEvent.MEMBER_TIER_CHANGED, MOVES, merchant=merchant_id, **columns)


def told(changes: Changes, *, program: Program, at: dt.datetime) -> None:
    """Leave what a posting that was written in one go changed."""
    heard = Heard(program)
    heard.take(changes)
    heard.leave(merchant_id=program.merchant_id, at=at)


def _leave(event: str, facts: str, statement: str = LEAVE, **parameters: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement.format(facts=facts), {"event": str(event), **parameters})
        left = cursor.rowcount
    if left > 0:
        queue.enqueue(TASK)
    return max(left, 0)
