"""What daily totals come to, of each member a row: stored where that still holds, made anew where it does not.

A stored row holds for the days from `as_of` until before `changes_on`, and while no FactsDue names its member. Members
for whom that fails are few once the night's job is done: their figures are made from their daily totals, so that what
is read is exact whatever was refreshed. The statements take %(merchant)s and %(today)s.
"""

from __future__ import annotations

from collections.abc import Collection

WINDOWS = (30, 90, 180, 365)  # days that end today
NEVER = "date '9999-12-31'"
_PAST = "filter (where day <= %(today)s)"
_BOUGHT = "filter (where orders > 0 and day <= %(today)s)"


def _within(column: str, days: int) -> str:
    return f"coalesce(sum({column}) filter (where day <= %(today)s and day > %(today)s - {days}), 0)"


# Each column of a row, as an aggregate over its member's days in `gaps_of`.
FIGURES: dict[str, str] = {
    "first_day": f"min(day) {_BOUGHT}",
    "last_day": f"max(day) {_BOUGHT}",
    "days": f"(count(*) {_BOUGHT})::int",
    "gap": "percentile_disc(0.5) within group (order by gap)",
    "spread": (
        "percentile_disc(0.75) within group (order by gap) - percentile_disc(0.25) within group (order by gap)"
    ),
    "orders": f"coalesce(sum(orders) {_PAST}, 0)::int",
    **{f"orders_{days}": f"{_within('orders', days)}::int" for days in WINDOWS},
    "spend": f"coalesce(sum(spend_minor) {_PAST}, 0)::bigint",
    **{f"spend_{days}": f"{_within('spend_minor', days)}::bigint" for days in WINDOWS},
}
# What is the member's own, of the one whose days are summed.
OWN: dict[str, str] = {
    "joined_on": (
        "(select joined_on from members_member o where o.merchant_id = %(merchant)s and o.id = {of}.member_id)"
    ),
    "tier_held": (
        "(select tier_id from members_tierstanding o "
        "where o.merchant_id = %(merchant)s and o.member_id = {of}.member_id)"
    ),
}
# The first day on which a figure is another although nothing was bought or refunded.
CHANGES_ON = "least({})".format(
    ", ".join(
        [
            f"coalesce(min(day) filter (where day > %(today)s), {NEVER})",
            *(
                f"coalesce(min(day + {days}) filter (where day <= %(today)s and day > %(today)s - {days}), {NEVER})"
                for days in WINDOWS
            ),
        ]
    )
)
# A day that came to nothing is none.
_DAYS = (
    "from members_dailytotal where merchant_id = %(merchant)s and (orders <> 0 or spend_minor <> 0) "
    "and member_id = any({who})"
)
# An array, so that the days of a few are found by their key however large the shop: joins must not loop here.
STALE = (
    "array(select member_id from members_factsdue where merchant_id = %(merchant)s union "
    "select member_id from members_memberfacts where merchant_id = %(merchant)s and changes_on <= %(today)s union "
    "select member_id from members_memberfacts where merchant_id = %(merchant)s and as_of > %(today)s)"
)


def days_of(who: str, *, gaps: bool) -> str:
    """The days of some members (an array) as a source, with the gap before each day of purchase where that is asked."""
    if not gaps:
        return f"(select member_id, day, orders, spend_minor {_DAYS.format(who=who)}) days"
    return (
        "(select member_id, day, orders, spend_minor, case when orders > 0 and day <= %(today)s then day - lag(day) "
        "over (partition by member_id, orders > 0 and day <= %(today)s order by day) end as gap "
        f"{_DAYS.format(who=who)}) days"
    )


def stored(columns: Collection[str], *, among: str = "") -> str:
    """The part of `source` that is stored and holds today."""
    chosen = "".join(f", f.{name}" for name in columns)
    return (
        f"(select f.member_id{chosen} from members_memberfacts f where f.merchant_id = %(merchant)s "
        "and f.as_of <= %(today)s and f.changes_on > %(today)s and not exists (select from members_factsdue z "
        f"where z.merchant_id = %(merchant)s and z.member_id = f.member_id){_among('f', among)})"
    )


def made(columns: Collection[str], *, among: str = "") -> str:
    """The part of `source` that is made anew from the days of few."""
    chosen = "".join(f", {FIGURES.get(name) or OWN[name].format(of='days')} as {name}" for name in columns)
    days = days_of(STALE, gaps=bool({"gap", "spread"} & set(columns)))
    return f"(select member_id{chosen} from {days} where true{_among('days', among)} group by member_id)"


def source(columns: Collection[str], *, among: str = "") -> str:
    """(member_id, these columns) of every member with daily totals, or of those among an array, to stand after `from`
    or `join`."""
    return f"({stored(columns, among=among)} union all {made(columns, among=among)})"


def both(statement: str, columns: Collection[str], *, among: str = "") -> str:
    """A statement over {source}, of either part: each adds up by itself, which several processes can share."""
    return " union all ".join(statement.format(source=part(columns, among=among)) for part in (stored, made))


def _among(of: str, array: str) -> str:
    return f" and {of}.member_id = any({array})" if array else ""
