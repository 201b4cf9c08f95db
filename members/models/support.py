"""Support visits: a platform admin looks at a merchant's console, read only, for half an hour, with a reason."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from members.lib.fields import PublicIdField
from members.models.base import TenantModel


class SupportVisit(TenantModel):
    """One visit. Begun and ended by the platform alone; what was looked at is in the merchant's audit log."""

    public_id = PublicIdField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    reason = models.CharField(_("reason"), max_length=500)
    from_at = models.DateTimeField(_("from"))
    until_at = models.DateTimeField(_("until"))
    ended_at = models.DateTimeField(_("ended"), null=True)

    class Meta:
        verbose_name = _("support visit")
        verbose_name_plural = _("support visits")
        constraints = [
            models.UniqueConstraint(fields=["merchant", "public_id"], name="support_public_id_unique"),
            models.CheckConstraint(condition=~Q(reason=""), name="support_has_reason"),
            models.CheckConstraint(condition=Q(until_at__gt=F("from_at")), name="support_ends_after"),
        ]
        indexes = [models.Index(fields=["id"], name="support_by_id")]

    def __str__(self) -> str:
        return self.public_id
