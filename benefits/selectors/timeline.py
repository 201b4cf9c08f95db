"""What benefits add to the timeline of a member (`members.selectors.timeline`): rights and what became of them, entries
in draws, orders of rewards."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from benefits.models import (
    DrawEntry,
    Entitlement,
    EntitlementState,
    EntitlementUse,
    RewardOrder,
    Subscription,
)
from members.models import AuditRow, Member, Merchant
from members.selectors.timeline import Source, about

BY_HAND = ("entitlement.given", "entitlement.revoked")
# Each has a row of its own that is told.
TOLD = (
    *BY_HAND,
    "entitlement.reserved",
    "entitlement.released",
    "entitlement.redeemed",
    "entitlement.undone",
    "draw.entered",
)


def _rights(merchant: Merchant, member: Member) -> QuerySet[Any]:
    rows = Entitlement.objects.of(merchant.pk).filter(member_id=member.pk)
    return rows.select_related("benefit")


def _lapsed(merchant: Merchant, member: Member) -> QuerySet[Any]:
    return _rights(merchant, member).filter(state=EntitlementState.EXPIRED, valid_until__isnull=False)


def _uses(merchant: Merchant, member: Member) -> QuerySet[Any]:
    """By their entitlements, as nothing else finds them by member."""
    rows = EntitlementUse.objects.of(merchant.pk)
    rows = rows.filter(entitlement__merchant_id=merchant.pk, entitlement__member_id=member.pk)
    return rows.select_related("entitlement__benefit")


def _by_hand(merchant: Merchant, member: Member) -> QuerySet[Any]:
    """Who gave one or took one back, and why."""
    return about(merchant, member).filter(action__in=BY_HAND)


def _entries(merchant: Merchant, member: Member) -> QuerySet[Any]:
    rows = DrawEntry.objects.of(merchant.pk).filter(member_id=member.pk)
    return rows.select_related("draw__benefit")


def _rewards(merchant: Merchant, member: Member) -> QuerySet[Any]:
    return RewardOrder.objects.of(merchant.pk).filter(member_id=member.pk)


def _terms(merchant: Merchant, member: Member) -> QuerySet[Any]:
    return Subscription.objects.of(merchant.pk).filter(member_id=member.pk).select_related("plan")


def _term_acts(merchant: Merchant, member: Member) -> QuerySet[Any]:
    """What became of paid terms, as the audit log has it, with who and why."""
    terms = _terms(merchant, member).order_by().values("public_id")
    rows = AuditRow.objects.of(merchant.pk).filter(subject_kind="subscription", subject_id__in=terms)
    return rows.exclude(action="subscription.sold")


def _reward_acts(merchant: Merchant, member: Member) -> QuerySet[Any]:
    """What became of the orders, as the audit log has it, with who and why."""
    orders = _rewards(merchant, member).order_by().values("public_id")
    return AuditRow.objects.of(merchant.pk).filter(subject_kind="reward_order", subject_id__in=orders)


SOURCES = (
    Source("right", "benefits", _rights, is_personal=True),
    Source("used", "benefits", _uses, is_personal=True),
    Source("lapsed", "benefits", _lapsed, "valid_until", is_personal=True),
    Source("draw_entry", "benefits", _entries, is_personal=True),
    Source("reward", "benefits", _rewards, is_personal=True),
    Source("reward_act", "benefits", _reward_acts, is_personal=True),
    Source("term", "benefits", _terms, is_personal=True),
    Source("term_act", "benefits", _term_acts, is_personal=True),
    Source("right_act", "benefits", _by_hand, is_personal=True),
)
