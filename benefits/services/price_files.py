"""Files of member prices: CSV as it stands; XLSX and Parquet through the reading of the imports, with its bounds."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from benefits.lib.prices import PriceList, check_size, read_lines, text_lines, unreadable
from members.lib.refusals import Invalid
from members.services.imports import parquet, reading, xlsx
from members.services.imports.xlsx_bounds import too_large

MOST_UNPACKED = (
    64 << 20
)  # bytes of all parts of a sheet; a list of as many prices as may be has a third of it
MOST_AS_CSV = 16 << 20  # bytes of a Parquet file's table as text
Lines = Iterable[tuple[int, list[str]]]
Taken = TypeVar("Taken")
MARKS = (b"PK\x03\x04", b"PAR1", reading.OLE)


def read_price_file(content: bytes, *, currency: str, tiers: Mapping[str, str] | None = None) -> PriceList:
    """Read CSV (UTF-8 or GBK), XLSX or Parquet. tiers: name or code of a tier (casefolded) -> its code.

    Raises Invalid, at the field `file`, for a file that is too large or unpacks to too much, is damaged, locked, of
    unknown encoding, empty, or without a needed column.
    """
    return with_lines(content, lambda lines: read_lines(lines, currency=currency, tiers=tiers))


def with_lines(content: bytes, take: Callable[[Lines], Taken]) -> Taken:
    """What `take` makes of a file's lines, each with its number. Raises Invalid, at the field `file`, as above."""
    check_size(content)
    if not content.startswith(MARKS):
        return take(text_lines(content))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "prices"
        path.write_bytes(content)
        try:
            return _from_table(path, take)
        except Invalid as refusal:
            raise refusal if refusal.errors else unreadable(refusal.detail) from None


def _from_table(path: Path, take: Callable[[Lines], Taken]) -> Taken:
    """A sheet or a Parquet file. Raises Invalid."""
    if reading.look(path).encoding == reading.PARQUET:
        out = io.BytesIO()
        parquet.write_csv(path, out, MOST_AS_CSV)
        return take(text_lines(out.getvalue()))
    with xlsx.opened(path) as book:
        if sum(part.file_size for part in book.archive.infolist()) > MOST_UNPACKED:
            raise too_large()
        return take((number, [cell.strip() for cell in cells]) for number, cells in book.rows() if any(cells))
