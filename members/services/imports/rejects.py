"""The rows left out of an import, as a file that can be mended and imported again: line, reason, then the row."""

from __future__ import annotations

import csv
import datetime as dt
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np
from django.db import transaction
from django.utils.translation import gettext as _

from members.lib.refusals import NotFound
from members.models import ImportJob
from members.selectors.imports import find
from members.services import audit
from members.services.audit import Actor
from members.services.imports import storage
from members.services.imports.reading import DELIMITERS, Source

Reasons = Mapping[int, str]
"""Why, by line of the file."""


def note(job: ImportJob, part: str, reasons: Reasons) -> None:
    """Keep the reasons of one part of the work; the part done again replaces them."""
    path = storage.parts(job) / f"{part}.json"
    if not reasons:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(mode=0o700, exist_ok=True)
    beside = path.with_suffix(".part")
    beside.write_text(json.dumps(reasons, ensure_ascii=False), encoding="utf-8")
    os.replace(beside, path)


def noted(job: ImportJob) -> dict[int, str]:
    """All reasons kept so far, by line."""
    found: dict[int, str] = {}
    for path in sorted(storage.parts(job).glob("*.json")):
        for line, reason in json.loads(path.read_text(encoding="utf-8")).items():
            found.setdefault(int(line), reason)
    return dict(sorted(found.items()))


def write(source: Source, reasons: Reasons, path: Path) -> None:
    """Write the rejects file, in UTF-8 with a mark that spreadsheets understand."""
    starts = source.line_starts()
    ends = _row_ends(source, starts, reasons)
    mark = source.delimiter
    header = source.text[starts[source.header_line - 1] : starts[source.header_line]].decode().rstrip("\r\n")
    beside = path.with_suffix(".part")
    with open(
        os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8-sig"
    ) as out:
        out.write(f"{_('line')}{mark}{_('reason')}{mark}{header}\n")
        for line in sorted(reasons):
            reason = reasons[line].replace('"', '""')
            row = source.text[starts[line - 1] : ends[line]].decode(errors="replace").rstrip("\r\n")
            out.write(f'{line}{mark}"{reason}"{mark}{row}\n')
    os.replace(beside, path)


@transaction.atomic
def take(*, merchant_id: int, public_id: str, at: dt.datetime, actor: Actor) -> BinaryIO:
    """Open the file of the rows left out, for somebody who takes it away; who did is on record: it names people.

    Raises NotFound when there is no such import or file.
    """
    job = find(merchant_id=merchant_id, public_id=public_id)
    path = storage.rejects(job)
    if not job.rejects_as or not path.exists():
        raise NotFound(_("This import left no rows out."))
    file = path.open("rb")
    audit.record(
        merchant_id=merchant_id,
        at=at,
        actor=actor,
        action="import.rejects_taken",
        subject=("import", job.public_id),
        label=job.file_name,
        after={"rows": job.rejected},
    )
    return file


def _row_ends(source: Source, starts: np.ndarray, reasons: Reasons) -> dict[int, int]:
    """Where each row ends: with its line, or further on when a cell spans lines inside quotes."""
    ends = {}
    for line in reasons:
        until = line
        while (
            until < len(starts) - 1
            and source.text.count(b'"', starts[line - 1], starts[until]) % 2
            and until - line < 50
        ):
            until += 1
        ends[line] = int(starts[min(until, len(starts) - 1)])
    return ends


def first(job: ImportJob, count: int) -> list[tuple[str, str, list[str]]]:
    """(line, reason, the cells of the row) of the first rows left out."""
    if not job.rejects_as:
        return []
    path = storage.rejects(job)
    found = []
    if path.exists():
        with path.open(encoding="utf-8-sig", newline="") as content:
            header = content.readline()
            mark = next((each for each in DELIMITERS if each in header), ",")
            for row in csv.reader(content, delimiter=mark):
                if len(row) > 1:
                    found.append((row[0], row[1], row[2:]))
                if len(found) == count:
                    break
    return found
