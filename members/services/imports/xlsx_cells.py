"""The rows of a sheet and the texts it shares, from the events of expat: one row is held at a time."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from xml.parsers import expat

from django.utils.translation import gettext as _

from members.lib.refusals import Invalid
from members.services.imports.xlsx_bounds import (
    MOST_CELLS,
    MOST_COLUMNS,
    MOST_ROWS,
    MOST_STRINGS,
    MOST_TEXT,
    broken,
    local,
    too_large,
)

_LETTERS = re.compile(r"[A-Z]{1,3}")
Row = tuple[int, list[str]]


class TextsReader:
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


class SheetReader:
    """One sheet's rows; `shown` says a number as its style shows it; without `shared` a mark stands for a text."""

    def __init__(self, shown: Callable[[str, str], str], shared: Sequence[str] | None) -> None:
        self.shown, self.shared = shown, shared
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
                raise too_large() if number > MOST_ROWS else broken()
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
            return self.shown(text, self.style)
        if self.kind == "b":
            return "TRUE" if text == "1" else "FALSE"
        return text
