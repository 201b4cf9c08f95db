"""Appeals against a clearing decision or a warning (domain.md 3)."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from compliance.models.notices import Notice
from compliance.models.runs import Run
from members.lib.fields import PublicIdField, TenantForeignKey
from members.models import TenantModel

LONGEST_APPEAL = 2_000  # characters


class AppealState(models.TextChoices):
    """What became of an appeal."""

    OPEN = "open", _("Being reviewed")
    UPHELD = "upheld", _("Upheld")
    REFUSED = "refused", _("Refused")
    WITHDRAWN = "withdrawn", _("Withdrawn")


class Appeal(TenantModel):
    """One appeal: against the clearing decision of a run, or against a warning.

    public_id is its reference. due_on: the platform day by which it is to be decided. ended_at: when it was decided or
    withdrawn; by then it holds nothing any more. answer: the reviewer's reasons, which the merchant reads.
    """

    public_id = PublicIdField()
    filed_at = models.DateTimeField(_("filed"))
    filed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True)
    run = models.ForeignKey(
        Run, models.PROTECT, related_name="+", null=True, verbose_name=_("against the run")
    )
    notice = TenantForeignKey(Notice, related_name="+", null=True)
    text = models.CharField(_("what the merchant says"), max_length=LONGEST_APPEAL, blank=True)
    due_on = models.DateField(_("decision due"))
    state = models.CharField(_("state"), max_length=9, choices=AppealState.choices, default=AppealState.OPEN)
    ended_at = models.DateTimeField(_("ended"), null=True)
    ended_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True)
    answer = models.CharField(_("answer"), max_length=LONGEST_APPEAL, blank=True)

    class Meta:
        verbose_name = _("appeal")
        verbose_name_plural = _("appeals")
        constraints = [
            models.UniqueConstraint(fields=["merchant", "public_id"], name="appeal_public_id_unique"),
            models.UniqueConstraint(
                fields=["merchant", "run"],
                condition=models.Q(state=AppealState.OPEN, run__isnull=False),
                name="appeal_one_open_of_decision",
            ),
            models.UniqueConstraint(
                fields=["merchant", "notice"],
                condition=models.Q(state=AppealState.OPEN, notice__isnull=False),
                name="appeal_one_open_of_warning",
            ),
            models.CheckConstraint(
                condition=models.Q(run__isnull=False, notice__isnull=True)
                | models.Q(run__isnull=True, notice__isnull=False),
                name="appeal_against_one_thing",
            ),
            models.CheckConstraint(
                condition=models.Q(state=AppealState.OPEN, ended_at__isnull=True)
                | (~models.Q(state=AppealState.OPEN) & models.Q(ended_at__isnull=False)),
                name="appeal_ends_when_decided",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=AppealState.values), name="appeal_state_known"
            ),
        ]
        indexes = [
            models.Index(fields=["id"], name="appeal_by_id"),
            models.Index(
                fields=["due_on", "merchant"],
                condition=models.Q(state=AppealState.OPEN),
                name="appeal_open_by_due_day",
            ),
            models.Index(fields=["merchant", "-filed_at", "-id"], name="appeal_by_time"),
            models.Index(
                fields=["ended_at"], condition=~models.Q(state=AppealState.OPEN), name="appeal_by_end"
            ),
        ]

    def __str__(self) -> str:
        return self.public_id

    @property
    def is_open(self) -> bool:
        """Whether it is still to be decided."""
        return self.state == AppealState.OPEN
