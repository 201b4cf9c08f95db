"""A benefit given to many members, worked off in chunks."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import members.lib.fields
from members.lib.schema import TenantTables


class Migration(migrations.Migration):
    dependencies = [
        ("benefits", "0011_findings_of_lists"),
        ("members", "0046_orders_heard"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="GiftCampaign",
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
                ("audience", models.JSONField(verbose_name="audience")),
                ("passed", models.BigIntegerField(default=0)),
                ("last", models.BigIntegerField(default=0)),
                ("chosen", models.BigIntegerField(default=0)),
                ("issued", models.BigIntegerField(default=0, verbose_name="issued")),
                ("refused", models.JSONField(default=dict)),
                ("undo_passed", models.BigIntegerField(default=0)),
                ("undone", models.BigIntegerField(default=0, verbose_name="taken back")),
                ("kept", models.BigIntegerField(default=0)),
                ("undo_by_label", models.CharField(blank=True, max_length=120)),
                ("undone_at", models.DateTimeField(null=True)),
                (
                    "benefit",
                    members.lib.fields.TenantForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="benefits.benefit",
                    ),
                ),
                (
                    "by",
                    models.ForeignKey(
                        db_index=False,
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
                "verbose_name": "campaign",
                "verbose_name_plural": "campaigns",
                "indexes": [
                    models.Index(fields=["merchant", "benefit", "-created_at"], name="gift_campaign_by_age"),
                    models.Index(
                        condition=models.Q(("state__in", ["queued", "running", "undoing"])),
                        fields=["leased_until"],
                        name="gift_campaign_being_worked",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("merchant", "public_id"), name="gift_campaign_public_id_unique"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "state__in",
                                ["queued", "running", "done", "failed", "cancelled", "undoing", "undone"],
                            )
                        ),
                        name="gift_campaign_state_known",
                    ),
                ],
            },
        ),
        TenantTables(["GiftCampaign"]),
    ]
