"""Values on their way into files that spreadsheets open."""

from __future__ import annotations

import re
from typing import Any

# What no XML may hold, and so no sheet: half characters and marks of none among it.
_NOT_FOR_SHEETS = re.compile("[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\ud800-\\udfff\\ufffe\\uffff]")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def plain(value: Any) -> str:
    """A value that no spreadsheet takes for a formula, nor stumbles over: without control characters."""
    text = "" if value is None else _NOT_FOR_SHEETS.sub("", str(value))
    is_number = text.lstrip("+-").replace(".", "", 1).isdigit()
    return f"'{text}" if text.startswith(_FORMULA) and not is_number else text


def is_whole(text: str) -> bool:
    """Whether a text is a whole number that a cell may hold as one, exactly."""
    digits = text.removeprefix("-")
    return digits.isascii() and digits.isdecimal() and len(digits) <= 15
