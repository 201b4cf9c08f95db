"""The programs that a preview would clear, filtered for the person who reviews them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db import connection

from compliance.models import Preview
from compliance.selectors import run_reports

BANDS = (0, 1, 100, 1_000, 10_000)  # where each size band begins, in members
PAGE = 100

PROGRAMS = """
select * from (
    select m.id, m.name, m.slug, s.uncovered_since, s.last_warned_at, h.reason,
        (select count(*) from members_member each where each.merchant_id = m.id) as members
    from members_merchant m left join compliance_standing s on s.merchant_id = m.id
    left join compliance_holdout h on h.merchant_id = m.id and h.period = %(period)s and h.lifted_at is null
    where m.id = any(%(ids)s::bigint[]) and (%(words)s = '' or m.slug ilike %(words)s or m.name ilike %(words)s)
) found
where members between %(least)s and %(most)s and (%(held)s is null or (reason is not null) = %(held)s)
order by id limit %(limit)s offset %(offset)s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """size: the first members of a band of `BANDS`. is_new: not in the preview before. is_held: held out already."""

    size: int | None = None
    words: str = ""
    is_new: bool = False
    is_held: bool | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """A program that would be cleared; held_out: why it is held out of the run, "" where it is not."""

    merchant_id: int
    name: str
    slug: str
    uncovered_since: dt.datetime | None
    last_warned_at: dt.datetime | None
    held_out: str
    members: int


def band_end(start: int) -> int:
    """The most members of the band that begins at `start`."""
    return next((each - 1 for each in BANDS if each > start), 2**62)


def programs(preview: Preview, filters: Filters, *, page: int = 0) -> tuple[list[Shown], bool]:
    """A page of programs, and whether there are more. Two queries, three for the new ones."""
    ids = preview.would_clear
    if filters.is_new:
        before = run_reports.before(preview)
        known = set() if before is None else set(before.would_clear)
        ids = [merchant_id for merchant_id in ids if merchant_id not in known]
    text = filters.words.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
    values: dict[str, Any] = {
        "ids": ids,
        "period": preview.period,
        "words": f"%{text}%" if text else "",
        "least": filters.size or 0,
        "most": 2**62 if filters.size is None else band_end(filters.size),
        "held": filters.is_held,
        "limit": PAGE + 1,
        "offset": page * PAGE,
    }
    with connection.cursor() as cursor:
        cursor.execute(PROGRAMS, values)
        rows = [
            Shown(key, name, slug, since, warned, reason or "", members)
            for key, name, slug, since, warned, reason, members in cursor.fetchall()
        ]
    return rows[:PAGE], len(rows) > PAGE
