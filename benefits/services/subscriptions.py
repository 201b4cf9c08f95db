"""Members' terms in plans: bought, one after the other, and not renewed (domain.md 9). Money is taken outside: the shop
system or the merchant says that a fee was paid. Locks in the order posting, reference, program, member, term."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from benefits.lib import plans as rule
from benefits.lib.plans import MOST_FEE_MINOR, Period, State
from benefits.models import Plan, SoldBy, Subscription
from benefits.services import subscription_floors, subscription_places
from members.lib.refusals import Conflict, IdempotencyConflict, Invalid, NotFound
from members.models import Member, MemberStatus, Merchant
from members.services import audit, posting, programs
from members.services.audit import Actor

LONGEST_REFERENCE = 80
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
    the member's present term in the plan ends (`subscription_places`). paid_minor: in minor units, unless told the
    plan's fee.

    Raises NotFound, Invalid (reference, amount, too far ahead, a tier that left the ladder), IdempotencyConflict for a
    reference of another sale, PlanWithdrawn, ProgramNotOpen, ProgramCleared.
    """
    reference = _reference(reference)
    posting.lock_merchant(merchant_id=merchant_id, alone=False)
    posting.lock_order(merchant_id=merchant_id, key=("membership", reference))
    program = programs.lock_for_write(merchant_id=merchant_id)
    if known := _known(merchant_id, reference):  # what was answered is answered so, whatever happened since
        _same(known, plan_id, member_id, paid_minor)
        return known, False
    programs.require_open(program)
    plan, member = _found(merchant_id, plan_id, member_id)
    posting.lock_members(merchant_id=merchant_id, member_ids=[member_id])
    if plan.withdrawn_at is not None:
        raise PlanWithdrawn(_("This plan is not sold any more."))
    paid = plan.fee_minor if paid_minor is None else paid_minor
    if not 0 <= paid <= MOST_FEE_MINOR:
        raise Invalid.on("paid_minor", _("What was paid is 0 or more, and no more than a price may be."))
    zone = Merchant.objects.get(pk=merchant_id).zone
    subscription_floors.take_back_waiting(merchant_id=merchant_id, member_id=member_id, at=at)
    when, moved_on = subscription_places.place(plan=plan, member_id=member_id, at=at, zone=zone)
    term = _term(plan, member, when, paid, reference, at, actor)
    if plan.tier is not None:
        subscription_floors.grant(term, when, at, zone)
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


def _same(known: Subscription, plan_id: str, member_id: int, paid_minor: int | None) -> None:
    """Raises IdempotencyConflict when a reference is that of another sale."""
    is_paid_so = paid_minor is None or paid_minor == known.paid_minor
    if (known.plan.public_id, known.member_id) != (plan_id, member_id) or not is_paid_so:
        raise IdempotencyConflict.on("reference", _("This reference is that of another sale."))
