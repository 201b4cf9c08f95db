"""One line of a program's coverage: what it names, and where it tells nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from benefits.lib.coverage import Configured, Coverage
from benefits.lib.spans import Span
from compliance.lib.outline import MOST, outline, shape_of, taken_apart
from compliance.lib.policy import Policy

AT = datetime(2024, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)
COUPON = Coverage(
    "coupon", (Span(AT - 90 * DAY, AT - 60 * DAY),), (Configured(AT - 90 * DAY, AT - 90 * DAY),)
)
DRAW = Coverage("lucky_draw", (Span(AT - 9 * DAY, None),), (Configured(AT - 9 * DAY, AT - 9 * DAY),))


def test_the_line_is_of_the_kinds_that_count_and_names_the_others():
    line = outline([COUPON, DRAW], Policy(), AT)

    assert line is not None
    assert (line.shape, line.cover_from, line.cover_to) == (
        "-coupon:0|lucky_draw:0", AT - 90 * DAY, AT - 60 * DAY
    )  # fmt: skip
    assert (line.configured_at, line.configured_force) == (AT - 90 * DAY, AT - 90 * DAY)


def test_only_policies_that_count_the_same_kinds_read_it():
    shape = taken_apart("-coupon:0|lucky_draw:0")

    assert shape.is_read_by(Policy()) and shape.is_read_by(Policy(window_days=1))
    assert not shape.is_read_by(Policy(uncounted_kinds=frozenset()))
    assert not shape.is_read_by(Policy(uncounted_kinds=frozenset({"coupon", "lucky_draw"})))
    assert shape.counts_for(Policy(uncounted_kinds=frozenset()))


def test_what_has_begun_and_has_no_end_is_steady():
    begun = Coverage("coupon", (Span(AT, None),))
    coming = Coverage("coupon", (Span(AT + DAY, None),))

    assert [outline([row], Policy(), AT).shape[0] for row in (begun, coming, COUPON)] == ["=", "-", "-"]


def test_a_program_without_benefits_has_a_line():
    assert outline([], Policy(), AT).shape == "-|"


def test_two_last_configurations_that_differ_are_told_by_no_line():
    later = Coverage("coupon", (), (Configured(AT, AT + DAY),))
    sooner = Coverage("discount", (), (Configured(AT, AT),))

    assert outline([later, sooner], Policy(), AT) is None
    assert outline([sooner, Coverage("trial", (), (Configured(AT, AT),))], Policy(), AT) is not None


def test_a_program_of_more_kinds_than_a_line_holds_has_none():
    rows = [Coverage("coupon", doubts=number) for number in range(MOST)]

    assert outline(rows, Policy(), AT) is None


def test_a_shape_is_taken_apart_into_what_it_was_made_of():
    counted, others = {("coupon", 0), ("coupon", 128)}, {("lucky_draw", 0)}

    assert taken_apart(shape_of(counted, others, is_steady=True)) == (True, counted, others)
    assert taken_apart(shape_of((), (), is_steady=False)) == (False, frozenset(), frozenset())
