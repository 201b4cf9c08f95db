"""Set references of a table, looked at by one trigger for all its columns: what `lib.schema` makes a column at a time.

A call of a trigger's function costs as much as the look for one parent, so a table that names several pays for it once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from members.lib import schema

# As many rows have their parents looked for one by one: a walk of the key begins to pay behind it.
FEW = 64


def trigger_name(model: Any) -> str:
    """The trigger, and the function, that look for the parents of a table's new rows."""
    return f"{model._meta.db_table}_references"


def triggers(model: Any) -> dict[tuple[str, str], str]:
    """When each trigger of the table's set references fires and for what, by its table and name."""
    table, name = model._meta.db_table, trigger_name(model)
    found = {
        key: when
        for field in schema.tenant_relations(model)
        for key, when in schema.set_reference_triggers(model, field).items()
        if not key[1].endswith("_inserted")
    }
    found[table, name] = (
        f'after insert on "{table}" referencing new table as new_rows for each statement execute function "{name}"()'
    )
    return found


def _nearest(field: Any) -> str:
    """The parent a row of `n` names, or another or none where it is not there, by the parent's key alone."""
    parent, column = field.remote_field.model._meta.db_table, field.column
    return (
        f'(select p.id from public."{parent}" p where p.merchant_id = n.merchant_id and p.id >= n."{column}" '
        "order by p.id limit 1)"
    )


def _few_hold(fields: list[Any]) -> str:
    """Whether all parents of few rows are there, looked for one by one."""
    missing = " or ".join(
        f'n."{field.column}" is not null and n."{field.column}" is distinct from {_nearest(field)}'
        for field in fields
    )
    return f"not exists (select from new_rows n where {missing})"


def _many_hold(field: Any) -> str:
    """Whether all parents of many rows are there, looked for in one walk of the parent's key."""
    parent, column = field.remote_field.model._meta.db_table, field.column
    return f"""not exists (
        select from (
            select merchant_id, array_agg(id) as ids from (
                select distinct merchant_id, "{column}" as id from new_rows where "{column}" is not null) named
            group by merchant_id
        ) n where cardinality(n.ids) <> (select count(*) from (
            select from public."{parent}" p where p.merchant_id = n.merchant_id and p.id = any (n.ids)
            order by p.merchant_id, p.id) known))"""


def _named(model: Any, field: Any) -> str:
    """Say which parent of a column is missing."""
    child, column = model._meta.db_table, field.column
    violation = schema.violation(child, schema.set_reference_name(model, column))
    return f"""
select n."{column}" into missing
    from (select distinct merchant_id, "{column}" from new_rows where "{column}" is not null) n
    where n."{column}" is distinct from {_nearest(field)} limit 1;
if missing is not null then
    raise exception 'a row of {child} names a row that is not there: {column} = %', missing {violation};
end if;"""


def function_sql(model: Any) -> str:
    """The function that looks for the parents which new rows of a table name (the walk from PostgreSQL 17 on)."""
    fields = schema.tenant_relations(model)
    many = " and ".join(_many_hold(field) for field in fields)
    named = "".join(_named(model, field) for field in fields)
    return f"""
create or replace function "{trigger_name(model)}"() returns trigger {schema.FUNCTION} {schema.BY_KEY} as $$
declare missing bigint; is_whole bool;
begin {schema.READ_COMMITTED}
-- One statement for few rows, for what starts one costs more than what it does; null says that there are many.
is_whole := (select case when count(*) <= {FEW} or current_setting('server_version_num')::int < 170000
    then {_few_hold(fields)} end from new_rows);
if is_whole is null then
    is_whole := {many};
end if;
if is_whole then return null; end if;{named}
return null;
end $$"""


class TableReferences(schema.ModelsOperation):
    """The set references of these tables are looked at by one trigger each when rows are inserted."""

    def statements(self, models: list[Any]) -> Iterable[str]:
        for model in models:
            table, name = model._meta.db_table, trigger_name(model)
            yield function_sql(model)
            for field in schema.tenant_relations(model):
                yield f'drop trigger "{schema.set_reference_name(model, field.column)}_inserted" on "{table}"'
            yield f'create trigger "{name}" {triggers(model)[table, name]}'
