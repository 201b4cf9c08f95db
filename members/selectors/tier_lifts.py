"""Edits of the rules that members still wait for, and who holds a tier that is gone (domain.md 5)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from django.db import connection
from django.db.models import Q

from members.lib.tiers import TierRules
from members.models import Member, MemberStatus, Program, ProgramStatus, RulesVersion, TierLift, WorkState
from members.models.worked import WORKED

OPEN = (*WORKED, WorkState.FAILED)  # of one that broke off, too, members still wait
# By their keys: between those of one posting there may be everybody else of the shop.
LOSING = """
select member_id from members_tierstanding
where merchant_id = %(merchant)s and member_id = any(%(members)s::bigint[]) and tier_id <> all(%(ladder)s::bigint[])
order by member_id
"""


def losing(*, merchant_id: int, rules: TierRules, member_ids: Collection[int]) -> list[int]:
    """Those of some members who hold a tier that the rules do not have, by id. Who is a member no more has a standing
    all the same, which must not name a tier that is gone. One query."""
    if not member_ids:
        return []
    asked: dict[str, Any] = {
        "merchant": merchant_id,
        "members": sorted(member_ids),
        "ladder": list(rules.rank),
    }
    with connection.cursor() as cursor:
        cursor.execute(LOSING, asked)
        return [row[0] for row in cursor.fetchall()]


def active(*, merchant_id: int, member_ids: Collection[int]) -> list[int]:
    """Those of some members who are members still. One query."""
    if not member_ids:
        return []
    here = Member.objects.of(merchant_id).filter(pk__in=member_ids, status=MemberStatus.ACTIVE)
    return list(here.values_list("pk", flat=True))


def still_open(*, merchant_id: int) -> list[TierLift]:
    """The lifts that some members still wait for, in the order in which they came into force."""
    return list(TierLift.objects.of(merchant_id).filter(state__in=OPEN).order_by("pk"))


def resting() -> Q:
    """Those that `rests` is true of, as a condition. They are sent to a worker when their program opens."""
    return Q(is_open=True) & ~Q(merchant__program__status=ProgramStatus.OPEN)


def rests(lift: TierLift, program: Program) -> bool:
    """Whether a lift waits for its program to open again: one that began while it was open."""
    return lift.is_open and program.status != ProgramStatus.OPEN


def last(*, merchant_id: int, version: RulesVersion | None) -> TierLift | None:
    """What the last edit of the tiers up to a version did: an edit of the points alone moves nobody."""
    if version is None:
        return None
    found = TierLift.objects.of(merchant_id).filter(version__lte=version.number)
    return found.order_by("-version", "-pk").first()


def of_version(*, merchant_id: int, version: RulesVersion | None) -> TierLift | None:
    """What a version of the rules did, or does, to the members; None where nobody was there."""
    if version is None:
        return None
    return TierLift.objects.of(merchant_id).filter(version=version.number).order_by("pk").first()


def flows(lift: TierLift) -> Sequence[tuple[int, int, int]]:
    """(from tier id, to tier id, members), the largest first."""
    return sorted(((a, b, n) for a, b, n in lift.flows), key=lambda flow: (-flow[2], flow[0], flow[1]))
