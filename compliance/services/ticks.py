"""The minute's tick: jobs that fell due are written down once and worked in order, each for its own instant.

What is due is decided from tables, so a beat that was missed, sent twice or answered by two workers loses and
doubles nothing. One process works ticks at a time: it holds a lock in a transaction of its own, which ends with it
however it ends.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import structlog
from django.db import transaction

from benefits.models import GiftCampaign
from benefits.services import campaigns, drawing, exposures
from compliance.lib.calendar import platform_date
from compliance.models import Run, RunChunk, RunState
from compliance.services import (
    assessment,
    clearance,
    decision_nights,
    grades,
    housekeeping,
    installation,
    notices,
    previews,
    reports,
    schedule,
    undoing,
)
from compliance.services.alone import alone
from compliance.services.schedule import Job
from members.lib import queue
from members.models import BulkAct, Export, GapPosting, Installation, JobTick, TierLift
from members.selectors import tier_lifts as lifts
from members.services import (
    gap_postings,
    job_progress,
    leases,
    ledger_nights,
    member_facts,
    outbox,
    points_daily,
    tier_audits,
    tier_lifts,
    webhook_sending,
)
from members.services.bulk_acts import jobs as bulk_acts
from members.services.exports import jobs as exports
from members.services.imports import jobs as imports

log = structlog.get_logger(__name__)

LOCK = 0x7469636B
RECEIPTS_BACK = dt.timedelta(days=1)


def write_down(*, until: dt.datetime) -> None:
    """A row for each job due since the last one written down (or the installation), up to `until`; each once."""
    with transaction.atomic():
        installation.install(at=until)
        began = Installation.objects.get(id=1).installed_at
        latest = JobTick.objects.order_by("-due_at").values_list("due_at", flat=True).first()
    # Another zone's job may be due at the latest instant itself: it is asked for again.
    after = began if latest is None else latest - dt.timedelta(microseconds=1)
    rows = [
        JobTick(job=job.name, scope=job.scope, due_at=job.at)
        for job in [
            *schedule.due_jobs(after=after, until=until),
            *schedule.housekeeping(after=after, until=until),
            *schedule.grades(after=after, until=until),
            *schedule.draws(until=until),
        ]
    ]
    with transaction.atomic():
        JobTick.objects.bulk_create(rows, ignore_conflicts=True)


def tick(*, at: dt.datetime) -> dict[str, Any]:
    """Write down what fell due up to `at` and work every open row in order. Works as platform.

    Returns {"worked": n, "open": n, "busy": whether another process was at it}.
    """
    with alone(LOCK) as is_alone:
        if not is_alone:
            return {"worked": 0, "open": 0, "busy": True}
        write_down(until=at)
        worked = 0
        failed: set[tuple[str, str]] = set()
        for row in _open_rows():
            if (row.job, row.scope) in failed:
                continue
            if not _runs_done_before(row.due_at, at):
                break  # a worker is at a chunk of an earlier run: what comes after it waits a minute
            if _work(row, at):
                worked += 1
            else:
                failed.add((row.job, row.scope))
        return {"worked": worked, "open": len(_open_rows()), "busy": False}


def _open_rows() -> list[JobTick]:
    with transaction.atomic():
        rows = list(JobTick.objects.filter(done_at=None))
    return sorted(rows, key=lambda row: (row.due_at, schedule.ORDER.get(row.job, 9), row.scope))


def _runs_done_before(due_at: dt.datetime, at: dt.datetime) -> bool:
    """Drain the running runs judged before an instant; True when none is left, so that jobs keep their order."""
    with transaction.atomic():
        ids = list(Run.objects.filter(state=RunState.RUNNING, at__lt=due_at).values_list("id", flat=True))
    found = [clearance.drain(run_id=run_id, at=at) for run_id in ids]
    return all(found)


def _work(row: JobTick, at: dt.datetime) -> bool:
    """Work one row for its own instant; False when it failed (it stays open and is tried again)."""
    with transaction.atomic():
        JobTick.objects.filter(pk=row.pk, started_at=None).update(started_at=at)
    try:
        with job_progress.telling(row.pk):
            report = _job(Job(row.due_at, 0, row.job, row.scope), at)
    except Exception:
        log.exception("tick_failed", job=row.job, scope=row.scope, due_at=row.due_at.isoformat())
        return False
    with transaction.atomic():
        JobTick.objects.filter(pk=row.pk, done_at=None).update(done_at=at, report=report, progress=None)
    log.info("tick_worked", job=row.job, scope=row.scope, due_at=row.due_at.isoformat())
    return True


def _job(job: Job, at: dt.datetime) -> dict[str, Any]:
    if job.name == schedule.CLEARANCE:
        run = clearance.plan_due(at=job.at)
        return {} if run is None else clearance.report(run)
    if job.name == schedule.ASSESSMENT:
        return assessment.assess(at=job.at, delivered_at=max(at, job.at))
    if job.name == schedule.DRAWS:
        return {"drawn": drawing.draw_due(at=max(at, job.at))}
    if job.name == schedule.HOUSEKEEPING:
        return housekeeping.tidy(at=job.at)
    if job.name == schedule.PROOF:
        return ledger_nights.prove_night(night=platform_date(job.at), at=max(at, job.at))
    if job.name == schedule.TIER_AUDIT:
        return tier_audits.audit_night(night=platform_date(job.at), at=max(at, job.at))
    if job.name == schedule.DECISION_REPLAY:
        return decision_nights.replay_night(night=platform_date(job.at))
    if job.name == schedule.GRADES:
        return grades.grade_month(due_at=job.at, at=max(at, job.at))
    return schedule.work(job)


def sweep(*, at: dt.datetime) -> dict[str, int]:
    """Send again what is open: drains, previews, due outbox rows and webhooks, ticks, facts of members, draws that
    closed; note e-mails handed over."""
    with transaction.atomic():
        runs = list(Run.objects.filter(state=RunState.RUNNING).values_list("id", flat=True))
        chunks = RunChunk.objects.filter(run_id__in=runs, is_done=False).count()
        ticks = JobTick.objects.filter(done_at=None).count()
        facts_due = member_facts.is_due()
    for run_id in runs:
        queue.enqueue(clearance.TASK, run_id=run_id)
    if ticks:
        queue.enqueue("compliance.tick")
    if facts_due:
        queue.enqueue(member_facts.TASK)
    open_previews = previews.requeue()
    outbox.sweep(at=at)
    webhook_sending.sweep(at=at)
    imports.requeue_imports(at=at)
    leases.requeue(Export, exports.TASK)
    leases.requeue(BulkAct, bulk_acts.TASK)
    leases.requeue(TierLift, tier_lifts.TASK, resting=lifts.resting())
    leases.requeue(GapPosting, gap_postings.TASK)
    leases.requeue(GiftCampaign, campaigns.TASK)
    exposures.requeue(at=at)
    points_daily.end_due_holds(at=at)
    drawing.send_late(at=at)
    undoing.requeue()
    reports.requeue()
    receipts = notices.confirm(since=at - RECEIPTS_BACK, at=at)
    return {
        "runs": len(runs),
        "chunks": chunks,
        "previews": open_previews,
        "ticks": ticks,
        "receipts": receipts,
    }
