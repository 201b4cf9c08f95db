"""Small CSV files of what a page shows: UTF-8 with a mark, so that spreadsheets read Chinese."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from django.http import HttpResponse

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def plain(value: Any) -> str:
    """A value that no spreadsheet takes for a formula."""
    text = "" if value is None else str(value)
    is_number = text.lstrip("+-").replace(".", "", 1).isdigit()
    return f"'{text}" if text.startswith(_FORMULA) and not is_number else text


def answer(name: str, head: Sequence[Any], rows: Iterable[Sequence[Any]]) -> HttpResponse:
    """The file as an attachment."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([plain(each) for each in head])
    writer.writerows([plain(each) for each in row] for row in rows)
    response = HttpResponse("\ufeff" + text.getvalue(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
