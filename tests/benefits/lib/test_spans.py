"""The algebra of half-open stretches, against the plain reading of each of their instants."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benefits.lib.spans import Span, clip, complement, first_from, later, normalise, span_at, utc

START = datetime(2024, 1, 1, tzinfo=UTC)
HOURS = [START + timedelta(hours=h) for h in range(-1, 14)]

hours = st.none() | st.integers(0, 12).map(lambda h: START + timedelta(hours=h))
spans = st.lists(st.builds(Span, hours, hours), max_size=6)


@given(spans)
def test_a_union_holds_exactly_what_one_of_its_parts_holds(parts):
    united = normalise(parts)

    for hour in HOURS:
        assert (span_at(united, hour) is not None) == any(p.holds(hour) for p in parts if not p.is_empty)
    for left, right in itertools.pairwise(united):
        assert left.end < right.start
    assert normalise(united) == united


@given(spans)
def test_a_complement_holds_the_rest(parts):
    united = normalise(parts)
    rest = complement(united)

    for hour in HOURS:
        assert (span_at(united, hour) is None) == (span_at(rest, hour) is not None)
    assert complement(rest) == united


@given(spans, st.builds(Span, hours, hours))
def test_a_clip_holds_what_both_hold(parts, window):
    united = normalise(parts)
    clipped = clip(united, window)

    for hour in HOURS:
        inside = span_at(united, hour) is not None and window.holds(hour)
        assert (span_at(clipped, hour) is not None) == inside


@given(spans, st.sampled_from(HOURS))
def test_the_first_span_from_an_instant_holds_it_or_is_the_next(parts, hour):
    united = normalise(parts)

    first = first_from(united, hour)

    later_spans = [s for s in united if s.holds(hour) or (s.start is not None and s.start > hour)]
    assert first == (later_spans[0] if later_spans else None)


def test_a_time_without_a_zone_is_not_an_instant():
    with pytest.raises(ValueError, match="no time zone"):
        utc(datetime(2024, 1, 1))


def test_what_lies_beyond_the_calendar_is_unbounded():
    assert later(datetime(9999, 12, 1, tzinfo=UTC), timedelta(days=90)) is None
    assert later(None, timedelta(days=90)) is None
