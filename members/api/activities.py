"""What members do besides buying: a shop's systems report it, and the point rules say what it brings (domain.md 6)."""

from __future__ import annotations

from typing import Any, ClassVar

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from members.api.fields import Strict, Text
from members.api.members import found
from members.api.operations import Answer, Call, Operation
from members.lib.earning_events import ACTIVITIES
from members.lib.refusals import Invalid, NotFound
from members.lib.scopes import Scope
from members.selectors import members as members_selector
from members.selectors import points as points_selector
from members.services import earning, referrals
from members.services.earning import Earned

TRIMS = ("", "once", "day", "month")


class ActivityIn(Strict):
    """What the member did."""

    kind = Text(max_length=32, help_text="`check_in`, `review`, `survey` or `referral`.")
    reference = Text(
        required=False,
        max_length=earning.LONGEST_REFERENCE,
        help_text="The review's or the survey's own id: each brings points once.",
    )
    referred = Text(required=False, help_text="Of a referral: the id of the member who was brought.")


class ActivityOut(serializers.Serializer):
    """What the activity brought."""

    id = serializers.CharField(help_text="Of the award, or of a referral that waits.")
    member = serializers.CharField()
    kind = serializers.ChoiceField(choices=ACTIVITIES)
    points = serializers.IntegerField(help_text="What it brought now.")
    wanted = serializers.IntegerField(help_text="What it would have brought without a cap.")
    trimmed_by = serializers.ChoiceField(
        choices=TRIMS,
        help_text="What left less than wanted: the cap of the `day` or the `month`; `once`: it had come before.",
    )
    waits = serializers.BooleanField(help_text="A referral whose friend has no order that counts yet.")
    at = serializers.DateTimeField()
    available = serializers.IntegerField(help_text="What the member can spend after it.")


class ReportActivity(Operation):
    """Report what a member did.

    A check-in counts once a day of the shop; a review or survey once by its reference; a referral once for each member
    who was brought, and rewards both when the rule says so. A cap that is reached is no error: the answer says how much
    was given, and what trimmed it.
    """

    method = "POST"
    scope = Scope.POINTS_WRITE
    tag = "Points"
    function = "members"
    takes_key = True
    needs_key = True
    body_in = ActivityIn
    example: ClassVar = {"kind": "review", "reference": "review-20391"}
    out = ActivityOut
    statuses: ClassVar = {201: "What it brought", 200: "It had come before, and brings nothing more"}
    refusals = ("program-not-open", "unknown-activity", "activity-not-rewarded", "conflict")

    def answer(self, call: Call) -> Answer:
        """By kind: a referral names another member."""
        member, body = found(call), call.body
        asked: dict[str, Any] = {"merchant_id": call.merchant.pk, "at": call.at, "actor": call.actor}
        if body["kind"] != "referral":
            if "referred" in body:
                raise Invalid.on("referred", _("Only a referral names another member."))
            reference = body.get("reference", "")
            earned = earning.earn(member_id=member.pk, event=body["kind"], reference=reference, **asked)
            return _answer(call, member.pk, body["kind"], earned)
        if "reference" in body:
            raise Invalid.on(
                "reference", _("A referral has no reference: it names the member who was brought.")
            )
        referral, reward = referrals.refer(referrer_id=member.pk, referred_id=_referred(call), **asked)
        if reward is not None:
            return _answer(call, member.pk, "referral", reward)
        waiting = {"id": referral.public_id, "points": 0, "wanted": 0, "trimmed_by": "", "at": referral.at}
        return Answer(_shown(call, member.pk, "referral", **waiting, waits=True), 201)


def _referred(call: Call) -> int:
    """The member who was brought. Raises NotFound, for another merchant's too, and Invalid for none."""
    if "referred" not in call.body:
        raise Invalid.on("referred", _("Say which member was brought."))
    member_id = members_selector.id_of(merchant_id=call.merchant.pk, public_id=call.body["referred"])
    if member_id is None:
        raise NotFound(_("There is no such member."))
    return member_id


def _answer(call: Call, member_id: int, kind: str, earned: Earned) -> Answer:
    about = {
        "id": earned.request.public_id,
        "points": earned.points,
        "wanted": earned.wanted,
        "trimmed_by": earned.trimmed_by,
        "at": earned.request.at,
    }
    return Answer(_shown(call, member_id, kind, **about, waits=False), 201 if earned.is_new else 200)


def _shown(call: Call, member_id: int, kind: str, **about: Any) -> dict[str, Any]:
    available = points_selector.available(merchant_id=call.merchant.pk, member_id=member_id)
    return {"member": call.path["member_id"], "kind": kind, **about, "available": available}
