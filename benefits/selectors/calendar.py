"""A month of benefits, day by day: what was, is and will be in force, and the days without (domain.md 3)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from benefits.lib.kinds import KINDS
from benefits.lib.spans import Span, Spans, clip, normalise
from benefits.lib.usefulness import refused_part
from benefits.models import Benefit
from benefits.selectors import coverage, paper_rules
from members.lib.periods import add_months, local_instant

MIDNIGHT = dt.time()


@dataclass(frozen=True, slots=True)
class Lane:
    """A benefit with its stretches in force in a month, and those in which it counts for clearance: as a kind that
    counts (draws do not, nor those that the platform's policy names) without a doubt that the rule in force refuses."""

    benefit: Benefit
    spans: Spans
    counted: Spans = ()

    @property
    def counts(self) -> bool:
        """Whether any of it counts."""
        return bool(self.counted)


@dataclass(frozen=True, slots=True)
class Day:
    """A merchant day: the places of the lanes in force in it, and whether none of them counts."""

    on: dt.date
    lanes: Sequence[int]
    is_gap: bool


def month(
    *, merchant_id: int, first: dt.date, zone: ZoneInfo, at: dt.datetime
) -> tuple[list[Day], list[Lane]]:
    """The days of the month that begins on `first`, and its benefits in order of publication, by the rule in force at
    `at`. What is to come is foreseen from what is published. As many queries for many benefits as for one."""
    last = add_months(first, 1)
    start, end = local_instant(first, MIDNIGHT, zone), local_instant(last, MIDNIGHT, zone)
    refused = paper_rules.refused(at)
    by_benefit: dict[int, Lane] = {}
    for each in coverage.stretches(merchant_id=merchant_id, start=start, end=end):
        if not each.in_force:
            continue
        lane = by_benefit.get(each.benefit.pk, Lane(each.benefit, ()))
        counts = (
            each.kind in KINDS and not KINDS[each.kind].is_draw and not refused_part(each.doubts, refused)
        )
        by_benefit[each.benefit.pk] = Lane(
            each.benefit,
            normalise((*lane.spans, *each.in_force)),
            normalise((*lane.counted, *each.in_force)) if counts else lane.counted,
        )
    lanes = list(by_benefit.values())
    return days_of(lanes, first=first, zone=zone), lanes


def days_of(lanes: Sequence[Lane], *, first: dt.date, zone: ZoneInfo) -> list[Day]:
    """The days of the month that begins on `first`. Runs no query."""
    days = []
    for number in range((add_months(first, 1) - first).days):
        on = first + dt.timedelta(days=number)
        whole = Span(
            local_instant(on, MIDNIGHT, zone), local_instant(on + dt.timedelta(days=1), MIDNIGHT, zone)
        )
        places = [place for place, lane in enumerate(lanes) if clip(lane.spans, whole)]
        days.append(Day(on, places, not any(clip(lanes[place].counted, whole) for place in places)))
    return days


def gaps(days: Sequence[Day]) -> list[tuple[dt.date, dt.date]]:
    """The first and last days of each run of days without a benefit that counts."""
    found: list[tuple[dt.date, dt.date]] = []
    for day in days:
        if not day.is_gap:
            continue
        if found and found[-1][1] + dt.timedelta(days=1) == day.on:
            found[-1] = (found[-1][0], day.on)
        else:
            found.append((day.on, day.on))
    return found
