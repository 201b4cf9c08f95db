"""Members' terms in plans: told of when they are paid, cancelled, refunded; also after a clearance."""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from benefits.lib import plans as rule
from benefits.lib.plans import MOST_FEE_MINOR, State
from benefits.models import Subscription
from benefits.selectors import subscriptions as selectors
from benefits.selectors.subscriptions import OWED, PAID_BACK, TermFilter
from benefits.services import subscription_refunds as refunds
from benefits.services import subscriptions as services
from members.api.fields import Strict, Text, Whole
from members.api.operations import Answer, Call, Operation
from members.api.pages import PageIn, PageOut, take
from members.lib.refusals import NotFound
from members.lib.scopes import Scope
from members.selectors import members as members_selector

TO_REFUND = "to_refund"
STATES = [*(str(state) for state in State), OWED, PAID_BACK, TO_REFUND]


class SubscriptionOut(serializers.Serializer):
    """A member's term in a plan."""

    id = serializers.CharField()
    member = serializers.CharField()
    plan = serializers.CharField(help_text="Code of the plan.")
    version = serializers.IntegerField(help_text="Of the plan, when it was bought.")
    state = serializers.ChoiceField(choices=[str(state) for state in State])
    from_at = serializers.DateTimeField()
    to_at = serializers.DateTimeField(help_text="The first instant without it.")
    paid_minor = serializers.IntegerField()
    currency = serializers.CharField()
    reference = serializers.CharField()
    cancelled_at = serializers.DateTimeField(allow_null=True)
    refunded_at = serializers.DateTimeField(allow_null=True)
    refund_minor = serializers.IntegerField(allow_null=True, help_text="To be paid back, outside.")
    paid_back_at = serializers.DateTimeField(allow_null=True)
    owed_minor = serializers.IntegerField(
        help_text="What a refund now would give, by the days left: while the program is closed, those at its closing."
    )


class SubscriptionsOut(PageOut):
    """A page of terms."""

    items = SubscriptionOut(many=True)


class SubscriptionsIn(PageIn):
    """Which terms."""

    state = serializers.ChoiceField(
        required=False,
        choices=STATES,
        help_text="How they stand; `owed` and `paid_back` of refunds; `to_refund`: what is to be refunded when the "
        "program ends.",
    )
    plan = serializers.CharField(required=False, max_length=32, help_text="Code of a plan.")


class SellIn(Strict):
    """A fee that was paid."""

    plan = Text(max_length=32, help_text="Code of the plan.")
    reference = Text(
        max_length=services.LONGEST_REFERENCE,
        help_text="Of the sale in your system; once in a shop: the same again gives the first term.",
    )
    paid_minor = Whole(required=False, max_value=MOST_FEE_MINOR, help_text="The plan's fee, unless told.")


class RefundIn(Strict):
    """Why."""

    reason = Text(max_length=refunds.LONGEST_REASON, help_text="Kept with the refund.")


class RefundedOut(serializers.Serializer):
    """What was refunded."""

    refunded = serializers.IntegerField(help_text="Terms refunded by this request.")
    left = serializers.IntegerField(help_text="Terms that still wait: send it again, with a new key.")


def shown(call: Call, term: Subscription, closed: dt.datetime | None) -> dict[str, Any]:
    """A term as the API shows it. No query."""
    said, zone = term.term(closed), call.merchant.zone
    state = rule.state_at(said, call.at)
    is_over = state in (State.EXPIRED, State.REFUNDED)
    return {
        "id": term.public_id,
        "member": term.member.public_id,
        "plan": term.plan.code,
        "version": term.version,
        "state": str(state),
        "from_at": term.from_at,
        "to_at": term.ends_at,
        "paid_minor": term.paid_minor,
        "currency": call.merchant.currency,
        "reference": term.reference,
        "cancelled_at": term.cancelled_at,
        "refunded_at": term.refunded_at,
        "refund_minor": term.refund_minor,
        "paid_back_at": term.paid_back_at,
        "owed_minor": 0 if is_over else rule.owed_minor(said, call.at, zone),
    }


def _member_id(call: Call) -> int:
    """Raises NotFound, for another merchant's too."""
    found = members_selector.id_of(merchant_id=call.merchant.pk, public_id=call.path["member_id"])
    if found is None:
        raise NotFound(_("There is no such member."))
    return found


class ListSubscriptions(Operation):
    """List membership terms of all members.

    Not stopped by a clearance. When a program ended, `state=to_refund` are its paid members to be refunded, each with
    `owed_minor` as it was at the closing.
    """

    scope = Scope.BENEFITS_READ
    tag = "Paid membership"
    query_in = SubscriptionsIn
    out = SubscriptionsOut
    statuses: ClassVar = {200: "A page of terms, the newest first"}

    def rows(self, call: Call, closed: dt.datetime | None) -> QuerySet[Subscription]:
        """Those asked for."""
        state, plan = call.query.get("state", ""), call.query.get("plan", "")
        who: dict[str, Any] = {"merchant_id": call.merchant.pk, "at": call.at}
        if state == TO_REFUND:
            rows = selectors.refundable(**who, closed_since=closed)
            return rows.filter(plan__code=plan) if plan else rows
        return selectors.terms(**who, closed=closed, wanted=TermFilter(plan=plan, state=state))

    def answer(self, call: Call) -> Answer:
        """At most four queries."""
        closed = selectors.closed_since(merchant_id=call.merchant.pk)
        found, cursor = take(call, self.rows(call, closed), what="subscriptions", newest_first=True)
        return Answer({"items": [shown(call, each, closed) for each in found], "next_cursor": cursor})


class ListMemberSubscriptions(ListSubscriptions):
    """List a member's terms."""

    def rows(self, call: Call, closed: dt.datetime | None) -> QuerySet[Subscription]:
        return super().rows(call, closed).filter(member_id=_member_id(call))


class SellSubscription(Operation):
    """Say that a member paid for a plan.

    The term begins now, or when the member's present term in that plan ends. The fee is taken outside. A program that
    is closed sells nothing; a reference it knows is answered as before.
    """

    method = "POST"
    scope = Scope.BENEFITS_WRITE
    tag = "Paid membership"
    function = "benefits"
    gates_itself = True
    takes_key = True
    body_in = SellIn
    example: ClassVar = {"plan": "card", "reference": "order-2024-7", "paid_minor": 9900}
    out = SubscriptionOut
    statuses: ClassVar = {201: "The new term", 200: "The term of that reference, told of before"}
    refusals = ("program-not-open", "plan-withdrawn", "idempotency-conflict", "invalid")

    def answer(self, call: Call) -> Answer:
        """Writes it."""
        member_id = _member_id(call)
        plan = selectors.plans(merchant_id=call.merchant.pk).filter(code=call.body["plan"]).first()
        if plan is None:
            raise NotFound.on("plan", _("There is no such plan."))
        term, is_new = services.sell(
            merchant_id=call.merchant.pk,
            at=call.at,
            actor=call.actor,
            plan_id=plan.public_id,
            member_id=member_id,
            reference=call.body["reference"],
            paid_minor=call.body.get("paid_minor"),
        )
        closed = None if is_new else selectors.closed_since(merchant_id=call.merchant.pk)
        return Answer(shown(call, term, closed), 201 if is_new else 200)


class ReadSubscription(Operation):
    """Read a membership term."""

    scope = Scope.BENEFITS_READ
    tag = "Paid membership"
    out = SubscriptionOut
    statuses: ClassVar = {200: "The term"}

    def answer(self, call: Call) -> Answer:
        """Two queries."""
        found = selectors.by_public_id(merchant_id=call.merchant.pk, public_id=call.path["subscription_id"])
        if found is None:
            raise NotFound(_("There is no such membership term."))
        return Answer(shown(call, found, selectors.closed_since(merchant_id=call.merchant.pk)))


class _Act(Operation):
    """What becomes of a term; again changes nothing. Goes on after a clearance."""

    method = "POST"
    scope = Scope.BENEFITS_WRITE
    tag = "Paid membership"
    takes_key = True
    out = SubscriptionOut
    refusals: ClassVar[tuple[str, ...]] = ("conflict",)
    service: ClassVar[Any]

    def answer(self, call: Call) -> Answer:
        """The term as it is now."""
        term = type(self).service(
            merchant_id=call.merchant.pk,
            at=call.at,
            actor=call.actor,
            subscription_id=call.path["subscription_id"],
            **call.body,
        )
        return Answer(shown(call, term, selectors.closed_since(merchant_id=call.merchant.pk)))


class CancelSubscription(_Act):
    """Say that the member will not go on: the term runs to its end."""

    statuses: ClassVar = {200: "The term, cancelled"}
    service = staticmethod(services.cancel)


class RefundSubscription(_Act):
    """End a term now, its fee to be paid back by the days left.

    `refund_minor` is all that was paid up to the seventh day after the day of the sale; later the fee's share of the
    days left, the present one included, rounded half up, never more than what was paid. The money is paid outside, and
    said to be by `paid-back`.
    """

    body_in = RefundIn
    example: ClassVar = {"reason": "Asked for within seven days"}
    statuses: ClassVar = {200: "The term, refunded"}
    refusals = ("conflict", "invalid")
    service = staticmethod(refunds.refund)


class PaidBackSubscription(_Act):
    """Say that the money of a refund was paid back."""

    statuses: ClassVar = {200: "The term, paid back"}
    service = staticmethod(refunds.pay_back)


class RefundAll(Operation):
    """Refund the terms of a program that ended.

    Up to 2,000 at once, each with what was left of it when the program closed; sent again it goes on. Refused while
    the program is open.
    """

    method = "POST"
    scope = Scope.BENEFITS_WRITE
    tag = "Paid membership"
    takes_key = True
    body_in = RefundIn
    example: ClassVar = {"reason": "The program ended"}
    out = RefundedOut
    statuses: ClassVar = {200: "How many were refunded"}
    refusals = ("conflict", "invalid")

    def answer(self, call: Call) -> Answer:
        """Set-based."""
        merchant_id = call.merchant.pk
        done = refunds.refund_all(merchant_id=merchant_id, at=call.at, actor=call.actor, **call.body)
        closed = selectors.closed_since(merchant_id=merchant_id)
        left = selectors.refundable(merchant_id=merchant_id, at=call.at, closed_since=closed).count()
        return Answer({"refunded": done, "left": left})
