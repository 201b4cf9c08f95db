"""Who could have a benefit of which some are held out, and what came of it (domain.md 8)."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from benefits.models.benefits import Benefit
from benefits.models.campaigns import GiftCampaign
from members.lib.fields import TenantForeignKey
from members.models import Member, TenantModel


class Exposure(TenantModel):
    """A member who could have a benefit, or was meant by a campaign, for the first time at an instant: of both arms,
    whether they then had it or not. Append-only. is_held: of those held out."""

    benefit = TenantForeignKey(Benefit, related_name="+")
    campaign = TenantForeignKey(GiftCampaign, related_name="+", null=True)
    member = TenantForeignKey(Member, related_name="+")
    at = models.DateTimeField()
    is_held = models.BooleanField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "benefit", "campaign", "member"],
                name="exposure_once",
                nulls_distinct=False,
            )
        ]

    def __str__(self) -> str:
        return f"{self.benefit_id} {self.member_id}"


class BenefitEffect(TenantModel):
    """The figures of an effect as of a night, for programs too large to be counted while a page waits.

    days: the window. figures: `benefits.lib.effects.Figures`.
    """

    benefit = TenantForeignKey(Benefit, related_name="+")
    campaign = TenantForeignKey(GiftCampaign, related_name="+", null=True)
    days = models.SmallIntegerField()
    at = models.DateTimeField(_("time"))
    figures = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "benefit", "campaign", "days"],
                name="benefit_effect_once",
                nulls_distinct=False,
            )
        ]

    def __str__(self) -> str:
        return f"{self.benefit_id} {self.days}"
