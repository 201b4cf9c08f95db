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
                "IdempotencyRow",
                "OutboxRow",
                "Program",
                "Store",
            ]
        ),
        AppendOnly(["AuditRow", "PlatformAuditRow"]),
        PlatformOnly(["PlatformAuditRow", "JobTick"], hidden=True),
        PlatformOnly(["Installation"]),
    ]
