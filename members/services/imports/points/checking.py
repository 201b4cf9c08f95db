"""Rows of points: what each says, and which cannot be taken. Knows the file alone, not the books."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from functools import partial
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
from django.utils.translation import gettext as _

from members.services.imports import values
from members.services.imports.reading import Sheet
from members.services.imports.row_checks import RowChecker
from members.services.imports.rows import Checked
from members.services.imports.values import MISSING

MOST_POINTS = 10**12  # as for one adjustment
LONGEST = {"member_key": 128, "row_id": 64, "reason": 120}
NEVER = {
    "never",
    "none",
    "9999-12-31",  # what other systems write for it
    "9999/12/31",
    "99991231",
    "永久",
    "永久有效",
    "长期",
    "长期有效",
    "長期",
    "長期有效",
    "永不过期",
    "永不過期",
    "不过期",
    "不過期",
    "无",
    "無",
}
RULE = "rule"  # no last usable day is given: the program's rule says it
_WHOLE = re.compile(r"(?:\d+|\d{1,3}(?:,\d{3})+)(?:\.0*)?")
_UNIT = re.compile(r"\s*(?:积分|積分|分|points?|pts)$")
_FRACTION = re.compile(r"(?:\d+|\d{1,3}(?:,\d{3})+)?\.\d+")
DAY = 86_400_000_000  # microseconds


class Credit(NamedTuple):
    """One row that can be taken. `expires_on` is a day, None for never, or `RULE`."""

    line: int
    member_key: str
    channel: str
    points: int
    expires_on: dt.date | str | None
    granted_at: dt.datetime | None
    reason: str
    row_id: str


def whole(text: str) -> int:
    """A number of points. Raises ValueError with a sentence."""
    plain = _UNIT.sub("", unicodedata.normalize("NFKC", text).strip().casefold())
    if not plain:
        raise ValueError(_("The number of points is empty."))
    shown = {"text": text.strip()}
    if plain[0] in "-−" and (_WHOLE.fullmatch(plain[1:]) or _FRACTION.fullmatch(plain[1:])):
        raise ValueError(_("%(text)s is negative: an import only adds points.") % shown)
    plain = plain.removeprefix("+")
    if not _WHOLE.fullmatch(plain):
        if _FRACTION.fullmatch(plain):
            raise ValueError(_("Points are whole numbers, not %(text)s.") % shown)
        raise ValueError(_("“%(text)s” is not a number of points.") % shown)
    digits = plain.partition(".")[0].replace(",", "").lstrip("0")
    if not digits:
        raise ValueError(_("A row of 0 points adds nothing."))
    if len(digits) > 13 or int(digits) > MOST_POINTS:
        raise ValueError(_("%(text)s is more points than anybody can have.") % shown)
    return int(digits)


def last_day(text: str, zone: ZoneInfo) -> int:
    """A last usable day as days since 1970, MISSING for none given, -1 for never. Raises ValueError."""
    if not text.strip():
        return MISSING
    if unicodedata.normalize("NFKC", text).strip().casefold() in NEVER:
        return -1
    return values.day(text, zone)


def check(sheet: Sheet, *, zone: ZoneInfo, channel: str, at: dt.datetime) -> Checked[Credit]:
    """Read every row of a file whose columns are known; `channel` is that of rows that name none."""
    return _Checker(sheet, zone, channel, at).check()


class _Checker(RowChecker):
    longest, ids = LONGEST, ("member_key", "row_id")

    def check(self) -> Checked[Credit]:
        """Everything, in order; a row keeps its first reason."""
        texts = {"member_key": self.member_keys()} | {name: self.text(name) for name in ("row_id", "reason")}
        points = self.parsed("points", whole)
        days = self.parsed("expires_on", partial(last_day, zone=self.zone))
        granted = self.past("granted_at")
        channels = self.channels()
        over = np.flatnonzero((days != MISSING) & (days >= 0) & (days < self.today))
        for row in over:
            day = (values.EPOCH + dt.timedelta(days=int(days[row]))).date()
            self.say(int(row), _("Their last usable day, %(day)s, is over.") % {"day": f"{day:%Y-%m-%d}"})
        found = self._credits(texts, channels, points, days, granted)
        self._without_twins(found)
        kept = [credit for row, credit in found if row not in self.bad]
        kept.sort(key=lambda credit: (credit.granted_at or self.at, credit.line))
        return self.checked(kept)

    def _credits(
        self,
        texts: dict[str, pa.StringArray],
        channels: list[str],
        points: values.Ints,
        days: values.Ints,
        granted: values.Ints,
    ) -> list[tuple[int, Credit]]:
        known: dict[int, dt.date | str | None] = {MISSING: RULE, -1: None}
        columns = zip(
            self.sheet.lines.tolist(), texts["member_key"].to_pylist(), channels, points.tolist(), days.tolist(),
            granted.tolist(), texts["reason"].to_pylist(), texts["row_id"].to_pylist(), strict=True,
        )  # fmt: skip
        found = []
        for row, (line, key, channel, number, day, since, reason, row_id) in enumerate(columns):
            if row in self.bad:
                continue
            if day not in known:
                known[day] = (values.EPOCH + dt.timedelta(days=day)).date()
            at = None if since == MISSING else values.instant(since)
            found.append((row, Credit(line, key, channel, number, known[day], at, reason, row_id)))
        return found

    def _without_twins(self, found: list[tuple[int, Credit]]) -> None:
        """A row that stands in the file twice is taken once: of two with one id, or alike in everything, the first."""
        seen: dict[object, int] = {}
        for row, credit in found:
            own = credit.row_id or credit[1:]
            first = seen.setdefault(own, credit.line)
            if first == credit.line:
                continue
            if credit.row_id:
                said = _("The row id %(id)s stands in line %(line)s already.") % {"id": own, "line": first}
            else:
                said = _(
                    "The row says the same as line %(line)s. If both are meant, give each a row id of its own."
                ) % {"line": first}
            self.say(row, said)
