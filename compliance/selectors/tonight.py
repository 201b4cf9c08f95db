"""What a run would decide if it were tonight: for one program, and who it would clear; and what comes due when.

Read from stored standings, or from the facts that a page has anyway; nothing is written (domain.md 3).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.db import connection

from compliance.lib import runs as rule
from compliance.lib.calendar import platform_date
from compliance.lib.decide import Reason
from compliance.lib.runs import Run
from compliance.models import HoldOut
from compliance.selectors import decision_replay, hold_outs, judging, workbench
from compliance.selectors.facts import Facts
from compliance.selectors.reviewing import BANDS
from members.lib import set_based
from members.models import Merchant

PAGE_MS = 3_000  # how long the page may count
BANDED = 20_000  # programs up to which the members of each are counted
MAP = """
select s.run_on, {band} as band, count(*) from compliance_standing s
join members_program p using (merchant_id) {members}
where s.run_on = any(%(days)s::date[]) and p.status = 'open' group by 1, 2
"""
_MEMBERS = """
cross join lateral (
    select count(*) as n from (
        select from members_member m where m.merchant_id = s.merchant_id limit %(top)s
    ) each
) counted
"""
_BAND = "(select max(start) from unnest(%(bands)s::bigint[]) start where start <= counted.n)"
_KEPT_OUT = (Reason.NOTICE_TOO_SHORT.value, Reason.UNCOVERED.value)


@dataclass(frozen=True, slots=True)
class Tonight:
    """The decision of one program at a run tonight; `reason` is "" where the run would pass it over."""

    run: Run
    outcome: str
    reason: str
    uncovered_since: dt.datetime | None
    protected_until: dt.datetime | None
    held_out: HoldOut | None = None


def of_program(found: Facts) -> Tonight:
    """What a run tonight would decide of a program, as far as is known now. One query where it would be in danger."""
    day, history = platform_date(found.at), found.ground.history
    run = Run(rule.period_of(day), day, max(found.at, rule.run_instant(day)), history.at(found.at))
    exempt_until = found.exempt_until if found.exempt_until and found.exempt_until > run.at else None
    then = replace(found, at=run.at, exempt_until=exempt_until)
    told = decision_replay.facts_decided(then, run)
    held_out = None
    if not told or told["reason"] in _KEPT_OUT:
        held_out = hold_outs.standing(merchant_id=found.merchant_id, period=run.period)
        if held_out is not None:
            told = decision_replay.facts_decided(then, run, held_out.held_at)
    return Tonight(
        run,
        told.get("outcome", ""),
        told.get("reason", ""),
        then.assessment.uncovered_since,
        found.protected_until,
        held_out,
    )


def would_clear(*, at: dt.datetime, most: int) -> list[Merchant]:
    """The first programs that a run tonight would clear, by merchant, from the standings as they are stored."""
    values = judging.values(workbench.run_tonight(at=at))
    with connection.cursor() as cursor:
        cursor.execute(f"{judging.CANDIDATES} limit %(most)s", values | {"most": most})
        ids = [row[0] for row in cursor.fetchall()]
    return list(Merchant.objects.filter(id__in=ids).order_by("id"))


@dataclass(frozen=True, slots=True)
class Month:
    """A coming run: programs that it threatens, and those of each size band (None where there are too many)."""

    run: Run
    programs: int
    bands: dict[int, int] | None


def months(runs: Sequence[Run]) -> list[Month] | None:
    """How many open programs each of the coming runs threatens: scans of the index by run date. Two queries. None
    where counting takes longer than a page may."""
    days = [run.on for run in runs]
    counted = set_based.in_time(lambda: _counted(days, is_banded=False), milliseconds=PAGE_MS)
    if counted is None:
        return None
    totals = {day: count for (day, _band), count in counted.items()}
    is_banded = sum(totals.values()) <= BANDED
    banded = _counted(days, is_banded=True) if is_banded else {}
    return [
        Month(
            run,
            totals.get(run.on, 0),
            {start: banded.get((run.on, start), 0) for start in BANDS} if is_banded else None,
        )
        for run in runs
    ]


def _counted(days: list[dt.date], *, is_banded: bool) -> dict[tuple[dt.date, int], int]:
    statement = MAP.format(band=_BAND if is_banded else "0", members=_MEMBERS if is_banded else "")
    with connection.cursor() as cursor:
        cursor.execute(statement, {"days": days, "bands": list(BANDS), "top": BANDS[-1]})
        return {(day, band): count for day, band, count in cursor.fetchall()}
