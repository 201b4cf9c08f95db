"""Orders and refunds as the API takes and shows them."""

from __future__ import annotations

from rest_framework import serializers

from members.api.fields import Choice, Instant, Money, Quantity, Strict, Text, Whole
from members.api.schema import Problem
from members.models import Channel, OrderStatus

MOST_ORDERS, MOST_LINES = 1_000, 1_000
POINTS = (
    "What the order comes to by its rule, after its refunds. Its entries add up to more where a refund or a change "
    "took back less: points that had expired, or that the clawback policy left."
)


class LineBody(Strict):
    """A line."""

    sku = Text()
    quantity = Quantity(default=1)
    amount_minor = Money(help_text="The whole line after all discounts, in minor units.")


class OrderBody(Strict):
    """An order as its channel knows it now."""

    member = Text(required=False, allow_null=True, help_text="Id of the member who bought.")
    buyer = Text(
        required=False,
        help_text="How the channel knows the buyer. A buyer who has joined is found; one who has not is a customer.",
    )
    store = Text(
        required=False, max_length=64, help_text="A store's code on the channel; made when it is new."
    )
    status = Choice(
        required=False, choices=OrderStatus.values, help_text="Only paid orders count. Paid unless told."
    )
    paid_at = Instant(required=False, allow_null=True, help_text="Now unless told or stored.")
    completed_at = Instant(
        required=False, allow_null=True, help_text="Null: not completed yet, send it again later."
    )
    scene = Text(
        required=False,
        max_length=32,
        help_text="Where it was bought, such as takeaway; campaigns may be for some scenes. Kept once it is told.",
    )
    currency = Text(required=False, max_length=3, help_text="To be safe: refused unless it is the shop's.")
    lines = LineBody(many=True, allow_empty=False, max_length=MOST_LINES)  # type: ignore[call-arg]


class BatchItem(OrderBody):
    """An order of a batch."""

    channel = Choice(choices=Channel.values)
    external_id = Text()


class BatchBody(Strict):
    """Orders in the order in which they are to be posted."""

    orders = serializers.ListField(
        child=serializers.JSONField(), allow_empty=False, max_length=MOST_ORDERS, help_text="Up to 1,000."
    )


class BatchDescribed(Strict):
    """Orders in the order in which they are to be posted."""

    orders = BatchItem(  # type: ignore[call-arg]
        many=True, allow_empty=False, max_length=MOST_ORDERS, help_text="Up to 1,000."
    )


class RefundLineBody(Strict):
    """What is given back of a line."""

    line = Whole(min_value=1, max_value=MOST_LINES, help_text="The line's number, from 1.")
    amount_minor = Money()


class RefundBody(Strict):
    """Money given back."""

    refund_id = Text(help_text="Unique within its order.")
    lines = RefundLineBody(  # type: ignore[call-arg]
        many=True, required=False, max_length=MOST_LINES, help_text="Left out: all that is not refunded yet."
    )
    currency = Text(required=False, max_length=3, help_text="To be safe: refused unless it is the shop's.")


class OrderLineOut(serializers.Serializer):
    """A line with what it earned and what was refunded of it."""

    line = serializers.IntegerField()
    sku = serializers.CharField()
    quantity = serializers.CharField()
    amount_minor = serializers.IntegerField()
    refunded_minor = serializers.IntegerField()
    points = serializers.IntegerField(allow_null=True)


class EarningOut(serializers.Serializer):
    """What the order earns by: fixed when it first came with a member, for ever."""

    rules_version = serializers.IntegerField()
    per_major = serializers.CharField()
    tier = serializers.CharField(allow_null=True)
    multiplier = serializers.CharField()
    campaigns = serializers.ListField(
        child=serializers.CharField(), help_text="Codes of the campaigns that the order was placed under."
    )


class OrderOut(serializers.Serializer):
    """An order."""

    outcome = serializers.ChoiceField(
        choices=["created", "changed", "unchanged"], help_text="What this request did."
    )
    channel = serializers.ChoiceField(choices=Channel.values)
    external_id = serializers.CharField()
    member = serializers.CharField(allow_null=True, help_text="Null: a customer who has not joined.")
    status = serializers.ChoiceField(choices=OrderStatus.values)
    paid_at = serializers.DateTimeField(allow_null=True)
    completed_at = serializers.DateTimeField(allow_null=True)
    currency = serializers.CharField()
    total_minor = serializers.IntegerField()
    refunded_minor = serializers.IntegerField()
    net_minor = serializers.IntegerField()
    points = serializers.IntegerField(help_text=POINTS)
    earning = EarningOut(allow_null=True, help_text="Null: it earns nothing.")
    lines = OrderLineOut(many=True)


class RefundOut(OrderOut):
    """The order after a refund."""

    refund_id = serializers.CharField()
    refund_minor = serializers.IntegerField(help_text="What this refund gave back.")


class BatchItemOut(serializers.Serializer):
    """What became of one order of a batch."""

    index = serializers.IntegerField(help_text="Its place in the batch, from 0.")
    channel = serializers.CharField(allow_null=True)
    external_id = serializers.CharField(allow_null=True)
    outcome = serializers.ChoiceField(choices=["created", "changed", "unchanged", "refused"])
    member = serializers.CharField(allow_null=True)
    net_minor = serializers.IntegerField(allow_null=True)
    points = serializers.IntegerField(allow_null=True, help_text=POINTS)
    problem = Problem(allow_null=True, help_text="Why it was refused; nothing of it was stored then.")


class BatchOut(serializers.Serializer):
    """What became of each."""

    created = serializers.IntegerField()
    changed = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    refused = serializers.IntegerField()
    currency = serializers.CharField()
    items = BatchItemOut(many=True)
