"""How long appeals take and how they end, by the platform's months (domain.md 3, Appeal)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db import connection

from compliance.lib.calendar import PLATFORM_ZONE, start_of

MONTHS = 12
BY_MONTH = """
select to_char(ended_at at time zone %(zone)s, 'YYYY-MM') as month,
    count(*) filter (where state <> 'withdrawn') as decided,
    count(*) filter (where state = 'upheld') as upheld,
    count(*) filter (where state = 'withdrawn') as withdrawn,
    count(*) filter (where state <> 'withdrawn' and (ended_at at time zone %(zone)s)::date <= due_on) as in_time,
    extract(epoch from percentile_disc(0.5) within group (order by ended_at - filed_at)
        filter (where state <> 'withdrawn'))::bigint as median,
    extract(epoch from max(ended_at - filed_at) filter (where state <> 'withdrawn'))::bigint as longest
from compliance_appeal
where state <> 'open' and ended_at >= %(since)s and ended_at < %(until)s
group by rollup (1) order by 1 desc nulls first
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The appeals that ended in a month ("2026-06"; "" for all of the time asked for).

    median, longest: from filing to the decision, None when none was decided; in_time: decided by their due day.
    """

    month: str
    decided: int
    upheld: int
    withdrawn: int
    in_time: int
    median: dt.timedelta | None
    longest: dt.timedelta | None


def by_month(*, at: dt.datetime, months: int = MONTHS) -> list[Figures]:
    """All of the latest months together, then each that has any, the latest first. One query; works as platform."""
    today = at.astimezone(PLATFORM_ZONE).date()
    whole = today.year * 12 + today.month - 1 - (months - 1)
    since = start_of(dt.date(whole // 12, whole % 12 + 1, 1))
    with connection.cursor() as cursor:
        cursor.execute(BY_MONTH, {"zone": PLATFORM_ZONE.key, "since": since, "until": at})
        rows = cursor.fetchall()
    return [
        Figures(
            month=month or "",
            decided=decided,
            upheld=upheld,
            withdrawn=withdrawn,
            in_time=in_time,
            median=None if median is None else dt.timedelta(seconds=median),
            longest=None if longest is None else dt.timedelta(seconds=longest),
        )
        for month, decided, upheld, withdrawn, in_time, median, longest in rows
    ]
