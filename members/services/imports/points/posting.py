"""Crediting a chunk of rows: their requests, entries, lots and accounts, set-based and once each."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db import connection
from django.utils.translation import gettext as _

from members.lib import bulk
from members.lib.expiry import Expiry
from members.lib.fields import opaque_id
from members.lib.periods import merchant_day
from members.lib.posting import Changes, MemberState
from members.lib.posting.ledger import Ledger
from members.lib.refusals import NotFound
from members.lib.tiers import TierStanding
from members.models import ImportJob, Merchant, PointsRequest, PointsRequestStatus, PointsVerb
from members.selectors import rules as rules_selector
from members.services import posting, programs, webhook_events
from members.services.audit import Actor
from members.services.imports import people
from members.services.imports.points.checking import RULE, Credit
from members.services.imports.rows import Posted

SPACE = "import"
REQUEST_COLUMNS = (
    "id", "public_id", "space", "key", "verb", "member_id", "points", "reason", "status", "at", "sequence",
    "postings", "actor_kind", "actor_label", "by_id", "details",
)  # fmt: skip


@dataclass(slots=True)
class Sorted:
    """What is to be done of some rows: credits still to be posted with their members, and of the others why not."""

    fresh: list[tuple[Credit, int]] = field(default_factory=list)
    unchanged: int = 0
    reasons: dict[int, str] = field(default_factory=dict)


def key_of(job: ImportJob, credit: Credit) -> str:
    """What makes a row the same row: its id in the other system, else its line in this very file."""
    return f"row {credit.row_id}" if credit.row_id else f"{job.sha256[:40]} {credit.line}"


def body_of(credit: Credit) -> list[object]:
    """What a row that comes again must say again, besides its member and its points."""
    return [
        str(credit.expires_on or "never"),
        credit.granted_at and credit.granted_at.isoformat(),
        credit.reason,
    ]


def known(job: ImportJob, wanted: Sequence[Credit]) -> dict[str, tuple[int, int, list[object]]]:
    """(member, points, body) of the keys that were credited before."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select r.key, r.member_id, r.points, (r.details -> 'body')::text from members_pointsrequest r "
            "join unnest(%s::text[]) k (key) on k.key = r.key where r.merchant_id = %s and r.space = %s",
            [[key_of(job, credit) for credit in wanted], job.merchant_id, SPACE],
        )
        return {
            key: (member_id, points, json.loads(body)) for key, member_id, points, body in cursor.fetchall()
        }


def sort_out(job: ImportJob, wanted: Sequence[Credit]) -> Sorted:
    """Which credits are still to be posted. Reads only."""
    done = Sorted()
    members = people.find(job.merchant_id, wanted)
    stored = known(job, wanted)
    for credit in wanted:
        member_id = members.get((credit.channel, credit.member_key))
        if member_id is None:
            done.reasons[credit.line] = _("“%(key)s” is no member of this shop.") % {"key": credit.member_key}
            continue
        before = stored.get(key_of(job, credit))
        if before is None:
            done.fresh.append((credit, member_id))
        elif before == (member_id, credit.points, body_of(credit)):
            done.unchanged += 1
        else:
            done.reasons[credit.line] = _other(credit)
    return done


def _other(credit: Credit) -> str:
    """Why a row that was imported before is not taken as the same."""
    if not credit.row_id:
        return _(
            "This line of the same file was imported before, and meant another member or something else."
        )
    return _("The row id %(id)s was imported before and said something else then.") % {"id": credit.row_id}


def post_chunk(
    job: ImportJob, merchant: Merchant, wanted: Sequence[Credit], actor: Actor, at: dt.datetime
) -> Posted:
    """Credit what is not credited yet. In the caller's transaction. Raises ProgramNotOpen, ProgramCleared, NotFound."""
    posting.lock_merchant(merchant_id=job.merchant_id, alone=False)
    program = programs.lock_open(merchant_id=job.merchant_id)
    version = rules_selector.version_at(merchant_id=job.merchant_id, at=at)
    if version is None:
        raise NotFound(_("This program has no rules yet."))
    found = sort_out(job, wanted)
    fresh, done = found.fresh, Posted({"unchanged": found.unchanged}, found.reasons)
    if not fresh:
        return done
    rules, today = rules_selector.point_rules(version), merchant_day(at, merchant.zone)
    folded = Fold(job.merchant_id, {member_id for _credit, member_id in fresh}, at, today, version.number)
    ids = bulk.next_ids(PointsRequest, len(fresh))
    rows = []
    for request_id, (credit, member_id) in zip(ids, fresh, strict=True):
        ledger = folded.ledger(member_id)
        until = rules.last_day(ledger.today) if credit.expires_on == RULE else credit.expires_on
        assert not isinstance(until, str)
        entry = ledger.credit(
            "adjust",
            credit.points,
            cause="staff",
            expires_on=max(until, ledger.today) if until else None,
            request=request_id,
            posting=1,
        )
        rows.append(
            (request_id, opaque_id(16), SPACE, key_of(job, credit), str(PointsVerb.IMPORT), member_id, credit.points,
             credit.reason, str(PointsRequestStatus.DONE), at, entry.sequence, 1, actor.kind, actor.label[:150],
             actor.user_id, {"import": job.public_id, "file": job.file_name, "line": credit.line,
                             "body": body_of(credit)})
        )  # fmt: skip
    bulk.insert(PointsRequest, job.merchant_id, REQUEST_COLUMNS, rows)
    posting.write(merchant_id=job.merchant_id, changes=folded.changes)
    webhook_events.told(folded.changes, program=program, at=at)
    done.counters |= {"created": len(rows), "points": sum(credit.points for credit, _member_id in fresh)}
    done.first, done.last = min(ids), max(ids)
    return done


class Fold:
    """The accounts of some members, locked in member order and open for writing at one instant."""

    def __init__(
        self,
        merchant_id: int,
        members: set[int],
        at: dt.datetime,
        today: dt.date,
        version: int,
        *,
        lots: bool = False,
    ) -> None:
        posting.lock_members(merchant_id=merchant_id, member_ids=members)
        self.accounts = posting.accounts(merchant_id=merchant_id, member_ids=members, lots=lots)
        self.at, self.today, self.version = at, today, version
        self.changes = Changes()
        self.ledgers: dict[int, Ledger] = {}

    def ledger(self, member_id: int) -> Ledger:
        """A member's account."""
        if member_id not in self.ledgers:
            account = self.accounts[member_id]
            standing = TierStanding(tier_id=0, since=self.at)
            self.changes.accounts[member_id] = MemberState(member_id, standing, account)
            self.ledgers[member_id] = Ledger(
                account, self.changes, member_id, self.at, self.today, Expiry(), self.version
            )
        return self.ledgers[member_id]
