"""Finding members: the list with its filters, one member, who a search means (domain.md 1, 11)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.expressions import RawSQL

from members.lib import crypto, prepared
from members.lib.phones import e164_or_none, national, region_of
from members.models import Channel, Identity, Member, MemberStatus, Merchant, PointsAccount, TierStanding

PER_PAGE = 50
SORTS = ("newest", "oldest", "points")


@dataclass(frozen=True, slots=True)
class MemberFilter:
    """What a list shows: `search` as typed, a tier's id, a channel, one of SORTS. Empty means all."""

    search: str = ""
    tier_id: int | None = None
    channel: str = ""
    sort: str = "newest"

    @property
    def is_narrow(self) -> bool:
        """Whether it leaves anybody out."""
        return bool(self.search or self.tier_id or self.channel)


def listed(*, merchant: Merchant, wanted: MemberFilter, base_tier_id: int | None = None) -> QuerySet[Member]:
    """The members a filter means, in its order, to be paged. Runs no query.

    A member without a standing holds the lowest tier, `base_tier_id`. By points they are paged by `ByPoints`.
    """
    rows: QuerySet[Member] = Member.objects.of(merchant.pk).exclude(status=MemberStatus.ERASED)
    if wanted.channel in Channel.values:
        rows = rows.filter(channel=wanted.channel)
    if wanted.tier_id is not None:
        standings = TierStanding.objects.of(merchant.pk).filter(member_id=OuterRef("pk"))
        if wanted.tier_id == base_tier_id:
            rows = rows.exclude(Exists(standings.exclude(tier_id=base_tier_id)))
        else:
            rows = rows.filter(Exists(standings.filter(tier_id=wanted.tier_id)))
    if wanted.search.strip():
        rows = rows.filter(pk__in=_found(merchant, wanted.search.strip()))
    if wanted.sort == "oldest":
        return rows.order_by("joined_at", "pk")
    return rows.order_by("-joined_at", "-pk")


class ByPoints:
    """Members of a queryset by their points, most first, who never had any last; to be paged.

    Sorts accounts and fetches the members of one page: joining first would look up an account per member of the shop.
    """

    ordered = True

    def __init__(self, merchant: Merchant, rows: QuerySet[Member], *, is_narrow: bool) -> None:
        self.rows = rows
        accounts = PointsAccount.objects.of(merchant.pk)
        self.without = rows.exclude(Exists(accounts.filter(member_id=OuterRef("pk"))))
        if is_narrow:
            accounts = accounts.filter(member_id__in=rows.order_by().values("pk"))
        self.ids = accounts.order_by("-available", "-member_id").values_list("member_id", flat=True)

    def count(self) -> int:
        """How many there are. One query."""
        return self.rows.count()

    def __getitem__(self, part: slice) -> list[Member]:
        """A page. Two queries, four where the members with points end."""
        start, stop = part.start or 0, part.stop
        ids = list(self.ids[start:stop])
        known = {member.pk: member for member in self.rows.order_by().filter(pk__in=ids)}
        page = [known[pk] for pk in ids if pk in known]  # an account may be an erased member's
        if len(page) < stop - start:
            before = max(start - self.ids.count(), 0)
            page += list(self.without[before : before + stop - start - len(page)])
        return page


# The column is one of the names written below, never from outside.
BY_COLUMN = "select id from members_member where merchant_id = %s and {} = %s"


def _found(merchant: Merchant, text: str) -> RawSQL:
    """The ids of those whom a search means: by whole phone, last four digits, name, external id or member id.

    One union of index look-ups: an OR over several indexes would read every member of the shop.
    """
    parts, values = _exact(merchant, text)

    def either(column: str, value: object) -> None:
        parts.append(BY_COLUMN.format(column))
        values.extend([merchant.pk, value])

    if len(text) == 4 and text.isdigit():
        either("phone_tail", crypto.tail_token(merchant.pk, text))
    else:
        wanted = crypto.token(merchant.pk, "name", crypto.plain_name(text))
        for column in ("name_token", "name_first_token", "name_rest_token"):
            either(column, wanted)
    return RawSQL(" union ".join(parts), values)


def _exact(merchant: Merchant, text: str) -> tuple[list[str], list[object]]:
    """The look-ups, with their values, of those who are named one by one: by whole phone, external id or member id."""
    parts = [
        "select member_id from members_identity where merchant_id = %s and external_index = any(%s::bytea[])",
        BY_COLUMN.format("public_id"),
    ]
    values: list[object] = [merchant.pk, _on_every_channel(merchant.pk, text), merchant.pk, text]
    number = e164_or_none(text, region_of(merchant.currency))
    if number:
        parts.append(BY_COLUMN.format("phone_index"))
        values.extend([merchant.pk, crypto.blind_index(merchant.pk, number)])
    return parts, values


def named(*, merchant: Merchant, text: str) -> list[Member]:
    """The active members whom a whole phone number, an external id or a member id names, two at most: more than one is
    nobody in particular. One query."""
    parts, values = _exact(merchant, text)
    rows = Member.objects.of(merchant).filter(
        pk__in=RawSQL(" union ".join(parts), values), status=MemberStatus.ACTIVE
    )
    return list(rows.order_by("pk")[:2])


def searched(*, merchant: Merchant, text: str) -> list[str]:
    """What a search for this text looks among, as `_found` does: "tail", "name", "phone", "id". Runs no query."""
    if not text:
        return []
    found = ["tail" if len(text) == 4 and text.isdigit() else "name"]
    if e164_or_none(text, region_of(merchant.currency)):
        found.append("phone")
    return [*found, "id"]


def _on_every_channel(merchant_id: int, external_id: str) -> list[bytes]:
    """What an external id is found by where nobody said which channel's it is."""
    return crypto.identity_indexes(merchant_id, [(channel, external_id) for channel in Channel.values])


@dataclass(slots=True)
class MemberRow:
    """A line of the list. Phone, name and identity are clear text here: the page masks them."""

    member: Member
    phone: str
    name: str
    tier_id: int | None
    valid_until: object
    points: int
    identity: str


def rows_of(*, merchant: Merchant, members: Sequence[Member]) -> list[MemberRow]:
    """The lines of a page of members. Three queries, however many members."""
    ids = [member.pk for member in members]
    standings = {
        row.member_id: row
        for row in TierStanding.objects.of(merchant.pk)
        .filter(member_id__in=ids)
        .only("member_id", "tier_id", "valid_until")
    }
    points = dict(
        PointsAccount.objects.of(merchant.pk).filter(member_id__in=ids).values_list("member_id", "available")
    )
    first_known = (
        Identity.objects.of(merchant.pk)
        .filter(member_id__in=ids)
        .order_by("-id")
        .only("merchant", "member", "external_id")
    )
    identities = {row.member_id: row for row in first_known}
    region = region_of(merchant.currency)
    return [
        MemberRow(
            member=member,
            phone=national(member.phone, region) if member.phone_index is not None else "",
            name=member.name,
            tier_id=standings[member.pk].tier_id if member.pk in standings else None,
            valid_until=standings[member.pk].valid_until if member.pk in standings else None,
            points=points.get(member.pk, 0),
            identity=identities[member.pk].external_id if member.pk in identities else "",
        )
        for member in members
    ]


def by_public_id(*, merchant_id: int, public_id: str) -> Member | None:
    """One member by the id shown outside; None for nobody's or another merchant's. One query."""
    return Member.objects.of(merchant_id).filter(public_id=public_id).first()


def id_of(*, merchant_id: int, public_id: str) -> int | None:
    """The row id of a member known by the id shown outside; None for nobody's or another merchant's. One query."""
    parameters = {"merchant": merchant_id, "member": public_id}
    row = prepared.fetch_one(
        "select id from members_member where merchant_id = %(merchant)s and public_id = %(member)s",
        parameters,
    )
    return None if row is None else int(row[0])


def identities_of(*, merchant_id: int, member_id: int) -> list[Identity]:
    """How the channels know a member, in the order they came. One query."""
    return list(Identity.objects.of(merchant_id).filter(member_id=member_id).order_by("id"))


def find(
    *, merchant: Merchant, phone: str = "", channel: str = "", external_id: str = ""
) -> QuerySet[Member]:
    """Members by whole phone or by identity, oldest first, for look-ups by other systems. Runs no query."""
    rows: QuerySet[Member] = Member.objects.of(merchant.pk).exclude(status=MemberStatus.ERASED)
    if phone:
        number = e164_or_none(phone, region_of(merchant.currency))
        rows = rows.filter(phone_index=crypto.blind_index(merchant.pk, number)) if number else rows.none()
    if external_id or channel:
        known = Identity.objects.of(merchant.pk).filter(member_id__isnull=False)
        if external_id and channel:
            known = known.filter(external_index=crypto.identity_index(merchant.pk, channel, external_id))
        elif external_id:
            known = known.filter(external_index__in=_on_every_channel(merchant.pk, external_id))
        else:
            known = known.filter(channel=channel)
        rows = rows.filter(pk__in=known.values("member_id"))
    return rows.order_by("joined_at", "pk")


def has_any(*, merchant_id: int) -> bool:
    """Whether anybody has joined. One query, of one row."""
    return Member.objects.of(merchant_id).exclude(status=MemberStatus.ERASED).exists()


def count(*, merchant_id: int) -> int:
    """How many members the merchant has, the erased not counted. One query, of indexes alone."""
    return joined_until(merchant_id=merchant_id, day=dt.date.max)


def joined_until(*, merchant_id: int, day: dt.date) -> int:
    """How many of them joined until a day, inclusive: all, less the few erased, so that no row is read. One query."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select (select count(*) from members_member where merchant_id = %(merchant)s and joined_on <= %(day)s) - "
            "(select count(*) from members_member where merchant_id = %(merchant)s and joined_on <= %(day)s "
            "and status = 'erased')",
            {"merchant": merchant_id, "day": day},
        )
        return int(cursor.fetchone()[0])


def birthday_text(member: Member) -> str | None:
    """05-17; None when nobody knows it. Runs no query."""
    return f"{member.birth_month:02}-{member.birth_day:02}" if member.birth_month else None
