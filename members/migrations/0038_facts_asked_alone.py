"""Rows of facts say the tier and the day of joining too, and one index says all that is asked of buyers.

Tiers change without purchases: each move leaves its mark.
"""

from django.db import migrations, models

from members.lib.schema_marks import MarkChanged


class Migration(migrations.Migration):
    dependencies = [("members", "0037_segments_counted")]

    operations = [
        migrations.AddField("memberfacts", "joined_on", models.DateField(null=True)),
        migrations.AddField("memberfacts", "tier_held", models.BigIntegerField(null=True)),
        migrations.AddIndex(
            "memberfacts",
            models.Index(
                fields=["merchant", "last_day"],
                include=(
                    "member",
                    "as_of",
                    "changes_on",
                    "joined_on",
                    "tier_held",
                    "days",
                    "gap",
                    "spread",
                    "orders",
                    "orders_30",
                    "orders_90",
                    "orders_180",
                    "orders_365",
                    "spend",
                    "spend_30",
                    "spend_90",
                    "spend_180",
                    "spend_365",
                ),
                name="member_facts_asked",
            ),
        ),
        MarkChanged("members_tiermove", "members_factsdue", events=("insert",)),
    ]
