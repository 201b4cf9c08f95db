"""An import in the hands of one worker: its row, its file, and how somebody else takes it away."""

from __future__ import annotations

import structlog
from django.utils.translation import gettext as _

from members.lib.refusals import Invalid
from members.models import ImportJob
from members.services.imports import jobs, reading, rejects, storage

log = structlog.get_logger(__name__)


class Stopped(Exception):
    """Another worker took the import, or, with `is_cancelled`, somebody cancelled it."""

    def __init__(self, *, is_cancelled: bool = False) -> None:
        super().__init__()
        self.is_cancelled = is_cancelled


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


def put_rejects(job: ImportJob, source: reading.Source) -> None:
    """Put the rejects file together from what was noted."""
    reasons = rejects.noted(job)
    job.rejects_as = ""
    if reasons:
        rejects.write(source, reasons, storage.rejects(job))
        job.rejects_as = storage.below(storage.rejects(job))
