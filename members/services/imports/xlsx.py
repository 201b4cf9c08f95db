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
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from pathlib import Path, PurePosixPath
from xml.parsers import expat

from django.utils.translation import gettext as _
from openpyxl.styles.numbers import BUILTIN_FORMATS, is_date_format, is_timedelta_format
from openpyxl.utils.datetime import MAC_EPOCH, WINDOWS_EPOCH, from_excel

from members.lib.refusals import Invalid
from members.services.imports.xlsx_bounds import broken, check_parts, local, look_at_directory, parse
from members.services.imports.xlsx_cells import Row, SheetReader, TextsReader

DATE_FORMATS = {*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)}  # 27 to 58: East Asian Excels
_KEPT = Context(prec=15, rounding=ROUND_HALF_UP)
_WHOLE = re.compile(r"-?\d+")
HALF_SECOND = dt.timedelta(milliseconds=500)


@contextmanager
def opened(path: Path) -> Iterator[Book]:
    """The workbook, once its list of parts is within bounds. Raises Invalid."""
    look_at_directory(path)
    try:
        with zipfile.ZipFile(path) as archive:
            check_parts(archive)
            yield Book(archive)
    except (zipfile.BadZipFile, expat.ExpatError, EOFError, KeyError, NotImplementedError, OSError, struct.error,
            ValueError, IndexError, zlib.error) as error:  # fmt: skip
        raise broken() from error


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
            reader = SheetReader(self.shown, shared)
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
        reader = TextsReader()
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
                moment = from_excel(float(text), epoch)  # days since the epoch, as openpyxl takes them
            except (ValueError, OverflowError):
                return digits(text)
            if not isinstance(moment, dt.datetime):
                return str(moment)
            moment = (moment + HALF_SECOND).replace(microsecond=0)
            return f"{moment:%Y-%m-%d %H:%M:%S}" if moment.time() != dt.time.min else f"{moment:%Y-%m-%d}"
        return digits(text)


def digits(text: str) -> str:
    """A number's digits, the 15 that Excel keeps and shows: 33.33 is stored as 33.329999999999998.

    A number beyond 15 digits lost some when it was typed; it stays in the form that says so. Raises ValueError.
    """
    if _WHOLE.fullmatch(text):
        return text
    try:
        number = _KEPT.plus(Decimal(text))
    except InvalidOperation:
        raise ValueError(text) from None
    if not number.is_finite():
        raise ValueError(text)
    number = number.normalize(_KEPT)
    return f"{number:f}" if number.adjusted() < _KEPT.prec else str(number)
