"""Reading what benefits and campaigns did: figures of both arms, counted now or as of last night (domain.md 8)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from benefits.lib.effects import Arm, Cost, Figures
from benefits.models import Benefit, BenefitEffect, BenefitStatus, GiftCampaign
from members.lib import set_based
from members.lib.periods import merchant_day
from members.models import Merchant, ProgramStatus

PAGE_MS = 1_500  # how long a page may count
MOST_ONE_BY_ONE = 5_000
AFTER = dt.timedelta(days=120)  # an effect is counted until its longest window is over
# Whole merchant days, from the one on which a member could first have it: the days of both arms begin alike.
SEEN = """
with seen as materialized (
    select e.member_id, e.is_held, (e.at at time zone %(zone)s)::date as day
    from benefits_exposure e where e.merchant_id = %(merchant)s and e.benefit_id = %(benefit)s
    and e.campaign_id is not distinct from %(campaign)s::bigint
)
"""
FEW = """
select count(*) from (select from benefits_exposure e where e.merchant_id = %(merchant)s and e.benefit_id = %(benefit)s
and e.campaign_id is not distinct from %(campaign)s::bigint limit %(few)s + 1) few
"""
ARMS = (
    SEEN
    + """, came as (
    select s.member_id, s.is_held, s.day, coalesce(sum(t.orders), 0) as orders,
        coalesce(sum(t.spend_minor), 0) as spend
    from seen s left join members_dailytotal t on t.merchant_id = %(merchant)s and t.member_id = s.member_id
        and t.day >= s.day and t.day < s.day + %(days)s::int and t.day <= %(today)s
    group by 1, 2, 3
)
select is_held, count(*), count(*) filter (where day + %(days)s::int <= %(today)s), count(*) filter (where orders > 0),
    sum(orders), sum(orders * orders), sum(spend), sum(spend * spend)
from came group by 1
"""
)
COST = (
    SEEN
    + """
select count(distinct n.member_id), coalesce(sum(case u.action when 'redeem' then 1 when 'undo' then -1 end), 0),
    coalesce(sum(u.saved_minor), 0),
    coalesce(sum(case u.action when 'redeem' then 1 when 'undo' then -1 end) filter (where u.saved_minor is null), 0)
from seen s
join benefits_entitlement n on n.merchant_id = %(merchant)s and n.member_id = s.member_id
    and n.benefit_id = %(benefit)s and (%(cause)s = '' or n.cause = %(cause)s)
left join benefits_entitlementuse u on u.merchant_id = %(merchant)s and u.entitlement_id = n.id
    and u.action in ('redeem', 'undo') and (u.at at time zone %(zone)s)::date < s.day + %(days)s::int
where not s.is_held
"""
)


@dataclass(frozen=True, slots=True)
class Counted:
    """Figures, as of an instant; is_stored: counted in a night, since counting takes longer than a page may."""

    figures: Figures
    at: dt.datetime
    is_stored: bool = False


def figures(
    *, merchant: Merchant, benefit: Benefit, campaign: GiftCampaign | None, days: int, at: dt.datetime
) -> Figures:
    """What both arms came to by now, in the `days` from when each member could first have it. Three statements,
    set-based, in a transaction under way."""
    values: dict[str, Any] = {
        "merchant": merchant.pk,
        "benefit": benefit.pk,
        "campaign": None if campaign is None else campaign.pk,
        "cause": "" if campaign is None else campaign.cause,
        "zone": merchant.timezone,
        "today": merchant_day(at, merchant.zone),
        "days": days,
    }
    fetch = set_based.fetch_all if _are_many(values) else set_based.fetch_few
    arms = {
        is_held: Arm(**dict(zip(Arm.__slots__, map(int, sums), strict=True)))
        for is_held, *sums in fetch(ARMS, values)
    }
    ((had, uses, saved, unknown),) = fetch(COST, values)
    cost = Cost(had=int(had), uses=int(uses), saved_minor=int(saved), unknown=int(unknown))
    return Figures(arms.get(False, Arm()), arms.get(True, Arm()), cost)


def _are_many(values: dict[str, Any]) -> bool:
    """Whether so many were exposed that what they bought is better found by a walk than one by one."""
    ((found,),) = set_based.fetch_few(FEW, {**values, "few": MOST_ONE_BY_ONE})
    return bool(found > MOST_ONE_BY_ONE)


def counted(
    *, merchant: Merchant, benefit: Benefit, campaign: GiftCampaign | None, days: int, at: dt.datetime
) -> Counted | None:
    """The figures, counted now where a page may wait for it, else as of the last night; None before the first one."""
    now = set_based.in_time(
        lambda: figures(merchant=merchant, benefit=benefit, campaign=campaign, days=days, at=at),
        milliseconds=PAGE_MS,
    )
    if now is not None:
        return Counted(now, at)
    row = BenefitEffect.objects.of(merchant.pk).filter(benefit=benefit, campaign=campaign, days=days).first()
    return None if row is None else Counted(Figures.of(row.figures), row.at, is_stored=True)


def to_enrol(*, at: dt.datetime) -> list[tuple[int, int]]:
    """(merchant, benefit) of benefits in force in open programs whose members are not all written down yet. Works as
    platform."""
    rows = Benefit.objects.filter(
        Q(from_at=None) | Q(from_at__lte=at),
        Q(to_at=None) | Q(to_at__gt=at),
        holdout_percent__gt=0,
        enrolled_at=None,
        status=BenefitStatus.PUBLISHED,
        merchant__program__status=ProgramStatus.OPEN,
    )
    return list(rows.order_by("merchant_id", "id").values_list("merchant_id", "id"))


def measured(*, zone: str, at: dt.datetime) -> list[tuple[int, int, int | None]]:
    """(merchant, benefit, campaign) of a zone with a control group, until its longest window is over. Works as
    platform."""
    lately = at - AFTER
    benefits = Benefit.objects.filter(
        Q(to_at=None) | Q(to_at__gt=lately), holdout_percent__gt=0, merchant__timezone=zone
    ).exclude(status=BenefitStatus.DRAFT)
    benefits = benefits.exclude(status=BenefitStatus.ENDED, revision_at__lt=lately)
    found: list[tuple[int, int, int | None]] = [
        (merchant_id, benefit_id, None)
        for merchant_id, benefit_id in benefits.values_list("merchant_id", "id")
    ]
    campaigns = GiftCampaign.objects.filter(
        holdout_percent__gt=0, created_at__gt=lately, merchant__timezone=zone
    )
    found += campaigns.values_list("merchant_id", "benefit_id", "id")
    return sorted(found, key=lambda each: (each[0], each[1], each[2] or 0))
