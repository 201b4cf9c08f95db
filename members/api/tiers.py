"""A member's tier."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from members.api.members import found
from members.api.operations import Answer, Call, Operation
from members.lib.scopes import Scope
from members.selectors import member_page, tier_explained
from members.selectors import tiers as tiers_selector


class MetricsOut(serializers.Serializer):
    """The member's numbers over the window of the rules."""

    spend_minor = serializers.IntegerField()
    orders = serializers.IntegerField()
    active_days = serializers.IntegerField()
    points_earned = serializers.IntegerField()
    growth = serializers.IntegerField()


class StepOut(serializers.Serializer):
    """One requirement of the next tier."""

    metric = serializers.CharField()
    now = serializers.IntegerField()
    at_least = serializers.IntegerField()
    missing = serializers.IntegerField()


class NextOut(serializers.Serializer):
    """The way to the next tier."""

    tier = serializers.CharField()
    needs = serializers.ChoiceField(choices=["all", "any"])
    progress = StepOut(many=True)


class ValidityOut(serializers.Serializer):
    """Until when a tier is valid; validity is kept per tier."""

    tier = serializers.CharField()
    valid_until = serializers.DateField()


class MoveOut(serializers.Serializer):
    """A move from tier to tier."""

    at = serializers.DateTimeField()
    to = serializers.CharField()
    cause = serializers.CharField()

    def get_fields(self) -> dict[str, Any]:
        """With `from`, which Python has taken."""
        return {"from": serializers.CharField(allow_null=True), **super().get_fields()}


class TierOut(serializers.Serializer):
    """A member's tier."""

    member = serializers.CharField()
    tier = serializers.CharField()
    since = serializers.DateTimeField()
    valid_until = serializers.DateField(
        allow_null=True, help_text="The last valid day; null for the lowest tier."
    )
    metrics = MetricsOut()
    next = NextOut(allow_null=True, help_text="Null at the top.")
    validities = ValidityOut(many=True)
    explained = serializers.ListField(
        child=serializers.CharField(),
        help_text="The way to the next tier, until when this one stays and what happens then, in sentences, in the "
        "language of `Accept-Language`.",
    )
    history = MoveOut(many=True, help_text="The earliest first.")


class ReadTier(Operation):
    """Read a member's tier.

    What it is, until when, the numbers it rests on, the way to the next one, and how it came to be.
    """

    scope = Scope.MEMBERS_READ
    tag = "Members"
    function = "members"
    out = TierOut
    statuses: ClassVar = {200: "The tier"}

    def answer(self, call: Call) -> Answer:
        """A constant number of queries."""
        member = found(call)
        standing = tiers_selector.standing(merchant_id=call.merchant.pk, member_id=member.pk, at=call.at)
        progress = member_page.progress(merchant=call.merchant, member=member, at=call.at)
        coming = progress.next_tier
        return Answer(
            {
                "member": member.public_id,
                **standing,
                "explained": tier_explained.explained(merchant=call.merchant, member=member, at=call.at),
                "next": {
                    "tier": coming.code,
                    "needs": progress.needs,
                    "progress": [
                        {
                            "metric": step.metric,
                            "now": step.now,
                            "at_least": step.at_least,
                            "missing": step.missing,
                        }
                        for step in progress.steps
                    ],
                }
                if coming is not None
                else None,
                "validities": [
                    {"tier": rung.tier.code, "valid_until": rung.valid_until}
                    for rung in reversed(progress.rungs)
                    if rung.valid_until is not None
                ],
            }
        )
