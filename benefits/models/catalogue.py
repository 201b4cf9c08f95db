"""Products of the catalogue, and the history of each SKU's prices: what changed, when, by whom (domain.md 7)."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from members.models import TenantModel


class Product(TenantModel):
    """What groups SKUs: a tea in three sizes. Known by its name, one of each in a shop."""

    name = models.CharField(_("product"), max_length=160)
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = _("product")
        verbose_name_plural = _("products")
        constraints = [models.UniqueConstraint(fields=["merchant", "name"], name="product_name_unique")]

    def __str__(self) -> str:
        return self.name


class PriceEntry(TenantModel):
    """One change of one SKU, never changed or deleted.

    cells: [[column, before, after, from, to]], values as a price change keeps them; from and to where only a time is
    meant. source: a kind of PriceChange, "undo" or "rules". change: that change's public id.
    """

    sku = models.CharField(_("SKU"), max_length=64)
    at = models.DateTimeField(_("time"))
    source = models.CharField(_("source"), max_length=8)
    change = models.CharField(max_length=24, blank=True)
    version = models.IntegerField(_("version"), null=True)
    by_label = models.CharField(_("who"), max_length=120, blank=True)
    cells = models.JSONField(default=list)

    class Meta:
        verbose_name = _("entry of the price history")
        verbose_name_plural = _("price history")
        indexes = [models.Index(fields=["merchant", "sku", "-id"], name="price_entry_by_sku")]

    def __str__(self) -> str:
        return f"{self.sku} {self.source}"
