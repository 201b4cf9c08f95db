"""Checking rows that are things of their own: a row keeps the first reason why it cannot be taken."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from typing import TypeVar
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from django.utils.translation import gettext as _

from members.services.imports import values
from members.services.imports.reading import Sheet
from members.services.imports.rows import Checked
from members.services.imports.values import MISSING, Parsed

Item = TypeVar("Item")


class RowChecker:
    """One check of a sheet: each step looks at one column and names the rows that are bad.

    `channel` is that of rows that name none; `longest` says how long texts may be, `ids` which of them are keys, that a
    spreadsheet may have shortened.
    """

    longest: Mapping[str, int]
    ids: Collection[str] = ("member_key",)

    def __init__(self, sheet: Sheet, zone: ZoneInfo, channel: str, at: dt.datetime) -> None:
        self.sheet, self.zone, self.channel, self.at = sheet, zone, channel, at
        self.today = (at.astimezone(zone).date() - values.EPOCH.date()).days
        self.bad: dict[int, str] = {}  # by row

    def say(self, row: int, reason: str) -> None:
        """A row is bad; its first reason stays."""
        self.bad.setdefault(row, reason)

    def checked(self, items: Iterable[Item]) -> Checked[Item]:
        """What was found: the items kept, in order, and the reasons by line."""
        lines = self.sheet.lines
        reasons = {int(lines[row]): reason for row, reason in self.bad.items()}
        reasons |= {broken.line: broken.reason for broken in self.sheet.broken}
        rows = self.sheet.rows + len(self.sheet.broken)
        return Checked(rows, list(items), dict(sorted(reasons.items())))

    def text(self, name: str) -> pa.StringArray:
        """A column of texts; empty where there is none."""
        if name not in self.sheet.columns:
            return pa.array([""] * self.sheet.rows, pa.string())
        column = values.names(self.sheet.columns[name])
        most = self.longest[name]
        for row in np.flatnonzero(pc.greater(pc.utf8_length(column), most).to_numpy(zero_copy_only=False)):
            self.say(
                int(row), _("%(name)s has more than %(most)s characters.") % {"name": name, "most": most}
            )
        control = pc.match_substring_regex(column, r"[\x00-\x1f\x7f]").to_numpy(zero_copy_only=False)
        for row in np.flatnonzero(control):
            self.say(int(row), _("%(name)s holds a control character.") % {"name": name})
        if name in self.ids:
            for place, text in enumerate(column.to_pylist()):
                if values.was_shortened(text):
                    said = _(
                        "%(text)s was shortened by a spreadsheet. Format the column as text and export again."
                    )
                    self.say(place, said % {"text": text})
        return column

    def member_keys(self) -> pa.StringArray:
        """Whom each row means."""
        keys = self.text("member_key")
        for row in np.flatnonzero(pc.equal(keys, "").to_numpy(zero_copy_only=False)):
            self.say(int(row), _("The row names no member."))
        return keys

    def parsed(self, name: str, read: values.Read) -> values.Ints:
        """A column of whole numbers; MISSING where there is none."""
        if name not in self.sheet.columns:
            return np.full(self.sheet.rows, MISSING, dtype=np.int64)
        return self._numbers(values.parsed(self.sheet.columns[name], read))

    def past(self, name: str) -> values.Ints:
        """A column of instants, none of them in the future; MISSING for an empty cell."""
        if name not in self.sheet.columns:
            return np.full(self.sheet.rows, MISSING, dtype=np.int64)
        found = self._numbers(values.moments(self.sheet.columns[name], self.zone, optional=True))
        now = (self.at - values.EPOCH) // dt.timedelta(microseconds=1)
        for row in np.flatnonzero(found > now):
            self.say(int(row), _("%(name)s lies in the future.") % {"name": name})
        return found

    def channels(self) -> list[str]:
        """Each row's channel."""
        if "channel" not in self.sheet.columns:
            return [self.channel] * self.sheet.rows
        found = values.channels(self.sheet.columns["channel"], self.channel)
        words = [found.words[code] for code in found.codes]
        for row, word in enumerate(words):
            if word is None:
                said = _("“%(text)s” is no %(name)s that is known here.")
                self.say(row, said % {"text": found.texts[found.codes[row]], "name": "channel"})
        return [word or "" for word in words]

    def _numbers(self, parsed: Parsed) -> values.Ints:
        for row in parsed.bad_rows():
            self.say(int(row), parsed.reason(int(row)))
        return parsed.values
