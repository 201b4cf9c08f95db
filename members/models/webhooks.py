"""Where a merchant wants to be told what happened, and what was sent there (interface.md, Webhooks)."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from members.lib.crypto import EncryptedTextField
from members.lib.fields import PublicIdField, TenantForeignKey
from members.models.base import TenantModel

MOST_ATTEMPTS = 11


class WebhookEndpoint(TenantModel):
    """An address that is sent events. `failures` counts since it last answered; until `paused_until` it is left alone.

    A deleted one stays for what was sent to it, without its secret.
    """

    public_id = PublicIdField()
    url = models.CharField(_("address"), max_length=500)
    events = ArrayField(models.CharField(max_length=32), verbose_name=_("events"))
    secret = EncryptedTextField()
    created_at = models.DateTimeField(_("created at"))
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True)
    deleted_at = models.DateTimeField(null=True)
    failures = models.IntegerField(default=0)
    paused_until = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")
        constraints = [
            models.UniqueConstraint(fields=["merchant", "public_id"], name="webhook_endpoint_public_id"),
        ]

    def __str__(self) -> str:
        return self.url


class WebhookDelivery(TenantModel):
    """One message to one endpoint, left by the transaction of its fact as a row of the outbox is, and claimed likewise.

    Nothing more is tried once it is done or had all its attempts; `due_at` is then about when that was.
    `data` is what happened, `public_id` the message's id however often it is sent. `code` and `ms` are of the latest
    answer, null when there was none; `last_error` says why it was not taken ("http", or a reason of
    `members.lib.outward`); `log` is [{"at", "code", "ms", "error", "detail"}] of the latest attempts.
    """

    public_id = PublicIdField(max_length=32)
    endpoint = TenantForeignKey(WebhookEndpoint, related_name="+")
    event = models.CharField(_("event"), max_length=32)
    data = models.JSONField()
    created_at = models.DateTimeField(_("time"))
    due_at = models.DateTimeField()
    attempts = models.SmallIntegerField(default=0)
    done_at = models.DateTimeField(null=True)
    code = models.SmallIntegerField(null=True)
    ms = models.IntegerField(null=True)
    last_error = models.CharField(max_length=16, default="", blank=True)
    log = models.JSONField(default=list)

    class Meta:
        verbose_name = _("webhook delivery")
        verbose_name_plural = _("webhook deliveries")
        constraints = [
            models.UniqueConstraint(fields=["merchant", "public_id"], name="webhook_delivery_public_id"),
        ]
        indexes = [
            models.Index(fields=["merchant", "endpoint", "-created_at", "-id"], name="webhook_delivery_log"),
            models.Index(
                fields=["merchant", "endpoint", "due_at"],
                condition=models.Q(done_at=None, attempts__lt=MOST_ATTEMPTS),
                name="webhook_delivery_open",
            ),
            models.Index(
                fields=["due_at"],
                condition=models.Q(done_at__isnull=False) | models.Q(attempts__gte=MOST_ATTEMPTS),
                name="webhook_delivery_over",
            ),
            # Few beside points and members: the receipts of warnings are written from them.
            models.Index(
                fields=["due_at"],
                condition=models.Q(event__in=["program.at_risk", "program.final_notice"]),
                name="webhook_delivery_warning",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.public_id}"
