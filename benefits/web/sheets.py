"""Tables as files: CSV however long, a sheet of at most so many rows, since it is made while the browser waits."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell

from members.lib.sheets import plain
from members.templatetags.fmt import points as points_text
from members.web import csv_files
from members.web.request import StaffRequest

SHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MOST_ROWS = 20_000


def answer(
    request: StaffRequest,
    name: str,
    file_format: str,
    head: Sequence[str],
    lines: Iterable[Sequence[str]],
    *,
    rows: int,
    back: str,
) -> HttpResponseBase:
    """The file (`csv` or `xlsx`); too many rows for a sheet lead back to a page, with words."""
    if file_format == "csv":
        return csv_files.answer_long(f"{name}.csv", head, lines)
    if rows > MOST_ROWS:
        text = _(
            "An Excel file holds at most %(most)s rows here, and these are %(rows)s. Take CSV, or narrow the list."
        )
        messages.error(request, text % {"most": points_text(MOST_ROWS), "rows": points_text(rows)})
        return redirect(back)
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    for each in (head, *lines):
        sheet.append([_as_text(sheet, cell) for cell in each])
    file = io.BytesIO()
    book.save(file)
    response = HttpResponse(file.getvalue(), content_type=SHEET)
    response["Content-Disposition"] = f'attachment; filename="{name}.xlsx"'
    return response


def _as_text(sheet: Any, text: str) -> WriteOnlyCell:
    """A cell that stays text also when somebody types 90 % into it: a sheet would keep 0.9."""
    cell = WriteOnlyCell(sheet, value=plain(text))
    cell.number_format = "@"
    return cell
