"""Warnings before a clearance, and who got and saw them when (domain.md 3: due process)."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from members.lib.fields import PublicIdField, TenantForeignKey
from members.models import TenantModel


class Notice(TenantModel):
    """A warning placed in the merchant's in-app inbox at `sent_at`. Append-only, written by the platform.

    days_before: which of the policy's warn_days; danger_at: the program's danger date when it was sent.
    """

    public_id = PublicIdField()
    sent_at = models.DateTimeField(_("sent"))
    danger_at = models.DateTimeField(_("danger date at sending"))
    for_run_on = models.DateField(_("for the run of"))
    days_before = models.PositiveSmallIntegerField(_("days before"))
    policy = models.ForeignKey("compliance.Policy", models.PROTECT, related_name="+", db_index=False)

    class Meta:
        verbose_name = _("notice")
        verbose_name_plural = _("notices")
        constraints = [
            models.UniqueConstraint(fields=["merchant", "for_run_on", "days_before"], name="notice_once"),
            models.UniqueConstraint(fields=["merchant", "public_id"], name="notice_public_id_unique"),
        ]
        indexes = [
            models.Index(fields=["id"], name="notice_by_id"),
            models.Index(fields=["for_run_on", "merchant"], name="notice_by_run"),
        ]

    def __str__(self) -> str:
        return f"{self.merchant_id} {self.for_run_on} -{self.days_before}"


class ReceiptChannel(models.TextChoices):
    """Ways by which a notice reaches people."""

    INBOX = "inbox", _("In-app inbox")
    BANNER = "banner", _("Banner")
    POPUP = "popup", _("Popup")
    EMAIL = "email", _("E-mail")
    WEBHOOK = "webhook", _("Webhook")


class ReceiptEvent(models.TextChoices):
    """What happened to a notice there."""

    DELIVERED = "delivered", _("Delivered")
    SEEN = "seen", _("Seen")
    ACKNOWLEDGED = "acknowledged", _("Acknowledged")
    FAILED = "failed", _("Could not be handed over")


class Receipt(TenantModel):
    """That a notice was delivered, seen or acknowledged: by whom (null: the shop as a whole) and when. Append-only.

    A failure is one of e-mails and webhooks, written once it is given up or refused for good.
    """

    notice = TenantForeignKey(Notice, related_name="receipts")
    channel = models.CharField(_("channel"), max_length=8, choices=ReceiptChannel.choices)
    event = models.CharField(_("event"), max_length=12, choices=ReceiptEvent.choices)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True, db_index=False
    )
    at = models.DateTimeField(_("time"))

    class Meta:
        verbose_name = _("receipt")
        verbose_name_plural = _("receipts")
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "notice", "channel", "event", "user"],
                name="receipt_once",
                nulls_distinct=False,
            ),
        ]
        indexes = [
            models.Index(
                fields=["merchant", "notice"],
                condition=models.Q(event=ReceiptEvent.FAILED),
                name="receipt_failed",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.notice_id} {self.channel} {self.event}"
