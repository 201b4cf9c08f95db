"""Files of imports that had their time: they name people, so they do not lie about for ever."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import structlog
from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from members.models import ImportJob, ImportState
from members.services.imports import storage

log = structlog.get_logger(__name__)

KEPT_ENDED = dt.timedelta(days=30)
KEPT_UNKNOWN = dt.timedelta(days=1)  # an import's folder is there a moment before its row
TOGETHER = 500
GONE = _("The files of this import are no longer here. They are kept for 30 days after its end.")


def is_gone(job: ImportJob) -> bool:
    """Whether an import that ended left files that are no longer here."""
    has_left = bool(job.rejects_as) or job.state == ImportState.FAILED
    return not job.is_open and has_left and not storage.original(job).parent.exists()


def clear(*, at: dt.datetime) -> int:
    """Remove the files of imports that ended over 30 days before `at`, rejects of dry runs as old, and folders older
    than a day that belong to no import; returns how many folders and files. Works as platform.

    What cannot be removed is logged and left for the next time.
    """
    root = Path(settings.UPLOADS_DIR) / storage.FOLDER
    return sum(_remove(path) for path in _due(root, at)) if root.is_dir() else 0


def _due(root: Path, at: dt.datetime) -> Iterator[Path]:
    for place in sorted(root.iterdir()):
        if place.name.isdecimal() and place.is_dir():
            yield from _due_of_merchant(place, at)
        elif place.is_file() and _changed_at(place) < at - KEPT_ENDED:
            yield place


def _due_of_merchant(place: Path, at: dt.datetime) -> Iterator[Path]:
    paths = iter(sorted(place.iterdir()))
    while some := list(islice(paths, TOGETHER)):
        with transaction.atomic():
            known = ImportJob.objects.of(int(place.name)).filter(public_id__in=[path.name for path in some])
            ended_at = dict(known.values_list("public_id", "finished_at"))
        for path in some:
            if path.name not in ended_at:
                is_due = _changed_at(path) < at - KEPT_UNKNOWN
            else:
                ended = ended_at[path.name]
                is_due = ended is not None and ended < at - KEPT_ENDED
            if is_due:
                yield path


def _changed_at(path: Path) -> dt.datetime:
    return dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC)


def _remove(path: Path) -> bool:
    try:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    except OSError as error:
        log.warning("import_files_not_removed", path=str(path), error=str(error))
        return False
    return True
