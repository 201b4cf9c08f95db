"""Paid membership: plans that a merchant sells, and members' terms in them (domain.md 9)."""

from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import Deferrable, F, Func, Q, Value
from django.utils.translation import gettext_lazy as _

from benefits.lib.plans import MOST_FEE_MINOR, MOST_MONTHS, Term
from members.lib.fields import PublicIdField, TenantForeignKey
from members.models import Member, TenantModel, Tier

RUNS = Func(F("from_at"), F("ends_at"), Value("[)"), function="TSTZRANGE", output_field=DateTimeRangeField())


class Plan(TenantModel):
    """A membership that is paid for, as it is sold now; it is withdrawn, never deleted: prices and terms name it.

    fee_minor: what a term costs, in minor units; months: how long one lasts. tier: at least held while a term runs.
    """

    public_id = PublicIdField()
    code = models.SlugField(_("code"), max_length=32)
    name = models.CharField(_("name"), max_length=40)
    fee_minor = models.BigIntegerField(_("fee"))
    months = models.SmallIntegerField(_("months"))
    tier = TenantForeignKey(Tier, related_name="+", null=True, blank=True)
    version = models.IntegerField(_("version"), default=1)
    created_at = models.DateTimeField(_("created"))
    withdrawn_at = models.DateTimeField(_("withdrawn"), null=True)

    class Meta:
        verbose_name = _("plan")
        verbose_name_plural = _("plans")
        constraints = [
            models.UniqueConstraint(fields=["merchant", "code"], name="plan_code_unique"),
            models.UniqueConstraint(fields=["merchant", "public_id"], name="plan_public_id_unique"),
            models.CheckConstraint(
                condition=Q(fee_minor__gte=0, fee_minor__lte=MOST_FEE_MINOR), name="plan_fee"
            ),
            models.CheckConstraint(condition=Q(months__gte=1, months__lte=MOST_MONTHS), name="plan_months"),
        ]

    def __str__(self) -> str:
        return self.name


class PlanVersion(TenantModel):
    """How a plan was sold from `at` until its next version; never changed."""

    plan = TenantForeignKey(Plan, related_name="versions")
    number = models.IntegerField(_("version"))
    at = models.DateTimeField(_("in force from"))
    name = models.CharField(_("name"), max_length=40)
    fee_minor = models.BigIntegerField(_("fee"))
    months = models.SmallIntegerField(_("months"))
    tier = TenantForeignKey(Tier, related_name="+", null=True)
    is_sold = models.BooleanField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True)
    by_label = models.CharField(max_length=120, blank=True)

    class Meta:
        verbose_name = _("version of a plan")
        verbose_name_plural = _("versions of plans")
        constraints = [
            models.UniqueConstraint(fields=["merchant", "plan", "number"], name="plan_version_number_unique")
        ]

    def __str__(self) -> str:
        return f"{self.name} v{self.number}"


class SoldBy(models.TextChoices):
    """Who told of a term: money is taken outside."""

    STAFF = "staff", _("Staff")
    API = "api", _("Shop system")
    JOB = "job", _("Script")


class Subscription(TenantModel):
    """A member's term `[from_at, to_at)` in a plan, paid for outside.

    ends_at: until when it really gives what it gives: `to_at`, or where it was refunded. days: merchant days of it, as
    bought; a closure moves `to_at`, not these. reference: of the sale, as the shop knows it, once in a merchant.
    floor_*: the tier it grants, until which day, from which day plans have granted it without a break, and until when
    the member had it without them; floor_ended_at: when a refund took it back.
    """

    public_id = PublicIdField()
    plan = TenantForeignKey(Plan, related_name="subscriptions")
    version = models.IntegerField()
    member = TenantForeignKey(Member, related_name="+")
    from_at = models.DateTimeField(_("from"))
    to_at = models.DateTimeField(_("until"))
    ends_at = models.DateTimeField()
    days = models.IntegerField()
    paid_minor = models.BigIntegerField(_("paid"))
    source = models.CharField(_("told by"), max_length=8, choices=SoldBy.choices)
    reference = models.CharField(_("reference"), max_length=80)
    at = models.DateTimeField(_("recorded"))
    by_label = models.CharField(max_length=120, blank=True)
    cancelled_at = models.DateTimeField(_("cancelled at"), null=True)
    floor_tier = TenantForeignKey(Tier, related_name="+", null=True)
    floor_until = models.DateField(null=True)
    floor_since = models.DateField(null=True)
    floor_before = models.DateField(null=True)
    floor_ended_at = models.DateTimeField(null=True)
    refunded_at = models.DateTimeField(_("refunded at"), null=True)
    refund_minor = models.BigIntegerField(_("to pay back"), null=True)
    refund_days = models.IntegerField(null=True)
    refund_reason = models.CharField(_("reason"), max_length=200, blank=True, default="", db_default="")
    paid_back_at = models.DateTimeField(_("paid back at"), null=True)

    class Meta:
        verbose_name = _("membership term")
        verbose_name_plural = _("membership terms")
        constraints = [
            models.UniqueConstraint(fields=["merchant", "public_id"], name="subscription_public_id"),
            models.UniqueConstraint(fields=["merchant", "reference"], name="subscription_reference_once"),
            models.CheckConstraint(
                condition=Q(to_at__gt=F("from_at"), days__gte=1), name="subscription_period"
            ),
            models.CheckConstraint(
                condition=Q(refunded_at=None, ends_at=F("to_at"))
                | Q(refunded_at__isnull=False, ends_at__gte=F("from_at"), ends_at__lte=F("to_at")),
                name="subscription_ends",
            ),
            models.CheckConstraint(
                condition=Q(paid_minor__gte=0, paid_minor__lte=MOST_FEE_MINOR), name="subscription_paid"
            ),
            models.CheckConstraint(
                condition=Q(refunded_at=None, refund_minor=None, refund_days=None, paid_back_at=None)
                | Q(refunded_at__isnull=False, refund_minor__gte=0, refund_minor__lte=F("paid_minor")),
                name="subscription_refund_bounded",
            ),
            models.CheckConstraint(
                condition=Q(floor_tier=None, floor_until=None, floor_since=None)
                | Q(floor_tier__isnull=False, floor_until__isnull=False, floor_since__isnull=False),
                name="subscription_floor_whole",
            ),
            models.CheckConstraint(condition=Q(source__in=SoldBy.values), name="subscription_source_known"),
            # One term at one instant. Checked at the end of a statement: a closure moves terms that follow each other.
            ExclusionConstraint(
                name="subscription_no_overlap",
                expressions=[
                    (F("merchant"), RangeOperators.EQUAL),
                    (F("plan"), RangeOperators.EQUAL),
                    (F("member"), RangeOperators.EQUAL),
                    (RUNS, RangeOperators.OVERLAPS),
                ],
                deferrable=Deferrable.IMMEDIATE,
            ),
        ]
        indexes = [
            models.Index(fields=["merchant", "member", "from_at"], name="subscription_by_member"),
            models.Index(fields=["merchant", "plan", "ends_at"], name="subscription_by_plan"),
            models.Index(fields=["merchant", "ends_at", "id"], name="subscription_by_end"),
            # Across merchants: the daily job finds floors that a refund left to it.
            models.Index(
                fields=["merchant", "id"],
                condition=Q(refunded_at__isnull=False, floor_tier__isnull=False, floor_ended_at=None),
                name="subscription_floor_due",
            ),
        ]

    def __str__(self) -> str:
        return self.public_id

    def term(self, closed_since: dt.datetime | None = None) -> Term:
        """What the rules ask of it. `closed_since`: of the program, None while it is open."""
        return Term(
            from_at=self.from_at,
            to_at=self.to_at,
            days=self.days,
            paid_minor=self.paid_minor,
            cancelled_at=self.cancelled_at,
            refunded_at=self.refunded_at,
            closed_since=closed_since,
            sold_at=self.at,
        )
