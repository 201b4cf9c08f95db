"""Tenant keys, row policies and append-only tables of the members app."""

from django.db import migrations

from members.lib.schema import AppendOnly, PlatformOnly, TenantFunctions, TenantTables

# Orders of a file on their way in, one row an order, keyed by import; see members/models/imports.py. It names no
# merchant and has no policy because COPY refuses tables with row security; its readers name their import. What belongs
# to an order's lines is packed: numbers as little-endian integers, texts each with a unit separator behind it.
STAGED_ORDERS = """
create unlogged table members_stagedorder (
    import_id bigint not null, place integer not null,
    channel text not null, external_id text not null, member_key text not null, store text not null,
    status text, paid_at timestamptz, completed_at timestamptz,
    joined_at timestamptz, consent_source text not null, phone bytea, name bytea,
    rows bytea not null, skus text not null, quantities bytea not null, amounts bytea not null,
    refunds text, refund_amounts bytea,
    primary key (import_id, place)
) with (autovacuum_analyze_scale_factor = 0.5)
"""


class Migration(migrations.Migration):
    dependencies = [("members", "0001_initial")]

    operations = [
        TenantFunctions(),
        TenantTables(
            [
                "AuditRow",
                "Closure",
                "ColumnName",
                "DailyTotal",
                "IdempotencyRow",
                "Identity",
                "ImportJob",
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
            [
                "AuditRow",
                "OrderRevision",
                "PlatformAuditRow",
                "PointsEntry",
                "Refund",
                "RulesVersion",
                "TierMove",
            ]
        ),
        PlatformOnly(["PlatformAuditRow", "JobTick"], hidden=True),
        PlatformOnly(["Installation"]),
        migrations.RunSQL(STAGED_ORDERS, "drop table members_stagedorder"),
    ]
