"""A program's history told to the pure rules: every day's compliance job and every run, each at its own
instant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from benefits.lib.coverage import Action, Revision, known_before, program_coverage
from benefits.lib.spans import span_at, utc
from compliance.lib.appeals import Appeal
from compliance.lib.calendar import PLATFORM_ZONE, assessment_instant, platform_date
from compliance.lib.danger import danger_gap, gap_from, threatening_run, uncovered_ahead
from compliance.lib.decide import Decision, Facts, decide
from compliance.lib.policy import Policy, PolicyHistory, PolicyVersion
from compliance.lib.runs import Run, due_runs
from compliance.lib.state import Status
from compliance.lib.warnings import SentWarning, due_warning


def shanghai(day: str, clock: str = "00:00") -> datetime:
    return datetime.combine(date.fromisoformat(day), time.fromisoformat(clock), PLATFORM_ZONE)


def published(at: datetime, kind: str = "coupon", to: datetime | None = None) -> list[Revision]:
    return [Revision(action=Action.PUBLISH, at=at, kind=kind, starts_at=at, ends_at=to)]


@dataclass
class Story:
    """opened_at is the first opening. policies: (from when, settings that change); the first is the
    installation's."""

    opened_at: datetime
    benefits: Sequence[list[Revision]] = ()
    policies: Sequence[tuple[datetime, dict]] = ()
    appeals: Sequence[Appeal] = ()
    is_exempt: bool = False
    protected_until: datetime | None = None
    closed_at: datetime | None = None
    warnings: list[SentWarning] = field(default_factory=list)
    decisions: dict[str, Decision] = field(default_factory=dict)

    def __post_init__(self) -> None:
        policy, versions = Policy(), []
        installed_at = min(self.opened_at, *(at for at, _ in self.policies), self.opened_at)
        for number, (at, values) in enumerate([(installed_at, {}), *self.policies], start=1):
            policy = policy.changed(values)
            versions.append(PolicyVersion(number=number, effective_from=at, policy=policy))
        self.history = PolicyHistory(versions)

    def tell(self, until: datetime) -> Story:
        """Every job due in `(opened_at, until]`, in time order."""
        runs = {run.at: run for run in due_runs(self.history, self.opened_at, until)}
        day, last = platform_date(self.opened_at), platform_date(until)
        jobs = [assessment_instant(day + timedelta(days=n)) for n in range((last - day).days + 1)]
        for at in sorted([*jobs, *runs]):
            if self.opened_at < at <= until:
                self._decide(runs[at]) if at in runs else self._assess(at)
        return self

    def threat(self, at: datetime, *, is_open: bool = True) -> Run | None:
        history, coverages = self._known(at)
        return threatening_run(
            uncovered_ahead(coverages, history, at),
            history,
            at,
            opened_at=self.opened_at,
            first_opened_on=platform_date(self.opened_at),
            protected_until=self.protected_until,
            is_open=is_open,
            is_exempt=self.is_exempt,
        )

    def danger(self, at: datetime) -> datetime | None:
        history, coverages = self._known(at)
        gap = danger_gap(coverages, history, self.opened_at, at)
        return None if gap is None else gap.danger_at

    def _known(self, at: datetime):
        return self.history.known_before(at), program_coverage([known_before(b, at) for b in self.benefits])

    def _is_open(self, at: datetime) -> bool:
        return self.closed_at is None or utc(at) <= utc(self.closed_at)

    def _assess(self, at: datetime) -> None:
        run = self.threat(at, is_open=self._is_open(at))
        run_on = None if run is None else run.on
        days = due_warning(self.history.for_job(at).policy, run_on, at, self.warnings, self.protected_until)
        if days is not None:
            self.warnings.append(
                SentWarning(days_before=days, sent_at=at, for_run_on=run_on, danger_at=self.danger(at))
            )

    def _decide(self, run: Run) -> None:
        history, coverages = self._known(run.at)
        ahead = uncovered_ahead(coverages, history, run.at)
        gap = gap_from(ahead, self.opened_at, run.at)
        facts = Facts(
            status=Status.OPEN if self._is_open(run.at) else Status.CLOSED,
            first_opened_on=platform_date(self.opened_at),
            gap=gap,
            episode_began_at=self.opened_at,
            is_exempt=self.is_exempt,
            protected_until=self.protected_until,
            appeals=self.appeals,
            warnings=self.warnings,
        )
        decision = decide(facts, run)
        if decision is not None:
            assert (gap is not None and gap.holds(run.at)) == (span_at(ahead, run.at) is not None)
            self.decisions[run.period] = decision

    def outcome(self, period: str) -> tuple[str, str] | None:
        decision = self.decisions.get(period)
        return None if decision is None else (decision.outcome.value, decision.reason.value)
