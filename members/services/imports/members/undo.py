"""Taking members back whom an import made (the rules: `members.services.imports.members`)."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass
from typing import Any

from django.db import connection

from members.models import (
    Identity,
    ImportedMember,
    ImportJob,
    Member,
    MemberStatus,
    MemberTag,
    Merchant,
    SegmentMember,
    TierStanding,
    TierValidity,
)
from members.selectors.imports import TAKEN
from members.services import posting, programs
from members.services.audit import Actor
from members.services.imports.kinds import Undoing

# Why a member is kept, the first that holds: SQL over `m`, a member of the merchant. An app that lets members have
# something of their own adds its own reason (`keep_when`).
KEPT_BY: dict[str, str] = {
    "orders": "exists (select from members_order o where o.merchant_id = m.merchant_id and o.member_id = m.id)",
    "points": "exists (select from members_pointsentry e where e.merchant_id = m.merchant_id and e.member_id = m.id)",
    "known": (
        "m.phone_verified or 1 < (select count(*) from members_identity i "
        "where i.merchant_id = m.merchant_id and i.member_id = m.id)"
    ),
    "events": (
        "exists (select from members_earninguse u where u.merchant_id = m.merchant_id and u.member_id = m.id) "
        "or exists (select from members_referral r where r.merchant_id = m.merchant_id "
        "and (r.referred_id = m.id or r.referrer_id = m.id))"
    ),
    "tier": (
        "exists (select from members_tiermove t where t.merchant_id = m.merchant_id and t.member_id = m.id "
        "and t.at > (select j.at from members_importjob j where j.merchant_id = n.merchant_id and j.id = n.job_id))"
    ),
}


def keep_when(code: str, condition: str) -> None:
    """Keep members for whom an SQL condition over `m` holds; `code` has at most 10 letters."""
    KEPT_BY[code] = condition


@dataclass(slots=True)
class Consequences:
    """What taking an import back would do now: of its new members, so many `taken`, and so many `kept`, by reason."""

    members: int
    taken: int
    kept: int
    reasons: list[tuple[str, int]]


class MembersUndoing(Undoing):
    """New members made nobody again: so many `taken`, so many `kept`."""

    counters = ("taken", "kept")

    def has_any(self, job: ImportJob) -> bool:
        """Whether it made members."""
        return bool(job.created)

    def consequences(self, job: ImportJob) -> Consequences | None:
        """What taking it back would do now."""
        with connection.cursor() as cursor:
            cursor.execute(
                f"select why, count(*) from ({_standing()}) s group by why", [job.merchant_id, job.pk]
            )
            counts = Counter(dict(cursor.fetchall()))
        taken = counts.pop("", 0)
        kept = sum(counts.values())
        return Consequences(taken + kept, taken, kept, counts.most_common()) if taken + kept else None

    def take_back(self, job: ImportJob, merchant: Merchant, at: dt.datetime, actor: Actor, size: int) -> bool:
        """Take the next members back. Raises ProgramNotOpen, ProgramCleared."""
        posting.lock_merchant(merchant_id=job.merchant_id, alone=True)
        programs.lock_open(merchant_id=job.merchant_id)
        with connection.cursor() as cursor:
            cursor.execute(
                f"{_standing()} and n.id > %s order by n.id limit %s",
                [job.merchant_id, job.pk, job.undo["position"], size],
            )
            rows = cursor.fetchall()
        if not rows:
            return True
        _erase(job.merchant_id, [member_id for _id, member_id, why in rows if not why])
        made = ImportedMember.objects.of(job.merchant_id)
        for why in {row[2] for row in rows}:
            ids = [row[0] for row in rows if row[2] == why]
            made.filter(pk__in=ids).update(undone=why or TAKEN)
        taken = sum(not row[2] for row in rows)
        job.undo = job.undo | {
            "position": rows[-1][0],
            "rows": job.undo["rows"] + len(rows),
            "taken": job.undo["taken"] + taken,
            "kept": job.undo["kept"] + len(rows) - taken,
        }
        return len(rows) < size


def _standing() -> str:
    """The members an import made that are not undone: (row, member, why kept or "")."""
    cases = " ".join(f"when {condition} then '{code}'" for code, condition in KEPT_BY.items())
    return (
        f"select n.id, n.member_id, case {cases} else '' end as why from members_importedmember n "
        "join members_member m on m.merchant_id = n.merchant_id and m.id = n.member_id and m.status <> 'erased' "
        "where n.merchant_id = %s and n.job_id = %s and n.made and n.undone = ''"
    )


def _erase(merchant_id: int, member_ids: list[int]) -> None:
    """What names these people goes, their ids are nobody's, and they hold no tier, no tag and no
    place in a list."""
    if not member_ids:
        return
    nothing: dict[str, Any] = dict.fromkeys(
        ("phone", "phone_index", "phone_tail", "name", "name_token", "name_first_token", "name_rest_token",
         "birth_month", "birth_day", "email", "email_index", "email_consent_at")
    )  # fmt: skip
    nothing |= {"status": MemberStatus.ERASED, "email_consent_source": ""}
    Member.objects.of(merchant_id).filter(pk__in=member_ids).update(**nothing)
    Identity.objects.of(merchant_id).filter(member_id__in=member_ids).update(member=None, linked_at=None)
    for model in (TierStanding, TierValidity, MemberTag, SegmentMember):
        model.objects.of(merchant_id).filter(member_id__in=member_ids).delete()
