"""Rows of an imported file as a page may show them: what names a person is masked, what nobody knows is left out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from members.models import ImportJob
from members.templatetags.fmt import masked_id, masked_name, masked_phone

LONGEST = 120
HIDDEN = "…"
PHONE = re.compile(r"(?<!\d)(?:\+?86)?1[3-9]\d{9}(?!\d)")
MASKS: dict[str, Callable[[str], str]] = {
    "phone": masked_phone,
    "name": masked_name,
    "member_key": masked_id,
    "birthday": lambda _text: HIDDEN,
}
NUMBERS = frozenset({"order_id", "refund_id", "sku"})  # they may look like a phone number and are none


def masked_text(text: str) -> str:
    """A text with the phone numbers that stand in it masked."""
    return PHONE.sub(lambda found: masked_phone(found[0]), text)


def masked_row(job: ImportJob, cells: Sequence[str]) -> str:
    """A row of the file. Columns that the import does not use are unknown, so they may hold anything of a person;
    so may every cell of a row that has another number of cells than the header."""
    if len(cells) != len(job.headers):
        return HIDDEN
    fields = {header: name for name, header in job.columns.items()}
    return ", ".join(
        _cell(fields.get(header, ""), text) for header, text in zip(job.headers, cells, strict=True)
    )[:LONGEST]


def _cell(field: str, text: str) -> str:
    if not text.strip():
        return ""
    if not field:
        return HIDDEN
    if field in MASKS:
        return MASKS[field](text)
    return text if field in NUMBERS else masked_text(text)


def shown(
    job: ImportJob, rows: Iterable[tuple[str, str, list[str]]], *, with_rows: bool
) -> list[tuple[str, str, str]]:
    """(line, reason, the row) of rows left out; without the rows for those who may not take the file itself."""
    return [
        (line, masked_text(reason), masked_row(job, cells) if with_rows else "")
        for line, reason, cells in rows
    ]
