"""Clearings of a run that were taken back within its time (domain.md 3: a run)."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from compliance.models.runs import Run
from members.models import TenantModel


class UndoOutcome(models.TextChoices):
    """What came of it."""

    RESTORED = "restored", _("Open again")
    CLOSED = "closed", _("Closed by its merchant, as it was")
    NOTHING = "nothing", _("Had been restored or reopened already")


class Undo(TenantModel):
    """One program's clearing by a run, to be taken back; a worker does it, `done_at` then says when."""

    run = models.ForeignKey(Run, models.PROTECT, related_name="+", db_index=False)
    asked_at = models.DateTimeField(_("asked"))
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True)
    by_label = models.CharField(_("who"), max_length=120, blank=True)
    reason = models.CharField(_("reason"), max_length=500)
    done_at = models.DateTimeField(_("done"), null=True)
    outcome = models.CharField(_("outcome"), max_length=8, choices=UndoOutcome.choices, blank=True)

    class Meta:
        verbose_name = _("undone clearing")
        verbose_name_plural = _("undone clearings")
        constraints = [models.UniqueConstraint(fields=["merchant", "run"], name="undo_once")]
        indexes = [
            models.Index(fields=["run", "merchant"], name="undo_by_run"),
            models.Index(fields=["run"], condition=models.Q(done_at=None), name="undo_open"),
        ]

    def __str__(self) -> str:
        return f"{self.run_id} {self.merchant_id}"
