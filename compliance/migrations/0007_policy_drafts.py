"""Versions are public before they start; drafts are commented on."""

import datetime

import django.db.models.deletion
import django.db.models.expressions
from django.conf import settings
from django.db import migrations, models

import members.lib.fields
import members.lib.schema


class Migration(migrations.Migration):
    dependencies = [
        ("compliance", "0006_grades"),
        ("members", "0033_attempts"),
    ]

    operations = [
        migrations.CreateModel(
            name="PolicyComment",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "public_id",
                    members.lib.fields.PublicIdField(
                        default=members.lib.fields.opaque_id, editable=False, max_length=24
                    ),
                ),
                ("at", models.DateTimeField(verbose_name="said")),
                ("text", models.CharField(max_length=2000, verbose_name="comment")),
            ],
            options={
                "verbose_name": "comment on a draft",
                "verbose_name_plural": "comments on drafts",
            },
        ),
        migrations.CreateModel(
            name="PolicyDraft",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "public_id",
                    members.lib.fields.PublicIdField(
                        default=members.lib.fields.opaque_id, editable=False, max_length=24, unique=True
                    ),
                ),
                ("rule_settings", models.JSONField()),
                ("starts_at", models.DateTimeField(verbose_name="meant to be in force from")),
                ("reason", models.CharField(max_length=500, verbose_name="reason")),
                ("opened_at", models.DateTimeField(verbose_name="open for comments since")),
                ("closes_on", models.DateField(verbose_name="comments until")),
                ("withdrawn_at", models.DateTimeField(null=True, verbose_name="withdrawn")),
                ("by_label", models.CharField(blank=True, max_length=120, verbose_name="who")),
            ],
            options={
                "verbose_name": "policy draft",
                "verbose_name_plural": "policy drafts",
                "ordering": ["-opened_at", "-id"],
            },
        ),
        migrations.AddField(
            model_name="policy",
            name="appeal_decision_days",
            field=models.PositiveIntegerField(
                default=5, verbose_name="an appeal is decided within (working days)"
            ),
        ),
        migrations.AddField(
            model_name="policy",
            name="early_reason",
            field=models.CharField(
                blank=True,
                default="Published before early starts needed a reason.",
                max_length=500,
                verbose_name="why it starts within 7 days",
            ),
            preserve_default=False,
        ),
        migrations.AddConstraint(
            model_name="policy",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("number", 1),
                    (
                        "effective_at__gte",
                        django.db.models.expressions.CombinedExpression(
                            models.F("published_at"), "+", models.Value(datetime.timedelta(days=7))
                        ),
                    ),
                    models.Q(("early_reason", ""), _negated=True),
                    _connector="OR",
                ),
                name="policy_public_or_reasoned",
            ),
        ),
        migrations.AddField(
            model_name="policycomment",
            name="by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="policycomment",
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
            model_name="policydraft",
            name="by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="policycomment",
            name="draft",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="compliance.policydraft",
            ),
        ),
        migrations.AddIndex(
            model_name="policycomment",
            index=models.Index(fields=["draft", "-at", "merchant"], name="policy_comment_by_draft"),
        ),
        migrations.AddConstraint(
            model_name="policycomment",
            constraint=models.UniqueConstraint(
                fields=("merchant", "public_id"), name="policy_comment_public_id_unique"
            ),
        ),
        migrations.AddConstraint(
            model_name="policycomment",
            constraint=models.CheckConstraint(
                condition=models.Q(("text", ""), _negated=True), name="policy_comment_says_something"
            ),
        ),
        members.lib.schema.TenantTables(
            models=["PolicyComment"],
        ),
        members.lib.schema.AppendOnly(
            models=["PolicyComment"],
        ),
        members.lib.schema.PlatformOnly(
            models=["PolicyDraft"],
            hidden=False,
        ),
    ]
