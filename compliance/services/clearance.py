"""Clearance runs: planned, braked, drained, done (domain.md 3, architecture.md 5). All as platform."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from benefits.services import audiences
from compliance.lib import runs as rule
from compliance.lib.calendar import platform_date
from compliance.lib.policy import Policy
from compliance.lib.runs import Run
from compliance.models import Run as RunRow
from compliance.models import RunChunk, RunState
from compliance.models.runs import ENDED
from compliance.selectors import judging, policies
from compliance.services import standing
from compliance.services.clearing import drain_chunk
from members.lib import queue
from members.lib.refusals import Conflict, Invalid, NotFound
from members.services import audit
from members.services.audit import Actor

CHUNK = 50_000
JUMP = 3  # an automatic run that clears more than so many times the last one waits for a person
TASK = "compliance.drain"
SEALING = "compliance.reports"
LOCK = 0x72756E  # one run is planned at a time

CHUNKS = """
insert into compliance_runchunk
    (run_id, number, first_id, last_id, is_done, eligible, cleared, kept, deferred, held)
select %(run)s, row_number() over (order by start), start, start + %(size)s - 1, false, 0, 0, 0, 0, 0
from generate_series(
    (select min(merchant_id) from members_program), (select max(merchant_id) from members_program), %(size)s
) start
"""


@transaction.atomic
def scheduled(*, at: dt.datetime) -> Run | None:
    """The run that the policy versions known before `at` make due at exactly that instant."""
    history = policies.history()
    if history.for_job(at) is None:
        return None
    due = rule.due_runs(history.known_before(at), at - dt.timedelta(microseconds=1), at)
    return due[0] if due else None


@transaction.atomic
def by_hand(*, at: dt.datetime) -> Run:
    """A run of the present period, judged at `at`, whatever the calendar says."""
    day = platform_date(at)
    return Run(rule.period_of(day), day, at, policies.history().at(at))


def plan(
    *, run: Run, actor: Actor | None = None, chunk_size: int = CHUNK, is_manual: bool = False
) -> tuple[RunRow, bool]:
    """Write a period's run with all its chunks in one transaction; (row, whether it was made now).

    A period has one run: planned before, it is returned as it is. An automatic run over the brake waits for approval
    (`approve`). Standings are made those of the run's instant first.
    """
    with transaction.atomic():
        existing = RunRow.objects.filter(period=run.period).first()
    if existing is not None:
        return existing, False
    standing.refresh_due(at=run.at)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("select pg_advisory_xact_lock(%s)", [LOCK])
        existing = RunRow.objects.filter(period=run.period).first()
        if existing is not None:
            return existing, False
        counts, brake = _foresee(run, is_manual)
        row = RunRow.objects.create(
            period=run.period,
            run_on=run.on,
            at=run.at,
            policy_id=run.version.number,
            is_manual=is_manual,
            state=RunState.BRAKED if brake else RunState.RUNNING,
            brake=brake,
            started_by_id=None if actor is None else actor.user_id,
            **counts,
        )
        with connection.cursor() as cursor:
            cursor.execute(CHUNKS, {"run": row.pk, "size": chunk_size})
        _record(row, actor, run.at, "run.braked" if brake else "run.started", counts)
        if not brake:
            queue.enqueue(TASK, run_id=row.pk)
    return row, True


def _foresee(run: Run, is_manual: bool) -> tuple[dict[str, int], str]:
    """What the run would decide, and why it must wait ("share", "jump" or ""). The brake off costs nothing."""
    policy = run.version.policy
    if is_manual or policy.max_clear_share >= 1:
        return {}, ""
    counts = judging.foreseen(run)
    last = RunRow.objects.filter(state=RunState.DONE, at__lt=run.at, cleared__gt=0).order_by("-at").first()
    return counts, brake_of(policy, counts, None if last is None else last.cleared)


def brake_of(policy: Policy, counts: dict[str, int], last_cleared: int | None) -> str:
    """Why an automatic run of these counts waits: more than the policy's share of eligible programs ("share"), more
    than three times the last run that cleared any ("jump"), or "". A share of 1 is the brake off."""
    if policy.max_clear_share >= 1:
        return ""
    if counts["cleared"] > policy.max_clear_share * Decimal(counts["eligible"]):
        return "share"
    if last_cleared and counts["cleared"] > JUMP * last_cleared:
        return "jump"
    return ""


def drain(*, run_id: int, at: dt.datetime) -> bool:
    """Work a run's chunks until none is left to claim; True when the run is done. `at`: when it is found done."""
    while drain_chunk(run_id=run_id):
        pass
    return finish(run_id=run_id, at=at)


def finish(*, run_id: int, at: dt.datetime) -> bool:
    """Close a running run whose chunks are all done; True when it is done. Idempotent."""
    with transaction.atomic():
        row = RunRow.objects.select_for_update().get(pk=run_id)
        if row.state in ENDED:
            return True
        if row.state != RunState.RUNNING or row.chunks.filter(is_done=False).exists():
            return False
        totals = _total(row)
        row.state = RunState.DONE
        row.done_at = at
        row.save()
        _record(row, None, at, "run.done", totals)
    return True


def _total(row: RunRow) -> dict[str, int]:
    """The counts of a run from those of its chunks that are done, written into the row."""
    totals = dict.fromkeys(row.counts, 0)
    for chunk in RunChunk.objects.filter(run=row, is_done=True):
        for name, count in chunk.counts.items():
            totals[name] += count
    for name, count in totals.items():
        setattr(row, name, count)
    return totals


def run_due(*, at: dt.datetime) -> dict[str, Any]:
    """The run due at exactly `at`, planned and drained here and now. Idempotent; {} when none is due."""
    run = scheduled(at=at)
    if run is None:
        return {}
    audiences.observe_everywhere(at=at)
    row, _made = plan(run=run)
    if row.state == RunState.RUNNING:
        drain(run_id=row.pk, at=at)
    with transaction.atomic():
        row.refresh_from_db()
    return report(row)


def plan_due(*, at: dt.datetime) -> RunRow | None:
    """Plan the run due at exactly `at`; drain tasks are sent for it. None when none is due."""
    run = scheduled(at=at)
    if run is None:
        return None
    audiences.observe_everywhere(at=at)
    return plan(run=run)[0]


def run_now(*, at: dt.datetime, actor: Actor) -> RunRow:
    """Start the present period's run by hand, judged at `at`; no brake, a person has looked.

    The period has no other run then. Raises Conflict when it has had its run.
    """
    row, made = plan(run=by_hand(at=at), actor=actor, is_manual=True)
    if not made:
        raise Conflict(_("The run of %(period)s exists already.") % {"period": row.period})
    return row


def approve(*, run_id: int, at: dt.datetime, actor: Actor) -> RunRow:
    """Let a braked run go on; it is judged at its own instant still.

    Raises NotFound, Conflict when it does not wait or a later run exists.
    """
    with transaction.atomic():
        row = _locked(run_id)
        if row.state != RunState.BRAKED:
            raise Conflict(_("This run does not wait for approval."))
        if RunRow.objects.filter(at__gt=row.at).exists():
            raise Conflict(_("A later run exists; this one can no longer be started."))
        row.state = RunState.RUNNING
        row.approved_by_id = actor.user_id
        row.approved_at = at
        row.save(update_fields=["state", "approved_by_id", "approved_at"])
        _record(row, actor, at, "run.approved", row.counts)
        queue.enqueue(TASK, run_id=row.pk)
    return row


def pause(*, run_id: int, at: dt.datetime, actor: Actor) -> RunRow:
    """Have a running run stop after the chunks being worked. Raises NotFound, Conflict."""
    return _switch(run_id, at, actor, RunState.RUNNING, RunState.PAUSED, "run.paused")


def resume(*, run_id: int, at: dt.datetime, actor: Actor) -> RunRow:
    """Let a paused run go on. Raises NotFound, Conflict."""
    row = _switch(run_id, at, actor, RunState.PAUSED, RunState.RUNNING, "run.resumed")
    queue.enqueue(TASK, run_id=row.pk)
    return row


def stop(*, run_id: int, reason: str, at: dt.datetime, actor: Actor) -> RunRow:
    """End a run before all is decided, for good: what it has decided stands, the rest is left to the next run.

    Waits for the chunks being worked. Stopped again it changes nothing. Raises NotFound, Invalid without a reason,
    Conflict when the run is done.
    """
    reason = reason.replace("\0", "").strip()
    if not reason:
        text = _("Say why the run is stopped: its report keeps the reason.")
        raise Invalid(text, errors={"reason": text})
    with transaction.atomic():
        row = _locked(run_id)
        if row.state == RunState.STOPPED:
            return row
        if row.state in ENDED:
            raise Conflict(_("The run is done: undo what it has cleared."))
        # Those being worked are waited for and counted; the others can no longer be claimed.
        list(RunChunk.objects.select_for_update().filter(run=row, is_done=False).order_by("number"))
        totals = _total(row)
        row.state = RunState.STOPPED
        row.stop_reason = reason[:500]
        row.done_at = max(at, row.at)
        row.save()
        audit.record_for_platform(
            at=at,
            actor=actor,
            action="run.stopped",
            subject=("run", row.period),
            after={"state": str(row.state), **totals},
            reason=reason,
        )
        queue.enqueue(SEALING)
    return row


def _switch(
    run_id: int, at: dt.datetime, actor: Actor, before: RunState, after: RunState, action: str
) -> RunRow:
    with transaction.atomic():
        row = _locked(run_id)
        if row.state != before:
            raise Conflict(_("The run is in another state by now."))
        row.state = after
        row.save(update_fields=["state"])
        _record(row, actor, at, action, {})
    return row


def _locked(run_id: int) -> RunRow:
    row = RunRow.objects.select_for_update().filter(pk=run_id).first()
    if row is None:
        raise NotFound(_("There is no such run."))
    return row


def _record(row: RunRow, actor: Actor | None, at: dt.datetime, action: str, counts: dict[str, int]) -> None:
    audit.record_for_platform(
        at=at,
        actor=actor or Actor.job("clearance"),
        action=action,
        subject=("run", row.period),
        after={"state": str(row.state), **counts},
    )


def report(row: RunRow) -> dict[str, Any]:
    """A run as commands and ticks report it: period, policy, state, eligible and counts by outcome."""
    return {"period": row.period, "policy": row.policy_id, "state": str(row.state), **row.counts}
