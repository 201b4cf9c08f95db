"""What benefits and campaigns changed, measured against their control group."""

from __future__ import annotations

from typing import Any, ClassVar

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from benefits.api.benefits import found
from benefits.api.campaigns import found as found_campaign
from benefits.lib.effects import USUAL_DAYS, WINDOWS, Arm, Interval, Verdict, effect_of
from benefits.models import Benefit, GiftCampaign
from benefits.selectors import effects as selectors
from members.api.fields import Strict
from members.api.operations import Answer, Call, Operation
from members.lib.refusals import NotFound
from members.lib.scopes import Scope


class EffectIn(Strict):
    """Which window."""

    days = serializers.ChoiceField(
        required=False,
        choices=WINDOWS,
        help_text=f"From the day on which a member could first have it; {USUAL_DAYS} unless told.",
    )


class ArmOut(serializers.Serializer):
    """One group, in its members' windows."""

    members = serializers.IntegerField()
    over = serializers.IntegerField(help_text="Those whose window is over.")
    buyers = serializers.IntegerField()
    orders = serializers.IntegerField()
    spend_minor = serializers.IntegerField(help_text="Net of refunds.")


class IntervalOut(serializers.Serializer):
    """A number of each group, and the difference with its interval of 95 %."""

    treated = serializers.IntegerField()
    held_out = serializers.IntegerField()
    difference = serializers.IntegerField()
    low = serializers.IntegerField()
    high = serializers.IntegerField()
    verdict = serializers.ChoiceField(
        choices=[each.value for each in Verdict],
        help_text="`unclear`: zero lies within the interval. `too_few`: too few members or buyers to tell.",
    )


class ExtraOut(serializers.Serializer):
    """What all who may have it spent more."""

    estimate = serializers.IntegerField()
    low = serializers.IntegerField()
    high = serializers.IntegerField()


class CostOut(serializers.Serializer):
    """What it cost in the same windows."""

    members = serializers.IntegerField(help_text="Who got it.")
    uses = serializers.IntegerField()
    saved_minor = serializers.IntegerField(help_text="What members saved.")
    uses_unknown = serializers.IntegerField(help_text="Uses whose saving nobody told.")


class EffectOut(serializers.Serializer):
    """What it changed."""

    benefit = serializers.CharField()
    campaign = serializers.CharField(allow_null=True)
    holdout_percent = serializers.IntegerField()
    days = serializers.IntegerField()
    counted_at = serializers.DateTimeField(help_text="Large programs are counted at night.")
    treated = ArmOut()
    held_out = ArmOut()
    buyers = IntervalOut(help_text="Members who bought, in hundredths of a per cent (Newcombe's interval).")
    orders = IntervalOut(help_text="Orders of 1,000 members (Welch's interval).")
    spend_minor = IntervalOut(help_text="Sales of a member, in minor units (Welch's interval).")
    extra_minor = ExtraOut(help_text="Sales that it brought in all, in minor units.")
    cost = CostOut()
    currency = serializers.CharField()


def _arm(arm: Arm) -> dict[str, int]:
    return {name: getattr(arm, name) for name in ("members", "over", "buyers", "orders", "spend_minor")}


def _interval(each: Interval) -> dict[str, Any]:
    return {
        "treated": each.treated,
        "held_out": each.held,
        "difference": each.difference,
        "low": each.low,
        "high": each.high,
        "verdict": each.verdict.value,
    }


def shown(call: Call, benefit: Benefit, campaign: GiftCampaign | None) -> dict[str, Any]:
    """The effect as the API shows it. Raises NotFound without a control group, or before it was counted."""
    days = call.query.get("days", USUAL_DAYS)
    percent = (campaign or benefit).holdout_percent
    counted = None
    if percent:
        counted = selectors.counted(
            merchant=call.merchant, benefit=benefit, campaign=campaign, days=days, at=call.at
        )
    if counted is None:
        raise NotFound(_("There is no effect to show: it has no control group, or is counted at night."))
    effect, cost = effect_of(counted.figures), counted.figures.cost
    return {
        "benefit": benefit.public_id,
        "campaign": None if campaign is None else campaign.public_id,
        "holdout_percent": percent,
        "days": days,
        "counted_at": counted.at,
        "treated": _arm(counted.figures.treated),
        "held_out": _arm(counted.figures.held),
        "buyers": _interval(effect.buyers),
        "orders": _interval(effect.orders),
        "spend_minor": _interval(effect.spend),
        "extra_minor": dict(zip(("estimate", "low", "high"), effect.extra, strict=True)),
        "cost": {
            "members": cost.had,
            "uses": cost.uses,
            "saved_minor": cost.saved_minor,
            "uses_unknown": cost.unknown,
        },
        "currency": call.merchant.currency,
    }


class ReadBenefitEffect(Operation):
    """Read what a benefit changed.

    Every member counts from the day on which they could first have it, whether they used it or not.
    """

    scope = Scope.BENEFITS_READ
    tag = "Benefits"
    function = "benefits"
    query_in = EffectIn
    out = EffectOut
    statuses: ClassVar = {200: "The effect"}

    def answer(self, call: Call) -> Answer:
        """At most six queries."""
        return Answer(shown(call, found(call), None))


class ReadCampaignEffect(Operation):
    """Read what a campaign changed."""

    scope = Scope.BENEFITS_READ
    tag = "Campaigns"
    function = "benefits"
    query_in = EffectIn
    out = EffectOut
    statuses: ClassVar = {200: "The effect"}

    def answer(self, call: Call) -> Answer:
        """At most six queries."""
        campaign = found_campaign(call)
        return Answer(shown(call, campaign.benefit, campaign))
