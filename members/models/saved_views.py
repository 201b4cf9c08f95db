"""Views of a list that staff keep under a name: its filters and its order."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from members.lib.fields import PublicIdField
from members.models.base import TenantModel


class SavedView(TenantModel):
    """The address of a list (`query`, as its form writes it) under a name: `by`'s own, or shared with the shop."""

    public_id = PublicIdField()
    list = models.CharField(max_length=12, default="members")
    name = models.CharField(_("name"), max_length=60)
    query = models.CharField(max_length=600)
    is_shared = models.BooleanField(_("shared with the shop"), default=False)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False)
    created_at = models.DateTimeField(_("created"))

    class Meta:
        verbose_name = _("saved view")
        verbose_name_plural = _("saved views")
        constraints = [
            models.UniqueConstraint(fields=["merchant", "public_id"], name="saved_view_public_id_unique"),
            models.UniqueConstraint(fields=["merchant", "list", "by", "name"], name="saved_view_name_once"),
        ]

    def __str__(self) -> str:
        return self.name
