"""Codes that a till took without a connection, and what came of each when it was sent in."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from benefits.lib.till_queue import LONGEST_KEY, OUTCOMES, REDEEMED
from benefits.models.entitlements import EntitlementUse
from members.lib.fields import TenantForeignKey
from members.models import TenantModel


class QueuedCode(TenantModel):
    """One code that was taken without a connection, as it was answered when it arrived. Append-only.

    key: made by the till when the code was taken; sent again, it is answered from this row. code: as it was read, which
    may be nobody's. outcome: `benefits.lib.till_queue.OUTCOMES`. taken_at: when it was taken by the till's own clock,
    evidence and no rule; null where that clock cannot be believed. at: when it arrived and was judged. use: the
    redemption, if it was one.
    """

    key = models.CharField(max_length=LONGEST_KEY)
    code = models.CharField(_("code"), max_length=12)
    taken_at = models.DateTimeField(_("taken at"), null=True)
    at = models.DateTimeField(_("time"))
    outcome = models.CharField(max_length=10)
    use = TenantForeignKey(EntitlementUse, related_name="+", null=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False)

    class Meta:
        verbose_name = _("code taken without a connection")
        verbose_name_plural = _("codes taken without a connection")
        constraints = [
            models.UniqueConstraint(fields=["merchant", "key"], name="queued_code_key_once"),
            models.CheckConstraint(
                condition=models.Q(outcome__in=OUTCOMES), name="queued_code_outcome_known"
            ),
            models.CheckConstraint(
                condition=models.Q(outcome=REDEEMED, use__isnull=False)
                | (~models.Q(outcome=REDEEMED) & models.Q(use__isnull=True)),
                name="queued_code_use",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.outcome}"
