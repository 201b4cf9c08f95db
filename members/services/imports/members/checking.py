"""Rows of members: what each says, and which cannot be taken. Knows the file alone, not the books."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from functools import partial
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from django.utils.translation import gettext as _

from members.services.imports import values
from members.services.imports.reading import Sheet
from members.services.imports.row_checks import RowChecker
from members.services.imports.rows import Checked
from members.services.imports.values import MISSING

LONGEST = {"member_key": 128, "phone": 40, "name": 80, "consent_source": 200, "tier": 40, "email": 254}
_BIRTHDAY = re.compile(r"(?:\d{4}[-/.年])?(\d{1,2})[-/.月](\d{1,2})日?(?:[ t]0?0:00(?::00)?)?")
_COMPACT = re.compile(r"(?:\d{4})?(\d\d)(\d\d)")
LEAP_YEAR = 2024


class Person(NamedTuple):
    """One row that can be taken; "" and None for what it does not say."""

    line: int
    member_key: str
    channel: str
    phone: str
    name: str
    joined_at: dt.datetime | None
    consent_source: str
    tier: str
    tier_until: dt.date | None
    birthday: tuple[int, int] | None  # month and day
    email: str = ""
    email_consent: bool = False


def birthday(text: str) -> int:
    """Month and day as 517, MISSING for none; a year is passed over, nobody needs it. Raises ValueError."""
    plain = unicodedata.normalize("NFKC", text).strip().casefold()
    if not plain:
        return MISSING
    found = _BIRTHDAY.fullmatch(plain) or _COMPACT.fullmatch(plain)
    if found is not None:
        month, day = int(found[1]), int(found[2])
        try:
            dt.date(LEAP_YEAR, month, day)
            return month * 100 + day
        except ValueError:
            pass
    raise ValueError(_("“%(text)s” is not a birthday; write it like 05-17.") % {"text": text.strip()})


YES = frozenset({"1", "yes", "y", "true", "是", "同意", "已同意", "已訂閱", "已订阅"})
NO = frozenset({"", "0", "no", "n", "false", "否", "不同意", "未同意", "未订阅", "未訂閱"})


def consent(text: str) -> int:
    """1 for a yes, 0 for a no or nothing. Raises ValueError for what is neither: consent is never guessed."""
    plain = unicodedata.normalize("NFKC", text).strip().casefold()
    if plain in YES or plain in NO:
        return int(plain in YES)
    raise ValueError(_("“%(text)s” is neither yes nor no.") % {"text": text.strip()})


def last_day(text: str, zone: ZoneInfo) -> int:
    """A last valid day as days since 1970, MISSING for none given. Raises ValueError."""
    return values.day(text, zone) if text.strip() else MISSING


def check(sheet: Sheet, *, zone: ZoneInfo, channel: str, at: dt.datetime) -> Checked[Person]:
    """Read every row of a file whose columns are known; `channel` is that of rows that name none."""
    return _Checker(sheet, zone, channel, at).check()


class _Checker(RowChecker):
    longest = LONGEST

    def check(self) -> Checked[Person]:
        """Everything, in order; a row keeps its first reason."""
        keys, channels = self.member_keys().to_pylist(), self.channels()
        phones, names = self.text("phone").to_pylist(), self.text("name").to_pylist()
        sources, tiers = self.text("consent_source").to_pylist(), self.text("tier").to_pylist()
        joined = self.past("joined_at").tolist()
        days = self.parsed("tier_valid_until", partial(last_day, zone=self.zone))
        self._days(days, tiers)
        born = self.parsed("birthday", birthday).tolist()
        emails, agreed = self.text("email").to_pylist(), self.parsed("email_consent", consent).tolist()
        seen: dict[tuple[str, str], int] = {}
        found = []
        rows = zip(
            self.sheet.lines.tolist(), keys, channels, phones, names, joined, sources, tiers, days.tolist(), born,
            emails, agreed, strict=True,
        )  # fmt: skip
        for row, (
            line, key, channel, phone, name, since, source, tier, day, month_day, email, agrees
        ) in enumerate(rows):  # fmt: skip
            if row in self.bad:
                continue
            if (first := seen.setdefault((channel, key), line)) != line:
                self.say(row, _("The member stands in line %(line)s already.") % {"line": first})
                continue
            found.append(
                Person(
                    line, key, channel, phone, name,
                    None if since == MISSING else values.instant(since),
                    source, tier,
                    None if day == MISSING else (values.EPOCH + dt.timedelta(days=day)).date(),
                    None if month_day == MISSING else divmod(month_day, 100),
                    email, agrees == 1,
                )
            )  # fmt: skip
        return self.checked(found)

    def _days(self, days: values.Ints, tiers: list[str]) -> None:
        for row in np.flatnonzero(days != MISSING):
            if not tiers[row]:
                self.say(int(row), _("The row says until when a tier is valid, but names no tier."))
            elif days[row] < self.today:
                day = (values.EPOCH + dt.timedelta(days=int(days[row]))).date()
                said = _("The tier's last valid day, %(day)s, is over.")
                self.say(int(row), said % {"day": f"{day:%Y-%m-%d}"})
