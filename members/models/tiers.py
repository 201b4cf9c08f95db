"""What tier a member holds, since when, until when, and how it came (domain.md 5)."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from members.lib.fields import TenantForeignKey
from members.models.base import TenantModel
from members.models.members import Member
from members.models.rules import Tier
from members.models.worked import WORKED, WorkedModel, WorkState


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


class TierOutlook(TenantModel):
    """What a member's orders come to for its tier, kept so that a change of the ladder is judged from a row of each.

    Derived, by the window and the grace of the rules in force since version `counted_by`; the figures hold from `as_of`
    until the day before `changes_on`, and only while no FactsDue names the member (`members.selectors.tier_outlook`).
    `now_*` are the metrics of the window that ends now; `check_*` and `fall_*` those on the days that decide, by the
    orders so far: the day after `valid_until`, and the one after grace. Without grace both are one day, and `check_*`
    are none; without a validity all are none. `still_held` are other tiers whose own validity runs longer than that of
    the one that is held (null: none). `year_points` are what the orders of 365 days keep. `tier_held` and
    `valid_until` are the member's (none: the lowest tier).
    """

    member = TenantForeignKey(Member, related_name="+")
    counted_by = models.IntegerField()
    as_of = models.DateField()
    changes_on = models.DateField()
    now_orders = models.IntegerField()
    now_active_days = models.IntegerField()
    now_spend_minor = models.BigIntegerField()
    now_points_earned = models.BigIntegerField()
    year_points = models.BigIntegerField()
    tier_held = models.BigIntegerField(null=True)
    valid_until = models.DateField(null=True)
    fall_orders = models.IntegerField(null=True)
    fall_active_days = models.IntegerField(null=True)
    fall_spend_minor = models.BigIntegerField(null=True)
    fall_points_earned = models.BigIntegerField(null=True)
    still_held = ArrayField(models.BigIntegerField(), null=True)
    check_orders = models.IntegerField(null=True)
    check_active_days = models.IntegerField(null=True)
    check_spend_minor = models.BigIntegerField(null=True)
    check_points_earned = models.BigIntegerField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["merchant", "member"], name="tier_outlook_once")]
        indexes = [
            models.Index(fields=["merchant", "counted_by", "changes_on"], name="tier_outlook_by_change"),
            models.Index(fields=["merchant", "as_of"], name="tier_outlook_by_day"),
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


class TierLift(WorkedModel):
    """What an edit of the rules does to the members, from its instant `at` on: worked off in chunks of member ids.

    `version` is the rules' number, `former` the one before; `targets` {"<tier id>": tier id} are those of tiers taken
    out; `is_open`: whether the program was open then. Members up to `through` were there at the edit, those up to
    `passed` had their turn; who was touched before it is in TierLiftMember. `shifted_days` are those of closures since.
    `moved` members moved; `flows` are [from tier id, to tier id, members].
    """

    version = models.IntegerField()
    former = models.IntegerField(null=True)
    at = models.DateTimeField(_("time"))
    targets = models.JSONField(default=dict)
    is_open = models.BooleanField()
    through = models.BigIntegerField()
    passed = models.BigIntegerField(default=0)
    shifted_days = models.IntegerField(default=0)
    moved = models.BigIntegerField(default=0)
    flows = models.JSONField(default=list)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant", "public_id"], name="tier_lift_public_id_unique"),
            models.CheckConstraint(
                condition=models.Q(state__in=WorkState.values), name="tier_lift_state_known"
            ),
        ]
        indexes = [
            models.Index(fields=["merchant", "version"], name="tier_lift_by_version"),
            models.Index(
                fields=["leased_until"],
                condition=models.Q(state__in=[str(state) for state in WORKED]),
                name="tier_lift_being_worked",
            ),
        ]

    def __str__(self) -> str:
        return self.public_id


class TierLiftMember(TenantModel):
    """A member to whom something happened before its chunk came. Without sums it had the turn then; with them its days
    changed while the program was closed, and the sums are what the edit finds. Gone with the lift's end.
    """

    lift = TenantForeignKey(TierLift, related_name="+")
    member = TenantForeignKey(Member, related_name="+")
    spend_minor = models.BigIntegerField(null=True)
    orders = models.BigIntegerField(null=True)
    active_days = models.BigIntegerField(null=True)
    points_earned = models.BigIntegerField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant", "lift", "member"], name="tier_lift_member_once"),
            models.CheckConstraint(
                condition=models.Q(spend_minor=None, orders=None, active_days=None, points_earned=None)
                | models.Q(
                    spend_minor__isnull=False,
                    orders__isnull=False,
                    active_days__isnull=False,
                    points_earned__isnull=False,
                ),
                name="tier_lift_member_sums_whole",
            ),
        ]
