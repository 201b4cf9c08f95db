"""Writing an export, from wherever it stood when the last worker let go of it.

Who is in it is written down once; each chunk's lines are on disk before its transaction says how many bytes count, so
that a worker killed at any moment leaves at worst bytes that the next one cuts off. What takes long is done outside of
transactions, in files of the worker's own, and the lease is kept meanwhile.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import os
from array import array
from collections.abc import Callable
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _
from openpyxl import Workbook

from members.lib.refusals import Invalid
from members.lib.sheets import is_whole, plain
from members.models import Export, ExportFormat, Merchant, WorkState
from members.services import chunked, leases
from members.services.audit import Actor
from members.services.chunked import Clock
from members.services.exports import jobs, kinds, storage

CHUNK = 2_000
MOST_SHEET_ROWS = 1_000_000  # a sheet has 1,048,576
WIDTH = 8
LISTED_AT_ONCE = 10_000
ROWS_A_LEASE, BYTES_A_LEASE = 10_000, 1 << 20


def work(*, merchant_id: int, job_id: int, now: Clock, chunk: int = CHUNK) -> Export | None:
    """Write what is still to be written; None when another worker has it. Works as the merchant.

    `now` is asked when the list of members is made, and at the end, from which the file is kept.
    """
    job = chunked.work(
        KIND,
        merchant_id=merchant_id,
        job_id=job_id,
        now=now,
        first=_unless_cancelled(lambda job, merchant: _begin(job, merchant, now)),
        chunk=_unless_cancelled(lambda job, merchant: _write_chunk(job, merchant, chunk)),
        last=_unless_cancelled(lambda job, _merchant: _finish(job, now)),
    )
    if job is not None and job.state == WorkState.CANCELLED:  # what the cancelling removed may be there again
        storage.forget(job)
    return job


def _unless_cancelled(step: Callable[[Export, Merchant], bool]) -> Callable[[Export, Merchant], bool]:
    """A step whose files may be gone: a cancelling removes them at any moment."""

    def guarded(job: Export, merchant: Merchant) -> bool:
        try:
            return step(job, merchant)
        except FileNotFoundError:
            if leases.renew(Export, job) is not None:
                raise
            return False

    return guarded


def _begin(job: Export, merchant: Merchant, now: Clock) -> bool:
    """Write down who is in it, and the head, unless that was done; whether it is."""
    if job.state != WorkState.QUEUED:
        return True
    beside = storage.part(storage.ids(job), job)
    try:
        total = _list_ids(job, merchant, now(), beside)
        return total is not None and _put_down(job, beside, total)
    finally:
        beside.unlink(missing_ok=True)


def _list_ids(job: Export, merchant: Merchant, at: dt.datetime, beside: Path) -> int | None:
    """Write the ids into a file of this worker; how many, None when the export is no longer ours.

    Read in one transaction, so that nobody is in it twice; the lease is kept beside it, as shops may be large.
    """
    total, most = 0, MOST_SHEET_ROWS if job.format == ExportFormat.XLSX else None
    with transaction.atomic(), leases.beside(Export, job) as keep, _private(beside) as out:
        kind = kinds.of(job.kind)
        kind.check(merchant, job.filters, at)
        found = kind.ids(merchant, job.filters, at)
        while some := array("q", islice(found, LISTED_AT_ONCE)):
            out.write(some.tobytes())
            total += len(some)
            if most is not None and total > most:
                raise Invalid(_("A sheet holds 1,000,000 rows. Export as CSV, or narrow the list."))
            if len(some) == LISTED_AT_ONCE and not keep():
                return None
        _flush(out)
    return total


def _put_down(job: Export, beside: Path, total: int) -> bool:
    """The list is whole: what was searched for need not be known any more. False when the export is no longer ours."""
    with transaction.atomic():
        locked = leases.held(Export, job)
        if locked is None:
            return False
        beside.replace(storage.ids(job))
        with _private(storage.growing(job)) as out:
            out.write("\ufeff".encode() + _csv([kinds.of(job.kind).head()]))
            _flush(out)
        locked.state, locked.total = WorkState.RUNNING, total
        locked.size_so_far = storage.growing(job).stat().st_size
        locked.filters = kinds.without_people(locked.filters)
        locked.save(update_fields=["state", "total", "size_so_far", "filters"])
    return True


def _write_chunk(job: Export, merchant: Merchant, chunk: int) -> bool:
    """Add the next lines; False when there are none, or the export is no longer ours to write."""
    locked = leases.held(Export, job)
    if locked is None or locked.position >= locked.total:
        return False
    with storage.ids(job).open("rb") as source:
        source.seek(locked.position * WIDTH)
        ids = array("q", source.read(chunk * WIDTH))
    lines = list(kinds.of(job.kind).lines(merchant, ids, locked))
    with storage.growing(job).open("r+b") as out:
        out.truncate(locked.size_so_far)
        out.seek(0, os.SEEK_END)
        out.write(_csv(lines))
        _flush(out)
        locked.size_so_far = out.tell()
    locked.rows += len(lines)
    chunked.got_on(locked, len(ids), "rows", "size_so_far")
    return True


def _finish(job: Export, now: Clock) -> bool:
    """Put the finished file in its place; whether it is there. A sheet is made before, in no transaction: it takes
    minutes."""
    mine = leases.renew(Export, job)
    if mine is None or mine.position < mine.total:
        return False
    path, beside = storage.growing(job), None
    os.truncate(path, mine.size_so_far)
    if mine.format == ExportFormat.XLSX:
        path, beside = storage.sheet(job), storage.part(storage.sheet(job), job)
    try:
        if beside is not None and not _as_sheet(job, beside):
            return False
        with transaction.atomic():
            locked = leases.held(Export, job)
            if locked is None:
                return False
            at = now()
            if beside is not None:
                beside.replace(path)
            locked.expires_at, locked.size = at + jobs.KEPT, path.stat().st_size
            locked.stored_as = str(path.relative_to(settings.UPLOADS_DIR))
            chunked.finish(locked, at, "expires_at", "size", "stored_as")
            jobs.record(locked, at, Actor(kind="job", label="export"), "export.finished", rows=locked.rows)
    finally:
        if beside is not None:
            beside.unlink(missing_ok=True)
    storage.tidy(locked)
    return True


def _as_sheet(job: Export, target: Path) -> bool:
    """The lines as a sheet, a row at a time; False when the export is no longer ours.

    Text stays text, so that no cell is a formula. The lease is kept by row, and by the bytes that are packed.
    """
    numbers = kinds.of(job.kind).numbers
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    try:
        with storage.growing(job).open(encoding="utf-8-sig", newline="") as lines:
            for n, line in enumerate(csv.reader(lines), start=1):
                sheet.append(
                    [
                        int(text) if place in numbers and is_whole(text) else plain(text)
                        for place, text in enumerate(line)
                    ]
                )
                if n % ROWS_A_LEASE == 0 and leases.renew(Export, job) is None:
                    return False
        with _Packed(target, job) as out:
            book.save(out)
            _flush(out)
        return out.is_ours
    finally:
        if sheet._writer is not None:  # its rows lie in a file of the machine's, in clear
            with suppress(OSError, ValueError):  # after saving it is gone
                if not sheet.closed:
                    sheet.close()
                sheet._writer.cleanup()


class _Packed(io.BufferedRandom):
    """A file that keeps the export's lease while it is written."""

    def __init__(self, path: Path, job: Export) -> None:
        super().__init__(io.FileIO(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "r+"))
        self.job, self.since, self.is_ours = job, 0, True

    def write(self, data: Any) -> int:
        """As ever; a lease that is lost is told at the end, since a half-packed file cannot be let go of."""
        self.since += len(data)
        if self.since > BYTES_A_LEASE and self.is_ours:
            self.since, self.is_ours = 0, leases.renew(Export, self.job) is not None
        return super().write(data)


def _csv(lines: list[Any]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([plain(each) for each in line] for line in lines)
    return text.getvalue().encode()


def _private(path: Path) -> io.BufferedWriter:
    return open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


def _flush(out: io.BufferedWriter | io.BufferedRandom) -> None:
    out.flush()
    os.fsync(out.fileno())


def _broke_off(job: Export) -> str:
    return _("The export broke off %(times)s times at the same place.")


def _failed(job: Export, _at: dt.datetime) -> None:
    jobs.let_go(job)


KIND = chunked.Kind(model=Export, task=jobs.TASK, broke_off=_broke_off, failed=_failed)
