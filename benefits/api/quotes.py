"""Baskets priced, one or many, with the receipt that explains each price (domain.md 7)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, ClassVar

from rest_framework.exceptions import ValidationError

from benefits.api.baskets import (
    FUTURE,
    BasketIn,
    BasketItem,
    BasketsDescribed,
    BasketsIn,
    BasketsOut,
    QuoteOut,
    basket_of,
    shown_price,
    shown_receipt,
)
from benefits.selectors.quotes import Basket, Ground
from members.api.operations import Answer, Call, Operation, pass_clearance
from members.api.problems import refused, shape_of
from members.lib.collection import no_collection
from members.lib.refusals import Invalid, Refusal
from members.lib.scopes import Scope
from members.models import Program


class PriceBasket(Operation):
    """Price a basket.

    Up to 200 lines, for a member or a visitor, now or at a past instant, by sale, member and fan price, spend-and-save,
    the best coupon or discount, points and free shipping. The receipt names every candidate that was tried, what it
    gives, and why it won or lost. Nothing is kept, and no code or point is used: asking again at the same `at` answers
    the same.
    """

    method = "POST"
    scope = Scope.BENEFITS_READ
    tag = "Prices"
    function = "benefits"
    gates_itself = True
    body_in = BasketIn
    example: ClassVar = {"lines": [{"sku": "tea-100", "quantity": 2}]}
    out = QuoteOut
    statuses: ClassVar = {200: "The basket priced"}
    refusals = ("unknown-sku", "invalid")

    def answer(self, call: Call) -> Answer:
        """One query, the program's state included, for 200 lines as for one: a till waits."""
        basket = basket_of(call.body)
        ground = _ground(call, [basket])
        found = ground.price(basket)
        return Answer(
            {
                **_rules(call, ground),
                "member": basket.member,
                **shown_price(found),
                "receipt": shown_receipt(found),
            }
        )


class PriceBaskets(Operation):
    """Price many baskets.

    Up to 1,000, each as `POST /quotes` takes it, all at one instant. Each has its own outcome: one that cannot be
    priced is told with its problem, and the rest goes on. Receipts come when they are asked for.
    """

    method = "POST"
    scope = Scope.BENEFITS_READ
    tag = "Prices"
    function = "benefits"
    gates_itself = True
    body_in = BasketsIn
    described_in = BasketsDescribed
    example: ClassVar = {"baskets": [{"lines": [{"sku": "tea-100", "quantity": 2}]}]}
    out = BasketsOut
    statuses: ClassVar = {200: "What came of each"}

    def answer(self, call: Call) -> Answer:
        """One query, however many baskets."""
        with no_collection():
            return self._priced(call)

    def _priced(self, call: Call) -> Answer:
        reader = BasketItem()
        read: list[Basket | dict[str, Any]] = []
        for raw in call.body["baskets"]:
            try:
                read.append(basket_of(reader.run_validation(raw)))
            except ValidationError as error:
                read.append(shape_of(error))
        ground = _ground(call, [each for each in read if isinstance(each, Basket)])
        with_receipts = call.body["receipts"]
        items = [_item(ground, place, each, with_receipts=with_receipts) for place, each in enumerate(read)]
        priced = sum(item["quote"] is not None for item in items)
        counts = {"priced": priced, "refused": len(items) - priced}
        return Answer({**_rules(call, ground), **counts, "items": items})


def _ground(call: Call, baskets: list[Basket]) -> Ground:
    """What the prices rest on. Raises Invalid for the future, ProgramCleared."""
    at: dt.datetime = call.body.get("at") or call.at
    if at > call.at:
        raise Invalid.on("at", FUTURE)
    ground = Ground(merchant_id=call.merchant.pk, baskets=baskets, at=at)
    pass_clearance(Program(status=ground.program))
    return ground


def _rules(call: Call, ground: Ground) -> dict[str, Any]:
    return {
        "at": ground.at,
        "rules_version": ground.version,
        "stack": ground.rules.stack,
        "currency": call.merchant.currency,
    }


def _item(
    ground: Ground, place: int, basket: Basket | Mapping[str, Any], *, with_receipts: bool
) -> dict[str, Any]:
    """What came of one basket; what could not be read is its problem already."""
    problem = None if isinstance(basket, Basket) else basket
    found = None
    if isinstance(basket, Basket):
        try:
            found = ground.price(basket)
        except Refusal as refusal:
            problem = refused(refusal)
    return {
        "index": place,
        "outcome": "refused" if found is None else "priced",
        "quote": None if found is None else shown_price(found),
        "receipt": shown_receipt(found) if found is not None and with_receipts else None,
        "problem": problem,
    }
