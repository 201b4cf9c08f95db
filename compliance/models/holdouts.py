"""Programs that a person holds out of one run, each with a reason."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from members.models import TenantModel


class HoldOut(TenantModel):
    """A program held out of the run of one period (`Run.period`). lifted_at: let in again, before the run began.

    What a run has decided by cannot change any more: rows are made and lifted only while the run has not begun.
    """

    period = models.CharField(_("period"), max_length=7)
    held_at = models.DateTimeField(_("held out"))
    reason = models.CharField(_("reason"), max_length=500)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True)
    by_label = models.CharField(_("who"), max_length=120, blank=True)
    lifted_at = models.DateTimeField(_("let in again"), null=True)

    class Meta:
        verbose_name = _("hold-out")
        verbose_name_plural = _("hold-outs")
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "period"],
                condition=models.Q(lifted_at=None),
                name="hold_out_once",
            ),
            models.CheckConstraint(condition=~models.Q(reason=""), name="hold_out_has_a_reason"),
        ]
        indexes = [
            models.Index(
                fields=["period", "merchant"], condition=models.Q(lifted_at=None), name="hold_out_by_period"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.period} {self.merchant_id}"
