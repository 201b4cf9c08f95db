"""A member's points: the balance with its lots and what comes next, and the ledger with its reasons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from members.api.members import found
from members.api.operations import Answer, Call, Operation, pass_clearance
from members.api.pages import PageIn, PageOut, take
from members.lib.refusals import NotFound
from members.lib.scopes import Scope
from members.models import Channel, EntryKind, Merchant, PointsVerb, Program
from members.selectors import entry_words, member_entries
from members.selectors import points as points_selector
from members.selectors import rules as rules_selector
from members.selectors.member_entries import Why

LINES_TOLD = 50  # of an order, with one entry


class LotOut(serializers.Serializer):
    """Points that lapse together."""

    remaining = serializers.IntegerField()
    expires_on = serializers.DateField(allow_null=True, help_text="The last usable day; null is never.")


class HeldOut(serializers.Serializer):
    """Points set aside: part of nothing above until they are captured or released."""

    id = serializers.CharField()
    points = serializers.IntegerField()
    at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField(help_text="When the hold ends by itself and gives its points back.")
    reason = serializers.CharField(allow_blank=True)


class ExpiringOut(serializers.Serializer):
    """Points whose last usable day is the same."""

    on = serializers.DateField(help_text="The last usable day.")
    points = serializers.IntegerField()


class ConfirmingOut(serializers.Serializer):
    """Points whose wait ends together."""

    due_at = serializers.DateTimeField(
        allow_null=True,
        help_text="The first daily job of the shop at or after it confirms them; null until their order is completed.",
    )
    points = serializers.IntegerField()


class ComingOut(serializers.Serializer):
    """What becomes of the points by itself."""

    expiring = ExpiringOut(many=True, help_text="The earliest first.")
    confirming = ConfirmingOut(many=True, help_text="The earliest first.")


class ValueOut(serializers.Serializer):
    """About what the available points cost the shop."""

    amount_minor = serializers.IntegerField()
    currency = serializers.CharField()


class PointsOut(serializers.Serializer):
    """A member's points."""

    member = serializers.CharField()
    available = serializers.IntegerField(help_text="What can be spent now.")
    pending = serializers.IntegerField(help_text="Earned and not confirmed yet.")
    deficit = serializers.IntegerField(
        help_text="Taken back and not there any more; the next points repay it."
    )
    value = ValueOut(allow_null=True, help_text="Null while the shop has set no cost per point.")
    lots = LotOut(many=True, help_text="In spending order.")
    next = ComingOut()
    holds = HeldOut(many=True, help_text="The one that ends first comes first.")
    earned = serializers.IntegerField()
    redeemed = serializers.IntegerField()
    expired = serializers.IntegerField()
    clawed_back = serializers.IntegerField()


class OrderKeyOut(serializers.Serializer):
    """An order."""

    channel = serializers.ChoiceField(choices=Channel.values)
    external_id = serializers.CharField()


class LineOut(serializers.Serializer):
    """A line of the order as it was then: what it was worth and what it keeps."""

    number = serializers.IntegerField()
    sku = serializers.CharField()
    amount_minor = serializers.IntegerField()
    points = serializers.IntegerField(help_text="Its share of the order's points.")
    refunded_minor = serializers.IntegerField()
    kept = serializers.IntegerField(help_text="What is left of its points after the refunds so far.")


class PartOut(serializers.Serializer):
    """Points of one lot: taken from it (positive) or given back to it (negative)."""

    points = serializers.IntegerField()
    expires_on = serializers.DateField(allow_null=True)


class AskedOut(serializers.Serializer):
    """The request that moved the points."""

    id = serializers.CharField()
    verb = serializers.ChoiceField(choices=PointsVerb.values)
    by = serializers.CharField(allow_blank=True)
    reason = serializers.CharField(allow_blank=True)
    at = serializers.DateTimeField()


class WhyOut(serializers.Serializer):
    """Why the points moved. The terms of an order are fixed when it first came, for ever."""

    text = serializers.CharField(help_text="The whole of it in words, in the language of `Accept-Language`.")
    rules_version = serializers.IntegerField(
        allow_null=True, help_text="The version of the rules: the order's, else the one in force then."
    )
    per_major = serializers.CharField(allow_null=True, help_text="Points for one unit of the currency.")
    tier = serializers.CharField(allow_null=True, help_text="Held before the order.")
    multiplier = serializers.CharField(allow_null=True)
    total_minor = serializers.IntegerField(allow_null=True, help_text="The order's amount now.")
    refunded_minor = serializers.IntegerField(allow_null=True)
    currency = serializers.CharField()
    amount_minor = serializers.IntegerField(allow_null=True, help_text="The order's amount then.")
    exact = serializers.CharField(
        allow_null=True, help_text="Amount × rate × multiplier, before it is rounded down."
    )
    points_before = serializers.IntegerField(
        allow_null=True, help_text="What the order stood at before this entry."
    )
    points_after = serializers.IntegerField(allow_null=True)
    lines = LineOut(many=True, help_text=f"The lines concerned, {LINES_TOLD} at most.")
    request = AskedOut(allow_null=True)
    lots = PartOut(many=True)


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
    why = WhyOut()


class EntriesOut(PageOut):
    """A page of the ledger."""

    items = EntryOut(many=True)


class EntriesIn(PageIn):
    """Which entries."""

    kind = serializers.ChoiceField(required=False, choices=EntryKind.values)


class ReadPoints(Operation):
    """Read a member's points.

    What is available, pending and owed, the open lots in spending order, what expires and what is confirmed when,
    what is held, and the totals of all time.
    """

    scope = Scope.POINTS_READ
    tag = "Points"
    function = "members"
    gates_itself = True
    out = PointsOut
    statuses: ClassVar = {200: "The points"}

    def answer(self, call: Call) -> Answer:
        """One query, the program's state included: a till waits."""
        member = call.path["member_id"]
        has = points_selector.balance(merchant_id=call.merchant.pk, public_id=member, at=call.at)
        if has is not None:
            pass_clearance(Program(status=has.status))
        if has is None or has.member_id is None:
            raise NotFound(_("There is no such member."))
        value = has.value_minor
        return Answer(
            {
                "member": member,
                "available": has.available,
                "pending": has.pending,
                "deficit": has.deficit,
                "value": None
                if value is None
                else {"amount_minor": value, "currency": call.merchant.currency},
                "lots": [{"remaining": left, "expires_on": until} for left, until in has.lots],
                "next": {
                    "expiring": [{"on": day, "points": points} for day, points in has.expiring],
                    "confirming": [{"due_at": due, "points": points} for due, points in has.confirming],
                },
                "holds": [
                    {
                        "id": one.id,
                        "points": one.points,
                        "at": one.at,
                        "ends_at": one.ends_at,
                        "reason": one.reason,
                    }
                    for one in has.holds
                ],
                "earned": has.earned,
                "redeemed": has.redeemed,
                "expired": has.expired,
                "clawed_back": has.clawed_back,
            }
        )


class ReadEntries(Operation):
    """Read a member's ledger.

    The newest entry first. `why` explains each: the order with its lines, rate, multiplier and version of the rules,
    or the request, the lots that the points came from, and the whole in words.
    """

    scope = Scope.POINTS_READ
    tag = "Points"
    function = "members"
    query_in = EntriesIn
    out = EntriesOut
    statuses: ClassVar = {200: "A page of entries"}

    def answer(self, call: Call) -> Answer:
        """A constant number of queries, however many entries."""
        member = found(call)
        rows = member_entries.entries(
            merchant=call.merchant, member_id=member.pk, kind=call.query.get("kind", "")
        )
        page, cursor = take(call, rows, what=f"entries {member.public_id}", by="sequence", newest_first=True)
        codes = rules_selector.tier_codes(merchant_id=call.merchant.pk)
        whys = member_entries.whys(merchant=call.merchant, member_id=member.pk, rows=page)
        items = [_entry(why, codes, call.merchant) for why in whys]
        return Answer({"items": items, "next_cursor": cursor})


def _entry(why: Why, codes: Mapping[int, str], merchant: Merchant) -> dict[str, Any]:
    entry, order = why.entry, why.order
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
            "text": _text(why, merchant),
            "currency": merchant.currency,
            **_terms(why, codes),
            "request": _asked(why),
            "lots": [{"points": part.points, "expires_on": part.expires_on} for part in why.parts],
        },
    }


def _text(why: Why, merchant: Merchant) -> str:
    space = "" if (get_language() or "").startswith("zh") else " "
    return space.join(entry_words.explain(why, merchant))


def _terms(why: Why, codes: Mapping[int, str]) -> dict[str, Any]:
    """The order's part of a "why"; nulls for what no order moved."""
    order, terms = why.order, why.terms
    if order is None or terms is None:
        names = (
            "per_major", "tier", "multiplier", "total_minor", "refunded_minor", "amount_minor", "exact",
            "points_before", "points_after",
        )  # fmt: skip
        return {"rules_version": why.entry.rules_version, **dict.fromkeys(names), "lines": []}
    return {
        "rules_version": order.rules_version,
        "per_major": entry_words.decimal_text(terms.per_major),
        "tier": codes.get(order.tier_id or 0),
        "multiplier": entry_words.decimal_text(terms.multiplier),
        "total_minor": order.total_minor,
        "refunded_minor": order.refunded_minor,
        "amount_minor": why.amount_minor,
        "exact": entry_words.decimal_text(why.exact),
        "points_before": why.before,
        "points_after": why.after,
        "lines": [
            {
                "number": line.number,
                "sku": line.sku,
                "amount_minor": line.amount_minor,
                "points": line.stored,
                "refunded_minor": line.refunded_minor,
                "kept": line.kept,
            }
            for line in why.lines_concerned[:LINES_TOLD]
        ],
    }


def _asked(why: Why) -> dict[str, Any] | None:
    request = why.entry.request
    if request is None:
        return None
    return {
        "id": request.public_id,
        "verb": request.verb,
        "by": request.actor_label,
        "reason": request.reason,
        "at": request.at,
    }
