"""The orders of a closure posted on request, and the indexes that find them."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import members.lib.fields
from members.lib.schema import TenantTables


class Migration(migrations.Migration):
    dependencies = [
        ("members", "0042_entries_by_arrival"),
    ]

    operations = [
        migrations.CreateModel(
            name="GapPosting",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("worker", models.CharField(blank=True, max_length=120)),
                ("leased_until", models.DateTimeField(null=True)),
                ("attempts", models.SmallIntegerField(default=0)),
                (
                    "public_id",
                    members.lib.fields.PublicIdField(
                        default=members.lib.fields.opaque_id, editable=False, max_length=24
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("queued", "Waiting to begin"),
                            ("running", "Running"),
                            ("done", "Done"),
                            ("failed", "Failed"),
                            ("cancelled", "Cancelled"),
                            ("undoing", "Being undone"),
                            ("undone", "Undone"),
                        ],
                        default="queued",
                        max_length=9,
                        verbose_name="state",
                    ),
                ),
                ("total", models.BigIntegerField(default=0)),
                ("position", models.BigIntegerField(default=0)),
                ("failure", models.TextField(blank=True)),
                ("reason", models.CharField(blank=True, max_length=200, verbose_name="reason")),
                ("by_label", models.CharField(blank=True, max_length=120)),
                ("language", models.CharField(blank=True, max_length=10)),
                ("created_at", models.DateTimeField(verbose_name="begun")),
                ("finished_at", models.DateTimeField(null=True, verbose_name="finished")),
                ("asked_at", models.DateTimeField(verbose_name="asked for")),
                ("passed", models.BigIntegerField(default=0)),
                ("orders", models.BigIntegerField(default=0)),
                ("refunds", models.BigIntegerField(default=0)),
                ("earned", models.BigIntegerField(default=0)),
                ("taken", models.BigIntegerField(default=0)),
                ("moved", models.BigIntegerField(default=0)),
            ],
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                condition=models.Q(("member__isnull", False), ("rules_version__isnull", True)),
                fields=["merchant", "member", "at"],
                name="order_without_terms",
            ),
        ),
        migrations.AddIndex(
            model_name="orderrevision",
            index=models.Index(fields=["merchant", "replaced_at"], name="order_revision_by_time"),
        ),
        migrations.AddIndex(
            model_name="refund",
            index=models.Index(fields=["merchant", "at"], name="refund_by_time"),
        ),
        migrations.AddField(
            model_name="gapposting",
            name="by",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="gapposting",
            name="closure",
            field=members.lib.fields.TenantForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="members.closure",
            ),
        ),
        migrations.AddField(
            model_name="gapposting",
            name="merchant",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="members.merchant",
            ),
        ),
        migrations.AddIndex(
            model_name="gapposting",
            index=models.Index(
                condition=models.Q(("state__in", ["queued", "running", "undoing"])),
                fields=["leased_until"],
                name="gap_posting_being_worked",
            ),
        ),
        migrations.AddConstraint(
            model_name="gapposting",
            constraint=models.UniqueConstraint(fields=("merchant", "closure"), name="gap_posting_once"),
        ),
        migrations.AddConstraint(
            model_name="gapposting",
            constraint=models.UniqueConstraint(
                fields=("merchant", "public_id"), name="gap_posting_public_id_unique"
            ),
        ),
        migrations.AddConstraint(
            model_name="gapposting",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state__in", ["queued", "running", "done", "failed", "cancelled", "undoing", "undone"])
                ),
                name="gap_posting_state_known",
            ),
        ),
        TenantTables(["GapPosting"]),
        migrations.AddIndex(
            model_name="benefituse",
            index=models.Index(fields=["merchant", "day"], name="benefit_use_by_day"),
        ),
    ]
