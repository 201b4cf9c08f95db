"""Codes that tills took without a connection, and what came of each."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import members.lib.fields
from members.lib.schema import AppendOnly, TenantTables


class Migration(migrations.Migration):
    dependencies = [
        ("benefits", "0017_quote_layers"),
        ("members", "0046_orders_heard"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="QueuedCode",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("key", models.CharField(max_length=16)),
                ("code", models.CharField(max_length=12, verbose_name="code")),
                ("taken_at", models.DateTimeField(null=True, verbose_name="taken at")),
                ("at", models.DateTimeField(verbose_name="time")),
                ("outcome", models.CharField(max_length=10)),
                (
                    "by",
                    models.ForeignKey(
                        db_index=False,
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
                    "use",
                    members.lib.fields.TenantForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="benefits.entitlementuse",
                    ),
                ),
            ],
            options={
                "verbose_name": "code taken without a connection",
                "verbose_name_plural": "codes taken without a connection",
                "constraints": [
                    models.UniqueConstraint(fields=("merchant", "key"), name="queued_code_key_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "outcome__in",
                                (
                                    "redeemed",
                                    "unknown",
                                    "elsewhere",
                                    "revoked",
                                    "used",
                                    "expired",
                                    "not_yet",
                                    "left",
                                    "cleared",
                                    "closed",
                                    "ended",
                                    "paused",
                                    "reserved",
                                ),
                            )
                        ),
                        name="queued_code_outcome_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("outcome", "redeemed"), ("use__isnull", False)),
                            models.Q(models.Q(("outcome", "redeemed"), _negated=True), ("use__isnull", True)),
                            _connector="OR",
                        ),
                        name="queued_code_use",
                    ),
                ],
            },
        ),
        TenantTables(["QueuedCode"]),
        AppendOnly(["QueuedCode"]),
    ]
