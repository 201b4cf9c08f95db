"""How often members used benefits: daily totals, for rules of segments to ask (domain.md 10)."""

from __future__ import annotations

from django.db import models

from members.lib.fields import TenantForeignKey
from members.models.base import TenantModel
from members.models.members import Member


class BenefitUse(TenantModel):
    """How often a member used a benefit on a merchant day, less what was undone.

    Written by whoever redeems; `benefit` is the id by which it is known outside, for this app knows no benefits.
    """

    member = TenantForeignKey(Member, related_name="+")
    benefit = models.CharField(max_length=24)
    day = models.DateField()
    uses = models.IntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant", "member", "benefit", "day"], name="benefit_use_once"),
            models.CheckConstraint(condition=models.Q(uses__gte=0), name="benefit_use_not_negative"),
        ]
        indexes = [models.Index(fields=["merchant", "day"], name="benefit_use_by_day")]

    def __str__(self) -> str:
        return f"{self.member_id} {self.benefit} {self.day}"
