"""Plans of paid membership: made, changed, withdrawn from sale (domain.md 9). What was sold keeps its version."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, replace
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from benefits.lib.plans import MOST_FEE_MINOR, MOST_MONTHS
from benefits.models import Plan, PlanVersion
from benefits.selectors.audiences import tier_names
from members.lib.refusals import Conflict, Invalid, NotFound, ProgramNotOpen
from members.models import Program, ProgramStatus, Tier
from members.services import audit, programs
from members.services.audit import Actor

CODE = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
LONGEST_NAME = 40
MOST_PLANS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a plan is: fee in minor units, months of a term, the code of the tier it grants at least ("" for none)."""

    name: str
    fee_minor: int
    months: int
    tier: str = ""
    is_sold: bool = True


@transaction.atomic
def create(*, merchant_id: int, at: dt.datetime, actor: Actor, code: str, offer: Offer) -> Plan:
    """A new plan, on sale at once. The same again gives the plan that is there.

    Raises Invalid (code, name, fee, months, tier), Conflict for a code that another plan has, ProgramNotOpen (closed by
    the merchant), ProgramCleared, NotFound.
    """
    program = programs.lock_for_close(merchant_id=merchant_id)  # one writer of plans at a time
    code, offer = code.strip(), _stored(offer)
    if not CODE.fullmatch(code):
        raise Invalid.on("code", _("A code has 1 to 32 lower-case letters, digits, - and _."))
    tier = _checked(merchant_id, at, offer, None)
    rows = Plan.objects.of(merchant_id)
    known = rows.filter(code=code).select_related("tier").first()
    if known is not None:
        if offer_of(known) == offer:
            return known
        raise Conflict.on("code", _("There is a plan with this code already."))
    _require_writable(program)
    if rows.count() >= MOST_PLANS:
        raise Invalid(_("There are %(most)s plans already.") % {"most": MOST_PLANS})
    plan = Plan(merchant_id=merchant_id, code=code, created_at=at)
    _apply(plan, offer, tier, at)
    plan.save(force_insert=True)
    _note(plan, at, actor, "plan.created", None)
    return plan


@transaction.atomic
def change(
    *,
    merchant_id: int,
    at: dt.datetime,
    actor: Actor,
    plan_id: str,
    offer: Offer,
    expected_version: int | None = None,
) -> Plan:
    """Have a plan be sold so from now on, or no longer; terms that run stay as they were bought. The same changes
    nothing. Taking it from sale alone is always allowed.

    Raises NotFound, Invalid, Conflict when it was changed since the version that was looked at, ProgramNotOpen (closed
    by the merchant), ProgramCleared.
    """
    program, offer = programs.lock_for_close(merchant_id=merchant_id), _stored(offer)
    plan = _locked(merchant_id, plan_id)
    before = offer_of(plan)
    if before == offer:
        return plan
    if offer != replace(before, is_sold=False):
        _require_writable(program)
    if expected_version is not None and plan.version != expected_version:
        raise Conflict(_("Somebody changed this plan meanwhile. Look at it again."))
    tier = _checked(merchant_id, at, offer, before)
    plan.version += 1
    _apply(plan, offer, tier, at)
    plan.save()
    _note(plan, at, actor, "plan.changed", before)
    return plan


def offer_of(plan: Plan) -> Offer:
    """A plan as it is sold now."""
    return Offer(
        name=plan.name,
        fee_minor=plan.fee_minor,
        months=plan.months,
        tier="" if plan.tier is None else plan.tier.code,
        is_sold=plan.withdrawn_at is None,
    )


def _stored(offer: Offer) -> Offer:
    """An offer as it is stored, so that the same said with other spaces is the same."""
    return replace(offer, name=offer.name.strip())


def _require_writable(program: Program) -> None:
    """As for benefits: a draft may prepare them. Raises ProgramNotOpen, ProgramCleared."""
    if program.status == ProgramStatus.CLOSED:
        raise ProgramNotOpen(_("The program is closed. Open it again, then change plans."))
    if program.status != ProgramStatus.DRAFT:
        programs.require_open(program)


def _locked(merchant_id: int, plan_id: str) -> Plan:
    rows = Plan.objects.of(merchant_id).select_for_update(of=("self",)).select_related("tier")
    plan = rows.filter(public_id=plan_id).first()
    if plan is None:
        raise NotFound(_("There is no such plan."))
    return plan


def _checked(merchant_id: int, at: dt.datetime, offer: Offer, before: Offer | None) -> Tier | None:
    """The tier that is named. Raises Invalid, with every error by its field."""
    errors: dict[str, Any] = {}
    if not 1 <= len(offer.name) <= LONGEST_NAME or "\x00" in offer.name:
        errors["name"] = _("A plan has a name of 1 to %(most)s characters.") % {"most": LONGEST_NAME}
    if not 0 <= offer.fee_minor <= MOST_FEE_MINOR:
        errors["fee_minor"] = _("The fee is 0 or more, and no more than a price may be.")
    if not 1 <= offer.months <= MOST_MONTHS:
        errors["months"] = _("A term lasts from 1 to %(most)s months.") % {"most": MOST_MONTHS}
    tier = None
    if offer.tier:
        tier = Tier.objects.of(merchant_id).filter(code=offer.tier).first()
        ladder = [code for code, _name in tier_names(merchant_id=merchant_id, at=at)]
        is_kept = before is not None and before.tier == offer.tier
        if tier is None or (offer.tier not in ladder[1:] and not is_kept):
            errors["tier"] = _("There is no tier %(tier)s above the lowest in the ladder now.") % {
                "tier": offer.tier
            }
    if errors:
        raise Invalid(next(iter(errors.values())), errors=errors)
    return tier


def _apply(plan: Plan, offer: Offer, tier: Tier | None, at: dt.datetime) -> None:
    plan.name, plan.fee_minor, plan.months, plan.tier = (
        offer.name,
        offer.fee_minor,
        offer.months,
        tier,
    )
    plan.withdrawn_at = None if offer.is_sold else plan.withdrawn_at or at


def _note(plan: Plan, at: dt.datetime, actor: Actor, action: str, before: Offer | None) -> None:
    """The version's row, and the audit log's."""
    now = offer_of(plan)
    PlanVersion.objects.create(
        merchant_id=plan.merchant_id,
        plan=plan,
        number=plan.version,
        at=at,
        name=plan.name,
        fee_minor=plan.fee_minor,
        months=plan.months,
        tier=plan.tier,
        is_sold=now.is_sold,
        by_id=actor.user_id,
        by_label=actor.label[:120],
    )
    audit.record(
        merchant_id=plan.merchant_id,
        at=at,
        actor=actor,
        action=action,
        subject=("plan", plan.public_id),
        label=plan.name,
        before=None if before is None else _said(before),
        after=_said(now),
    )


def _said(offer: Offer) -> dict[str, Any]:
    return {
        "name": offer.name,
        "fee_minor": offer.fee_minor,
        "term_months": offer.months,
        "tier": offer.tier,
        "is_sold": offer.is_sold,
    }
