"""Grades as stored: policy versions, a computation a month, a row per program and month (domain.md 3, Grade)."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from benefits.models import FindingKind
from compliance.lib.grade_policy import CATEGORIES, FINDINGS, GENERAL, Band, Level, Lines, Metric
from compliance.lib.grade_policy import GradePolicy as Settings
from compliance.lib.grades import Month
from compliance.models.codes import CodeField
from members.models import TenantModel, TenantQuerySet

LEVEL_CODES = {Level.IMPROVING.value: 1, Level.POTENTIAL.value: 2, Level.QUALITY.value: 3}
BAND_CODES = {Band.SMALL.value: 1, Band.MEDIUM.value: 2, Band.LARGE.value: 3}
LEVEL_WORDS = [("improving", _("Improving")), ("potential", _("Potential")), ("quality", _("Quality"))]
BAND_WORDS = [("small", _("Small shop")), ("medium", _("Medium shop")), ("large", _("Large shop"))]
CATEGORY_WORDS = [
    ("general", _("General")),
    ("apparel", _("Clothes and shoes")),
    ("beauty", _("Beauty")),
    ("food", _("Food")),
    ("home", _("Home and living")),
    ("electronics", _("Electronics")),
    ("mother_baby", _("Mother and baby")),
    ("sports", _("Sports and outdoors")),
    ("dining", _("Dining")),
    ("services", _("Local services")),
]
assert [word for word, _label in CATEGORY_WORDS] == list(CATEGORIES)
assert FindingKind.values == list(FINDINGS)


class GradePolicy(models.Model):
    """One version of the grade policy, in force from `effective_at` until the next version's. Append-only.

    `values` holds every setting of `compliance.lib.grade_policy` by its name.
    """

    number = models.PositiveIntegerField(_("version"), primary_key=True)
    published_at = models.DateTimeField(_("published"))
    effective_at = models.DateTimeField(_("in force from"))
    values = models.JSONField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True)
    by_label = models.CharField(_("who"), max_length=120, blank=True)
    reason = models.CharField(_("reason"), max_length=500, blank=True)

    class Meta:
        verbose_name = _("grade policy")
        verbose_name_plural = _("grade policies")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(effective_at__gte=models.F("published_at")),
                name="grade_policy_not_retroactive",
            ),
        ]

    def __str__(self) -> str:
        return str(_("Version %(number)s") % {"number": self.number})

    @property
    def rule(self) -> Settings:
        """The settings as the pure rule reads them; those that came later have their default."""
        return Settings(self.values)


class GradeRun(models.Model):
    """A month's computation of all grades, worked shop by shop: `through` is the last merchant graded.

    `at` is the instant it was due, under whose policy it is done. `counts`: programs by "level/band".
    """

    id = models.AutoField(primary_key=True)
    month = models.DateField(_("month"), unique=True)  # its first day
    at = models.DateTimeField(_("computed for"))
    policy = models.ForeignKey(GradePolicy, models.PROTECT, related_name="+", verbose_name=_("policy"))
    started_at = models.DateTimeField(_("started"))
    done_at = models.DateTimeField(_("done"), null=True)
    through = models.BigIntegerField(default=0)
    programs = models.BigIntegerField(_("programs"), default=0)
    protected = models.BigIntegerField(_("new programs"), default=0)
    counts = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("month of grades")
        verbose_name_plural = _("months of grades")
        constraints = [
            models.CheckConstraint(condition=models.Q(month__day=1), name="grade_run_begins_a_month")
        ]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}"


class ShopCategory(models.Model):
    """The category in which the platform grades a merchant; without a row it is the general one."""

    merchant = models.OneToOneField(
        "members.Merchant", models.PROTECT, primary_key=True, related_name="+", db_constraint=False
    )
    category = models.CharField(_("category"), max_length=16, choices=CATEGORY_WORDS, default=GENERAL)
    set_at = models.DateTimeField(_("set"))

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(category__in=CATEGORIES), name="shop_category_known"),
        ]

    def __str__(self) -> str:
        return self.get_category_display()


class Grade(TenantModel):
    """The grade of a program for a month, with all it follows from. Append-only, written by the platform.

    level: by the rule; granted: whose privileges the merchant has (a new merchant's are not below the protected level).
    findings: null for months graded before they were looked at. `passing` and `high` are the lines by metric, in the
    order of `Metric`.
    """

    run = models.ForeignKey(GradeRun, models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    policy = models.ForeignKey(
        GradePolicy, models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    level = CodeField(_("grade"), codes=LEVEL_CODES, choices=LEVEL_WORDS)
    granted = CodeField(_("privileges of"), codes=LEVEL_CODES, choices=LEVEL_WORDS)
    band = CodeField(_("size"), codes=BAND_CODES, choices=BAND_WORDS)
    is_protected = models.BooleanField(_("new"))
    category = models.CharField(_("category"), max_length=16, choices=CATEGORY_WORDS)
    days = models.SmallIntegerField()
    benefit_days = models.SmallIntegerField(_("benefit days"))
    benefit_use = models.IntegerField(null=True)
    orders = models.BigIntegerField(_("orders"))
    effective_members = models.BigIntegerField(_("effective members"))
    joins = models.BigIntegerField(_("joined"))
    member_minor = models.BigIntegerField()
    all_minor = models.BigIntegerField()
    findings = models.IntegerField(_("findings of the price guard"), null=True)
    findings_weighed = models.BigIntegerField(null=True)
    passing = ArrayField(models.BigIntegerField())
    high = ArrayField(models.BigIntegerField())

    class Meta:
        verbose_name = _("grade")
        verbose_name_plural = _("grades")
        constraints = [models.UniqueConstraint(fields=["merchant", "run"], name="grade_once")]
        indexes = [
            models.Index(fields=["run", "level", "merchant"], name="grade_by_level"),
            models.Index(fields=["id"], name="grade_by_id"),
        ]

    def __str__(self) -> str:
        return f"{self.merchant_id} {self.run_id} {self.level}"

    @property
    def facts(self) -> Month:
        """What the month came to, as the pure rule reads it."""
        return Month(**{name: getattr(self, name) for name in FACTS})

    @property
    def lines(self) -> dict[Metric, Lines]:
        """The lines that it was held against."""
        pairs = zip(Metric, self.passing, self.high, strict=True)
        return {metric: Lines(passing, high) for metric, passing, high in pairs}


FACTS: tuple[str, ...] = tuple(Month.__dataclass_fields__)


def word_of(words: list[tuple[str, Any]], value: str) -> Any:
    """The label of a level, band or category."""
    return dict(words).get(value, value)
