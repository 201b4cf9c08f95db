import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import members.lib.fields
from members.lib.schema import AppendOnly, TenantTables


class Migration(migrations.Migration):
    dependencies = [
        ("compliance", "0008_hold_outs_and_reports"),
        ("members", "0033_attempts"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="AppealDraft",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("saved_at", models.DateTimeField(verbose_name="saved")),
                ("text", models.CharField(max_length=10000)),
            ],
            options={
                "verbose_name": "draft of an appeal",
                "verbose_name_plural": "drafts of appeals",
            },
        ),
        migrations.CreateModel(
            name="AppealFile",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "public_id",
                    members.lib.fields.PublicIdField(
                        default=members.lib.fields.opaque_id, editable=False, max_length=24
                    ),
                ),
                ("added_at", models.DateTimeField(verbose_name="time")),
                ("name", models.CharField(max_length=100, verbose_name="file")),
                ("kind", models.CharField(max_length=4)),
                ("size", models.IntegerField()),
                ("sha256", models.CharField(max_length=64)),
                ("gone_at", models.DateTimeField(null=True)),
            ],
            options={
                "verbose_name": "file of an appeal",
                "verbose_name_plural": "files of appeals",
            },
        ),
        migrations.CreateModel(
            name="AppealMessage",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "public_id",
                    members.lib.fields.PublicIdField(
                        default=members.lib.fields.opaque_id, editable=False, max_length=24
                    ),
                ),
                ("at", models.DateTimeField(verbose_name="time")),
                ("of_platform", models.BooleanField(default=False)),
                ("text", models.CharField(max_length=2000, verbose_name="message")),
            ],
            options={
                "verbose_name": "message of an appeal",
                "verbose_name_plural": "messages of appeals",
            },
        ),
        migrations.AddIndex(
            model_name="appeal",
            index=models.Index(
                condition=models.Q(("state", "open"), _negated=True),
                fields=["ended_at"],
                name="appeal_by_end",
            ),
        ),
        migrations.AddField(
            model_name="appealdraft",
            name="by",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="appealdraft",
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
            model_name="appealfile",
            name="added_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="appealfile",
            name="appeal",
            field=members.lib.fields.TenantForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="files",
                to="compliance.appeal",
            ),
        ),
        migrations.AddField(
            model_name="appealfile",
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
            model_name="appealmessage",
            name="appeal",
            field=members.lib.fields.TenantForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="messages",
                to="compliance.appeal",
            ),
        ),
        migrations.AddField(
            model_name="appealmessage",
            name="by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="appealmessage",
            name="merchant",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="members.merchant",
            ),
        ),
        migrations.AddConstraint(
            model_name="appealdraft",
            constraint=models.UniqueConstraint(fields=("merchant", "by"), name="appeal_draft_one_a_person"),
        ),
        migrations.AddIndex(
            model_name="appealfile",
            index=models.Index(fields=["merchant", "appeal", "id"], name="appeal_file_by_appeal"),
        ),
        migrations.AddConstraint(
            model_name="appealfile",
            constraint=models.UniqueConstraint(
                fields=("merchant", "public_id"), name="appeal_file_public_id"
            ),
        ),
        migrations.AddConstraint(
            model_name="appealfile",
            constraint=models.CheckConstraint(
                condition=models.Q(("size__gte", 1), ("size__lte", 5242880)), name="appeal_file_size"
            ),
        ),
        migrations.AddConstraint(
            model_name="appealfile",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["pdf", "png", "jpg", "webp"])), name="appeal_file_kind"
            ),
        ),
        migrations.AddIndex(
            model_name="appealmessage",
            index=models.Index(fields=["merchant", "appeal", "id"], name="appeal_message_by_appeal"),
        ),
        migrations.AddConstraint(
            model_name="appealmessage",
            constraint=models.UniqueConstraint(
                fields=("merchant", "public_id"), name="appeal_message_public_id"
            ),
        ),
        TenantTables(["AppealMessage", "AppealFile", "AppealDraft"]),
        AppendOnly(["AppealMessage"]),
    ]
