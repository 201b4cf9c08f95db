"""The nightly replay of a sample of decisions, and the alarm where one is not what history says (domain.md 3)."""

from __future__ import annotations

import datetime as dt
from typing import Any

import structlog
from django.db import connection, transaction

from compliance.models import Decision
from compliance.models import Run as RunRow
from compliance.selectors import decision_replay
from compliance.services import schedule
from members.lib import tenant as tenancy
from members.models import JobTick

log = structlog.get_logger(__name__)

JOB = schedule.DECISION_REPLAY
SAMPLE = 200  # decisions of a run
RUNS = 12  # the latest ones every night, and one of the older ones
LISTED = 50
STEP = 104_729  # a prime, so that the places looked at spread over the merchants and differ each night
# The first decision at or above each place: a walk of the key, whatever the size of the run.
PICK = """
select distinct d.merchant_id from unnest(%s::bigint[]) place
cross join lateral (
    select merchant_id from compliance_decision where run_id = %s and merchant_id >= place
    order by merchant_id limit 1
) d order by 1
"""
BOUNDS = "select min(id), max(id) from members_merchant"


def replay_night(*, night: dt.date) -> dict[str, Any]:
    """Replay the night's sample of decisions. Works as platform; writes nothing but its report, which the tick keeps.

    The report: `decisions` looked at, `mismatches`, and the first of them `listed`. One that differs is in the log as
    an error and on the workbench (`alarming`).
    """
    looked, differing = 0, []
    with tenancy.platform():
        with transaction.atomic():
            rows = _runs(night)
        for row in rows:
            with transaction.atomic():
                found = decision_replay.replay(row, _sample(row, night))
            looked += len(found)
            differing += [each for each in found if not each.is_equal]
    listed = [
        {
            "period": each.period,
            "merchant_id": each.merchant_id,
            "facts": [fact.name for fact in each.differing] or ["rules"],
        }
        for each in differing[:LISTED]
    ]
    if differing:
        log.error("decisions_differ", night=night.isoformat(), mismatches=len(differing), listed=listed[:10])
    return {"decisions": looked, "mismatches": len(differing), "listed": listed}


def _runs(night: dt.date) -> list[RunRow]:
    rows = list(RunRow.objects.select_related("policy").order_by("-at"))
    older = rows[RUNS:]
    return rows[:RUNS] + ([older[night.toordinal() % len(older)]] if older else [])


def _sample(row: RunRow, night: dt.date) -> list[Decision]:
    with connection.cursor() as cursor:
        cursor.execute(BOUNDS)
        first, last = cursor.fetchone()
        if first is None:
            return []
        span, shift = last - first + 1, night.toordinal() * STEP
        places = [first + (shift + number * STEP) % span for number in range(min(SAMPLE, span))]
        cursor.execute(PICK, [places, row.pk])
        ids = [merchant_id for (merchant_id,) in cursor.fetchall()]
    return list(Decision.objects.filter(run_id=row.pk, merchant_id__in=ids))


def alarming() -> JobTick | None:
    """The latest finished night when something differed in it, else None. Works as platform."""
    row = JobTick.objects.filter(job=JOB).exclude(done_at=None).order_by("-due_at").first()
    return row if row is not None and (row.report or {}).get("mismatches") else None
