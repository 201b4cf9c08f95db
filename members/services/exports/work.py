"""Writing an export, from wherever it stood when the last worker let go of it.

Who is in it is written down once; each chunk's lines are on disk before its transaction says how many bytes count, so
that a worker killed at any moment leaves at worst bytes that the next one cuts off.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import os
from array import array
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DatabaseError, transaction
from django.utils import translation
from django.utils.translation import gettext as _
from openpyxl import Workbook

from members.lib.refusals import Conflict, Invalid, Refusal
from members.lib.sheets import is_whole, plain
from members.models import Export, ExportFormat, Merchant, WorkState
from members.services import leases
from members.services.audit import Actor
from members.services.exports import jobs, kinds, storage

CHUNK = 2_000
MOST_SHEET_ROWS = 1_000_000  # a sheet has 1,048,576
WIDTH = 8


def work(*, merchant_id: int, job_id: int, at: dt.datetime, chunk: int = CHUNK) -> Export | None:
    """Write what is still to be written; None when another worker has it. Works as the merchant."""
    job = leases.claim(Export, merchant_id=merchant_id, pk=job_id)
    if job is None:
        return None
    with transaction.atomic():
        merchant = Merchant.objects.get(pk=merchant_id)
    try:
        with translation.override(job.language or merchant.language):
            if leases.is_spent(job):
                raise Conflict(
                    _("The export broke off %(times)s times at the same place.") % {"times": job.attempts - 1}
                )
            if job.state == WorkState.QUEUED:
                _begin(job, merchant, at)
            while _write_chunk(job, merchant, chunk):
                pass
            _finish(job, at)
    except Refusal as refusal:
        with transaction.atomic():
            jobs.end(
                leases.lock(Export, merchant_id=merchant_id, pk=job_id), WorkState.FAILED, at, refusal.detail
            )
    finally:
        with suppress(DatabaseError):  # a database that is down: the lease runs out
            leases.release(Export, job)
    with transaction.atomic():
        job.refresh_from_db()
    return job


def _begin(job: Export, merchant: Merchant, at: dt.datetime) -> None:
    """Write down who is in it, and the head."""
    kind, total = kinds.of(job.kind), 0
    with transaction.atomic():
        beside = storage.ids(job).with_suffix(".part")
        with _private(beside) as out:
            found = kind.ids(merchant, job.filters, at)
            while some := array("q", islice(found, 10_000)):
                out.write(some.tobytes())
                total += len(some)
        beside.replace(storage.ids(job))
        if job.format == ExportFormat.XLSX and total > MOST_SHEET_ROWS:
            raise Invalid(_("A sheet holds 1,000,000 rows. Export as CSV, or narrow the list."))
        with _private(storage.growing(job)) as out:
            out.write("\ufeff".encode() + _csv([kind.head()]))
            _flush(out)
        locked = leases.held(Export, job)
        if locked is None:  # cancelled meanwhile
            storage.forget(job)
            return
        locked.state, locked.total = WorkState.RUNNING, total
        locked.size_so_far = storage.growing(job).stat().st_size
        locked.save(update_fields=["state", "total", "size_so_far"])


def _write_chunk(job: Export, merchant: Merchant, chunk: int) -> bool:
    """Add the next lines; False when there are none, or the export is no longer ours to write."""
    with transaction.atomic():
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
        locked.position += len(ids)
        locked.rows += len(lines)
        locked.save(update_fields=["position", "rows", "size_so_far"])
    return True


def _finish(job: Export, at: dt.datetime) -> None:
    """Put the finished file in its place."""
    with transaction.atomic():
        locked = leases.held(Export, job)
        if locked is None:
            return
        path = storage.growing(job)
        os.truncate(path, locked.size_so_far)
        if locked.format == ExportFormat.XLSX:
            path = _as_sheet(path, kinds.of(locked.kind).numbers)
        locked.state, locked.finished_at, locked.expires_at = WorkState.DONE, at, at + jobs.KEPT
        locked.size = path.stat().st_size
        locked.stored_as = str(path.relative_to(settings.UPLOADS_DIR))
        locked.save(update_fields=["state", "finished_at", "expires_at", "size", "stored_as"])
        actor = Actor(kind="job", label="export")
        jobs.record(locked, at, actor, "export.finished", rows=locked.rows)
    storage.ids(job).unlink(missing_ok=True)
    if job.format == ExportFormat.XLSX:
        storage.growing(job).unlink(missing_ok=True)


def _as_sheet(path: Path, numbers: frozenset[int]) -> Path:
    """The lines as a sheet, a row at a time; text stays text, so that no cell is a formula."""
    target, beside = path.with_name("lines.xlsx"), path.with_name("lines.xlsx.part")
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    with path.open(encoding="utf-8-sig", newline="") as lines:
        for line in csv.reader(lines):
            sheet.append(
                [
                    int(text) if place in numbers and is_whole(text) else text
                    for place, text in enumerate(line)
                ]
            )
    book.save(beside)
    beside.chmod(0o600)
    beside.replace(target)
    return target


def _csv(lines: list[Any]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([plain(each) for each in line] for line in lines)
    return text.getvalue().encode()


def _private(path: Path) -> io.BufferedWriter:
    return open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


def _flush(out: io.BufferedWriter | io.BufferedRandom) -> None:
    out.flush()
    os.fsync(out.fileno())
