"""The decisions of a run as a file, read in batches while it is sent."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Iterator
from typing import Any

from compliance.lib.calendar import PLATFORM_ZONE
from compliance.models import Run
from compliance.selectors import run_reports

UNSAFE_CELLS = ("=", "+", "-", "@", "\t", "\r")  # a table program would take them for a formula


class _Echo:
    """A file whose lines are handed on as they are written."""

    def write(self, line: str) -> str:
        return line


def lines(row: Run) -> Iterator[str]:
    """The file: a mark that table programs know UTF-8 by, heads, one line a decision."""
    writer = csv.writer(_Echo())
    yield "\ufeff" + writer.writerow(["period", "run_on", "merchant", "name", *run_reports.COLUMNS])
    for batch in run_reports.rows_of(row.pk):
        yield "".join(
            writer.writerow([row.period, row.run_on.isoformat(), *(_cell(value) for value in line)])
            for line in batch
        )


def _cell(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.astimezone(PLATFORM_ZONE).isoformat()
    if isinstance(value, str) and value.startswith(UNSAFE_CELLS):
        return f"'{value}"
    return "" if value is None else value
