"""Previews of runs: asked for by a person, worked out by a worker in parts, kept beside what they led to.

The row is the truth: it says how far the work is, and each part is one transaction that judges a range of merchants
and moves the row on. Killed at any moment, a part is open or counted; the sweep has the work go on. Standings are
computed for the run's instant inside a savepoint that is rolled back, so locks last as long as a part.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, NamedTuple

import structlog
from django.contrib.postgres.fields import ArrayField
from django.db import connection, transaction
from django.db.models import BigIntegerField, F, Func, Max, Min, Q, QuerySet, Value
from django.utils.translation import gettext_lazy as _

from benefits.selectors import subscriptions
from compliance.lib.policy import Policy, PolicyHistory, PolicyVersion
from compliance.lib.runs import Run
from compliance.models import Failure, Preview, PreviewState, Purpose
from compliance.models import Run as RunRow
from compliance.models.runs import NAMING, OPEN_PREVIEWS
from compliance.selectors import facts, judging, outlook, policies, run_reports
from compliance.selectors.facts import Ground
from compliance.services import clearance, standing
from compliance.services.alone import alone
from members.lib import queue
from members.lib.refusals import Conflict, NotFound
from members.models import Program
from members.services import audit
from members.services.audit import Actor

log = structlog.get_logger(__name__)

TASK = "compliance.foresee"
PART = 5_000  # merchants judged in one transaction
SLICE = 100  # parts that a task works before it lets others have their turn
MOST_FAILURES = 3  # at the same part
LOCK = 0x666F7265  # one process works previews at a time, so that they never keep every worker busy
ASKING = 0x61736B  # one is asked for at a time, so that two presses make one
TRIED = 2**31 - 1  # the number of a version that is tried: nobody publishes so many
INSTANT = dt.timedelta(microseconds=1)


@transaction.atomic
def ask(
    *,
    run: Run,
    at: dt.datetime,
    actor: Actor,
    purpose: Purpose = Purpose.PREVIEW,
    tried: Mapping[str, Any] | None = None,
    confirms: Preview | None = None,
    part_size: int = PART,
) -> Preview:
    """Have a worker foresee a run as far as is known at `at`; the row to look at. Works as platform.

    A coming run is foreseen: what is scheduled counts, what nobody has done yet does not. While the person's last such
    question is open it is given back, so that two presses make one.
    tried: a policy version to foresee it under, see `with_tried`. confirms: the preview that a start goes by.
    """
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", [ASKING])
    known = None if confirms else _open_like(run, at, actor, purpose, tried)
    if known is not None:
        return known
    row = _create(run, at, actor.user_id, purpose, tried, confirms, part_size)
    queue.enqueue(TASK)
    return row


def _open_like(
    run: Run, at: dt.datetime, actor: Actor, purpose: Purpose, tried: Mapping[str, Any] | None
) -> Preview | None:
    """What the person asked for before and nobody has answered yet. By hand every press has an instant of its own."""
    is_by_hand = run.at == at
    rows = Preview.objects.filter(
        Q(at=F("made_at")) if is_by_hand else Q(at=run.at),
        Q(tried__isnull=True) if tried is None else Q(tried=tried),
        state__in=OPEN_PREVIEWS,
        by_id=actor.user_id,
        purpose=purpose,
        period=run.period,
        policy_id=_number_of(run, at),
    )
    return rows.first()


def _create(
    run: Run,
    at: dt.datetime,
    by_id: int | None,
    purpose: Purpose,
    tried: Mapping[str, Any] | None = None,
    confirms: Preview | None = None,
    part_size: int = PART,
) -> Preview:
    ids = Program.objects.aggregate(first=Min("merchant_id"), last=Max("merchant_id"))
    first, last = ids["first"] or 0, ids["last"] or -1
    return Preview.objects.create(
        period=run.period,
        run_on=run.on,
        at=run.at,
        made_at=at,
        policy_id=_number_of(run, at),
        by_id=by_id,
        purpose=purpose,
        tried=tried,
        confirms=confirms,
        next_id=first,
        part_size=part_size,
        parts=(last - first) // part_size + 1 if last >= first else 0,
    )


def _number_of(run: Run, at: dt.datetime) -> int:
    """The stored version that judges a run; for one that is tried, the version it would take the place of."""
    if run.version.number != TRIED:
        return run.version.number
    return policies.history().at(at).number


def requeue() -> int:
    """Send the task while previews are open. Returns how many are."""
    with transaction.atomic():
        count = Preview.objects.filter(state__in=OPEN_PREVIEWS).count()
    if count:
        queue.enqueue(TASK)
    return count


def work_open(*, at: dt.datetime) -> int:
    """Work the open previews, a part of each in turn; returns how many steps. Idempotent. Works as platform.

    One process does it at a time, and stops after `SLICE` steps; what is left is sent on.
    """
    steps = 0
    with alone(LOCK) as is_alone:
        while is_alone and steps < SLICE and (ids := _open_ids()):
            for preview_id in ids:
                _try(preview_id, at)
                steps += 1
    if is_alone:
        requeue()
    return steps


def _open_ids() -> list[int]:
    with transaction.atomic():
        rows = Preview.objects.filter(state__in=OPEN_PREVIEWS).order_by("id")
        return list(rows.values_list("id", flat=True))


def _try(preview_id: int, at: dt.datetime) -> None:
    """One step; one that fails is tried again, and ends the preview when it fails again and again."""
    try:
        _step(preview_id, at)
    except Exception:
        log.exception("preview_failed", preview_id=preview_id)
        with transaction.atomic():
            row = _locked(preview_id)
            row.failures += 1
            row.save(update_fields=["failures"])
            if row.failures >= MOST_FAILURES:
                _end(row, at, failure=Failure.BROKE_OFF)


def _step(preview_id: int, at: dt.datetime) -> None:
    """Judge the next part of an open preview, or end it when all are judged."""
    with transaction.atomic():
        row = _rows().get(pk=preview_id)
    if row.tried is not None and row.outlook is None:
        _look_ahead(row)
    elif row.parts_done < row.parts:
        _work_part(row)
    elif row.purpose == Purpose.START:
        _start(row, at)
    else:
        with transaction.atomic():
            _end(_locked(preview_id), at)


def _work_part(seen: Preview) -> None:
    first, last = seen.next_id, seen.next_id + seen.part_size - 1
    if seen.purpose == Purpose.START:  # the run that follows needs them, so they are kept
        standing.refresh_due(at=seen.at, first_id=first, last_id=last)
    with transaction.atomic():
        row = _locked(seen.pk)
        if row.is_open and row.next_id == first:
            _count_in(row, _judge(row, first, last))


def _look_ahead(seen: Preview) -> None:
    """What a tried version would change at the coming runs: first of all, since one statement says it."""
    with transaction.atomic():
        row = _locked(seen.pk)
        if row.is_open and row.outlook is None and row.tried is not None:
            history = _history_of(row)
            tried = with_tried(history, row.tried, row.made_at)
            row.outlook = outlook.as_json(outlook.compare(history, tried, at=row.made_at))
            row.save(update_fields=["outlook"])


class Judged(NamedTuple):
    """A range of merchants: programs by outcome, those to be cleared, the hash of all."""

    counts: dict[str, int]
    ids: list[int]
    digest: str


def _judge(row: Preview, first_id: int, last_id: int) -> Judged:
    """What the run would decide of a range; the standings are as before afterwards."""
    run, ground = _known(row)
    with transaction.atomic():
        if row.purpose != Purpose.TONIGHT:
            standing.refresh_for_preview(at=run.at, ground=ground, first_id=first_id, last_id=last_id)
        values = judging.values(run, first_id=first_id, last_id=last_id)
        counts, ids = judging.reasons(values)
        digest = judging.digest(values) if row.purpose in NAMING else ""
        transaction.set_rollback(True)
    return Judged(judging.counted(counts), ids, digest)


def _known(row: Preview) -> tuple[Run, Ground]:
    """The run and what it may know: policies as they were when the preview was asked for, its whole length."""
    history = _history_of(row)
    version = row.policy.version
    if row.tried is not None:
        history = with_tried(history, row.tried, row.made_at)
        version = history.for_job(row.at) or version
    return Run(row.period, row.run_on, row.at, version), facts.ground(history, before=row.at)


def _history_of(row: Preview) -> PolicyHistory:
    """Policies as they were when the preview was asked for."""
    history = policies.history()
    return history.known_before(max(row.made_at, history.installed_at) + INSTANT)


def with_tried(history: PolicyHistory, tried: Mapping[str, Any], at: dt.datetime) -> PolicyHistory:
    """A history with one more version, published at `at` and stored nowhere.

    tried: {"policy": every setting as JSON, "effective_at": RFC 3339 or None for at once}.
    """
    starts = tried["effective_at"]
    version = PolicyVersion(
        number=TRIED,
        effective_from=at if starts is None else dt.datetime.fromisoformat(starts),
        recorded_at=at,
        policy=Policy().changed(tried["policy"]),
    )
    return PolicyHistory([*history.versions, version])


def _count_in(row: Preview, found: Judged) -> None:
    """Move a locked preview on by a part."""
    for name, count in found.counts.items():
        setattr(row, name, getattr(row, name) + count)
    if row.purpose in NAMING:
        row.digest = judging.joined(row.digest, found.digest)
        row.members += run_reports.members_of(found.ids)
        row.points = (row.points or 0) + run_reports.points_held(found.ids)
        paid = subscriptions.paid_members(merchant_ids=found.ids, at=row.at)
        row.paid_members = (row.paid_members or 0) + paid
        _name(row, found.ids)
    row.state = PreviewState.WORKING
    row.failures = 0
    row.parts_done += 1
    row.next_id += row.part_size
    moved = ["digest", "members", "points", "paid_members", "state", "failures", "parts_done", "next_id"]
    row.save(update_fields=[*row.counts, *moved])


def _name(row: Preview, ids: list[int]) -> None:
    """Add to the programs that would be cleared, without reading those before."""
    if ids:
        more = Value(ids, output_field=ArrayField(BigIntegerField()))
        joined = Func(F("would_clear"), more, function="array_cat")
        Preview.objects.filter(pk=row.pk).update(would_clear=joined)


def _start(row: Preview, at: dt.datetime) -> None:
    """Start the run that was confirmed, judged at the instant of the confirmation, unless by then other programs
    would be cleared: then nothing starts, and the row shows what would be."""
    with transaction.atomic():
        has_run = RunRow.objects.filter(period=row.period).exists()
        is_same = Preview.objects.filter(pk=row.pk, would_clear=F("confirms__would_clear")).exists()
    found = _run_of(row) if has_run or is_same else None
    is_this = (
        found is not None and found.is_manual and found.at == row.at
    )  # also when it was planned before a kill
    with transaction.atomic():
        locked = _locked(row.pk)
        locked.run = found if is_this else None
        locked.save(update_fields=["run"])
        _end(locked, at, Failure.HAS_RUN if found and not is_this else None)


def _run_of(row: Preview) -> RunRow:
    """The run of the period: started now, or the one that it has."""
    assert row.by is not None
    try:
        return clearance.run_now(at=row.at, actor=Actor.admin(row.by))
    except Conflict:
        with transaction.atomic():
            return RunRow.objects.get(period=row.period)


def _rows() -> QuerySet[Preview]:
    return Preview.objects.select_related("policy", "by").defer("would_clear")


def _locked(preview_id: int) -> Preview:
    return _rows().select_for_update(of=("self",)).get(pk=preview_id)


def _end(row: Preview, at: dt.datetime, failure: Failure | None = None) -> None:
    """The last word of a locked preview, and its audit row. In the caller's transaction."""
    if not row.is_open:
        return
    row.state = PreviewState.FAILED if failure else PreviewState.DONE
    row.failure = failure or ""
    row.done_at = max(at, row.made_at)
    row.save(update_fields=["state", "failure", "done_at"])
    if row.is_done and row.purpose == Purpose.PREVIEW and row.by is not None:
        audit.record_for_platform(
            at=row.done_at,
            actor=Actor.admin(row.by),
            action="run.previewed",
            subject=("run", row.period),
            after={"digest": row.digest, **row.counts},
        )


@transaction.atomic
def stop(*, preview_id: int, at: dt.datetime, actor: Actor) -> Preview:
    """End a preview that is still worked at; what it counted so far is no result. Again it changes nothing.

    A start that was confirmed is stopped by it too, until all facts are looked at: then the run is begun. Works as
    platform. Raises NotFound, Conflict when it has ended otherwise.
    """
    row = _rows().select_for_update(of=("self",)).filter(pk=preview_id).first()
    if row is None:
        raise NotFound(_("There is no such preview."))
    if row.state == PreviewState.STOPPED:
        return row
    if not row.is_open or (row.purpose == Purpose.START and row.parts_done >= row.parts):
        raise Conflict(_("This preview has come to its end already."))
    row.state = PreviewState.STOPPED
    row.done_at = max(at, row.made_at)
    row.save(update_fields=["state", "done_at"])
    audit.record_for_platform(
        at=row.done_at, actor=actor, action="run.preview_stopped", subject=("run", row.period)
    )
    return row


def preview(*, run: Run, at: dt.datetime, part_size: int = PART) -> Preview:
    """Foresee a run here and now, in as many transactions as it has parts. Nobody's: no person asked for it."""
    with transaction.atomic():
        row = _create(run, at, None, Purpose.PREVIEW, part_size=part_size)
    while row.is_open:
        _step(row.pk, at)
        with transaction.atomic():
            row.refresh_from_db()
    return row
