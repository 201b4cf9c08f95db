"""What an edit of the rules does to the members, worked off in chunks."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import members.lib.fields
from members.lib.schema import TenantTables


class Migration(migrations.Migration):
    dependencies = [
        ("members", "0039_facts_made_anew"),
    ]

    operations = [
        migrations.AddField(
            model_name="program",
            name="is_lifting",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.CreateModel(
            name="TierLift",
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
                ("version", models.IntegerField()),
                ("former", models.IntegerField(null=True)),
                ("at", models.DateTimeField(verbose_name="time")),
                ("targets", models.JSONField(default=dict)),
                ("is_open", models.BooleanField()),
                ("through", models.BigIntegerField()),
                ("passed", models.BigIntegerField(default=0)),
                ("shifted_days", models.IntegerField(default=0)),
                ("moved", models.BigIntegerField(default=0)),
                ("flows", models.JSONField(default=list)),
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
        ),
        migrations.CreateModel(
            name="TierLiftMember",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "lift",
                    members.lib.fields.TenantForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="members.tierlift",
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
            ],
        ),
        migrations.AddIndex(
            model_name="tierlift",
            index=models.Index(fields=["merchant", "version"], name="tier_lift_by_version"),
        ),
        migrations.AddIndex(
            model_name="tierlift",
            index=models.Index(
                condition=models.Q(("state__in", ["queued", "running", "undoing"])),
                fields=["leased_until"],
                name="tier_lift_being_worked",
            ),
        ),
        migrations.AddConstraint(
            model_name="tierlift",
            constraint=models.UniqueConstraint(
                fields=("merchant", "public_id"), name="tier_lift_public_id_unique"
            ),
        ),
        migrations.AddConstraint(
            model_name="tierlift",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state__in", ["queued", "running", "done", "failed", "cancelled", "undoing", "undone"])
                ),
                name="tier_lift_state_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="tierliftmember",
            constraint=models.UniqueConstraint(
                fields=("merchant", "lift", "member"), name="tier_lift_member_once"
            ),
        ),
        TenantTables(["TierLift", "TierLiftMember"]),
    ]
