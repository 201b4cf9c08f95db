"""SKUs as a shop system knows them: put one, put many, list them (domain.md 7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from benefits.lib.price_edits import (
    FLOOR,
    LIST,
    LONGEST_NAME,
    LONGEST_SKU,
    MOST_STOCK,
    NAME,
    PRODUCT,
    SALE,
    STOCK,
    Value,
)
from benefits.lib.prices import MOST_MINOR
from benefits.selectors import catalogue
from benefits.selectors.catalogue import CatalogueFilter, Shown
from benefits.services import sent_skus
from benefits.services.sent_skus import MOST_SENT, SentSku
from members.api.fields import Instant, Strict, Text, Whole
from members.api.operations import Answer, Call, Operation
from members.api.pages import PageIn, PageOut, take
from members.lib.refusals import Invalid
from members.lib.scopes import Scope

COLUMNS = {
    "list_minor": LIST,
    "floor_minor": FLOOR,
    "product": PRODUCT,
    "name": NAME,
    "stock": STOCK,
}


class SaleBody(Strict):
    """A sale price and its time."""

    price_minor = Whole(min_value=1, max_value=MOST_MINOR)
    from_at = Instant(required=False, allow_null=True, help_text="From now on, unless told.")
    to_at = Instant(required=False, allow_null=True, help_text="The first instant without it; null is open.")


class SkuBody(Strict):
    """A SKU. What is left out stays; null takes it away."""

    list_minor = Whole(
        required=False, min_value=1, max_value=MOST_MINOR, help_text="The list price; needed for a new SKU."
    )
    sale: Any = SaleBody(
        required=False, allow_null=True, help_text="Takes the place of every sale from now on."
    )
    floor_minor = Whole(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=MOST_MINOR,
        help_text="What a unit never costs less than.",
    )
    product = Text(
        required=False,
        allow_null=True,
        allow_blank=True,
        max_length=LONGEST_NAME,
        help_text="The name of the product it belongs to; one that is new is made.",
    )
    name = Text(required=False, allow_null=True, allow_blank=True, max_length=LONGEST_NAME)
    stock = Whole(
        required=False, allow_null=True, max_value=MOST_STOCK, help_text="Units at hand; null is not counted."
    )


class NamedSku(SkuBody):
    """A SKU with its name."""

    sku = Text(max_length=LONGEST_SKU)


class SkusBody(Strict):
    """Many SKUs."""

    skus: Any = NamedSku(many=True, allow_empty=False, max_length=MOST_SENT)  # type: ignore[call-arg]


class SaleOut(serializers.Serializer):
    """The sale that runs, or the next one that is planned."""

    price_minor = serializers.IntegerField()
    from_at = serializers.DateTimeField()
    to_at = serializers.DateTimeField(allow_null=True)


class SkuOut(serializers.Serializer):
    """A SKU of the catalogue."""

    sku = serializers.CharField()
    product = serializers.CharField(allow_null=True)
    name = serializers.CharField(allow_null=True)
    list_minor = serializers.IntegerField()
    sale = SaleOut(allow_null=True)
    floor_minor = serializers.IntegerField(allow_null=True)
    stock = serializers.IntegerField(allow_null=True)
    is_priced = serializers.BooleanField(
        help_text="Whether the price table has it now, so that quotes know it."
    )
    currency = serializers.CharField()


class PutSkuOut(SkuOut):
    """A SKU, and what came of it."""

    outcome = serializers.ChoiceField(choices=["created", "changed", "unchanged"])


class SkusIn(PageIn):
    """Which SKUs."""

    product = serializers.CharField(required=False, max_length=LONGEST_NAME)
    q = serializers.CharField(
        required=False, max_length=80, help_text="How a SKU begins, or part of its name or product."
    )


class SkusOut(PageOut):
    """A page of SKUs."""

    items = SkuOut(many=True)


class OutcomeOut(serializers.Serializer):
    """What came of one."""

    sku = serializers.CharField()
    outcome = serializers.ChoiceField(choices=["created", "changed", "unchanged"])


class OutcomesOut(serializers.Serializer):
    """What came of each, in the order sent."""

    items = OutcomeOut(many=True)


def sent(sku: str, body: Mapping[str, Any]) -> SentSku:
    """A SKU as the service takes it."""
    cells: dict[str, Value] = {
        column: body[name] or None if column in (PRODUCT, NAME) else body[name]
        for name, column in COLUMNS.items()
        if name in body
    }
    sale = body.get("sale")
    if "sale" in body:
        cells[SALE] = None if sale is None else sale["price_minor"]
    sale = sale or {}
    return SentSku(sku=sku, cells=cells, sale_from=sale.get("from_at"), sale_to=sale.get("to_at"))


def shown(call: Call, each: Shown) -> dict[str, Any]:
    """A SKU as the API shows it. No query."""
    item = catalogue.item_of(each.item)
    floor = each.now.floor_minor if each.now is not None else 1
    sale = None
    if each.sale_minor is not None:
        sale = {"price_minor": each.sale_minor, "from_at": each.sale_from, "to_at": each.sale_to}
    return {
        "sku": each.item.sku,
        "product": item[PRODUCT],
        "name": item[NAME],
        "list_minor": each.list_minor,
        "sale": sale,
        "floor_minor": floor if floor > 1 else None,
        "stock": item[STOCK],
        "is_priced": each.now is not None,
        "currency": call.merchant.currency,
    }


class ListSkus(Operation):
    """List SKUs.

    The catalogue with each SKU's prices now, in the order in which they were added.
    """

    scope = Scope.BENEFITS_READ
    tag = "Prices"
    function = "benefits"
    query_in = SkusIn
    out = SkusOut
    statuses: ClassVar = {200: "A page of SKUs"}

    def answer(self, call: Call) -> Answer:
        """Two queries."""
        wanted = CatalogueFilter(search=call.query.get("q", ""), product=call.query.get("product", ""))
        rows = catalogue.listed(merchant_id=call.merchant.pk, wanted=wanted, at=call.at)
        some, cursor = take(call, rows, what="skus")
        found = catalogue.shown(some, merchant_id=call.merchant.pk, at=call.at)
        return Answer({"items": [shown(call, each) for each in found], "next_cursor": cursor})


class PutSku(Operation):
    """Send a SKU.

    The SKU as the shop system knows it now: made when it is new (201), changed where it differs, a no-op when it is the
    same, so that sending it again is always safe. What is left out stays, null takes it away. A change of prices stands
    in the list of changes, counts from now on, and can be taken back there. The platform's price guard may stop it
    (`price-guard`). Member prices are not sent here: they stand in the price table.
    """

    method = "PUT"
    scope = Scope.BENEFITS_WRITE
    tag = "Prices"
    function = "benefits"
    takes_key = True
    body_in = SkuBody
    example: ClassVar = {"product": "Tea", "name": "100 g", "list_minor": 12900, "stock": 40}
    out = PutSkuOut
    statuses: ClassVar = {201: "A new SKU", 200: "A SKU that was there already"}
    refusals = ("program-not-open", "price-guard")

    def answer(self, call: Call) -> Answer:
        """By the rule that batches follow too."""
        sku = call.path["sku"]
        if not 1 <= len(sku) <= LONGEST_SKU:
            raise Invalid.on("sku", _("A SKU has 1 to %(most)s characters.") % {"most": LONGEST_SKU})
        one = sent(sku, call.body)
        try:
            (outcome,) = sent_skus.put(merchant_id=call.merchant.pk, at=call.at, actor=call.actor, sent=[one])
        except Invalid as refusal:
            refusal.errors = {
                name.removeprefix("0").removeprefix(".") or "list_minor": text
                for name, text in refusal.errors.items()
            }
            raise
        row = catalogue.one(merchant_id=call.merchant.pk, sku=sku)
        assert row is not None
        (found,) = catalogue.shown([row], merchant_id=call.merchant.pk, at=call.at)
        return Answer(shown(call, found) | {"outcome": outcome}, 201 if outcome == "created" else 200)


class PutSkus(Operation):
    """Send many SKUs.

    Up to 1,000, each as `PUT /skus/{sku}` takes it. All or none: when one is refused nothing changes, and every error
    is told by its place. Sending them again is safe.
    """

    method = "POST"
    scope = Scope.BENEFITS_WRITE
    tag = "Prices"
    function = "benefits"
    takes_key = True
    body_in = SkusBody
    example: ClassVar = {"skus": [{"sku": "tea-100", "list_minor": 12900, "stock": 40}]}
    out = OutcomesOut
    statuses: ClassVar = {200: "What came of each"}
    refusals = ("program-not-open", "price-guard")

    def answer(self, call: Call) -> Answer:
        """Set-based: queries do not grow with SKUs."""
        rows = [sent(each["sku"], each) for each in call.body["skus"]]
        try:
            done = sent_skus.put(merchant_id=call.merchant.pk, at=call.at, actor=call.actor, sent=rows)
        except Invalid as refusal:
            refusal.errors = {_place(name): text for name, text in refusal.errors.items()}
            raise
        return Answer({"items": [{"sku": r.sku, "outcome": o} for r, o in zip(rows, done, strict=True)]})


def _place(name: str) -> str:
    """3.sku -> skus[3].sku."""
    number, _point, rest = name.partition(".")
    return f"skus[{number}]{'.' if rest else ''}{rest}" if number.isdecimal() else name
