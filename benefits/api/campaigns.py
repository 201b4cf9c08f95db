"""Campaigns: giving a benefit to many members, watching, stopping, taking back."""

from __future__ import annotations

from typing import Any, ClassVar

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from benefits.api.benefits import found as found_benefit
from benefits.lib.holdouts import MOST_PERCENT
from benefits.models import GiftCampaign
from benefits.selectors import campaigns as selectors
from benefits.services import campaigns as services
from members.api.fields import Audience, Strict, Text, Whole
from members.api.operations import Answer, Call, Operation
from members.api.pages import PageIn, PageOut, take
from members.lib.refusals import NotFound
from members.lib.scopes import Scope
from members.models import WorkState


class CampaignOut(serializers.Serializer):
    """A campaign, and how far it is."""

    id = serializers.CharField()
    benefit = serializers.CharField()
    state = serializers.ChoiceField(choices=WorkState.values)
    audience = serializers.JSONField(
        help_text='"everyone", {"tiers": ["gold"]}, {"plans": ["card"]} or {"segments": [ids]}.'
    )
    holdout_percent = serializers.IntegerField(help_text="Members meant who are kept without it.")
    reason = serializers.CharField()
    position = serializers.IntegerField(help_text="Members looked at.")
    total = serializers.IntegerField(help_text="Members to look at; 0 before it begins.")
    meant = serializers.IntegerField(help_text="Of those, who are in its audience.")
    issued = serializers.IntegerField(help_text="Who got one.")
    not_given = serializers.DictField(
        child=serializers.IntegerField(),
        help_text=f"Who got none, by why: {', '.join(f'`{each}`' for each in services.REASONS)}.",
    )
    taken_back = serializers.IntegerField()
    kept = serializers.IntegerField(help_text="Not taken back: used, expired or reserved.")
    failure = serializers.CharField(allow_blank=True, help_text="Why it broke off.")
    begun_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    undo_until = serializers.DateTimeField(
        allow_null=True, help_text="Until when it can be undone; null when there is nothing to undo."
    )


class CampaignsIn(PageIn):
    """Which campaigns."""

    state = serializers.ChoiceField(required=False, choices=WorkState.values)


class CampaignsOut(PageOut):
    """A page of campaigns."""

    items = CampaignOut(many=True)


class CampaignIn(Strict):
    """To whom, and why."""

    audience = Audience(
        required=False, help_text="Everyone unless told; the benefit's own audience binds too."
    )
    reason = Text(max_length=services.LONGEST_REASON, help_text="Kept in the audit log.")
    holdout_percent = Whole(
        required=False,
        max_value=MOST_PERCENT,
        help_text="So many per cent of the members meant, chosen by a hash, get none, so that the effect is measured.",
    )


def shown(campaign: GiftCampaign) -> dict[str, Any]:
    """A campaign as the API shows it. No query where its benefit is read."""
    return {
        "id": campaign.public_id,
        "benefit": campaign.benefit.public_id,
        "state": campaign.state,
        "audience": campaign.audience,
        "holdout_percent": campaign.holdout_percent,
        "reason": campaign.reason,
        "position": campaign.position,
        "total": campaign.total,
        "meant": campaign.chosen,
        "issued": campaign.issued,
        "not_given": campaign.refused,
        "taken_back": campaign.undone,
        "kept": campaign.kept,
        "failure": campaign.failure,
        "begun_at": campaign.created_at,
        "finished_at": campaign.finished_at,
        "undo_until": services.undo_until(campaign),
    }


def found(call: Call) -> GiftCampaign:
    """The campaign of the address. Raises NotFound, for another merchant's too. One query."""
    campaign = selectors.by_public_id(merchant_id=call.merchant.pk, public_id=call.path["campaign_id"])
    if campaign is None:
        raise NotFound(_("There is no such campaign."))
    return campaign


class ListCampaigns(Operation):
    """List campaigns, the newest first."""

    scope = Scope.BENEFITS_READ
    tag = "Campaigns"
    function = "benefits"
    query_in = CampaignsIn
    out = CampaignsOut
    statuses: ClassVar = {200: "A page of campaigns"}

    def answer(self, call: Call) -> Answer:
        """One query."""
        rows = selectors.listed(merchant_id=call.merchant.pk, state=call.query.get("state", ""))
        campaigns, cursor = take(call, rows, what="campaigns", newest_first=True)
        return Answer({"items": [shown(each) for each in campaigns], "next_cursor": cursor})


class ReadCampaign(Operation):
    """Read a campaign and how far it is."""

    scope = Scope.BENEFITS_READ
    tag = "Campaigns"
    function = "benefits"
    out = CampaignOut
    statuses: ClassVar = {200: "The campaign"}

    def answer(self, call: Call) -> Answer:
        """One query."""
        return Answer(shown(found(call)))


class BeginCampaign(Operation):
    """Give a benefit to many members.

    It is worked off in the background: each member who is meant, of those there are now, gets one at most. The
    benefit's own audience, stock, budget and limits hold. The key makes a request that is sent again the same one.
    """

    method = "POST"
    scope = Scope.BENEFITS_WRITE
    tag = "Campaigns"
    function = "benefits"
    takes_key = True
    needs_key = True
    body_in = CampaignIn
    example: ClassVar = {
        "audience": {"tiers": ["gold"]},
        "reason": "Thanks for ten years",
        "holdout_percent": 10,
    }
    out = CampaignOut
    statuses: ClassVar = {202: "The campaign, begun"}
    refusals = ("program-not-open", "benefit-not-in-force")

    def answer(self, call: Call) -> Answer:
        """Begins it."""
        campaign = services.begin(
            merchant_id=call.merchant.pk,
            benefit_id=found_benefit(call).pk,
            at=call.at,
            actor=call.actor,
            **{"audience": None, **call.body},
        )
        return Answer(shown(campaign), 202)


class _Act(Operation):
    """What stopping and undoing have in common; again changes nothing."""

    method = "POST"
    scope = Scope.BENEFITS_WRITE
    tag = "Campaigns"
    function = "benefits"
    takes_key = True
    out = CampaignOut
    service: ClassVar[Any]

    def answer(self, call: Call) -> Answer:
        """The campaign as it is now."""
        found(call)
        campaign = type(self).service(
            merchant_id=call.merchant.pk, public_id=call.path["campaign_id"], at=call.at, actor=call.actor
        )
        return Answer(shown(campaign))


class StopCampaign(_Act):
    """Stop a campaign.

    After the members at hand; what was given stays and can be undone.
    """

    statuses: ClassVar = {200: "The campaign, stopped"}
    service = staticmethod(services.cancel)


class UndoCampaign(_Act):
    """Take back what a campaign gave.

    Within 72 hours of its end, what was never used; in the background.
    """

    statuses: ClassVar = {200: "The campaign, being undone"}
    refusals = ("conflict", "program-not-open")
    service = staticmethod(services.undo)
