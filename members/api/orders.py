"""Orders in: put, many at once, refunds."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ValidationError

from members.api.operations import Answer, Call, Operation
from members.api.order_bodies import (
    BatchBody,
    BatchDescribed,
    BatchItem,
    BatchOut,
    OrderBody,
    OrderOut,
    RefundBody,
    RefundOut,
)
from members.api.problems import refused, shape_of
from members.lib.posting import OMITTED, OrderState
from members.lib.refusals import Invalid, NotFound, Refusal
from members.lib.scopes import Scope
from members.selectors import references
from members.selectors import rules as rules_selector
from members.services import orders as orders_service
from members.services.orders import LineIn, OrderIn


def order_in(call: Call, given: Mapping[str, Any], members: Mapping[str, int]) -> OrderIn:
    """The order that was sent, as the service takes it. Raises Invalid (currency), NotFound (member)."""
    _check_currency(call, given)
    member = given.get("member")
    if member is not None and member not in members:
        text = _("There is no such member.")
        raise NotFound(text, errors={"member": text})
    return OrderIn(
        external_id=given["external_id"],
        lines=tuple(LineIn(line["sku"], line["quantity"], line["amount_minor"]) for line in given["lines"]),
        channel=given["channel"],
        member_id=members[member] if member is not None else None,
        member_key=given.get("buyer", ""),
        store=given.get("store", ""),
        status=given.get("status", OMITTED),
        paid_at=given.get("paid_at", OMITTED),
        completed_at=given.get("completed_at", OMITTED),
        scene=given.get("scene", ""),
    )


def _check_currency(call: Call, given: Mapping[str, Any]) -> None:
    if given.get("currency", call.merchant.currency) != call.merchant.currency:
        text = _("The shop's currency is %(currency)s.") % {"currency": call.merchant.currency}
        raise Invalid(text, errors={"currency": text})


def _members(call: Call, given: Collection[Mapping[str, Any]]) -> dict[str, int]:
    named = {order["member"] for order in given if order.get("member") is not None}
    return references.member_ids(merchant_id=call.merchant.pk, public_ids=named)


def shown(call: Call, order: OrderState, outcome: str) -> dict[str, Any]:
    """An order as the API shows it. Two queries."""
    merchant_id = call.merchant.pk
    member_ids = [order.member_id] if order.member_id is not None else []
    names = references.public_ids(merchant_id=merchant_id, member_ids=member_ids)
    terms = order.terms
    earning = None
    if terms is not None:
        earning = {
            "rules_version": terms.rules_version,
            "per_major": f"{terms.per_major.normalize():f}",
            "tier": rules_selector.tier_codes(merchant_id=merchant_id).get(terms.tier_id),
            "multiplier": f"{terms.multiplier.normalize():f}",
            "campaigns": [c.code for c, _skus in order.bonus.terms.campaigns] if order.bonus else [],
        }
    return {
        "outcome": outcome,
        "channel": order.key[0],
        "external_id": order.key[1],
        "member": names.get(order.member_id or 0),
        "status": order.status,
        "paid_at": _local(call, order.paid_at),
        "completed_at": _local(call, order.completed_at),
        "currency": call.merchant.currency,
        "total_minor": order.total_minor,
        "refunded_minor": order.refunded_minor,
        "net_minor": order.net_minor,
        "points": order.posted,
        "earning": earning,
        "lines": [
            {
                "line": place + 1,
                "sku": str(line[0]),
                "quantity": f"{line[1]:f}" if line[1] % 1 else str(int(line[1])),
                "amount_minor": line[2],
                "refunded_minor": order.refunded[place] if order.refunded else 0,
                "points": order.points[place] if order.points else None,
            }
            for place, line in enumerate(order.lines)
        ],
    }


def _local(call: Call, at: Any) -> Any:
    return at.astimezone(call.merchant.zone) if at is not None else None


class PutOrder(Operation):
    """Send an order.

    The order as its channel knows it now: stored when it is new (201), adjusted by the difference when it changed,
    a no-op when it is the same, so that sending it again is always safe. Points, tier and totals follow in the same
    transaction. While the program is not open orders are stored and earn nothing.

    When it is sent again, what is left out of `member`, `status` and `paid_at` keeps its stored value; an order not
    completed is completed by leaving `completed_at` out. The member of an order never changes once set.
    """

    method = "PUT"
    scope = Scope.ORDERS_WRITE
    tag = "Orders"
    takes_key = True
    body_in = OrderBody
    example: ClassVar = {
        "buyer": "tb-20391",
        "lines": [{"sku": "JK-01", "quantity": 2, "amount_minor": 25800}],
    }
    out = OrderOut
    statuses: ClassVar = {201: "A new order", 200: "An order that was there already"}
    refusals = ("order-member-fixed", "refund-exceeds-order")

    def answer(self, call: Call) -> Answer:
        """One order by the rule that batches follow too."""
        given = {**call.body, **call.path}
        order = order_in(call, given, _members(call, [given]))
        done = orders_service.put_order(
            merchant_id=call.merchant.pk, at=call.at, actor=call.actor, order=order
        )
        assert done.order is not None
        return Answer(shown(call, done.order, done.outcome), 201 if done.outcome == "created" else 200)


class PutOrders(Operation):
    """Send many orders.

    Up to 1,000, posted in the order given, equal to sending them one by one. Each has its own outcome: an order that
    is refused, whatever is wrong with it, changes nothing and the rest goes on.
    """

    method = "POST"
    scope = Scope.ORDERS_WRITE
    tag = "Orders"
    takes_key = True
    body_in = BatchBody
    described_in = BatchDescribed
    example: ClassVar = {
        "orders": [
            {
                "channel": "taobao",
                "external_id": "240627001",
                "buyer": "tb-20391",
                "lines": [{"sku": "JK-01", "amount_minor": 12900}],
            }
        ]
    }
    out = BatchOut
    statuses: ClassVar = {200: "What became of each order"}

    def answer(self, call: Call) -> Answer:
        """Set-based: the number of queries does not grow with the orders."""
        sent = call.body["orders"]
        problems: dict[int, dict[str, Any]] = {}
        given = _read(sent, problems)
        members = _members(call, given.values())
        places: list[int] = []
        items: list[Any] = []
        for place, order in given.items():
            try:
                items.append((call.at, order_in(call, order, members)))
                places.append(place)
            except Refusal as refusal:
                problems[place] = refused(refusal)
        batch = orders_service.put_many(merchant_id=call.merchant.pk, actor=call.actor, items=items)
        done = {}
        for place, outcome in zip(places, batch.outcomes, strict=True):
            if outcome.refusal is not None:
                problems[place] = refused(outcome.refusal)
            else:
                done[place] = outcome
        names = references.public_ids(
            merchant_id=call.merchant.pk,
            member_ids={each.member_id for each in done.values() if each.member_id},
        )
        rows = [
            _row(place, sent[place], done.get(place), problems.get(place), names)
            for place in range(len(sent))
        ]
        counts = {
            name: sum(row["outcome"] == name for row in rows)
            for name in ("created", "changed", "unchanged", "refused")
        }
        return Answer({**counts, "currency": call.merchant.currency, "items": rows})


def _read(sent: list[Any], problems: dict[int, dict[str, Any]]) -> dict[int, dict[str, Any]]:
    """The orders that can be read, by place; the problems of the others."""
    reader, found = BatchItem(), {}
    for place, raw in enumerate(sent):
        try:
            found[place] = reader.run_validation(raw)
        except ValidationError as error:
            problems[place] = shape_of(error)
    return found


def _row(
    place: int, sent: Any, done: Any, problem: dict[str, Any] | None, names: Mapping[int, str]
) -> dict[str, Any]:
    key = {
        name: value if isinstance(value := sent.get(name), str) else None
        for name in ("channel", "external_id")
    } if isinstance(sent, dict) else {"channel": None, "external_id": None}  # fmt: skip
    order = done.order if done is not None else None
    return {
        "index": place,
        **key,
        "outcome": done.outcome if done is not None else "refused",
        "member": names.get(done.member_id or 0) if order is not None else None,
        "net_minor": done.net_minor if order is not None else None,
        "points": done.posted if order is not None else None,
        "problem": problem,
    }


class RefundOrder(Operation):
    """Refund an order, whole or by line.

    The same refund id with the same lines again is a no-op (200); with other lines 409. More than is left of any
    line is refused whole. Points follow under the policy of the program.
    """

    method = "POST"
    scope = Scope.ORDERS_WRITE
    tag = "Orders"
    takes_key = True
    body_in = RefundBody
    example: ClassVar = {"refund_id": "r-1", "lines": [{"line": 1, "amount_minor": 12900}]}
    out = RefundOut
    statuses: ClassVar = {201: "The refund was stored", 200: "The refund was there already"}
    refusals = ("refund-exceeds-order",)

    def answer(self, call: Call) -> Answer:
        """One refund."""
        _check_currency(call, call.body)
        lines = call.body.get("lines")
        refund_id = call.body["refund_id"]
        done = orders_service.refund_order(
            merchant_id=call.merchant.pk,
            at=call.at,
            actor=call.actor,
            channel=call.path["channel"],
            external_id=call.path["external_id"],
            refund_id=refund_id,
            lines=None if lines is None else [(line["line"], line["amount_minor"]) for line in lines],
        )
        assert done.order is not None
        refund = done.order.refunds[refund_id]
        body = shown(call, done.order, done.outcome)
        body |= {"refund_id": refund_id, "refund_minor": sum(amount for _line, amount in refund.lines)}
        return Answer(body, 200 if done.outcome == "unchanged" else 201)
