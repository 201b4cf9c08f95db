"""The points ledger: append-only entries, lots, and each member's account (domain.md 6)."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from members.lib.fields import TenantForeignKey
from members.models.base import TenantModel
from members.models.members import Member
from members.models.orders import Order


class EntryKind(models.TextChoices):
    """What an entry did."""

    EARN = "earn", _("Earned")
    CONFIRM = "confirm", _("Confirmed")
    REDEEM = "redeem", _("Redeemed")
    HOLD = "hold", _("Held")
    RELEASE = "release", _("Released")
    CAPTURE = "capture", _("Captured")
    EXPIRE = "expire", _("Expired")
    CLAWBACK = "clawback", _("Clawed back")
    RESTORE = "restore", _("Restored")
    ADJUST = "adjust", _("Adjusted")
    TRANSFER_IN = "transfer_in", _("Transferred in")
    TRANSFER_OUT = "transfer_out", _("Transferred out")


class PointsAccount(TenantModel):
    """A member's balance now; written by one service, checked by the database."""

    member = TenantForeignKey(Member, related_name="+")
    available = models.BigIntegerField(default=0)
    pending = models.BigIntegerField(default=0)
    deficit = models.BigIntegerField(default=0)
    earned = models.BigIntegerField(default=0)
    redeemed = models.BigIntegerField(default=0)
    expired = models.BigIntegerField(default=0)
    clawed_back = models.BigIntegerField(default=0)
    sequence = models.BigIntegerField(default=0)
    expired_through = models.DateField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant", "member"], name="points_account_once"),
            models.CheckConstraint(
                condition=models.Q(available__gte=0, pending__gte=0, deficit__gte=0),
                name="points_account_not_negative",
            ),
            # A credit repays a deficit first, so nobody has both.
            models.CheckConstraint(
                condition=models.Q(available=0) | models.Q(deficit=0), name="points_account_no_both"
            ),
        ]


class PointsEntry(TenantModel):
    """One line of the ledger. Append-only; `balance_after` is available - deficit."""

    member = TenantForeignKey(Member, related_name="+")
    sequence = models.BigIntegerField()
    at = models.DateTimeField(_("time"))
    kind = models.CharField(_("kind"), max_length=12, choices=EntryKind.choices)
    points = models.BigIntegerField(_("points"))
    pending = models.BigIntegerField(_("pending"))
    balance_after = models.BigIntegerField(_("balance"))
    cause = models.CharField(max_length=8)  # order | refund | rule | staff
    order = TenantForeignKey(Order, related_name="+", null=True)
    refund = models.CharField(max_length=128, null=True)  # noqa: DJ001 - NULL: no refund's
    posting = models.IntegerField()  # the order's entries are counted from 1

    class Meta:
        verbose_name = _("points entry")
        verbose_name_plural = _("points entries")
        constraints = [
            models.UniqueConstraint(fields=["merchant", "member", "sequence"], name="points_entry_sequence"),
            # The unique cause: an order's nth posting is posted once, however often it is sent.
            models.UniqueConstraint(
                fields=["merchant", "order", "posting"],
                condition=models.Q(order__isnull=False),
                name="points_entry_cause_once",
            ),
        ]


class PointsLot(TenantModel):
    """Available points of one credit. `number` is the sequence of the entry that made it."""

    member = TenantForeignKey(Member, related_name="+")
    number = models.BigIntegerField()
    order = TenantForeignKey(Order, related_name="+", null=True)
    available_at = models.DateTimeField()
    amount = models.BigIntegerField()
    remaining = models.BigIntegerField()
    expires_on = models.DateField(null=True)  # the last usable day

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant", "member", "number"], name="points_lot_number"),
            models.CheckConstraint(
                condition=models.Q(remaining__gte=0, remaining__lte=models.F("amount")),
                name="points_lot_remaining_within",
            ),
        ]
        indexes = [
            models.Index(
                fields=["merchant", "member", "expires_on", "number"],
                condition=models.Q(remaining__gt=0),
                name="points_lot_open",
            ),
            models.Index(
                fields=["merchant", "expires_on"],
                condition=models.Q(remaining__gt=0, expires_on__isnull=False),
                name="points_lot_expiring",
            ),
        ]
