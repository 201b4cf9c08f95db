"""A row of each member that says what its orders come to for its tier. Standings leave marks, where only moves did: a
validity that is renewed is another outlook too."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

import members.lib.fields
from members.lib.references import SetReferences
from members.lib.schema import KeyedBy, TenantTables
from members.lib.schema_marks import MarkChanged, marking_triggers

MOVES = marking_triggers("members_tiermove", "members_factsdue", ("insert",))


class Migration(migrations.Migration):
    dependencies = [("members", "0043_gap_postings")]

    operations = [
        migrations.CreateModel(
            name="TierOutlook",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                # Columns in the order in which a scan of them all is cheapest: of one width and never null first.
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
                    "member",
                    members.lib.fields.TenantForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="members.member",
                    ),
                ),
                ("counted_by", models.IntegerField()),
                ("as_of", models.DateField()),
                ("changes_on", models.DateField()),
                ("now_orders", models.IntegerField()),
                ("now_active_days", models.IntegerField()),
                ("now_spend_minor", models.BigIntegerField()),
                ("now_points_earned", models.BigIntegerField()),
                ("year_points", models.BigIntegerField()),
                ("tier_held", models.BigIntegerField(null=True)),
                ("valid_until", models.DateField(null=True)),
                ("fall_orders", models.IntegerField(null=True)),
                ("fall_active_days", models.IntegerField(null=True)),
                ("fall_spend_minor", models.BigIntegerField(null=True)),
                ("fall_points_earned", models.BigIntegerField(null=True)),
                (
                    "still_held",
                    django.contrib.postgres.fields.ArrayField(models.BigIntegerField(), null=True),
                ),
                ("check_orders", models.IntegerField(null=True)),
                ("check_active_days", models.IntegerField(null=True)),
                ("check_spend_minor", models.BigIntegerField(null=True)),
                ("check_points_earned", models.BigIntegerField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        fields=["merchant", "counted_by", "changes_on"], name="tier_outlook_by_change"
                    ),
                    models.Index(fields=["merchant", "as_of"], name="tier_outlook_by_day"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("merchant", "member"), name="tier_outlook_once")
                ],
            },
        ),
        TenantTables(["TierOutlook"]),
        # Written thousands at once.
        SetReferences(["TierOutlook"]),
        KeyedBy("TierOutlook", "tier_outlook_once"),
        MarkChanged("members_tierstanding", "members_factsdue"),
        # An edit of the rules moves thousands by one statement.
        SetReferences(["TierStanding", "TierValidity", "TierMove"]),
        migrations.RunSQL(
            [f'drop trigger "{trigger}" on "{table}"' for table, trigger in MOVES],
            [f'create trigger "{trigger}" {when}' for (_table, trigger), when in MOVES.items()],
        ),
    ]
