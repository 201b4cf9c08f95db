"""A merchant's API keys."""

from __future__ import annotations

from django.db.models import F

from members.models import ApiKey


def keys(*, merchant_id: int) -> list[ApiKey]:
    """Live keys first, then revoked ones, newest first. One query."""
    rows = ApiKey.objects.filter(merchant_id=merchant_id).select_related("created_by")
    return list(rows.order_by(F("revoked_at").desc(nulls_first=True), "-created_at", "-id"))
