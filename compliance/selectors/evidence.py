"""Which benefits counted, for how many days, and why others did not: the evidence behind a state (ux.md, Evidence)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from benefits.lib.coverage import Coverage
from benefits.lib.spans import Span, Spans, clip, utc
from benefits.lib.usefulness import refused_part, slugs
from benefits.models import Benefit, BenefitStatus
from benefits.selectors import coverage
from benefits.selectors.coverage import BenefitStretches
from compliance.lib import danger
from compliance.lib import strip as strips
from compliance.lib.calendar import start_of
from compliance.lib.policy import CountingBasis, Policy
from compliance.lib.strip import ONE_DAY
from compliance.models import Decision, Run
from compliance.selectors import decisions
from compliance.selectors.facts import Facts


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What one benefit (of one kind) was worth within the window.

    spans: in force within the days that the strip shows; stretches: ever, past and foreseen; counted: the part of
    spans that counts. days: platform days of the window that count; first, last: of those. reason: one of REASONS.
    """

    benefit: Benefit
    kind: str
    spans: Spans
    stretches: Spans
    is_in_force: bool
    days: int
    first: dt.date | None
    last: dt.date | None
    reason: str
    counted: Spans
    configured: tuple[dt.datetime, ...] = ()

    @property
    def counts(self) -> bool:
        """Whether it counts for the window, or does now."""
        return self.reason in COUNTED

    @property
    def is_old(self) -> bool:
        """Over before the window began."""
        return self.reason == "before"


EARLIEST = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
LATEST = dt.datetime(9000, 1, 1, tzinfo=dt.UTC)
COUNTED = ("running", "counted", "configured")
REASONS = (
    *COUNTED, "kind", "stock", "audience", "worth", "threshold", "saving", "scope", "channel", "small", "short",
    "unchanged", "paused", "scheduled", "before", "never",
)  # fmt: skip


def lines(*, facts: Facts, at: dt.datetime, until: dt.date) -> list[Line]:
    """A line a benefit, those that count first, then by publication; `until`: the last day that the strip shows."""
    policy = facts.policy
    first = strips.window_of(policy, at)
    window = Span(start_of(first), start_of(until + ONE_DAY))
    rows = coverage.stretches(merchant_id=facts.merchant_id, start=EARLIEST, end=LATEST)
    force = strips.counted_force(facts.coverages, policy, at)
    found = [_line(row, facts, policy, force, at, window) for row in rows]
    return sorted(found, key=lambda line: (not line.counts, line.is_old))


def _line(
    row: BenefitStretches, facts: Facts, policy: Policy, force: Spans, at: dt.datetime, window: Span
) -> Line:
    at = utc(at)
    first = strips.window_of(policy, at)
    within = clip(row.in_force, window)
    configured = tuple(each for each in row.configured if window.holds(each.at))
    own = Coverage(row.kind, within, configured, row.doubts)
    whole, is_counted = (
        danger.stretches_in_force(facts.coverages, policy),
        policy.counts(row.kind, row.doubts),
    )
    days = strips.counted_days(
        facts.coverages, policy, at, first, first + (policy.window_days - 1) * ONE_DAY, of=[own]
    )
    counted = tuple(part for stretch in within for part in clip(force, stretch))
    return Line(
        benefit=row.benefit,
        kind=row.kind,
        spans=within,
        stretches=tuple(Span(span.start, None if span.end == LATEST else span.end) for span in row.in_force),
        is_in_force=any(span.holds(at) for span in within),
        days=len(days),
        first=min(days, default=None),
        last=max(days, default=None),
        reason=_reason(row, within, policy, at, bool(days)),
        counted=counted if is_counted else (),
        configured=tuple(
            each.at
            for each in own.configured
            if is_counted and each.at <= at and strips.configuration_counts(each, whole, policy)
        ),
    )


def _reason(row: BenefitStretches, within: Spans, policy: Policy, at: dt.datetime, has_days: bool) -> str:
    live = row.benefit.status in (BenefitStatus.PUBLISHED, BenefitStatus.PAUSED)
    over = row.benefit.to_at is not None and row.benefit.to_at <= at
    runs = any(span.holds(at) for span in within)
    past = clip(within, Span(None, at))
    if not policy.counts(row.kind, row.doubts):
        if not within and (over or not live):
            return "before"
        return (
            "kind"
            if not policy.counts(row.kind)
            else slugs(refused_part(row.doubts, policy.refused_doubts))[0]
        )
    if has_days:
        if runs:
            return "running"
        return "counted" if past else "configured"
    if runs or past:
        return "unchanged" if policy.counting_basis is CountingBasis.CONFIGURED else "short"
    if live and not over:
        if row.paper:
            return row.paper[0]
        if row.benefit.status == BenefitStatus.PAUSED:
            return "paused"
        if within or any(span.start and span.start > at for span in row.in_force):
            return "scheduled"
        return "never"
    return "before"


def qualifying(found: list[Line]) -> int:
    """How many benefits that count are in force."""
    return sum(line.is_in_force and line.reason in COUNTED for line in found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A decision with its run, as a merchant reads it."""

    run: Run
    decision: Decision

    @property
    def uncovered_days(self) -> int | None:
        """Platform days without a qualifying benefit at the run."""
        since = self.decision.uncovered_since
        return None if since is None else (self.run.run_on - strips.platform_date(since)).days


def judged(*, merchant_id: int) -> list[Judged]:
    """Every decision of the merchant, the latest first."""
    rows = decisions.of_merchant(merchant_id=merchant_id)
    return [Judged(run=run, decision=row) for run, row in reversed(rows)]


def old_enough_on(facts: Facts) -> dt.date:
    """From which platform day on a run can close the program."""
    return danger.old_enough_on(facts.first_opened_on, facts.policy)


def table(found: list[Line]) -> list[dict[str, Any]]:
    """The lines with every stretch on its own, exact to the second: what the CSV holds."""
    rows: list[dict[str, Any]] = []
    for line in found:
        for span in line.stretches or (None,):
            rows.append({"line": line, "span": span})
    return rows
