"""Sheets of XLSX files as rows of text, streamed: what a file unpacks to is bounded before and while it is read.

The sheet is read with expat and not with openpyxl's reader, which keeps every row's element until the end and a row of
a million cells whole: a file of 200 KB can be made that takes gigabytes there. Number formats and dates are openpyxl's.
"""

from __future__ import annotations

import datetime as dt
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import IO, Any
from xml.parsers import expat

from django.utils.translation import gettext as _
from openpyxl.styles.numbers import BUILTIN_FORMATS, is_date_format, is_timedelta_format
from openpyxl.utils.datetime import MAC_EPOCH, WINDOWS_EPOCH, from_excel

from members.lib.refusals import Invalid

MOST_UNPACKED = 1 << 30  # bytes of all parts together
MOST_TIMES = 200  # how many times its size a part may unpack to, above SMALL bytes; sheets reach 20 to 60
SMALL = 8 << 20
MOST_PARTS = 2_000
MOST_DIRECTORY = 1 << 20  # bytes of the archive's list of parts
MOST_ROWS = 1 << 20  # as in Excel
MOST_COLUMNS = 500
MOST_CELLS = 16_384  # of a row, empty ones counted, as in Excel
MOST_TEXT = 32_767  # characters of a cell, as in Excel
MOST_STRINGS = 256 << 20  # characters of all different texts together
BLOCK = 1 << 16
DATE_FORMATS = {
    *range(14, 23),
    *range(27, 37),
    *range(45, 48),
    *range(50, 59),
}  # 27 to 58: of East Asian Excels
_WHOLE = re.compile(r"-?\d+")
_LETTERS = re.compile(r"[A-Z]{1,3}")
HALF_SECOND = dt.timedelta(milliseconds=500)
Row = tuple[int, list[str]]


def too_large() -> Invalid:
    """The refusal of what would unpack to more than anybody needs."""
    return Invalid(
        _(
            "The file unpacks to more than a table of orders or points needs, so it was not opened. "
            "Save it as CSV (UTF-8)."
        )
    )


def _broken() -> Invalid:
    return Invalid(
        _("This Excel file is damaged. Open it, save it again as XLSX or as CSV (UTF-8), and try again.")
    )


@contextmanager
def opened(path: Path) -> Iterator[Book]:
    """The workbook, once its list of parts is within bounds. Raises Invalid."""
    _look_at_directory(path)
    try:
        with zipfile.ZipFile(path) as archive:
            _check_parts(archive)
            yield Book(archive)
    except (zipfile.BadZipFile, expat.ExpatError, EOFError, KeyError, NotImplementedError, OSError, struct.error,
            ValueError, IndexError, zlib.error) as error:  # fmt: skip
        raise _broken() from error


def _look_at_directory(path: Path) -> None:
    """The list of parts is read whole by zipfile, so its size is looked at first."""
    with path.open("rb") as content:
        size = content.seek(0, 2)
        content.seek(max(0, size - 65_557))
        tail = content.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < 22:
        raise _broken()
    parts, length = struct.unpack("<HL", tail[at + 10 : at + 16])
    if parts > MOST_PARTS or length > MOST_DIRECTORY:
        raise too_large()


def _check_parts(archive: zipfile.ZipFile) -> None:
    """zipfile gives no more of a part than the list declares, so what is declared bounds what is read."""
    total = 0
    for part in archive.infolist():
        total += part.file_size
        if total > MOST_UNPACKED or (
            part.file_size > SMALL and part.file_size > MOST_TIMES * max(1, part.compress_size)
        ):
            raise too_large()
        if part.flag_bits & 1:
            raise locked()
        if part.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise _broken()
    names = set(archive.namelist())
    if "xl/workbook.bin" in names:
        raise Invalid(
            _("XLSB files cannot be read. Save the sheet as XLSX or as CSV (UTF-8) and import that.")
        )
    if "xl/workbook.xml" not in names:
        raise Invalid(
            _("This archive holds no Excel sheet. Save the sheet as XLSX or as CSV (UTF-8) and import that.")
        )


def locked() -> Invalid:
    """The refusal of a file with a password."""
    return Invalid(_("The file is protected by a password. Save it without one and import that."))


def parse(content: IO[bytes], parser: Any) -> Iterator[None]:
    """Feed a part block by block; a pause after each. Raises Invalid for a part that declares entities."""

    def refuse(*_args: object) -> None:
        raise _broken()

    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    parser.buffer_text = True
    while block := content.read(BLOCK):
        parser.Parse(block, False)
        yield
    parser.Parse(b"", True)
    yield


def local(name: str) -> str:
    """A name without its namespace: there are two families of them."""
    return name.rpartition(" ")[2]


class Book:
    """A workbook: its first visible sheet, the texts it shares, which styles are dates."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self.archive = archive
        self.is_1904 = False
        self.sheet = self._sheet()
        self.dates, self.spans = self._date_styles()

    def rows(self) -> Iterator[Row]:
        """(number, cells) of each row that has any, as the sheet shows them."""
        yield from self._rows(self._shared())

    def first_row(self) -> Row | None:
        """The first row that is not blank; of the shared texts no more are read than it names."""
        for number, cells in self._rows(None):
            if any(cell.strip() for cell in cells):
                wanted = {int(cell[1:]) for cell in cells if cell[:1] == "\0"}
                texts = self._shared(max(wanted) + 1) if wanted else []
                return number, [texts[int(cell[1:])] if cell[:1] == "\0" else cell for cell in cells]
        return None

    def _rows(self, shared: Sequence[str] | None) -> Iterator[Row]:
        with self.archive.open(self.sheet) as content:
            reader = _SheetReader(self, shared)
            for _pause in parse(content, reader.parser):
                yield from reader.taken()

    def _elements(self, part: str, see: Callable[[str, dict[str, str]], None]) -> None:
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartElementHandler = lambda name, attributes: see(
            local(name), {local(key): value for key, value in attributes.items()}
        )
        with self.archive.open(part) as content:
            for _pause in parse(content, parser):
                pass

    def _sheet(self) -> str:
        sheets: list[str] = []
        targets: dict[str, str] = {}

        def of_book(name: str, attributes: dict[str, str]) -> None:
            if name == "workbookPr":
                self.is_1904 = attributes.get("date1904") in ("1", "true")
            elif name == "sheet" and attributes.get("state", "visible") == "visible":
                sheets.append(attributes["id"])

        def of_links(name: str, attributes: dict[str, str]) -> None:
            if name == "Relationship" and attributes.get("Type", "").endswith("/worksheet"):
                targets[attributes["Id"]] = attributes["Target"]

        self._elements("xl/workbook.xml", of_book)
        self._elements("xl/_rels/workbook.xml.rels", of_links)
        target = next((targets[each] for each in sheets if each in targets), None)
        if target is None:
            raise Invalid(_("The file has no visible sheet."))
        return target.lstrip("/") if target.startswith("/") else str(PurePosixPath("xl") / target)

    def _date_styles(self) -> tuple[set[str], set[str]]:
        """The style numbers that show a number as a date, and those that show a span of time."""
        formats, dates, spans = dict(BUILTIN_FORMATS), set(), set()
        inside: list[int] = []

        def see(name: str, attributes: dict[str, str]) -> None:
            if name == "numFmt" and len(formats) < 10_000:
                formats[int(attributes["numFmtId"])] = attributes.get("formatCode", "")
            elif name in ("cellXfs", "cellStyleXfs", "cellStyles", "dxfs"):
                inside[:] = [0] if name == "cellXfs" else []
            elif name == "xf" and inside:
                code = int(attributes.get("numFmtId", 0))
                if is_timedelta_format(formats.get(code)):
                    spans.add(str(inside[0]))
                elif code in DATE_FORMATS or is_date_format(formats.get(code)):
                    dates.add(str(inside[0]))
                inside[0] += 1

        if "xl/styles.xml" in self.archive.namelist():
            self._elements("xl/styles.xml", see)
        return dates, spans

    def _shared(self, most: int | None = None) -> list[str]:
        """The texts that cells name by number; the first `most` of them."""
        if "xl/sharedStrings.xml" not in self.archive.namelist():
            return []
        reader = _TextsReader()
        with self.archive.open("xl/sharedStrings.xml") as content:
            for _pause in parse(content, reader.parser):
                if most is not None and len(reader.texts) >= most:
                    break
        return reader.texts

    def shown(self, text: str, style: str) -> str:
        """A number as the sheet shows it: a date, or its digits."""
        if style in self.dates:
            epoch = MAC_EPOCH if self.is_1904 else WINDOWS_EPOCH
            try:
                moment = from_excel(float(text), epoch)
            except (ValueError, OverflowError):
                return digits(text)
            if not isinstance(moment, dt.datetime):
                return str(moment)
            moment = (moment + HALF_SECOND).replace(microsecond=0)
            return f"{moment:%Y-%m-%d %H:%M:%S}" if moment.time() != dt.time.min else f"{moment:%Y-%m-%d}"
        return digits(text)


def digits(text: str) -> str:
    """A number's digits, the 15 that Excel keeps and shows: 33.33 is stored as 33.329999999999998.

    Nothing is computed. A number beyond 15 digits lost some when it was typed; it stays in the form that says so.
    """
    if _WHOLE.fullmatch(text):
        return text
    short = f"{float(text):.15g}"
    if "e" not in short:
        return short
    return f"{Decimal(short):f}" if abs(float(short)) < 1 else short.replace("e", "E")


class _TextsReader:
    """sharedStrings.xml: each text's runs together, without the sounds written above them."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.room = MOST_STRINGS
        self.run: list[str] = []
        self.is_text = False
        self.above = 0
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.characters

    def start(self, name: str, _attributes: dict[str, str]) -> None:
        """An element begins."""
        name = local(name)
        if name == "rPh":
            self.above += 1
        self.is_text = name == "t" and not self.above

    def end(self, name: str) -> None:
        """An element ends."""
        name = local(name)
        self.is_text = False
        if name == "rPh":
            self.above -= 1
        elif name == "si":
            self.room -= 8  # an empty text takes room too
            self.texts.append("".join(self.run))
            self.run = []

    def characters(self, text: str) -> None:
        """A piece of text."""
        if self.is_text:
            self.room -= len(text)
            if self.room < 0:
                raise too_large()
            self.run.append(text)


class _SheetReader:
    """One sheet's rows; `shared` None leaves a mark in place of a shared text."""

    def __init__(self, book: Book, shared: Sequence[str] | None) -> None:
        self.book, self.shared = book, shared
        self.done: list[Row] = []
        self.number = 0
        self.cells: list[str] = []
        self.column, self.count = -1, 0
        self.kind = self.style = ""
        self.value: list[str] = []
        self.formula: list[str] | None = None
        self.into: list[str] | None = None
        self.length = 0
        self.above = 0
        self.columns: dict[str, int] = {}
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.characters

    def taken(self) -> list[Row]:
        """The rows read since the last time."""
        done, self.done = self.done, []
        return done

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        name = name.rpartition(" ")[2]
        if name == "c":
            self.count += 1
            if self.count > MOST_CELLS:
                raise too_large()
            self.column = self._place(attributes.get("r", ""))
            self.kind, self.style = attributes.get("t", "n"), attributes.get("s", "")
            self.value, self.formula, self.length = [], None, 0
        elif name == "v" or (name == "t" and not self.above):
            self.into = self.value
        elif name == "f":
            self.into = self.formula = ["="]
        elif name == "rPh":
            self.above += 1
        elif name == "row":
            number = int(attributes.get("r", self.number + 1))
            if number <= self.number or number > MOST_ROWS:
                raise too_large() if number > MOST_ROWS else _broken()
            self.number, self.cells, self.column, self.count = number, [], -1, 0

    def end(self, name: str) -> None:
        """An element ends."""
        name = name.rpartition(" ")[2]
        if name in ("v", "t", "f"):
            self.into = None
        elif name == "c":
            text = self._text()
            if text:
                self._put(text)
        elif name == "rPh":
            self.above -= 1
        elif name == "row":
            self.done.append((self.number, self.cells))
            self.cells = []

    def characters(self, text: str) -> None:
        """A piece of text."""
        if self.into is not None:
            self.length += len(text)
            if self.length > 4 * MOST_TEXT:
                raise too_large()
            self.into.append(text)

    def _place(self, reference: str) -> int:
        found = _LETTERS.match(reference)
        if found is None:
            return self.column + 1
        letters = found[0]
        place = self.columns.get(letters)
        if place is None:
            place = 0
            for letter in letters:
                place = place * 26 + ord(letter) - 64
            self.columns[letters] = place = place - 1
        return place

    def _put(self, text: str) -> None:
        if self.column >= MOST_COLUMNS:
            raise Invalid(
                _("Line %(line)s has more than %(most)s columns.")
                % {"line": self.number, "most": MOST_COLUMNS}
            )
        missing = self.column - len(self.cells)
        if missing >= 0:
            self.cells.extend([""] * missing)
            self.cells.append(text)
        else:
            self.cells[self.column] = text

    def _text(self) -> str:
        """What the cell says; a formula that was never computed says itself, and is refused where it stands."""
        text = "".join(self.value)
        if not text:
            return "".join(self.formula) if self.formula else ""
        if self.kind == "s":
            return f"\0{int(text)}" if self.shared is None else self.shared[int(text)]
        if self.kind == "n":
            return self.book.shown(text, self.style)
        if self.kind == "b":
            return "TRUE" if text == "1" else "FALSE"
        return text
