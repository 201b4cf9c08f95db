"""Orders, their lines and refunds, and the daily totals derived from them (domain.md 4).

The order of ids is the order of arrival; `at` is the arrival's instant. Names of columns follow
members.lib.posting.changes, whose rows are written by COPY.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from members.lib.fields import TenantForeignKey
from members.models.base import TenantModel
from members.models.members import Identity, Member
from members.models.merchants import Channel, Store
from members.models.rules import Tier


class OrderStatus(models.TextChoices):
    """Only paid orders count."""

    UNPAID = "unpaid", _("Unpaid")
    PAID = "paid", _("Paid")
    CANCELLED = "cancelled", _("Cancelled")


class Order(TenantModel):
    """An order as its channel knows it now, with the earning terms it keeps for ever.

    `member` never changes once set; `identity` says who bought, member or not. `paid_on` is the merchant day of
    `paid_at`, the order's own day. `posted` is what it comes to by rule; its entries add up to more where a
    clawback took less, by its policy or because points had expired.
    """

    channel = models.CharField(_("channel"), max_length=16, choices=Channel.choices)
    external_id = models.CharField(_("order number"), max_length=128)
    store = TenantForeignKey(Store, related_name="+", null=True)
    identity = TenantForeignKey(Identity, related_name="orders", null=True)
    member = TenantForeignKey(Member, related_name="orders", null=True)
    at = models.DateTimeField(_("arrived"))
    status = models.CharField(_("status"), max_length=9, choices=OrderStatus.choices)
    paid_at = models.DateTimeField(_("paid"), null=True)
    paid_on = models.DateField(_("paid on"), null=True)
    completed_at = models.DateTimeField(_("completed"), null=True)
    total_minor = models.BigIntegerField(_("amount"))
    refunded_minor = models.BigIntegerField(_("refunded"), default=0)
    net_minor = models.BigIntegerField(_("net"))
    counts = models.BooleanField(default=True)
    rules_version = models.IntegerField(null=True)
    tier = TenantForeignKey(Tier, related_name="+", null=True)  # held before this order
    per_major = models.DecimalField(max_digits=12, decimal_places=6, null=True)
    multiplier = models.DecimalField(max_digits=12, decimal_places=6, null=True)
    pending_days = models.IntegerField(null=True)
    posted = models.BigIntegerField(default=0)
    postings = models.IntegerField(default=0)
    revision = models.IntegerField(default=1)

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        constraints = [
            models.UniqueConstraint(fields=["merchant", "channel", "external_id"], name="order_key_unique"),
            models.CheckConstraint(
                condition=models.Q(refunded_minor__gte=0, refunded_minor__lte=models.F("total_minor")),
                name="order_refund_within_total",
            ),
            models.CheckConstraint(
                condition=models.Q(net_minor=models.F("total_minor") - models.F("refunded_minor")),
                name="order_net_is_difference",
            ),
            models.CheckConstraint(
                condition=models.Q(status="paid", paid_on__isnull=False) | ~models.Q(status="paid"),
                name="order_paid_has_day",
            ),
        ]
        indexes = [
            models.Index(fields=["merchant", "member", "-paid_at"], name="order_by_member"),
            models.Index(fields=["merchant", "paid_on"], name="order_by_day"),
            models.Index(  # past orders of those who join
                fields=["merchant", "identity"],
                condition=models.Q(member__isnull=True, identity__isnull=False),
                name="order_of_customer",
            ),
            models.Index(  # what earned nothing while the program was not open
                fields=["merchant", "member", "at"],
                condition=models.Q(member__isnull=False, rules_version__isnull=True),
                name="order_without_terms",
            ),
        ]

    def __str__(self) -> str:
        return self.external_id


class OrderLine(TenantModel):
    """One line: the amount is the whole line after all discounts; `points` its share of the order's."""

    order = TenantForeignKey(Order, related_name="lines")
    number = models.IntegerField()
    sku = models.CharField(max_length=128)
    quantity = models.DecimalField(max_digits=14, decimal_places=3)
    amount_minor = models.BigIntegerField()
    points = models.BigIntegerField(null=True)
    refunded_minor = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant", "order", "number"], name="order_line_number"),
            models.CheckConstraint(
                condition=models.Q(
                    amount_minor__gte=0, refunded_minor__gte=0, refunded_minor__lte=models.F("amount_minor")
                ),
                name="order_line_refund_within",
            ),
        ]


class OrderRevision(TenantModel):
    """What a changed order was before it was sent again: the trace of the difference. Append-only.

    `sequence` is that of the member's last entry before it was: many things may bear one instant.
    """

    order = TenantForeignKey(Order, related_name="revisions")
    revision = models.IntegerField()
    replaced_at = models.DateTimeField()
    member = TenantForeignKey(Member, related_name="+", null=True)
    status = models.CharField(max_length=9)
    paid_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)
    lines = models.JSONField()  # [[sku, quantity, amount_minor], …]
    posted = models.BigIntegerField()
    sequence = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant", "order", "revision"], name="order_revision_number")
        ]
        indexes = [models.Index(fields=["merchant", "replaced_at"], name="order_revision_by_time")]


class Refund(TenantModel):
    """Money given back; its key is unique within its order. Append-only.

    `sequence` is that of the member's last entry before it: many things may bear one instant.
    """

    order = TenantForeignKey(Order, related_name="refunds")
    refund = models.CharField(max_length=128)
    at = models.DateTimeField()
    is_whole = models.BooleanField()
    amount_minor = models.BigIntegerField()
    lines = models.JSONField()  # [[line number, amount_minor], …]
    sequence = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant", "order", "refund"], name="refund_key_unique"),
            models.CheckConstraint(condition=models.Q(amount_minor__gt=0), name="refund_of_something"),
        ]
        indexes = [models.Index(fields=["merchant", "at"], name="refund_by_time")]


class DailyTotal(TenantModel):
    """A member's merchant day: what its orders come to now, net of refunds. Windows read only these."""

    member = TenantForeignKey(Member, related_name="+")
    day = models.DateField()
    spend_minor = models.BigIntegerField(default=0)
    orders = models.IntegerField(default=0)
    points = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant", "member", "day"], name="daily_total_once"),
            models.CheckConstraint(condition=models.Q(orders__gte=0), name="daily_orders_not_negative"),
        ]
        indexes = [models.Index(fields=["merchant", "day"], name="daily_total_by_day")]
