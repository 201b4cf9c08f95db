"""What members come to by another window or another grace, from what is stored by those in force: of the daily rows
only those are read that lie between both (domain.md 5).

An outlook says what a member's orders come to on the days that decide by the rules in force. By the proposed rules each
figure is that of the day nearest to its own, with the rows added that the other window has besides, and those taken
away that it has not. Where the other window is so short that fewer rows lie in it than between both, its own are added
up instead. A window that is contained in the one in force only lowers figures, for no daily row is below zero: who
reaches no tier of the proposed ladder by the longer window reaches none by the other, and is not asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from members.lib import tier_sql
from members.lib.tiers import TierRules, Window
from members.selectors import tier_outlook

# `o` are outlooks, `m` their members, `d` rows of days. Of few members each one's rows are looked up,
OF_EACH = """{members}
left join lateral (
    select {sums} from members_dailytotal d
    where d.merchant_id = %(merchant)s and d.member_id = o.member_id and {rows}{needed}
) r on true"""
# of all of them all rows are read, and grouped by the member alone.
OF_ALL = """{members}
left join (
    select d.member_id, {sums}
    from members_tieroutlook o {members} join members_dailytotal d on d.member_id = o.member_id
    where {holds} and d.merchant_id = %(merchant)s and {rows}{needed}
    group by d.member_id
) r on r.member_id = o.member_id"""
MEMBERS = "join members_member m on m.merchant_id = o.merchant_id and m.id = o.member_id"
VALUES = {  # of a row of days that is added, or taken off
    "spend_minor": "d.spend_minor",
    "orders": "d.orders",
    "active_days": "(d.orders > 0)::int",
    "points_earned": "d.points",
}


class _Figure(NamedTuple):
    """Of which stored figures those of a day that decides are made (none: of rows alone), and of which rows: from a day
    on, before another (none: to today). `sign` is that of a row, empty where each is added."""

    stored: str
    sign: str = ""
    first: str = ""
    end: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """What is joined to outlooks `o` (nothing where no row is read), and the figures."""

    joined: str
    figures: list[str]


def is_within(old: Window, new: Window) -> bool:
    """Whether no day counts by the new window on a day, for anybody, that does not count by the old."""
    if old.kind == "lifetime" or old == new:
        return True
    if old.kind != "rolling":
        return False
    return new.days <= old.days if new.kind == "rolling" else new.kind != "lifetime" and old.days >= 366


def reading(old: TierRules, new: TierRules, *, of_all: bool) -> Reading:
    """The figures by the rules `new` on their days that decide, and those by the rules `old`, for which outlooks are
    stored, on theirs; in the order and by the names of `tier_outcomes`. `of_all`: most members are asked."""
    asked = [metric for metric in tier_sql.SUMS if metric in tier_sql.asked(new)]
    times = ("new", "check", "fall") if new.grace_days else ("new", "fall")
    made = {time: _figure(old, new, time) for time in times}
    figures, sums = [], []
    for time, figure in made.items():
        for metric in asked:
            figures.append(f"{_sum(figure, time, metric)} as {time}_{metric}")
            if figure.first:
                value = f"{figure.sign} * {VALUES[metric]}" if figure.sign else VALUES[metric]
                sums.append(f"sum({value}){_of(figure, time, made)} as {time}_{metric}")
    was = [metric for metric in tier_sql.SUMS if metric in tier_sql.asked(old)]
    for time in ("check", "fall") if old.grace_days else ("fall",):
        figures += [f"o.{time}_{metric} as was_{time}_{metric}" for metric in was]
    if not sums:
        return Reading("", figures)
    read = [figure for figure in made.values() if figure.first]
    # Where rows alone are counted, nothing counts later that does not count today.
    rows = _rows(_around(read) if read[0].end else read[0])
    joined = (OF_ALL if of_all else OF_EACH).format(
        members=MEMBERS if "membership_year" in (old.window.kind, new.window.kind) else "",
        sums=", ".join(sums),
        holds=tier_outlook.HOLDS,
        rows=f"{rows} and d.day <= %(today)s",
        needed=f" and {tier_sql.place_of(new, 'o.now_')} > 0" if is_within(old.window, new.window) else "",
    )
    return Reading(joined, figures)


def _of(figure: _Figure, time: str, made: Mapping[str, _Figure]) -> str:
    """Which of the rows that are read: all of them are those of today's window, or of the only day asked."""
    is_all = (not figure.end and time == "new") or sum(bool(each.first) for each in made.values()) == 1
    return "" if is_all else f" filter (where {_rows(figure)})"


def _rows(figure: _Figure) -> str:
    return f"d.day >= {figure.first} and d.day < {figure.end}" if figure.end else f"d.day >= {figure.first}"


def _around(read: Sequence[_Figure]) -> _Figure:
    """All rows that any of these figures are made of, and those between."""
    if len(read) == 1:
        return read[0]
    first, end = (", ".join(days) for days in zip(*((f.first, f.end) for f in read), strict=True))
    return _Figure("", "", f"least({first})", f"greatest({end})")


def _sum(figure: _Figure, time: str, metric: str) -> str:
    """A figure: what is stored and what is read."""
    stored, read = f"o.{figure.stored}_{metric}", f"coalesce(r.{time}_{metric}, 0)::bigint"
    if not figure.first:
        return stored
    return f"coalesce({stored}, 0) + {read}" if figure.stored else read


def _figure(old: TierRules, new: TierRules, time: str) -> _Figure:
    """How the figures of a day that decides are made."""
    later = {"new": None, "check": 0, "fall": new.grace_days}[time]
    stored, stored_later = _nearest(old, later)
    start = tier_sql.start_of(new.window, _day(later), "m.joined_on")
    if new.window == old.window and later == stored_later:
        return _Figure(stored)
    if _is_short(old.window, new.window):
        return _Figure("", first=start)
    other = tier_sql.start_of(old.window, _day(stored_later), "m.joined_on")
    sign = f"(case when d.day < {other} then 1 else -1 end)"
    return _Figure(stored, sign, f"least({start}, {other})", f"greatest({start}, {other})")


def _nearest(old: TierRules, later: int | None) -> tuple[str, int | None]:
    """The stored figures of the day nearest to one so long after the end of validity (none: today), and theirs."""
    if later is None:
        return "now", None
    has_check = old.grace_days and later < old.grace_days
    return ("check", 0) if has_check else ("fall", old.grace_days)


def _day(later: int | None) -> str:
    return "%(today)s::date" if later is None else f"(o.valid_until + {int(later) + 1})"


def _is_short(old: Window, new: Window) -> bool:
    """Whether fewer days lie in the new window than between both."""
    if new.kind == "rolling":
        return old.kind != "rolling" or 2 * new.days < old.days
    return new.kind != "lifetime" and old.kind != new.kind
