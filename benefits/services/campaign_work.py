"""Doing and undoing a campaign in chunks of members, from wherever it stood when the last worker let go of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from contextlib import suppress

from django.db import DatabaseError, transaction
from django.utils import translation
from django.utils.translation import gettext as _

from benefits.models import Entitlement, EntitlementSource, GiftCampaign
from benefits.selectors import audiences
from benefits.services import campaigns, occasions, taking_back
from members.lib.refusals import Refusal
from members.models import Member, MemberStatus, Merchant, WorkState
from members.services import leases, programs
from members.services.audit import Actor

CHUNK = 5_000
SOURCE = EntitlementSource.CAMPAIGN
JOB = Actor.job("campaigns")
Clock = Callable[[], dt.datetime]
PROGRESS = (
    "state", "total", "position", "passed", "chosen", "issued", "refused", "undo_passed", "undone", "kept",
    "finished_at", "undone_at",
)  # fmt: skip


def work(*, merchant_id: int, job_id: int, now: Clock, chunk: int = CHUNK) -> GiftCampaign | None:
    """Do what is still to be done; None when another worker has it. Works as the merchant.

    A refusal of the whole (the program was closed, the benefit ended) ends it and keeps what was given; so does
    breaking off again and again at the same place.
    """
    campaign = leases.claim(GiftCampaign, merchant_id=merchant_id, pk=job_id)
    if campaign is None:
        return None
    with transaction.atomic():
        merchant = Merchant.objects.get(pk=merchant_id)
    try:
        with translation.override(campaign.language or merchant.language):
            if leases.is_spent(campaign):
                text = _("It broke off %(times)s times at the same place. What was done stays.")
                _fail(campaign, now, text % {"times": campaign.attempts - 1})
            else:
                while _chunk(campaign, now, chunk):
                    pass
    except Refusal as refusal:
        _fail(campaign, now, refusal.detail)
    finally:
        with suppress(DatabaseError):  # a database that is down: the lease runs out
            leases.release(GiftCampaign, campaign)
    with transaction.atomic():
        campaign.refresh_from_db()
    return campaign


@transaction.atomic
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
        locked.state = WorkState.UNDONE if is_undoing else WorkState.DONE
        setattr(locked, "undone_at" if is_undoing else "finished_at", at)
        campaigns.record(
            locked,
            at,
            JOB,
            "campaign.undone" if is_undoing else "campaign.finished",
            issued=locked.issued,
            undone=locked.undone,
        )
    locked.save(update_fields=PROGRESS)
    return goes_on


def _give(campaign: GiftCampaign, at: dt.datetime, size: int) -> bool:
    """Give the next members theirs; whether there were any."""
    merchant_id = campaign.merchant_id
    rows = Member.objects.of(merchant_id).filter(pk__lte=campaign.last, status=MemberStatus.ACTIVE)
    campaign.state, campaign.total = WorkState.RUNNING, campaign.total or rows.count()
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
    campaign.passed, campaign.position = ids[-1], campaign.position + len(ids)
    campaign.chosen += len(meant)
    campaign.issued += told.issued
    for why, number in told.refused.items():
        campaign.refused[why] = campaign.refused.get(why, 0) + number
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
    return True


@transaction.atomic
def _fail(campaign: GiftCampaign, now: Clock, why: str) -> None:
    locked, at = leases.lock(GiftCampaign, merchant_id=campaign.merchant_id, pk=campaign.pk), now()
    if locked.is_worked:
        locked.state, locked.failure = WorkState.FAILED, why
        locked.finished_at = locked.finished_at or at
        locked.save(update_fields=["state", "failure", "finished_at"])
        campaigns.record(locked, at, JOB, "campaign.failed", issued=locked.issued)
