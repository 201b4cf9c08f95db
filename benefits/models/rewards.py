"""Orders of rewards: what members ordered for points, and for points and money, to be sent (domain.md 8)."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from benefits.models.benefits import Benefit
from members.lib.crypto import EncryptedTextField
from members.lib.fields import PublicIdField, TenantForeignKey
from members.models import Member, TenantModel


class RewardState(models.TextChoices):
    """placed -> [paid, where money is due] -> shipped -> received; cancelled before it is shipped."""

    PLACED = "placed", pgettext_lazy("reward", "Placed")
    PAID = "paid", pgettext_lazy("reward", "Paid")
    SHIPPED = "shipped", pgettext_lazy("reward", "Sent")
    RECEIVED = "received", pgettext_lazy("reward", "Received")
    CANCELLED = "cancelled", pgettext_lazy("reward", "Cancelled")


class RewardOrder(TenantModel):
    """A member's order of a reward, with what it cost then.

    key: of the request, once for each member and reward. revision: the benefit's, when it was ordered. item: as it was
    named then. points: spent when it was placed. money_minor: due besides, 0 for none. send_to: name, phone and
    address, sealed. tracking: carrier and number.
    """

    public_id = PublicIdField()
    member = TenantForeignKey(Member, related_name="+")
    benefit = TenantForeignKey(Benefit, related_name="+")
    key = models.CharField(max_length=140)
    revision = models.IntegerField()
    item = models.CharField(_("reward"), max_length=200)
    state = models.CharField(
        _("state"), max_length=9, choices=RewardState.choices, default=RewardState.PLACED
    )
    points = models.BigIntegerField(_("points"))
    money_minor = models.BigIntegerField(default=0)
    send_to = EncryptedTextField(_("where to send it"))
    tracking = models.CharField(_("carrier and number"), max_length=80, blank=True, default="")
    reason = models.CharField(_("reason"), max_length=200, blank=True, default="")
    at = models.DateTimeField(_("ordered at"))
    paid_at = models.DateTimeField(_("paid at"), null=True)
    shipped_at = models.DateTimeField(_("sent at"), null=True)
    received_at = models.DateTimeField(_("received at"), null=True)
    cancelled_at = models.DateTimeField(_("cancelled at"), null=True)

    class Meta:
        verbose_name = _("order of a reward")
        verbose_name_plural = _("orders of rewards")
        constraints = [
            models.UniqueConstraint(fields=["merchant", "public_id"], name="reward_order_public_id"),
            # Also how a member's are found, and counted against limits.
            models.UniqueConstraint(
                fields=["merchant", "member", "benefit", "key"], name="reward_order_key_once"
            ),
            models.CheckConstraint(
                condition=Q(state__in=RewardState.values), name="reward_order_state_known"
            ),
            models.CheckConstraint(condition=Q(points__gt=0, money_minor__gte=0), name="reward_order_price"),
            models.CheckConstraint(
                condition=Q(paid_at=None) | Q(money_minor__gt=0), name="reward_order_paid_money"
            ),
            models.CheckConstraint(
                condition=~Q(state__in=[RewardState.PAID, RewardState.SHIPPED, RewardState.RECEIVED])
                | Q(money_minor=0)
                | Q(paid_at__isnull=False),
                name="reward_order_paid_before_sent",
            ),
            models.CheckConstraint(
                condition=Q(state__in=[RewardState.SHIPPED, RewardState.RECEIVED], shipped_at__isnull=False)
                | (~Q(state__in=[RewardState.SHIPPED, RewardState.RECEIVED]) & Q(shipped_at=None)),
                name="reward_order_sent_at",
            ),
            models.CheckConstraint(
                condition=Q(state=RewardState.RECEIVED, received_at__isnull=False)
                | (~Q(state=RewardState.RECEIVED) & Q(received_at=None)),
                name="reward_order_received_at",
            ),
            models.CheckConstraint(
                condition=Q(state=RewardState.CANCELLED, cancelled_at__isnull=False)
                | (~Q(state=RewardState.CANCELLED) & Q(cancelled_at=None)),
                name="reward_order_cancelled_at",
            ),
        ]
        indexes = [models.Index(fields=["merchant", "state", "-id"], name="reward_order_by_state")]

    def __str__(self) -> str:
        return self.public_id
