"""Imports, for the pages about them."""

from __future__ import annotations

from members.lib.refusals import NotFound
from members.models import ColumnName, ImportJob, ImportKind
from members.models.base import TenantQuerySet


def imports(*, merchant_id: int, kind: ImportKind) -> TenantQuerySet:
    """All imports of a kind, the latest first."""
    return ImportJob.objects.of(merchant_id).filter(kind=kind).order_by("-created_at", "-id")


def column_names(*, merchant_id: int, kind: ImportKind) -> TenantQuerySet:
    """The saved names of columns of a kind of file."""
    return ColumnName.objects.of(merchant_id).filter(kind=kind).order_by("field", "header")


def find(*, merchant_id: int, public_id: str) -> ImportJob:
    """One import. Raises NotFound."""
    job = ImportJob.objects.of(merchant_id).filter(public_id=public_id).first()
    if job is None:
        raise NotFound("There is no such import.")
    return job
