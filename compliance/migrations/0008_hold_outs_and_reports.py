"""Programs held out of a run, reports with their hash, lists that admins keep."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import compliance.models.codes
import members.lib.schema


class Migration(migrations.Migration):
    dependencies = [
        ("compliance", "0007_policy_drafts"),
        ("members", "0033_attempts"),
    ]

    operations = [
        migrations.CreateModel(
            name="AdminView",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("list", models.CharField(max_length=24)),
                ("name", models.CharField(max_length=60, verbose_name="name")),
                ("query", models.CharField(max_length=600)),
                ("created_at", models.DateTimeField(verbose_name="created")),
            ],
            options={
                "verbose_name": "saved view",
                "verbose_name_plural": "saved views",
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="HoldOut",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("period", models.CharField(max_length=7, verbose_name="period")),
                ("held_at", models.DateTimeField(verbose_name="held out")),
                ("reason", models.CharField(max_length=500, verbose_name="reason")),
                ("by_label", models.CharField(blank=True, max_length=120, verbose_name="who")),
                ("lifted_at", models.DateTimeField(null=True, verbose_name="let in again")),
            ],
            options={
                "verbose_name": "hold-out",
                "verbose_name_plural": "hold-outs",
            },
        ),
        migrations.CreateModel(
            name="ReportCheck",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("asked_at", models.DateTimeField(verbose_name="asked")),
                ("by_label", models.CharField(blank=True, max_length=120, verbose_name="who")),
                ("done_at", models.DateTimeField(null=True, verbose_name="done")),
                ("digest", models.CharField(blank=True, max_length=64, verbose_name="hash")),
            ],
            options={
                "verbose_name": "check of a report",
                "verbose_name_plural": "checks of reports",
                "ordering": ["-asked_at", "-id"],
            },
        ),
        migrations.AddField(
            model_name="decision",
            name="held_out_at",
            field=models.DateTimeField(null=True, verbose_name="held out of the run"),
        ),
        migrations.AddField(
            model_name="decision",
            name="rules",
            field=models.SmallIntegerField(default=1, verbose_name="reading of the rules"),
        ),
        migrations.AddField(
            model_name="preview",
            name="outlook",
            field=models.JSONField(null=True),
        ),
        migrations.AlterField(
            model_name="run",
            name="state",
            field=models.CharField(
                choices=[
                    ("planned", "Planned"),
                    ("braked", "Waits for approval"),
                    ("running", "Running"),
                    ("paused", "Paused"),
                    ("done", "Done"),
                    ("undone", "Undone"),
                    ("stopped", "Stopped"),
                ],
                default="planned",
                max_length=8,
                verbose_name="state",
            ),
        ),
        migrations.AddField(
            model_name="run",
            name="stop_reason",
            field=models.CharField(blank=True, max_length=500, verbose_name="why it was stopped"),
        ),
        migrations.AddField(
            model_name="run",
            name="digest",
            field=models.CharField(blank=True, max_length=64, verbose_name="hash"),
        ),
        migrations.AddField(
            model_name="run",
            name="sealed_at",
            field=models.DateTimeField(null=True, verbose_name="hash written down"),
        ),
        migrations.AlterField(
            model_name="decision",
            name="reason",
            field=compliance.models.codes.CodeField(
                choices=[
                    ("too_young", "Younger than half a year"),
                    ("covered", "Covered by a qualifying benefit"),
                    ("exempt", "Exempt"),
                    ("appeal_pending", "Appeal pending"),
                    ("protected", "Protected"),
                    ("notice_too_short", "Not warned in time"),
                    ("uncovered", "No qualifying benefit"),
                    ("held_out", "Held out of this run"),
                ],
                codes={
                    "appeal_pending": 4,
                    "covered": 2,
                    "exempt": 3,
                    "held_out": 8,
                    "notice_too_short": 6,
                    "protected": 5,
                    "too_young": 1,
                    "uncovered": 7,
                },
                verbose_name="reason",
            ),
        ),
        migrations.AlterField(
            model_name="preview",
            name="state",
            field=models.CharField(
                choices=[
                    ("queued", "Waits for a worker"),
                    ("working", "Being worked out"),
                    ("done", "Done"),
                    ("failed", "Failed"),
                    ("stopped", "Stopped"),
                ],
                default="queued",
                max_length=8,
                verbose_name="state",
            ),
        ),
        migrations.AddField(
            model_name="adminview",
            name="by",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="holdout",
            name="by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="holdout",
            name="merchant",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="members.merchant",
            ),
        ),
        migrations.AddField(
            model_name="reportcheck",
            name="by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="reportcheck",
            name="run",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="checks", to="compliance.run"
            ),
        ),
        migrations.AddConstraint(
            model_name="adminview",
            constraint=models.UniqueConstraint(fields=("by", "list", "name"), name="admin_view_name_once"),
        ),
        migrations.AddIndex(
            model_name="holdout",
            index=models.Index(
                condition=models.Q(("lifted_at", None)),
                fields=["period", "merchant"],
                name="hold_out_by_period",
            ),
        ),
        migrations.AddConstraint(
            model_name="holdout",
            constraint=models.UniqueConstraint(
                condition=models.Q(("lifted_at", None)), fields=("merchant", "period"), name="hold_out_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="holdout",
            constraint=models.CheckConstraint(
                condition=models.Q(("reason", ""), _negated=True), name="hold_out_has_a_reason"
            ),
        ),
        migrations.AddConstraint(
            model_name="reportcheck",
            constraint=models.UniqueConstraint(
                condition=models.Q(("done_at", None)), fields=("run",), name="report_check_one_open"
            ),
        ),
        members.lib.schema.TenantTables(
            models=["HoldOut"],
        ),
        members.lib.schema.PlatformOnly(
            models=["HoldOut"],
            hidden=False,
        ),
        members.lib.schema.PlatformOnly(
            models=["ReportCheck", "AdminView"],
            hidden=True,
        ),
    ]
