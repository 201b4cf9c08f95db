"""CSV files of what a page shows: UTF-8 with a mark, so that spreadsheets read Chinese."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Iterable, Sequence
from typing import IO, Any

from django.http import FileResponse, HttpResponse

from members.lib.sheets import plain

_TYPE = "text/csv; charset=utf-8"


def answer(name: str, head: Sequence[Any], rows: Iterable[Sequence[Any]]) -> HttpResponse:
    """A small file as an attachment."""
    text = io.StringIO()
    _write(text, head, rows)
    response = HttpResponse(text.getvalue(), content_type=_TYPE)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def answer_long(name: str, head: Sequence[Any], rows: Iterable[Sequence[Any]]) -> FileResponse:
    """A file of any length: written to disk while the request's transaction is open, sent after it."""
    # The response closes the file when it is sent.
    file = tempfile.TemporaryFile("w+b")  # noqa: SIM115
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    _write(text, head, rows)
    text.flush()
    text.detach()
    file.seek(0)
    return FileResponse(file, as_attachment=True, filename=name, content_type=_TYPE)


def _write(file: IO[str], head: Sequence[Any], rows: Iterable[Sequence[Any]]) -> None:
    file.write("\ufeff")
    writer = csv.writer(file)
    writer.writerow([plain(each) for each in head])
    writer.writerows([plain(each) for each in row] for row in rows)
