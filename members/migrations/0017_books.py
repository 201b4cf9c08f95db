import django.contrib.postgres.indexes
import django.db.models.deletion
import django.db.models.expressions
from django.db import migrations, models

import members.lib.fields
import members.models.rules
from members.lib.schema import AppendOnly, PlatformOnly, TenantTables


class Migration(migrations.Migration):
    dependencies = [
        ("members", "0016_points_imports"),
    ]

    operations = [
        migrations.CreateModel(
            name="PointsStatement",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("month", models.DateField(verbose_name="month")),
                ("until", models.DateTimeField()),
                ("closed_at", models.DateTimeField(verbose_name="closed at")),
                ("position", models.BigIntegerField()),
                ("entries", models.BigIntegerField()),
                ("late", models.BigIntegerField(default=0)),
                ("opening", models.BigIntegerField()),
                ("issued", models.BigIntegerField()),
                ("imported", models.BigIntegerField()),
                ("redeemed", models.BigIntegerField()),
                ("cancelled", models.BigIntegerField()),
                ("expired", models.BigIntegerField()),
                ("given_back", models.BigIntegerField()),
                ("clawed_back", models.BigIntegerField()),
                ("adjusted", models.BigIntegerField()),
                ("transferred", models.BigIntegerField()),
                ("closing", models.BigIntegerField()),
                ("available", models.BigIntegerField()),
                ("pending", models.BigIntegerField()),
                ("held", models.BigIntegerField()),
                ("deficit", models.BigIntegerField()),
                ("difference", models.BigIntegerField(default=0)),
                ("by_expiry", models.JSONField(default=list)),
                ("currency", models.CharField(max_length=3)),
                ("rules_version", models.IntegerField(null=True)),
                ("point_cost", models.DecimalField(decimal_places=6, max_digits=12, null=True)),
                ("liability_minor", models.BigIntegerField(null=True)),
                ("expected_minor", models.BigIntegerField(null=True)),
                ("breakage_ppm", models.IntegerField(null=True)),
                ("breakage_basis", models.JSONField(default=dict)),
                ("fingerprint", models.CharField(max_length=40)),
                ("seal", models.CharField(max_length=64)),
            ],
            options={
                "verbose_name": "month-end statement",
                "verbose_name_plural": "month-end statements",
            },
        ),
        migrations.AddIndex(
            model_name="pointsentry",
            index=django.contrib.postgres.indexes.BrinIndex(
                autosummarize=True, fields=["id"], name="points_entry_by_arrival", pages_per_range=32
            ),
        ),
        migrations.AddField(
            model_name="pointsstatement",
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
            model_name="pointsstatement",
            constraint=models.UniqueConstraint(
                fields=("merchant", "month"), name="points_statement_month_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="pointsstatement",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "closing",
                        django.db.models.expressions.CombinedExpression(
                            django.db.models.expressions.CombinedExpression(
                                django.db.models.expressions.CombinedExpression(
                                    django.db.models.expressions.CombinedExpression(
                                        django.db.models.expressions.CombinedExpression(
                                            django.db.models.expressions.CombinedExpression(
                                                django.db.models.expressions.CombinedExpression(
                                                    django.db.models.expressions.CombinedExpression(
                                                        django.db.models.expressions.CombinedExpression(
                                                            models.F("opening"), "+", models.F("issued")
                                                        ),
                                                        "+",
                                                        models.F("imported"),
                                                    ),
                                                    "+",
                                                    models.F("redeemed"),
                                                ),
                                                "+",
                                                models.F("cancelled"),
                                            ),
                                            "+",
                                            models.F("expired"),
                                        ),
                                        "+",
                                        models.F("given_back"),
                                    ),
                                    "+",
                                    models.F("clawed_back"),
                                ),
                                "+",
                                models.F("adjusted"),
                            ),
                            "+",
                            models.F("transferred"),
                        ),
                    ),
                    (
                        "closing",
                        django.db.models.expressions.CombinedExpression(
                            django.db.models.expressions.CombinedExpression(
                                django.db.models.expressions.CombinedExpression(
                                    django.db.models.expressions.CombinedExpression(
                                        models.F("available"), "+", models.F("pending")
                                    ),
                                    "+",
                                    models.F("held"),
                                ),
                                "-",
                                models.F("deficit"),
                            ),
                            "+",
                            models.F("difference"),
                        ),
                    ),
                ),
                name="points_statement_ties",
            ),
        ),
        migrations.AddConstraint(
            model_name="pointsstatement",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("deficit__gte", 0), ("held__gte", 0), ("pending__gte", 0)),
                    models.Q(("difference", 0), _negated=True),
                    _connector="OR",
                ),
                name="points_statement_pots_not_negative",
            ),
        ),
        migrations.CreateModel(
            name="LedgerProof",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("night", models.DateField(unique=True, verbose_name="night")),
                ("started_at", models.DateTimeField(verbose_name="started")),
                ("done_at", models.DateTimeField(null=True, verbose_name="done")),
                ("through", models.BigIntegerField(default=0)),
                ("merchants", models.IntegerField(default=0, verbose_name="merchants")),
                ("members", models.BigIntegerField(default=0, verbose_name="members")),
                ("entries", models.BigIntegerField(default=0, verbose_name="entries")),
                ("mismatches", models.BigIntegerField(default=0, verbose_name="differences")),
                ("listed", models.JSONField(default=list)),
            ],
            options={
                "verbose_name": "proof of the points ledger",
                "verbose_name_plural": "proofs of the points ledger",
            },
        ),
        migrations.AddField(
            model_name="rulesversion",
            name="notice_days",
            field=models.JSONField(default=members.models.rules.usual_notice_days),
        ),
        migrations.AddField(
            model_name="program",
            name="points_noticed_through",
            field=models.DateField(null=True),
        ),
        migrations.CreateModel(
            name="ExpiryNotice",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("expires_on", models.DateField()),
                ("days", models.IntegerField()),
                ("points", models.BigIntegerField()),
                ("at", models.DateTimeField()),
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
        migrations.AddConstraint(
            model_name="expirynotice",
            constraint=models.UniqueConstraint(
                fields=("merchant", "member", "expires_on", "days"), name="expiry_notice_once"
            ),
        ),
        PlatformOnly(["LedgerProof"], hidden=True),
        TenantTables(["PointsStatement", "ExpiryNotice"]),
        AppendOnly(["PointsStatement", "ExpiryNotice"]),
    ]
