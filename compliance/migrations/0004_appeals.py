import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import members.lib.fields
from members.lib.schema import TenantTables


class Migration(migrations.Migration):
    dependencies = [
        ("compliance", "0003_previews_in_parts"),
        ("members", "0025_segments"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Appeal",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "public_id",
                    members.lib.fields.PublicIdField(
                        default=members.lib.fields.opaque_id, editable=False, max_length=24
                    ),
                ),
                ("filed_at", models.DateTimeField(verbose_name="filed")),
                (
                    "text",
                    models.CharField(blank=True, max_length=2000, verbose_name="what the merchant says"),
                ),
                ("due_on", models.DateField(verbose_name="decision due")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "Being reviewed"),
                            ("upheld", "Upheld"),
                            ("refused", "Refused"),
                            ("withdrawn", "Withdrawn"),
                        ],
                        default="open",
                        max_length=9,
                        verbose_name="state",
                    ),
                ),
                ("ended_at", models.DateTimeField(null=True, verbose_name="ended")),
                ("answer", models.CharField(blank=True, max_length=2000, verbose_name="answer")),
                (
                    "ended_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "filed_by",
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
                    "notice",
                    members.lib.fields.TenantForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="compliance.notice",
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="compliance.run",
                        verbose_name="against the run",
                    ),
                ),
            ],
            options={
                "verbose_name": "appeal",
                "verbose_name_plural": "appeals",
                "indexes": [
                    models.Index(fields=["id"], name="appeal_by_id"),
                    models.Index(
                        condition=models.Q(("state", "open")),
                        fields=["due_on", "merchant"],
                        name="appeal_open_by_due_day",
                    ),
                    models.Index(fields=["merchant", "-filed_at", "-id"], name="appeal_by_time"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("merchant", "public_id"), name="appeal_public_id_unique"),
                    models.UniqueConstraint(
                        condition=models.Q(("run__isnull", False), ("state", "open")),
                        fields=("merchant", "run"),
                        name="appeal_one_open_of_decision",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("notice__isnull", False), ("state", "open")),
                        fields=("merchant", "notice"),
                        name="appeal_one_open_of_warning",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("notice__isnull", True), ("run__isnull", False)),
                            models.Q(("notice__isnull", False), ("run__isnull", True)),
                            _connector="OR",
                        ),
                        name="appeal_against_one_thing",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("ended_at__isnull", True), ("state", "open")),
                            models.Q(models.Q(("state", "open"), _negated=True), ("ended_at__isnull", False)),
                            _connector="OR",
                        ),
                        name="appeal_ends_when_decided",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["open", "upheld", "refused", "withdrawn"])),
                        name="appeal_state_known",
                    ),
                ],
            },
        ),
        TenantTables(["Appeal"]),
    ]
