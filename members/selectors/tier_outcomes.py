"""What becomes of each member by proposed tier rules and by those in force, as one statement (domain.md 5).

Two futures are worked out side by side from one pass over the daily rows: what recalculation does at the end of each
validity if the proposed rules are saved now, and if nothing is saved. `why` compares them:

- `change`: without the change the member would not fall, or later, or not as deep.
- `unless`: would fall all the same; today's numbers reach the tier, they will not on that day.
- `anyway`: would fall all the same; today's numbers do not reach the tier.

`without_place` is where the member comes to in the ladder in force if nothing is saved; a row that `is_final` says
where the member comes to with the change, so that both can be compared: each member has one such row.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from members.lib import tier_sql
from members.lib.tiers import TierRules, Window
from members.selectors import tier_outcome_sql as sql
from members.selectors import tier_outlook, tier_window_sql

REACHED = ("qualified", "check_place", "fall_place", "old_check_place", "old_fall_place")
YEAR = dt.timedelta(days=364)
WORK_MEM = "256MB"  # for one statement of one request
# Members, standings and daily rows are walked side by side in the order of their keys: a third of what hashing takes.
PLANNED = (
    "set local enable_nestloop = off; set local enable_hashjoin = off; set local enable_bitmapscan = off; "
    "set local enable_seqscan = off; set local jit = off; set local max_parallel_workers_per_gather = 0"
)
PLANNED_FOR_ROWS = "set local enable_nestloop = off; set local jit = off"
UNPLANNED = (
    "set local work_mem to default; set local enable_nestloop = on; set local enable_hashjoin = on; "
    "set local enable_bitmapscan = on; set local enable_seqscan = on; set local jit to default; "
    "set local max_parallel_workers_per_gather to default"
)


@dataclass(frozen=True, slots=True)
class Proposal:
    """Rules to compare: those in force and those proposed, with where members of tiers taken out go, by id."""

    present: TierRules
    proposed: TierRules
    targets: Mapping[int, int] = field(default_factory=dict)

    @property
    def keeps_days(self) -> bool:
        """Whether metrics are counted on the same days over the same windows by either rules."""
        old, new = self.present, self.proposed
        return not self.targets and (old.window, old.grace_days) == (new.window, new.grace_days)

    def place_after(self, tier_id: int) -> int:
        """The place in the proposed ladder of a tier of either, or of where its members go."""
        rank = self.proposed.rank
        return rank.get(tier_id, rank.get(self.targets.get(tier_id, self.proposed.base.id), 0))


def rows(
    proposal: Proposal,
    select: str,
    *,
    merchant_id: int,
    today: dt.date,
    first: dt.date,
    counted_by: int | None = None,
    is_alike: bool = False,
    only: str = "",
    **more: Any,
) -> list[tuple[Any, ...]]:
    """What `select` finds in the outcomes of all members. `first` is the day of the next recalculation; `counted_by`
    the version by which all rows of outlooks are counted, None where they cannot be asked. `is_alike`: members who
    are alike are one row, of `n`. `only`: which of the outlooks `o` are looked at.

    Row security hides from the planner how many rows there are: left alone it looks up each member's days by itself, or
    sorts them on disk, or compiles for longer than it computes.
    """
    is_kept = counted_by is not None and not proposal.targets
    text, known = statement(proposal, today, is_kept=is_kept, is_alike=is_alike, only=only)
    known |= {"merchant": merchant_id, "first": first, "counted_by": counted_by}
    with connection.cursor() as cursor:
        cursor.execute(f"set local work_mem = '{WORK_MEM}'; {PLANNED_FOR_ROWS if is_kept else PLANNED}")
        cursor.execute(text + select, known | more)
        found = cursor.fetchall()
        cursor.execute(UNPLANNED)
        return found


def statement(
    proposal: Proposal, today: dt.date, *, is_kept: bool = False, is_alike: bool = False, only: str = ""
) -> tuple[str, dict[str, Any]]:
    """The common table expressions that end in `outcomes`, and their parameters but merchant, first and counted_by.

    `is_kept`: of members whose outlook holds the row is asked, and where the days do not stay as they are the daily
    rows between too (`tier_window_sql`). That is only right where no tier is taken out. Who has none and no tier either
    is in no outcome then: such a member stays where it is.
    """
    old, new = proposal.present, proposal.proposed
    is_same = proposal.keeps_days
    days = _days(proposal, is_same=is_same)
    since = min(tier_sql.earliest_start(rules.window, today) for rules in (old, new))
    earliest = min(since, today - YEAR)
    after = ", ".join(str(proposal.place_after(tier.id)) for tier in old.ladder)
    why = sql.WHY.format(without_new=f"(array[{after}])[without_place + 1]")
    counted = sql.COUNTED.format(
        name="counted" if is_kept else "now",
        among=f" and m.id = any({tier_outlook.STALE})" if is_kept else "",
        days_among=f" and d.member_id = any({tier_outlook.STALE})" if is_kept else "",
        standings_among=f"and s.member_id = any({tier_outlook.STALE})" if is_kept else "",
        joined=", joined_on" if "membership_year" in (old.window.kind, new.window.kind) else "",
        days=", ".join(f"{text} as {name}" for name, text in days.items()),
        day_values=", ".join(f"min(p.{name}) as {name}" for name in days),
        sums=_sums(proposal, today, earliest, is_same=is_same),
        **_standing(proposal),
    )
    if is_kept:
        counted += _late(proposal)
        counted += "" if is_alike and is_same else _kept(proposal, only)
    text = sql.OUTCOMES.format(
        counted=counted + (_alike(proposal) if is_alike else _each(proposal, is_kept=is_kept)),
        materialized="" if is_kept else "materialized",
        why=why,
        again=sql.AGAIN.format(why=why) if proposal.targets else "",
        is_gone=f"held in ({', '.join(str(int(gone)) for gone in proposal.targets)})"
        if proposal.targets
        else "false",
        old_fall_day="fall_on" if is_same else "was_fall_on",
        fall_to="place - 1" if new.downgrade == "one_step" else "greatest(fall_place, still)",
        old_fall_to="old_place - 1" if old.downgrade == "one_step" else "greatest(old_fall_place, old_still)",
    )
    return text, {
        "base": new.base.id,
        "today": today,
        "year": today - YEAR,
        "earliest": earliest,
        "gone": list(proposal.targets),
        "targets": list(proposal.targets.values()),
    }


def _late(proposal: Proposal) -> str:
    """Those who are counted, with the tiers below that they still hold at a fall."""
    old, new = proposal.present.grace_days, proposal.proposed.grace_days
    was = "" if proposal.keeps_days else tier_outlook.still_held(old, "c", "was_fall_on")
    return sql.LATE.format(
        still_held=tier_outlook.still_held(new, "c"),
        was_still_held=f", {was} as was_still_held" if was else "",
    )


def _kept(proposal: Proposal, only: str) -> str:
    """The outlooks that hold, in the columns of what is counted."""
    if not proposal.keeps_days:
        return _moved(proposal, only)
    days, figures = _kept_columns(proposal)
    return sql.KEPT.format(
        kept_days=days, kept=f"{figures}, " if figures else "", holds=f"{tier_outlook.HOLDS} {only}"
    )


def _moved(proposal: Proposal, only: str) -> str:
    """The same by another window or grace, with the daily rows between."""
    read = tier_window_sql.reading(proposal.present, proposal.proposed, of_all=not only)
    days = [
        f"o.valid_until + {int(later) + 1} as {was}{name}_on"
        for was, grace in (("", proposal.proposed.grace_days), ("was_", proposal.present.grace_days))
        for name, later in (("fall", grace), *([("check", 0)] if grace else []))
    ]
    return sql.MOVED.format(
        kept_days=", ".join(days),
        kept="".join(f"{figure}, " for figure in read.figures),
        read=read.joined,
        holds=f"{tier_outlook.HOLDS} {only}",
    )


def _kept_columns(proposal: Proposal) -> tuple[str, str]:
    """The days on which recalculation decides, and the figures that are asked, of an outlook `o`."""
    grace = int(proposal.proposed.grace_days)
    days = {"fall_on": f"o.valid_until + {grace + 1}"} | ({"check_on": "o.valid_until + 1"} if grace else {})
    now = tier_sql.asked(proposal.proposed)
    both = now | tier_sql.asked(proposal.present)
    times = {"new": ("now", now), **({"check": ("check", both)} if grace else {}), "fall": ("fall", both)}
    figures = [
        f"o.{time}_{metric} as {prefix}_{metric}"
        for prefix, (time, asked) in times.items()
        for metric in tier_sql.SUMS
        if metric in asked
    ]
    return ", ".join(f"{text} as {name}" for name, text in days.items()), ", ".join(figures)


def rising(proposal: Proposal) -> str:
    """Whether an outlook `o` is of a member who rises, or may rise: by a shorter window nobody reaches more."""
    new = proposal.proposed
    if not tier_window_sql.is_within(proposal.present.window, new.window):
        return "true"
    places = {tier: proposal.place_after(tier) for tier in {*proposal.present.rank, *new.rank}}
    held = _case(places, "coalesce(o.tier_held, %(base)s)")
    return f"{tier_sql.place_of(new, 'o.now_')} > {held}"


def _each(proposal: Proposal, *, is_kept: bool) -> str:
    """Every member by itself."""
    places = _places(proposal)
    return sql.OF_EACH.format(
        source="(select * from kept union all select * from late)" if is_kept else "now",
        **places,
        **_still(proposal, {name: name for name in places}, is_kept=is_kept),
    )


def _alike(proposal: Proposal) -> str:
    """Members who hold the same until the same day and reach the same places, as one."""
    places, is_same = _places(proposal), proposal.keeps_days
    same = {
        name: name.replace("check", "fall")
        for name, rules in (("check_place", proposal.proposed), ("old_check_place", proposal.present))
        if not rules.grace_days
    }
    told = {name: places[name] for name in REACHED if name not in same}
    told |= _still(proposal, places, is_kept=True)
    most = max(len(rules.ladder) for rules in (proposal.present, proposal.proposed))
    packed, unpacked = _packed(told, most)
    unpacked |= {name: unpacked[other] for name, other in same.items()}
    return sql.OF_ALIKE.format(
        parts=" union all ".join(_alike_parts(proposal, packed)),
        was="" if is_same else ", was_fall_on",
        unpacked=", ".join(f"{text} as {name}" for name, text in unpacked.items()),
        old_place=places["old_place"],
        place=places["place"],
    )


def _alike_parts(proposal: Proposal, packed: str) -> list[str]:
    """The members of each way to count, grouped."""
    if not proposal.keeps_days:
        return [
            sql.ALIKE_OF.format(source=source, was=", t.was_fall_on", places=packed, place=6)
            for source in ("kept", "late")
        ]
    _days_that_decide, figures = _kept_columns(proposal)
    kept = {
        "kept": f", {figures}" if figures else "",
        "after": int(proposal.proposed.grace_days) + 1,
        "places": packed,
    }
    return [
        sql.ALIKE_KEPT.format(sign="", which=tier_outlook.ALL, **kept),
        sql.ALIKE_KEPT.format(sign="-", which=tier_outlook.HOLDS_NOT, **kept),
        sql.ALIKE_OF.format(source="late", was="", places=packed, place=5),
    ]


def _packed(places: Mapping[str, str], most: int) -> tuple[str, dict[str, str]]:
    """Places, each less than `most`, as one number, and each of them out of the column `places`."""
    width = max(most, 2)
    kind = "" if width ** len(places) < 2**31 else "::bigint"
    terms, found = [], {}
    for number, (name, place) in enumerate(places.items()):
        found[name] = f"(places / {width**number} %% {width})::int"
        if place != "0":
            terms.append(f"{width**number} * ({place}){kind}" if number else f"({place}){kind}")
    return " + ".join(terms) or "0", found


def _standing(proposal: Proposal) -> dict[str, str]:
    """Until when the tier that is held is valid."""
    targets = proposal.targets
    return {
        "target_until": ", v.valid_until as target_until" if targets else "",
        "target_validity": _target_validity(proposal),
        "until": "greatest(valid_until, target_until)" if targets else "valid_until",
    }


def _places(proposal: Proposal) -> dict[str, str]:
    """Where the tier that is held stands in either ladder, and the places reached today and on the days that decide.

    Where the days are the same by the rules in force they are counted once.
    """
    old, new = proposal.present, proposal.proposed
    tiers = sorted({*old.rank, *new.rank})
    was = "" if proposal.keeps_days else "was_"
    return {
        "old_place": _case({t: old.rank.get(t, 0) for t in tiers}),
        "place": _case({t: proposal.place_after(t) for t in tiers}),
        "qualified": tier_sql.place_of(new, "new_"),
        "check_place": tier_sql.place_of(new, "check_" if new.grace_days else "fall_"),
        "fall_place": tier_sql.place_of(new, "fall_"),
        "old_check_place": tier_sql.place_of(old, f"{was}check_" if old.grace_days else f"{was}fall_"),
        "old_fall_place": tier_sql.place_of(old, f"{was}fall_"),
    }


def _still(proposal: Proposal, places: Mapping[str, str], *, is_kept: bool) -> dict[str, str]:
    """The highest place below whose own validity still runs at a fall, of those who fall from above it, by either
    rules; `places` are the columns, or what they are made of."""
    of: Any = places.__getitem__
    falls = f"{of('qualified')} <= {of('place')} and {of('check_place')} < {of('place')}"
    old_falls = f"{of('old_check_place')} < {of('old_place')}"
    was = "" if proposal.keeps_days else "was_"
    new, old = proposal.proposed, proposal.present
    return {
        "still": _still_held(new, (of("place"), of("fall_place")), falls, "fall_on", is_kept=is_kept),
        "old_still": _still_held(
            old, (of("old_place"), of("old_fall_place")), old_falls, f"{was}fall_on", is_kept=is_kept
        ),
    }


def _case(places: Mapping[int, int], held: str = "held") -> str:
    """A tier's place, of the column `held`."""
    cases = " ".join(f"when {int(tier)} then {int(place)}" for tier, place in places.items())
    return f"case {held} {cases} else 0 end"


def _still_held(rules: TierRules, of: tuple[str, str], falls: str, day: str, *, is_kept: bool) -> str:
    """Validities are looked up for those alone who fall from where there is one between them and the lowest. `of`: the
    place, and that of the fall."""
    if rules.downgrade == "one_step" or len(rules.ladder) < 3:
        return "0"
    place, fall_place = of
    places = {int(tier_id): int(at) for tier_id, at in rules.rank.items()}
    if is_kept:
        still_held = f"{'was_' if day.startswith('was_') else ''}still_held"
        ways = " ".join(
            f"when {tier_id} = any(t.{still_held}) and {at} < {place} then {at}"
            for tier_id, at in sorted(places.items(), key=lambda each: -each[1])
        )
        return (
            f"case when t.{still_held} is not null and {fall_place} < {place} - 1 and {falls} "
            f"then case {ways} else 0 end else 0 end"
        )
    of_tier = f"case v.tier_id {' '.join(f'when {tier_id} then {at}' for tier_id, at in places.items())} end"
    held = (
        f"select max({of_tier}) from members_tiervalidity v where v.merchant_id = %(merchant)s "
        f"and v.member_id = t.member_id and v.valid_until + {int(rules.grace_days)} >= t.{day} and {of_tier} < {place}"
    )
    return (
        f"case when t.{day} is not null and {fall_place} < {place} - 1 and {falls} "
        f"then coalesce(({held}), 0) else 0 end"
    )


def _target_validity(proposal: Proposal) -> str:
    """Only who is moved from a tier taken out can have a validity of the tier where it goes."""
    if not proposal.targets:
        return ""
    goes = " ".join(f"when {int(gone)} then {int(target)}" for gone, target in proposal.targets.items())
    return (
        "left join members_tiervalidity v on v.merchant_id = m.merchant_id and v.member_id = m.id "
        f"and v.tier_id = case s.tier_id {goes} end"
    )


def _days(proposal: Proposal, *, is_same: bool) -> dict[str, str]:
    """The days on which recalculation decides, by either rules; a fall's day is the first one without grace. The lowest
    tier has no validity, and no such day.
    """
    found: dict[str, str] = {}
    sides = [("", "until", proposal.proposed.grace_days)]
    if not is_same:
        sides.append(("was_", "valid_until", proposal.present.grace_days))
    for prefix, until, grace in sides:
        for name, later in (("fall", grace), *([("check", 0)] if grace else [])):
            day = f"greatest({until} + {int(later) + 1}, %(first)s::date)"
            found[f"{prefix}{name}_on"] = f"case when {until} is not null then {day} end"
    return found


def _sums(proposal: Proposal, today: dt.date, earliest: dt.date, *, is_same: bool) -> str:
    """Each member's metrics today and on the days that decide, and the points of a year, of the rows from `earliest` to
    today. What the ladders do not ask for is not counted, and what the rows are anyway is not asked.
    """
    old, new = proposal.present, proposal.proposed
    # prefix -> (window, the day on which it ends where that is not today, what is counted)
    counted: dict[str, tuple[Window, str, set[str]]] = {"new_": (new.window, "", tier_sql.asked(new))}
    both = tier_sql.asked(new) | (tier_sql.asked(old) if is_same else set())
    for name in ("check", "fall") if new.grace_days else ("fall",):
        counted[f"{name}_"] = (new.window, f"p.{name}_on", both)
    if not is_same:
        for name in ("check", "fall") if old.grace_days else ("fall",):
            counted[f"was_{name}_"] = (old.window, f"p.was_{name}_on", tier_sql.asked(old))
    columns = []
    for prefix, (window, day, metrics) in counted.items():
        if day or window.kind == "membership_year":
            only = f"d.day >= {tier_sql.start_of(window, day or '%(today)s::date', 'p.joined_on')}"
        else:
            start = window.start(today)
            only = f"d.day >= '{start.isoformat()}'" if start > earliest else ""
        if metrics:
            columns.append(tier_sql.sums(prefix, only, metrics))
    year = " filter (where d.day >= %(year)s)" if today - YEAR > earliest else ""
    return ", ".join([*columns, f"coalesce(sum(d.points){year}, 0)::bigint as year_points"])
