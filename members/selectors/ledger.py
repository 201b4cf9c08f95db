"""The points ledger of a whole shop: every entry, filtered, newest first (domain.md 6)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, QuerySet, Sum
from django.db.models.functions import Abs

from members.models import EntryKind, Merchant, PointsEntry, PointsRequest, PointsRequestStatus
from members.selectors import members
from members.selectors.members import MemberFilter, MemberRow

PER_PAGE = 50
CAUSES = ("order", "refund", "rule", "staff", "request")
OLDEST_FIRST = ("at", "member_id", "sequence")  # the order of a file
# How far back the newest entries are sought before the whole ledger is read.
SPANS = (dt.timedelta(days=2), dt.timedelta(days=60))


@dataclass(frozen=True, slots=True)
class LedgerFilter:
    """What the ledger shows: a kind, a cause, whom a search means, from an instant until before another. Empty: all."""

    kind: str = ""
    cause: str = ""
    search: str = ""
    from_at: dt.datetime | None = None
    to_at: dt.datetime | None = None

    @property
    def is_narrow(self) -> bool:
        """Whether it leaves anything out."""
        return bool(self.kind or self.cause or self.search or self.from_at or self.to_at)


def listed(*, merchant: Merchant, wanted: LedgerFilter) -> QuerySet[PointsEntry]:
    """The entries that a filter means, newest first, each with order, request and member. Runs no query."""
    rows: QuerySet[PointsEntry] = PointsEntry.objects.of(merchant.pk)
    if wanted.kind in EntryKind.values:
        rows = rows.filter(kind=wanted.kind)
    if wanted.cause in CAUSES:
        rows = rows.filter(cause=wanted.cause)
    if wanted.search:
        found = members.listed(merchant=merchant, wanted=MemberFilter(search=wanted.search))
        rows = rows.filter(member_id__in=found.order_by().values("pk"))
    if wanted.from_at is not None:
        rows = rows.filter(at__gte=wanted.from_at)
    if wanted.to_at is not None:
        rows = rows.filter(at__lt=wanted.to_at)
    return rows.select_related("order", "request", "member").order_by("-at", "-member_id", "-sequence")


class Newest:
    """Entries newest first, to be paged; the first pages of a long ledger are found in its latest days."""

    ordered = True

    def __init__(self, rows: QuerySet[PointsEntry], *, at: dt.datetime, is_dated: bool = False) -> None:
        self.rows, self.at = rows, at
        self.spans = () if is_dated else SPANS
        self.total: int | None = None

    def count(self) -> int:
        """How many there are. One query."""
        self.total = self.rows.order_by().count()
        return self.total

    def __getitem__(self, part: slice) -> list[PointsEntry]:
        """A page. One query, up to three where the latest days hold too little."""
        if self.total is None or part.stop < self.total:
            for span in self.spans:
                page = list(self.rows.filter(at__gt=self.at - span)[part])
                if len(page) == part.stop - part.start:
                    return page
        return list(self.rows[part])


def people(*, merchant: Merchant, entries: Sequence[PointsEntry]) -> dict[int, MemberRow]:
    """Whose entries of a page they are, by the member's key. Three queries."""
    unique = {entry.member_id: entry.member for entry in entries}
    rows = members.rows_of(merchant=merchant, members=list(unique.values()))
    return {row.member.pk: row for row in rows}


def proposals(*, merchant_id: int) -> QuerySet[PointsRequest]:
    """Adjustments that wait for a second person, the oldest first, each with its member. Runs no query."""
    rows: QuerySet[PointsRequest] = PointsRequest.objects.of(merchant_id)
    return rows.filter(status=PointsRequestStatus.PROPOSED).select_related("member").order_by("at", "id")


def proposed(*, merchant_id: int, beside: int) -> tuple[int, int]:
    """How many adjustments wait that others than the user `beside` proposed, and of how many points. One query."""
    waiting = proposals(merchant_id=merchant_id).exclude(by_id=beside).order_by()
    sums = waiting.aggregate(n=Count("pk"), points=Sum(Abs("points")))
    return sums["n"], int(sums["points"] or 0)
