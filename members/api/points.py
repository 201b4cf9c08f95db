"""A member's points: the balance with its lots, and the ledger."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from members.api.members import found
from members.api.operations import Answer, Call, Operation
from members.api.pages import PageIn, PageOut, take
from members.lib.scopes import Scope
from members.models import Channel, EntryKind, PointsEntry
from members.selectors import member_entries
from members.selectors import points as points_selector
from members.selectors import rules as rules_selector


class LotOut(serializers.Serializer):
    """Points that lapse together."""

    remaining = serializers.IntegerField()
    expires_on = serializers.DateField(allow_null=True, help_text="The last usable day; null is never.")


class PointsOut(serializers.Serializer):
    """A member's points."""

    member = serializers.CharField()
    available = serializers.IntegerField(help_text="What can be spent now.")
    pending = serializers.IntegerField(help_text="Earned and not confirmed yet.")
    deficit = serializers.IntegerField(
        help_text="Taken back and not there any more; the next points repay it."
    )
    lots = LotOut(many=True, help_text="In spending order.")
    earned = serializers.IntegerField()
    redeemed = serializers.IntegerField()
    expired = serializers.IntegerField()
    clawed_back = serializers.IntegerField()


class OrderKeyOut(serializers.Serializer):
    """An order."""

    channel = serializers.ChoiceField(choices=Channel.values)
    external_id = serializers.CharField()


class WhyOut(serializers.Serializer):
    """What the order earns by: fixed when it first came, for ever."""

    rules_version = serializers.IntegerField()
    per_major = serializers.CharField(help_text="Points for one unit of the currency.")
    tier = serializers.CharField(allow_null=True, help_text="Held before the order.")
    multiplier = serializers.CharField()
    total_minor = serializers.IntegerField(help_text="The order's amount now.")
    refunded_minor = serializers.IntegerField()
    currency = serializers.CharField()


class EntryOut(serializers.Serializer):
    """One line of the ledger, never changed."""

    number = serializers.IntegerField(help_text="Counts the member's entries from 1.")
    at = serializers.DateTimeField()
    kind = serializers.ChoiceField(choices=EntryKind.values)
    points = serializers.IntegerField(help_text="The change of available less deficit.")
    pending = serializers.IntegerField(help_text="The change of pending.")
    balance_after = serializers.IntegerField(help_text="Available less deficit, after this entry.")
    cause = serializers.CharField()
    order = OrderKeyOut(allow_null=True)
    refund_id = serializers.CharField(allow_null=True)
    why = WhyOut(allow_null=True)


class EntriesOut(PageOut):
    """A page of the ledger."""

    items = EntryOut(many=True)


class EntriesIn(PageIn):
    """Which entries."""

    kind = serializers.ChoiceField(required=False, choices=EntryKind.values)


class ReadPoints(Operation):
    """Read a member's points.

    What is available, pending and owed, the open lots in spending order, and the totals of all time.
    """

    scope = Scope.POINTS_READ
    tag = "Points"
    function = "members"
    out = PointsOut
    statuses: ClassVar = {200: "The points"}

    def answer(self, call: Call) -> Answer:
        """Three queries, however many entries."""
        member = found(call)
        standing = points_selector.standing(merchant_id=call.merchant.pk, member_id=member.pk, at=call.at)
        return Answer({"member": member.public_id, **standing})


class ReadEntries(Operation):
    """Read a member's ledger.

    The newest entry first. `why` says by which version of the rules, rate and multiplier the order of an entry earns.
    """

    scope = Scope.POINTS_READ
    tag = "Points"
    function = "members"
    query_in = EntriesIn
    out = EntriesOut
    statuses: ClassVar = {200: "A page of entries"}

    def answer(self, call: Call) -> Answer:
        """Three queries, however many entries."""
        member = found(call)
        rows = member_entries.entries(
            merchant=call.merchant, member_id=member.pk, kind=call.query.get("kind", "")
        )
        entries, cursor = take(
            call, rows, what=f"entries {member.public_id}", by="sequence", newest_first=True
        )
        codes = rules_selector.tier_codes(merchant_id=call.merchant.pk)
        items = [_entry(entry, codes, call.merchant.currency) for entry in entries]
        return Answer({"items": items, "next_cursor": cursor})


def _entry(entry: PointsEntry, codes: dict[int, str], currency: str) -> dict[str, Any]:
    order = entry.order
    return {
        "number": entry.sequence,
        "at": entry.at,
        "kind": entry.kind,
        "points": entry.points,
        "pending": entry.pending,
        "balance_after": entry.balance_after,
        "cause": entry.cause,
        "order": {"channel": order.channel, "external_id": order.external_id} if order else None,
        "refund_id": entry.refund,
        "why": {
            "rules_version": order.rules_version,
            "per_major": f"{order.per_major.normalize():f}",
            "tier": codes.get(order.tier_id or 0),
            "multiplier": f"{order.multiplier.normalize():f}" if order.multiplier is not None else "1",
            "total_minor": order.total_minor,
            "refunded_minor": order.refunded_minor,
            "currency": currency,
        }
        if order is not None and order.per_major is not None
        else None,
    }
