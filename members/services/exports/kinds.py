"""What each kind of export holds: who or what, in which order, and the lines of a chunk. A kind is one entry here."""

from __future__ import annotations

import datetime as dt
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from members.lib.crypto import keyring
from members.lib.masks import masked_id, masked_name, masked_phone
from members.lib.refusals import Invalid
from members.models import Channel, Export, ExportKind, Member, MemberStatus, Merchant, Tier
from members.selectors import members as selectors
from members.selectors import rules as rules_of
from members.selectors.members import MemberFilter

SEALED = "sealed_search"
GONE = gettext_lazy("The list was narrowed by something that is no longer there. Choose the members again.")


@dataclass(frozen=True)
class Kind:
    """`ids` are the rows' ids in the order of the file, streamed; `lines` are those of some of the ids."""

    ids: Callable[[Merchant, Mapping[str, Any], dt.datetime], Iterator[int]]
    head: Callable[[], Sequence[str]]
    lines: Callable[[Merchant, Sequence[int], Export], Iterator[Sequence[Any]]]
    numbers: frozenset[int] = frozenset()  # columns that a sheet holds as numbers


def checked(merchant_id: int, filters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Filters that mean somebody. Raises Invalid: what is no longer there would leave nobody out."""
    tier, channel, sort = filters.get("tier_id"), filters.get("channel"), filters.get("sort")
    is_known = tier is None or Tier.objects.of(merchant_id).filter(pk=tier).exists()
    if not is_known or (channel and channel not in Channel.values) or (sort and sort not in selectors.SORTS):
        raise Invalid(GONE)
    return filters


def sealed(merchant_id: int, filters: Mapping[str, Any]) -> dict[str, Any]:
    """Filters as a row keeps them: a search is often a whole phone number."""
    kept, search = without_people(filters), str(filters.get("search", ""))
    if search:
        kept[SEALED] = b64encode(keyring().seal(merchant_id, search)).decode()
    return kept


def without_people(filters: Mapping[str, Any]) -> dict[str, Any]:
    """Filters but for what may name somebody."""
    return {name: value for name, value in filters.items() if name not in ("search", SEALED)}


def member_filter(merchant_id: int, filters: Mapping[str, Any]) -> MemberFilter:
    """The filter that a list's address means, from how an export keeps it."""
    search = str(filters.get("search", ""))
    if kept := filters.get(SEALED):
        search = keyring().open(merchant_id, b64decode(kept))
    return MemberFilter(
        search=search,
        tier_id=filters.get("tier_id"),
        channel=str(filters.get("channel", "")),
        sort=str(filters.get("sort") or "newest"),
    )


def _member_ids(merchant: Merchant, filters: Mapping[str, Any], at: dt.datetime) -> Iterator[int]:
    version = rules_of.version_at(merchant_id=merchant.pk, at=at)
    base = version.ladder[0]["tier"] if version and version.ladder else None
    wanted = member_filter(merchant.pk, checked(merchant.pk, filters))
    rows = selectors.listed(merchant=merchant, wanted=wanted, base_tier_id=base)
    if wanted.sort == "points":
        ordered = selectors.ByPoints(merchant, rows, is_narrow=wanted.is_narrow)
        yield from ordered.ids.iterator(chunk_size=10_000)
        rows = ordered.without
    yield from rows.values_list("pk", flat=True).iterator(chunk_size=10_000)


def _member_head() -> list[str]:
    return [
        _("Member"),
        _("Name"),
        _("Phone"),
        _("Tier"),
        _("Valid until"),
        _("Points"),
        _("Channel"),
        _("Customer id"),
        _("Joined"),
    ]


def _member_lines(merchant: Merchant, ids: Sequence[int], job: Export) -> Iterator[list[Any]]:
    known = {
        member.pk: member
        for member in Member.objects.of(merchant.pk).filter(pk__in=ids).exclude(status=MemberStatus.ERASED)
    }
    tiers = {tier.pk: str(tier) for tier in Tier.objects.of(merchant.pk)}
    version = rules_of.version_at(merchant_id=merchant.pk, at=job.created_at)
    base = tiers.get(version.ladder[0]["tier"], "") if version and version.ladder else ""
    found = [known[pk] for pk in ids if pk in known]
    for row in selectors.rows_of(merchant=merchant, members=found):
        name, phone, identity = row.name, row.phone, row.identity
        if not job.is_clear:
            name, phone = masked_name(name) if name else "", masked_phone(phone) if phone else ""
            identity = masked_id(identity) if identity else ""
        yield [
            row.member.public_id,
            name,
            phone,
            tiers.get(row.tier_id or 0, base),
            row.valid_until or "",
            row.points,
            row.member.get_channel_display(),
            identity,
            row.member.joined_at.astimezone(merchant.zone).strftime("%Y-%m-%d %H:%M"),
        ]


KINDS = {ExportKind.MEMBERS: Kind(_member_ids, _member_head, _member_lines, frozenset({5}))}


def of(kind: str) -> Kind:
    """The kind of an export."""
    return KINDS[ExportKind(kind)]
