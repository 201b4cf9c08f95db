"""Imports of members: the third kind of file, what became of its rows, and who was taken back."""

import django.db.models.deletion
from django.db import migrations, models

import members.lib.fields
from members.lib.schema import TenantTables


class Migration(migrations.Migration):
    dependencies = [
        ("members", "0023_tier_moves_and_audits"),
    ]

    operations = [
        migrations.CreateModel(
            name="ImportedMember",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("line", models.BigIntegerField()),
                ("made", models.BooleanField()),
                ("filled", models.JSONField(default=list)),
                ("remarks", models.JSONField(default=list)),
                ("undone", models.CharField(blank=True, max_length=10)),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="columnname",
            name="column_kind_known",
        ),
        migrations.RemoveConstraint(
            model_name="importjob",
            name="import_kind_known",
        ),
        migrations.AddField(
            model_name="importjob",
            name="remarks",
            field=models.BigIntegerField(default=0, verbose_name="rows with a remark"),
        ),
        migrations.AlterField(
            model_name="columnname",
            name="kind",
            field=models.CharField(
                choices=[("orders", "Orders"), ("points", "Points"), ("members", "Members")],
                default="orders",
                max_length=8,
            ),
        ),
        migrations.AlterField(
            model_name="importjob",
            name="kind",
            field=models.CharField(
                choices=[("orders", "Orders"), ("points", "Points"), ("members", "Members")],
                default="orders",
                max_length=8,
                verbose_name="kind",
            ),
        ),
        migrations.AddIndex(
            model_name="member",
            index=models.Index(
                condition=models.Q(("status", "erased")),
                fields=["merchant", "joined_on"],
                name="member_erased",
            ),
        ),
        migrations.AddConstraint(
            model_name="columnname",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["orders", "points", "members"])), name="column_kind_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="importjob",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["orders", "points", "members"])), name="import_kind_known"
            ),
        ),
        migrations.AddField(
            model_name="importedmember",
            name="job",
            field=members.lib.fields.TenantForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="members.importjob",
            ),
        ),
        migrations.AddField(
            model_name="importedmember",
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
            model_name="importedmember",
            name="merchant",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="members.merchant",
            ),
        ),
        migrations.AddIndex(
            model_name="importedmember",
            index=models.Index(fields=["merchant", "member"], name="imported_member_by_member"),
        ),
        migrations.AddConstraint(
            model_name="importedmember",
            constraint=models.UniqueConstraint(
                fields=("merchant", "job", "line"), name="imported_member_line_once"
            ),
        ),
        TenantTables(["ImportedMember"]),
    ]
