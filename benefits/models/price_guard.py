"""The price guard: the platform's policy in versions, and what it found (domain.md 7)."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from benefits.lib.price_guard import GuardRules
from members.models import TenantModel


class GuardLevel(models.TextChoices):
    """What is done about a finding."""

    OFF = "off", _("Nothing")
    WARN = "warn", _("Warn")
    BLOCK = "block", _("Block")


class FindingKind(models.TextChoices):
    """What can be wrong with a price."""

    BAIT = "bait", _("Bait price")
    CONDITIONS = "conditions", _("Hard conditions")
    COMPARISON = "comparison", _("Dishonest comparison")
    FLOOR = "floor", _("Under the floor")


def _level(label: object) -> models.CharField:
    return models.CharField(label, max_length=5, choices=GuardLevel.choices, default=GuardLevel.WARN)  # type: ignore[arg-type]


class GuardPolicy(models.Model):
    """A version, in force from `effective_at` until the next one's; never changed. Written by the platform, and read
    by every change of prices: it lies here since benefits know no compliance. Before any, all is warned."""

    number = models.PositiveIntegerField(_("version"), primary_key=True)
    published_at = models.DateTimeField(_("published"))
    effective_at = models.DateTimeField(_("in force from"))
    bait = _level(FindingKind.BAIT.label)
    conditions = _level(FindingKind.CONDITIONS.label)
    comparison = _level(FindingKind.COMPARISON.label)
    floor = _level(FindingKind.FLOOR.label)
    far_percent = models.PositiveSmallIntegerField(_("far below: under so many per cent"), default=50)
    few_percent = models.PositiveSmallIntegerField(_("few members: at most so many per cent"), default=5)
    days = models.PositiveSmallIntegerField(_("days before a reduction"), default=7)
    eu_days = models.PositiveSmallIntegerField(_("days before a reduction in the EU"), default=30)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True)
    by_label = models.CharField(_("who"), max_length=120, blank=True)
    reason = models.CharField(_("reason"), max_length=500, blank=True)

    class Meta:
        verbose_name = _("price guard policy")
        verbose_name_plural = _("price guard policies")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(effective_at__gte=models.F("published_at")),
                name="guard_policy_not_retroactive",
            ),
            models.CheckConstraint(
                condition=models.Q(far_percent__gte=1, far_percent__lte=100, few_percent__lte=100)
                & models.Q(days__gte=1, days__lte=365, eu_days__gte=1, eu_days__lte=365),
                name="guard_policy_in_range",
            ),
        ]

    def __str__(self) -> str:
        return str(_("Version %(number)s") % {"number": self.number})

    @property
    def rules(self) -> GuardRules:
        """As the pure rule reads it."""
        return GuardRules(**{name: getattr(self, name) for name in GuardRules.__slots__})


class PriceFinding(TenantModel):
    """What the guard found in prices that somebody wanted, with its numbers; never changed or deleted.

    source: "change" (of prices) or "list" (of a member price benefit), `source_id` its public id. is_blocked: the
    prices did not come into force. A change leaves its findings once; a benefit leaves some with each of its lists.
    """

    at = models.DateTimeField(_("time"))
    source = models.CharField(max_length=6)
    source_id = models.CharField(max_length=24)
    sku = models.CharField(_("SKU"), max_length=64)
    kind = models.CharField(_("kind"), max_length=10, choices=FindingKind.choices)
    is_blocked = models.BooleanField(_("blocked"))
    numbers = models.JSONField(default=dict)
    policy = models.PositiveIntegerField(_("version"))
    by_label = models.CharField(_("who"), max_length=120, blank=True)

    class Meta:
        verbose_name = _("finding of the price guard")
        verbose_name_plural = _("findings of the price guard")
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "source_id", "sku", "kind", "is_blocked"],
                condition=models.Q(source="change") | models.Q(is_blocked=True),
                name="price_finding_once",
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=FindingKind.values), name="price_finding_kind_known"
            ),
        ]
        indexes = [
            models.Index(fields=["merchant", "-at", "-id"], name="price_finding_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.sku} {self.kind}"
