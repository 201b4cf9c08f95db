"""Work in chunks, the same for every kind of it: taken by one worker, done a chunk a transaction, given up in words
after so many tries at one place, stopped, taken up again, undone in time.

A kind (`Kind`) says what only it knows. Its chunk takes the locks that its writes need, then its row
(`leases.held`), works, and says how far it is (`got_on`), so that a worker killed at any moment loses a chunk at most.
A refusal of the whole ends the work and keeps what was done; what passes by itself (`Busy`, a database's deadlock or
lost connection) leaves it to be sent again, as a worker that dies does.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db import DatabaseError, transaction
from django.utils import timezone, translation

from members.lib import queue
from members.lib.refusals import Busy, Refusal
from members.models import Merchant, WorkState
from members.models.worked import UndoableModel, WorkedModel
from members.services import leases

UNDO_FOR = dt.timedelta(hours=72)
ENDED = (WorkState.DONE, WorkState.CANCELLED, WorkState.FAILED)
Clock = Callable[[], dt.datetime]
Job = TypeVar("Job", bound=WorkedModel)


def _nothing(job: Any, at: dt.datetime) -> None:
    """A kind that keeps no more of a failure than its words."""


@dataclass(frozen=True, kw_only=True)
class Kind(Generic[Job]):
    """What one kind of work has of its own.

    `broke_off`: what is said of one that is given up, with %(times)s. `failed`: what a failure does besides, to the
    locked row, in its transaction. `count`: how many there are to do, asked once by the worker, so that nobody waits
    for it. `refusals`: whether a refusal ends the work; else it is tried again like any error.
    """

    model: type[Job]
    task: str
    broke_off: Callable[[Job], str]
    failed: Callable[[Job, dt.datetime], None] = _nothing
    count: Callable[[Job], int] | None = None
    refusals: bool = True


def work(
    kind: Kind[Job],
    *,
    merchant_id: int,
    job_id: int,
    now: Clock,
    chunk: Callable[[Job, Merchant], bool],
    first: Callable[[Job, Merchant], object] | None = None,
    last: Callable[[Job, Merchant], object] | None = None,
) -> Job | None:
    """Do what is still to be done, in the asker's language and the shop's time; None when another worker has it.

    `chunk` is called, each time in a transaction, until it says False; `first` and `last`, in none, before and after.
    Works as the merchant. Errors pass through, and leave the work to be sent again.
    """
    job = leases.claim(kind.model, merchant_id=merchant_id, pk=job_id)
    if job is None:
        return None
    try:
        with transaction.atomic():
            merchant = Merchant.objects.get(pk=merchant_id)
        with translation.override(job.language or merchant.language), timezone.override(merchant.zone):
            _work(kind, job, merchant, now, chunk, first, last)
    finally:
        with suppress(DatabaseError):  # a database that is down: the lease runs out
            leases.release(kind.model, job)
    with transaction.atomic():
        job.refresh_from_db()
    return job


def _work(
    kind: Kind[Job],
    job: Job,
    merchant: Merchant,
    now: Clock,
    chunk: Callable[[Job, Merchant], bool],
    first: Callable[[Job, Merchant], object] | None,
    last: Callable[[Job, Merchant], object] | None,
) -> None:
    if leases.is_spent(job):
        _fail(kind, job, now, kind.broke_off(job) % {"times": job.attempts - 1})
        return
    try:
        _count(kind, job)
        if first is not None:
            first(job, merchant)
        goes_on = True
        while goes_on:
            with transaction.atomic():
                goes_on = chunk(job, merchant)
        if last is not None:
            last(job, merchant)
    except Busy:
        raise
    except Refusal as refusal:
        if not kind.refusals:
            raise
        _fail(kind, job, now, refusal.detail)


@transaction.atomic
def _count(kind: Kind[Job], job: Job) -> None:
    if kind.count is not None and not job.total:
        job.total = kind.count(job)
        kind.model.objects.of(job.merchant_id).filter(pk=job.pk).update(total=job.total)


@transaction.atomic
def _fail(kind: Kind[Job], job: Job, now: Clock, why: str) -> None:
    locked = leases.held(kind.model, job)
    if locked is not None:
        fail(kind, locked, now(), why)


def fail(kind: Kind[Job], locked: Job, at: dt.datetime, why: str) -> None:
    """End held work with words; what is done stays. In the caller's transaction."""
    if locked.state != WorkState.UNDOING or locked.finished_at is None:  # what is undone ended before
        locked.finished_at = at
    locked.state, locked.failure = WorkState.FAILED, why
    locked.save(update_fields=["state", "failure", "finished_at"])
    kind.failed(locked, at)


def got_on(locked: WorkedModel, by: int, *fields: str) -> None:
    """A chunk of held work is done: so many more had their turn. `fields`: what else of the row the chunk changed."""
    locked.state, locked.position = WorkState.RUNNING, locked.position + by
    locked.save(update_fields=["state", "position", *fields])


def finish(locked: WorkedModel, at: dt.datetime, *fields: str) -> None:
    """The last chunk of held work is done, or undone. `fields`: what else of the row is told at the end."""
    if isinstance(locked, UndoableModel) and locked.state == WorkState.UNDOING:
        locked.state, locked.undone_at = WorkState.UNDONE, at
        locked.save(update_fields=["state", "undone_at", *fields])
        return
    locked.state, locked.finished_at = WorkState.DONE, at
    locked.save(update_fields=["state", "finished_at", *fields])


def stop(locked: WorkedModel, at: dt.datetime) -> bool:
    """Stop locked work after the chunk at hand; whether that is news. What is done stays. Undoing is not stopped."""
    if locked.state not in (WorkState.QUEUED, WorkState.RUNNING):
        return False
    locked.state, locked.finished_at = WorkState.CANCELLED, at
    locked.save(update_fields=["state", "finished_at"])
    return True


def take_up(kind: Kind[Job], locked: Job) -> None:
    """Send locked work that failed to a worker again; of any other a no-op."""
    if locked.state == WorkState.FAILED:
        locked.state, locked.failure, locked.attempts = WorkState.RUNNING, "", 0
        locked.save(update_fields=["state", "failure", "attempts"])
        send(kind, locked)


def send(kind: Kind[Job], job: Job) -> None:
    """Tell a worker, once the transaction has committed, that there is something to do."""
    queue.enqueue(kind.task, merchant_id=job.merchant_id, job_id=job.pk)


def undo_until(job: UndoableModel, done: int) -> dt.datetime | None:
    """Until when work that did something to `done` members can be undone; None when there is nothing to undo."""
    return job.finished_at + UNDO_FOR if job.state in ENDED and job.finished_at and done else None


def may_be_undone(job: UndoableModel, done: int, at: dt.datetime) -> bool:
    """Whether an undoing may begin; one that was begun in time and broke off may be begun again at any time."""
    last = undo_until(job, done)
    return last is not None and (at <= last or bool(job.undo_by_label))


def begin_undo(job: UndoableModel, by: str) -> None:
    """Set locked work being undone by somebody. The caller sends it."""
    if job.undo_by_label:
        job.failure = ""  # it told of the undoing before
    job.state, job.undo_by_label, job.attempts = WorkState.UNDOING, by[:120], 0
    job.save(update_fields=["state", "undo_by_label", "attempts", "failure"])
