"""Where a member stands by its own rhythm of buying, and when a rhythm breaks (domain.md 10). Whole days only.

A member's rhythm is the median of the gaps between its days of purchase, and how far they spread (from the first
quartile to the third). It takes four days of purchase to have one; who has fewer is measured by the program's: the
medians of both over the members who have their own, or, where fewer than ten do, 30 days with a spread of 15.

Of n gaps in order the median is the one at place ceil(n / 2), the quartiles are those at ceil(n / 4) and
ceil(3n / 4): always a gap that happened.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date
from itertools import pairwise
from typing import Literal, NamedTuple

Stage = Literal["introduction", "growth", "mature", "decline", "dormant", "lost"]
STAGES: tuple[Stage, ...] = ("introduction", "growth", "mature", "decline", "dormant", "lost")

OWN_DAYS = 4  # days of purchase from which a rhythm is a member's own
LEAST_OWN = 10  # members with their own from which the program has one
LEAST_SLACK = 7  # days that everybody may be late
GROWTH_DAYS = 2  # days of purchase from which a member is no longer new
DORMANT_TIMES, LOST_TIMES = 2, 4  # of the days after which a member is late


class Rhythm(NamedTuple):
    """Days between purchases, and how far they spread."""

    gap: int
    spread: int


USUAL = Rhythm(30, 15)


class Limits(NamedTuple):
    """A member is late, dormant, lost when more days than these have passed without a purchase."""

    late: int
    dormant: int
    lost: int


def place(ordered: Sequence[int], quarters: int) -> int:
    """The value of an ordered sequence below or at which so many quarters of it lie."""
    return ordered[-(-quarters * len(ordered) // 4) - 1]


def own_rhythm(days: Collection[date]) -> Rhythm | None:
    """The rhythm of somebody who bought on these days; None with too few."""
    if len(days) < OWN_DAYS:
        return None
    ordered = sorted(days)
    gaps = sorted((after - before).days for before, after in pairwise(ordered))
    return Rhythm(place(gaps, 2), place(gaps, 3) - place(gaps, 1))


def program_rhythm(own: Iterable[Rhythm]) -> Rhythm:
    """What those without a rhythm of their own are measured by."""
    known = list(own)
    if len(known) < LEAST_OWN:
        return USUAL
    gaps, spreads = (sorted(part) for part in zip(*known, strict=True))
    return Rhythm(place(gaps, 2), place(spreads, 2))


def limits(rhythm: Rhythm) -> Limits:
    """How long somebody of this rhythm may be quiet: the gap and once its spread, at least half the gap and a week."""
    late = rhythm.gap + max(rhythm.spread, (rhythm.gap + 1) // 2, LEAST_SLACK)
    return Limits(late, DORMANT_TIMES * late, LOST_TIMES * late)


def stage(*, days: Collection[date], joined_on: date, today: date, program: Rhythm) -> Stage:
    """The stage of a member that bought on these days; who never bought is measured from joining."""
    quiet = (today - max(days, default=joined_on)).days
    most = limits(own_rhythm(days) or program)
    if quiet > most.lost:
        return "lost"
    if quiet > most.dormant:
        return "dormant"
    if quiet > most.late:
        return "decline"
    if len(days) < GROWTH_DAYS:
        return "introduction"
    return "growth" if len(days) < OWN_DAYS else "mature"
