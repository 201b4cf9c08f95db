"""Working an import: its check, then its run, from wherever it stood when the last worker let go of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass

import structlog
from babel.numbers import get_currency_precision
from django.db import DatabaseError, transaction
from django.utils import translation
from django.utils.translation import gettext as _

from members.lib.collection import no_collection
from members.lib.refusals import Invalid, Refusal
from members.models import ImportJob, ImportState, Merchant
from members.services.audit import Actor
from members.services.order_import import jobs, posting, reading, rejects, staging, storage
from members.services.order_import.ahead import Ahead
from members.services.order_import.checking import Checked, Checker
from members.services.order_import.preview import Preview, foresee
from members.services.order_import.values import EPOCH

Progress = Callable[[ImportJob], None]
Check = Callable[[ImportJob, Merchant, dt.datetime], None]
Run = Callable[[ImportJob, Merchant, dt.datetime, Progress, int], None]
log = structlog.get_logger(__name__)
MICROSECOND = dt.timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Steps:
    """What is done of a kind of import: its check, its run, and, where it can be taken back, its undoing."""

    check: Check
    run: Run
    undo: Run | None = None


class Stopped(Exception):
    """Another worker took the import, or, with `is_cancelled`, somebody cancelled it."""

    def __init__(self, *, is_cancelled: bool = False) -> None:
        super().__init__()
        self.is_cancelled = is_cancelled


def check_file(
    source: reading.Source, *, merchant: Merchant, channel: str, columns: dict[str, str], at: dt.datetime
) -> Checked:
    """Read and check a whole file whose columns are known. Raises Invalid."""
    places = {
        name: source.headers.index(header) for name, header in columns.items() if header in source.headers
    }
    found = jobs.recognising.Columns(places, [], [n for n in jobs.recognising.REQUIRED if n not in places])
    found.require(source.headers)
    checked = Checker(
        reading.read(source, places),
        zone=merchant.zone,
        digits=get_currency_precision(merchant.currency),
        channel=channel,
        at_micros=(at - EPOCH) // MICROSECOND,
        order_place=places["order_id"],
    ).check()
    if source.is_cut and checked.rows:
        text = _("The last line has no line break: if the file was cut off, check line %(line)s.")
        checked.notes.append(text % {"line": len(source.line_starts()) - 1})
    return checked


def work(
    *,
    merchant_id: int,
    import_id: int,
    at: dt.datetime,
    tell: Progress | None = None,
    chunk: int = posting.CHUNK,
    steps: Steps | None = None,
) -> ImportJob | None:
    """Do what is to be done of an import; None when another worker has it. Works as the merchant.

    `at` is now: when the run begins (unless it began before) and when it ends. A refusal fails the import and keeps
    what was posted; any other error leaves it to be picked up again.
    """
    worker = jobs.worker_name()
    job = jobs.claim(merchant_id=merchant_id, import_id=import_id, worker=worker)
    if job is None:
        return None
    with transaction.atomic():
        merchant = Merchant.objects.get(pk=merchant_id)
    try:
        with translation.override(job.language or merchant.language):
            _work(job, merchant, at, tell or (lambda job: None), chunk, steps or ORDERS)
    except Stopped as stopped:
        if stopped.is_cancelled:
            _end(job, ImportState.CANCELLED, at)
    except Refusal as refusal:
        _end(job, ImportState.FAILED, at, refusal.detail)
    finally:
        with suppress(DatabaseError):  # a database that is down: the lease runs out
            jobs.release(merchant_id=merchant_id, import_id=import_id, worker=worker)
    with transaction.atomic():
        job.refresh_from_db()
    return job


def _work(
    job: ImportJob, merchant: Merchant, at: dt.datetime, tell: Progress, chunk: int, steps: Steps
) -> None:
    if job.state == ImportState.UNDOING:
        assert steps.undo is not None
        steps.undo(job, merchant, at, tell, chunk)
        return
    if job.attempts > jobs.MOST_ATTEMPTS:
        raise Invalid(
            _("The import broke off %(times)s times at the same place.") % {"times": job.attempts - 1}
        )
    if job.state != ImportState.RUNNING:
        if not job.starts_itself:
            steps.check(job, merchant, at)
            return
        with transaction.atomic():
            job = mine(job)
            jobs.begin(job, at)
    steps.run(job, merchant, at, tell, chunk)


def check(job: ImportJob, merchant: Merchant, at: dt.datetime) -> None:
    """Look at the whole file and say what would come of it; changes nothing but the import's own row."""
    with transaction.atomic():
        mine(job)
        ImportJob.objects.of(job.merchant_id).filter(pk=job.pk).update(state=ImportState.CHECKING)
    source = open_source(job)
    checked = check_file(source, merchant=merchant, channel=job.channel, columns=job.columns, at=at)
    rejects.note(job, "check", checked.reasons)
    with transaction.atomic():
        found = foresee(
            checked,
            merchant_id=job.merchant_id,
            channel=job.channel,
            is_declared=bool(job.declared_source),
        )
        job = mine(job)
        put_rejects(job, source)
        _count(job, checked, found)
        job.state = ImportState.CHECKED
        job.save()


def run(job: ImportJob, merchant: Merchant, at: dt.datetime, tell: Progress, chunk: int) -> None:
    """Stage the file unless it is staged, post what is not posted yet, put the rejects together."""
    with transaction.atomic():
        job = mine(job)
        is_staged = bool(job.position) and staging.is_staged(job.pk, job.position)
    if not is_staged and (job.position < job.total_orders or not job.position):
        job = stage(job, merchant, at)
    tell(job)
    actor = Actor("job", job.by_label or "import", job.by_id)
    with Ahead(job, chunk) as ahead:
        while job.position < job.total_orders:
            with transaction.atomic():
                jobs.flush_later()
                job = mine(job)
                post(job, actor, ahead)
            tell(job)
    source = open_source(job) if rejects.noted(job) else None
    with transaction.atomic():
        job = mine(job)
        if source is not None:
            put_rejects(job, source)
        jobs.end(job, ImportState.DONE, at)


def stage(job: ImportJob, merchant: Merchant, at: dt.datetime) -> ImportJob:
    """Read the file and stage its orders; where the posting stands is not touched."""
    assert job.at is not None
    source = open_source(job)
    checked = check_file(source, merchant=merchant, channel=job.channel, columns=job.columns, at=job.at)
    rejects.note(job, "check", checked.reasons)
    with transaction.atomic():
        job = mine(job)
        staging.stage(checked, import_id=job.pk, merchant_id=job.merchant_id, channel=job.channel)
        _count(job, checked, None)
        job.save()
        jobs.renew(job)
    return job


def post(job: ImportJob, actor: Actor, ahead: Ahead) -> None:
    """Post the next chunk of a locked import and move its position. In the caller's transaction."""
    assert job.at is not None
    with no_collection():
        staged = ahead.take(job.position)
        if not staged:
            raise Stopped  # the staging table was emptied under us: the next worker stages again
        done, count = posting.post_chunk(job.merchant_id, staged, actor=actor), len(staged)
        del staged  # else the first collection would look at all of it
    rejects.note(job, f"posted-{job.position:012d}", done.reasons)
    job.position += count
    job.created += done.created
    job.changed += done.changed
    job.unchanged += done.unchanged
    job.lines += done.lines
    job.refunds += done.refunds
    job.members_created += done.members_created
    job.rejected += len(done.reasons)
    job.attempts = 0
    job.save()
    jobs.renew(job)


def open_source(job: ImportJob) -> reading.Source:
    """The import's file. Raises Invalid when it is gone."""
    path = storage.original(job)
    if not path.exists():
        log.error("import_file_missing", path=str(path), hint="web and workers must share DATA_DIR/uploads")
        raise Invalid(_("The file of this import is no longer there. Hand it in again."))
    return reading.open_file(path, storage.as_csv(job))


def mine(job: ImportJob) -> ImportJob:
    """The import's row, locked. Raises Stopped when it is cancelled or another worker's."""
    found = jobs.lock(merchant_id=job.merchant_id, import_id=job.pk)
    if found.worker != job.worker or not found.is_worked:
        raise Stopped
    if found.cancel_asked:
        raise Stopped(is_cancelled=True)
    return found


def _end(job: ImportJob, state: ImportState, at: dt.datetime, why: str = "") -> None:
    with transaction.atomic():
        found = jobs.lock(merchant_id=job.merchant_id, import_id=job.pk)
        if found.is_open:
            reasons = rejects.noted(found)
            if found.position and reasons and storage.original(found).exists():
                put_rejects(found, open_source(found))
            jobs.end(found, state, at, why)


def _count(job: ImportJob, checked: Checked, found: Preview | None) -> None:
    """Counters of the whole file. `rejected` starts from what the check left out."""
    job.rows = checked.rows
    if not job.position:
        job.rejected = len(checked.reasons)
    job.total_orders = checked.orders
    job.notes = checked.notes
    if found is not None:
        job.preview = asdict(found)


def put_rejects(job: ImportJob, source: reading.Source) -> None:
    """Put the rejects file together from what was noted."""
    reasons = rejects.noted(job)
    job.rejects_as = ""
    if reasons:
        rejects.write(source, reasons, storage.rejects(job))
        job.rejects_as = storage.below(storage.rejects(job))


ORDERS = Steps(check, run)
