"""Set references: references checked a statement at a time, in the place of composite foreign keys.

A foreign key is checked row by row, which is half of the time of writing many rows; this asks once about all parents
that a statement's new rows name. It holds as a foreign key does, whoever writes, by whatever statement, but at once:
the parent is written first. The functions are the owner's, so no policy blinds them.

It needs no lock on the parents. The check runs with a snapshot taken after the writer got its table lock; who deletes
or re-keys a parent locks out the children's writers, then looks for children with a newer snapshot. So of two at once
the later sees what the earlier did. Both need their snapshots new, hence read committed.

New rows are looked at by one trigger for all columns of their table: a call of its function costs as much as the look
for one parent. Rows that move are few; each column has its own trigger for them, and for its parents.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from members.lib.schema import FUNCTION, ModelsOperation, constraint_name, tenant_relations

# As many rows have their parents looked for one by one: a walk of the key begins to pay behind it.
FEW = 64
# A session plans once, perhaps while tables are empty. Only the plan that is right at every size is left: by the
# parent's key, which alone gives the order that the query asks for.
BY_KEY = " ".join(f"set enable_{plan} = off" for plan in ("seqscan", "bitmapscan", "sort"))
READ_COMMITTED = """ if current_setting('transaction_isolation') <> 'read committed' then raise exception
    'rows of % are written at isolation level read committed', tg_table_name using errcode = 'feature_not_supported';
end if;"""


def _name(model: Any, column: str) -> str:
    """What the functions and triggers of a column's reference begin with."""
    return f"{model._meta.db_table}_{column}_set"[:52]


def _parent(field: Any) -> str:
    return str(field.remote_field.model._meta.db_table)


def triggers(model: Any) -> dict[tuple[str, str], str]:
    """When each trigger of a table's set references fires and for what, by its table and name."""
    table = model._meta.db_table
    found = {
        (table, f"{table}_references"): (
            f'after insert on "{table}" referencing new table as new_rows for each statement '
            f'execute function "{table}_references"()'
        )
    }
    for field in tenant_relations(model):
        found |= _column_triggers(model, field)
    return found


def _column_triggers(model: Any, field: Any) -> dict[tuple[str, str], str]:
    name, column, child, parent = (
        _name(model, field.column),
        field.column,
        model._meta.db_table,
        _parent(field),
    )
    moved = (
        f'new."{column}" is not null and (old."{column}" is distinct from new."{column}" '
        "or old.merchant_id is distinct from new.merchant_id)"
    )
    rekeyed = "old.id is distinct from new.id or old.merchant_id is distinct from new.merchant_id"
    return {
        (child, f"{name}_moved"): (
            f'after update of merchant_id, "{column}" on "{child}" for each row when ({moved}) '
            f'execute function "{name}_names"()'
        ),
        (parent, f"{name}_deleted"): (
            f'after delete on "{parent}" referencing old table as old_rows for each statement '
            f'execute function "{name}_keeps"()'
        ),
        (parent, f"{name}_rekeyed"): (
            f'after update of merchant_id, id on "{parent}" for each row when ({rekeyed}) '
            f'execute function "{name}_keeps"()'
        ),
        (parent, f"{name}_truncated"): (
            f'after truncate on "{parent}" for each statement execute function "{name}_keeps"()'
        ),
    }


def _violation(model: Any, field: Any) -> str:
    return (
        f"using errcode = 'foreign_key_violation', schema = 'public', table = '{model._meta.db_table}', "
        f"constraint = '{_name(model, field.column)}'"
    )


def _missing(model: Any, field: Any) -> str:
    child, column = model._meta.db_table, field.column
    return (
        f"if missing is not null then raise exception 'a row of {child} names a row that is not there: {column} = %', "
        f"missing {_violation(model, field)}; end if;"
    )


# ---- new rows ----


def _nearest(field: Any) -> str:
    """The parent a row of `n` names, or another or none where it is not there, by the parent's key alone."""
    return (
        f'(select p.id from public."{_parent(field)}" p where p.merchant_id = n.merchant_id '
        f'and p.id >= n."{field.column}" order by p.id limit 1)'
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
    column = field.column
    return f"""not exists (
        select from (
            select merchant_id, array_agg("{column}") as ids from new_rows where "{column}" is not null
            group by merchant_id
        ) n where (select count(distinct id) from unnest(n.ids) id) <> (select count(*) from (
            select from public."{_parent(field)}" p where p.merchant_id = n.merchant_id and p.id = any (n.ids)
            order by p.merchant_id, p.id) known))"""


def _named(model: Any, field: Any) -> str:
    """Say which parent of a column is missing."""
    column = field.column
    return f"""
select n."{column}" into missing
    from (select distinct merchant_id, "{column}" from new_rows where "{column}" is not null) n
    where n."{column}" is distinct from {_nearest(field)} limit 1;
{_missing(model, field)}"""


def _table_sql(model: Any) -> Iterable[str]:
    """The function that looks for the parents which new rows of a table name, and its trigger. The walk is from
    PostgreSQL 17 on."""
    fields, table = tenant_relations(model), model._meta.db_table
    name = f"{table}_references"
    many = " and ".join(_many_hold(field) for field in fields)
    named = "".join(_named(model, field) for field in fields)
    yield f"""
create or replace function "{name}"() returns trigger {FUNCTION} {BY_KEY} as $$
declare missing bigint; is_whole bool;
begin {READ_COMMITTED}
-- One statement for few rows, for what starts one costs more than what it does; null says that there are many.
is_whole := (select case when count(*) <= {FEW} or current_setting('server_version_num')::int < 170000
    then {_few_hold(fields)} end from new_rows);
if is_whole is null then
    is_whole := {many};
end if;
if is_whole then return null; end if;{named}
return null;
end $$"""
    yield f'create or replace trigger "{name}" {triggers(model)[table, name]}'


# ---- a column: rows that move, parents that go ----


def _names_sql(model: Any, field: Any) -> str:
    """The function that looks for the parent to which a row moves."""
    column = field.column
    return f"""
create or replace function "{_name(model, column)}_names"() returns trigger {FUNCTION} {BY_KEY} as $$
declare missing bigint;
begin {READ_COMMITTED}
if not exists (
    select from public."{_parent(field)}" p where p.merchant_id = new.merchant_id and p.id = new."{column}"
) then missing := new."{column}"; end if;
{_missing(model, field)}
return null;
end $$"""


def _column_sql(model: Any, field: Any) -> Iterable[str]:
    name, column, child, parent = (
        _name(model, field.column),
        field.column,
        model._meta.db_table,
        _parent(field),
    )
    yield _names_sql(model, field)
    yield f"""
create function "{name}_keeps"() returns trigger {FUNCTION} as $$
declare kept bigint;
begin {READ_COMMITTED}
if tg_op = 'DELETE' then
    if not exists (select from old_rows) then return null; end if;
    lock table public."{child}" in share row exclusive mode;
    select c."{column}" into kept from old_rows o
    join public."{child}" c on c.merchant_id = o.merchant_id and c."{column}" = o.id limit 1;
elsif tg_op = 'UPDATE' then
    lock table public."{child}" in share row exclusive mode;
    select c."{column}" into kept from public."{child}" c
    where c.merchant_id = old.merchant_id and c."{column}" = old.id limit 1;
else
    select c."{column}" into kept from public."{child}" c where c."{column}" is not null limit 1;
end if;
if kept is not null then
    raise exception '{parent} has a row named by {child}: {column} = %', kept {_violation(model, field)};
end if;
return null;
end $$"""
    for (table, trigger), when in _column_triggers(model, field).items():
        assert f'on "{table}"' in when
        yield f'create trigger "{trigger}" {when}'


# ---- operations of migrations ----


class SetReferences(ModelsOperation):
    """All composite foreign keys of these models, which TenantTables made, become set references.

    For tables to which many rows are written at once. What the foreign keys held until now needs no other check.
    """

    def statements(self, models: list[Any]) -> Iterable[str]:
        for model in models:
            table = model._meta.db_table
            for field in tenant_relations(model):
                yield f'alter table "{table}" drop constraint "{constraint_name(model, field.column)}"'
                yield from _column_sql(model, field)
            yield from _table_sql(model)


class SetReferenceChecks(ModelsOperation):
    """The checking functions of these models' set references, as they are written now."""

    def statements(self, models: list[Any]) -> Iterable[str]:
        for model in models:
            for field in tenant_relations(model):
                # Of databases in which each column still looked at new rows by itself.
                yield f'drop trigger if exists "{_name(model, field.column)}_inserted" on "{model._meta.db_table}"'
                yield _names_sql(model, field)
            yield from _table_sql(model)


class TenantRelation(ModelsOperation):
    """The set reference of one relation added to such a table later."""

    def __init__(self, model: str, field: str) -> None:
        super().__init__([model])
        self.field = field

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return (type(self).__name__, [*self.models, self.field], {})

    def statements(self, models: list[Any]) -> Iterable[str]:
        for model in models:
            yield from _column_sql(model, model._meta.get_field(self.field))
            yield from _table_sql(model)
