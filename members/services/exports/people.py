"""Files of people: the members that a list means, and those of a segment. Masked unless an export may be clear."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any

from django.utils.translation import gettext as _

from members.lib.masks import masked_id, masked_name, masked_phone
from members.lib.refusals import Invalid
from members.models import Channel, Export, Member, MemberStatus, Merchant, Tier
from members.selectors import members as selectors
from members.selectors import rules as rules_of
from members.selectors import segments
from members.selectors.members import MemberFilter
from members.services.exports.kind import GONE, Filters, Kind, search_of


def _check_members(merchant: Merchant, filters: Filters, at: dt.datetime) -> None:
    """What is no longer there would leave nobody out."""
    tier, channel, sort = filters.get("tier_id"), filters.get("channel"), filters.get("sort")
    is_known = tier is None or Tier.objects.of(merchant.pk).filter(pk=tier).exists()
    if not is_known or (channel and channel not in Channel.values) or (sort and sort not in selectors.SORTS):
        raise Invalid(GONE)


def member_filter(merchant_id: int, filters: Filters) -> MemberFilter:
    """The filter that a list's address means, from how an export keeps it."""
    return MemberFilter(
        search=search_of(merchant_id, filters),
        tier_id=filters.get("tier_id"),
        channel=str(filters.get("channel", "")),
        sort=str(filters.get("sort") or "newest"),
    )


def _member_ids(merchant: Merchant, filters: Filters, at: dt.datetime) -> Iterator[int]:
    version = rules_of.version_at(merchant_id=merchant.pk, at=at)
    base = version.ladder[0]["tier"] if version and version.ladder else None
    wanted = member_filter(merchant.pk, filters)
    rows = selectors.listed(merchant=merchant, wanted=wanted, base_tier_id=base)
    if wanted.sort == "points":
        ordered = selectors.ByPoints(merchant, rows, is_narrow=wanted.is_narrow)
        yield from ordered.ids.iterator(chunk_size=10_000)
        rows = ordered.without
    yield from rows.values_list("pk", flat=True).iterator(chunk_size=10_000)


def _askable(merchant: Merchant, filters: Filters, at: dt.datetime) -> tuple[segments.Shop, Any]:
    """The shop and the rule of the segment. Raises Invalid (gone), TooLarge."""
    shop = segments.shop(merchant=merchant, at=at)
    segment = shop.segments.get(str(filters.get("segment", "")))
    if segment is None:
        raise Invalid(GONE)
    rule = segments.rule_of(segment)
    shop.require_askable(rule)
    return shop, rule


def _check_segment(merchant: Merchant, filters: Filters, at: dt.datetime) -> None:
    _askable(merchant, filters, at)


def _segment_ids(merchant: Merchant, filters: Filters, at: dt.datetime) -> Iterator[int]:
    shop, rule = _askable(merchant, filters, at)
    return segments.streamed_ids(shop=shop, rule=rule)


def _head() -> list[str]:
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


def _lines(merchant: Merchant, ids: Sequence[int], job: Export) -> Iterator[list[Any]]:
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


MEMBERS = Kind(_check_members, _member_ids, _head, _lines, frozenset({5}), may_be_clear=True)
SEGMENT = Kind(_check_segment, _segment_ids, _head, _lines, frozenset({5}), may_be_clear=True)
