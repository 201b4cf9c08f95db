"""What keeps a program out of a run although nothing qualifies: protections and exemptions (domain.md 3)."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from members.models import TenantModel


class ProtectionCause(models.TextChoices):
    """What gave the protection."""

    RESTORED = "restored", _("Restored after a clearance")
    WARNING_APPEAL = "warning", _("Appeal against a warning upheld")


class Protection(TenantModel):
    """A stretch in which a program is not cleared; its end was fixed when it was given. Begins a new episode."""

    from_at = models.DateTimeField(_("from"))
    until_at = models.DateTimeField(_("until"))
    cause = models.CharField(_("cause"), max_length=8, choices=ProtectionCause.choices)

    class Meta:
        verbose_name = _("protection")
        verbose_name_plural = _("protections")
        constraints = [
            models.UniqueConstraint(fields=["merchant", "from_at", "cause"], name="protection_once"),
            models.CheckConstraint(
                condition=models.Q(until_at__gte=models.F("from_at")), name="protection_ends_after"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.merchant_id} {self.cause}"


class Exemption(TenantModel):
    """A program that the platform keeps out of clearance, with reason and end date. ended_at: lifted before that."""

    from_at = models.DateTimeField(_("from"))
    until_at = models.DateTimeField(_("until"))
    ended_at = models.DateTimeField(_("lifted"), null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=500)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True)

    class Meta:
        verbose_name = _("exemption")
        verbose_name_plural = _("exemptions")
        constraints = [
            models.UniqueConstraint(
                fields=["merchant"], condition=models.Q(ended_at=None), name="exemption_one_standing"
            ),
            models.CheckConstraint(
                condition=models.Q(until_at__gt=models.F("from_at")), name="exemption_ends_after"
            ),
        ]
        indexes = [models.Index(fields=["id"], name="exemption_by_id")]

    def __str__(self) -> str:
        return f"{self.merchant_id} {self.reason}"
