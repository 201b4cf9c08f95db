"""One trigger looks for the parents that new rows of a table name, no longer one for each column."""

from django.db import migrations

from members.lib.references import SetReferenceChecks


class Migration(migrations.Migration):
    dependencies = [("members", "0025_segments")]

    operations = [
        SetReferenceChecks(
            [
                "Order",
                "OrderLine",
                "Refund",
                "DailyTotal",
                "PointsAccount",
                "PointsEntry",
                "PointsLot",
                "PointsAllocation",
                "PendingPoints",
                "SegmentMember",
                "MemberTag",
            ]
        )
    ]
