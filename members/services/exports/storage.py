"""Where exported files lie: below UPLOADS_DIR, outside of what is served, one folder an export."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from django.conf import settings

from members.models import Export

FOLDER = "exports"


def place(merchant_id: int, public_id: str) -> Path:
    """Where an export's folder is, or was."""
    return Path(settings.UPLOADS_DIR) / FOLDER / str(merchant_id) / public_id


def folder(job: Export) -> Path:
    """The folder of one export, made if need be; readable by the service alone."""
    path = place(job.merchant_id, job.public_id)
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def ids(job: Export) -> Path:
    """Who is in it: eight bytes an id, in the order of the file."""
    return folder(job) / "ids"


def growing(job: Export) -> Path:
    """The lines written so far."""
    return folder(job) / "lines.csv"


def sheet(job: Export) -> Path:
    """The lines as a sheet."""
    return folder(job) / "lines.xlsx"


def part(whole: Path, job: Export) -> Path:
    """What this worker alone writes, to be put in a file's place: a worker that lost the export spoils nobody's."""
    return whole.with_name(f"{whole.name}.{job.worker.rpartition(':')[2]}.part")


def file(job: Export) -> Path:
    """The finished file."""
    return Path(settings.UPLOADS_DIR) / job.stored_as


def forget(job: Export) -> bool:
    """Remove all of it; whether it is gone."""
    return remove(place(job.merchant_id, job.public_id))


def remove(path: Path) -> bool:
    """Remove a folder; whether it is gone."""
    shutil.rmtree(path, ignore_errors=True)
    return not path.exists()


def tidy(job: Export) -> None:
    """Remove what is beside the finished file."""
    for path in folder(job).iterdir():
        if path != file(job):
            path.unlink(missing_ok=True)


def kept() -> Iterator[tuple[int, dict[str, Path]]]:
    """The folders that are there, by their exports' public ids, a shop at a time; a shop's own goes when empty."""
    whole = Path(settings.UPLOADS_DIR) / FOLDER
    for shop in sorted(whole.iterdir()) if whole.is_dir() else []:
        if not shop.name.isdecimal() or shop.is_symlink() or not shop.is_dir():
            continue
        yield int(shop.name), {path.name: path for path in shop.iterdir() if path.is_dir()}
        with suppress(OSError):  # one is left in it
            shop.rmdir()
