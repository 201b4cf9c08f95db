"""Grades: the level, the lines, and the cheapest way to the next level, against a search of all ways."""

from __future__ import annotations

import datetime as dt
from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.lib.grade_policy import CATEGORIES, SETTINGS, Band, GradePolicy, Level, Lines, Metric
from compliance.lib.grades import (
    LEVELS,
    Excess,
    Month,
    band_of,
    counted,
    graded,
    granted,
    is_protected,
    level_of,
    next_level,
    steps_to,
    way_to,
)
from members.lib.refusals import Invalid

DAYS, MEMBERS, SHARE, RECRUITS, USE = Metric
MOST = 5  # small enough to search every way

lines = st.builds(
    lambda low, more: Lines(low, min(low + more, MOST)), st.integers(1, MOST), st.integers(0, MOST)
)
all_lines = st.fixed_dictionaries(dict.fromkeys(Metric, lines))
all_measures = st.fixed_dictionaries(
    {DAYS: st.integers(0, MOST), MEMBERS: st.integers(0, MOST), RECRUITS: st.integers(0, MOST)}
    | dict.fromkeys((SHARE, USE), st.none() | st.integers(0, MOST))
)
countings = st.sets(st.sampled_from((MEMBERS, SHARE, RECRUITS, USE)), min_size=1).map(
    lambda others: tuple(metric for metric in Metric if metric is DAYS or metric in others)
)


def literal(values: dict, lines: dict, counting: tuple) -> Level:
    """The sentence of domain.md 3, word for word."""
    value = {metric: values[metric] or 0 for metric in counting}
    if not [metric for metric in counting if value[metric] < lines[metric].high]:
        return Level.QUALITY
    enough_days = value[DAYS] >= lines[DAYS].passing
    others = [metric for metric in counting if metric is not DAYS]
    if enough_days and [metric for metric in others if value[metric] >= lines[metric].passing]:
        return Level.POTENTIAL
    return Level.IMPROVING


@given(all_measures, all_lines, countings)
def test_the_level_is_what_the_domain_says(values, lines, counting):
    assert level_of(values, lines, counting) == literal(values, lines, counting)


@given(all_measures, all_lines, countings, st.sampled_from([Level.POTENTIAL, Level.QUALITY]))
def test_no_way_to_a_level_is_cheaper_than_the_one_that_is_named(values, lines, counting, wanted):
    """All sums to which the metrics could be raised are tried."""
    start = [values[metric] or 0 for metric in counting]
    cheapest = None
    for raised in product(*(range(value, MOST + 1) for value in start)):
        reached = literal(dict(zip(counting, raised, strict=True)), lines, counting)
        if LEVELS.index(reached) < LEVELS.index(wanted):
            continue
        missing = [
            (after - before, metric) for before, after, metric in zip(start, raised, counting, strict=True)
        ]
        which = {Level.POTENTIAL: 0, Level.QUALITY: 1}[wanted]
        effort = sum((Fraction(more, lines[metric][which]) for more, metric in missing), Fraction(0))
        cheapest = effort if cheapest is None else min(cheapest, effort)

    steps = steps_to(wanted, values, lines, counting)

    assert sum((step.effort for step in steps), Fraction(0)) == cheapest
    after = dict(values) | {step.metric: step.line for step in steps}
    assert LEVELS.index(literal(after, lines, counting)) >= LEVELS.index(wanted)
    assert [step.effort for step in steps] == sorted(step.effort for step in steps)
    assert (steps == ()) is (LEVELS.index(literal(values, lines, counting)) >= LEVELS.index(wanted))


months = st.builds(
    lambda days, members, joins, findings: Month(
        days=30, orders=0, benefit_days=days, effective_members=members, member_minor=0, all_minor=0, joins=joins,
        findings=findings, findings_weighed=findings,
    ),
    st.integers(0, MOST), st.integers(0, MOST), st.integers(0, 20), st.integers(0, 6),
)  # fmt: skip
limits = st.none() | st.integers(0, 4)


@given(months, all_lines, limits, limits)
def test_findings_keep_a_month_from_a_level_and_the_way_to_it_names_how_many_less(month, lines, most, high):
    if most is not None and (high is None or high > most):
        high = most
    policy = GradePolicy({"findings.most.potential": most, "findings.most.quality": high})
    counting = counted(month.measures, policy)

    level = graded(month, lines, policy)

    allowed = [
        each
        for each, limit in ((Level.IMPROVING, None), (Level.POTENTIAL, most), (Level.QUALITY, high))
        if limit is None or month.findings <= limit
    ]
    reached = LEVELS.index(level_of(month.measures, lines, counting))
    assert level == max((each for each in allowed if LEVELS.index(each) <= reached), key=LEVELS.index)
    for wanted in (Level.POTENTIAL, Level.QUALITY):
        way = way_to(wanted, month, lines, policy)
        assert (way == ()) is (LEVELS.index(level) >= LEVELS.index(wanted))
        excess = [each for each in way if isinstance(each, Excess)]
        limit = policy.most_findings(wanted)
        assert [each.missing for each in excess] == (
            [] if limit is None or month.findings <= limit else [month.findings - limit]
        )
        assert [each.effort for each in way] == sorted(each.effort for each in way)


def test_findings_weigh_by_kind_and_a_higher_grade_lets_no_more_of_them_pass():
    policy = GradePolicy({"findings.weight.bait": 5, "findings.weight.floor": 0})
    assert policy.weighed({"bait": 2, "floor": 9, "comparison": 1}) == 11
    assert GradePolicy().most_findings(Level.QUALITY) is None, (
        "shown, and keeps from no grade, unless it is set"
    )
    for high in (None, 4):
        with pytest.raises(Invalid) as refused:
            GradePolicy({"findings.most.potential": 3, "findings.most.quality": high})
        assert "findings.most.quality" in refused.value.errors


@given(
    st.integers(28, 31),
    st.integers(0, 10**6),
    st.integers(0, 10**9),
    st.integers(0, 10**9),
    st.integers(1, 500),
)
def test_a_rounded_metric_reaches_a_line_exactly_when_the_exact_one_does(days, joins, part, rest, line):
    month = Month(
        days=days,
        orders=0,
        benefit_days=0,
        effective_members=0,
        member_minor=part,
        all_minor=part + rest,
        joins=joins,
    )

    assert (month.measures[RECRUITS] >= line) is (Fraction(joins * 10, days) >= line)
    if part + rest:
        assert (month.measures[SHARE] >= line) is (Fraction(part * 10_000, part + rest) >= line)


def test_a_share_of_no_sales_is_nothing_and_reaches_no_line():
    month = Month(
        days=30, orders=0, benefit_days=30, effective_members=0, member_minor=0, all_minor=0, joins=0
    )

    assert month.measures[SHARE] is None
    assert level_of(month.measures, dict.fromkeys(Metric, Lines(1, 2)), (DAYS, SHARE)) is Level.IMPROVING


def test_benefit_use_counts_only_where_the_policy_counts_it_and_somebody_measures_it():
    values = dict.fromkeys(Metric, 1)
    policy = GradePolicy({"counts.benefit_use": True})

    assert USE not in counted(values, GradePolicy())
    assert USE in counted(values, policy)
    assert USE not in counted({**values, USE: None}, policy)


@pytest.mark.parametrize(
    ("orders", "band"), [(0, "small"), (299, "small"), (300, "medium"), (2999, "medium"), (3000, "large")]
)
def test_the_band_follows_the_orders_of_the_month(orders, band):
    assert band_of(orders, GradePolicy()) == band


def test_a_categorys_per_cent_scales_people_and_sales_but_no_days_and_rounds_up():
    policy = GradePolicy({"percent.dining": 33})

    plain, scaled = policy.lines(Band.SMALL, "general"), policy.lines(Band.SMALL, "dining")

    assert scaled[DAYS] == plain[DAYS]
    assert (plain[USE], scaled[USE]) == (Lines(500, 2000), Lines(165, 660))
    assert (plain[RECRUITS], scaled[RECRUITS]) == (Lines(5, 20), Lines(2, 7))
    assert (plain[SHARE], scaled[SHARE]) == (Lines(100, 500), Lines(33, 165))
    assert GradePolicy({"percent.dining": 1000}).lines(Band.LARGE, "dining")[SHARE].high == 5000


def test_a_new_program_is_protected_for_sixty_days_and_not_a_moment_longer():
    opened = dt.datetime(2024, 3, 1, 10, tzinfo=dt.UTC)
    sixty = opened + dt.timedelta(days=60)

    assert is_protected(opened, sixty - dt.timedelta(microseconds=1), GradePolicy())
    assert not is_protected(opened, sixty, GradePolicy())


@pytest.mark.parametrize("level", list(Level))
def test_protection_lifts_privileges_and_never_lowers_them(level):
    policy = GradePolicy()

    assert granted(level, protected=False, policy=policy) == level
    protected = granted(level, protected=True, policy=policy)
    assert LEVELS.index(protected) == max(LEVELS.index(level), LEVELS.index(Level.POTENTIAL))


def test_the_level_above_the_highest_is_none():
    assert [next_level(level) for level in LEVELS] == [Level.POTENTIAL, Level.QUALITY, None]


# ---- bad policies ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"line.small.recruits.high": 4}, "line.small.recruits.high"),  # below its pass line, 5
        ({"line.small.benefit_days.high": 29}, "line.small.benefit_days.high"),  # February has 28
        ({"line.small.member_share.high": 10_001}, "line.small.member_share.high"),
        ({"line.small.recruits.high": True}, "line.small.recruits.high"),
        ({"line.small.recruits.high": 1.5}, "line.small.recruits.high"),
        ({"line.small.recruits.high": None}, "line.small.recruits.high"),
        ({"line.tiny.recruits.high": 5}, "line.tiny.recruits.high"),
        ({"protection_days": -1}, "protection_days"),
        ({"effective_days": 0}, "effective_days"),
        ({"protected_level": "best"}, "protected_level"),
        ({"protected_level": ["quality"]}, "protected_level"),
        ({"percent.dining": 0}, "percent.dining"),
        ({"large_from": 300}, "large_from"),
        ({"enforce.quota": "yes"}, "enforce.quota"),
        ({"free_join.quality": False}, "free_join.quality"),  # potential would give more
        ({"joins_month.quality": 9_999}, "joins_month.quality"),
        ({"joins_day.potential": None}, "joins_day.quality"),
        ({"joins_day.improving": 1001}, "joins_day.improving"),  # above the month's 1,000
        (
            {"counts.effective_members": False, "counts.member_share": False, "counts.recruits": False},
            "counts.recruits",
        ),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused_at_its_setting(values, field):
    if field == "joins_day.quality":
        values = {**values, "joins_day.quality": 5, "joins_month.potential": None}
    with pytest.raises(Invalid) as refused:
        GradePolicy(values)

    assert field in refused.value.errors
    assert str(refused.value.errors[field]).endswith(".")


def test_a_difference_names_what_differs_in_the_order_of_the_settings():
    before = GradePolicy()

    after = before.changed({"enforce.quota": True, "protection_days": 30, "large_from": 3000})

    assert after.changes_from(before) == ["protection_days", "enforce.quota"]
    assert GradePolicy(after.as_json()) == after
    assert before.as_json().keys() == SETTINGS.keys()
    assert len([name for name in SETTINGS if name.startswith("percent.")]) == len(CATEGORIES)
