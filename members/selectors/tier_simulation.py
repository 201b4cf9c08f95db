"""What a change of the tier rules would do, told before it is saved (domain.md 5). Reads only, one statement for all.

Who rises does so at once. Who falls does so at the end of validity and grace, never before, and only if nothing more is
bought until then: every fall is told with the day and the reason, and with whether it comes without the change too
(`members.selectors.tier_outcomes`).

Members of a tier that is taken out are moved at once, with the longer of its validity and the target's; who falls from
there later is told a second time, from the target.

Without orders in between, saving shows exactly these moves: risers at once, each fall on its day.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, Decimal
from typing import Any

from members.lib import tier_sql
from members.lib.periods import daily_job_instant, merchant_day
from members.models import Merchant
from members.selectors import segments, tier_outcomes, tier_outlook
from members.selectors.tier_outcomes import Proposal

__all__ = ["Difference", "Flow", "Proposal", "Simulation", "listed", "points_a_year", "simulate"]

SAMPLE = 50
NOBODY_FALLS = dt.date(1, 1, 1) + dt.timedelta(days=10_000)  # before any member's validity
COUNTS = """
select 0, kind, why, from_tier, to_place, held, without_place, sum(n), sum(n) filter (where is_final),
    coalesce(sum(year_points) filter (where is_final), 0), min(day), max(day), null::bigint, sum(again * n),
    case when kind = 'fall' then date_trunc('month', day)::date end as month
from outcomes group by kind, why, from_tier, to_place, held, without_place, month
"""
# Who never bought and holds nothing has no outlook, and stays: all members less those who are counted.
EVERYBODY = f"""
select 2, '', '', null::bigint, null::int, null::bigint, null::int, ({segments.EVERYBODY.strip()}), null, null,
    null::date, null::date, null::bigint, null, null::date
"""
# The first who move, in the order of the list.
FIRST = """
select 1, kind, why, from_tier, to_place, held, without_place, 1, is_final::int, year_points, day, day, member_id,
    again, null::date
from outcomes where kind not in ('stay', 'kept') order by kind desc, day, member_id limit %(most)s
"""
LIST = """
select m.public_id, o.kind, o.why, o.from_tier, o.to_place, o.day
from outcomes o join members_member m on m.merchant_id = %(merchant)s and m.id = o.member_id
where o.kind not in ('stay', 'kept') order by o.kind desc, o.day, o.member_id
"""


@dataclass(slots=True)
class Flow:
    """Members who go from a tier to a tier for one reason (or stay)."""

    kind: str
    why: str
    from_id: int
    to_id: int
    members: int
    first_on: dt.date | None = None
    last_on: dt.date | None = None
    member_id: int | None = None  # of a list's row
    again: int = 0  # of these, whom the change moves first: they are in another flow too


@dataclass(frozen=True, slots=True)
class Difference:
    """Members whom the change brings to another tier than they come to without it; `held` is their tier now.

    `year_points` are what they earned by the orders of the last 365 days.
    """

    held: int
    without: int
    becomes: int
    members: int
    year_points: int


@dataclass(slots=True)
class Simulation:
    """What the proposed rules would do, and how that differs from saving nothing."""

    flows: list[Flow] = field(default_factory=list)
    months: list[tuple[dt.date, str, int]] = field(default_factory=list)  # of falls: first day, why, how many
    sample: list[Flow] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)

    def count(self, kind: str, why: str = "") -> int:
        """Members of a kind, for one reason or any."""
        return sum(f.members for f in self.flows if f.kind == kind and why in ("", f.why))

    @property
    def changed(self) -> int:
        """Members for whom the change makes a difference, now or later."""
        return self.count("rise") + self.count("moved") + self.count("fall", "change") + self.count("kept")

    @property
    def moving(self) -> list[Flow]:
        """Those that go somewhere, the largest first within each kind."""
        order = {"rise": 0, "moved": 1, "fall": 2}
        found = [flow for flow in self.flows if flow.kind in order]
        return sorted(found, key=lambda flow: (order[flow.kind], flow.why, -flow.members, flow.from_id))

    @property
    def total(self) -> int:
        """All members."""
        return sum(flow.members - flow.again for flow in self.flows)


def simulate(*, merchant: Merchant, at: dt.datetime, proposal: Proposal, most: int = SAMPLE) -> Simulation:
    """Who would rise, be moved or fall, in numbers, with the first of them. One query, or where members' outlooks can
    be asked up to six."""
    result = Simulation()
    new, old = proposal.proposed.ladder, proposal.present.ladder
    flows: dict[tuple[str, str, int, int], Flow] = {}
    months: dict[tuple[dt.date, str], int] = {}
    for part, kind, why, start, to, *about, first, last, member_id, again, month in _counted(
        _Asked(merchant, at, proposal), most
    ):
        held, without, members, final, points = about
        flow = Flow(kind, why, start, new[to].id, int(members), first, last, member_id, int(again))
        if part == 1:
            result.sample.append(flow)
            continue
        _add(flows.setdefault((kind, why, start, to), flow), flow)
        if month is not None:
            months[month, why] = months.get((month, why), 0) + flow.members
        if final and new[to].id != old[without].id:
            difference = Difference(held, old[without].id, new[to].id, int(final), int(points))
            result.differences.append(difference)
    result.flows = list(flows.values())
    result.months = sorted((month, why, members) for (month, why), members in months.items())
    return result


def _add(flow: Flow, more: Flow) -> None:
    """Count a part of a flow in."""
    if flow is more:
        return
    flow.members += more.members
    flow.again += more.again
    if flow.first_on and flow.last_on and more.first_on and more.last_on:
        flow.first_on = min(flow.first_on, more.first_on)
        flow.last_on = max(flow.last_on, more.last_on)


def listed(*, merchant: Merchant, at: dt.datetime, proposal: Proposal) -> Iterator[tuple[Any, ...]]:
    """Everyone who would move: (public id, kind, why, from tier id, to tier id, day)."""
    tiers = proposal.proposed.ladder
    for public_id, kind, why, held, to, day in _Asked(merchant, at, proposal).rows(LIST):
        yield public_id, kind, why, held, tiers[to].id, day


def points_a_year(difference: Difference, multipliers: Mapping[int, Decimal]) -> int:
    """How many more points (negative: fewer) than without the change the last 365 days' orders would earn in a year."""
    rate = {tier: multipliers.get(tier, Decimal(1)) for tier in (difference.without, difference.becomes)}
    was = multipliers.get(difference.held, Decimal(1))
    if not was:
        return 0
    more = difference.year_points * (rate[difference.becomes] - rate[difference.without]) / was
    return int(more.to_integral_value(ROUND_FLOOR))


class _Asked:
    """What is asked of the outcomes of all members."""

    def __init__(self, merchant: Merchant, at: dt.datetime, proposal: Proposal) -> None:
        self.merchant, self.proposal = merchant, proposal
        self.today = merchant_day(at, merchant.zone)
        is_after_job = daily_job_instant(self.today, merchant.zone) <= at
        self.first = tier_sql.first_job_day(self.today, is_after_job=is_after_job)
        self.counted_by: int | None = None
        if not proposal.targets:
            self.counted_by = tier_outlook.counted_by(merchant_id=merchant.pk, at=at)

    def rows(self, select: str, **more: Any) -> list[tuple[Any, ...]]:
        """What a statement's end selects."""
        return tier_outcomes.rows(
            self.proposal,
            select,
            merchant_id=self.merchant.pk,
            today=self.today,
            first=self.first,
            counted_by=self.counted_by,
            **more,
        )


def _counted(asked: _Asked, most: int) -> list[tuple[Any, ...]]:
    """The rows of COUNTS, then of FIRST."""
    if asked.counted_by is None:
        return asked.rows(f"({COUNTS.strip()}) union all ({FIRST.strip()})", most=most)
    # One statement, so that all are counted at one moment.
    rows = asked.rows(f"({COUNTS.strip()}) union all ({EVERYBODY.strip()})", is_alike=True)
    found = [row for row in rows if row[0] == 0]
    everybody = next(int(row[7]) for row in rows if row[0] == 2)
    others = everybody - sum(int(row[7] - row[13]) for row in found)
    if others:
        base = asked.proposal.present.base.id
        found.append((0, "stay", "", base, 0, base, 0, others, others, 0, None, None, None, 0, None))
    return found + _first(asked, found, most)


def _first(asked: _Asked, counted: list[tuple[Any, ...]], most: int) -> list[tuple[Any, ...]]:
    """The rows of FIRST: looked for where there should be enough of them, else among all."""
    risers = sum(int(row[7]) for row in counted if row[1] == "rise")
    falls = sorted(((row[11], int(row[7])) for row in counted if row[1] == "fall"), key=lambda fall: fall[0])
    if not risers and not falls:
        return []
    if risers < most:
        rising = f"or {tier_outcomes.rising(asked.proposal)}" if risers else ""
        until = _enough(falls, most - risers) - dt.timedelta(days=asked.proposal.proposed.grace_days + 1)
        return asked.rows(FIRST, most=most, only=f"and (o.valid_until <= %(until)s {rising})", until=until)
    through = tier_outlook.first_of(merchant_id=asked.merchant.pk, part=3 * most, whole=risers)
    found = asked.rows(FIRST, most=most, only="and o.member_id <= %(through)s", through=through)
    # Members who are counted anew are found wherever they stand: behind `through` others may come before them.
    if sum(row[1] == "rise" and row[12] <= through for row in found) >= most:
        return found
    return asked.rows(FIRST, most=most)


def _enough(falls: list[tuple[dt.date, int]], wanted: int) -> dt.date:
    """A day until which so many fall, or all; `falls` are (last day, how many) in the order of their days."""
    until, members = NOBODY_FALLS, 0
    for last, more in falls:
        if members >= wanted:
            break
        until, members = last, members + more
    return until
