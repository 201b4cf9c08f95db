"""Checking in: once a day of the shop, and the row of days (domain.md 6)."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from members.api.members import found
from members.api.operations import Answer, Call, Operation
from members.lib.periods import merchant_day
from members.lib.scopes import Scope
from members.models import Member
from members.selectors import check_ins as selectors
from members.selectors import points as points_selector
from members.selectors import rules as rules_selector
from members.services import earning


class CheckInOut(serializers.Serializer):
    """How a member stands with checking in."""

    member = serializers.CharField()
    is_rewarded = serializers.BooleanField(help_text="Whether a rule rewards a check-in of this member now.")
    is_done = serializers.BooleanField(help_text="Whether the member has checked in today.")
    days = serializers.IntegerField(help_text="In a row: today's among them once it is done.")
    points = serializers.IntegerField(help_text="What today's check-in brought, or would bring now.")
    next_in_days = serializers.IntegerField(
        allow_null=True, help_text="Check-ins to go until a full row brings more; null where none does."
    )
    next_points = serializers.IntegerField(allow_null=True, help_text="What that row brings beside.")
    available = serializers.IntegerField(help_text="What the member can spend.")


class ReadCheckIns(Operation):
    """Read how a member stands with checking in today."""

    scope = Scope.POINTS_READ
    tag = "Points"
    function = "members"
    out = CheckInOut
    statuses: ClassVar = {200: "Today's check-in and the row of days"}

    def answer(self, call: Call) -> Answer:
        """At most seven queries."""
        return Answer(_shown(call, found(call)))


class CheckInMember(Operation):
    """Check a member in.

    Once a day of the shop: again brings nothing more. A day that is left out begins the row of days anew.
    """

    method = "POST"
    scope = Scope.POINTS_WRITE
    tag = "Points"
    function = "members"
    takes_key = True
    out = CheckInOut
    statuses: ClassVar = {201: "Checked in", 200: "The member had checked in today"}
    refusals = ("program-not-open", "activity-not-rewarded")

    def answer(self, call: Call) -> Answer:
        """The same rule as the activity `check_in`."""
        member = found(call)
        earned = earning.earn(
            merchant_id=call.merchant.pk,
            at=call.at,
            actor=call.actor,
            member_id=member.pk,
            event="check_in",
        )
        return Answer(_shown(call, member), 201 if earned.is_new else 200)


def _shown(call: Call, member: Member) -> dict[str, Any]:
    asked: dict[str, Any] = {"merchant_id": call.merchant.pk, "member_id": member.pk}
    rules = rules_selector.rules_at(merchant_id=call.merchant.pk, at=call.at)
    known = selectors.rules_of(rules=rules, at=call.at, **asked)
    row = selectors.row_of(rules=known, today=merchant_day(call.at, rules.zone), **asked)
    step = row.next_step if row else None
    return {
        "member": member.public_id,
        "is_rewarded": bool(known),
        "is_done": row is not None and row.is_done,
        "days": row.days if row else 0,
        "points": row.points if row else 0,
        "next_in_days": step[0] if step else None,
        "next_points": step[1] if step else None,
        "available": points_selector.available(**asked),
    }
