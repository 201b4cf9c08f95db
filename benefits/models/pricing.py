"""The shop's prices through time: what each SKU costs whom, and how prices meet (domain.md 7)."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import F, Func, Value
from django.utils.translation import gettext_lazy as _

from benefits.lib.quotes import LAYERS
from members.lib.fields import PublicIdField
from members.models import TenantModel

STRETCH = Func(F("from_at"), F("to_at"), Value("[)"), function="TSTZRANGE", output_field=DateTimeRangeField())


def all_layers() -> list[str]:
    """The layers that a new version of the price rules knows."""
    return list(LAYERS)


class PriceVersion(TenantModel):
    """How prices meet and what a basket gives, in force from `at` until the next version; never changed.

    rewards: [[threshold, off]] in minor units, as spend-and-save gives them. layers: those in which benefits act; none
    in versions of before there were any, so that what was quoted under them stays what it was.
    """

    number = models.IntegerField(_("version"))
    at = models.DateTimeField(_("in force from"))
    stack = models.CharField(_("how a member price meets a sale"), max_length=16)
    rewards = models.JSONField(default=list)
    layers = models.JSONField(default=all_layers, db_default=[])
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
    followers; plans: {plan code: the same}, for members with a term in it. A change closes the row and adds another,
    so that a quote of a past instant stays what it was.
    """

    sku = models.CharField(_("SKU"), max_length=64)
    list_minor = models.BigIntegerField(_("list price"))
    sale_minor = models.BigIntegerField(_("sale price"), null=True)
    floor_minor = models.BigIntegerField(_("floor"), default=1)
    members = models.JSONField(_("member prices"), default=dict)
    fans = models.JSONField(_("fan price"), null=True)
    plans = models.JSONField(_("plan prices"), default=dict, db_default={})
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
            # One price at one instant; a stretch that ended where it began is empty and in nobody's way.
            ExclusionConstraint(
                name="sku_price_no_overlap",
                expressions=[
                    (F("merchant"), RangeOperators.EQUAL),
                    (F("sku"), RangeOperators.EQUAL),
                    (STRETCH, RangeOperators.OVERLAPS),
                ],
            ),
        ]
        indexes = [models.Index(fields=["merchant", "sku", "from_at"], name="sku_price_by_time")]

    def __str__(self) -> str:
        return f"{self.sku} {self.list_minor}"


class PriceChangeKind(models.TextChoices):
    """Where a change of prices comes from."""

    TABLE = "table", _("Price table")
    BULK = "bulk", _("Bulk change")
    FILE = "file", _("File")
    API = "api", _("Shop system")


class PriceChangeState(models.TextChoices):
    """draft -> applied -> undone; a draft that nobody wants is deleted."""

    DRAFT = "draft", _("Not applied yet")
    APPLIED = "applied", _("Applied")
    UNDONE = "undone", _("Taken back")


class PriceChange(TenantModel):
    """Cells of the price table that change in `[from_at, to_at)`: shown first, applied by a person, taken back by one.

    rows: [SKU, column, value before, value after], with [from, to] behind where a sale has a time of its own; rejects:
    [where, reason]; findings: [kind, SKU, whether it blocks, numbers] of the price guard at drafting.
    No `from_at`: from when it is applied.
    before, after: {SKU: stretches from then on}, so that it can be taken back where nothing changed since; left: SKUs
    that a taking back left alone, since they had.
    """

    public_id = PublicIdField()
    kind = models.CharField(_("kind"), max_length=8, choices=PriceChangeKind.choices)
    label = models.CharField(max_length=160, blank=True)
    from_at = models.DateTimeField(_("from"), null=True)
    to_at = models.DateTimeField(_("to"), null=True)
    rows = models.JSONField(default=list)
    rejects = models.JSONField(default=list)
    findings = models.JSONField(default=list, db_default=[])
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    left = models.JSONField(default=list)
    state = models.CharField(
        _("state"), max_length=8, choices=PriceChangeState.choices, default=PriceChangeState.DRAFT
    )
    version = models.IntegerField(_("version"), null=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True)
    by_label = models.CharField(max_length=120, blank=True)
    created_at = models.DateTimeField(_("begun"))
    applied_at = models.DateTimeField(_("applied"), null=True)
    undone_at = models.DateTimeField(_("taken back"), null=True)

    class Meta:
        verbose_name = _("change of prices")
        verbose_name_plural = _("changes of prices")
        constraints = [
            models.UniqueConstraint(fields=["merchant", "public_id"], name="price_change_public_id"),
            models.CheckConstraint(
                condition=models.Q(state__in=PriceChangeState.values), name="price_change_state_known"
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=PriceChangeKind.values), name="price_change_kind_known"
            ),
            models.CheckConstraint(
                condition=models.Q(state="draft") | models.Q(applied_at__isnull=False),
                name="price_change_applied_then",
            ),
        ]
        indexes = [models.Index(fields=["merchant", "-created_at"], name="price_change_by_age")]

    def __str__(self) -> str:
        return self.label or self.public_id
