"""Where the files of imports lie: below UPLOADS_DIR, one folder an import, readable by the service alone."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import IO

from django.conf import settings
from django.utils.translation import gettext as _

from members.lib.refusals import Invalid
from members.models import ImportJob

FOLDER, ORIGINAL, REJECTS, PARTS = "imports", "orders.csv", "rejects.csv", "parts"
AS_CSV = "as.csv"
BLOCK = 1 << 20


def folder(merchant_id: int, public_id: str) -> Path:
    """The folder of one import, made if need be."""
    path = Path(settings.UPLOADS_DIR) / FOLDER / str(merchant_id) / public_id
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def keep(content: IO[bytes], target: Path) -> tuple[str, int]:
    """Copy a file into place; its SHA-256 and size. A half-written copy never stands under the name.

    Raises Invalid for a file over MAX_UPLOAD_BYTES: before anything is copied where it knows its size.
    """
    digest, size = hashlib.sha256(), 0
    if content.seekable():
        check_size(content.seek(0, os.SEEK_END))
        content.seek(0)
    beside = target.with_name(f".{target.name}.part")
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        while block := content.read(BLOCK):
            digest.update(block)
            size += len(block)
            check_size(size)
            out.write(block)
    beside.replace(target)
    return digest.hexdigest(), size


def check_size(size: int) -> None:
    """Raises Invalid for a file over MAX_UPLOAD_BYTES."""
    if size > settings.MAX_UPLOAD_BYTES:
        raise Invalid(
            _("The file has %(size)s MB; a file may have %(most)s MB. Split it by month.")
            % {"size": size >> 20, "most": settings.MAX_UPLOAD_BYTES >> 20}
        )


def digest_of(path: Path) -> str:
    """A file's SHA-256."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def original(job: ImportJob) -> Path:
    """The file as it was handed in."""
    return Path(settings.UPLOADS_DIR) / job.stored_as


def as_csv(job: ImportJob) -> Path:
    """The rows of a sheet or a Parquet file as CSV, kept between the check and the run."""
    return original(job).parent / AS_CSV


def rejects(job: ImportJob) -> Path:
    """Where the rows left out are written."""
    return original(job).parent / REJECTS


def parts(job: ImportJob) -> Path:
    """Where reasons lie until the rejects file is put together; made by whoever writes there."""
    return original(job).parent / PARTS


def below(path: Path) -> str:
    """A path as it is kept in a row."""
    return str(path.relative_to(settings.UPLOADS_DIR))


def forget_original(job: ImportJob) -> None:
    """The file is no longer needed: its rows are orders now, and it may name people."""
    original(job).unlink(missing_ok=True)
    as_csv(job).unlink(missing_ok=True)
    shutil.rmtree(parts(job), ignore_errors=True)
