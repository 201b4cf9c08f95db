"""A basket priced, with the receipt that explains it (domain.md 7)."""

from __future__ import annotations

from typing import Any, ClassVar

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from benefits.lib.quotes import MOST_LINES, MOST_QUANTITY, STACKS
from benefits.selectors import quotes
from members.api.fields import Instant, Strict, Text, Whole, YesNo
from members.api.operations import Answer, Call, Operation
from members.lib.refusals import Invalid, NotFound
from members.lib.scopes import Scope
from members.selectors import members as members_selector

LAYERS = ("sale", "member", "fan", "spend_and_save")


class BasketLine(Strict):
    """A line of the basket."""

    sku = Text(max_length=64)
    quantity = Whole(default=1, min_value=1, max_value=MOST_QUANTITY)


class BasketIn(Strict):
    """A basket and who asks."""

    member = Text(
        required=False,
        allow_null=True,
        help_text="The member's id; left out or null prices it for a visitor.",
    )
    follows = YesNo(
        default=False, help_text="Whether the buyer follows the shop: fan prices are for followers."
    )
    at = Instant(
        required=False, help_text="A past instant, to explain what was quoted then; now unless told."
    )
    lines: Any = BasketLine(many=True, allow_empty=False, max_length=MOST_LINES)  # type: ignore[call-arg]


class QuotedLineOut(serializers.Serializer):
    """A line priced."""

    sku = serializers.CharField()
    quantity = serializers.IntegerField()
    list_minor = serializers.IntegerField(help_text="The list price of one.")
    unit_minor = serializers.IntegerField(help_text="What one costs before the basket's discount.")
    discount_minor = serializers.IntegerField(help_text="The line's share of the basket's discount.")
    total_minor = serializers.IntegerField(help_text="What the line costs.")


class TriedOut(serializers.Serializer):
    """One candidate that was tried: what it gives, and why it won or lost."""

    layer = serializers.ChoiceField(choices=LAYERS)
    candidate = serializers.CharField()
    line = serializers.IntegerField(help_text="The line, from 1; 0 is the whole basket.")
    gives_minor = serializers.IntegerField(
        help_text="What it takes off the line or the basket; of one that lost, what it would have."
    )
    won = serializers.BooleanField()
    why = serializers.CharField()


class QuoteOut(serializers.Serializer):
    """A basket priced, with its receipt."""

    at = serializers.DateTimeField(
        help_text="The instant; the same basket at this instant costs the same for ever."
    )
    member = serializers.CharField(allow_null=True)
    tier = serializers.CharField(
        allow_null=True,
        help_text="The tier whose prices counted; null for a visitor, and while the program is closed.",
    )
    rules_version = serializers.IntegerField(
        help_text="The version of the price rules; 0 before any were set."
    )
    stack = serializers.ChoiceField(choices=STACKS, help_text="How a member price meets a sale.")
    currency = serializers.CharField()
    lines = QuotedLineOut(many=True)
    total_minor = serializers.IntegerField()
    receipt = TriedOut(many=True)


class PriceBasket(Operation):
    """Price a basket.

    Up to 200 lines, for a member or a visitor, now or at a past instant. The receipt names every candidate that was
    tried, what it gives, and why it won or lost. Nothing is kept: asking again at the same `at` answers the same.
    """

    method = "POST"
    scope = Scope.BENEFITS_READ
    tag = "Prices"
    function = "benefits"
    body_in = BasketIn
    example: ClassVar = {"lines": [{"sku": "tea-100", "quantity": 2}]}
    out = QuoteOut
    statuses: ClassVar = {200: "The basket priced"}
    refusals = ("unknown-sku", "invalid")

    def answer(self, call: Call) -> Answer:
        """As many queries for 200 lines as for one."""
        at = call.body.get("at") or call.at
        if at > call.at:
            raise Invalid.on(
                "at", _("Prices of the future are not known yet. Choose an instant that is past.")
            )
        member = call.body.get("member")
        member_id = None
        if member is not None:
            member_id = members_selector.id_of(merchant_id=call.merchant.pk, public_id=member)
            if member_id is None:
                raise NotFound.on("member", _("There is no such member."))
        found = quotes.explained(
            merchant_id=call.merchant.pk,
            member_id=member_id,
            lines=[(line["sku"], line["quantity"]) for line in call.body["lines"]],
            follows=call.body["follows"],
            at=at,
        )
        return Answer({"at": at, "member": member, "currency": call.merchant.currency, **shown(found)})


def shown(found: quotes.Explained) -> dict[str, Any]:
    """A quote as the API shows it."""
    return {
        "tier": found.tier,
        "rules_version": found.version,
        "stack": found.stack,
        "lines": [
            {
                "sku": line.sku,
                "quantity": line.quantity,
                "list_minor": line.list_minor,
                "unit_minor": line.unit_minor,
                "discount_minor": line.discount_minor,
                "total_minor": line.total_minor,
            }
            for line in found.quote.lines
        ],
        "total_minor": found.quote.total_minor,
        "receipt": [each._asdict() for each in found.quote.receipt],
    }
