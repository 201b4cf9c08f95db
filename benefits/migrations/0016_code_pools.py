"""Pools of codes that a partner gave the shop."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import members.lib.crypto
import members.lib.fields
from members.lib.schema import TenantTables


class Migration(migrations.Migration):
    dependencies = [
        ("benefits", "0015_holdouts"),
        ("members", "0046_orders_heard"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="CodeUpload",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "public_id",
                    members.lib.fields.PublicIdField(
                        default=members.lib.fields.opaque_id, editable=False, max_length=24
                    ),
                ),
                ("file_name", models.CharField(blank=True, max_length=160)),
                ("codes", members.lib.crypto.EncryptedTextField(blank=True, null=True)),
                ("found", models.IntegerField(default=0)),
                ("known", models.IntegerField(default=0)),
                ("repeated", models.IntegerField(default=0)),
                ("rejected", models.IntegerField(default=0)),
                ("rejects", models.JSONField(default=list)),
                ("uploaded_at", models.DateTimeField()),
                ("by_label", models.CharField(blank=True, max_length=120)),
                ("confirmed_at", models.DateTimeField(null=True)),
                ("added", models.IntegerField(default=0)),
                ("undone_at", models.DateTimeField(null=True)),
                ("withdrawn", models.IntegerField(default=0)),
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
                    "uploaded_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "upload of codes",
                "verbose_name_plural": "uploads of codes",
            },
        ),
        migrations.CreateModel(
            name="PoolCode",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("code", members.lib.crypto.EncryptedTextField(blank=True, null=True)),
                ("fingerprint", models.CharField(max_length=64)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("free", "Codes left"),
                            ("given", "Given to members"),
                            ("withdrawn", "Codes taken out"),
                        ],
                        default="free",
                        max_length=9,
                    ),
                ),
                ("given_at", models.DateTimeField(null=True)),
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
                    "entitlement",
                    members.lib.fields.TenantForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="benefits.entitlement",
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
                    "upload",
                    members.lib.fields.TenantForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="benefits.codeupload",
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="codeupload",
            index=models.Index(fields=["merchant", "benefit", "-id"], name="code_upload_by_benefit"),
        ),
        migrations.AddConstraint(
            model_name="codeupload",
            constraint=models.UniqueConstraint(
                fields=("merchant", "public_id"), name="code_upload_public_id"
            ),
        ),
        migrations.AddConstraint(
            model_name="codeupload",
            constraint=models.CheckConstraint(
                condition=models.Q(("undone_at", None), ("confirmed_at__isnull", False), _connector="OR"),
                name="code_upload_undone_after",
            ),
        ),
        migrations.AddIndex(
            model_name="poolcode",
            index=models.Index(
                condition=models.Q(("state", "free")),
                fields=["merchant", "benefit", "id"],
                name="pool_code_free",
            ),
        ),
        migrations.AddIndex(
            model_name="poolcode",
            index=models.Index(fields=["merchant", "upload"], name="pool_code_by_upload"),
        ),
        migrations.AddIndex(
            model_name="poolcode",
            index=models.Index(fields=["merchant", "benefit", "state"], name="pool_code_by_benefit"),
        ),
        migrations.AddConstraint(
            model_name="poolcode",
            constraint=models.UniqueConstraint(fields=("merchant", "fingerprint"), name="pool_code_once"),
        ),
        migrations.AddConstraint(
            model_name="poolcode",
            constraint=models.UniqueConstraint(
                condition=models.Q(("entitlement__isnull", False)),
                fields=("merchant", "entitlement"),
                name="pool_code_of_entitlement",
            ),
        ),
        migrations.AddConstraint(
            model_name="poolcode",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("entitlement__isnull", False), ("given_at__isnull", False), ("state", "given")),
                    models.Q(("entitlement", None), ("given_at", None), ("state__in", ["free", "withdrawn"])),
                    _connector="OR",
                ),
                name="pool_code_given_to_one",
            ),
        ),
        TenantTables(["CodeUpload", "PoolCode"]),
    ]
