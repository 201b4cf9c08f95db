"""Files of member prices: CSV as it stands; XLSX and Parquet through the reading of the imports, with its bounds."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Mapping
from pathlib import Path

from benefits.lib.prices import PriceList, check_size, read_lines, text_lines, unreadable
from members.lib.refusals import Invalid
from members.services.imports import parquet, reading, xlsx
from members.services.imports.xlsx_bounds import too_large

MOST_UNPACKED = (
    64 << 20
)  # bytes of all parts of a sheet; a list of as many prices as may be has a third of it
MOST_AS_CSV = 16 << 20  # bytes of a Parquet file's table as text
MARKS = (b"PK\x03\x04", b"PAR1", reading.OLE)


def read_price_file(content: bytes, *, currency: str, tiers: Mapping[str, str] | None = None) -> PriceList:
    """Read CSV (UTF-8 or GBK), XLSX or Parquet. tiers: name or code of a tier (casefolded) -> its code.

    Raises Invalid, at the field `file`, for a file that is too large or unpacks to too much, is damaged, locked, of
    unknown encoding, empty, or without a needed column.
    """
    check_size(content)
    if not content.startswith(MARKS):
        return read_lines(text_lines(content), currency=currency, tiers=tiers)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "prices"
        path.write_bytes(content)
        try:
            return _read_table(path, currency, tiers)
        except Invalid as refusal:
            raise refusal if refusal.errors else unreadable(refusal.detail) from None


def _read_table(path: Path, currency: str, tiers: Mapping[str, str] | None) -> PriceList:
    """A sheet or a Parquet file. Raises Invalid."""
    if reading.look(path).encoding == reading.PARQUET:
        out = io.BytesIO()
        parquet.write_csv(path, out, MOST_AS_CSV)
        return read_lines(text_lines(out.getvalue()), currency=currency, tiers=tiers)
    with xlsx.opened(path) as book:
        if sum(part.file_size for part in book.archive.infolist()) > MOST_UNPACKED:
            raise too_large()
        lines = ((number, [cell.strip() for cell in cells]) for number, cells in book.rows() if any(cells))
        return read_lines(lines, currency=currency, tiers=tiers)
