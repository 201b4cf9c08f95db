"""Reading campaigns: one, or all of a merchant."""

from __future__ import annotations

from django.db.models import QuerySet

from benefits.models import GiftCampaign


def by_public_id(*, merchant_id: int, public_id: str) -> GiftCampaign | None:
    """One by the id shown outside, with its benefit. One query."""
    rows = GiftCampaign.objects.of(merchant_id).select_related("benefit")
    return rows.filter(public_id=public_id).first()


def listed(*, merchant_id: int, state: str = "") -> QuerySet[GiftCampaign]:
    """A merchant's, of one state or all, with their benefits. Runs no query."""
    rows = GiftCampaign.objects.of(merchant_id).select_related("benefit")
    return rows.filter(state=state) if state else rows
