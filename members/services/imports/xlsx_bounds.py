"""What an XLSX file may unpack to, and how its parts are fed to expat: bounded before and while they are read."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from django.utils.translation import gettext as _

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


def too_large() -> Invalid:
    """The refusal of what would unpack to more than anybody needs."""
    return Invalid(
        _(
            "The file unpacks to more than a table of orders or points needs, so it was not opened. "
            "Save it as CSV (UTF-8)."
        )
    )


def broken() -> Invalid:
    """The refusal of a file that is not what it says."""
    return Invalid(
        _("This Excel file is damaged. Open it, save it again as XLSX or as CSV (UTF-8), and try again.")
    )


def look_at_directory(path: Path) -> None:
    """The list of parts is read whole by zipfile, so its size is looked at first."""
    with path.open("rb") as content:
        size = content.seek(0, 2)
        content.seek(max(0, size - 65_557))
        tail = content.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < 22:
        raise broken()
    parts, length = struct.unpack("<HL", tail[at + 10 : at + 16])
    if parts > MOST_PARTS or length > MOST_DIRECTORY:
        raise too_large()


def check_parts(archive: zipfile.ZipFile) -> None:
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
            raise broken()
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
        raise broken()

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
