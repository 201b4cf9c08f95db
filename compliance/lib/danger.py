"""Rule 2 of clearance, the danger date that follows from it, and the run that threatens a program.

Rule 2 holds at an instant `at` when no qualifying benefit covers any instant of `(at - W, at]`, W being
`window_days` times 24 hours. Time is dense, so with W the window and `[a, b)` a stretch in force:

- the stretch meets `(at - W, at]` exactly when `a <= at` and `at - W < b`, that is when `at` lies in `[a, b + W)`.
  A benefit that ended exactly W ago does not cover: its last instant is before `b`, and `at - W = b` is excluded too;
  one microsecond earlier it does (the instants between are those that no clock shows);
- an instant `c` of configuration lies in `(at - W, at]` exactly when `at` lies in `[c, c + W)`;
- a stretch of the union of the counted kinds shorter than `min_cover_days` counts only while it runs: `[a, b)`; seen
  from `b` on it is as if it had not been, so that a benefit of a second moves no danger date and voids no warning;
- configuring counts only if the stretch in force that it begins, or changes, is not such a short one: else publishing
  a benefit of a second would cover the whole window.

So the instants at which rule 2 does *not* hold are a union of half-open stretches, and the rest, where it holds, is
one too. Everything below is read from that set. To store per program: `Assessment`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

from benefits.lib.coverage import Configured, Coverage
from benefits.lib.spans import Span, Spans, clip, complement, first_from, later, normalise, span_at, utc
from compliance.lib.calendar import platform_date, start_of
from compliance.lib.policy import AgeBoundary, CountingBasis, Policy, PolicyHistory
from compliance.lib.runs import Run, coming_runs
from members.lib.periods import add_months


def stretches_in_force(coverages: Iterable[Coverage], policy: Policy) -> Spans:
    """When some benefit of a counted kind is in force, whatever the counting basis."""
    return normalise(
        span for row in coverages if policy.counts(row.kind, row.doubts) for span in row.in_force
    )


def is_long_enough(stretch: Span, policy: Policy) -> bool:
    """Whether a stretch in force keeps counting when it is over."""
    if stretch.start is None or stretch.end is None:
        return True
    return stretch.end - stretch.start >= policy.min_cover


def configuration_counts(configured: Configured, stretches: Spans, policy: Policy) -> bool:
    """Whether a publication or change counts where configuring does: force begins (and so is foreseen to) within the
    longest lead, and the unbroken force it belongs to is long enough. stretches: `stretches_in_force`."""
    lasting = tuple(stretch for stretch in stretches if is_long_enough(stretch, policy))
    return _counts(configured, policy.max_lead, lasting if policy.min_cover_days else None)


def _counts(configured: Configured, lead: timedelta | None, lasting: Spans | None) -> bool:
    """The same with the longest lead and the stretches that are long enough (None: every one, also none, is)."""
    force_from = configured.force_from
    if lead is not None and (force_from is None or force_from - configured.at > lead):
        return False
    return lasting is None or (force_from is not None and span_at(lasting, force_from) is not None)


def covered(coverages: Collection[Coverage], policy: Policy, seen_from: datetime | None = None) -> Spans:
    """The instants at which rule 2 does not hold under one policy. `seen_from`: a short stretch that is over then
    covers nothing, not even while it ran (None: each instant as it is, or was, at itself)."""
    spans: list[Span] = []
    stretches = stretches_in_force(coverages, policy)
    if policy.counting_basis is not CountingBasis.CONFIGURED:
        for stretch in stretches:
            if is_long_enough(stretch, policy):
                spans.append(Span(stretch.start, later(stretch.end, policy.window)))
            elif seen_from is None or stretch.end is None or stretch.end > utc(seen_from):
                spans.append(stretch)
    if policy.counting_basis is not CountingBasis.IN_FORCE:
        spans += (Span(at, later(at, policy.window)) for at in _configured(coverages, stretches, policy))
    return normalise(spans)


def _configured(coverages: Iterable[Coverage], stretches: Spans, policy: Policy) -> Iterator[datetime]:
    """The instants of configuration that count: those of which `configuration_counts`."""
    lead = policy.max_lead
    lasting = None
    if policy.min_cover_days:
        lasting = tuple(stretch for stretch in stretches if is_long_enough(stretch, policy))
    for row in coverages:
        if policy.counts(row.kind, row.doubts):
            yield from (each.at for each in row.configured if _counts(each, lead, lasting))


def uncovered(coverages: Collection[Coverage], policy: Policy, seen_from: datetime | None = None) -> Spans:
    """The instants at which rule 2 holds under one policy, past and foreseen."""
    return complement(covered(coverages, policy, seen_from))


def uncovered_ahead(coverages: Collection[Coverage], history: PolicyHistory, at: datetime) -> Spans:
    """The instants at which rule 2 holds, seen from `at`: the version in force at `at` judges the past whole, a
    version that is scheduled judges what lies in its own reign. Coverages and history as known at `at`."""
    return normalise(
        part
        for reign in history.ahead(at)
        for part in clip(uncovered(coverages, reign.version.policy, at), reign.span)
    )


class Gap(NamedTuple):
    """A stretch throughout which rule 2 holds: from the danger date until cover begins again (None: never)."""

    danger_at: datetime
    safe_again_at: datetime | None

    def holds(self, at: datetime) -> bool:
        return self.danger_at <= at and (self.safe_again_at is None or at < self.safe_again_at)


def gap_from(ahead: Spans, opened_at: datetime, at: datetime) -> Gap | None:
    """The stretch of `uncovered_ahead` that holds `at`, else the next one, cut at `opened_at`."""
    opened_at, at = utc(opened_at), utc(at)
    span = first_from(ahead, max(at, opened_at))
    if span is None:
        return None
    return Gap(opened_at if span.start is None else max(span.start, opened_at), span.end)


def danger_gap(
    coverages: Collection[Coverage], history: PolicyHistory, opened_at: datetime, at: datetime
) -> Gap | None:
    """The danger date with the end of its stretch; None when rule 2 does not hold and never will."""
    return gap_from(uncovered_ahead(coverages, history, at), opened_at, at)


def danger_date(
    coverages: Collection[Coverage], history: PolicyHistory, opened_at: datetime, at: datetime
) -> datetime | None:
    """The first instant at which rule 2 holds: the past one when it holds at `at`, else the next one, foreseeing
    what is scheduled; None when it never will. Never before `opened_at`, which is also the danger date of a program
    that never had a qualifying benefit (domain.md 3)."""
    gap = danger_gap(coverages, history, opened_at, at)
    return None if gap is None else gap.danger_at


def uncovered_since(
    coverages: Collection[Coverage], policy: Policy, opened_at: datetime, at: datetime
) -> datetime | None:
    """Since when nothing has qualified, at `at`: the end of the last stretch or the last configuration that counted,
    not before `opened_at`; None while a counting stretch runs. A short stretch counts only while it runs."""
    opened_at, at = utc(opened_at), utc(at)
    last = opened_at
    stretches = stretches_in_force(coverages, policy)
    if policy.counting_basis is not CountingBasis.CONFIGURED:
        for stretch in stretches:
            if stretch.holds(at):
                return None
            if stretch.end is not None and stretch.end <= at and is_long_enough(stretch, policy):
                last = max(last, stretch.end)
    if policy.counting_basis is not CountingBasis.IN_FORCE:
        last = max([last, *(each for each in _configured(coverages, stretches, policy) if each <= at)])
    return last


def old_enough_on(first_opened_on: date, policy: Policy) -> date:
    """The first platform day on which rule 1's age holds. Half a year is six calendar months: from 31 August to 29
    February; a program exactly that old is old enough under `at_least`, not under `over`."""
    anniversary = add_months(first_opened_on, policy.min_age_months)
    return anniversary if policy.age_boundary is AgeBoundary.AT_LEAST else anniversary + timedelta(days=1)


def latest_opening(on: date, policy: Policy) -> date:
    """The last day of first opening whose program is old enough on a platform day."""
    day = add_months(on, -policy.min_age_months) + timedelta(days=3)
    while old_enough_on(day, policy) > on:
        day -= timedelta(days=1)
    return day


def threatening_run(
    ahead: Spans,
    history: PolicyHistory,
    at: datetime,
    *,
    opened_at: datetime,
    first_opened_on: date,
    protected_until: datetime | None = None,
    is_open: bool = True,
    is_exempt: bool = False,
    done: Collection[str] = (),
) -> Run | None:
    """The first run later than `at` at whose instant rules 1 and 2 would hold and no protection stands.

    ahead: `uncovered_ahead(coverages, history, at)`. Each run is judged under the version in force at it. A pending
    appeal does not move it. None when exempt, not open, or when it never comes.
    """
    if not is_open or is_exempt:
        return None
    at, opened_at = utc(at), utc(opened_at)
    protected_until = None if protected_until is None else utc(protected_until)
    settled = _settled_at(ahead, history, opened_at, first_opened_on, protected_until)
    for run in coming_runs(history, at, done):
        if (
            span_at(ahead, run.at) is not None
            and run.at >= opened_at
            and run.on >= old_enough_on(first_opened_on, run.version.policy)
            and (protected_until is None or run.at >= protected_until)
        ):
            return run
        if run.at >= settled:
            return None
    return None


def _settled_at(
    ahead: Spans,
    history: PolicyHistory,
    opened_at: datetime,
    first_opened_on: date,
    protected_until: datetime | None,
) -> datetime:
    """An instant from which on nothing known changes any more: old enough under every version, and no bound of
    rule 2 ahead. A run after it that does not threaten ends the search."""
    ages = (start_of(old_enough_on(first_opened_on, version.policy)) for version in history.versions)
    bounds = (bound for span in ahead for bound in span if bound is not None)
    return max([opened_at, *ages, *bounds, *([] if protected_until is None else [protected_until])])


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """What is stored per program, true from the instant it was made until `due_at`.

    danger_at, safe_again_at: rule 2 holds at a run's instant exactly when
        `danger_at <= run and (safe_again_at is null or run < safe_again_at)`.
    in_force: whether a benefit of a counted kind is in force.
    uncovered_since: see the function; null while covered.
    due_at: the first later instant at which one of these changes by itself (cover begins or ends, a scheduled
        version takes effect); null when none is foreseen. The row is refreshed then, and whenever a coverage row or
        `opened_at` changes.
    """

    danger_at: datetime | None
    safe_again_at: datetime | None
    in_force: bool
    uncovered_since: datetime | None
    due_at: datetime | None


def assess(
    coverages: Collection[Coverage],
    history: PolicyHistory,
    opened_at: datetime,
    at: datetime,
    ahead: Spans | None = None,
) -> Assessment:
    """What to store for a program at `at`. ahead: `uncovered_ahead(coverages, history, at)`, when it is known."""
    at = utc(at)
    policy = history.at(at).policy
    stretches = stretches_in_force(coverages, policy)
    gap = gap_from(uncovered_ahead(coverages, history, at) if ahead is None else ahead, opened_at, at)
    changes = [bound for stretch in stretches for bound in stretch]
    changes += [reign.span.end for reign in history.ahead(at)]
    if gap is not None:
        changes.append(gap.safe_again_at)
    return Assessment(
        danger_at=None if gap is None else gap.danger_at,
        safe_again_at=None if gap is None else gap.safe_again_at,
        in_force=span_at(stretches, at) is not None,
        uncovered_since=uncovered_since(coverages, policy, opened_at, at),
        due_at=min((change for change in changes if change is not None and change > at), default=None),
    )


def is_young(first_opened_on: date, policy: Policy, at: datetime) -> bool:
    """Whether a program is still inside the first half year, on the platform day of `at`."""
    return platform_date(at) < old_enough_on(first_opened_on, policy)
