"""Which scheduled jobs fall due when, and working one: the one clock of beat ticks, plays and replays.

Daily tier and points jobs at 03:00 of each merchant zone's day, compliance at 04:00 platform time, clearance at
23:00 on run days (play.md, architecture.md 5).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.db import transaction

from benefits.selectors import draws as draws_selector
from benefits.services import effects_daily, entitlements_daily, subscription_floors
from compliance.lib import calendar, runs
from compliance.selectors import policies
from compliance.services import assessment, clearance
from members.lib import tenant as tenancy
from members.lib.periods import next_daily_job
from members.models import Merchant
from members.services import daily

DAILY, ASSESSMENT, CLEARANCE, HOUSEKEEPING = "daily", "assessment", "clearance", "housekeeping"
PROOF, TIER_AUDIT, DECISION_REPLAY, GRADES = "proof", "tier_audit", "decision_replay", "grades"
DRAWS = "draws"
PLATFORM = "platform"
_NAMES = (DAILY, ASSESSMENT, CLEARANCE, HOUSEKEEPING, PROOF, TIER_AUDIT, DECISION_REPLAY, GRADES, DRAWS)
ORDER = {name: place for place, name in enumerate(_NAMES)}


class Job(NamedTuple):
    """One due instant of one job; sorts by time, then in the order in which jobs of one instant run."""

    at: dt.datetime
    rank: int
    name: str
    scope: str  # a time zone's name, or "platform"


def _daily(zone: str, after: dt.datetime, until: dt.datetime) -> Iterator[Job]:
    at = next_daily_job(after, ZoneInfo(zone))
    while at <= until:
        yield Job(at, ORDER[DAILY], DAILY, zone)
        at = next_daily_job(at, ZoneInfo(zone))


def _assessments(after: dt.datetime, until: dt.datetime) -> Iterator[Job]:
    day = calendar.platform_date(after)
    while (at := calendar.assessment_instant(day)) <= until:
        if at > after:
            yield Job(at, ORDER[ASSESSMENT], ASSESSMENT, PLATFORM)
        day += dt.timedelta(days=1)


def due_jobs(*, after: dt.datetime, until: dt.datetime) -> list[Job]:
    """The jobs due in (after, until], in the order in which they run. Works as platform; two queries."""
    with tenancy.platform(), transaction.atomic():
        zones = list(Merchant.objects.values_list("timezone", flat=True).distinct().order_by("timezone"))
        history = policies.history()
    found = [job for zone in zones for job in _daily(zone, after, until)]
    found.extend(_assessments(after, until))
    for run in runs.due_runs(history, after, until):
        found.append(Job(run.at, ORDER[CLEARANCE], CLEARANCE, PLATFORM))
    return sorted(found)


def housekeeping(*, after: dt.datetime, until: dt.datetime) -> list[Job]:
    """The last housekeeping, proof of the ledger, audit of tiers and replay of decisions due in (after, until].

    One does the work of all before it.

    Beside `due_jobs`, since plays and replays have none.
    """
    found = []
    for name, instant in (
        (HOUSEKEEPING, calendar.housekeeping_instant),
        (PROOF, calendar.proof_instant),
        (TIER_AUDIT, calendar.proof_instant),
        (DECISION_REPLAY, calendar.proof_instant),
    ):
        at = instant(calendar.platform_date(until))
        if at > until:
            at -= dt.timedelta(days=1)  # the platform's zone has no summer time
        if at > after:
            found.append(Job(at, ORDER[name], name, PLATFORM))
    return found


def grades(*, after: dt.datetime, until: dt.datetime) -> list[Job]:
    """The months of grades due in (after, until]: every one that was missed. Plays and replays have none."""
    found = []
    month = calendar.month_graded_at(after)
    while (at := calendar.grades_instant(month)) <= until:
        if at > after:
            found.append(Job(at, ORDER[GRADES], GRADES, PLATFORM))
        month = calendar.first_of_next_month(month)
    return found


def draws(*, until: dt.datetime) -> list[Job]:
    """The closes of draws that came by `until` and were not drawn yet, however long ago. Plays and replays have none:
    theirs have no draw behind them. Works as platform; one query."""
    with tenancy.platform():
        instants = draws_selector.closes_until(until=until)
    return [Job(at, ORDER[DRAWS], DRAWS, PLATFORM) for at in instants]


def work(job: Job) -> dict[str, Any]:
    """Work one job at its own instant, as platform; idempotent. Returns its report."""
    with tenancy.platform():
        if job.name == DAILY:
            report: dict[str, Any] = dict(daily.run_daily(zone=job.scope, at=job.at))
            report |= entitlements_daily.run_daily(zone=job.scope, at=job.at)
            report |= subscription_floors.run_daily(zone=job.scope, at=job.at)
            return report | effects_daily.run_daily(zone=job.scope, at=job.at)
        if job.name == ASSESSMENT:
            return assessment.assess(at=job.at)
        return clearance.run_due(at=job.at)
