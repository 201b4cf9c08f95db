"""The permanent report of a run: its hash, written down once when the run is done, and computed anew on demand.

Both read every decision of the run, so a worker does it, after the run and beside the pages. As platform.
"""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from compliance.models import ReportCheck
from compliance.models import Run as RunRow
from compliance.models.runs import ENDED
from compliance.selectors import judging
from compliance.services import clearance
from members.lib import queue
from members.lib.refusals import Conflict, NotFound
from members.services import audit
from members.services.audit import Actor

TASK = clearance.SEALING


def seal(*, run_id: int, at: dt.datetime) -> str:
    """Write down the hash of a run that is done; what was written down before stays. "" while it is not done.

    The run's row is not locked while millions of decisions are read: they do not change any more.
    """
    with transaction.atomic():
        row = RunRow.objects.get(pk=run_id)
        if row.state not in ENDED or row.digest:
            return row.digest
        digest = judging.digest_report(run_id=run_id)
    with transaction.atomic():
        row = RunRow.objects.select_for_update().get(pk=run_id)
        if not row.digest:
            row.digest, row.sealed_at = digest, at
            row.save(update_fields=["digest", "sealed_at"])
    return row.digest


@transaction.atomic
def ask_check(*, run_id: int, at: dt.datetime, actor: Actor) -> ReportCheck:
    """Have the hash of a report computed anew; a check that is open already is given back.

    Raises NotFound, Conflict when there is no hash yet.
    """
    row = RunRow.objects.select_for_update().filter(pk=run_id).first()
    if row is None:
        raise NotFound(_("There is no such run."))
    if not row.digest:
        raise Conflict(
            _("The hash of this report is not written down yet: a worker does it when the run is done.")
        )
    made, is_new = ReportCheck.objects.get_or_create(
        run=row,
        done_at=None,
        defaults={"asked_at": at, "by_id": actor.user_id, "by_label": actor.label[:120]},
    )
    if is_new:
        queue.enqueue(TASK)
    return made


def work(*, at: dt.datetime) -> int:
    """Write down the hashes that are missing and do the checks that are open; how many of both. Idempotent."""
    with transaction.atomic():
        unsealed = list(RunRow.objects.filter(state__in=ENDED, digest="").values_list("id", flat=True))
        checks = list(ReportCheck.objects.filter(done_at=None).values_list("id", flat=True))
    for run_id in unsealed:
        seal(run_id=run_id, at=at)
    for check_id in checks:
        _check(check_id, at)
    return len(unsealed) + len(checks)


@transaction.atomic
def _check(check_id: int, at: dt.datetime) -> None:
    row = ReportCheck.objects.select_for_update(of=("self",)).select_related("run").get(pk=check_id)
    if row.done_at is not None:
        return
    row.digest = judging.digest_report(run_id=row.run_id)
    row.done_at = max(at, row.asked_at)
    row.save(update_fields=["digest", "done_at"])
    audit.record_for_platform(
        at=row.done_at,
        actor=Actor(kind="platform", user_id=row.by_id, label=row.by_label)
        if row.by_id
        else Actor.job("clearance"),
        action="run.checked",
        subject=("run", row.run.period),
        after={"digest": row.digest, "equal": row.is_equal},
    )


def check_now(*, period: str, at: dt.datetime, actor: Actor) -> ReportCheck:
    """The same here and now, for a command. Raises NotFound, Conflict."""
    with transaction.atomic():
        row = RunRow.objects.filter(period=period).first()
    if row is None:
        raise NotFound(_("There is no run of “%(period)s”; write it like 2024-06.") % {"period": period})
    seal(run_id=row.pk, at=at)
    made = ask_check(run_id=row.pk, at=at, actor=actor)
    _check(made.pk, at)
    with transaction.atomic():
        return ReportCheck.objects.select_related("run").get(pk=made.pk)


def requeue() -> int:
    """Send the task while there is something to do. How much."""
    with transaction.atomic():
        count = RunRow.objects.filter(state__in=ENDED, digest="").count()
        count += ReportCheck.objects.filter(done_at=None).count()
    if count:
        queue.enqueue(TASK)
    return count
