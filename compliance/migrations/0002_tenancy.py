"""Tenant keys, row policies, append-only and platform-written tables of the compliance app."""

from collections.abc import Iterable
from typing import Any

from django.db import migrations

from members.lib.schema import AppendOnly, PlatformOnly, TenantTables, policy_sql


class KeyedByRun(TenantTables):
    """A lean table of one row a run and merchant: that pair is its key and its only index, in the order in which a
    run writes it; its rows come from the runs and programs themselves, so no foreign key is checked row by row."""

    def statements(self, models: list[Any]) -> Iterable[str]:
        for model in models:
            table = model._meta.db_table
            (once,) = (constraint.name for constraint in model._meta.constraints)
            yield (
                f'alter table "{table}" drop constraint "{table}_pkey", drop constraint "{once}", '
                f'add constraint "{once}" primary key (run_id, merchant_id)'
            )
            yield from policy_sql(table)


class Migration(migrations.Migration):
    dependencies = [("compliance", "0001_initial"), ("benefits", "0002_tenancy"), ("members", "0002_tenancy")]

    operations = [
        TenantTables(["Standing", "Notice", "Receipt", "Protection", "Exemption"]),
        KeyedByRun(["Decision"]),
        AppendOnly(["Policy", "Notice", "Receipt", "Decision"]),
        PlatformOnly(["Policy", "Notice", "Protection", "Exemption", "Run", "Decision"]),
        PlatformOnly(["RunChunk", "Preview"], hidden=True),
    ]
