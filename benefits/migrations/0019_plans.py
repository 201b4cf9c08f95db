"""Paid membership: plans, members' terms in them, and plan prices."""

import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
import django.db.models.constraints
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import members.lib.fields
from members.lib.schema import AppendOnly, Revoke, TenantTables


class Migration(migrations.Migration):
    dependencies = [
        ("benefits", "0018_till_queue"),
        ("members", "0048_job_progress"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="skuprice",
            name="plans",
            field=models.JSONField(db_default={}, default=dict, verbose_name="plan prices"),
        ),
        migrations.CreateModel(
            name="Plan",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "public_id",
                    members.lib.fields.PublicIdField(
                        default=members.lib.fields.opaque_id, editable=False, max_length=24
                    ),
                ),
                ("code", models.SlugField(max_length=32, verbose_name="code")),
                ("name", models.CharField(max_length=40, verbose_name="name")),
                ("fee_minor", models.BigIntegerField(verbose_name="fee")),
                ("months", models.SmallIntegerField(verbose_name="months")),
                ("version", models.IntegerField(default=1, verbose_name="version")),
                ("created_at", models.DateTimeField(verbose_name="created")),
                ("withdrawn_at", models.DateTimeField(null=True, verbose_name="withdrawn")),
                (
                    "merchant",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="members.merchant",
                    ),
                ),
                (
                    "tier",
                    members.lib.fields.TenantForeignKey(
                        blank=True,
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="members.tier",
                    ),
                ),
            ],
            options={
                "verbose_name": "plan",
                "verbose_name_plural": "plans",
            },
        ),
        migrations.CreateModel(
            name="PlanVersion",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("number", models.IntegerField(verbose_name="version")),
                ("at", models.DateTimeField(verbose_name="in force from")),
                ("name", models.CharField(max_length=40, verbose_name="name")),
                ("fee_minor", models.BigIntegerField(verbose_name="fee")),
                ("months", models.SmallIntegerField(verbose_name="months")),
                ("is_sold", models.BooleanField()),
                ("by_label", models.CharField(blank=True, max_length=120)),
                (
                    "by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "merchant",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="members.merchant",
                    ),
                ),
                (
                    "plan",
                    members.lib.fields.TenantForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="versions",
                        to="benefits.plan",
                    ),
                ),
                (
                    "tier",
                    members.lib.fields.TenantForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="members.tier",
                    ),
                ),
            ],
            options={
                "verbose_name": "version of a plan",
                "verbose_name_plural": "versions of plans",
            },
        ),
        migrations.CreateModel(
            name="Subscription",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "public_id",
                    members.lib.fields.PublicIdField(
                        default=members.lib.fields.opaque_id, editable=False, max_length=24
                    ),
                ),
                ("version", models.IntegerField()),
                ("from_at", models.DateTimeField(verbose_name="from")),
                ("to_at", models.DateTimeField(verbose_name="until")),
                ("ends_at", models.DateTimeField()),
                ("days", models.IntegerField()),
                ("paid_minor", models.BigIntegerField(verbose_name="paid")),
                (
                    "source",
                    models.CharField(
                        choices=[("staff", "Staff"), ("api", "Shop system"), ("job", "Script")],
                        max_length=8,
                        verbose_name="told by",
                    ),
                ),
                ("reference", models.CharField(max_length=80, verbose_name="reference")),
                ("at", models.DateTimeField(verbose_name="recorded")),
                ("by_label", models.CharField(blank=True, max_length=120)),
                ("cancelled_at", models.DateTimeField(null=True, verbose_name="cancelled at")),
                ("floor_until", models.DateField(null=True)),
                ("floor_since", models.DateField(null=True)),
                ("floor_before", models.DateField(null=True)),
                ("floor_ended_at", models.DateTimeField(null=True)),
                ("refunded_at", models.DateTimeField(null=True, verbose_name="refunded at")),
                ("refund_minor", models.BigIntegerField(null=True, verbose_name="to pay back")),
                ("refund_days", models.IntegerField(null=True)),
                (
                    "refund_reason",
                    models.CharField(
                        blank=True, db_default="", default="", max_length=200, verbose_name="reason"
                    ),
                ),
                ("paid_back_at", models.DateTimeField(null=True, verbose_name="paid back at")),
                (
                    "floor_tier",
                    members.lib.fields.TenantForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="members.tier",
                    ),
                ),
                (
                    "member",
                    members.lib.fields.TenantForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="members.member",
                    ),
                ),
                (
                    "merchant",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="members.merchant",
                    ),
                ),
                (
                    "plan",
                    members.lib.fields.TenantForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="subscriptions",
                        to="benefits.plan",
                    ),
                ),
            ],
            options={
                "verbose_name": "membership term",
                "verbose_name_plural": "membership terms",
            },
        ),
        migrations.AddConstraint(
            model_name="plan",
            constraint=models.UniqueConstraint(fields=("merchant", "code"), name="plan_code_unique"),
        ),
        migrations.AddConstraint(
            model_name="plan",
            constraint=models.UniqueConstraint(
                fields=("merchant", "public_id"), name="plan_public_id_unique"
            ),
        ),
        migrations.AddConstraint(
            model_name="plan",
            constraint=models.CheckConstraint(
                condition=models.Q(("fee_minor__gte", 0), ("fee_minor__lte", 1000000000000)), name="plan_fee"
            ),
        ),
        migrations.AddConstraint(
            model_name="plan",
            constraint=models.CheckConstraint(
                condition=models.Q(("months__gte", 1), ("months__lte", 36)), name="plan_months"
            ),
        ),
        migrations.AddConstraint(
            model_name="planversion",
            constraint=models.UniqueConstraint(
                fields=("merchant", "plan", "number"), name="plan_version_number_unique"
            ),
        ),
        migrations.AddIndex(
            model_name="subscription",
            index=models.Index(fields=["merchant", "member", "from_at"], name="subscription_by_member"),
        ),
        migrations.AddIndex(
            model_name="subscription",
            index=models.Index(fields=["merchant", "plan", "ends_at"], name="subscription_by_plan"),
        ),
        migrations.AddIndex(
            model_name="subscription",
            index=models.Index(fields=["merchant", "ends_at", "id"], name="subscription_by_end"),
        ),
        migrations.AddIndex(
            model_name="subscription",
            index=models.Index(
                condition=models.Q(
                    ("floor_ended_at", None), ("floor_tier__isnull", False), ("refunded_at__isnull", False)
                ),
                fields=["merchant", "id"],
                name="subscription_floor_due",
            ),
        ),
        migrations.AddConstraint(
            model_name="subscription",
            constraint=models.UniqueConstraint(
                fields=("merchant", "public_id"), name="subscription_public_id"
            ),
        ),
        migrations.AddConstraint(
            model_name="subscription",
            constraint=models.UniqueConstraint(
                fields=("merchant", "reference"), name="subscription_reference_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="subscription",
            constraint=models.CheckConstraint(
                condition=models.Q(("days__gte", 1), ("to_at__gt", models.F("from_at"))),
                name="subscription_period",
            ),
        ),
        migrations.AddConstraint(
            model_name="subscription",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("ends_at", models.F("to_at")), ("refunded_at", None)),
                    models.Q(
                        ("ends_at__gte", models.F("from_at")),
                        ("ends_at__lte", models.F("to_at")),
                        ("refunded_at__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="subscription_ends",
            ),
        ),
        migrations.AddConstraint(
            model_name="subscription",
            constraint=models.CheckConstraint(
                condition=models.Q(("paid_minor__gte", 0), ("paid_minor__lte", 1000000000000)),
                name="subscription_paid",
            ),
        ),
        migrations.AddConstraint(
            model_name="subscription",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("paid_back_at", None),
                        ("refund_days", None),
                        ("refund_minor", None),
                        ("refunded_at", None),
                    ),
                    models.Q(
                        ("refund_minor__gte", 0),
                        ("refund_minor__lte", models.F("paid_minor")),
                        ("refunded_at__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="subscription_refund_bounded",
            ),
        ),
        migrations.AddConstraint(
            model_name="subscription",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("floor_since", None), ("floor_tier", None), ("floor_until", None)),
                    models.Q(
                        ("floor_since__isnull", False),
                        ("floor_tier__isnull", False),
                        ("floor_until__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="subscription_floor_whole",
            ),
        ),
        migrations.AddConstraint(
            model_name="subscription",
            constraint=models.CheckConstraint(
                condition=models.Q(("source__in", ["staff", "api", "job"])), name="subscription_source_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="subscription",
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(
                deferrable=django.db.models.constraints.Deferrable["IMMEDIATE"],
                expressions=[
                    (models.F("merchant"), "="),
                    (models.F("plan"), "="),
                    (models.F("member"), "="),
                    (
                        models.Func(
                            models.F("from_at"),
                            models.F("ends_at"),
                            models.Value("[)"),
                            function="TSTZRANGE",
                            output_field=django.contrib.postgres.fields.ranges.DateTimeRangeField(),
                        ),
                        "&&",
                    ),
                ],
                name="subscription_no_overlap",
            ),
        ),
        TenantTables(["Plan", "PlanVersion", "Subscription"]),
        AppendOnly(["PlanVersion"]),
        # Prices and terms name a plan, and money was paid for a term: neither is deleted.
        Revoke("delete, truncate", ["benefits_plan", "benefits_subscription"]),
        Revoke("delete, truncate", ["benefits_plan", "benefits_subscription"], kind="platform"),
    ]
