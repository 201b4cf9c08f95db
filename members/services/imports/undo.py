"""Taking a whole import back, within 72 hours after its end; what exactly that means the kind says.

`ImportJob.undo` says how far it is: who asked and when (`by`, `by_id`, `at`), the last thing that was worked
(`position`), how many there were (`rows`) and the kind's own counters; `finished_at` at its end, `failure` when it
could not go on.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from members.lib.refusals import Conflict, Refusal
from members.models import ImportJob, ImportState, Merchant
from members.services import leases, programs
from members.services.audit import Actor
from members.services.imports import hold, jobs, kinds

WINDOW = dt.timedelta(hours=72)
ENDED = (ImportState.DONE, ImportState.FAILED, ImportState.CANCELLED, ImportState.UNDO_FAILED)


def until(job: ImportJob) -> dt.datetime | None:
    """Until when the import can be taken back; None when it cannot be, whatever the time."""
    undoing = kinds.of(job.kind).undoing
    if undoing is None or job.state not in ENDED or job.finished_at is None or not undoing.has_any(job):
        return None
    return job.finished_at + WINDOW


def is_possible(job: ImportJob, at: dt.datetime) -> bool:
    """Whether a person can begin to take it back, or go on with what was begun in time."""
    last = until(job)
    return last is not None and (at <= last or "position" in job.undo)


def consequences(*, merchant_id: int, job: ImportJob) -> Any | None:
    """What taking it back would do now; None when nothing of it stands. Reads only."""
    undoing = kinds.of(job.kind).undoing
    return undoing.consequences(job) if undoing is not None and undoing.has_any(job) else None


@transaction.atomic
def start(*, merchant_id: int, public_id: str, at: dt.datetime, actor: Actor) -> ImportJob:
    """Begin to take a whole import back; again is a no-op.

    Raises NotFound, Conflict (not ended, nothing to take back, over 72 hours), ProgramNotOpen, ProgramCleared.
    """
    job = jobs.lock(merchant_id=merchant_id, public_id=public_id)
    if job.state in (ImportState.UNDOING, ImportState.UNDONE):
        return job
    undoing = kinds.of(job.kind).undoing
    if undoing is None or (last := until(job)) is None:
        raise Conflict(
            _("Only an import of points or members that ended, and made something, can be undone.")
        )
    if at > last and "position" not in job.undo:  # what was begun in time may be finished
        zone = Merchant.objects.get(pk=merchant_id).zone
        raise Conflict(
            _("An import can be undone for 72 hours after its end; these were over at %(until)s.")
            % {"until": f"{last.astimezone(zone):%Y-%m-%d %H:%M}"}
        )
    programs.lock_open(merchant_id=merchant_id)
    begun = {"position": 0, "rows": 0} | dict.fromkeys(undoing.counters, 0) | job.undo
    begun.pop("failure", None)
    was = job.undo.get("was", ImportState.DONE) if job.state == ImportState.UNDO_FAILED else job.state
    job.undo = begun | {"by": actor.label, "by_id": actor.user_id, "at": at.isoformat(), "was": was}
    job.state, job.cancel_asked, job.attempts = ImportState.UNDOING, False, 0
    job.save(update_fields=["undo", "state", "cancel_asked", "attempts"])
    jobs.record(job, at, actor, "import.undo_started", points=job.points)
    jobs.wake(job)
    return job


def work(job: ImportJob, merchant: Merchant, at: dt.datetime, tell: kinds.Progress, chunk: int) -> None:
    """Take back what is not taken back yet, chunk by chunk. A refusal gives the import its former state again."""
    undoing = kinds.of(job.kind).undoing
    assert undoing is not None
    if leases.is_spent(job):
        _give_up(job, at)
        return
    actor = Actor("user" if job.undo.get("by_id") else "job", job.undo.get("by", ""), job.undo.get("by_id"))
    try:
        is_done = False
        while not is_done:
            with transaction.atomic():
                job = hold.mine(job)
                is_done = undoing.take_back(job, merchant, at, actor, chunk)
                if is_done:
                    job.state = ImportState.UNDONE
                    job.undo = job.undo | {"finished_at": at.isoformat()}
                    jobs.record(job, at, actor, "import.undone", points=job.points, **undoing.numbers(job))
                job.attempts = 0
                job.save()
                leases.keep(job)
            tell(job)
    except Refusal as refusal:
        with transaction.atomic():
            job = hold.mine(job)
            job.state = job.undo.get("was", ImportState.DONE)
            job.undo = job.undo | {"failure": refusal.detail}
            job.save(update_fields=["state", "undo"])


@transaction.atomic
def _give_up(job: ImportJob, at: dt.datetime) -> None:
    """Stop trying after as many crashes at one place; what was taken back stays so, the rest waits for a person."""
    job = hold.mine(job)
    why = _(
        "It broke off %(times)s times at the same place. What was taken back stays taken back, the rest stands. "
        "Start the undoing again; if it breaks off once more, tell the platform the name of this file."
    ) % {"times": job.attempts - 1}
    job.state, job.undo = ImportState.UNDO_FAILED, job.undo | {"failure": why}
    job.save(update_fields=["state", "undo"])
    jobs.record(job, at, Actor.job("import"), "import.undo_failed", attempts=job.attempts - 1)
