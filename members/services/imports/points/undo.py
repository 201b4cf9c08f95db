"""Taking credits back (the rules: `members.services.imports.points`)."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from members.lib import bulk
from members.lib.periods import merchant_day
from members.lib.posting import Lot
from members.lib.posting.ledger import is_dead
from members.lib.refusals import NotFound
from members.models import ImportJob, Merchant, PointsRequest, PointsRequestStatus
from members.selectors import rules as rules_selector
from members.services import posting, programs, webhook_events
from members.services.audit import Actor
from members.services.imports.kinds import Undoing
from members.services.imports.points.posting import Fold

LONGEST_KEY = 128
# Requests of the import that stand: those of its range of ids that name it.
STANDING = """
select r.id, r.member_id, r.points, r.sequence, r.key, r.details::text from members_pointsrequest r
where r.merchant_id = %(merchant)s and r.id > %(after)s and r.id <= %(last)s and r.space = 'import'
    and r.details ->> 'import' = %(import)s and r.status = 'done'
order by r.id limit %(size)s
"""
CONSEQUENCES = """
with asked as (
    select r.member_id, r.points, l.remaining,
        l.expires_on is not null and l.expires_on <= greatest(a.expired_through, p.points_expired_through) as is_dead
    from members_pointsrequest r
    join members_pointslot l on l.merchant_id = r.merchant_id and l.member_id = r.member_id and l.number = r.sequence
    join members_pointsaccount a on a.merchant_id = r.merchant_id and a.member_id = r.member_id
    join members_program p on p.merchant_id = r.merchant_id
    where r.merchant_id = %(merchant)s and r.id between %(first)s and %(last)s and r.space = 'import'
        and r.details ->> 'import' = %(import)s and r.status = 'done'
), of_members as (
    select member_id, count(*) as rows, sum(points) as points,
        coalesce(sum(remaining) filter (where is_dead), 0) as expired,
        coalesce(sum(remaining) filter (where is_dead is not true), 0) as untouched
    from asked group by member_id
), taken as (
    select m.*, least(m.points - m.expired, a.available) as taken
    from of_members m join members_pointsaccount a on a.merchant_id = %(merchant)s and a.member_id = m.member_id
)
select coalesce(sum(rows), 0), count(*), coalesce(sum(points), 0), coalesce(sum(untouched), 0),
    coalesce(sum(taken), 0), coalesce(sum(expired), 0), coalesce(sum(points - expired - taken), 0),
    count(*) filter (where points - expired > taken)
from taken
"""


@dataclass(slots=True)
class Consequences:
    """What taking an import back would do now: of its `points`, `untouched` lie where they were put, `taken` would be
    taken (from other points of the member too, where some were spent), `expired` are gone, `left` stay spent.
    """

    rows: int
    members: int
    points: int
    untouched: int
    taken: int
    expired: int
    left: int
    members_left: int

    @property
    def from_others(self) -> int:
        """What would come from other points of the members."""
        return max(0, self.taken - self.untouched)


class PointsUndoing(Undoing):
    """Credits taken back one by one: `taken` points, `expired` ones, `left` as they were spent, of `members_left`."""

    counters = ("taken", "expired", "left", "members_left")

    def has_any(self, job: ImportJob) -> bool:
        """Whether it credited anything."""
        return bool(job.requests)

    def numbers(self, job: ImportJob) -> dict[str, int]:
        """Points alone."""
        return {name: job.undo[name] for name in ("taken", "expired", "left")}

    def consequences(self, job: ImportJob) -> Consequences | None:
        """What taking it back would do now."""
        with connection.cursor() as cursor:
            cursor.execute(CONSEQUENCES, _parameters(job) | {"first": job.requests["first"]})
            found = Consequences(*map(int, cursor.fetchone()))
        return found if found.rows else None

    def take_back(self, job: ImportJob, merchant: Merchant, at: dt.datetime, actor: Actor, size: int) -> bool:
        """Take the next credits back. Raises ProgramNotOpen, ProgramCleared, NotFound."""
        posting.lock_merchant(merchant_id=job.merchant_id, alone=False)
        program = programs.lock_open(merchant_id=job.merchant_id)
        version = rules_selector.version_at(merchant_id=job.merchant_id, at=at)
        if version is None:
            raise NotFound(_("This program has no rules yet."))
        with connection.cursor() as cursor:
            cursor.execute(STANDING, _parameters(job) | {"after": job.undo["position"], "size": size})
            asked = cursor.fetchall()
        if not asked:
            return True
        members = {row[1] for row in asked}
        fold = Fold(job.merchant_id, members, at, merchant_day(at, merchant.zone), version.number, lots=True)
        own = {(member, lot.number): lot for member, account in fold.accounts.items() for lot in account.lots}
        rows, short, done = [], set(), dict(job.undo)
        for request_id, member_id, points, number, key, details in asked:
            ledger = fold.ledger(member_id)
            lot = own.get((member_id, number)) or Lot(number, None, at, points, 0)
            expired = lot.remaining if is_dead(lot, ledger.account.expired_through) else 0
            entry = ledger.take_back(
                "adjust", points, lot, partly=True, cause="staff", request=request_id, posting=2
            )
            taken = -entry.points if entry else 0
            left = points - min(points, expired) - taken
            done["rows"] += 1
            done["taken"] += taken
            done["expired"] += min(points, expired)
            done["left"] += left
            if left:
                short.add(member_id)
            about = json.loads(details) | {"reversed_by": actor.label, "taken": taken, "left": left}
            freed = f"{key} ~{job.pk}"[:LONGEST_KEY]
            rows.append((request_id, str(PointsRequestStatus.CANCELLED), at, 2 if entry else 1, freed, about))
        done["members_left"] += len(short)
        done["position"] = asked[-1][0]
        job.undo = done
        posting.write(merchant_id=job.merchant_id, changes=fold.changes)
        columns = ["status", "settled_at", "postings", "key", "details"]
        bulk.update(PointsRequest, job.merchant_id, ["id"], columns, rows)
        webhook_events.told(fold.changes, program=program, at=at)
        return len(asked) < size


def _parameters(job: ImportJob) -> dict[str, Any]:
    return {"merchant": job.merchant_id, "import": job.public_id, "last": job.requests["last"]}
