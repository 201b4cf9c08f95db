"""Where exported files lie: below UPLOADS_DIR, outside of what is served, one folder an export."""

from __future__ import annotations

import shutil
from pathlib import Path

from django.conf import settings

from members.models import Export

FOLDER = "exports"


def folder(job: Export) -> Path:
    """The folder of one export, made if need be; readable by the service alone."""
    path = Path(settings.UPLOADS_DIR) / FOLDER / str(job.merchant_id) / job.public_id
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def ids(job: Export) -> Path:
    """Who is in it: eight bytes an id, in the order of the file."""
    return folder(job) / "ids"


def growing(job: Export) -> Path:
    """The lines written so far."""
    return folder(job) / "lines.csv"


def file(job: Export) -> Path:
    """The finished file."""
    return Path(settings.UPLOADS_DIR) / job.stored_as


def forget(job: Export) -> None:
    """Remove all of it."""
    shutil.rmtree(folder(job), ignore_errors=True)
