"""Imports of orders, for the pages about them."""

from __future__ import annotations

from members.lib.refusals import NotFound
from members.models import ImportJob
from members.models.base import TenantQuerySet


def imports(*, merchant_id: int) -> TenantQuerySet:
    """All imports of a merchant, the latest first."""
    return ImportJob.objects.of(merchant_id).order_by("-created_at", "-id")


def find(*, merchant_id: int, public_id: str) -> ImportJob:
    """One import. Raises NotFound."""
    job = ImportJob.objects.of(merchant_id).filter(public_id=public_id).first()
    if job is None:
        raise NotFound("There is no such import.")
    return job
