"""Tables that bulk posting writes have their references checked a statement at a time, no longer row by row."""

from django.db import migrations

from members.lib.references import SetReferences


class Migration(migrations.Migration):
    dependencies = [("members", "0006_tables_rewritten")]

    operations = [
        SetReferences(
            ["Order", "OrderLine", "Refund", "DailyTotal", "PointsAccount", "PointsEntry", "PointsLot"]
        )
    ]
