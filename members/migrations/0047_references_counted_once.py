"""Many new rows' parents are counted without gathering the distinct ones first, which was half of what it cost."""

from django.db import migrations

from members.lib.references import SetReferenceChecks


class Migration(migrations.Migration):
    dependencies = [("members", "0046_orders_heard")]

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
                "ExpiryEmail",
                "MemberFacts",
                "FactsDue",
                "BulkActMember",
                "TierOutlook",
                "TierStanding",
                "TierValidity",
                "TierMove",
            ]
        )
    ]
