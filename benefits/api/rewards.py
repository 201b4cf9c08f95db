"""The rewards shop: what members can have for points, and the orders of what is sent to them."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from benefits.lib.kinds.points_exchange import DELIVERIES
from benefits.models import Benefit, RewardOrder, RewardState
from benefits.selectors import benefits as benefits_selector
from benefits.selectors import rewards as selectors
from benefits.services import rewards as services
from members.api.fields import Strict, Text
from members.api.operations import Answer, Call, Operation
from members.api.pages import PageIn, PageOut, take
from members.lib.refusals import NotFound
from members.lib.scopes import Scope
from members.selectors import members as members_selector


class RewardOut(serializers.Serializer):
    """Something for points."""

    id = serializers.CharField(help_text="Of the benefit.")
    name = serializers.CharField(allow_blank=True)
    item = serializers.CharField(allow_blank=True)
    points = serializers.IntegerField(allow_null=True, help_text="What one costs.")
    money_minor = serializers.IntegerField(help_text="Due besides; 0 for none.")
    currency = serializers.CharField()
    delivery = serializers.ChoiceField(
        choices=DELIVERIES,
        help_text="`order`: ordered and sent; `code`: exchanged for a code (entitlements).",
    )
    stock = serializers.IntegerField(allow_null=True, help_text="Pieces left; null without a limit.")
    ends_at = serializers.DateTimeField(allow_null=True)


class RewardsOut(PageOut):
    """A page of rewards."""

    items = RewardOut(many=True)


class RewardOrderOut(serializers.Serializer):
    """An order of a reward, with what it cost when it was placed."""

    id = serializers.CharField()
    member = serializers.CharField()
    reward = serializers.CharField(help_text="Id of the benefit.")
    item = serializers.CharField()
    state = serializers.ChoiceField(choices=RewardState.values)
    points = serializers.IntegerField()
    money_minor = serializers.IntegerField(help_text="Due besides; 0 for none.")
    currency = serializers.CharField()
    tracking = serializers.CharField(allow_blank=True)
    placed_at = serializers.DateTimeField()
    paid_at = serializers.DateTimeField(allow_null=True)
    shipped_at = serializers.DateTimeField(allow_null=True)
    received_at = serializers.DateTimeField(allow_null=True)
    cancelled_at = serializers.DateTimeField(allow_null=True)


class RewardOrdersOut(PageOut):
    """A page of orders."""

    items = RewardOrderOut(many=True)


class OrdersIn(PageIn):
    """Which orders."""

    state = serializers.ChoiceField(required=False, choices=RewardState.values)


class OrderRewardIn(Strict):
    """Where to send it."""

    send_to = Text(
        required=False,
        allow_blank=True,
        max_length=services.LONGEST_ADDRESS,
        help_text="Name, phone and address, kept sealed; leave it out where the shop's own system knows.",
    )


class ShipOrderIn(Strict):
    """How it was sent."""

    tracking = Text(
        required=False,
        allow_blank=True,
        max_length=services.LONGEST_TRACKING,
        help_text="Carrier and number, shown to the member.",
    )


class CancelOrderIn(Strict):
    """Why."""

    reason = Text(max_length=services.LONGEST_REASON, help_text="Kept with the order.")


def reward_shown(call: Call, benefit: Benefit) -> dict[str, Any]:
    """A reward as the API shows it. No query."""
    settings = benefit.settings
    return {
        "id": benefit.public_id,
        "name": benefit.name,
        "item": settings.get("item") or "",
        "points": settings.get("points"),
        "money_minor": settings.get("money_minor") or 0,
        "currency": call.merchant.currency,
        "delivery": settings.get("delivery") or "code",
        "stock": benefit.stock,
        "ends_at": benefit.to_at,
    }


def shown(call: Call, order: RewardOrder) -> dict[str, Any]:
    """An order as the API shows it. No query."""
    return {
        "id": order.public_id,
        "member": order.member.public_id,
        "reward": order.benefit.public_id,
        "item": order.item,
        "state": str(order.state),
        "points": order.points,
        "money_minor": order.money_minor,
        "currency": call.merchant.currency,
        "tracking": order.tracking,
        "placed_at": order.at,
        "paid_at": order.paid_at,
        "shipped_at": order.shipped_at,
        "received_at": order.received_at,
        "cancelled_at": order.cancelled_at,
    }


def _member_id(call: Call) -> int:
    """Raises NotFound, for another merchant's too."""
    found = members_selector.id_of(merchant_id=call.merchant.pk, public_id=call.path["member_id"])
    if found is None:
        raise NotFound(_("There is no such member."))
    return found


class ListRewards(Operation):
    """List the rewards in force."""

    scope = Scope.BENEFITS_READ
    tag = "Rewards"
    function = "benefits"
    query_in = PageIn
    out = RewardsOut
    statuses: ClassVar = {200: "A page of rewards, the newest first"}

    def answer(self, call: Call) -> Answer:
        """Two queries."""
        rows = selectors.in_force(merchant_id=call.merchant.pk, at=call.at)
        found, cursor = take(call, rows, what="rewards", newest_first=True)
        return Answer({"items": [reward_shown(call, each) for each in found], "next_cursor": cursor})


class OrderReward(Operation):
    """Order a reward for a member.

    Its points are spent and a piece of its stock is taken, or nothing happens. Money that is due besides is paid to the
    shop, and said to be paid by `pay`.
    """

    method = "POST"
    scope = Scope.BENEFITS_WRITE
    tag = "Rewards"
    function = "benefits"
    gates_itself = True
    takes_key = True
    needs_key = True
    body_in = OrderRewardIn
    example: ClassVar = {"send_to": "王小明 13800138000 杭州市西湖区文三路 1 号"}
    out = RewardOrderOut
    statuses: ClassVar = {201: "The order"}
    refusals = (
        "program-not-open", "benefit-not-in-force", "not-in-audience", "limit-reached", "out-of-stock",
        "insufficient-points", "conflict",
    )  # fmt: skip

    def answer(self, call: Call) -> Answer:
        """Places it."""
        member_id = _member_id(call)
        reward = benefits_selector.by_public_id(
            merchant_id=call.merchant.pk, public_id=call.path["benefit_id"]
        )
        if reward is None:
            raise NotFound(_("There is no such reward."))
        order, _is_new = services.place(
            merchant_id=call.merchant.pk,
            at=call.at,
            actor=call.actor,
            member_id=member_id,
            benefit_id=reward.pk,
            key=call.key,
            **call.body,
        )
        return Answer(shown(call, order), 201)


class _Listed(Operation):
    """A list of orders. Not stopped by a clearance: what was paid for with points is still sent."""

    scope = Scope.BENEFITS_READ
    tag = "Rewards"
    query_in = OrdersIn
    out = RewardOrdersOut
    statuses: ClassVar = {200: "A page of orders, the newest first"}

    def rows(self, call: Call) -> QuerySet[RewardOrder]:
        """Those asked for."""
        raise NotImplementedError

    def answer(self, call: Call) -> Answer:
        """At most three queries."""
        found, cursor = take(call, self.rows(call), what="reward orders", newest_first=True)
        return Answer({"items": [shown(call, each) for each in found], "next_cursor": cursor})


class ListOrders(_Listed):
    """List the orders of rewards, of one state or all."""

    def rows(self, call: Call) -> QuerySet[RewardOrder]:
        wanted = selectors.OrderFilter(state=call.query.get("state", ""))
        return selectors.orders(merchant_id=call.merchant.pk, wanted=wanted)


class ListMemberOrders(_Listed):
    """List a member's orders of rewards."""

    def rows(self, call: Call) -> QuerySet[RewardOrder]:
        rows = selectors.of_member(merchant_id=call.merchant.pk, member_id=_member_id(call))
        state = call.query.get("state")
        return rows.filter(state=state) if state else rows


class ReadOrder(Operation):
    """Read an order of a reward."""

    scope = Scope.BENEFITS_READ
    tag = "Rewards"
    out = RewardOrderOut
    statuses: ClassVar = {200: "The order"}

    def answer(self, call: Call) -> Answer:
        """One query."""
        order = selectors.by_public_id(merchant_id=call.merchant.pk, public_id=call.path["reward_order_id"])
        if order is None:
            raise NotFound(_("There is no such order."))
        return Answer(shown(call, order))


class _Act(Operation):
    """What becomes of an order; again changes nothing. Sending goes on after a clearance."""

    method = "POST"
    scope = Scope.BENEFITS_WRITE
    tag = "Rewards"
    takes_key = True
    out = RewardOrderOut
    refusals: ClassVar[tuple[str, ...]] = ("conflict",)
    service: ClassVar[Any]

    def answer(self, call: Call) -> Answer:
        """The order as it is now."""
        order = type(self).service(
            merchant_id=call.merchant.pk,
            at=call.at,
            actor=call.actor,
            order_id=call.path["reward_order_id"],
            **call.body,
        )
        return Answer(shown(call, order))


class PayOrder(_Act):
    """Say that the money of an order was paid."""

    statuses: ClassVar = {200: "The order, paid"}
    refusals = ("conflict", "invalid")
    service = staticmethod(services.pay)


class ShipOrder(_Act):
    """Say that a reward was sent. Refused while money is due for it."""

    body_in = ShipOrderIn
    example: ClassVar = {"tracking": "SF 1234567890"}
    statuses: ClassVar = {200: "The order, sent"}
    refusals = ("conflict", "reward-not-paid")
    service = staticmethod(services.ship)


class ReceiveOrder(_Act):
    """Say that the member has the reward."""

    statuses: ClassVar = {200: "The order, received"}
    service = staticmethod(services.receive)


class CancelOrder(_Act):
    """Cancel an order that was not sent.

    Its points go back to the lots they came from, its piece to the stock. Money that was paid is paid back by the shop.
    """

    body_in = CancelOrderIn
    example: ClassVar = {"reason": "Out of production"}
    statuses: ClassVar = {200: "The order, cancelled"}
    refusals = ("program-not-open", "program-cleared", "not-cancellable")
    service = staticmethod(services.cancel)
