"""Taking back what a run cleared: one program, some or all, within 72 hours of its end (domain.md 3).

What is asked for is written down at once and worked program by program, each in a transaction of its own, so that it
can be killed at any moment and goes on. Everything as platform.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection
from typing import Any

import structlog
from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from compliance.lib.runs import UNDO_WITHIN
from compliance.models import Decision, RunState, Undo, UndoOutcome
from compliance.models import Run as RunRow
from compliance.models.runs import UNDOABLE
from compliance.services import appeals, program_events, restoration, standing
from members.lib import queue
from members.lib.refusals import Conflict, Invalid, NotFound
from members.models import Closure, Program, ProgramStatus
from members.services import audit, programs
from members.services.audit import Actor

log = structlog.get_logger(__name__)
TASK = "compliance.undo"
BATCH = 500
ASK = """
insert into compliance_undo (merchant_id, run_id, asked_at, by_id, by_label, reason, outcome)
select d.merchant_id, d.run_id, %(at)s, %(by)s, %(label)s, %(reason)s, ''
from compliance_decision d
where d.run_id = %(run)s and d.outcome = 1 and (%(all)s or d.merchant_id = any(%(ids)s::bigint[]))
on conflict (merchant_id, run_id) do nothing
"""


def left(row: RunRow) -> int:
    """How many programs that a run cleared nobody has asked to undo."""
    cleared = Decision.objects.filter(run_id=row.pk, outcome="cleared")
    return cleared.count() - Undo.objects.filter(run_id=row.pk).count()


def may_undo(row: RunRow, *, at: dt.datetime) -> bool:
    """Whether clearings of a run can still be undone."""
    return row.state in UNDOABLE and row.done_at is not None and at - row.done_at <= UNDO_WITHIN


@transaction.atomic
def ask(
    *,
    run_id: int,
    merchant_ids: Collection[int] | None,
    confirmed: int | None,
    reason: str,
    at: dt.datetime,
    actor: Actor,
) -> int:
    """Have clearings of a run undone; how many more. Asked for again, it is none, and no refusal.

    merchant_ids: None for all that it cleared. confirmed: how many programs the person typed; it is checked against
    those meant that nobody asked for yet. Raises NotFound, Conflict (not done, over 72 hours ago), Invalid (no reason,
    another number, a program that the run did not clear).
    """
    row = RunRow.objects.select_for_update().filter(pk=run_id).first()
    if row is None:
        raise NotFound(_("There is no such run."))
    if row.state == RunState.UNDONE:
        return 0
    _require(row, reason, at)
    meant = _meant(row, merchant_ids)
    if not meant:
        return 0
    if confirmed != meant:
        text = _("Type the number of programs to be restored: %(count)s.") % {"count": meant}
        raise Invalid(text, errors={"confirm": text})
    values: dict[str, Any] = {
        "run": row.pk,
        "at": at,
        "by": actor.user_id,
        "label": actor.label[:120],
        "reason": reason.strip()[:500],
    }
    with connection.cursor() as cursor:
        cursor.execute(ASK, {**values, "all": merchant_ids is None, "ids": list(merchant_ids or ())})
        made = cursor.rowcount
    audit.record_for_platform(
        at=at,
        actor=actor,
        action="run.undone",
        subject=("run", row.period),
        after={"programs": made},
        reason=reason.strip(),
    )
    queue.enqueue(TASK, run_id=row.pk)
    return made


def _require(row: RunRow, reason: str, at: dt.datetime) -> None:
    if row.state not in UNDOABLE or row.done_at is None:
        raise Conflict(_("Only a run that is done can be undone; wait for its end."))
    if not may_undo(row, at=at):
        raise Conflict(
            _("A run can be undone for 72 hours after its end. Programs are restored by their appeals now.")
        )
    if not reason.strip():
        text = _("Say why it is undone: the audit log keeps it.")
        raise Invalid(text, errors={"reason": text})


def _meant(row: RunRow, merchant_ids: Collection[int] | None) -> int:
    if merchant_ids is None:
        return left(row)
    ids = set(merchant_ids)
    cleared = Decision.objects.filter(run_id=row.pk, outcome="cleared", merchant_id__in=ids).count()
    if cleared != len(ids):
        text = _("The run did not clear all of these programs.")
        raise Invalid(text, errors={"programs": text})
    return cleared - Undo.objects.filter(run_id=row.pk, merchant_id__in=ids).count()


def work(*, run_id: int, now: Callable[[], dt.datetime]) -> int:
    """Undo what was asked of a run and is not done; how many were done here. Idempotent, by any number of workers.

    now: the clock. It is read for each program once that is locked: thousands take hours, and a program is closed
    until its own turn. One that fails holds up none behind it; the first failure is raised at the end, and what is not
    done is sent again.
    """
    done, after, failed = 0, -1, None
    while ids := _open_ids(run_id, after):
        for merchant_id in ids:
            try:
                done += _undo_one(run_id, merchant_id, now)
            except Exception as error:
                log.exception("undo_failed", run=run_id, merchant=merchant_id)
                failed = failed or error
        after = ids[-1]
    if failed is not None:
        raise failed
    _finish(run_id)
    return done


@transaction.atomic
def _open_ids(run_id: int, after: int) -> list[int]:
    rows = Undo.objects.filter(run_id=run_id, done_at=None, merchant_id__gt=after).order_by("merchant_id")
    return list(rows.values_list("merchant_id", flat=True)[:BATCH])


@transaction.atomic
def _undo_one(run_id: int, merchant_id: int, now: Callable[[], dt.datetime]) -> bool:
    program = programs.lock_for_close(merchant_id=merchant_id)
    at = now()
    row = Undo.objects.of(merchant_id).select_for_update().filter(run_id=run_id, done_at=None).first()
    if row is None:
        return False
    run = RunRow.objects.get(pk=run_id)
    decision = Decision.objects.get(run_id=run_id, merchant_id=merchant_id)
    actor = (
        Actor(kind="platform", user_id=row.by_id, label=row.by_label) if row.by_id else Actor.job("clearance")
    )
    if program.status != ProgramStatus.CLEARED or program.closed_at != run.at:
        row.outcome = UndoOutcome.NOTHING
    elif decision.was_closed:
        row.outcome = UndoOutcome.CLOSED
        _close_as_it_was(program, at, actor)
    else:
        row.outcome = UndoOutcome.RESTORED
        restoration.restore(program=program, at=at, actor=actor)
    row.done_at = at
    row.save(update_fields=["done_at", "outcome"])
    if row.outcome != UndoOutcome.NOTHING:
        program_events.tell_undone(merchant_id=merchant_id, run=run, at=at)
        appeals.uphold_undone(program=program, run_id=run_id, at=at, actor=actor)
        standing.mark_due(merchant_id=merchant_id, at=at)
    return True


def _close_as_it_was(program: Program, at: dt.datetime, actor: Actor) -> None:
    """A program that its merchant had closed before the run is closed by its merchant again: the closure goes on,
    what it froze stays frozen, and the merchant opens it at will."""
    closure = Closure.objects.select_for_update().get(merchant_id=program.pk, to_at=None)
    closure.kind = "closed"
    closure.save(update_fields=["kind"])
    program.status = ProgramStatus.CLOSED
    program.closed_at = closure.from_at
    program.save(update_fields=["status", "closed_at"])
    restoration.protect(program=program, at=at)
    programs.record(
        program, at, actor, "program.restored", before={"status": "cleared"}, after={"status": "closed"}
    )


@transaction.atomic
def _finish(run_id: int) -> None:
    """A run of which everything was undone is undone itself."""
    row = RunRow.objects.select_for_update().get(pk=run_id)
    open_ones = Undo.objects.filter(run_id=run_id, done_at=None).exists()
    if row.state in UNDOABLE and row.cleared and not open_ones and not left(row):
        row.state = RunState.UNDONE
        row.save(update_fields=["state"])


def requeue() -> int:
    """Send again what is open: the broker is only a hint. How many runs."""
    with transaction.atomic():
        ids = list(Undo.objects.filter(done_at=None).values_list("run_id", flat=True).distinct().order_by())
    for run_id in ids:
        queue.enqueue(TASK, run_id=run_id)
    return len(ids)
