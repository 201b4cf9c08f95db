"""Rule 2, danger dates and threatening runs: boundaries by name, then random histories read literally."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benefits.lib.coverage import Action, Configured, Coverage, Revision, known_before, program_coverage
from benefits.lib.spans import Span, span_at
from compliance.lib.danger import (
    Gap,
    assess,
    danger_date,
    danger_gap,
    gap_from,
    old_enough_on,
    stretches_in_force,
    threatening_run,
    uncovered,
    uncovered_ahead,
    uncovered_since,
)
from compliance.lib.policy import CountingBasis, Policy, PolicyHistory, PolicyVersion
from compliance.lib.runs import run_of_month
from tests.benefits.lib import literal as benefits_literal
from tests.benefits.lib.literal import MICROSECOND, START, clock, tick
from tests.compliance.lib import literal
from tests.compliance.lib.literal import DAY, Literal
from tests.environment import sized

DAYS_90 = timedelta(days=90)
OPENED = datetime(2023, 10, 1, tzinfo=UTC)
NOW = datetime(2024, 6, 27, 15, tzinfo=UTC)


def one_policy(**settings_) -> PolicyHistory:
    return PolicyHistory([PolicyVersion(number=1, effective_from=OPENED, policy=Policy(**settings_))])


def in_force(start: datetime, end: datetime | None, kind: str = "coupon") -> Coverage:
    return Coverage(kind, (Span(start, end),), (Configured(start, start),))


def holds(coverages: list[Coverage], at: datetime, policy: Policy | None = None) -> bool:
    return span_at(uncovered(coverages, policy or Policy()), at) is not None


def test_a_benefit_that_ended_exactly_the_window_ago_does_not_cover():
    coverages = [in_force(NOW - timedelta(days=200), NOW - DAYS_90)]

    assert holds(coverages, NOW)
    assert not holds(coverages, NOW - MICROSECOND)


def test_a_benefit_covers_from_the_very_instant_it_begins():
    coverages = [in_force(NOW, None)]

    assert not holds(coverages, NOW)
    assert holds(coverages, NOW - MICROSECOND)


def test_an_instant_of_configuration_counts_for_exactly_the_window():
    coverages = [Coverage("coupon", (), (Configured(NOW, None),))]

    assert holds(coverages, NOW - MICROSECOND)
    assert not holds(coverages, NOW)
    assert not holds(coverages, NOW + DAYS_90 - MICROSECOND)
    assert holds(coverages, NOW + DAYS_90)


def test_publishing_at_the_run_is_too_late_for_it():
    benefit = [Revision(action=Action.PUBLISH, at=NOW, kind="coupon", starts_at=NOW)]

    coverages = program_coverage([known_before(benefit, NOW)])

    assert danger_date(coverages, one_policy(), OPENED, NOW) == OPENED


def test_a_benefit_published_before_and_beginning_at_the_run_is_in_time():
    benefit = [Revision(action=Action.PUBLISH, at=NOW - MICROSECOND, kind="coupon", starts_at=NOW)]
    history = one_policy(counting_basis=CountingBasis.IN_FORCE)

    coverages = program_coverage([known_before(benefit, NOW)])

    assert danger_date(coverages, history, OPENED, NOW) is None


def test_a_window_is_days_of_24_hours_also_where_summer_time_begins():
    new_york = ZoneInfo("America/New_York")
    benefit = Revision(
        action=Action.PUBLISH,
        at=datetime(2024, 1, 1, tzinfo=new_york),
        kind="coupon",
        ends_at=datetime(2024, 3, 1, tzinfo=new_york),
    )

    danger = danger_date(program_coverage([[benefit]]), one_policy(), OPENED, NOW)

    assert danger == datetime(2024, 3, 1, 5, tzinfo=UTC) + DAYS_90


def test_a_program_that_never_had_a_qualifying_benefit_is_in_danger_from_its_opening():
    assert danger_date([], one_policy(), OPENED, NOW) == OPENED
    assert danger_date([in_force(OPENED, None, "lucky_draw")], one_policy(), OPENED, NOW) == OPENED


def test_the_danger_date_is_never_before_the_opening():
    coverages = [in_force(OPENED - timedelta(days=200), OPENED - timedelta(days=100))]

    assert danger_date(coverages, one_policy(), OPENED, NOW) == OPENED


def test_cover_without_an_end_is_never_in_danger():
    assert danger_gap([in_force(OPENED, None)], one_policy(), OPENED, NOW) is None


def test_the_danger_date_foresees_what_is_scheduled():
    scheduled = NOW + timedelta(days=20)
    coverages = [Coverage("coupon", (Span(scheduled, scheduled + timedelta(days=1)),))]
    after = scheduled + timedelta(days=1) + DAYS_90

    assert danger_gap(coverages, one_policy(), OPENED, NOW) == Gap(OPENED, scheduled)
    assert danger_gap(coverages, one_policy(), OPENED, scheduled) == Gap(after, None)


def test_a_policy_that_is_scheduled_judges_only_its_own_reign():
    ended = NOW - timedelta(days=40)
    coming = NOW + timedelta(days=10)
    history = PolicyHistory(
        [
            PolicyVersion(number=1, effective_from=OPENED, policy=Policy()),
            PolicyVersion(number=2, effective_from=coming, recorded_at=NOW, policy=Policy(window_days=30)),
        ]
    )
    coverages = [in_force(OPENED, ended)]

    assert danger_date(coverages, history, OPENED, NOW) == coming
    assert danger_date(coverages, history, OPENED, coming) == ended + timedelta(days=30)


def test_a_short_stretch_counts_only_while_it_runs():
    policy = Policy(counting_basis=CountingBasis.IN_FORCE, min_cover_days=7)
    end = NOW + timedelta(days=7)
    short, long = [in_force(NOW, end - MICROSECOND)], [in_force(NOW, end)]

    assert not holds(short, end - 2 * MICROSECOND, policy)
    assert holds(short, end - MICROSECOND, policy)
    assert not holds(long, end, policy)


def test_a_short_stretch_that_has_ended_leaves_the_days_without_cover_running():
    policy = Policy(counting_basis=CountingBasis.IN_FORCE, min_cover_days=7)
    long, short = in_force(OPENED, NOW - DAYS_90), in_force(NOW - timedelta(days=3), NOW - timedelta(days=2))

    assert uncovered_since([long, short], policy, OPENED, NOW) == NOW - DAYS_90
    assert uncovered_since([long, short], policy, OPENED, NOW - timedelta(days=3)) is None
    assert uncovered_since([long, short], Policy(counting_basis="in_force"), OPENED, NOW) == NOW - timedelta(
        days=2
    )


def test_a_short_stretch_that_has_ended_moves_no_danger_date():
    policy = Policy(counting_basis=CountingBasis.IN_FORCE, min_cover_days=7)
    history = PolicyHistory([PolicyVersion(number=1, effective_from=OPENED, policy=policy)])
    long, second = (
        in_force(OPENED, NOW - DAYS_90 - timedelta(days=9)),
        in_force(NOW - timedelta(days=3), NOW - timedelta(days=2)),
    )
    during = NOW - timedelta(days=2) - MICROSECOND

    assert danger_date([long, second], history, OPENED, during) == NOW - timedelta(days=2)
    assert danger_date([long, second], history, OPENED, NOW) == danger_date([long], history, OPENED, NOW)


def test_configuring_a_short_stretch_counts_only_while_it_runs():
    policy = Policy(min_cover_days=7)

    def published(until: datetime | None) -> list[Coverage]:
        return [Coverage("coupon", in_force(NOW, until).in_force, (Configured(NOW, NOW),))]

    second, week = NOW + timedelta(seconds=1), NOW + timedelta(days=7)
    assert not holds(published(second), NOW, policy)
    assert holds(published(second), second, policy)
    assert not holds(published(week), NOW + timedelta(days=89), policy)
    assert not holds(published(None), NOW + timedelta(days=89), policy)
    assert not holds(published(second), NOW + timedelta(days=89), Policy())


def test_nothing_has_qualified_since_the_opening_where_nothing_ever_did():
    assert uncovered_since([], Policy(), OPENED, NOW) == OPENED
    assert uncovered_since([in_force(OPENED, None, "lucky_draw")], Policy(), OPENED, NOW) == OPENED


def test_short_stretches_that_touch_make_one_long_one():
    policy = Policy(counting_basis=CountingBasis.IN_FORCE, min_cover_days=7)
    middle, end = NOW + timedelta(days=4), NOW + timedelta(days=8)

    assert not holds([in_force(NOW, middle), in_force(middle, end, "member_price")], end, policy)
    assert holds([in_force(NOW, middle), in_force(middle, end, "lucky_draw")], end, policy)


def test_configuring_counts_only_if_force_begins_within_the_lead():
    policy = Policy(max_lead_days=30)

    def published(force_from: datetime | None) -> list[Coverage]:
        return [Coverage("coupon", (), (Configured(NOW, force_from),))]

    assert not holds(published(NOW + timedelta(days=30)), NOW, policy)
    assert holds(published(NOW + timedelta(days=30) + MICROSECOND), NOW, policy)
    assert holds(published(None), NOW, policy)
    assert not holds(published(None), NOW, Policy())


@pytest.mark.parametrize(
    ("opened", "over", "at_least"),
    [
        (date(2023, 8, 31), date(2024, 3, 1), date(2024, 2, 29)),
        (date(2022, 8, 31), date(2023, 3, 1), date(2023, 2, 28)),
        (date(2023, 12, 27), date(2024, 6, 28), date(2024, 6, 27)),
        (date(2023, 6, 30), date(2023, 12, 31), date(2023, 12, 30)),
    ],
)
def test_half_a_year_is_six_calendar_months(opened, over, at_least):
    assert old_enough_on(opened, Policy()) == over
    assert old_enough_on(opened, Policy(age_boundary="at_least")) == at_least


def threat(coverages: list[Coverage], history: PolicyHistory, at: datetime, **more) -> date | None:
    facts = {"opened_at": OPENED, "first_opened_on": date(2023, 10, 1)} | more
    run = threatening_run(uncovered_ahead(coverages, history, at), history, at, **facts)
    return None if run is None else run.on


def test_the_first_run_after_the_danger_date_threatens():
    coverages = [in_force(OPENED, datetime(2024, 4, 10, tzinfo=UTC))]

    assert threat(coverages, one_policy(), NOW - timedelta(days=60)) == date(2024, 7, 31)


def test_a_run_at_the_instant_asked_is_past():
    assert threat([], one_policy(), NOW - MICROSECOND) == date(2024, 6, 27)
    assert threat([], one_policy(), NOW) == date(2024, 7, 31)


def test_a_run_inside_a_protection_does_not_threaten_and_one_at_its_end_does():
    end = run_of_month(one_policy(), date(2024, 7, 1)).at

    assert threat([], one_policy(), NOW, protected_until=end) == date(2024, 7, 31)
    assert threat([], one_policy(), NOW, protected_until=end + MICROSECOND) == date(2024, 8, 31)


def test_no_run_threatens_a_program_that_is_exempt_or_not_open_or_covered_for_good():
    assert threat([], one_policy(), NOW, is_exempt=True) is None
    assert threat([], one_policy(), NOW, is_open=False) is None
    assert threat([in_force(OPENED, None)], one_policy(), NOW) is None


def test_a_run_threatens_again_after_scheduled_cover_has_come_and_gone():
    coming = NOW + timedelta(days=20)
    coverages = [in_force(coming, coming + timedelta(days=1))]

    assert threat(coverages, one_policy(), NOW) == date(2024, 10, 31)


def test_a_first_run_in_a_far_future_threatens_then():
    assert threat([], one_policy(first_run_on=date(2099, 12, 31)), NOW) == date(2099, 12, 31)


# --- random histories, literally ----------------------------------------------------------------------------


@pytest.mark.soak
@settings(max_examples=sized(300, least=75), deadline=None)
@given(benefits_literal.programs(), literal.policies())
def test_rule_2_holds_at_exactly_the_instants_of_the_literal_reading(benefits, policy):
    rule_2 = Literal(benefits)
    found = uncovered(program_coverage(benefits), policy)

    critical = rule_2.critical([policy])
    near = [c + off for c in critical for off in (-2, 0, 2)]
    grid = [n * DAY // 2 for n in range(-4, 60)]
    for at in [*near, *grid]:
        inside = any(_holds(span, at) for span in found)
        assert inside == rule_2.rule_2(at, policy)


@pytest.mark.soak
@settings(max_examples=sized(250, least=62), deadline=None)
@given(
    benefits_literal.programs(),
    literal.policy_histories(),
    benefits_literal.instants(20),
    st.integers(0, 40).map(lambda n: timedelta(hours=12 * n)),
)
def test_the_danger_date_is_the_first_instant_of_the_literal_rule_2(benefits, history, at, age):
    opened_at = at - age
    benefits = [known_before(revisions, at + MICROSECOND) for revisions in benefits]
    history = history.known_before(at + MICROSECOND)
    coverages = program_coverage(benefits)

    gap = danger_gap(coverages, history, opened_at, at)

    assert gap == _literal_gap(Literal(benefits), history, opened_at, at)
    assert danger_date(coverages, history, opened_at, at) == (None if gap is None else gap.danger_at)


def _literal_gap(rule_2: Literal, history: PolicyHistory, opened_at: datetime, at: datetime) -> Gap | None:
    """Walk over every instant at which something may change, and one before and after each."""
    now, opened = tick(at), tick(opened_at)

    def holds_at(instant: int) -> bool:
        return rule_2.rule_2(instant, literal.version_at(history.versions, max(instant, now)).policy, now)

    critical = {opened, now, *rule_2.critical([v.policy for v in history.versions])}
    critical |= {tick(v.effective_from) for v in history.versions}
    walk = sorted(c + off for c in critical for off in (-2, 0, 2) if c + off >= opened)
    if holds_at(now):
        start = now
        for instant in reversed([w for w in walk if w <= now]):
            if not holds_at(instant):
                break
            start = instant
    else:
        start = next((w for w in walk if w > now and holds_at(w)), None)
        if start is None:
            return None
    end = next((w for w in walk if w > max(start, now) and not holds_at(w)), None)
    return Gap(clock(start), None if end is None else clock(end))


@pytest.mark.soak
@settings(max_examples=sized(150, least=60), deadline=None)
@given(
    benefits_literal.programs(days=100, unit=timedelta(hours=36)),
    literal.policy_histories(days=100, window=40),
    benefits_literal.instants(100),
    st.integers(1, 60).map(lambda n: timedelta(days=2 * n)),
    st.none() | st.integers(0, 90).map(lambda n: timedelta(days=n)),
)
def test_the_threatening_run_is_the_first_at_which_the_literal_rules_hold(
    benefits, history, at, age, protection
):
    opened_at = at - age
    benefits = [known_before(revisions, at + MICROSECOND) for revisions in benefits]
    history = history.known_before(at + MICROSECOND)
    coverages = program_coverage(benefits)
    first_opened_on = date(2023, 10, 20)
    protected_until = None if protection is None else at + protection

    run = threatening_run(
        uncovered_ahead(coverages, history, at),
        history,
        at,
        opened_at=opened_at,
        first_opened_on=first_opened_on,
        protected_until=protected_until,
    )

    rule_2 = Literal(benefits)
    expected = None
    for day in literal.run_days(history.versions, date(2025, 1, 31)):
        instant = datetime(day.year, day.month, day.day, 15, tzinfo=UTC)
        policy = literal.version_at(history.versions, tick(instant)).policy
        if (
            instant > at
            and rule_2.rule_2(tick(instant), policy)
            and day >= old_enough_on(first_opened_on, policy)
            and (protected_until is None or instant >= protected_until)
        ):
            expected = day
            break
    assert (None if run is None else run.on) == expected
    if run is not None:
        gap = gap_from(uncovered_ahead(coverages, history, at), opened_at, at)
        assert gap.danger_at <= run.at, "a run threatens only after a danger date"


@pytest.mark.soak
@settings(max_examples=sized(200, least=60), deadline=None)
@given(
    benefits_literal.programs(),
    literal.policy_histories(),
    benefits_literal.instants(20),
    st.integers(0, 200),
    st.integers(0, 40).map(lambda n: timedelta(hours=12 * n)),
)
def test_what_is_stored_stays_true_until_it_is_due(benefits, history, at, share, age):
    opened_at = at - age
    benefits = [known_before(revisions, at + MICROSECOND) for revisions in benefits]
    history = history.known_before(at + MICROSECOND)
    coverages = program_coverage(benefits)

    stored = assess(coverages, history, opened_at, at)

    until = stored.due_at or at + timedelta(days=60)
    later = at + (until - at) * share / 201
    now = assess(coverages, history, opened_at, later)
    assert now == stored
    policy = history.at(later).policy
    holds_later = stored.danger_at is not None and Gap(stored.danger_at, stored.safe_again_at).holds(later)
    assert holds_later == Literal(benefits).rule_2(tick(later), policy)


@pytest.mark.soak
@settings(max_examples=sized(200, least=60), deadline=None)
@given(benefits_literal.programs(), literal.policies(), benefits_literal.instants(40))
def test_nothing_has_qualified_since_the_last_instant_that_counted(benefits, policy, at):
    benefits = [known_before(revisions, at + MICROSECOND) for revisions in benefits]
    coverages, rule_2 = program_coverage(benefits), Literal(benefits)
    opened_at = START - timedelta(days=1)

    since = uncovered_since(coverages, policy, opened_at, at)

    now, found = tick(at), tick(opened_at)
    basis = policy.counting_basis
    if basis is not CountingBasis.IN_FORCE:
        for instant, kind, force in rule_2.configured:
            if policy.counts(kind) and rule_2.configuring_counts(instant, force, policy):
                found = max(found, instant)
    if basis is not CountingBasis.CONFIGURED:
        for instant in [t for t in rule_2.line if t <= now]:
            if rule_2.counts_in_window(instant, now, policy, now):
                end = rule_2.stretch(instant, policy)[1]
                found = now + 1 if end is None or end > now else max(found, end)
    assert since == (None if found > now else clock(found))
    assert (span_at(stretches_in_force(coverages, policy), at) is not None) == rule_2.in_force(now, policy)


def _holds(span: Span, instant: int) -> bool:
    starts = span.start is None or tick(span.start) <= instant
    return starts and (span.end is None or instant < tick(span.end))
