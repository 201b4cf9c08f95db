"""The parents that new rows name are looked for in one walk of their key, no longer one by one."""

from django.db import migrations

from members.lib.references import SetReferenceChecks


class Migration(migrations.Migration):
    dependencies = [("members", "0018_earning_rules")]

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
            ]
        )
    ]
