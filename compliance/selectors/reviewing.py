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
LOOKED = 2_000  # programs that are filtered at once
MOST_LOOKS = 10  # times so many for one page: who filters for what is rare goes on from there

# The next programs of a preview behind one; in a preview before are those that are not new.
NEXT = """
select id from unnest((select would_clear from compliance_preview where id = %(preview)s)) id
where id > %(after)s and (%(before)s::bigint is null or id not in (
    select unnest(b.would_clear) from compliance_preview b where b.id = %(before)s
))
order by id limit %(looked)s
"""
# Members are counted up to where the largest band begins.
PROGRAMS = """
select * from (
    select m.id, m.name, m.slug, s.uncovered_since, s.last_warned_at, h.reason, (
        select count(*) from (
            select from members_member each where each.merchant_id = m.id limit %(top)s
        ) counted
    ) as members
    from members_merchant m left join compliance_standing s on s.merchant_id = m.id
    left join compliance_holdout h on h.merchant_id = m.id and h.period = %(period)s and h.lifted_at is null
    where m.id = any(%(ids)s::bigint[]) and (%(words)s = '' or m.slug ilike %(words)s or m.name ilike %(words)s)
) found
where members between %(least)s and %(most)s and (%(held)s is null or (reason is not null) = %(held)s)
order by id limit %(limit)s
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
    """A program that would be cleared; held_out: why it is held out of the run, "" where it is not; members:
    counted up to the largest of `BANDS`."""

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


def programs(preview: Preview, filters: Filters, *, after: int = 0) -> tuple[list[Shown], int | None]:
    """A page of programs behind one, by id, and behind which the next page begins; None where there are no more.

    However many a preview names, a page looks at so many at most: with rare filters it may show fewer, or none, and
    still have a next one. Two queries for each `LOOKED`.
    """
    earlier = run_reports.before(preview) if filters.is_new else None
    text = filters.words.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
    values: dict[str, Any] = {
        "preview": preview.pk,
        "before": None if earlier is None else earlier.pk,
        "looked": LOOKED,
        "period": preview.period,
        "words": f"%{text}%" if text else "",
        "least": filters.size or 0,
        "most": 2**62 if filters.size is None else band_end(filters.size),
        "held": filters.is_held,
        "top": BANDS[-1],
    }
    rows: list[Shown] = []
    with connection.cursor() as cursor:
        for _look in range(MOST_LOOKS):
            cursor.execute(NEXT, values | {"after": after})
            ids = [row[0] for row in cursor.fetchall()]
            if not ids:
                return rows, None
            cursor.execute(PROGRAMS, values | {"ids": ids, "limit": PAGE + 1 - len(rows)})
            rows += [
                Shown(key, name, slug, since, warned, reason or "", members)
                for key, name, slug, since, warned, reason, members in cursor.fetchall()
            ]
            if len(rows) > PAGE:
                return rows[:PAGE], rows[PAGE - 1].merchant_id
            after = ids[-1]
            if len(ids) < LOOKED:
                return rows, None
    return rows, after
