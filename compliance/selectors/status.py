"""What the compliance pages show of one program, as facts; the pages find the words (ux.md, The compliance banner).

Computed live at the instant asked, so a benefit published a moment ago is in it. Needs the tenant in scope.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypedDict

from benefits.lib.spans import Span, clip
from benefits.models import Benefit
from compliance.lib import danger, runs
from compliance.lib.appeals import appealable_until
from compliance.lib.calendar import platform_date
from compliance.lib.policy import PolicyVersion
from compliance.lib.runs import Run
from compliance.lib.state import State, Status, uncovered_days
from compliance.models import Decision
from compliance.models import Run as RunRow
from compliance.selectors import appeals, decisions, policies, standing
from compliance.selectors import evidence as judged
from compliance.selectors.facts import Facts

DAY = dt.timedelta(days=1)
REASONS = {
    slug: slug
    for slug in (
        "kind",
        "stock",
        "audience",
        "worth",
        "threshold",
        "saving",
        "scope",
        "channel",
        "small",
        "short",
    )
} | {"scheduled": "later"}


@dataclass(frozen=True, kw_only=True)
class Banner:
    """State and dates of a program.

    run, run_at: the run that threatens it; days_left, hours_left: until then, in platform days and whole hours.
    safe_until: platform day before which nothing can close it with what is set up now (None: no end is foreseen).
    uncovered_days: platform days without a qualifying benefit (None while covered).
    limit_days: after how many the rule fails. is_new: younger than half a year; protected_until: its last safe day.
    restored_until, reopens_at, appeal_until: instants. cleared: the run and decision that closed it.
    """

    state: State
    at: dt.datetime
    version: PolicyVersion
    opened_at: dt.datetime | None = None
    first_opened_on: dt.date | None = None
    danger_at: dt.datetime | None = None
    run: Run | None = None
    run_at: dt.datetime | None = None
    days_left: int | None = None
    hours_left: int | None = None
    in_force: bool = False
    uncovered_since: dt.datetime | None = None
    uncovered_days: int | None = None
    limit_days: int = 0
    is_new: bool = False
    protected_until: dt.date | None = None
    restored_on: dt.date | None = None
    restored_until: dt.datetime | None = None
    cleared: tuple[RunRow, Decision] | None = None
    reopens_at: dt.datetime | None = None
    appeal_until: dt.datetime | None = None

    @property
    def safe_until(self) -> dt.date | None:
        """The day of the run that threatens it."""
        return None if self.run is None else self.run.on


def _banner(found: Facts) -> Banner:
    at, policy = found.at, found.policy
    is_open = found.status == Status.OPEN
    run = found.threat if is_open else None
    run_at = None if run is None else run.at
    return Banner(
        state=standing.state_of(found),
        at=at,
        version=found.ground.history.at(at),
        opened_at=found.opened_at,
        first_opened_on=found.first_opened_on,
        danger_at=found.assessment.danger_at if is_open else None,
        run=run,
        run_at=run_at,
        days_left=None if run is None else (run.on - platform_date(at)).days,
        hours_left=None if run_at is None else int((run_at - at).total_seconds()) // 3600,
        in_force=found.assessment.in_force,
        uncovered_since=found.assessment.uncovered_since,
        uncovered_days=uncovered_days(found.assessment.uncovered_since, at),
        limit_days=policy.window_days,
        is_new=danger.is_young(found.first_opened_on, policy, at),
        protected_until=danger.old_enough_on(found.first_opened_on, policy) - DAY,
        restored_on=_restored_on(found),
        restored_until=found.restored_until,
        **_after_clearance(found),
    )


def _restored_on(found: Facts) -> dt.date | None:
    began = [row.from_at for row in found.protections if row.cause == "restored"]
    return platform_date(max(began)) if began else None


def _after_clearance(found: Facts) -> dict[str, Any]:
    if found.status != Status.CLEARED:
        return {}
    told = [
        pair for pair in decisions.of_merchant(merchant_id=found.merchant_id) if pair[1].outcome == "cleared"
    ]
    if not told or found.closed_at is None:
        return {}
    return {
        "cleared": told[-1],
        "reopens_at": found.closed_at + dt.timedelta(days=found.policy.reopen_wait_days),
        "appeal_until": appealable_until(appeals.cleared_at(told[-1][0])),
    }


class DayRow(TypedDict):
    """One platform day of the strip: covered, uncovered, uncounted (in force, not counted) or future."""

    date: dt.date
    state: str


@dataclass(frozen=True, kw_only=True)
class EvidenceRow:
    """One benefit in the window. reason: counted, or why not: `kind` (never counts), `stock`, `audience`, `worth`
    (paper), `threshold`, `saving`, `scope`, `channel`, `small` (paper under the policy), `short` (counts only while it
    runs), `later` (not in force yet), `before` (not in force in the window).

    spans: platform days [first, day after the last or None) with whether they counted. days: how many counted.
    configured: instants in the window that counted as configuring.
    """

    benefit: Benefit
    kind: str
    counted: bool
    reason: str
    days: int
    spans: list[tuple[dt.date, dt.date | None, bool]] = field(default_factory=list)
    configured: list[dt.datetime] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Page:
    """Everything the status and evidence pages show. runs: the next ones, whoever they threaten."""

    banner: Banner
    qualifying: list[Benefit]
    strip: list[DayRow]
    evidence: list[EvidenceRow]
    runs: list[Run]
    window: Span


def page(*, merchant_id: int, at: dt.datetime, ahead_days: int = 0, next_runs: int = 3) -> Page:
    """State, dates, the strip of the window (and of days ahead), the next runs, and each benefit of the window with
    what counted of it and why the rest did not (none for a draft). A constant number of queries."""
    found = standing.find(merchant_id=merchant_id, at=at)
    history = policies.history() if found is None else found.ground.history
    done = frozenset() if found is None else found.ground.done
    shown = Banner(state=State.DRAFT, at=at, version=history.at(at)) if found is None else _banner(found)
    policy = shown.version.policy
    window = Span(at - policy.window, at + ahead_days * DAY)
    lines = [] if found is None else judged.lines(facts=found, at=at, until=platform_date(window.end or at))
    rows = [_evidence(line, at - policy.window) for line in lines]
    return Page(
        banner=shown,
        qualifying=standing.qualifying(merchant_id=merchant_id, at=at, policy=policy),
        strip=strip(rows, window, at),
        evidence=rows,
        runs=list(islice(runs.coming_runs(history, at, done), next_runs)),
        window=window,
    )


def _evidence(line: judged.Line, start: dt.datetime) -> EvidenceRow:
    shown = [span for span in line.stretches if span.end is None or span.end > start]
    return EvidenceRow(
        benefit=line.benefit,
        kind=line.kind,
        counted=line.counts,
        reason="counted" if line.counts else REASONS.get(line.reason, "before"),
        days=line.days,
        spans=[_as_days(span, bool(clip(line.counted, span))) for span in shown],
        configured=list(line.configured),
    )


def _as_days(span: Span, counted: bool) -> tuple[dt.date, dt.date | None, bool]:
    first = platform_date(span.start) if span.start is not None else dt.date.min
    if span.end is None:
        return first, None, counted
    return first, platform_date(span.end - dt.timedelta(microseconds=1)) + DAY, counted


def strip(rows: list[EvidenceRow], window: Span, at: dt.datetime) -> list[DayRow]:
    """One row a platform day of the window. Past days say what was; days ahead say what is set up for them."""
    assert window.start is not None and window.end is not None
    counted = _Days(rows, counted=True)
    other = _Days(rows, counted=False)
    today, day, last = platform_date(at), platform_date(window.start) + DAY, platform_date(window.end)
    days = []
    while day <= last:
        if day > today:
            state = "covered" if day in counted else "future"
        else:
            state = "covered" if day in counted else "uncounted" if day in other else "uncovered"
        days.append(DayRow(date=day, state=state))
        day += DAY
    return days


class _Days:
    """The days that some spans touch; open ends reach on."""

    def __init__(self, rows: list[EvidenceRow], *, counted: bool) -> None:
        self.spans = [
            (first, after) for row in rows for first, after, counts in row.spans if counts is counted
        ]
        if counted:
            days = [platform_date(at) for row in rows for at in row.configured]
            self.spans += [(day, day + DAY) for day in days]

    def __contains__(self, day: dt.date) -> bool:
        return any(first <= day and (after is None or day < after) for first, after in self.spans)
