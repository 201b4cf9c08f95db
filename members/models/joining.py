"""What limits how many may join, and on what condition: written by the platform, read by every joining.

The platform's grades say which level a merchant has (`JoinStanding`); versions of its rule say what each level may
(`JoinRule`). Without a rule in force nothing is limited. Members know no grades: a level is a word here.
"""

from __future__ import annotations

from django.db import models

from members.models.base import TenantModel, TenantQuerySet


class JoinRule(models.Model):
    """A version of what each level may, in force from `effective_at` until the next one's. Platform's; append-only.

    terms: {level: {"free_join": bool, "joins_day": n or null, "joins_month": n or null}}. `free_join` says whether
    people who never bought may join; null is no limit. A level that is not named is not limited.
    """

    number = models.PositiveIntegerField(primary_key=True)
    effective_at = models.DateTimeField()
    has_free_join = models.BooleanField()  # whether the condition is enforced at all
    has_quota = models.BooleanField()
    terms = models.JSONField()

    def __str__(self) -> str:
        return str(self.number)


class JoinStanding(models.Model):
    """The level whose terms a merchant has now. Written by the platform alone; no row, no limit."""

    merchant = models.OneToOneField(
        "members.Merchant", models.PROTECT, primary_key=True, related_name="+", db_constraint=False
    )
    level = models.CharField(max_length=16)
    since = models.DateTimeField()

    objects = TenantQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.merchant_id} {self.level}"


class JoinTally(TenantModel):
    """How many joined on a merchant day, counted while a quota is in force."""

    day = models.DateField()
    joins = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant", "day"], name="join_tally_once"),
            models.CheckConstraint(condition=models.Q(joins__gte=0), name="join_tally_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.joins}"
