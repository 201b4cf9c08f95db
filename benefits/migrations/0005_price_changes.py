"""Changes of prices that are shown before they count and can be taken back; no two stretches of a SKU's prices overlap."""

import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import members.lib.fields
from members.lib.schema import TenantTables


class Migration(migrations.Migration):
    dependencies = [
        ("benefits", "0004_doubts"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="PriceChange",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "public_id",
                    members.lib.fields.PublicIdField(
                        default=members.lib.fields.opaque_id, editable=False, max_length=24
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("table", "Price table"), ("bulk", "Bulk change"), ("file", "File")],
                        max_length=8,
                        verbose_name="kind",
                    ),
                ),
                ("label", models.CharField(blank=True, max_length=160)),
                ("from_at", models.DateTimeField(null=True, verbose_name="from")),
                ("to_at", models.DateTimeField(null=True, verbose_name="to")),
                ("rows", models.JSONField(default=list)),
                ("rejects", models.JSONField(default=list)),
                ("before", models.JSONField(default=dict)),
                ("after", models.JSONField(default=dict)),
                ("left", models.JSONField(default=list)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("draft", "Not applied yet"),
                            ("applied", "Applied"),
                            ("undone", "Taken back"),
                        ],
                        default="draft",
                        max_length=8,
                        verbose_name="state",
                    ),
                ),
                ("version", models.IntegerField(null=True, verbose_name="version")),
                ("by_label", models.CharField(blank=True, max_length=120)),
                ("created_at", models.DateTimeField(verbose_name="begun")),
                ("applied_at", models.DateTimeField(null=True, verbose_name="applied")),
                ("undone_at", models.DateTimeField(null=True, verbose_name="taken back")),
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
            ],
            options={
                "verbose_name": "change of prices",
                "verbose_name_plural": "changes of prices",
                "indexes": [models.Index(fields=["merchant", "-created_at"], name="price_change_by_age")],
                "constraints": [
                    models.UniqueConstraint(fields=("merchant", "public_id"), name="price_change_public_id"),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["draft", "applied", "undone"])),
                        name="price_change_state_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["table", "bulk", "file"])),
                        name="price_change_kind_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state", "draft"), ("applied_at__isnull", False), _connector="OR"
                        ),
                        name="price_change_applied_then",
                    ),
                ],
            },
        ),
        TenantTables(["PriceChange"]),
        migrations.AddConstraint(
            model_name="skuprice",
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(
                expressions=[
                    (models.F("merchant"), "="),
                    (models.F("sku"), "="),
                    (
                        models.Func(
                            models.F("from_at"),
                            models.F("to_at"),
                            models.Value("[)"),
                            function="TSTZRANGE",
                            output_field=django.contrib.postgres.fields.ranges.DateTimeRangeField(),
                        ),
                        "&&",
                    ),
                ],
                name="sku_price_no_overlap",
            ),
        ),
    ]
