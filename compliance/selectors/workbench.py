"""What waits for the platform's admins, and the runs to come. Counts go over small indexes and stop at a limit."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from compliance.lib import runs as rule
from compliance.lib.calendar import platform_date
from compliance.lib.policy import PolicyHistory
from compliance.lib.runs import Run
from compliance.models import Appeal, AppealState, Preview, Purpose, Standing
from compliance.models import Run as RunRow
from compliance.models.runs import ENDED
from compliance.selectors import judging, policies
from members.models import JobTick, OutboxRow, PlatformAuditRow, ProgramStatus

COUNTED = 10_000
WARNINGS = "notice:"  # what the keys of a warning's e-mails begin with
SMALL = 100_000  # programs up to which "tonight" is counted with the page


@dataclass(frozen=True, kw_only=True)
class Workbench:
    """Counts of the queues (`None`: more than are counted), runs that wait or are under way, what comes, what was."""

    at: dt.datetime
    version: Any
    at_risk: int | None
    final_notice: int | None
    last_run: RunRow | None
    waiting: list[RunRow]
    undelivered: int | None
    failed: int | None
    ticks: int | None
    appeals: int | None
    overdue: int | None
    runs: list[Run]
    threatened: int | None
    acts: list[PlatformAuditRow] = field(default_factory=list)

    @property
    def next_run(self) -> Run | None:
        """The first of the coming runs."""
        return self.runs[0] if self.runs else None


def coming_runs(history: PolicyHistory, at: dt.datetime, most: int) -> list[Run]:
    """The next scheduled runs, less the periods that have had one."""
    done = frozenset(RunRow.objects.values_list("period", flat=True))
    return list(islice(rule.coming_runs(history, at, done), most))


def find(*, at: dt.datetime, next_runs: int = 4, acts: int = 8) -> Workbench:
    """Everything on the workbench; a constant number of queries."""
    version = policies.history().at(at)
    runs = coming_runs(policies.history(), at, next_runs)
    today = platform_date(at)
    final = today + dt.timedelta(days=version.policy.final_notice_days)
    risk = today + dt.timedelta(days=version.policy.at_risk_days)
    emails = OutboxRow.objects.filter(done_at=None, topic="email", key__startswith=WARNINGS)
    appeals = Appeal.objects.filter(state=AppealState.OPEN)
    return Workbench(
        at=at,
        version=version,
        at_risk=_count(threatened_between(final + dt.timedelta(days=1), risk)),
        final_notice=_count(threatened_between(today, final)),
        last_run=RunRow.objects.filter(state__in=ENDED).order_by("-at").first(),
        waiting=list(RunRow.objects.exclude(state__in=ENDED).select_related("policy").order_by("at")),
        undelivered=_count(emails),
        failed=_count(emails.filter(attempts__gt=0)),
        ticks=_count(JobTick.objects.filter(done_at=None, due_at__lte=at)),
        appeals=_count(appeals),
        overdue=_count(appeals.filter(due_on__lt=today)),
        runs=runs,
        threatened=_count(threatened_between(runs[0].on, runs[0].on)) if runs else 0,
        acts=list(PlatformAuditRow.objects.order_by("-at", "-id")[:acts]),
    )


# The newest days that notices were sent for: a walk along the index instead of a look at every notice.
NOTICE_DAYS = """
with recursive found (day) as (
    (select for_run_on from compliance_notice order by for_run_on desc limit 1)
    union all
    select (select n.for_run_on from compliance_notice n where n.for_run_on < found.day
        order by n.for_run_on desc limit 1)
    from found where found.day is not null
)
select day from found where day is not null limit %s
"""


def notice_days(most: int) -> list[dt.date]:
    """The newest run days that notices were sent for."""
    with connection.cursor() as cursor:
        cursor.execute(NOTICE_DAYS, [most])
        return [row[0] for row in cursor.fetchall()]


def threatened_between(first: dt.date, last: dt.date) -> QuerySet[Standing]:
    """Standings of open programs that a run in `[first, last]` threatens, by the last daily job."""
    return Standing.objects.filter(
        run_on__gte=first, run_on__lte=last, merchant__program__status=ProgramStatus.OPEN
    )


def _count(rows: QuerySet[Any]) -> int | None:
    found = rows.order_by().values("pk")[: COUNTED + 1].count()
    return None if found > COUNTED else found


def run_tonight(*, at: dt.datetime) -> Run:
    """A run at today's 23:00, whether the policy has one or not."""
    day = platform_date(at)
    return Run(rule.period_of(day), day, max(at, rule.run_instant(day)), policies.history().at(at))


def tonight(*, at: dt.datetime) -> dict[str, int]:
    """What such a run would decide from the standings as the last jobs left them. Scans them: a small platform's."""
    return judging.foreseen(run_tonight(at=at))


def counted_tonight(*, at: dt.datetime) -> Preview | None:
    """The last count of such a run that was asked for today."""
    rows = Preview.objects.filter(purpose=Purpose.TONIGHT, run_on=platform_date(at))
    return rows.order_by("-id").first()
