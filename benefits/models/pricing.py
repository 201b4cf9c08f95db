"""The shop's prices through time: what each SKU costs whom, and how prices meet (domain.md 7)."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from members.models import TenantModel


class PriceVersion(TenantModel):
    """How prices meet and what a basket gives, in force from `at` until the next version; never changed.

    rewards: [[threshold, off]] in minor units, as spend-and-save gives them.
    """

    number = models.IntegerField(_("version"))
    at = models.DateTimeField(_("in force from"))
    stack = models.CharField(_("how a member price meets a sale"), max_length=16)
    rewards = models.JSONField(default=list)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True)

    class Meta:
        verbose_name = _("price rules")
        verbose_name_plural = _("price rules")
        constraints = [
            models.UniqueConstraint(fields=["merchant", "number"], name="price_version_number_unique"),
            models.CheckConstraint(
                condition=models.Q(stack__in=["on_sale_price", "best_of", "not_on_sale"]),
                name="price_version_stack_known",
            ),
        ]
        indexes = [models.Index(fields=["merchant", "-at", "-number"], name="price_version_by_time")]

    def __str__(self) -> str:
        return f"v{self.number}"


class SkuPrice(TenantModel):
    """The prices of one SKU and the stretch `[from_at, to_at)` in which they stood, in minor units.

    members: {tier code: {"percent" | "fixed" | "off": number as text}}, each for exactly that tier; fans: the same for
    followers. A change closes the row and adds another, so that a quote of a past instant stays what it was.
    """

    sku = models.CharField(_("SKU"), max_length=64)
    list_minor = models.BigIntegerField(_("list price"))
    sale_minor = models.BigIntegerField(_("sale price"), null=True)
    floor_minor = models.BigIntegerField(_("floor"), default=1)
    members = models.JSONField(_("member prices"), default=dict)
    fans = models.JSONField(_("fan price"), null=True)
    from_at = models.DateTimeField()
    to_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("prices of a SKU")
        verbose_name_plural = _("prices of SKUs")
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "sku"], condition=models.Q(to_at=None), name="sku_price_one_present"
            ),
            models.CheckConstraint(
                condition=models.Q(list_minor__gte=1, floor_minor__gte=1)
                & (models.Q(sale_minor=None) | models.Q(sale_minor__gte=1)),
                name="sku_price_positive",
            ),
            models.CheckConstraint(
                condition=models.Q(to_at=None) | models.Q(to_at__gte=models.F("from_at")),
                name="sku_price_ends_after",
            ),
        ]
        indexes = [models.Index(fields=["merchant", "sku", "from_at"], name="sku_price_by_time")]

    def __str__(self) -> str:
        return f"{self.sku} {self.list_minor}"
