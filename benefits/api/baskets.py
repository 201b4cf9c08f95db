"""Baskets as the API takes them and their prices as it shows them."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from benefits.api.places import PlaceIn, place_of
from benefits.lib import codes
from benefits.lib.quotes import LAYERS, MOST_LINES, MOST_MINOR, MOST_QUANTITY, STACKS
from benefits.lib.scope import CHANNELS, LONGEST_SCENE, LONGEST_STORE
from benefits.selectors.quotes import Basket, Explained
from members.api.fields import Instant, Strict, Text, Whole, YesNo
from members.api.schema import Problem

MOST_BASKETS = 1_000
ALL_POINTS = "max"
TRIED = ("sale", "member", "plan", *LAYERS, "spend_and_save")
LONGEST_SKU, LONGEST_MEMBER = 64, 128
PLACES = (("store", LONGEST_STORE), ("scene", LONGEST_SCENE))


@extend_schema_field(
    {
        "oneOf": [
            {"type": "integer", "minimum": 0, "maximum": MOST_MINOR},
            {"type": "string", "enum": [ALL_POINTS]},
        ]
    }
)
class PointsAsked(Whole):
    """A number of points, or "max" (None) for all that fit."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_value=MOST_MINOR, **kwargs)

    def run_validation(self, data: Any = serializers.empty) -> int | None:
        """As any whole number, but for the one word."""
        return None if data == ALL_POINTS else super().run_validation(data)


class BasketLine(Strict):
    """A line of the basket."""

    sku = Text(max_length=LONGEST_SKU)
    quantity = Whole(default=1, min_value=1, max_value=MOST_QUANTITY)


class BasketItem(PlaceIn):
    """A basket and who asks."""

    member = Text(
        required=False,
        allow_null=True,
        max_length=LONGEST_MEMBER,
        help_text="The member's id; left out or null prices it for a visitor.",
    )
    follows = YesNo(
        default=False, help_text="Whether the buyer follows the shop: fan prices are for followers."
    )
    coupon = Text(
        required=False,
        max_length=codes.LONGEST_TYPED,
        help_text="The code of the member's coupon that is to be taken; the best one unless told.",
    )
    points = PointsAsked(
        default=0,
        help_text="How many points at most may pay a part, or “max”. Needs a member, and a points offset in force.",
    )
    shipping_minor = Whole(
        default=0, max_value=MOST_MINOR, help_text="What you would charge for shipping, in minor units."
    )
    lines: Any = BasketLine(many=True, allow_empty=False, max_length=MOST_LINES)  # type: ignore[call-arg]

    def run_validation(self, data: Any = serializers.empty) -> Any:
        """What is plainly right is taken as it is: fields that look at each value cost more than the prices."""
        found = plain_basket(data)
        return super().run_validation(data) if found is None else found


class BasketIn(BasketItem):
    """A basket, who asks and when."""

    at = Instant(
        required=False, help_text="A past instant, to explain what was quoted then; now unless told."
    )


class BasketsIn(Strict):
    """Many baskets of one instant."""

    at = Instant(required=False, help_text="A past instant; now unless told.")
    receipts = YesNo(default=False, help_text="Whether each price comes with its receipt.")
    baskets = serializers.ListField(
        child=serializers.JSONField(), allow_empty=False, max_length=MOST_BASKETS, help_text="Up to 1,000."
    )

    def run_validation(self, data: Any = serializers.empty) -> Any:
        """The baskets are read one by one, each with its own errors."""
        if type(data) is dict and data.keys() <= {"baskets", "receipts"}:
            baskets, receipts = data.get("baskets"), data.get("receipts", False)
            if type(baskets) is list and 0 < len(baskets) <= MOST_BASKETS and type(receipts) is bool:
                return {"baskets": baskets, "receipts": receipts}
        return super().run_validation(data)


class BasketsDescribed(Strict):
    """Many baskets of one instant."""

    at = Instant(required=False, help_text="A past instant; now unless told.")
    receipts = YesNo(default=False, help_text="Whether each price comes with its receipt.")
    baskets = BasketItem(  # type: ignore[call-arg]
        many=True, allow_empty=False, max_length=MOST_BASKETS, help_text="Up to 1,000."
    )


NAMES = frozenset(
    ("member", "follows", "coupon", "points", "shipping_minor", "lines", "channel", "store", "scene")
)


def plain_basket(data: Any) -> dict[str, Any] | None:
    """A basket that is plainly right, as its fields would read it; None where they have to look."""
    if type(data) is not dict or not data.keys() <= NAMES:
        return None
    found = {"follows": False, "points": 0, "shipping_minor": 0, **data}
    if "coupon" in found and not _is_text(found["coupon"], codes.LONGEST_TYPED):
        return None
    if found["points"] == ALL_POINTS:
        found["points"] = None
    elif not _is_whole(found["points"], 0, MOST_MINOR):
        return None
    if type(found["follows"]) is not bool or not _is_whole(found["shipping_minor"], 0, MOST_MINOR):
        return None
    if found.get("member") is not None and not _is_text(found["member"], LONGEST_MEMBER):
        return None
    if not _is_plain_place(found):
        return None
    lines = _plain_lines(found.get("lines"))
    return None if lines is None else {**found, "lines": lines}


def _is_plain_place(data: dict[str, Any]) -> bool:
    if "channel" in data and not (type(data["channel"]) is str and data["channel"] in CHANNELS):
        return False
    return all(name not in data or _is_text(data[name], most) for name, most in PLACES)


def _plain_lines(lines: Any) -> list[dict[str, Any]] | None:
    if type(lines) is not list or not 0 < len(lines) <= MOST_LINES:
        return None
    found = []
    for line in lines:
        if type(line) is not dict or not line.keys() <= {"sku", "quantity"}:
            return None
        sku, quantity = line.get("sku"), line.get("quantity", 1)
        if not _is_text(sku, LONGEST_SKU) or not _is_whole(quantity, 1, MOST_QUANTITY):
            return None
        found.append({"sku": sku, "quantity": quantity})
    return found


def _is_text(value: Any, longest: int) -> bool:
    return type(value) is str and 0 < len(value) <= longest and value.isprintable()


def _is_whole(value: Any, least: int, most: int) -> bool:
    return type(value) is int and least <= value <= most


class QuotedLineOut(serializers.Serializer):
    """A line priced."""

    sku = serializers.CharField()
    quantity = serializers.IntegerField()
    list_minor = serializers.IntegerField(help_text="The list price of one.")
    unit_minor = serializers.IntegerField(help_text="What one costs before the basket's discounts.")
    discount_minor = serializers.IntegerField(help_text="The line's share of the basket's discounts.")
    total_minor = serializers.IntegerField(help_text="What the line costs.")


class TriedOut(serializers.Serializer):
    """One candidate that was tried: what it gives, and why it won or lost."""

    layer = serializers.ChoiceField(choices=TRIED)
    candidate = serializers.CharField(
        help_text="A SKU, a threshold, a code, or a benefit's id.", allow_blank=True
    )
    line = serializers.IntegerField(help_text="The line, from 1; 0 is the whole basket.")
    gives_minor = serializers.IntegerField(
        help_text="What it takes off the line or the basket; of one that lost, what it would have."
    )
    won = serializers.BooleanField()
    why = serializers.CharField()
    benefit = serializers.CharField(allow_null=True, help_text="The id of the benefit that offers it.")


class PriceOut(serializers.Serializer):
    """What a basket costs."""

    tier = serializers.CharField(
        allow_null=True,
        help_text="The tier whose prices counted; null for a visitor, and while the program is closed.",
    )
    lines = QuotedLineOut(many=True)
    goods_minor = serializers.IntegerField(help_text="What the lines cost together.")
    shipping_minor = serializers.IntegerField(help_text="What is paid for shipping.")
    total_minor = serializers.IntegerField(help_text="Goods and shipping.")
    points = serializers.IntegerField(help_text="How many points it takes: redeem them when it is paid.")
    codes = serializers.ListField(
        child=serializers.CharField(), help_text="The codes that it takes: redeem them when it is paid."
    )


class RulesOut(serializers.Serializer):
    """What prices rest on."""

    at = serializers.DateTimeField(
        help_text="The instant; the same basket at this instant costs the same for ever."
    )
    rules_version = serializers.IntegerField(
        help_text="The version of the price rules; 0 before any were set."
    )
    stack = serializers.ChoiceField(choices=STACKS, help_text="How a member price meets a sale.")
    currency = serializers.CharField()


class QuoteOut(RulesOut, PriceOut):
    """A basket priced, with its receipt."""

    member = serializers.CharField(allow_null=True)
    receipt = TriedOut(many=True)


class BasketOut(serializers.Serializer):
    """What came of one basket."""

    index = serializers.IntegerField(help_text="Its place in the request, from 0.")
    outcome = serializers.ChoiceField(choices=["priced", "refused"])
    quote = PriceOut(allow_null=True)
    receipt = TriedOut(many=True, allow_null=True, help_text="Null unless it was asked for.")
    problem = Problem(allow_null=True)


class BasketsOut(RulesOut):
    """Many baskets priced."""

    priced = serializers.IntegerField()
    refused = serializers.IntegerField()
    items = BasketOut(many=True)


def basket_of(body: dict[str, Any]) -> Basket:
    """A basket as the selectors take it; a code however it was typed."""
    coupon = body.get("coupon", "")
    return Basket(
        lines=[(line["sku"], line["quantity"]) for line in body["lines"]],
        member=body.get("member"),
        follows=body["follows"],
        coupon=codes.read_code(coupon) or coupon,
        points=body["points"],
        shipping_minor=body["shipping_minor"],
        place=place_of(body),
    )


def shown_price(found: Explained) -> dict[str, Any]:
    """What a basket costs, as the API shows it."""
    quote = found.quote
    lines = [
        {
            "sku": line.sku,
            "quantity": line.quantity,
            "list_minor": line.list_minor,
            "unit_minor": line.unit_minor,
            "discount_minor": line.discount_minor,
            "total_minor": cost,
        }
        for line, cost in zip(quote.lines, quote.costs, strict=True)
    ]
    return {
        "tier": found.tier,
        "lines": lines,
        "goods_minor": quote.goods_minor,
        "shipping_minor": quote.shipping_minor,
        "total_minor": quote.total_minor,
        "points": quote.points,
        "codes": quote.codes,
    }


def shown_receipt(found: Explained) -> list[dict[str, Any]]:
    """Every candidate, as the API shows it."""
    return [
        {
            "layer": layer,
            "candidate": candidate,
            "gives_minor": gives,
            "won": won,
            "why": why,
            "line": line,
            "benefit": benefit,
        }
        for layer, candidate, gives, won, why, line, benefit in found.quote.receipt
    ]


FUTURE = _("Prices of the future are not known yet. Choose an instant that is past.")
