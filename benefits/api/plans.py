"""Plans of paid membership: what is sold."""

from __future__ import annotations

from typing import Any, ClassVar

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from benefits.lib.plans import MOST_FEE_MINOR, MOST_MONTHS
from benefits.models import Plan
from benefits.selectors import subscriptions as selectors
from benefits.services import plans as services
from benefits.services.plans import LONGEST_NAME, Offer
from members.api.fields import Strict, Text, Whole, YesNo
from members.api.operations import Answer, Call, Operation
from members.api.pages import PageIn, PageOut, take
from members.lib.refusals import NotFound
from members.lib.scopes import Scope


class PlanOut(serializers.Serializer):
    """A plan as it is sold now."""

    id = serializers.CharField()
    code = serializers.CharField()
    name = serializers.CharField()
    fee_minor = serializers.IntegerField(help_text="What a term costs.")
    currency = serializers.CharField()
    months = serializers.IntegerField(help_text="How long a term lasts.")
    tier = serializers.CharField(
        allow_null=True, help_text="The tier that is held at least while a term runs."
    )
    is_sold = serializers.BooleanField(help_text="False: withdrawn from sale; terms in it run on.")
    version = serializers.IntegerField()


class PlansOut(PageOut):
    """A page of plans."""

    items = PlanOut(many=True)


class PlanBody(Strict):
    """What can be changed of a plan. What is left out stays."""

    name = Text(required=False, max_length=LONGEST_NAME)
    fee_minor = Whole(required=False, max_value=MOST_FEE_MINOR, help_text="In minor units; 0 for nothing.")
    months = Whole(required=False, min_value=1, max_value=MOST_MONTHS)
    tier = Text(
        required=False,
        allow_null=True,
        max_length=32,
        help_text="Code of a tier above the lowest; null for none.",
    )


class MakePlanIn(PlanBody):
    """A new plan."""

    code = Text(max_length=32, help_text="Lower-case letters, digits, - and _; it never changes.")
    name = Text(max_length=LONGEST_NAME)
    fee_minor = Whole(max_value=MOST_FEE_MINOR, help_text="In minor units; 0 for nothing.")
    months = Whole(min_value=1, max_value=MOST_MONTHS)


class ChangePlanIn(PlanBody):
    """A change."""

    is_sold = YesNo(required=False, help_text="false withdraws it from sale.")


def shown(call: Call, plan: Plan) -> dict[str, Any]:
    """A plan as the API shows it. No query."""
    return {
        "id": plan.public_id,
        "code": plan.code,
        "name": plan.name,
        "fee_minor": plan.fee_minor,
        "currency": call.merchant.currency,
        "months": plan.months,
        "tier": plan.tier.code if plan.tier is not None else None,
        "is_sold": plan.withdrawn_at is None,
        "version": plan.version,
    }


def plan_of(call: Call, public_id: str) -> Plan:
    """Raises NotFound, for another merchant's too."""
    found = selectors.plan_of(merchant_id=call.merchant.pk, public_id=public_id)
    if found is None:
        raise NotFound(_("There is no such plan."))
    return found


class ListPlans(Operation):
    """List the plans, withdrawn ones too."""

    scope = Scope.BENEFITS_READ
    tag = "Paid membership"
    function = "benefits"
    query_in = PageIn
    out = PlansOut
    statuses: ClassVar = {200: "A page of plans, the newest first"}

    def answer(self, call: Call) -> Answer:
        """Two queries."""
        rows = Plan.objects.of(call.merchant.pk).select_related("tier")
        found, cursor = take(call, rows, what="plans", newest_first=True)
        return Answer({"items": [shown(call, each) for each in found], "next_cursor": cursor})


class MakePlan(Operation):
    """Make a plan, on sale at once.

    The same plan again changes nothing. Money for it is taken outside: a term is told of by
    `POST /members/{id}/subscriptions`.
    """

    method = "POST"
    scope = Scope.BENEFITS_WRITE
    tag = "Paid membership"
    function = "benefits"
    takes_key = True
    body_in = MakePlanIn
    example: ClassVar = {"code": "card", "name": "Card", "fee_minor": 9900, "months": 12, "tier": None}
    out = PlanOut
    statuses: ClassVar = {201: "The plan"}
    refusals = ("conflict", "invalid")

    def answer(self, call: Call) -> Answer:
        """Makes it."""
        code = call.body["code"]
        said = {name: value for name, value in call.body.items() if name != "code"}
        plan = services.create(
            merchant_id=call.merchant.pk,
            at=call.at,
            actor=call.actor,
            code=code,
            offer=Offer(**{**said, "tier": said.get("tier") or ""}),
        )
        return Answer(shown(call, plan), 201)


class ReadPlan(Operation):
    """Read a plan."""

    scope = Scope.BENEFITS_READ
    tag = "Paid membership"
    function = "benefits"
    out = PlanOut
    statuses: ClassVar = {200: "The plan"}

    def answer(self, call: Call) -> Answer:
        """One query."""
        return Answer(shown(call, plan_of(call, call.path["plan_id"])))


class ChangePlan(Operation):
    """Change a plan, or withdraw it from sale.

    It is a new version: terms that were bought stay as they were. What is left out stays.
    """

    method = "PATCH"
    scope = Scope.BENEFITS_WRITE
    tag = "Paid membership"
    function = "benefits"
    takes_key = True
    body_in = ChangePlanIn
    example: ClassVar = {"fee_minor": 12900}
    out = PlanOut
    statuses: ClassVar = {200: "The plan"}
    refusals = ("conflict", "invalid")

    def answer(self, call: Call) -> Answer:
        """The plan as it is sold from now on."""
        plan = plan_of(call, call.path["plan_id"])
        before = services.offer_of(plan)
        said = {name: getattr(before, name) for name in ("name", "fee_minor", "months", "tier", "is_sold")}
        said |= call.body
        plan = services.change(
            merchant_id=call.merchant.pk,
            at=call.at,
            actor=call.actor,
            plan_id=plan.public_id,
            offer=Offer(**{**said, "tier": said["tier"] or ""}),
            expected_version=plan.version,
        )
        return Answer(shown(call, plan))
