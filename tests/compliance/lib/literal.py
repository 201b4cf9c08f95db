"""The clearance rules read literally, instant by instant, over the histories of
`tests.benefits.lib.literal`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from hypothesis import strategies as st

from benefits.lib.coverage import Revision
from compliance.lib.policy import CountingBasis, Policy, PolicyHistory, PolicyVersion
from tests.benefits.lib.literal import START, Tick, boundaries, configured, in_force_kind, samples, tick

DAY: Tick = 2 * 24 * 3600 * 1_000_000


class Literal:
    """A program whose rule 2 is looked up one instant of the window after the other."""

    def __init__(self, benefits: Sequence[Sequence[Revision]]) -> None:
        self.benefits = benefits
        self.points = boundaries(benefits)
        self.line = samples(self.points) if self.points else []
        self.configured = [entry for history in benefits for entry in configured(history)]
        self._kinds: dict[Tick, set[str]] = {}

    def kinds(self, at: Tick) -> set[str]:
        """The kinds in force at one instant."""
        if at not in self._kinds:
            told = (in_force_kind(history, at) for history in self.benefits)
            self._kinds[at] = {kind for kind in told if kind is not None}
        return self._kinds[at]

    def in_force(self, at: Tick, policy: Policy) -> bool:
        return bool(self.kinds(at) - policy.uncounted_kinds)

    def stretch(self, at: Tick, policy: Policy) -> tuple[Tick, Tick | None]:
        """First and last boundary of the unbroken force around an instant in force (None: it has no end)."""
        start = max(t for t in self.points if t <= at)
        while self.in_force(start - 1, policy):
            start = max(t for t in self.points if t < start)
        end = min((t for t in self.points if t > at), default=None)
        while end is not None and self.in_force(end, policy):
            end = min((t for t in self.points if t > end), default=None)
        return start, end

    def is_short(self, instant: Tick, policy: Policy) -> bool:
        """Whether the unbroken force around an instant is too short to count when it is over."""
        start, end = self.stretch(instant, policy)
        return end is not None and end - start < policy.min_cover_days * DAY

    def counts_in_window(self, instant: Tick, at: Tick, policy: Policy, seen: Tick) -> bool:
        """Whether force at one instant of the window of `at` counts: a short stretch does only while it
        runs, and not even that seen from its end on."""
        if not self.in_force(instant, policy):
            return False
        if not self.is_short(instant, policy):
            return True
        start, end = self.stretch(instant, policy)
        assert end is not None
        return start <= at < end and seen < end

    def covered(self, at: Tick, policy: Policy, seen: Tick) -> bool:
        """Whether some instant of `(at - window, at]` is covered, `at` being a clock reading."""
        assert at % 2 == 0
        opens = at - policy.window_days * DAY
        basis = policy.counting_basis
        if basis is not CountingBasis.CONFIGURED:
            inside = [t for t in self.points if opens < t <= at]
            window = [t for t in samples([opens, *inside, at]) if opens < t <= at]
            if any(self.counts_in_window(t, at, policy, seen) for t in window):
                return True
        if basis is not CountingBasis.IN_FORCE:
            for instant, kind, force in self.configured:
                if (
                    opens < instant <= at
                    and kind not in policy.uncounted_kinds
                    and self.configuring_counts(instant, force, policy)
                ):
                    return True
        return False

    def configuring_counts(self, instant: Tick, force: Tick | None, policy: Policy) -> bool:
        """Whether force begins soon enough after a configuration and lasts long enough."""
        if not policy.min_cover_days:
            return _soon(instant, force, policy)
        lasts = force is not None and self.in_force(force, policy) and not self.is_short(force, policy)
        return lasts and _soon(instant, force, policy)

    def rule_2(self, at: Tick, policy: Policy, seen: Tick | None = None) -> bool:
        """Whether rule 2 holds at an instant, seen from another (None: from itself)."""
        return not self.covered(at, policy, at if seen is None else seen)

    def critical(self, policies: Sequence[Policy]) -> list[Tick]:
        """Every instant at which rule 2 may begin or cease to hold under one of the policies."""
        windows = {policy.window_days * DAY for policy in policies}
        return sorted({p + w for p in self.points for w in {0, *windows}})


def _soon(instant: Tick, force: Tick | None, policy: Policy) -> bool:
    if policy.max_lead_days is None:
        return True
    return force is not None and force - instant <= policy.max_lead_days * DAY


def version_at(versions: Sequence[PolicyVersion], at: Tick) -> PolicyVersion:
    """The version in force: the last one that has taken effect."""
    told = [v for v in versions if tick(v.effective_from) <= at]
    return max(told, key=lambda v: (tick(v.effective_from), tick(v.known_from), v.number))


def run_days(versions: Sequence[PolicyVersion], until: date) -> list[date]:
    """The run days from the installation to a day, asked of each platform day in turn at its 23:00."""
    installed = min(v.effective_from for v in versions)
    day, days, periods = installed.date() - timedelta(days=2), [], set()
    while day <= until:
        at = tick(datetime(day.year, day.month, day.day, 15, tzinfo=START.tzinfo))  # 23:00 in Shanghai
        known = [v for v in versions if tick(v.known_from) < at and tick(v.effective_from) <= at]
        if known and (day.year, day.month) not in periods:
            first = version_at(known, at).policy.first_run_on
            is_last = (day + timedelta(days=1)).day == 1
            follows = (day.year, day.month) > (first.year, first.month)
            if day == first or (is_last and follows):
                days.append(day)
                periods.add((day.year, day.month))
        day += timedelta(days=1)
    return days


# --- random policies ----------------------------------------------------------------------------------------


def policies(window: int = 5) -> st.SearchStrategy[Policy]:
    """Policies with windows short enough for the boundaries of a short history to meet."""
    return st.builds(
        Policy,
        counting_basis=st.sampled_from(CountingBasis),
        window_days=st.integers(1, window),
        min_cover_days=st.integers(0, max(1, window // 2)),
        max_lead_days=st.none() | st.integers(0, window),
        uncounted_kinds=st.sampled_from(
            [frozenset(), frozenset({"lucky_draw"}), frozenset({"coupon", "lucky_draw"})]
        ),
        min_age_months=st.integers(0, 3),
        age_boundary=st.sampled_from(["over", "at_least"]),
        first_run_on=st.dates(date(2023, 12, 20), date(2024, 4, 10)),
    )


@st.composite
def policy_histories(draw: st.DrawFn, days: int = 20, window: int = 5) -> PolicyHistory:
    """One to four versions, some of them scheduled when they were recorded."""
    hours = st.integers(0, days * 4).map(lambda n: START + n * timedelta(hours=6) - timedelta(hours=3))
    versions = [
        PolicyVersion(number=1, effective_from=START - timedelta(days=30), policy=draw(policies(window)))
    ]
    for number, effective in enumerate(sorted(draw(st.lists(hours, max_size=3))), start=2):
        recorded = effective - draw(st.sampled_from([timedelta(0), timedelta(days=3), timedelta(days=20)]))
        versions.append(
            PolicyVersion(
                number=number, effective_from=effective, recorded_at=recorded, policy=draw(policies(window))
            )
        )
    return PolicyHistory(versions)
