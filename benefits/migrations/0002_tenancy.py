"""Tenant keys, row policies and append-only tables of the benefits app."""

from django.db import migrations

from members.lib.schema import AppendOnly, TenantTables


class Migration(migrations.Migration):
    dependencies = [("benefits", "0001_initial"), ("members", "0002_tenancy")]

    operations = [
        TenantTables(
            [
                "Benefit",
                "BenefitRevision",
                "Coverage",
                "CoverageDue",
                "CatalogueSku",
                "MemberPrice",
                "PriceUpload",
            ]
        ),
        AppendOnly(["BenefitRevision"]),
    ]
