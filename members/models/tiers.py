"""What tier a member holds, since when, until when, and how it came (domain.md 5)."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from members.lib.fields import TenantForeignKey
from members.models.base import TenantModel
from members.models.members import Member
from members.models.rules import Tier


class TierStanding(TenantModel):
    """The tier a member holds now. `valid_until` is its last valid merchant day; none for the lowest."""

    member = TenantForeignKey(Member, related_name="+")
    tier = TenantForeignKey(Tier, related_name="+")
    since = models.DateTimeField(_("since"))
    valid_until = models.DateField(_("valid until"), null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["merchant", "member"], name="tier_standing_once")]
        indexes = [
            models.Index(fields=["merchant", "tier"], name="tier_standing_by_tier"),
            # Across merchants: the daily job finds who is due by the day alone.
            models.Index(
                fields=["valid_until", "merchant", "member"],
                condition=models.Q(valid_until__isnull=False),
                name="tier_standing_due",
            ),
        ]


class TierValidity(TenantModel):
    """The last valid day of each tier a member ever reached, kept by tier, never by place in the ladder."""

    member = TenantForeignKey(Member, related_name="+")
    tier = TenantForeignKey(Tier, related_name="+")
    valid_until = models.DateField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant", "member", "tier"], name="tier_validity_once")
        ]


class TierMove(TenantModel):
    """One move from tier to tier, with the numbers and the rules that decided it. Append-only."""

    member = TenantForeignKey(Member, related_name="+")
    at = models.DateTimeField(_("time"))
    from_tier = TenantForeignKey(Tier, related_name="+", null=True)
    to_tier = TenantForeignKey(Tier, related_name="+")
    cause = models.CharField(max_length=14)  # order | rules | recalculation | plan | staff
    rules_version = models.IntegerField()
    spend_minor = models.BigIntegerField()
    orders = models.BigIntegerField()
    active_days = models.BigIntegerField()
    points_earned = models.BigIntegerField()
    growth = models.BigIntegerField()
    reason = models.CharField(max_length=200, blank=True, default="", db_default="")  # of a move by hand

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(cause__in=["order", "rules", "recalculation", "plan", "staff"]),
                name="tier_move_cause_known",
            )
        ]
        indexes = [
            models.Index(fields=["merchant", "member", "at", "id"], name="tier_move_by_member"),
            models.Index(fields=["merchant", "at", "id"], name="tier_move_by_time"),
        ]
