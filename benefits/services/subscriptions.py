"""Members' terms in plans: bought, one after the other, and not renewed (domain.md 9). Money is taken outside: the shop
system or the merchant says that a fee was paid. Locks in the order posting, reference, program, member, term."""

from __future__ import annotations

import contextlib
import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from benefits.lib import plans as rule
from benefits.lib.plans import MOST_FEE_MINOR, Period, State
from benefits.models import Plan, SoldBy, Subscription
from members.lib.periods import merchant_day
from members.lib.refusals import Conflict, IdempotencyConflict, Invalid, NotFound
from members.models import Member, MemberStatus, Merchant, TierValidity
from members.services import audit, posting, programs, tier_hand
from members.services.audit import Actor

LONGEST_REFERENCE = 80
# By merchant days: a term that ends at a midnight does so afterwards too.
LATER = "(({each} at time zone %(zone)s + make_interval(days => %(days)s)) at time zone %(zone)s)"
LONGER = f"""
update benefits_subscription set
    from_at = case when from_at > %(since)s then {LATER.format(each="from_at")} else from_at end,
    to_at = {LATER.format(each="to_at")}, ends_at = {LATER.format(each="to_at")},
    floor_until = floor_until + %(days)s, floor_before = floor_before + %(days)s
where merchant_id = %(merchant)s and refunded_at is null and to_at > %(since)s
"""
MOVED_ON = f"""
update benefits_subscription set from_at = {LATER.format(each="from_at")},
    to_at = {LATER.format(each="to_at")}, ends_at = {LATER.format(each="to_at")}, floor_until = floor_until + %(days)s
where merchant_id = %(merchant)s and id = any(%(ids)s::bigint[])
"""
SOURCES = {"user": SoldBy.STAFF, "api_key": SoldBy.API}


class PlanWithdrawn(Conflict):
    """The plan is not sold any more."""

    slug = "plan-withdrawn"


@transaction.atomic
def sell(
    *,
    merchant_id: int,
    at: dt.datetime,
    actor: Actor,
    plan_id: str,
    member_id: int,
    reference: str,
    paid_minor: int | None = None,
) -> tuple[Subscription, bool]:
    """A term that was paid for, and whether it is new: the same reference again gives the first. It begins now, or when
    the member's present term in the plan ends (`_place`). paid_minor: in minor units, unless told the plan's fee.

    Raises NotFound, Invalid (reference, amount, too far ahead, a tier that left the ladder), IdempotencyConflict for a
    reference of another sale, PlanWithdrawn, ProgramNotOpen, ProgramCleared.
    """
    reference = _reference(reference)
    posting.lock_merchant(merchant_id=merchant_id, alone=False)
    posting.lock_order(merchant_id=merchant_id, key=("membership", reference))
    programs.lock_open(merchant_id=merchant_id)
    plan, member = _found(merchant_id, plan_id, member_id)
    posting.lock_members(merchant_id=merchant_id, member_ids=[member_id])
    if known := _known(merchant_id, reference):
        _same(known, plan, member_id, paid_minor)
        return known, False
    if plan.withdrawn_at is not None:
        raise PlanWithdrawn(_("This plan is not sold any more."))
    paid = plan.fee_minor if paid_minor is None else paid_minor
    if not 0 <= paid <= MOST_FEE_MINOR:
        raise Invalid.on("paid_minor", _("What was paid is 0 or more, and no more than a price may be."))
    zone = Merchant.objects.get(pk=merchant_id).zone
    when, moved_on = _place(plan, member_id, at, zone)
    term = _term(plan, member, when, paid, reference, at, actor)
    if plan.tier is not None:
        _grant(term, when, at, zone)
    term.save(force_insert=True)
    said = {"plan": plan.code, "paid_minor": paid} | _days(when)
    if moved_on:
        said["later_terms_moved_days"] = moved_on
    _record(term, at, actor, "subscription.sold", after=said)
    return term, True


@transaction.atomic
def cancel(*, merchant_id: int, at: dt.datetime, actor: Actor, subscription_id: str) -> Subscription:
    """The member will not go on: the term runs to its end. Again it changes nothing. In any state of the program.

    Raises NotFound, Conflict when it is over.
    """
    term = locked(merchant_id, subscription_id)
    if term.cancelled_at is not None:
        return term
    state = rule.state_at(term.term(programs.closed_since(merchant_id=merchant_id)), at)
    if state in (State.EXPIRED, State.REFUNDED):
        raise Conflict(_("This term is over already."))
    term.cancelled_at = at
    term.save(update_fields=["cancelled_at"])
    _record(term, at, actor, "subscription.cancelled", after={"plan": term.plan.code})
    return term


def locked(merchant_id: int, subscription_id: str) -> Subscription:
    """A term under its member's lock. Raises NotFound."""
    posting.lock_merchant(merchant_id=merchant_id, alone=False)
    programs.lock_for_write(merchant_id=merchant_id)
    rows = Subscription.objects.of(merchant_id).filter(public_id=subscription_id)
    posting.lock_members(merchant_id=merchant_id, member_ids=rows.values_list("member_id", flat=True))
    term = rows.select_for_update(of=("self",)).select_related("plan", "member", "floor_tier").first()
    if term is None:
        raise NotFound(_("There is no such membership term."))
    return term


def on_reopened(*, merchant_id: int, since: dt.datetime, days: int) -> None:
    """What a closure froze lasts as many days longer: terms that had not ended when it began, and the tiers of terms
    that were refunded meanwhile, until the daily job takes them back."""
    if not days:
        return
    zone = Merchant.objects.get(pk=merchant_id).timezone
    with connection.cursor() as cursor:
        cursor.execute(LONGER, {"merchant": merchant_id, "since": since, "zone": zone, "days": days})
        cursor.execute(
            "update benefits_subscription set floor_until = floor_until + %(days)s, "
            "floor_before = floor_before + %(days)s where merchant_id = %(merchant)s "
            "and refunded_at >= %(since)s and floor_tier_id is not null and floor_ended_at is null",
            {"merchant": merchant_id, "since": since, "days": days},
        )


def record(term: Subscription, at: dt.datetime, actor: Actor, action: str, **rest: Any) -> dict[str, Any]:
    """The audit row of what became of a term."""
    return audit.row(
        merchant_id=term.merchant_id,
        at=at,
        actor=actor,
        action=action,
        subject=("subscription", term.public_id),
        label=term.plan.name,
        **rest,
    )


def _record(term: Subscription, at: dt.datetime, actor: Actor, action: str, **rest: Any) -> None:
    audit.record_many([record(term, at, actor, action, **rest)])


def _days(when: Period) -> dict[str, Any]:
    return {"from_at": when.from_at.isoformat(), "to_at": when.to_at.isoformat()}


def _found(merchant_id: int, plan_id: str, member_id: int) -> tuple[Plan, Member]:
    """Raises NotFound."""
    plan = Plan.objects.of(merchant_id).select_related("tier").filter(public_id=plan_id).first()
    member = Member.objects.of(merchant_id).filter(pk=member_id, status=MemberStatus.ACTIVE).first()
    if plan is None or member is None:
        raise NotFound(_("There is no such plan.") if plan is None else _("There is no such member."))
    return plan, member


def _term(
    plan: Plan, member: Member, when: Period, paid: int, reference: str, at: dt.datetime, actor: Actor
) -> Subscription:
    return Subscription(
        merchant_id=plan.merchant_id,
        plan=plan,
        version=plan.version,
        member=member,
        from_at=when.from_at,
        to_at=when.to_at,
        ends_at=when.to_at,
        days=when.days,
        paid_minor=paid,
        source=SOURCES.get(actor.kind, SoldBy.JOB),
        reference=reference,
        at=at,
        by_label=actor.label[:120],
    )


def _reference(reference: str) -> str:
    reference = reference.strip()
    if not 1 <= len(reference) <= LONGEST_REFERENCE or "\x00" in reference:
        text = _("A sale has a reference of 1 to %(most)s characters.") % {"most": LONGEST_REFERENCE}
        raise Invalid.on("reference", text)
    return reference


def _known(merchant_id: int, reference: str) -> Subscription | None:
    rows = Subscription.objects.of(merchant_id).select_related("plan", "member")
    return rows.filter(reference=reference).first()


def _same(known: Subscription, plan: Plan, member_id: int, paid_minor: int | None) -> None:
    """Raises IdempotencyConflict when a reference is that of another sale."""
    is_paid_so = paid_minor is None or paid_minor == known.paid_minor
    if (known.plan_id, known.member_id) != (plan.pk, member_id) or not is_paid_so:
        raise IdempotencyConflict.on("reference", _("This reference is that of another sale."))


def _ahead(plan: Plan, member_id: int, at: dt.datetime) -> list[Subscription]:
    """The member's terms in a plan that run or are to come, in their order; not those that were refunded."""
    rows = Subscription.objects.of(plan.merchant_id).filter(plan=plan, member_id=member_id)
    rows = rows.filter(refunded_at=None, to_at__gt=at).select_related("floor_tier")
    return list(rows.order_by("from_at", "pk"))


def _place(plan: Plan, member_id: int, at: dt.datetime, zone: ZoneInfo) -> tuple[Period, int]:
    """When the term bought now runs: from the first instant that no term of the member in the plan covers. Where a
    refund left a gap too short for it, the terms after the gap are moved on; also by how many days they were.

    Raises Invalid when the last would end too far ahead.
    """
    ahead, covered = _ahead(plan, member_id, at), at
    while ahead and ahead[0].from_at <= covered:
        covered = ahead.pop(0).to_at
    when = rule.period(at=at, after=covered, months=plan.months, zone=zone)
    days = rule.overlap_days(when, ahead[0].from_at, zone) if ahead else 0
    if days:
        rule.check_end(merchant_day(ahead[-1].to_at, zone) + dt.timedelta(days=days), at=at, zone=zone)
        _move_on(ahead, days, at, zone)
    return when, days


def _move_on(terms: list[Subscription], days: int, at: dt.datetime, zone: ZoneInfo) -> None:
    """Have a member's terms to come run so many merchant days later, with the tiers that they grant."""
    first = terms[0]
    with connection.cursor() as cursor:
        cursor.execute(
            MOVED_ON,
            {
                "merchant": first.merchant_id,
                "ids": [term.pk for term in terms],
                "zone": str(zone),
                "days": days,
            },
        )
    floors: dict[str, dt.date] = {}
    for term in terms:
        if term.floor_tier is not None and term.floor_until is not None:
            until = term.floor_until + dt.timedelta(days=days)
            floors[term.floor_tier.code] = max(until, floors.get(term.floor_tier.code, until))
    for tier, until in floors.items():
        with contextlib.suppress(Invalid):  # it left the ladder meanwhile
            tier_hand.grant_floor(
                merchant_id=first.merchant_id, member_ids=[first.member_id], at=at, tier=tier, until=until
            )


def _grant(term: Subscription, when: Period, at: dt.datetime, zone: Any) -> None:
    """The tier that comes with the term, and what the member had of it without any plan.

    Raises Invalid when the tier left the ladder.
    """
    tier = term.plan.tier
    assert tier is not None
    valid = TierValidity.objects.of(term.merchant_id).filter(member_id=term.member_id, tier=tier)
    until = valid.values_list("valid_until", flat=True).first()
    last = when.last_day(zone)
    claims = list(claiming(term.merchant_id, term.member_id, tier.pk, at))
    granted = max((each.floor_until for each in claims), default=None)
    term.floor_tier, term.floor_until = tier, last
    if granted is None or (until is not None and until > granted):
        term.floor_since, term.floor_before = merchant_day(at, zone), until
    else:
        first = min(claims, key=lambda each: each.floor_since)
        term.floor_since, term.floor_before = first.floor_since, first.floor_before
    tier_hand.grant_floor(
        merchant_id=term.merchant_id, member_ids=[term.member_id], at=at, tier=tier.code, until=last
    )


def claiming(merchant_id: int, member_id: int, tier_id: int, at: dt.datetime) -> Any:
    """The member's terms that grant a tier and are not over or refunded."""
    rows = Subscription.objects.of(merchant_id).filter(member_id=member_id, floor_tier_id=tier_id)
    return rows.filter(refunded_at=None, to_at__gt=at).order_by("from_at", "pk")
