"""Lists of the platform's pages that an admin keeps under a name."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class AdminView(models.Model):
    """The filters (`query`, as the address has them) of one list under a name; each admin has their own."""

    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False)
    list = models.CharField(max_length=24)
    name = models.CharField(_("name"), max_length=60)
    query = models.CharField(max_length=600)
    created_at = models.DateTimeField(_("created"))

    class Meta:
        verbose_name = _("saved view")
        verbose_name_plural = _("saved views")
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["by", "list", "name"], name="admin_view_name_once")]

    def __str__(self) -> str:
        return self.name
