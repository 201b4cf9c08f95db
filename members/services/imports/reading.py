"""A file as columns of text, each row with its line in the file; nothing is interpreted yet.

CSV is read as it is. A sheet (XLSX) or a Parquet file becomes CSV first, so that all that follows knows one kind.
"""

from __future__ import annotations

import csv
import io
import mmap
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv
from django.utils.translation import gettext as _

from members.lib.refusals import Invalid
from members.services.imports import parquet, xlsx, xlsx_bounds

LARGEST = 1 << 30  # bytes of one file
CSV, XLSX, PARQUET = "csv", "xlsx", "parquet"
SHEETS = (XLSX, PARQUET)
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # old Excel's files, and new ones behind a password
DELIMITERS = ",\t;|"
LONGEST_ROW = 50  # lines that one row may span inside quotes
NEWLINE, CARRIAGE, QUOTE = 10, 13, 34

Ints = npt.NDArray[np.int64]


@dataclass(slots=True)
class Broken:
    """A row that is no row: its line and why."""

    line: int
    reason: str
    cells: list[str]


@dataclass(slots=True)
class Sheet:
    """The wanted columns by field, the line of each row, and the rows that could not be read."""

    columns: dict[str, pa.StringArray]
    lines: Ints
    broken: list[Broken] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """How many rows were read, broken ones not counted."""
        return len(self.lines)


@dataclass(slots=True)
class Source:
    """A file's text as UTF-8 bytes, and what its first line says."""

    text: bytes
    encoding: str
    delimiter: str
    headers: list[str]
    header_line: int  # lines before the first row
    body_at: int  # where the first row begins
    is_cut: bool  # the last line has no end, so it may be half a line

    def line_starts(self) -> Ints:
        """Where each line of the file begins, and the end."""
        data = np.frombuffer(self.text, dtype=np.uint8)
        ends = np.flatnonzero(data == NEWLINE).astype(np.int64) + 1
        if self.is_cut:
            ends = np.append(ends, len(self.text))
        return np.concatenate([np.zeros(1, dtype=np.int64), ends])


def look(path: Path) -> Source:
    """The headers and what kind of file it is; of a sheet or a Parquet file no rows are read. Raises Invalid."""
    kind = _kind(path)
    if kind == CSV:
        return open_file(path)
    if kind == PARQUET:
        headers = parquet.headers(path)
    else:
        with xlsx.opened(path) as book:
            row = book.first_row()
        if row is None:
            raise Invalid(_("The file is empty."))
        headers = [cell.strip() for cell in row[1]]
    return Source(b"", kind, ",", headers, 1, 0, is_cut=False)


def open_file(path: Path, kept: Path | None = None) -> Source:
    """Read a file's text and headers. Raises Invalid for what is no such file, in a clear line.

    A sheet or a Parquet file is turned into CSV first, in lines that are its rows; the CSV lies in `kept` for the next
    time, where a place is given.
    """
    kind = _kind(path)
    if kind == CSV:
        return _source(*decoded(path.read_bytes()))
    if kept is not None and kept.exists():
        return _source(kept.read_bytes(), kind, ",")
    text = _as_csv(path, kind)
    if kept is not None:
        beside = kept.with_name(f".{kept.name}.part")
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            out.write(text)
        beside.replace(kept)
    return _source(text, kind, ",")


def _kind(path: Path) -> str:
    """CSV, XLSX or PARQUET. Raises Invalid for files that are too large and for other kinds that are known."""
    size = path.stat().st_size
    if size > LARGEST:
        raise Invalid(
            _("The file has %(size)s MB; a file may have %(most)s MB. Split it by month.")
            % {"size": size >> 20, "most": LARGEST >> 20}
        )
    with path.open("rb") as content:
        first = content.read(8)
        if first[:4] == b"PK\x03\x04":
            return XLSX
        if first[:4] == b"PAR1":
            return PARQUET
        if first == OLE:
            with mmap.mmap(content.fileno(), 0, access=mmap.ACCESS_READ) as whole:
                is_locked = whole.find("EncryptedPackage".encode("utf-16-le")) >= 0
            raise (
                xlsx_bounds.locked()
                if is_locked
                else Invalid(
                    _(
                        "This is a file of an old Excel (XLS). Save the sheet as XLSX or as CSV (UTF-8) and import "
                        "that."
                    )
                )
            )
    return CSV


def _as_csv(path: Path, kind: str) -> bytes:
    """The rows of a sheet or of a Parquet file as CSV. A row's number is its line."""
    out = io.BytesIO()
    if kind == PARQUET:
        parquet.write_csv(path, out, LARGEST)
        return out.getvalue()
    text = io.TextIOWrapper(out, encoding="utf-8", newline="")
    writer = csv.writer(text, lineterminator="\n")
    following = width = 0
    with xlsx.opened(path) as book:
        for number, cells in book.rows():
            text.write("\n" * (number - following - 1))
            following = number
            if any(cells):
                width = width or len(cells)  # the header's; empty cells at a row's end are not in the file
                cells.extend([""] * (width - len(cells)))
                writer.writerow([_one_line(cell) for cell in cells])
            else:
                text.write("\n")
            if out.tell() > LARGEST:
                raise xlsx_bounds.too_large()
    text.flush()
    if not out.tell():
        raise Invalid(_("The file is empty."))
    return out.getvalue()


def _one_line(cell: str) -> str:
    return " ".join(cell.split("\n")).replace("\r", "") if "\n" in cell or "\r" in cell else cell


def _source(text: bytes, encoding: str, delimiter: str = "") -> Source:
    if b"\n" not in text and b"\r" in text:
        text = text.replace(b"\r", b"\n")
    start, line = 0, 0
    while True:
        end = text.find(b"\n", start)
        end = len(text) if end < 0 else end
        first = text[start:end].decode()
        if first.strip():
            break
        if end >= len(text):
            raise Invalid(_("The file is empty."))
        start, line = end + 1, line + 1
    delimiter = delimiter or max(DELIMITERS, key=first.count)
    headers = [cell.strip() for cell in next(csv.reader([first], delimiter=delimiter))]
    return Source(text, encoding, delimiter, headers, line + 1, end + 1, not text.endswith(b"\n"))


def decoded(data: bytes) -> tuple[bytes, str]:
    """The file's text as UTF-8 and the encoding it had. Raises Invalid for other kinds of files and encodings."""
    if not data or data.isspace():
        raise Invalid(_("The file is empty."))
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in data:
        raise Invalid(
            _(
                "The file is not text in UTF-8 or GBK (it holds zero bytes). Save it as CSV (UTF-8) and try again."
            )
        )
    if data[:3] == b"\xef\xbb\xbf":
        data = data[3:]
    if data.isascii():
        return data, "utf-8"
    try:
        data.decode("utf-8")
        return data, "utf-8"
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data":  # cut in the middle of a character
            return data[: error.start], "utf-8"
    return _from_gbk(data), "gbk"


def _from_gbk(data: bytes) -> bytes:
    try:
        text = data.decode("gbk")
    except UnicodeDecodeError as error:
        if error.start < len(data) - 1:
            raise _unknown_encoding(data, error.start) from None
        text = data[: error.start].decode("gbk")
    letters = {letter for letter in set(text) if letter > "\x7f"}
    rare = sum(not _is_common(letter) for letter in letters)
    if rare * 4 > len(letters):  # another encoding's bytes, read as rare characters
        raise _unknown_encoding(data, next(i for i, byte in enumerate(data) if byte > 127))
    return text.encode()


def _is_common(letter: str) -> bool:
    try:
        letter.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return True


def _unknown_encoding(data: bytes, at: int) -> Invalid:
    return Invalid(
        _(
            "The file's encoding is neither UTF-8 nor GBK (line %(line)s). Save it as CSV (UTF-8) and try again."
        )
        % {"line": data.count(b"\n", 0, at) + 1}
    )


def read(source: Source, wanted: Mapping[str, int]) -> Sheet:
    """The wanted columns (field -> place among the headers) of every row."""
    sheet = _read_fast(source, wanted)
    return sheet if sheet is not None else _read_slowly(source, wanted)


def _read_fast(source: Source, wanted: Mapping[str, int]) -> Sheet | None:
    """All at once, when every row has its cells and its line is beyond doubt; else None."""
    if source.body_at >= len(source.text):
        return Sheet({name: pa.array([], pa.string()) for name in wanted}, np.zeros(0, dtype=np.int64))
    has_quotes = source.text.find(b'"', source.body_at) >= 0
    names = [f"c{i}" for i in range(len(source.headers))]
    ragged: list[object] = []

    def skip(row: object) -> str:
        ragged.append(row)
        return "skip"

    picked = [names[i] for i in wanted.values()]
    try:
        table = pyarrow.csv.read_csv(
            pa.BufferReader(pa.py_buffer(source.text).slice(source.body_at)),
            read_options=pyarrow.csv.ReadOptions(column_names=names, block_size=8 << 20),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=source.delimiter,
                quote_char='"' if has_quotes else False,
                newlines_in_values=has_quotes,
                invalid_row_handler=skip,
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types={name: pa.string() for name in picked},
                include_columns=picked,
                strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid:
        return None
    lines: Ints | None
    if not has_quotes and table.num_rows == source.text.count(b"\n", source.body_at) + source.is_cut:
        lines = np.arange(table.num_rows, dtype=np.int64) + source.header_line + 1  # no line is blank
    else:
        lines = _row_lines(source, has_quotes)
    if ragged or lines is None or table.num_rows != len(lines):
        return None
    columns = {
        name: table.column(place).combine_chunks() for place, name in enumerate(wanted) if len(table.columns)
    }
    return Sheet({name: _whole(column) for name, column in columns.items()}, lines)


def _whole(column: pa.Array | pa.ChunkedArray) -> pa.StringArray:
    return column if isinstance(column, pa.Array) else pa.concat_arrays(column.chunks)


def _row_lines(source: Source, has_quotes: bool) -> Ints | None:
    """The first line of each row, blank lines left out; None when quotes leave a doubt."""
    data = np.frombuffer(source.text, dtype=np.uint8)[source.body_at :]
    ends = np.flatnonzero(data == NEWLINE).astype(np.int64)
    if source.is_cut:
        ends = np.append(ends, len(data))
    starts = np.concatenate([np.zeros(1, dtype=np.int64), ends[:-1] + 1])
    length = ends - starts
    blank = length == 0
    short = np.flatnonzero(length == 1)
    blank[short] = data[starts[short]] == CARRIAGE
    lines = np.arange(len(ends), dtype=np.int64) + source.header_line + 1
    if has_quotes:
        quotes = np.flatnonzero(data == QUOTE)
        if len(quotes) % 2:
            return None
        is_inside = np.searchsorted(quotes, starts) % 2 == 1
        blank |= is_inside
    return lines[~blank]


def _read_slowly(source: Source, wanted: Mapping[str, int]) -> Sheet:
    """Row by row: some rows lack cells, or quotes are left open; each such row is named."""
    cells: dict[str, list[str]] = {name: [] for name in wanted}
    lines: list[int] = []
    broken: list[Broken] = []
    width = len(source.headers)
    for line, row, is_last, problem in _rows(source):
        while len(row) > width and not row[-1].strip():
            row.pop()
        if problem is None and len(row) != width:
            problem = _wrong_width(len(row), width, is_cut=source.is_cut and is_last)
        if problem is not None:
            broken.append(Broken(line, problem, row))
            continue
        lines.append(line)
        for name, place in wanted.items():
            cells[name].append(row[place])
    columns = {name: pa.array(column, pa.string()) for name, column in cells.items()}
    return Sheet(columns, np.array(lines, dtype=np.int64), broken)


def _wrong_width(found: int, width: int, *, is_cut: bool) -> str:
    if is_cut and found < width:
        return _("The file ends in the middle of this line.")
    return _("The line has %(found)s cells; the header has %(width)s.") % {"found": found, "width": width}


def _rows(source: Source) -> Iterator[tuple[int, list[str], bool, str | None]]:
    """(first line, cells, whether it is the last, what is wrong) of each row that is not blank."""
    texts = source.text[source.body_at :].decode().split("\n")
    if not source.is_cut:
        texts.pop()
    at = 0
    while at < len(texts):
        begin, row = at, texts[at]
        at += 1
        if row.count('"') % 2:
            more = _until_closed(texts, at)
            if more is None:
                reason = _("A quotation mark is opened in this line and never closed.")
                yield begin + source.header_line + 1, [row], at == len(texts), reason
                continue
            row, at = "\n".join(texts[begin:more]), more
        row = row.removesuffix("\r")
        if not row.strip():
            continue
        cells = next(csv.reader(io.StringIO(row, newline=""), delimiter=source.delimiter))
        yield begin + source.header_line + 1, cells, at >= len(texts), None


def _until_closed(texts: Sequence[str], at: int) -> int | None:
    """After which line the quotation mark opened before line `at` is closed."""
    for end in range(at, min(len(texts), at + LONGEST_ROW)):
        if texts[end].count('"') % 2:
            return end + 1
    return None
