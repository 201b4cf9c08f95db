"""What is sent and answered of entitlements."""

from __future__ import annotations

from rest_framework import serializers

from benefits.api.places import PlaceIn
from benefits.lib import entitlements as rule
from benefits.lib.entitlements import Why
from benefits.lib.kinds.checks import MOST_MINOR
from benefits.models import EntitlementSource, EntitlementState, PaidWith, UseAction
from benefits.services import tills
from members.api.fields import Choice, Strict, Text, Whole
from members.api.pages import PageOut


class EntitlementOut(serializers.Serializer):
    """A member's right to a benefit."""

    code = serializers.CharField(help_text="What a till reads or types.")
    member = serializers.CharField()
    benefit = serializers.CharField()
    kind = serializers.CharField()
    name = serializers.CharField(allow_blank=True, help_text="The benefit's name.")
    state = serializers.ChoiceField(choices=EntitlementState.values, help_text="As it is now.")
    why_not = serializers.ChoiceField(
        choices=[each.value for each in Why],
        allow_null=True,
        help_text="Why it cannot be used now; null when it can.",
    )
    uses_total = serializers.IntegerField()
    uses_left = serializers.IntegerField()
    worth_minor = serializers.IntegerField(
        allow_null=True, help_text="The most that one use saves; null without a bound."
    )
    currency = serializers.CharField()
    source = serializers.ChoiceField(  # type: ignore[assignment]
        choices=EntitlementSource.values, help_text="What brought it."
    )
    paid_with = serializers.ChoiceField(
        choices=PaidWith.values, help_text="What was paid for is honoured whatever becomes of the benefit."
    )
    paid_amount = serializers.IntegerField(help_text="Points, or minor units; 0 for nothing.")
    issued_at = serializers.DateTimeField()
    valid_until = serializers.DateTimeField(allow_null=True, help_text="The first instant without it.")
    reserved_until = serializers.DateTimeField(allow_null=True)
    partner_code = serializers.CharField(
        allow_null=True,
        help_text="For the member alone. Null in the answer of a claim, which is stored: read it.",
    )


class EntitlementsOut(PageOut):
    """A page of entitlements."""

    items = EntitlementOut(many=True)


class EntitlementActOut(serializers.Serializer):
    """What was done with an entitlement, as it was answered the first time."""

    id = serializers.CharField(
        help_text="Of this act: the reservation, or the redemption that can be undone."
    )
    action = serializers.ChoiceField(choices=UseAction.values)
    at = serializers.DateTimeField()
    code = serializers.CharField()
    member = serializers.CharField()
    benefit = serializers.CharField()
    kind = serializers.CharField()
    name = serializers.CharField(allow_blank=True)
    settings = serializers.DictField(help_text="What the benefit gives, as it was when it was issued.")
    state = serializers.ChoiceField(choices=EntitlementState.values, help_text="After it.")
    uses_left = serializers.IntegerField(help_text="After it.")
    saved_minor = serializers.IntegerField(
        allow_null=True, help_text="What the member saved; null where nobody knows, negative for an undo."
    )
    currency = serializers.CharField()
    until = serializers.DateTimeField(
        allow_null=True, help_text="Until when a reservation holds, or a redemption can be undone."
    )


class ClaimIn(PlaceIn):
    """Which benefit, and how."""

    benefit = Text(help_text="Id of the benefit.")
    how = Choice(
        choices=["claim", "exchange"], default="claim", help_text="`exchange`: for the points it costs."
    )


def order_number() -> Text:
    """The shop's own number of an order, left out where there is none."""
    return Text(
        required=False, allow_blank=True, max_length=tills.LONGEST_ORDER, help_text="The shop's own number."
    )


class ReserveEntitlementIn(PlaceIn):
    """For how long, and which order."""

    minutes = Whole(
        required=False,
        min_value=1,
        max_value=rule.MOST_RESERVE_MINUTES,
        help_text=f"After which it ends by itself; {rule.RESERVE_MINUTES} unless told.",
    )
    order = order_number()


class RedeemEntitlementIn(PlaceIn):
    """What it saved, and under which reservation."""

    saved_minor = Whole(
        required=False,
        min_value=0,
        max_value=MOST_MINOR,
        help_text="What this use saved the member; what the benefit's settings say, unless told.",
    )
    order = order_number()
    reservation = Text(
        required=False, allow_blank=True, max_length=24, help_text="Id of the reservation, if there is one."
    )


class ReleaseEntitlementIn(Strict):
    """Which reservation."""

    reservation = Text(
        required=False,
        allow_blank=True,
        max_length=24,
        help_text="Its id: another's is not let go. Left out: whoever reserved it.",
    )
