"""Members held out of benefits and campaigns, who could have what since when, and what came of it."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import members.lib.fields
from members.lib.references import SetReferences
from members.lib.schema import AppendOnly, TenantTables


class Migration(migrations.Migration):
    dependencies = [
        ("benefits", "0014_scopes"),
        ("members", "0046_orders_heard"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="BenefitEffect",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("days", models.SmallIntegerField()),
                ("at", models.DateTimeField(verbose_name="time")),
                ("figures", models.JSONField(default=dict)),
            ],
        ),
        migrations.CreateModel(
            name="Exposure",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField()),
                ("is_held", models.BooleanField()),
            ],
        ),
        migrations.AddField(
            model_name="benefit",
            name="enrolled_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="benefit",
            name="holdout_percent",
            field=models.SmallIntegerField(db_default=0, default=0, verbose_name="control group (%)"),
        ),
        migrations.AddField(
            model_name="benefitrevision",
            name="holdout_percent",
            field=models.SmallIntegerField(db_default=0, default=0, verbose_name="control group (%)"),
        ),
        migrations.AddField(
            model_name="giftcampaign",
            name="holdout_percent",
            field=models.SmallIntegerField(db_default=0, default=0, verbose_name="control group (%)"),
        ),
        migrations.AddIndex(
            model_name="benefit",
            index=models.Index(
                condition=models.Q(
                    ("enrolled_at", None), ("holdout_percent__gt", 0), ("status", "published")
                ),
                fields=["from_at"],
                name="benefit_to_enrol",
            ),
        ),
        migrations.AddConstraint(
            model_name="benefit",
            constraint=models.CheckConstraint(
                condition=models.Q(("holdout_percent__gte", 0), ("holdout_percent__lte", 50)),
                name="benefit_holdout_within",
            ),
        ),
        migrations.AddConstraint(
            model_name="giftcampaign",
            constraint=models.CheckConstraint(
                condition=models.Q(("holdout_percent__gte", 0), ("holdout_percent__lte", 50)),
                name="gift_campaign_holdout_within",
            ),
        ),
        migrations.AddField(
            model_name="benefiteffect",
            name="benefit",
            field=members.lib.fields.TenantForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="benefits.benefit",
            ),
        ),
        migrations.AddField(
            model_name="benefiteffect",
            name="campaign",
            field=members.lib.fields.TenantForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="benefits.giftcampaign",
            ),
        ),
        migrations.AddField(
            model_name="benefiteffect",
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
            model_name="exposure",
            name="benefit",
            field=members.lib.fields.TenantForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="benefits.benefit",
            ),
        ),
        migrations.AddField(
            model_name="exposure",
            name="campaign",
            field=members.lib.fields.TenantForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="benefits.giftcampaign",
            ),
        ),
        migrations.AddField(
            model_name="exposure",
            name="member",
            field=members.lib.fields.TenantForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="members.member",
            ),
        ),
        migrations.AddField(
            model_name="exposure",
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
            model_name="benefiteffect",
            constraint=models.UniqueConstraint(
                fields=("merchant", "benefit", "campaign", "days"),
                name="benefit_effect_once",
                nulls_distinct=False,
            ),
        ),
        migrations.AddConstraint(
            model_name="exposure",
            constraint=models.UniqueConstraint(
                fields=("merchant", "benefit", "campaign", "member"),
                name="exposure_once",
                nulls_distinct=False,
            ),
        ),
        TenantTables(["BenefitEffect", "Exposure"]),
        # Members are written down by thousands at once.
        SetReferences(["Exposure"]),
        AppendOnly(["Exposure"]),
    ]
