"""The clearance policy as stored: versions that are never edited (domain.md 3)."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from compliance.lib.policy import PUBLIC, PolicyVersion
from compliance.lib.policy import Policy as Settings


class Policy(models.Model):
    """One version: in force from `effective_at` until the next version's. Append-only, written by the platform.

    The settings are those of `compliance.lib.policy.Policy`, name by name.
    """

    number = models.PositiveIntegerField(_("version"), primary_key=True)
    published_at = models.DateTimeField(_("published"))
    effective_at = models.DateTimeField(_("in force from"))
    min_age_months = models.PositiveIntegerField(_("age before a program can be cleared (months)"))
    age_boundary = models.CharField(
        _("exactly that age"),
        max_length=8,
        choices=[("over", _("Not yet old enough")), ("at_least", _("Old enough"))],
    )
    window_days = models.PositiveIntegerField(_("window (days)"))
    counting_basis = models.CharField(
        _("what counts"),
        max_length=24,
        choices=[
            ("in_force_or_configured", _("In force or configured")),
            ("in_force", _("In force")),
            ("configured", _("Configured")),
        ],
    )
    uncounted_kinds = ArrayField(
        models.CharField(max_length=24), verbose_name=_("kinds that do not count"), default=list, blank=True
    )
    min_notice_days = models.PositiveIntegerField(_("shortest notice (days)"))
    warn_days = ArrayField(
        models.PositiveIntegerField(),
        verbose_name=_("warnings before a run (days)"),
        default=list,
        blank=True,
    )
    first_run_on = models.DateField(_("first run"))
    protection_days = models.PositiveIntegerField(_("protection after a restoration (days)"))
    max_clear_share = models.DecimalField(_("brake: largest share cleared"), max_digits=10, decimal_places=8)
    final_notice_days = models.PositiveIntegerField(_("final notice (days before a run)"))
    at_risk_days = models.PositiveIntegerField(_("at risk (days before a run)"))
    observing_days = models.PositiveIntegerField(_("observed after (days uncovered)"))
    reopen_wait_days = models.PositiveIntegerField(_("wait before reopening (days)"))
    appeal_hold_days = models.PositiveIntegerField(_("an appeal holds once in (days)"))
    appeal_decision_days = models.PositiveIntegerField(
        _("an appeal is decided within (working days)"), default=5
    )
    min_cover_days = models.PositiveIntegerField(_("shortest stretch that counts (days)"))
    max_lead_days = models.PositiveIntegerField(
        _("longest lead of a configuration (days)"), null=True, blank=True
    )
    paper_rules = ArrayField(
        models.CharField(max_length=16), verbose_name=_("also paper"), default=list, blank=True
    )
    min_audience = models.PositiveSmallIntegerField(_("smallest named audience (members)"), default=0)
    uncounted_channels = ArrayField(
        models.CharField(max_length=16),
        verbose_name=_("channels that do not count"),
        default=list,
        db_default=[],
        blank=True,
    )
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True)
    by_label = models.CharField(_("who"), max_length=120, blank=True)
    reason = models.CharField(_("reason"), max_length=500, blank=True)
    early_reason = models.CharField(_("why it starts within 7 days"), max_length=500, blank=True)

    class Meta:
        verbose_name = _("clearance policy")
        verbose_name_plural = _("clearance policies")
        ordering = ["-number"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(effective_at__gte=models.F("published_at")), name="policy_not_retroactive"
            ),
            models.CheckConstraint(
                condition=models.Q(max_clear_share__gte=0, max_clear_share__lte=1),
                name="policy_share_is_a_share",
            ),
            models.CheckConstraint(
                condition=models.Q(number=1)
                | models.Q(effective_at__gte=models.F("published_at") + PUBLIC)
                | ~models.Q(early_reason=""),
                name="policy_public_or_reasoned",
            ),
        ]

    def __str__(self) -> str:
        return str(_("Version %(number)s") % {"number": self.number})

    @property
    def rule(self) -> Settings:
        """The settings as the pure rules read them."""
        return Settings(**{name: getattr(self, name) for name in SETTINGS})

    @property
    def version(self) -> PolicyVersion:
        """This version as the pure rules read it."""
        return PolicyVersion(
            number=self.number,
            effective_from=self.effective_at,
            recorded_at=self.published_at,
            policy=self.rule,
        )


SETTINGS = tuple(Settings.__dataclass_fields__)


def columns_of(policy: Settings) -> dict[str, Any]:
    """The settings of a pure policy as column values."""
    values = {name: getattr(policy, name) for name in SETTINGS}
    return values | {
        "age_boundary": policy.age_boundary.value,
        "counting_basis": policy.counting_basis.value,
        "uncounted_kinds": sorted(policy.uncounted_kinds),
        "paper_rules": sorted(policy.paper_rules),
        "uncounted_channels": sorted(policy.uncounted_channels),
        "warn_days": list(policy.warn_days),
    }
