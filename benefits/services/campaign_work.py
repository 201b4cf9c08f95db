"""Doing and undoing a campaign in chunks of members, from wherever it stood when the last worker let go of it."""

from __future__ import annotations

import datetime as dt

from django.utils.translation import gettext as _

from benefits.models import Entitlement, EntitlementSource, GiftCampaign
from benefits.selectors import audiences
from benefits.services import campaigns, occasions, taking_back
from members.models import Member, MemberStatus, WorkState
from members.services import chunked, leases, programs
from members.services.audit import Actor
from members.services.chunked import Clock

CHUNK = 5_000
SOURCE = EntitlementSource.CAMPAIGN
JOB = Actor.job("campaigns")


def work(*, merchant_id: int, job_id: int, now: Clock, chunk: int = CHUNK) -> GiftCampaign | None:
    """Do what is still to be done; None when another worker has it. Works as the merchant.

    A refusal of the whole (the program was closed, the benefit ended) ends it and keeps what was given; so does
    breaking off again and again at the same place. What passes by itself leaves it to be tried again.
    """
    return chunked.work(
        KIND,
        merchant_id=merchant_id,
        job_id=job_id,
        now=now,
        chunk=lambda campaign, _merchant: _chunk(campaign, now, chunk),
    )


def _chunk(campaign: GiftCampaign, now: Clock, size: int) -> bool:
    """The next members' turn; False when it was the last, or the campaign is no longer ours."""
    programs.lock_open(merchant_id=campaign.merchant_id)
    locked = leases.held(GiftCampaign, campaign)
    if locked is None:
        return False
    at = now()
    is_undoing = locked.state == WorkState.UNDOING
    goes_on = _take_back(locked, at, size) if is_undoing else _give(locked, at, size)
    if not goes_on:
        chunked.finish(locked, at, "total")
        campaigns.record(
            locked,
            at,
            JOB,
            "campaign.undone" if is_undoing else "campaign.finished",
            issued=locked.issued,
            undone=locked.undone,
        )
    return goes_on


def _give(campaign: GiftCampaign, at: dt.datetime, size: int) -> bool:
    """Give the next members theirs; whether there were any."""
    merchant_id = campaign.merchant_id
    rows = Member.objects.of(merchant_id).filter(pk__lte=campaign.last, status=MemberStatus.ACTIVE)
    campaign.total = campaign.total or rows.count()
    ids = list(rows.filter(pk__gt=campaign.passed).order_by("pk").values_list("pk", flat=True)[:size])
    if not ids:
        campaign.total = campaign.position
        return False
    meant = audiences.among(merchant_id=merchant_id, audience=campaign.audience, member_ids=ids, at=at)
    told = occasions.issue_told(
        merchant_id=merchant_id,
        benefit_id=campaign.benefit_id,
        at=at,
        source=SOURCE,
        who=[(member_id, campaign.cause) for member_id in meant],
        campaign=campaign,
    )
    campaign.passed = ids[-1]
    campaign.chosen += len(meant)
    campaign.issued += told.issued
    for why, number in told.refused.items():
        campaign.refused[why] = campaign.refused.get(why, 0) + number
    chunked.got_on(campaign, len(ids), "total", "passed", "chosen", "issued", "refused")
    return True


def _take_back(campaign: GiftCampaign, at: dt.datetime, size: int) -> bool:
    """Take the next members' back where it was never used; whether there were any."""
    rows = Entitlement.objects.of(campaign.merchant_id).filter(
        benefit_id=campaign.benefit_id, cause=campaign.cause, member_id__gt=campaign.undo_passed
    )
    ids = list(rows.order_by("member_id").values_list("member_id", flat=True)[:size])
    if not ids:
        return False
    back = taking_back.take_back(
        merchant_id=campaign.merchant_id,
        benefit_id=campaign.benefit_id,
        at=at,
        actor=JOB,
        source=SOURCE,
        causes=[campaign.cause],
        member_ids=ids,
    )
    campaign.undo_passed = ids[-1]
    campaign.undone += len(back)
    campaign.kept += len(ids) - len(back)
    campaign.save(update_fields=["undo_passed", "undone", "kept"])
    return True


def _broke_off(campaign: GiftCampaign) -> str:
    return _("It broke off %(times)s times at the same place. What was done stays.")


def _failed(campaign: GiftCampaign, at: dt.datetime) -> None:
    campaigns.record(campaign, at, JOB, "campaign.failed", issued=campaign.issued)


KIND = chunked.Kind(model=GiftCampaign, task=campaigns.TASK, broke_off=_broke_off, failed=_failed)
