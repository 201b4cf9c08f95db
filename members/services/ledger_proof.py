"""The proof of the ledger: every entry replayed, and balances, pending, lots and accounts compared (domain.md 6).

A first pass reads every row once and compares sums of keyed hashes, a merchant at a time. An account's entries are a
chain, each going from (sequence - 1, balance before) to (sequence, balance after): summed over all of them, the ends of
links must cancel against the beginnings, but for the accounts' own ends. One wrong, missing, doubled or reordered entry
leaves a difference, unless 64 bits of hash collide. Likewise lots: what entries took of each, and what of it expired,
must leave what it says it has left. Only where sums differ are members compared one by one.
"""

from __future__ import annotations

import datetime as dt
import secrets
from dataclasses import asdict, dataclass, field
from typing import Any

from django.db import connection, transaction

from members.lib import tenant as tenancy
from members.services.statements import Wrong, check_shops

LISTED = 100  # mismatches that a report names

_END = "hashint8extended({balance}, hashint8extended({sequence}, {member} # %(seed)s))"
_AFTER = _END.format(balance="balance_after", sequence="sequence", member="member_id")
_BEFORE = _END.format(balance="balance_after - points", sequence="sequence - 1", member="member_id")
_LAST = _END.format(balance="available - deficit", sequence="sequence", member="member_id")
_FIRST = _END.format(balance="0", sequence="0", member="member_id")
# A weight of its own for each member, and for each lot: sums that are equal together but not each show.
_WEIGHT = "(hashint8extended(%(seed)s, {of}member_id) & 1073741823)"
_LOT_WEIGHT = "(hashint8extended({lot}, {of}member_id # %(seed)s) & 1073741823)"
_SHOPS = "{of}merchant_id between %(first)s and %(last)s"


def _weighed(points: str, weight: str, where: str = "") -> str:
    """The sum of points times weight, exact for as many points as there may be: in halves that fit a bigint."""
    return (
        f"coalesce(sum(({points} & 4294967295) * {weight}) filter (where {where or f'{points} <> 0'}), 0)::numeric"
        f" + 4294967296 * coalesce(sum(({points} >> 32) * {weight}) filter (where {points} >> 32 <> 0), 0)::numeric"
    )


_BY_MEMBER, _OF_L = _WEIGHT.format(of=""), _WEIGHT.format(of="l.")
_SHOP, _SHOP_L = _SHOPS.format(of=""), _SHOPS.format(of="l.")


def _by_lot(points: str, lot: str, of: str = "") -> str:
    return _weighed(points, _LOT_WEIGHT.format(lot=lot, of=of))


# One statement, so one moment of the database, whoever posts meanwhile. A lot of amount a, of which entries took t and
# x expired, has a - t - x left; what a dead lot still says of itself is what a refund may find gone.
SUMS = f"""
select 'entries' as part, merchant_id, array[
    count(*),
    sum({_AFTER}) - sum({_BEFORE}),
    {_weighed("pending", _BY_MEMBER)},
    {_weighed("points", _LOT_WEIGHT.format(lot="lot", of=""), where="lot is not null")}
]::numeric[]
from members_pointsentry where {_SHOP} group by 2
union all
select 'accounts', merchant_id, array[
    count(*), sum(sequence),
    sum({_LAST}) - sum({_FIRST}),
    {_weighed("pending", _BY_MEMBER)}, {_weighed("available", _BY_MEMBER)}
]::numeric[]
from members_pointsaccount where {_SHOP} group by 2
union all
select 'lots', merchant_id, array[
    {_weighed("remaining", _BY_MEMBER)}, {_by_lot("remaining", "number")}, {_by_lot("amount", "number")}
]::numeric[] from members_pointslot where {_SHOP} group by 2
union all
select 'dead', l.merchant_id, array[
    {_weighed("l.remaining", _OF_L)}, {_by_lot("l.remaining", "l.number", "l.")}
]::numeric[]
from members_pointslot l join members_pointsaccount a
    on a.merchant_id = l.merchant_id and a.member_id = l.member_id
where l.remaining > 0 and {_SHOP_L}
    and l.expires_on <= (select max(expired_through) from members_pointsaccount) and l.expires_on <= a.expired_through
group by 2
union all
select 'taken', merchant_id, array[{_by_lot("points", "lot")}]::numeric[] from members_pointsallocation
where {_SHOP} group by 2
union all
select 'waiting', merchant_id, array[{_weighed("points", _BY_MEMBER)}]::numeric[] from members_pendingpoints
where points > 0 and {_SHOP} group by 2
"""
PARTS = ("entries", "accounts", "lots", "dead", "taken", "waiting")
# One member at a time, for a merchant whose sums differ.
MEMBERS = """
with entries as (
    select member_id, count(*) as entries, sum(points) as points, sum(pending) as pending, min(sequence) as first,
        max(sequence) as last,
        count(*) filter (where balance_after <> so_far) as broken
    from (
        select e.*, sum(points) over (partition by member_id order by sequence) as so_far
        from members_pointsentry e where merchant_id = %(merchant)s
    ) e group by 1
), each_lot as (
    select l.member_id, l.number, l.amount, l.remaining,
        coalesce(l.expires_on <= a.expired_through, false) as is_dead
    from members_pointslot l
    left join members_pointsaccount a on a.merchant_id = l.merchant_id and a.member_id = l.member_id
    where l.merchant_id = %(merchant)s
), lots as (
    select member_id, sum(remaining) as remaining from each_lot where remaining > 0 and not is_dead group by 1
), moved as (
    select member_id, lot as number, sum(points) as points from members_pointsallocation
    where merchant_id = %(merchant)s group by 1, 2
), lapsed as (
    select member_id, lot as number, -sum(points) as points from members_pointsentry
    where merchant_id = %(merchant)s and lot is not null group by 1, 2
), apart as (
    select member_id, count(*) as wrong
    from each_lot l full join moved m using (member_id, number) full join lapsed x using (member_id, number)
    where l.amount is null
        or l.amount - coalesce(m.points, 0) - coalesce(x.points, 0)
            <> case when l.is_dead then 0 else l.remaining end
        or (l.is_dead and l.remaining > coalesce(x.points, 0))
    group by 1
), waiting as (
    select member_id, sum(points) as points from members_pendingpoints
    where merchant_id = %(merchant)s and points > 0 group by 1
), compared as (
    select member_id,
        case
            when a.sequence is null then 'no account'
            when coalesce(e.entries, 0) <> a.sequence or coalesce(e.last, 0) <> a.sequence
                or coalesce(e.first, 1) <> 1 then 'sequence'
            when coalesce(e.broken, 0) > 0 then 'running balance'
            when coalesce(e.points, 0) <> a.available - a.deficit then 'balance'
            when coalesce(e.pending, 0) <> a.pending or coalesce(w.points, 0) <> a.pending then 'pending'
            when coalesce(l.remaining, 0) <> a.available then 'lots'
            when p.wrong > 0 then 'single lots'
        end as what
    from (select * from members_pointsaccount where merchant_id = %(merchant)s) a
    full join entries e using (member_id)
    full join lots l using (member_id)
    full join waiting w using (member_id)
    full join apart p using (member_id)
)
select member_id, what, count(*) over () from compared where what is not null order by member_id limit %(listed)s
"""
LAST_SHOP = 2**62


@dataclass(slots=True)
class Mismatch:
    """A member whose ledger does not add up, and in what."""

    merchant_id: int
    member_id: int
    what: str


@dataclass(slots=True)
class Proof:
    """What was replayed, how many members do not add up, and the first of them; and the months that were closed and
    are no longer what their statement says.
    """

    members: int = 0
    entries: int = 0
    mismatches: int = 0
    listed: list[Mismatch] = field(default_factory=list)
    statements: int = 0
    wrong_statements: list[Wrong] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        """Whether everything says the same."""
        return not (self.mismatches or self.statements)

    def as_json(self) -> dict[str, Any]:
        """The report of the command and the nightly job."""
        return asdict(self)


def prove(*, at: dt.datetime, merchant_id: int | None = None) -> Proof:
    """Replay the ledger of a merchant, or of all, at one moment. Works as platform; writes nothing.

    `at` is when it is asked; the moment is that of one snapshot of the database.
    """
    if merchant_id is not None:
        return prove_shops(first=merchant_id, last=merchant_id)
    return prove_shops(first=0, last=LAST_SHOP)


def prove_shops(*, first: int, last: int) -> Proof:
    """Replay the ledgers of the merchants with ids from `first` to `last`, at one moment, and hold the statements of
    closed months against them. Works as platform.
    """
    found = Proof()
    parameters = {"first": first, "last": last, "seed": secrets.randbits(62)}
    parts: dict[str, dict[int, list[int]]] = {name: {} for name in PARTS}
    with tenancy.platform(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(SUMS, parameters)
        for part, merchant, sums in cursor.fetchall():
            parts[part][merchant] = [int(each) for each in sums]
        found.entries = sum(row[0] for row in parts["entries"].values())
        found.members = sum(row[0] for row in parts["accounts"].values())
        for merchant in sorted(set().union(*(parts[name].keys() for name in PARTS))):
            if not _adds_up(parts, merchant):
                _name_members(cursor, merchant, found)
    wrong = check_shops(first=first, last=last)
    found.statements, found.wrong_statements = len(wrong), wrong[:LISTED]
    return found


def _adds_up(parts: dict[str, dict[int, list[int]]], merchant: int) -> bool:
    """Whether the sums of a merchant's tables say the same."""
    count, chain, pending, lapsed = parts["entries"].get(merchant, [0] * 4)
    _members, sequences, ends, account_pending, available = parts["accounts"].get(merchant, [0] * 5)
    left, left_by_lot, amounts = parts["lots"].get(merchant, [0] * 3)
    dead, dead_by_lot = parts["dead"].get(merchant, [0] * 2)
    (taken,) = parts["taken"].get(merchant, [0])
    (waiting,) = parts["waiting"].get(merchant, [0])
    replayed = (count, chain, pending, waiting, left - dead, amounts - taken + lapsed)
    return replayed == (
        sequences,
        ends,
        account_pending,
        account_pending,
        available,
        left_by_lot - dead_by_lot,
    )


def _name_members(cursor: Any, merchant_id: int, found: Proof) -> None:
    cursor.execute(MEMBERS, {"merchant": merchant_id, "listed": LISTED})
    rows = cursor.fetchall()
    found.mismatches += rows[0][2] if rows else 1
    rows = rows or [(0, "sums", 1)]  # sums that differ are an alarm, whomever they concern
    room = max(0, LISTED - len(found.listed))
    found.listed.extend(Mismatch(merchant_id, member, what) for member, what, _total in rows[:room])
