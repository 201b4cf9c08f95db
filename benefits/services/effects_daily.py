"""The daily job of a merchant's day for effects: who could claim something since yesterday, and what came of it.

In chunks and merchants, a transaction each; one that fails is logged and keeps no other from its turn.
"""

from __future__ import annotations

import datetime as dt

import structlog
from django.db import transaction

from benefits.lib.effects import WINDOWS
from benefits.models import Benefit, BenefitEffect, GiftCampaign
from benefits.selectors import effects
from benefits.services import exposures
from members.lib import tenant as tenancy
from members.models import Merchant

log = structlog.get_logger(__name__)


def run_daily(*, zone: str, at: dt.datetime) -> dict[str, int]:
    """Enrol and count for a zone's merchants; runs as platform. Returns how many members and effects."""
    with tenancy.platform(), transaction.atomic():
        due = effects.measured(zone=zone, at=at)
    enrolled = counted = 0
    for merchant_id, benefit_id, campaign_id in due:
        try:
            if campaign_id is None:
                enrolled += exposures.enrol(merchant_id=merchant_id, benefit_id=benefit_id, at=at)
            count(merchant_id=merchant_id, benefit_id=benefit_id, campaign_id=campaign_id, at=at)
            counted += 1
        except Exception:
            log.exception("effect_not_counted", merchant_id=merchant_id, benefit_id=benefit_id)
    return {"members_enrolled": enrolled, "effects_counted": counted}


def count(*, merchant_id: int, benefit_id: int, campaign_id: int | None, at: dt.datetime) -> None:
    """Keep the figures of a benefit's or campaign's effect as they are now, a window each; later ones replace them."""
    with tenancy.tenant(merchant_id), transaction.atomic():
        merchant = Merchant.objects.get(pk=merchant_id)
        benefit = Benefit.objects.of(merchant_id).get(pk=benefit_id)
        campaign = None if campaign_id is None else GiftCampaign.objects.of(merchant_id).get(pk=campaign_id)
        for days in WINDOWS:
            found = effects.figures(merchant=merchant, benefit=benefit, campaign=campaign, days=days, at=at)
            BenefitEffect.objects.update_or_create(
                merchant_id=merchant_id,
                benefit=benefit,
                campaign=campaign,
                days=days,
                defaults={"at": at, "figures": found.as_json()},
            )
