"""The program's settings as versions in time: the ladder of tiers and the point rule (domain.md 5 and 6)."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from members.models.base import TenantModel


def usual_notice_days() -> list[int]:
    """When members are told that points expire, in days before (domain.md 6)."""
    return [30, 7]


class Tier(TenantModel):
    """A tier members can hold. Its place and requirements are in the rules' versions; its id never changes."""

    code = models.SlugField(_("code"), max_length=32)
    name = models.CharField(_("name"), max_length=40, blank=True)
    created_at = models.DateTimeField(_("created"))

    class Meta:
        verbose_name = _("tier")
        verbose_name_plural = _("tiers")
        constraints = [models.UniqueConstraint(fields=["merchant", "code"], name="tier_code_unique")]

    def __str__(self) -> str:
        return self.name or self.code


class RulesVersion(TenantModel):
    """One version of a program's rules, in force from `at` until the next; never changed.

    `ladder` is [{"tier": id, "needs": "all"|"any", "requirements": {"spend_minor": 100000}}], lowest first;
    `tier_multipliers` {"<tier id>": "1.5"}; `window` {"kind": "rolling", "days": 365}.
    """

    number = models.IntegerField(_("version"))
    at = models.DateTimeField(_("in force from"))
    per_major = models.DecimalField(_("points per currency unit"), max_digits=12, decimal_places=6)
    tier_multipliers = models.JSONField(default=dict)
    pending_days = models.IntegerField(default=0)
    expiry = models.JSONField(default=dict)
    clawback = models.CharField(max_length=16, default="allow_deficit")
    earning = models.JSONField(default=list)  # rules beside the rate: members.lib.earning; [] for none
    point_cost = models.DecimalField(
        _("cost per point"), max_digits=12, decimal_places=6, null=True
    )  # minor units
    adjust_limit = models.BigIntegerField(_("largest adjustment without approval"), null=True)
    give_back_days = models.IntegerField(_("days in which expired points can be given back"), default=90)
    notice_days = models.JSONField(default=usual_notice_days)  # days before expiry; empty: nobody is told
    window = models.JSONField(default=dict)
    validity_months = models.IntegerField(default=12)
    grace_days = models.IntegerField(default=0)
    downgrade = models.CharField(max_length=16, default="to_qualified")
    growth = models.JSONField(default=dict)
    ladder = models.JSONField(default=list)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True)

    class Meta:
        verbose_name = _("version of the rules")
        verbose_name_plural = _("versions of the rules")
        constraints = [
            models.UniqueConstraint(fields=["merchant", "number"], name="rules_number_unique"),
            models.CheckConstraint(condition=models.Q(per_major__gte=0), name="rules_rate_not_negative"),
            models.CheckConstraint(
                condition=models.Q(validity_months__gte=1), name="rules_validity_positive"
            ),
            models.CheckConstraint(
                condition=models.Q(clawback__in=["allow_deficit", "within_balance", "only_pending"]),
                name="rules_clawback_known",
            ),
        ]
        indexes = [models.Index(fields=["merchant", "-at", "-number"], name="rules_by_time")]
