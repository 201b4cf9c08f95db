"""The audit log: who changed what, from what to what, and why; written with the change itself."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from members.models.base import TenantModel


class AuditRow(TenantModel):
    """One change by a person, an API key or a job. Append-only."""

    at = models.DateTimeField(_("time"))
    actor_kind = models.CharField(max_length=12)  # user | api_key | job | platform
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True)
    actor_label = models.CharField(_("who"), max_length=120)
    action = models.CharField(_("action"), max_length=48)  # "benefit.published"
    subject_kind = models.CharField(max_length=24)
    subject_id = models.CharField(max_length=48)
    subject_label = models.CharField(max_length=160, blank=True)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    reason = models.CharField(_("reason"), max_length=500, blank=True)
    request_id = models.CharField(max_length=48, blank=True)

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit log")
        indexes = [
            models.Index(fields=["merchant", "-at", "-id"], name="audit_by_time"),
            models.Index(fields=["merchant", "subject_kind", "subject_id"], name="audit_by_subject"),
            models.Index(fields=["id"], name="audit_by_id"),
        ]


class PlatformAuditRow(models.Model):
    """One change by a platform admin or platform job that belongs to no single merchant. Append-only."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(_("time"))
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True)
    actor_label = models.CharField(_("who"), max_length=120)
    action = models.CharField(_("action"), max_length=48)
    subject_kind = models.CharField(max_length=24)
    subject_id = models.CharField(max_length=48)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    reason = models.CharField(_("reason"), max_length=500, blank=True)

    class Meta:
        verbose_name = _("platform audit entry")
        verbose_name_plural = _("platform audit log")
        indexes = [models.Index(fields=["-at", "-id"], name="platform_audit_by_time")]
