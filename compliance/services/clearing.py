"""Deciding one chunk of a run and closing what it clears: set-based, in one transaction (architecture.md 5)."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import connection, transaction

from compliance.lib import rules
from compliance.lib.runs import Run
from compliance.models import Run as RunRow
from compliance.models import RunChunk, RunState
from compliance.models.decisions import OUTCOME_CODES
from compliance.selectors import facts, judging, policies
from compliance.selectors.facts import Ground
from compliance.services import program_events, standing
from members.lib import queue

ROUNDS = 5  # of writers that were in flight when candidates were locked; each round waits for those it meets

CLAIM = """
select id from compliance_runchunk where run_id = %s and not is_done
order by number limit 1 for update skip locked
"""
# Only programs that are to be closed are locked, in id order: a writer of theirs is waited for, then waits.
LOCK = """
select count(*) from (
    select from members_program where merchant_id = any(%s) order by merchant_id for update
) locked
"""
# What was decided comes back with it, so that nothing is judged twice.
DECIDE = f"""
with made as (
insert into compliance_decision
    (id, run_id, policy_id, merchant_id, opened_at, episode_began_at, danger_at, safe_again_at, uncovered_since,
    exempt_until, appeal_filed_at, protected_until, notice_at, last_warned_at, first_opened_on, was_closed,
    held_out_at, reason, outcome, rules)
select (%(run)s::bigint << 40) + merchant_id, %(run)s, %(policy)s, judged.*, {judging.OUTCOME}, {rules.REVISION}
from ({judging.JUDGED}) judged order by merchant_id
returning reason, merchant_id
)
select reason, count(*), array_agg(merchant_id) filter (where {judging.CLEARS}) from made group by reason
"""
_CLEARED = f"""
compliance_decision d where d.run_id = %(run)s and d.merchant_id = any(%(cleared)s)
    and d.outcome = {OUTCOME_CODES["cleared"]}
"""
CLOSE = """
update members_program set status = 'cleared', closed_at = %(at)s where merchant_id = any(%(cleared)s)
"""
# A closing by the merchant goes on as a clearance: what is frozen stays frozen, without a seam.
CARRY_ON = """
update members_closure set kind = 'cleared' where merchant_id = any(%(cleared)s) and to_at is null
"""
CLOSURES = """
insert into members_closure (merchant_id, kind, from_at, ended_by)
select merchant_id, 'cleared', %(at)s, '' from unnest(%(cleared)s::bigint[]) merchant_id
on conflict (merchant_id) where to_at is null do nothing
"""
AUDIT = f"""
insert into members_auditrow
    (merchant_id, at, actor_kind, actor_label, action, subject_kind, subject_id, subject_label, before, after,
    reason, request_id)
select d.merchant_id, %(at)s, 'job', 'clearance', 'program.cleared', 'program', m.slug,
    coalesce(nullif(p.name, ''), m.name),
    case when d.was_closed then '{{"status": "closed"}}'::jsonb else '{{"status": "open"}}'::jsonb end,
    %(after)s::jsonb, '', ''
from members_merchant m, members_program p, {_CLEARED}
    and m.id = d.merchant_id and p.merchant_id = d.merchant_id
"""
EMAILS = f"""
insert into members_outboxrow (merchant_id, topic, key, payload, created_at, due_at, attempts, last_error)
select d.merchant_id, 'email', 'cleared:' || %(run)s || ':' || u.id, jsonb_build_object(
    'to', u.email, 'template', 'compliance/clearance/email/cleared', 'until', null,
    'context', jsonb_build_object('run_on', %(on)s::date, 'policy', %(policy)s,
        'days', %(on)s::date - (d.uncovered_since at time zone %(zone)s)::date)
), %(at)s, %(at)s, 0, ''
from members_staff m join members_user u on u.id = m.user_id and u.is_active, {_CLEARED}
    and m.merchant_id = d.merchant_id and m.left_at is null and m.role in ('owner', 'manager')
on conflict do nothing
"""


class Undecided(RuntimeError):
    """What was judged and what was decided differ: the chunk is rolled back and worked again."""


def as_rule(row: RunRow) -> Run:
    """A stored run as the pure rules read it."""
    return Run(row.period, row.run_on, row.at, row.policy.version)


def ground_of(row: RunRow) -> Ground:
    """What a run may know that concerns every program."""
    return facts.ground(policies.history(), before=row.at)


def drain_chunk(*, run_id: int) -> bool:
    """Decide and close one open chunk of a running run, or find none to claim (False). Works as platform.

    One transaction: killed at any moment it leaves the chunk open and nothing else. Chunks claimed by other workers
    are skipped. Standings of its programs are first made those of the run's own instant.
    """
    with transaction.atomic():
        row = RunRow.objects.select_related("policy").get(pk=run_id)
        if row.state != RunState.RUNNING:
            return False
        with connection.cursor() as cursor:
            cursor.execute(CLAIM, [run_id])
            claimed = cursor.fetchone()
            # Who stops a run waits for the chunks claimed before: one claimed behind it is left as it is.
            if claimed is None or not RunRow.objects.filter(pk=run_id, state=RunState.RUNNING).exists():
                return False
            cursor.execute("select pg_advisory_xact_lock_shared(%s)", [standing.LOCK])
        chunk = RunChunk.objects.get(pk=claimed[0])
        run = as_rule(row)
        values = judging.values(run, first_id=chunk.first_id, last_id=chunk.last_id)
        values |= {"run": row.pk, "policy": row.policy_id}
        cleared = _lock_candidates(ground_of(row), run, values)
        counts = _decide(values, cleared)
        if cleared:
            _close(values | {"cleared": cleared}, run)
            queue.enqueue("members.outbox")
        chunk.eligible = sum(counts.values())
        for outcome, count in counts.items():
            setattr(chunk, outcome, count)
        chunk.is_done = True
        chunk.save()
    return True


def _lock_candidates(ground: Ground, run: Run, values: dict[str, Any]) -> list[int]:
    """The merchants of the range to be cleared, their programs locked.

    Standings are first made those of the run's instant. A change that was in flight while programs were locked is
    there afterwards: look again, until nothing is new.
    """
    for _ in range(ROUNDS):
        _refresh(ground, run.at, values)
        cleared = judging.candidates(values)
        if not cleared:
            return cleared
        with connection.cursor() as cursor:
            cursor.execute(LOCK, [cleared])
        if not _stale(ground, run.at, values) and judging.candidates(values) == cleared:
            return cleared
    raise Undecided(f"run {run.period}: programs change as fast as they are locked")


def _stale(ground: Ground, at: dt.datetime, values: dict[str, Any]) -> list[int]:
    return standing.stale(at=at, newest=ground.newest, first_id=values["first_id"], last_id=values["last_id"])


def _refresh(ground: Ground, at: dt.datetime, values: dict[str, Any]) -> None:
    if ids := _stale(ground, at, values):
        with (
            connection.cursor() as cursor
        ):  # programs first, then due rows and standings, as every writer does
            cursor.execute(LOCK, [ids])
        standing.refresh(ids, ground=ground, at=at)


def _decide(values: dict[str, Any], cleared: list[int]) -> dict[str, int]:
    """Write the decisions of the range; programs by outcome. Raises Undecided when others than the locked clear."""
    with connection.cursor() as cursor:
        cursor.execute(DECIDE, values)
        rows = cursor.fetchall()
    decided = sorted(next((merchants for _reason, _count, merchants in rows if merchants), []))
    if decided != cleared:
        raise Undecided(f"{len(cleared)} programs were locked to be cleared, {len(decided)} were decided so")
    return judging.by_outcome((reason, count) for reason, count, _merchants in rows)


def _close(values: dict[str, Any], run: Run) -> None:
    """Status, closures, audit rows and e-mails of the range's cleared programs."""
    after = f'{{"status": "cleared", "period": "{run.period}", "policy": {run.version.number}}}'
    values = values | {"after": after, "zone": "Asia/Shanghai"}
    with connection.cursor() as cursor:
        for statement in (CLOSE, CARRY_ON, CLOSURES, AUDIT, EMAILS):
            cursor.execute(statement, values)
    program_events.cleared(values=values, period=run.period)
