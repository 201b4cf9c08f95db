"""The proof of the ledger: every entry replayed, and balances, pending, lots and accounts compared (domain.md 6).

A first pass reads every row once and compares sums of keyed hashes, a merchant at a time. An account's entries are a
chain, each going from (sequence - 1, balance before) to (sequence, balance after): summed over all of them, the ends of
links must cancel against the beginnings, but for the accounts' own ends. One wrong, missing, doubled or reordered entry
leaves a difference, unless 64 bits of hash collide. Only where sums differ are members compared one by one.
"""

from __future__ import annotations

import datetime as dt
import secrets
from dataclasses import asdict, dataclass, field
from typing import Any

from django.db import connection, transaction

from members.lib import tenant as tenancy

LISTED = 100  # mismatches that a report names

_END = "hashint8extended({balance}, hashint8extended({sequence}, {member} # %(seed)s))"
_AFTER = _END.format(balance="balance_after", sequence="sequence", member="member_id")
_BEFORE = _END.format(balance="balance_after - points", sequence="sequence - 1", member="member_id")
_LAST = _END.format(balance="available - deficit", sequence="sequence", member="member_id")
_FIRST = _END.format(balance="0", sequence="0", member="member_id")
# A weight of its own for each member: sums of members that are equal together but not each show.
_WEIGHT = "(hashint8extended(%(seed)s, member_id) & 1073741823)"
# One statement, so one moment of the database, whoever posts meanwhile.
SUMS = f"""
select 'entries' as part, merchant_id, array[
    count(*),
    sum({_AFTER}) - sum({_BEFORE}),
    coalesce(sum(pending * {_WEIGHT}) filter (where pending <> 0), 0)
]::numeric[]
from members_pointsentry where %(merchant)s::bigint is null or merchant_id = %(merchant)s group by 2
union all
select 'accounts', merchant_id, array[
    count(*), sum(sequence),
    sum({_LAST}) - sum({_FIRST}),
    sum(pending * {_WEIGHT}), sum(available * {_WEIGHT})
]::numeric[]
from members_pointsaccount where %(merchant)s::bigint is null or merchant_id = %(merchant)s group by 2
union all
select 'lots', merchant_id, array[sum(remaining * {_WEIGHT})]::numeric[] from members_pointslot
where remaining > 0 and (%(merchant)s::bigint is null or merchant_id = %(merchant)s) group by 2
union all
select 'dead', l.merchant_id, array[sum(l.remaining * {_WEIGHT.replace("member_id", "l.member_id")})]::numeric[]
from members_pointslot l join members_pointsaccount a
    on a.merchant_id = l.merchant_id and a.member_id = l.member_id
where l.remaining > 0 and (%(merchant)s::bigint is null or l.merchant_id = %(merchant)s)
    and l.expires_on <= (select max(expired_through) from members_pointsaccount) and l.expires_on <= a.expired_through
group by 2
union all
select 'waiting', merchant_id, array[sum(points * {_WEIGHT})]::numeric[] from members_pendingpoints
where points > 0 and (%(merchant)s::bigint is null or merchant_id = %(merchant)s) group by 2
"""
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
), lots as (
    select l.member_id, sum(l.remaining) as remaining from members_pointslot l
    left join members_pointsaccount a on a.merchant_id = l.merchant_id and a.member_id = l.member_id
    where l.merchant_id = %(merchant)s and l.remaining > 0
        and (l.expires_on is null or a.expired_through is null or l.expires_on > a.expired_through)
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
        end as what
    from (select * from members_pointsaccount where merchant_id = %(merchant)s) a
    full join entries e using (member_id)
    full join lots l using (member_id)
    full join waiting w using (member_id)
)
select member_id, what, count(*) over () from compared where what is not null order by member_id limit %(listed)s
"""


@dataclass(slots=True)
class Mismatch:
    """A member whose ledger does not add up, and in what."""

    merchant_id: int
    member_id: int
    what: str


@dataclass(slots=True)
class Proof:
    """What was replayed, how many members do not add up, and the first of them."""

    members: int = 0
    entries: int = 0
    mismatches: int = 0
    listed: list[Mismatch] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The report of the command and the nightly job."""
        return asdict(self)


def prove(*, at: dt.datetime, merchant_id: int | None = None) -> Proof:
    """Replay the ledger of a merchant, or of all, at one moment. Works as platform; writes nothing.

    `at` is when it is asked; the moment is that of one snapshot of the database.
    """
    found = Proof()
    parameters = {"merchant": merchant_id, "seed": secrets.randbits(62)}
    parts: dict[str, dict[int, list[int]]] = {
        name: {} for name in ("entries", "accounts", "lots", "dead", "waiting")
    }
    with tenancy.platform(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(SUMS, parameters)
        for part, merchant, sums in cursor.fetchall():
            parts[part][merchant] = [int(each) for each in sums]
        entries, accounts, lots, dead, waiting = parts.values()
        found.entries = sum(row[0] for row in entries.values())
        found.members = sum(row[0] for row in accounts.values())
        for merchant in sorted(entries.keys() | accounts.keys() | lots.keys() | waiting.keys()):
            count, chain, pending = entries.get(merchant, [0] * 3)
            _n, sequences, ends, account_pending, available = accounts.get(merchant, [0] * 5)
            live = lots.get(merchant, [0])[0] - dead.get(merchant, [0])[0]
            replayed = (count, chain, pending, waiting.get(merchant, [0])[0], live)
            if replayed != (sequences, ends, account_pending, account_pending, available):
                _name_members(cursor, merchant, found)
    return found


def _name_members(cursor: Any, merchant_id: int, found: Proof) -> None:
    cursor.execute(MEMBERS, {"merchant": merchant_id, "listed": LISTED})
    rows = cursor.fetchall()
    found.mismatches += rows[0][2] if rows else 1
    room = LISTED - len(found.listed)
    found.listed.extend(Mismatch(merchant_id, member, what) for member, what, _total in rows[:room])
