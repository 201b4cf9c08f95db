"""What a till does to a member's points: redeem, cancel, hold, capture, release, adjust.

Redemptions, holds and adjustments are remembered under their key by the service itself, one key space per merchant
(domain.md 6): its row is the first answer, and nothing is kept twice. Cancelling, capturing and releasing name what
they settle, and doing it again is a no-op; their keys are kept as those of every other write.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from members.api.fields import Strict, Text, Whole
from members.api.operations import Answer, Call, Operation
from members.lib.refusals import NotFound
from members.lib.scopes import Scope
from members.models import PointsRequest, PointsRequestStatus, PointsVerb
from members.selectors import members as members_selector
from members.selectors import points as points_selector
from members.services import points as services

STATUS = PointsRequestStatus
LONGEST_REASON = PointsRequest._meta.get_field("reason").max_length
REDEMPTION = (PointsVerb.REDEEM, PointsVerb.HOLD)


class ActOut(serializers.Serializer):
    """A request as it was answered."""

    id = serializers.CharField()
    member = serializers.CharField()
    points = serializers.IntegerField()
    status = serializers.ChoiceField(choices=STATUS.values)
    reason = serializers.CharField(allow_blank=True)
    at = serializers.DateTimeField()
    available = serializers.IntegerField(help_text="What the member can spend after it.")


class HoldOut(ActOut):
    """A hold."""

    ends_at = serializers.DateTimeField(help_text="When it ends by itself and gives its points back.")


def _points(**kwargs: Any) -> Whole:
    return Whole(min_value=1, max_value=services.MOST_POINTS, **kwargs)


def _reason(**kwargs: Any) -> Text:
    return Text(max_length=LONGEST_REASON, **kwargs)


class RedeemIn(Strict):
    """What is redeemed."""

    points = _points()
    reason = _reason(required=False, allow_blank=True)


class HoldIn(RedeemIn):
    """What is set aside, and for how long."""

    minutes = Whole(
        min_value=1,
        max_value=services.MOST_MINUTES,
        required=False,
        help_text=f"After which the hold ends by itself; {services.HOLD_MINUTES} unless told.",
    )


class AdjustIn(Strict):
    """What is added, or taken (negative), by hand."""

    points = Whole(
        min_value=-services.MOST_POINTS,
        max_value=services.MOST_POINTS,
        help_text="Added points are available at once; taken ones must be there.",
    )
    reason = _reason(help_text="Kept with the entry.")


class Act(Operation):
    """Moves points."""

    method = "POST"
    scope = Scope.POINTS_WRITE
    tag = "Points"
    function = "members"
    gates_itself = True
    takes_key = True
    needs_key = True
    out: ClassVar[type[serializers.Serializer]] = ActOut

    def member(self, call: Call) -> int:
        """The member of the address. Raises NotFound, for another merchant's too."""
        member_id = members_selector.id_of(merchant_id=call.merchant.pk, public_id=call.path["member_id"])
        if member_id is None:
            raise NotFound(_("There is no such member."))
        return member_id


class Asking(Act):
    """A request under a key of its own."""

    keeps_key = True
    refusals = ("program-not-open", "insufficient-points")

    def ask(self, call: Call, **asked: Any) -> PointsRequest:
        """What the service is asked."""
        raise NotImplementedError

    def answer(self, call: Call) -> Answer:
        """The first answer, also when it is asked again: it follows from what is stored for ever."""
        asked = {
            "merchant_id": call.merchant.pk,
            "at": call.at,
            "actor": call.actor,
            "member_id": self.member(call),
            "key": call.key,
            **call.body,
        }
        request = self.ask(call, **asked)
        is_new = request._state.adding  # a request that was stored before was read from the database
        first = {PointsVerb.HOLD: STATUS.HELD}.get(PointsVerb(request.verb), STATUS.DONE)
        if request.sequence is None:  # proposed, not done
            first, available = STATUS.PROPOSED, _available(call, request.member_id)
        else:
            available = max(
                points_selector.balance_after(
                    merchant_id=call.merchant.pk, member_id=request.member_id, sequence=request.sequence
                ),
                0,
            )
        return Answer(_shown(call, request, first, available), 201, is_replay=not is_new)


class Redeem(Asking):
    """Redeem points in one step.

    Points are taken in spending order: those that expire first come first. Too few are refused with the number there
    is, and nothing moves.
    """

    body_in = RedeemIn
    example: ClassVar = {"points": 120, "reason": "Order 20240627-1"}
    statuses: ClassVar = {201: "The redemption"}

    def ask(self, call: Call, **asked: Any) -> PointsRequest:
        return services.redeem(**asked)


class Hold(Asking):
    """Set points aside.

    They are not available until they are captured (spent), released, or the hold ends by itself.
    """

    body_in = HoldIn
    example: ClassVar = {"points": 120, "minutes": 15}
    out = HoldOut
    statuses: ClassVar = {201: "The hold"}

    def ask(self, call: Call, **asked: Any) -> PointsRequest:
        return services.hold(**asked)


class Adjust(Asking):
    """Add or take points by hand, with a reason.

    Added points expire by the rule in force and repay what is owed first. Taking more than is available is refused.
    """

    body_in = AdjustIn
    example: ClassVar = {"points": 50, "reason": "Goodwill for a late parcel"}
    statuses: ClassVar = {201: "The adjustment"}

    def ask(self, call: Call, **asked: Any) -> PointsRequest:
        return services.adjust(**asked)


class Settling(Act):
    """Goes on with a request that the address names."""

    place: ClassVar[str] = ""
    verbs: ClassVar[tuple[str, ...]] = ()

    def settle(self, **asked: Any) -> PointsRequest:
        """What the service is asked."""
        raise NotImplementedError

    def answer(self, call: Call) -> Answer:
        """Again is a no-op."""
        asked = points_selector.request(
            merchant_id=call.merchant.pk,
            member_id=self.member(call),
            public_id=call.path[self.place],
            verbs=self.verbs,
        )
        if asked is None:
            raise NotFound(_("There is nothing at this address."))
        request = self.settle(merchant_id=call.merchant.pk, at=call.at, actor=call.actor, key=asked.key)
        available = _available(call, request.member_id)
        return Answer(_shown(call, request, request.status, available))


class CancelRedemption(Settling):
    """Cancel a redemption, or a hold that was captured.

    Its points go back to the lots they came from; those whose last usable day is over come back for 30 days.
    Cancelling again changes nothing.
    """

    place = "redemption_id"
    verbs = REDEMPTION
    statuses: ClassVar = {200: "The redemption, cancelled"}
    refusals = ("program-not-open", "not-cancellable")

    def settle(self, **asked: Any) -> PointsRequest:
        return services.cancel(**asked)


class CaptureHold(Settling):
    """Capture a hold: what it set aside is spent.

    Refused once the hold was released or its time is over. Capturing again changes nothing.
    """

    place = "hold_id"
    verbs = (PointsVerb.HOLD,)
    out = HoldOut
    statuses: ClassVar = {200: "The hold, captured"}
    refusals = ("program-not-open", "hold-ended")

    def settle(self, **asked: Any) -> PointsRequest:
        return services.capture(**asked)


class ReleaseHold(Settling):
    """Release a hold: what it set aside goes back to its lots.

    Refused once it was captured; cancel the redemption then. Releasing again changes nothing.
    """

    place = "hold_id"
    verbs = (PointsVerb.HOLD,)
    out = HoldOut
    statuses: ClassVar = {200: "The hold, released"}
    refusals = ("program-not-open", "not-cancellable")

    def settle(self, **asked: Any) -> PointsRequest:
        return services.release(**asked)


def _available(call: Call, member_id: int) -> int:
    return points_selector.available(merchant_id=call.merchant.pk, member_id=member_id)


def _shown(call: Call, request: PointsRequest, status: str, available: int) -> dict[str, Any]:
    body = {
        "id": request.public_id,
        "member": call.path["member_id"],
        "points": request.points,
        "status": str(status),
        "reason": request.reason,
        "at": request.at,
        "available": available,
    }
    return body if request.ends_at is None else body | {"ends_at": request.ends_at}
