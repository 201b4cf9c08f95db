"""What comes by itself: gifts for joining, reaching a tier, a birthday, set-based and each once (domain.md 8, 5).

Joining and rising are heard of in the transaction in which they happen (`members.services.occasions`); birthdays are
found by the daily job. A benefit that is not in force, is for others, has nothing left or reached a limit brings
nothing: an occasion is never refused for it. Where not all can have one, who has been a member longest comes first.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter as Tally
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Q

from benefits.lib.audience import tiers_of
from benefits.lib.kinds import KINDS
from benefits.models import Benefit, BenefitStatus, GiftCampaign
from benefits.selectors import audiences
from benefits.services import coverage, exposures, issuing
from benefits.services.exposures import Trial
from benefits.services.issuing import Counter, NotInForce
from members.lib import prepared
from members.lib.periods import local_instant
from members.lib.set_based import bigints
from members.models import Program, ProgramStatus
from members.services.audit import Actor
from members.services.occasions import Rise

JOB = Actor.job("entitlements")
# Who got as many as one may, by the indexes of members.
HAD_ENOUGH = """
select member_id from benefits_entitlement
where merchant_id = %(merchant)s and member_id = any(%(members)s::bigint[]) and benefit_id = %(benefit)s
    and state <> 'revoked'
group by member_id
having count(*) >= %(life)s or count(*) filter (where at >= %(month_from)s) >= %(month)s
    or count(*) filter (where at >= %(day_from)s) >= %(day)s
"""
ANY_OF_KINDS = (
    "select true from benefits_benefit where merchant_id = %(merchant)s and kind = any(%(kinds)s::text[]) "
    "and status = 'published' limit 1"
)
WITHOUT_LIMIT = 2_000_000_000


def on_joined(*, merchant_id: int, at: dt.datetime, member_ids: Sequence[int]) -> None:
    """The welcome of new members: gifts that are not for certain tiers, or are for the lowest one."""
    base = None
    for benefit in _welcomes(merchant_id, at):
        codes = tiers_of(benefit.audience)
        if codes is not None:
            base = base or audiences.base_tier_code(merchant_id=merchant_id, at=at)
            if base not in codes:
                continue
        issue_many(
            merchant_id=merchant_id,
            benefit_id=benefit.pk,
            at=at,
            source="join",
            who=[(member, "join") for member in member_ids],
        )


def on_risen(*, merchant_id: int, at: dt.datetime, rises: Sequence[Rise]) -> None:
    """The welcome to a tier: welcome gifts that are for members of that tier, once for each qualification."""
    for benefit in _welcomes(merchant_id, at):
        codes = tiers_of(benefit.audience) or []
        who = {rise.member_id: f"tier:{rise.key}" for rise in rises if rise.tier in codes}
        if who:
            issue_many(
                merchant_id=merchant_id,
                benefit_id=benefit.pk,
                at=at,
                source="tier",
                who=sorted(who.items()),
                is_checked=True,
            )


def _welcomes(merchant_id: int, at: dt.datetime) -> list[Benefit]:
    """The welcomes in force, with the merchant's coverage locked where there are any: several are issued in one
    transaction, and whoever changes one holds the coverage and waits for its row."""
    found = brought_by("join", merchant_id=merchant_id, at=at)
    if found:
        coverage.lock(merchant_id=merchant_id)
    return found


def brought_by(occasion: str, *, merchant_id: int, at: dt.datetime) -> list[Benefit]:
    """The benefits in force that an occasion brings, oldest first. One query where there are none, as for most orders
    that lift their member: those wait for it."""
    kinds = [code for code, kind in KINDS.items() if kind.occasion == occasion]
    if prepared.fetch_one(ANY_OF_KINDS, {"merchant": merchant_id, "kinds": kinds}) is None:
        return []
    rows = Benefit.objects.of(merchant_id).filter(kind__in=kinds, status=BenefitStatus.PUBLISHED)
    begun = Q(from_at=None) | Q(from_at__lte=at)
    return list(rows.filter(begun, Q(to_at=None) | Q(to_at__gt=at)).order_by("id"))


def issue_many(
    *,
    merchant_id: int,
    benefit_id: int,
    at: dt.datetime,
    source: str,
    who: Sequence[tuple[int, str]],
    is_checked: bool = False,
) -> int:
    """An entitlement for each (member id, cause) that may have one and has none; how many there were. In the caller's
    transaction; nothing while the program is not open. `is_checked`: the audience was looked at already."""
    if not Program.objects.filter(merchant_id=merchant_id, status=ProgramStatus.OPEN).exists():
        return 0
    try:
        told = issue_told(
            merchant_id=merchant_id,
            benefit_id=benefit_id,
            at=at,
            source=source,
            who=who,
            is_checked=is_checked,
        )
    except NotInForce:
        return 0
    return told.issued


@dataclass(frozen=True, slots=True)
class Told:
    """How many got one, and how many of those who had none of this cause did not: by why, none named without any."""

    issued: int
    refused: dict[str, int]


def issue_told(
    *,
    merchant_id: int,
    benefit_id: int,
    at: dt.datetime,
    source: str,
    who: Sequence[tuple[int, str]],
    is_checked: bool = False,
    campaign: GiftCampaign | None = None,
) -> Told:
    """The same, with what became of the others: "audience", "holdout" (of the benefit, or of the campaign), "limit",
    "none_left". The caller holds the open program.

    Raises NotFound, NotInForce.
    """
    counter = issuing.open_counter(merchant_id=merchant_id, benefit_id=benefit_id, at=at, actor=JOB)
    causes, refused = dict(who), Tally[str]()
    if not is_checked:
        fitting = audiences.among(
            merchant_id=merchant_id, audience=counter.benefit.audience, member_ids=list(causes), at=at
        )
        refused["audience"] = len(causes) - len(fitting)
        causes = {member: causes[member] for member in fitting}
    for trial in (Trial.of_benefit(counter.benefit), Trial.of_campaign(counter.benefit, campaign)):
        held = exposures.split(trial, list(causes), at)
        refused["holdout"] += len(held)
        causes = {member: cause for member, cause in causes.items() if member not in held}
    wanted = issuing.without_known(counter.benefit, causes)
    for member in _had_enough(counter, list(wanted)):
        del wanted[member]
        refused["limit"] += 1
    left = [each for each in (counter.benefit.stock, issuing.budget_pieces(counter)) if each is not None]
    chosen = sorted(wanted.items())[: min(left)] if left else sorted(wanted.items())
    refused["none_left"] = len(wanted) - len(chosen)
    issued = 0
    if chosen:
        issuing.take_stock(counter, len(chosen))
        issuing.take_budget(counter, len(chosen))
        issued = len(issuing.write(counter, source=source, who=chosen))
    return Told(issued, {why: number for why, number in refused.items() if number})


def _had_enough(counter: Counter, members: list[int]) -> list[int]:
    terms = counter.terms
    if not terms.has_member_limit or not members:
        return []
    zone, today = counter.merchant.zone, counter.today
    values: dict[str, Any] = {
        "merchant": counter.benefit.merchant_id,
        "benefit": counter.benefit.pk,
        "members": bigints(members),
        "life": terms.per_life or WITHOUT_LIMIT,
        "month": terms.per_month or WITHOUT_LIMIT,
        "day": terms.per_day or WITHOUT_LIMIT,
        "month_from": local_instant(today.replace(day=1), dt.time.min, zone),
        "day_from": local_instant(today, dt.time.min, zone),
    }
    with connection.cursor() as cursor:
        cursor.execute(HAD_ENOUGH, values)
        return [row[0] for row in cursor.fetchall()]
