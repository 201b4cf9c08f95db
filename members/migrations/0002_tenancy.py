"""Tenant keys, row policies and append-only tables of the members app."""

from django.db import migrations

from members.lib.schema import AppendOnly, PlatformOnly, TenantFunctions, TenantTables


class Migration(migrations.Migration):
    dependencies = [("members", "0001_initial")]

    operations = [
        TenantFunctions(),
        TenantTables(
            [
                "AuditRow",
                "Closure",
                "DailyTotal",
                "IdempotencyRow",
                "Identity",
                "Member",
                "Order",
                "OrderLine",
                "OrderRevision",
                "OutboxRow",
                "PointsAccount",
                "PointsEntry",
                "PointsLot",
                "Program",
                "Refund",
                "RulesVersion",
                "Store",
                "Tier",
                "TierMove",
                "TierStanding",
                "TierValidity",
            ]
        ),
        AppendOnly(
            ["AuditRow", "OrderRevision", "PlatformAuditRow", "PointsEntry", "Refund", "RulesVersion", "TierMove"]
        ),
        PlatformOnly(["PlatformAuditRow", "JobTick"], hidden=True),
        PlatformOnly(["Installation"]),
    ]
