"""The catalogue and the member prices of it (domain.md 7)."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from benefits.models.benefits import Benefit
from benefits.models.catalogue import Product
from members.lib.fields import PublicIdField, TenantForeignKey
from members.models import TenantModel


class CatalogueSku(TenantModel):
    """One thing that is sold. Prices in minor units of the merchant's currency.

    list_minor: the list price that was told last; where the price table has the SKU, that one counts. stock: units at
    hand, None where the shop does not count them here.
    """

    sku = models.CharField(_("SKU"), max_length=64)
    name = models.CharField(_("name"), max_length=160, blank=True)
    list_minor = models.BigIntegerField(_("list price"))
    product = TenantForeignKey(Product, related_name="skus", null=True)
    stock = models.IntegerField(_("stock"), null=True)
    changed_at = models.DateTimeField()

    class Meta:
        verbose_name = _("catalogue item")
        verbose_name_plural = _("catalogue")
        constraints = [
            models.UniqueConstraint(fields=["merchant", "sku"], name="catalogue_sku_unique"),
            models.CheckConstraint(condition=models.Q(list_minor__gte=1), name="catalogue_list_price"),
            models.CheckConstraint(
                condition=models.Q(stock=None) | models.Q(stock__gte=0), name="catalogue_stock_not_negative"
            ),
        ]
        indexes = [
            models.Index(
                fields=["merchant", "product"],
                condition=models.Q(product__isnull=False),
                name="catalogue_by_product",
            )
        ]

    def __str__(self) -> str:
        return self.sku


class MemberPrice(TenantModel):
    """A member price and the stretch `[from_at, to_at)` in which it stood in the benefit's list.

    A new list closes the rows it changes or leaves out and adds its own, so the prices of any past instant can be
    read. Whether the price could be had then is the benefit's affair. tier_code "": for members of every tier.
    list_minor: the list price that the same file gave.
    """

    benefit = TenantForeignKey(Benefit, related_name="prices")
    item = TenantForeignKey(CatalogueSku, related_name="prices")
    tier_code = models.CharField(_("tier"), max_length=32, blank=True)
    price_minor = models.BigIntegerField(_("member price"))
    list_minor = models.BigIntegerField(_("list price"))
    from_at = models.DateTimeField()
    to_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("member price")
        verbose_name_plural = _("member prices")
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "benefit", "item", "tier_code"],
                condition=models.Q(to_at=None),
                name="member_price_one_present",
            ),
            models.CheckConstraint(condition=models.Q(price_minor__gte=1), name="member_price_positive"),
            models.CheckConstraint(
                condition=models.Q(price_minor__lte=models.F("list_minor")),
                name="member_price_not_above_list",
            ),
            models.CheckConstraint(
                condition=models.Q(to_at=None) | models.Q(to_at__gte=models.F("from_at")),
                name="member_price_ends_after",
            ),
        ]
        indexes = [
            models.Index(
                fields=["merchant", "item"], condition=models.Q(to_at=None), name="member_price_by_item"
            )
        ]

    def __str__(self) -> str:
        return f"{self.item_id} {self.tier_code} {self.price_minor}"

    @property
    def sku(self) -> str:
        """The item's SKU; read it with `select_related("item")`."""
        return self.item.sku

    @property
    def item_name(self) -> str:
        """The item's name; read it with `select_related("item")`."""
        return self.item.name


class PriceUpload(TenantModel):
    """A price list that was read and is waiting for a person to confirm or drop it; no price is saved before.

    arguments: what the benefit form said (empty for a list of an existing benefit); rows: the good rows;
    rejects: [line, reason, the row as it stood]. confirmed_at makes a second press of the button harmless.
    """

    public_id = PublicIdField()
    benefit = TenantForeignKey(Benefit, related_name="+", null=True)
    arguments = models.JSONField(default=dict)
    file_name = models.CharField(max_length=160, blank=True)
    rows = models.JSONField(default=list)
    rejects = models.JSONField(default=list)
    uploaded_at = models.DateTimeField()
    uploaded_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True)
    confirmed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant", "public_id"], name="price_upload_public_id_unique"),
        ]

    def __str__(self) -> str:
        return self.file_name or self.public_id
