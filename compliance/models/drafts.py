"""Drafts of policy versions that merchants may comment on before anything is published."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from compliance.lib.policy import Policy as Settings
from members.lib.fields import PublicIdField
from members.models import TenantModel

LONGEST_COMMENT = 2_000  # characters


class PolicyDraft(models.Model):
    """A version that nobody has published, open for comments until the end of `closes_on` (a platform day).

    rule_settings: every setting as JSON. starts_at: when it is meant to take effect. withdrawn_at: closed before
    its day.
    """

    public_id = PublicIdField(unique=True)
    rule_settings = models.JSONField()
    starts_at = models.DateTimeField(_("meant to be in force from"))
    reason = models.CharField(_("reason"), max_length=500)
    opened_at = models.DateTimeField(_("open for comments since"))
    closes_on = models.DateField(_("comments until"))
    withdrawn_at = models.DateTimeField(_("withdrawn"), null=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True)
    by_label = models.CharField(_("who"), max_length=120, blank=True)

    class Meta:
        verbose_name = _("policy draft")
        verbose_name_plural = _("policy drafts")
        ordering = ["-opened_at", "-id"]

    def __str__(self) -> str:
        return str(_("Draft of %(day)s") % {"day": self.closes_on.isoformat()})

    @property
    def rule(self) -> Settings:
        """The settings as the pure rules read them."""
        values: dict[str, Any] = self.rule_settings
        return Settings().changed(values)


class PolicyComment(TenantModel):
    """What one merchant says to a draft. Append-only: it may be said again, not unsaid."""

    public_id = PublicIdField()
    draft = models.ForeignKey(PolicyDraft, models.PROTECT, related_name="+", db_index=False)
    at = models.DateTimeField(_("said"))
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True)
    text = models.CharField(_("comment"), max_length=LONGEST_COMMENT)

    class Meta:
        verbose_name = _("comment on a draft")
        verbose_name_plural = _("comments on drafts")
        constraints = [
            models.UniqueConstraint(fields=["merchant", "public_id"], name="policy_comment_public_id_unique"),
            models.CheckConstraint(condition=~models.Q(text=""), name="policy_comment_says_something"),
        ]
        indexes = [models.Index(fields=["draft", "-at", "merchant"], name="policy_comment_by_draft")]

    def __str__(self) -> str:
        return f"{self.merchant_id} {self.at:%Y-%m-%d}"
