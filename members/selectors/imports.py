"""Imports, for the pages about them."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import F

from members.lib.refusals import NotFound
from members.models import ColumnName, ImportedMember, ImportJob, ImportKind
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


TAKEN = (
    "taken"  # of `ImportedMember.undone`: the member was taken back; anything else says why they were kept
)


def remarks(*, job: ImportJob, count: int) -> list[tuple[int, str]]:
    """(line, what is to be said) of the first rows of a file of members that were taken with a remark."""
    rows = ImportedMember.objects.of(job.merchant_id).filter(job=job).exclude(remarks=[]).order_by("line")
    return [(line, "; ".join(said)) for line, said in rows.values_list("line", "remarks")[:count]]


def kept(*, job: ImportJob, count: int) -> list[tuple[int, str, str]]:
    """(line, member id shown outside, why) of the first members whom an undoing kept."""
    rows = ImportedMember.objects.of(job.merchant_id).filter(job=job, made=True)
    rows = rows.exclude(undone__in=["", TAKEN]).order_by("line").annotate(shown=F("member__public_id"))
    return list(rows.values_list("line", "shown", "undone")[:count])


def rows_of(*, job: ImportJob) -> Iterator[ImportedMember]:
    """Every row of a file of members that was taken, with its member, by line."""
    rows = ImportedMember.objects.of(job.merchant_id).filter(job=job).select_related("member")
    return rows.order_by("line").iterator(chunk_size=2_000)
