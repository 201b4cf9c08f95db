"""What orders keep of campaigns, what members had of their limits, and who brought whom (domain.md 6)."""

from __future__ import annotations

from django.db import models

from members.lib.fields import PublicIdField, TenantForeignKey
from members.models.base import TenantModel
from members.models.members import Member
from members.models.orders import Order


class OrderBonus(TenantModel):
    """An order's scene, and the campaigns and caps that it keeps for ever; only orders that have any have a row.

    `kept` is what `members.lib.posting.OrderBonus` stores: the terms, what it takes of limits, how each of its
    revisions was priced. Beside the order, so that orders without any of it stay as small as they are.
    """

    order = TenantForeignKey(Order, related_name="+")
    scene = models.CharField(max_length=32, default="", blank=True)
    kept = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["merchant", "order"], name="order_bonus_once")]


class EarningUse(TenantModel):
    """Points that a member had under a limit on a merchant day: of a campaign by its code, of the day's cap by "",
    of an event by its kind in brackets. Written under the account's lock.
    """

    member = TenantForeignKey(Member, related_name="+")
    code = models.CharField(max_length=40, default="", blank=True)
    day = models.DateField()
    points = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant", "member", "code", "day"], name="earning_use_once"),
            models.CheckConstraint(condition=models.Q(points__gte=0), name="earning_use_not_negative"),
        ]


class Referral(TenantModel):
    """`referrer` brought `referred`, who is brought once. `rewarded_at`: when both got their points."""

    public_id = PublicIdField()
    referrer = TenantForeignKey(Member, related_name="+")
    referred = TenantForeignKey(Member, related_name="+")
    at = models.DateTimeField()
    rewarded_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant", "public_id"], name="referral_public_id"),
            models.UniqueConstraint(fields=["merchant", "referred"], name="referral_of_a_member_once"),
            models.CheckConstraint(
                condition=~models.Q(referrer=models.F("referred")), name="referral_of_another"
            ),
        ]
        indexes = [
            models.Index(
                fields=["merchant", "referred"],
                condition=models.Q(rewarded_at__isnull=True),
                name="referral_waiting",
            ),
            models.Index(fields=["merchant", "referrer", "rewarded_at"], name="referral_by_referrer"),
        ]
