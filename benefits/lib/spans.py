"""Half-open stretches of time and their algebra: `[start, end)`, a missing bound means unbounded.

All instants are in UTC. Adding days to a local time adds wall-clock days, and comparing two local times of
one zone ignores the hour that summer time repeats; in UTC both are exact.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, TypeAlias

_EARLIEST = datetime.min.replace(tzinfo=UTC)


class Span(NamedTuple):
    """The instants `start <= t < end`; None is unbounded on that side."""

    start: datetime | None
    end: datetime | None

    def holds(self, instant: datetime) -> bool:
        return (self.start is None or self.start <= instant) and (self.end is None or instant < self.end)

    @property
    def is_empty(self) -> bool:
        return self.start is not None and self.end is not None and self.end <= self.start


Spans: TypeAlias = tuple[Span, ...]
"""A normalised set of instants: non-empty spans, ascending, neither overlapping nor touching."""

ALWAYS = Span(None, None)


def utc(instant: datetime) -> datetime:
    """The same instant in UTC. Raises ValueError for a naive one: a time without a zone is not an instant."""
    if instant.tzinfo is None or instant.utcoffset() is None:
        raise ValueError(f"{instant!r} has no time zone")
    return instant.astimezone(UTC)


def later(instant: datetime | None, by: timedelta) -> datetime | None:
    """`instant + by`; None, unbounded, stays so, and so becomes what lies beyond the calendar's end."""
    if instant is None:
        return None
    try:
        return instant + by
    except OverflowError:
        return None


def normalise(spans: Iterable[Span]) -> Spans:
    """The union of any spans. Touching spans become one: `[a, b)` and `[b, c)` leave no instant between them."""
    united: list[Span] = []
    for span in sorted((s for s in spans if not s.is_empty), key=lambda s: s.start or _EARLIEST):
        last = united[-1] if united else None
        if last is None or (last.end is not None and span.start is not None and last.end < span.start):
            united.append(span)
        elif last.end is not None and (span.end is None or span.end > last.end):
            united[-1] = Span(last.start, span.end)
    return tuple(united)


def complement(spans: Spans) -> Spans:
    """Every instant that is in none of the spans."""
    gaps: list[Span] = []
    start: datetime | None = None
    for index, span in enumerate(spans):
        if index or span.start is not None:
            gaps.append(Span(start, span.start))
        if span.end is None:
            return tuple(gaps)
        start = span.end
    gaps.append(Span(start, None))
    return tuple(gaps)


def clip(spans: Spans, window: Span) -> Spans:
    """The part of the spans that lies inside the window."""
    clipped = []
    for span in spans:
        starts = [s for s in (span.start, window.start) if s is not None]
        ends = [e for e in (span.end, window.end) if e is not None]
        part = Span(max(starts, default=None), min(ends, default=None))
        if not part.is_empty:
            clipped.append(part)
    return tuple(clipped)


def span_at(spans: Spans, instant: datetime) -> Span | None:
    """The span that holds the instant."""
    return next((span for span in spans if span.holds(instant)), None)


def first_from(spans: Spans, instant: datetime) -> Span | None:
    """The span that holds the instant, else the next one after it."""
    return next((span for span in spans if span.end is None or span.end > instant), None)
