"""Coverage from revisions: the rules by name, then random histories read instant by instant."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benefits.lib.coverage import (
    Action,
    Configured,
    Coverage,
    Revision,
    benefit_coverage,
    key_in_force,
    known_before,
    program_coverage,
    unite,
)
from benefits.lib.spans import Span
from benefits.lib.usefulness import THRESHOLD, audience_doubts
from tests.benefits.lib import literal
from tests.environment import sized


def day(number: int) -> datetime:
    """A midnight of 2024, counted from 1 January."""
    return datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=number - 1)


def published(at: datetime, **arguments) -> Revision:
    return Revision(action=Action.PUBLISH, at=at, kind="coupon", **{"starts_at": at, **arguments})


def then(revisions: list[Revision], action: Action, at: datetime, **arguments) -> list[Revision]:
    told = [r for r in revisions if r.action in (Action.PUBLISH, Action.CHANGE)][-1]
    return [*revisions, replace(told, action=action, at=at, **arguments)]


def coupon(revisions: list[Revision]) -> Coverage:
    (coverage,) = benefit_coverage(revisions)
    return coverage


def test_a_benefit_is_in_force_from_publication_to_its_end():
    assert coupon([published(day(1), ends_at=day(9))]).in_force == (Span(day(1), day(9)),)


def test_a_from_in_the_past_does_not_reach_back_before_publication():
    assert coupon([published(day(5), starts_at=day(1))]).in_force == (Span(day(5), None),)


def test_a_scheduled_benefit_is_in_force_in_the_future_and_configured_now():
    coverage = coupon([published(day(1), starts_at=day(20), ends_at=day(30))])

    assert coverage.in_force == (Span(day(20), day(30)),)
    assert coverage.configured == (Configured(day(1), day(20)),)


def test_pauses_cut_and_configure_nothing():
    history = then([published(day(1))], Action.PAUSE, day(5))
    history = then(history, Action.RESUME, day(8))

    coverage = coupon(history)

    assert coverage.in_force == (Span(day(1), day(5)), Span(day(8), None))
    assert [c.at for c in coverage.configured] == [day(1)]


def test_an_end_cuts_and_configures_nothing():
    coverage = coupon(then([published(day(1))], Action.END, day(5)))

    assert coverage.in_force == (Span(day(1), day(5)),)
    assert [c.at for c in coverage.configured] == [day(1)]


def test_an_ended_benefit_is_not_brought_back_by_a_change():
    history = then([published(day(1))], Action.END, day(5))

    assert coupon(then(history, Action.CHANGE, day(6), ends_at=day(20))) == coupon(history)


def test_stock_that_runs_out_ends_coverage_and_stock_added_begins_it_again():
    history = then([published(day(1), stock=10)], Action.STOCK, day(5), stock=0)
    history = then(history, Action.CHANGE, day(8), stock=10)

    coverage = coupon(history)

    assert coverage.in_force == (Span(day(1), day(5)), Span(day(8), None))
    assert [c.at for c in coverage.configured] == [day(1), day(8)]


def test_stock_taken_by_members_configures_nothing():
    history = then([published(day(1), stock=10)], Action.STOCK, day(5), stock=9)

    assert coupon(history) == coupon([published(day(1), stock=10)])


@pytest.mark.parametrize(
    "paper", [{"stock": 0}, {"audience": "gold", "audience_empty": True}, {"worthless": True}]
)
def test_a_paper_benefit_neither_covers_nor_configures(paper):
    assert benefit_coverage([published(day(1), **paper)]) == ()


def test_everyone_is_never_empty():
    assert coupon([published(day(1), audience_empty=True)]).in_force == (Span(day(1), None),)


def test_coverage_begins_when_the_first_member_enters_a_named_audience():
    history = [published(day(1), audience="gold", audience_empty=True)]
    history = then(history, Action.AUDIENCE, day(4), audience_empty=False)

    coverage = coupon(history)

    assert coverage.in_force == (Span(day(4), None),)
    assert coverage.configured == ()


def test_a_change_that_alters_an_argument_configures():
    coverage = coupon(then([published(day(1))], Action.CHANGE, day(5), settings={"off": 2}))

    assert [c.at for c in coverage.configured] == [day(1), day(5)]


def test_a_change_that_alters_no_argument_configures_nothing():
    assert coupon(then([published(day(1))], Action.CHANGE, day(5))) == coupon([published(day(1))])


def test_the_same_instant_in_another_zone_alters_nothing():
    first = published(day(1))
    again = then([first], Action.CHANGE, day(5), starts_at=day(1).astimezone(ZoneInfo("Asia/Shanghai")))

    assert coupon(again) == coupon([first])


def test_a_change_while_paused_configures_nothing_but_holds_after_resuming():
    history = then([published(day(1))], Action.PAUSE, day(5))
    history = then(history, Action.CHANGE, day(6), ends_at=day(20))
    history = [*history, replace(history[-1], action=Action.RESUME, at=day(8))]

    coverage = coupon(history)

    assert coverage.in_force == (Span(day(1), day(5)), Span(day(8), day(20)))
    assert [c.at for c in coverage.configured] == [day(1)]


def test_a_change_of_a_benefit_whose_end_is_past_configures_nothing():
    history = [published(day(1), ends_at=day(5))]

    assert [c.at for c in coupon(then(history, Action.CHANGE, day(5), settings={"off": 2})).configured] == [
        day(1)
    ]


def test_moving_a_past_end_into_the_future_brings_force_back_without_configuring():
    coverage = coupon(then([published(day(1), ends_at=day(5))], Action.CHANGE, day(9), ends_at=day(20)))

    assert coverage.in_force == (Span(day(1), day(5)), Span(day(9), day(20)))
    assert [c.at for c in coverage.configured] == [day(1)]


def test_a_change_does_not_rewrite_what_was_in_force_before_it():
    history = then([published(day(10))], Action.CHANGE, day(20), starts_at=day(1), ends_at=day(15))

    assert coupon(history).in_force == (Span(day(10), day(20)),)


def test_force_that_never_begins_is_said_so():
    coverage = coupon(then([published(day(1), starts_at=day(10))], Action.END, day(5)))

    assert coverage == Coverage("coupon", (), (Configured(day(1), None),))


def test_a_changed_kind_holds_from_the_change_on():
    coverage = benefit_coverage(then([published(day(1))], Action.CHANGE, day(5), kind="lucky_draw"))

    assert coverage == (
        Coverage("coupon", (Span(day(1), day(5)),), (Configured(day(1), day(1)),)),
        Coverage("lucky_draw", (Span(day(5), None),), (Configured(day(5), day(5)),)),
    )


def test_stretches_of_one_kind_unite_and_touching_ones_become_one():
    first = [published(day(1), ends_at=day(5))]
    second = [published(day(2), starts_at=day(5), ends_at=day(9))]

    assert program_coverage([first, second]) == (
        Coverage("coupon", (Span(day(1), day(9)),), (Configured(day(1), day(1)), Configured(day(2), day(5)))),
    )


def test_a_job_does_not_know_what_is_done_at_its_own_instant():
    early, late = published(day(1)), published(day(2))

    assert known_before([early, late], day(2)) == [early]


def test_revisions_that_go_back_in_time_are_refused():
    with pytest.raises(ValueError, match="go back"):
        benefit_coverage([published(day(5)), published(day(4))])


@pytest.mark.soak
@settings(max_examples=sized(400, least=100), deadline=None)
@given(literal.histories())
def test_a_benefit_is_in_force_at_exactly_the_instants_that_its_history_says(history):
    coverages = benefit_coverage(history)

    for instant in literal.samples(literal.boundaries([history])):
        told = literal.in_force_kind(history, instant)
        holding = {c.kind for c in coverages for s in c.in_force if _holds(s, instant)}
        assert holding == ({told} if told else set())
        if instant % 2 == 0:
            assert key_in_force(history, literal.clock(instant)) == (told and (told, 0))


@pytest.mark.soak
@settings(max_examples=sized(400, least=100), deadline=None)
@given(literal.histories())
def test_a_benefit_is_configured_at_exactly_the_instants_that_its_history_says(history):
    coverages = benefit_coverage(history)

    told: dict[tuple[str, int], list[int | None]] = {}
    for at, kind, force in literal.configured(history):
        told.setdefault((kind, at), []).append(force)
    found = {
        (c.kind, literal.tick(each.at)): None if each.force_from is None else literal.tick(each.force_from)
        for c in coverages
        for each in c.configured
    }
    assert found == {
        key: min((f for f in forces if f is not None), default=None) for key, forces in told.items()
    }


@pytest.mark.soak
@settings(max_examples=sized(200, least=60), deadline=None)
@given(literal.programs(), st.randoms(use_true_random=False))
def test_uniting_does_not_depend_on_the_order_of_benefits(benefits, random):
    united = program_coverage(benefits)

    shuffled = random.sample(benefits, len(benefits))
    assert program_coverage(shuffled) == united
    assert unite(unite([c])[0] for h in benefits for c in benefit_coverage(h)) == united


@pytest.mark.soak
@settings(max_examples=sized(200, least=60), deadline=None)
@given(literal.histories(), literal.instants(20))
def test_what_is_done_later_never_changes_the_past(history, at):
    known = [r for r in history if r.at < at]

    if known:
        past = [literal.tick(at) - 2, literal.tick(at) - 1]
        past += [t for t in literal.samples(literal.boundaries([history])) if t < literal.tick(at)]
        for instant in past:
            now = {c.kind for c in benefit_coverage(history) for s in c.in_force if _holds(s, instant)}
            then_ = {c.kind for c in benefit_coverage(known) for s in c.in_force if _holds(s, instant)}
            assert now == then_


def _holds(span: Span, instant: int) -> bool:
    starts = span.start is None or literal.tick(span.start) <= instant
    return starts and (span.end is None or instant < literal.tick(span.end))


def test_an_audience_that_grows_before_force_begins_takes_nothing_from_what_was_configured():
    history = [published(day(1), starts_at=day(20), audience={"tiers": ["gold"]}, doubts=audience_doubts(8))]
    history = then(history, Action.AUDIENCE, day(3), doubts=audience_doubts(12))

    rows = {row.doubts: row for row in benefit_coverage(history)}
    assert rows[audience_doubts(8)].configured == (Configured(day(1), day(20)),)
    assert rows[audience_doubts(8)].in_force == ()
    assert rows[audience_doubts(12)].in_force == (Span(day(20), None),)


def test_a_change_to_what_hardly_anybody_can_use_does_not_begin_what_was_configured_before():
    history = [published(day(1), starts_at=day(20))]
    history = then(history, Action.CHANGE, day(3), settings={"at_least_minor": 9}, doubts=THRESHOLD)

    rows = {row.doubts: row for row in benefit_coverage(history)}
    assert rows[0].configured == (Configured(day(1), None),)
    assert rows[THRESHOLD].configured == (Configured(day(3), day(20)),)
