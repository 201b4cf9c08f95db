"""Everything stored about one member, newest first, whatever table it is in.

Each source is one query by the member, of a page's length; together they are one statement, and the newest of all make
the page. Rows and what is read beside them (tiers, e-mails of notices) are read for the lines that are shown.

Other apps add what they store of members (`register`), from their ready().
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, F, IntegerField, OuterRef, Q, QuerySet, Value

from members.models import (
    AuditRow,
    BulkActMember,
    ExpiryEmail,
    ExpiryNotice,
    Identity,
    ImportedMember,
    Member,
    MemberStatus,
    MemberTag,
    Merchant,
    Order,
    OrderRevision,
    Referral,
    Refund,
    TierMove,
)
from members.selectors import member_entries

PER_PAGE = 30
KINDS = ("membership", "orders", "points", "tiers", "benefits", "tags", "notices", "acts")
COLUMNS = ("timeline_at", "timeline_place", "timeline_number")
TAGGED = ("member.tagged", "member.untagged")
# Each is told by what it left: an entry of the ledger, a joining.
TOLD_ELSEWHERE = Q(action="member.joined") | (
    Q(action__startswith="points.") & ~Q(action__startswith="points.adjustment_")
)


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a page ends: the instant of its last line, the place of its source among all, its number there."""

    at: dt.datetime
    place: int
    number: int

    def __str__(self) -> str:
        return f"{self.at.astimezone(dt.UTC):%Y%m%dT%H%M%S.%f}_{self.place}_{self.number}"

    @classmethod
    def parse(cls, text: str) -> Mark | None:
        """The mark of an address; None for anything else."""
        at, _, rest = text.partition("_")
        place, _, number = rest.partition("_")
        if not (place.isascii() and place.isdigit() and number.isascii() and number.isdigit()):
            return None
        if len(place) > 2 or len(number) > 18:
            return None
        try:
            return cls(
                dt.datetime.strptime(at, "%Y%m%dT%H%M%S.%f").replace(tzinfo=dt.UTC), int(place), int(number)
            )
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened: its source by name, its row, and what was read beside it."""

    mark: Mark
    source: str
    row: Any
    beside: Any = None


@dataclass(frozen=True, slots=True)
class Page:
    """Lines of a page, newest first, and the mark behind which the next begins; None at the end."""

    lines: list[Line]
    next: Mark | None


@dataclass(frozen=True, slots=True)
class Source:
    """Rows of one member in one table: by which columns they are ordered, and whether they tell of the person."""

    name: str
    kind: str
    rows: Callable[[Merchant, Member], QuerySet[Any]]
    at: str = "at"
    number: str = "pk"
    is_personal: bool = False


def _identities(merchant: Merchant, member: Member) -> QuerySet[Any]:
    return Identity.objects.of(merchant.pk).filter(member_id=member.pk, linked_at__isnull=False)


def _orders(merchant: Merchant, member: Member) -> QuerySet[Any]:
    return Order.objects.of(merchant.pk).filter(member_id=member.pk, paid_at__isnull=False)


def _unpaid(merchant: Merchant, member: Member) -> QuerySet[Any]:
    return Order.objects.of(merchant.pk).filter(member_id=member.pk, paid_at__isnull=True)


def _revisions(merchant: Merchant, member: Member) -> QuerySet[Any]:
    """What orders were before they were sent again: by their orders, as nothing else finds them by member."""
    rows = OrderRevision.objects.of(merchant.pk)
    rows = rows.filter(order__merchant_id=merchant.pk, order__member_id=member.pk)
    return rows.select_related("order")


def _brought(merchant: Merchant, member: Member) -> QuerySet[Any]:
    rows = Referral.objects.of(merchant.pk).filter(referrer_id=member.pk)
    return rows.select_related("referred")


def _refunds(merchant: Merchant, member: Member) -> QuerySet[Any]:
    rows = Refund.objects.of(merchant.pk).filter(order__merchant_id=merchant.pk, order__member_id=member.pk)
    return rows.select_related("order")


def _entries(merchant: Merchant, member: Member) -> QuerySet[Any]:
    return member_entries.entries(merchant=merchant, member_id=member.pk)


def _moves(merchant: Merchant, member: Member) -> QuerySet[Any]:
    rows = TierMove.objects.of(merchant.pk).filter(member_id=member.pk)
    return rows.select_related("from_tier", "to_tier")


def _tags(merchant: Merchant, member: Member) -> QuerySet[Any]:
    """Tags that are on and that no line of the audit log tells of."""
    put_on = about(merchant, member).filter(action="member.tagged", at=OuterRef("at"))
    return MemberTag.objects.of(merchant.pk).filter(~Exists(put_on), member_id=member.pk)


def _notices(merchant: Merchant, member: Member) -> QuerySet[Any]:
    return ExpiryNotice.objects.of(merchant.pk).filter(member_id=member.pk)


def _bulk(merchant: Merchant, member: Member) -> QuerySet[Any]:
    """What acts on many did to this one: an act of the shop is looked up by it, and they are few."""
    rows = BulkActMember.objects.of(merchant.pk).filter(
        member_id=member.pk, act__merchant_id=merchant.pk, outcome__in=("changed", "refused")
    )
    return rows.select_related("act")


def _imports(merchant: Merchant, member: Member) -> QuerySet[Any]:
    rows = ImportedMember.objects.of(merchant.pk).filter(member_id=member.pk)
    return rows.select_related("job")


def about(merchant: Merchant, member: Member) -> QuerySet[Any]:
    """What the audit log has of a member."""
    return AuditRow.objects.of(merchant.pk).filter(
        subject_kind="member", subject_id__in=[member.public_id, str(member.pk)]
    )


def _audit(merchant: Merchant, member: Member) -> QuerySet[Any]:
    moved = TierMove.objects.of(merchant.pk).filter(member_id=member.pk, at=OuterRef("at"))
    rows = about(merchant, member).exclude(TOLD_ELSEWHERE).exclude(action__in=[*TAGGED, *_told_by_added])
    return rows.exclude(Q(action="tier.set") & Exists(moved))


def _tagged(merchant: Merchant, member: Member) -> QuerySet[Any]:
    return about(merchant, member).filter(action__in=TAGGED)


def _self(merchant: Merchant, member: Member) -> QuerySet[Any]:
    return Member.objects.of(merchant.pk).filter(pk=member.pk)


def _agreed(merchant: Merchant, member: Member) -> QuerySet[Any]:
    return _self(merchant, member).filter(email_consent_at__isnull=False)


# In the order of cause and effect at one instant; a line's place is its source's, so that new ones come last.
OWN = (
    Source("joined", "membership", _self, "joined_at"),
    Source("identity", "membership", _identities, "linked_at", is_personal=True),
    Source("agreed", "membership", _agreed, "email_consent_at", is_personal=True),
    Source("order", "orders", _orders, "paid_at"),
    Source("unpaid", "orders", _unpaid),
    Source("refund", "orders", _refunds),
    Source("entry", "points", _entries, number="sequence"),
    Source("move", "tiers", _moves),
    Source("tag", "tags", _tags, is_personal=True),
    Source("tagged", "tags", _tagged, is_personal=True),
    Source("notice", "notices", _notices, is_personal=True),
    Source("bulk", "acts", _bulk, "act__created_at", is_personal=True),
    Source("import", "acts", _imports, "job__created_at", is_personal=True),
    Source("audit", "acts", _audit, is_personal=True),
    Source("revision", "orders", _revisions, "replaced_at"),
    Source("brought", "membership", _brought, is_personal=True),
)
_added: list[Source] = []
_told_by_added: list[str] = []


def register(*added: Source, tell: Iterable[str] = ()) -> None:
    """Add what another app stores of members, in the order of places; once per process. `tell`: the actions of the
    audit log that these rows tell of already."""
    known = {source.name for source in sources()}
    _added.extend(source for source in added if source.name not in known)
    _told_by_added.extend(action for action in tell if action not in _told_by_added)


def sources() -> tuple[Source, ...]:
    """All sources, each at its place."""
    return (*OWN, *_added)


def page(
    *,
    merchant: Merchant,
    member: Member,
    kind: str = "",
    before: Mark | None = None,
    size: int = PER_PAGE,
) -> Page:
    """The `size` lines behind a mark, newest first. One query, one more for each kind of row that is shown, and one
    where a notice is."""
    is_erased = member.status == MemberStatus.ERASED
    arms = [
        newest(source, place, merchant, member, before)[: size + 1]
        for place, source in enumerate(sources())
        if not (kind in KINDS and source.kind != kind) and not (is_erased and source.is_personal)
    ]
    if not arms:
        return Page([], None)
    found = arms[0] if len(arms) == 1 else arms[0].union(*arms[1:], all=True)
    found = found.order_by(*(f"-{column}" for column in COLUMNS))[: size + 1] if len(arms) > 1 else found
    marks = [Mark(at, place, number) for at, place, number in found]
    shown = _with_emails(merchant, _lines(merchant, member, marks[:size]))
    return Page(shown, marks[size - 1] if len(marks) > size else None)


def newest(
    source: Source, place: int, merchant: Merchant, member: Member, before: Mark | None
) -> QuerySet[Any, Any]:
    """(instant, place, number) of one source's rows behind a mark, newest first, to be cut to a page's length. Runs no
    query."""
    rows = source.rows(merchant, member)
    if before is not None:
        # A plain bound on the instant, for the index to begin at; then what of that instant is behind the mark.
        rows = rows.filter(
            **{f"{source.at}__lte" if place <= before.place else f"{source.at}__lt": before.at}
        )
        if place == before.place:
            behind = Q(**{f"{source.number}__lt": before.number})
            rows = rows.filter(Q(**{f"{source.at}__lt": before.at}) | behind)
    rows = rows.select_related(None).annotate(
        timeline_at=F(source.at),
        timeline_place=Value(place, IntegerField()),
        timeline_number=F(source.number),
    )
    return rows.order_by(f"-{source.at}", f"-{source.number}").values_list(*COLUMNS)


def _lines(merchant: Merchant, member: Member, marks: list[Mark]) -> list[Line]:
    """The rows of marks, in that order. One query a source."""
    rows: dict[tuple[int, int], Any] = {}
    known = sources()
    for place in {mark.place for mark in marks}:
        source = known[place]
        numbers = [mark.number for mark in marks if mark.place == place]
        of_it = source.rows(merchant, member).filter(**{f"{source.number}__in": numbers})
        for row in of_it.annotate(timeline_number=F(source.number)):
            rows[place, row.timeline_number] = row
    return [
        Line(mark, known[mark.place].name, rows[mark.place, mark.number])
        for mark in marks
        if (mark.place, mark.number) in rows
    ]


def _with_emails(merchant: Merchant, lines: list[Line]) -> list[Line]:
    """The same lines, notices with the e-mail that left for them. At most one query."""
    notices = [line.row.pk for line in lines if line.source == "notice"]
    if not notices:
        return lines
    rows = ExpiryEmail.objects.of(merchant.pk).filter(notice_id__in=notices)
    emails = {row.notice_id: row for row in rows}
    return [
        Line(line.mark, line.source, line.row, emails.get(line.row.pk)) if line.source == "notice" else line
        for line in lines
    ]
