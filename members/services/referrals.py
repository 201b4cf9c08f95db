"""Who brought whom: told once, rewarded on both sides when the rule says so (domain.md 6, 10).

Against self-referral: nobody brings themselves, nor a member with their own phone, nor one who was there before them;
a member is brought once, within 30 days of joining. A referrer is rewarded for so many a calendar month.
"""

from __future__ import annotations

import datetime as dt

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from members.lib.earning_events import Given, ReferralRule, capped
from members.lib.periods import local_instant
from members.lib.refusals import Conflict, Invalid
from members.models import Member, Referral
from members.services import audit, awards
from members.services.audit import Actor
from members.services.awards import Award
from members.services.earning import Desk, Earned, open_desk, reward, rule_of

WITHIN = dt.timedelta(days=30)
HAS_ORDERED = (
    "select exists (select from members_dailytotal where merchant_id = %s and member_id = %s and orders > 0)"
)


@transaction.atomic
def refer(
    *, merchant_id: int, at: dt.datetime, actor: Actor, referrer_id: int, referred_id: int
) -> tuple[Referral, Earned | None]:
    """Note that one member brought another, and reward both if it is time; None: they wait for the first order.

    The same again changes nothing. Raises Invalid (self-referral, too late), Conflict (brought by another),
    ActivityNotRewarded, NotFound, ProgramNotOpen, ProgramCleared.
    """
    if referrer_id == referred_id:
        raise Invalid.on("referred", _("Nobody brings themselves."))
    desk = open_desk(merchant_id=merchant_id, at=at, actor=actor, member_ids=[referrer_id, referred_id])
    rule: ReferralRule = rule_of(desk, "referral")
    known = Referral.objects.of(merchant_id).filter(referred_id=referred_id).first()
    if known is not None:
        if known.referrer_id != referrer_id:
            raise Conflict(_("This member was brought by another already."))
        return known, _before(known)
    _check(merchant_id, at, referrer_id, referred_id)
    referral = Referral.objects.create(
        merchant_id=merchant_id, referrer_id=referrer_id, referred_id=referred_id, at=at
    )
    audit.record(
        merchant_id=merchant_id,
        at=at,
        actor=actor,
        action="member.referred",
        subject=("member", referred_id),
        after={"referral": referral.public_id},
    )
    if rule.on == "joining" or has_ordered(merchant_id, referred_id):
        return referral, reward_both(desk, rule, referral)
    return referral, None


def has_ordered(merchant_id: int, member_id: int) -> bool:
    """Whether a member has an order that counts."""
    with connection.cursor() as cursor:
        cursor.execute(HAS_ORDERED, [merchant_id, member_id])
        return bool(cursor.fetchone()[0])


def reward_both(desk: Desk, rule: ReferralRule, referral: Referral) -> Earned:
    """Both sides' points, once; what the referrer got. The caller holds both locks."""
    merchant_id = desk.merchant.pk
    month = local_instant(desk.today.replace(day=1), dt.time(), desk.rules.zone)
    done = Referral.objects.of(merchant_id).filter(referrer_id=referral.referrer_id, rewarded_at__gte=month)
    given = Given(rule.points, rule.points)
    if rule.month_most is not None and done.count() >= rule.month_most:
        given = capped(rule.points, had=0, most=0, cap="month")
    referral.rewarded_at = desk.at
    referral.save(update_fields=["rewarded_at"])
    friend = Award(referral.referred_id, f"referred:{referral.referred_id}", rule.referred_points, "referred")
    reward(desk, friend, Given(rule.referred_points, rule.referred_points))
    award = Award(referral.referrer_id, _key(referral), given.points, "referral")
    return reward(desk, award, given)


def _key(referral: Referral) -> str:
    return f"referral:{referral.referred_id}"


def _before(referral: Referral) -> Earned | None:
    """What a referral that was told before brought its referrer; None while it waits."""
    found = awards.known(merchant_id=referral.merchant_id, keys=[_key(referral)]).get(_key(referral))
    if found is None:
        return None
    return Earned(found, found.details.get("wanted", found.points), 0, "once", is_new=False)


def _check(merchant_id: int, at: dt.datetime, referrer_id: int, referred_id: int) -> None:
    """Raises Invalid for a pair that is no referral."""
    people = Member.objects.of(merchant_id).in_bulk([referrer_id, referred_id])
    referrer, referred = people[referrer_id], people[referred_id]
    if referrer.phone_index is not None and referrer.phone_index == referred.phone_index:
        raise Invalid.on("referred", _("Both have one phone number: nobody brings themselves."))
    if (referrer.joined_at, referrer.pk) > (referred.joined_at, referred.pk):
        raise Invalid.on("referred", _("This member had joined before the one who brings them."))
    if at - referred.joined_at > WITHIN:
        raise Invalid.on(
            "referred", _("A referral is told within %(days)s days of joining.") % {"days": WITHIN.days}
        )
