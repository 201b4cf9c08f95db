"""A member's points: balance, lots, entries (domain.md 6; play.md `show points`, `show entries`)."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db.models import F

from members.models import Merchant, PointsAccount, PointsEntry, PointsLot


def standing(*, merchant_id: int, member_id: int, at: dt.datetime) -> dict[str, Any]:
    """Available, pending, deficit, lots in spending order, and the positive totals. Two queries."""
    account = PointsAccount.objects.of(merchant_id).filter(member_id=member_id).first() or PointsAccount()
    lots = PointsLot.objects.of(merchant_id).filter(member_id=member_id, remaining__gt=0)
    return {
        "available": account.available,
        "pending": account.pending,
        "deficit": account.deficit,
        "lots": [
            {"remaining": lot.remaining, "expires_on": lot.expires_on}
            for lot in lots.order_by(F("expires_on").asc(nulls_last=True), "available_at", "number")
            if not (account.expired_through and lot.expires_on and lot.expires_on <= account.expired_through)
        ],
        "earned": account.earned,
        "redeemed": account.redeemed,
        "expired": account.expired,
        "clawed_back": account.clawed_back,
    }


def entries(*, merchant_id: int, member_id: int) -> list[dict[str, Any]]:
    """Every entry of a member in order, as a play prints them."""
    zone = Merchant.objects.get(pk=merchant_id).zone
    rows = PointsEntry.objects.of(merchant_id).filter(member_id=member_id).order_by("sequence")
    return [
        {
            "at": row.at.astimezone(zone),
            "kind": row.kind,
            "points": row.points,
            "pending": row.pending,
            "balance_after": row.balance_after,
            "cause": row.cause,
        }
        for row in rows
    ]
