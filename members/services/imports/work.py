"""Working an import: its check, then its run, from wherever it stood when the last worker let go of it."""

from __future__ import annotations

import datetime as dt
from contextlib import suppress
from dataclasses import asdict

from django.db import DatabaseError, transaction
from django.utils import translation
from django.utils.translation import gettext as _

from members.lib.refusals import Invalid, Refusal
from members.models import ImportJob, ImportState, Merchant
from members.services import leases
from members.services.imports import hold, jobs, kinds, rejects, storage, undo


def work(
    *,
    merchant_id: int,
    import_id: int,
    at: dt.datetime,
    tell: kinds.Progress | None = None,
    chunk: int | None = None,
) -> ImportJob | None:
    """Do what is to be done of an import; None when another worker has it. Works as the merchant.

    `at` is now: when the run begins (unless it began before) and when it ends. A refusal fails the import and keeps
    what was posted; any other error leaves it to be picked up again.
    """
    job = leases.claim(ImportJob, merchant_id=merchant_id, pk=import_id)
    if job is None:
        return None
    with transaction.atomic():
        merchant = Merchant.objects.get(pk=merchant_id)
    try:
        with translation.override(job.language or merchant.language):
            _work(job, merchant, at, tell or (lambda job: None), chunk or kinds.of(job.kind).chunk)
    except hold.Stopped as stopped:
        if stopped.is_cancelled:
            _end(job, ImportState.CANCELLED, at)
    except Refusal as refusal:
        _end(job, ImportState.FAILED, at, refusal.detail)
    finally:
        with suppress(DatabaseError):  # a database that is down: the lease runs out
            leases.release(ImportJob, job)
    with transaction.atomic():
        job.refresh_from_db()
    return job


def _work(job: ImportJob, merchant: Merchant, at: dt.datetime, tell: kinds.Progress, chunk: int) -> None:
    if job.state == ImportState.UNDOING:
        undo.work(job, merchant, at, tell, chunk)
        return
    if leases.is_spent(job):
        raise Invalid(
            _("The import broke off %(times)s times at the same place.") % {"times": job.attempts - 1}
        )
    if job.state != ImportState.RUNNING:
        if not job.starts_itself:
            check(job, merchant, at)
            return
        with transaction.atomic():
            job = hold.mine(job)
            jobs.begin(job, at)
    kinds.of(job.kind).run(job, merchant, at, tell, chunk)


def check(job: ImportJob, merchant: Merchant, at: dt.datetime) -> None:
    """Look at the whole file and say what would come of it; changes nothing but the import's own row."""
    with transaction.atomic():
        hold.mine(job)
        ImportJob.objects.of(job.merchant_id).filter(pk=job.pk).update(state=ImportState.CHECKING)
    source = hold.open_source(job)
    found = kinds.of(job.kind).foresee(job, merchant, source, at)
    rejects.note(job, "check", found.reasons)
    with transaction.atomic():
        job = hold.mine(job)
        hold.put_rejects(job, source)
        job.rows, job.rejected, job.total_orders = found.rows, len(found.reasons), found.total
        job.people, job.notes, job.preview = found.people, found.notes, asdict(found.preview)
        job.state = ImportState.CHECKED
        job.save()


def _end(job: ImportJob, state: ImportState, at: dt.datetime, why: str = "") -> None:
    with transaction.atomic():
        found = jobs.lock(merchant_id=job.merchant_id, import_id=job.pk)
        if found.is_open:
            reasons = rejects.noted(found)
            if found.position and reasons and storage.original(found).exists():
                hold.put_rejects(found, hold.open_source(found))
            jobs.end(found, state, at, why)
