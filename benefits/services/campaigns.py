"""Giving a benefit to many members: begun, stopped, taken back within three days (domain.md 8).

`campaign_work` does it in chunks. Each member gets one of a campaign at most; the benefit's audience, stock, budget and
limits hold as everywhere. The report counts who got none by the reasons below.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from benefits.lib.audience import Audience
from benefits.lib.holdouts import check_percent
from benefits.lib.kinds import KINDS
from benefits.models import Benefit, GiftCampaign
from benefits.services import issuing
from benefits.services.arguments import check_audience
from members.lib import queue
from members.lib.refusals import Conflict, Invalid, NotFound
from members.models import Member, WorkState
from members.services import audit, chunked, leases, programs
from members.services.audit import Actor

TASK = "benefits.campaign"
LONGEST_REASON = 180
REASONS = {
    "audience": _("The benefit is for others"),
    "holdout": _("In the control group"),
    "limit": _("Had as many as one member may"),
    "none_left": _("Nothing was left"),
}


def may_be_given(benefit: Benefit, at: dt.datetime) -> None:
    """Raises Invalid for a kind that nobody holds or that points buy, NotInForce."""
    kind = KINDS.get(benefit.kind)
    if kind is None or not kind.is_redeemed or kind.is_exchanged:
        raise Invalid(_("Benefits of this kind are not handed out: members have, enter or buy them."))
    issuing.require_in_force(benefit, at)


@transaction.atomic
def begin(
    *,
    merchant_id: int,
    benefit_id: int,
    at: dt.datetime,
    actor: Actor,
    audience: Any,
    reason: str,
    holdout_percent: int = 0,
    once: str = "",
) -> GiftCampaign:
    """Begin to give a benefit to all who are in an audience when their turn comes, of the members there are now, but
    for those held out.

    `once`: a repeated request gives the campaign begun before. Raises NotFound, Invalid (audience, reason, kind,
    control group), NotInForce, ProgramNotOpen, ProgramCleared.
    """
    programs.lock_open(merchant_id=merchant_id)
    rows = GiftCampaign.objects.of(merchant_id)
    if once and (known := rows.filter(public_id=once, benefit_id=benefit_id).first()):
        return known
    benefit = Benefit.objects.of(merchant_id).filter(pk=benefit_id).first()
    if benefit is None:
        raise NotFound(_("There is no such benefit."))
    may_be_given(benefit, at)
    meant: Audience = check_audience(merchant_id, audience, at)
    share = check_percent(holdout_percent)
    if not reason.strip() or len(reason) > LONGEST_REASON:
        raise Invalid.on("reason", _("Say why, in at most %(most)s characters.") % {"most": LONGEST_REASON})
    campaign = GiftCampaign(
        merchant_id=merchant_id,
        benefit=benefit,
        audience=meant,
        holdout_percent=share,
        reason=reason.strip(),
        last=Member.objects.of(merchant_id).aggregate(last=Max("pk"))["last"] or 0,
        by_id=actor.user_id,
        by_label=actor.label[:120],
        language=get_language() or "",
        created_at=at,
        **({"public_id": once} if once else {}),
    )
    campaign.save(force_insert=True)
    record(campaign, at, actor, "campaign.started")
    queue.enqueue(TASK, merchant_id=merchant_id, job_id=campaign.pk)
    return campaign


@transaction.atomic
def cancel(*, merchant_id: int, public_id: str, at: dt.datetime, actor: Actor) -> GiftCampaign:
    """Stop after the chunk at hand; what was given stays and can be undone. Again is a no-op. Raises NotFound."""
    campaign = leases.lock(GiftCampaign, merchant_id=merchant_id, public_id=public_id)
    if chunked.stop(campaign, at):
        record(campaign, at, actor, "campaign.cancelled")
    return campaign


def undo_until(campaign: GiftCampaign) -> dt.datetime | None:
    """Until when it can be undone; None when there is nothing to undo."""
    return chunked.undo_until(campaign, campaign.issued)


def may_be_undone(campaign: GiftCampaign, at: dt.datetime) -> bool:
    """Whether an undoing may begin, or begin again."""
    return chunked.may_be_undone(campaign, campaign.issued, at)


@transaction.atomic
def undo(*, merchant_id: int, public_id: str, at: dt.datetime, actor: Actor) -> GiftCampaign:
    """Take back what was given and never used; again is a no-op.

    Raises NotFound, Conflict (too late, nothing to undo), ProgramNotOpen, ProgramCleared.
    """
    programs.lock_open(merchant_id=merchant_id)
    campaign = leases.lock(GiftCampaign, merchant_id=merchant_id, public_id=public_id)
    if campaign.state in (WorkState.UNDOING, WorkState.UNDONE):
        return campaign
    if not may_be_undone(campaign, at):
        raise Conflict(_("This can no longer be undone: a campaign is undone within 72 hours of its end."))
    chunked.begin_undo(campaign, actor.label)
    record(campaign, at, actor, "campaign.undo_started")
    queue.enqueue(TASK, merchant_id=merchant_id, job_id=campaign.pk)
    return campaign


def record(campaign: GiftCampaign, at: dt.datetime, actor: Actor, action: str, **more: object) -> None:
    """Keep who gave what to many, in the caller's transaction."""
    audit.record(
        merchant_id=campaign.merchant_id,
        at=at,
        actor=actor,
        action=action,
        subject=("gift_campaign", campaign.public_id),
        label=str(campaign.benefit),
        after={
            "benefit": campaign.benefit.public_id,
            "audience": campaign.audience,
            **({"holdout_percent": campaign.holdout_percent} if campaign.holdout_percent else {}),
            **more,
        },
        reason=campaign.reason,
    )
