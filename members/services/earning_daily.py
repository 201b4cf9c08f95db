"""What the daily job gives: birthdays, and referrals whose friend has ordered (domain.md 6).

Who is due is found as platform by an index; what is given is written as each merchant, in chunks of members, a
transaction each. A killed job is run again, a late one works its own day: an award's key says its year, so each
birthday comes once.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from members.lib import tenant as tenancy
from members.lib.earning_events import birthdays_on
from members.lib.periods import merchant_day
from members.models import Merchant, PointsRequest, ProgramStatus, Referral
from members.selectors import rules as rules_selector
from members.services import awards, posting, programs, referrals
from members.services.audit import Actor
from members.services.awards import Award
from members.services.earning import Desk

CHUNK = 5_000
JOB = Actor.job("daily")
YEAR = dt.timedelta(days=300)  # a birthday that was moved over New Year does not come twice
BIRTHDAYS = """
select m.merchant_id, m.id from members_member m
join members_program p on p.merchant_id = m.merchant_id and p.status = 'open'
join members_merchant z on z.id = m.merchant_id and z.timezone = %s
where (m.birth_month, m.birth_day) in (select * from unnest(%s::int[], %s::int[]))
    and m.birth_month is not null and m.status = 'active' and m.joined_at <= %s
order by 1, 2
"""
REFERRALS = """
select r.merchant_id, r.id from members_referral r
join members_program p on p.merchant_id = r.merchant_id and p.status = 'open'
join members_merchant z on z.id = r.merchant_id and z.timezone = %s
where r.rewarded_at is null and r.at <= %s and exists (
    select from members_dailytotal d
    where d.merchant_id = r.merchant_id and d.member_id = r.referred_id and d.orders > 0
)
order by 1, 2
"""


@dataclass(slots=True)
class Celebrated:
    """How many members had a birthday, and the points they got."""

    members: int = 0
    points: int = 0


def birthdays_due(*, zone: str, at: dt.datetime) -> Celebrated:
    """Give the birthday points of the merchant day of `at` to a zone's members."""
    days = birthdays_on(merchant_day(at, ZoneInfo(zone)))
    months, numbers = zip(*days, strict=True)
    total = Celebrated()
    for merchant_id, members in _found(BIRTHDAYS, [zone, list(months), list(numbers), at]).items():
        for start in range(0, len(members), CHUNK):
            done = celebrate(merchant_id=merchant_id, member_ids=members[start : start + CHUNK], at=at)
            total.members += done.members
            total.points += done.points
    return total


def celebrate(*, merchant_id: int, member_ids: Sequence[int], at: dt.datetime) -> Celebrated:
    """The birthday points of some members of one merchant, in one transaction; each once a year."""
    with tenancy.tenant(merchant_id), transaction.atomic():
        desk = _desk(merchant_id, at)
        rule = desk.rules.points.earning.events.active("birthday") if desk else None
        if desk is None or rule is None or not rule.points:
            return Celebrated()
        awards.lock(merchant_id=merchant_id, member_ids=member_ids)
        lately = set(
            PointsRequest.objects.of(merchant_id)
            .filter(space=awards.SPACE, key__in=[_key(each, desk.today.year - 1) for each in member_ids])
            .filter(at__gt=at - YEAR)
            .values_list("member_id", flat=True)
        )
        due = [each for each in member_ids if each not in lately]
        points = awards.give(
            merchant=desk.merchant,
            program=desk.program,
            rules=desk.rules,
            at=at,
            actor=JOB,
            awards=[Award(each, _key(each, desk.today.year), rule.points, "birthday") for each in due],
        )
        return Celebrated(points // rule.points, points)


def _key(member_id: int, year: int) -> str:
    return f"birthday:{member_id}:{year}"


def referrals_due(*, zone: str, at: dt.datetime) -> int:
    """Reward the referrals of a zone's merchants whose friend has an order that counts; how many."""
    done = 0
    for merchant_id, ids in _found(REFERRALS, [zone, at]).items():
        with tenancy.tenant(merchant_id), transaction.atomic():
            is_on = _referral_rule(_desk(merchant_id, at)) is not None
        if is_on:  # else they wait, and a night costs a look at the shop
            done += sum(_reward(merchant_id, referral_id, at) for referral_id in ids)
    return done


def _referral_rule(desk: Desk | None) -> Any:
    return None if desk is None else desk.rules.points.earning.events.active("referral")


def _reward(merchant_id: int, referral_id: int, at: dt.datetime) -> bool:
    """One referral in a transaction of its own; False when the rule is off, or it was rewarded meanwhile."""
    with tenancy.tenant(merchant_id), transaction.atomic():
        desk = _desk(merchant_id, at)
        rule = _referral_rule(desk)
        if desk is None or rule is None:
            return False
        referral = Referral.objects.of(merchant_id).get(pk=referral_id)
        awards.lock(merchant_id=merchant_id, member_ids=sorted([referral.referrer_id, referral.referred_id]))
        referral.refresh_from_db()
        if referral.rewarded_at is not None:
            return False
        referrals.reward_both(desk, rule, referral)
        return True


def _desk(merchant_id: int, at: dt.datetime) -> Desk | None:
    """The program and its rules; None while it is not open, or says nothing of earning."""
    posting.lock_merchant(merchant_id=merchant_id, alone=False)
    program = programs.lock_for_write(merchant_id=merchant_id)
    version = rules_selector.version_at(merchant_id=merchant_id, at=at)
    if program.status != ProgramStatus.OPEN or version is None or not version.earning:
        return None
    rules = rules_selector.rules_at(merchant_id=merchant_id, at=at, program=program)
    return Desk(Merchant.objects.get(pk=merchant_id), program, rules, at, JOB)


def _found(query: str, parameters: list[Any]) -> dict[int, list[int]]:
    """Ids by merchant, found as platform."""
    found: dict[int, list[int]] = defaultdict(list)
    with tenancy.platform(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(query, parameters)
        for merchant_id, row_id in cursor.fetchall():
            found[merchant_id].append(row_id)
    return found
