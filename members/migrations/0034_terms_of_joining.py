"""What each level may when people join, and visits of the platform's support."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import members.lib.fields
from members.lib.schema import AppendOnly, PlatformOnly, TenantTables


class Migration(migrations.Migration):
    dependencies = [
        ("members", "0033_attempts"),
    ]

    operations = [
        migrations.CreateModel(
            name="JoinRule",
            fields=[
                ("number", models.PositiveIntegerField(primary_key=True, serialize=False)),
                ("effective_at", models.DateTimeField()),
                ("has_free_join", models.BooleanField()),
                ("has_quota", models.BooleanField()),
                ("terms", models.JSONField()),
            ],
        ),
        migrations.CreateModel(
            name="JoinStanding",
            fields=[
                (
                    "merchant",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="members.merchant",
                    ),
                ),
                ("level", models.CharField(max_length=16)),
                ("since", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="JoinTally",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("day", models.DateField()),
                ("joins", models.BigIntegerField()),
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
                "constraints": [
                    models.UniqueConstraint(fields=("merchant", "day"), name="join_tally_once"),
                    models.CheckConstraint(
                        condition=models.Q(("joins__gte", 0)), name="join_tally_not_negative"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="SupportVisit",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "public_id",
                    members.lib.fields.PublicIdField(
                        default=members.lib.fields.opaque_id, editable=False, max_length=24
                    ),
                ),
                ("reason", models.CharField(max_length=500, verbose_name="reason")),
                ("from_at", models.DateTimeField(verbose_name="from")),
                ("until_at", models.DateTimeField(verbose_name="until")),
                ("ended_at", models.DateTimeField(null=True, verbose_name="ended")),
                (
                    "by",
                    models.ForeignKey(
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
                "verbose_name": "support visit",
                "verbose_name_plural": "support visits",
                "indexes": [models.Index(fields=["id"], name="support_by_id")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("merchant", "public_id"), name="support_public_id_unique"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("reason", ""), _negated=True), name="support_has_reason"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("until_at__gt", models.F("from_at"))), name="support_ends_after"
                    ),
                ],
            },
        ),
        TenantTables(["JoinStanding", "JoinTally", "SupportVisit"]),
        PlatformOnly(["JoinRule", "JoinStanding", "SupportVisit"]),
        AppendOnly(["JoinRule"]),
    ]
