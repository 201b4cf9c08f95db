"""Migration operations for what Django's models cannot say: tenant keys, row policies, append-only tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.conf import settings
from django.db.migrations.operations.base import Operation

from members.lib.fields import TenantForeignKey

APP_MERCHANT_SQL = """
create or replace function app_merchant() returns bigint language sql stable parallel safe as
$$ select current_setting('app.merchant_id')::bigint $$;
create or replace function refuse_change() returns trigger language plpgsql as
$$ begin
raise exception '% rows are never changed or deleted', tg_table_name using errcode = 'restrict_violation';
end $$;
"""


def role(kind: str) -> str:
    """The database role of a kind (owner, app, platform, web) under the configured prefix."""
    return f"{settings.DB_ROLE_PREFIX}_{kind}"


def has_merchant(model: Any) -> bool:
    """Whether the model's rows belong to one merchant."""
    return any(field.column == "merchant_id" for field in model._meta.local_concrete_fields)


def tenant_relations(model: Any) -> list[Any]:
    """The model's relations to other rows of the same merchant."""
    return [field for field in model._meta.local_concrete_fields if isinstance(field, TenantForeignKey)]


def constraint_name(model: Any, column: str) -> str:
    """The name of the composite foreign key of a column."""
    return f"{model._meta.db_table}_{column}_tfk"[:63]


def key_sql(model: Any) -> Iterable[str]:
    """The composite primary key; a table keyed by its merchant alone is left as it is."""
    table, key = model._meta.db_table, model._meta.pk.column
    if key == "merchant_id":
        return
    yield (
        f'alter table "{table}" drop constraint "{table}_pkey", '
        f'add constraint "{table}_pkey" primary key (merchant_id, "{key}")'
    )


def relation_sql(model: Any, field: Any) -> str:
    """One composite, deferrable foreign key."""
    target = field.remote_field.model
    columns = "(merchant_id)" if target._meta.pk.column == "merchant_id" else "(merchant_id, id)"
    own = "(merchant_id)" if target._meta.pk.column == "merchant_id" else f'(merchant_id, "{field.column}")'
    return (
        f'alter table "{model._meta.db_table}" add constraint "{constraint_name(model, field.column)}" '
        f'foreign key {own} references "{target._meta.db_table}" {columns} deferrable initially deferred'
    )


def policy_sql(table: str) -> Iterable[str]:
    """Row security: the merchant role sees its tenant, the platform role all."""
    yield f'alter table "{table}" enable row level security'
    yield (
        f'create policy tenant on "{table}" for all to {role("app")} '
        "using (merchant_id = (select app_merchant())) with check (merchant_id = (select app_merchant()))"
    )
    yield platform_policy(table)


def platform_policy(table: str) -> str:
    """The platform role sees and writes all rows."""
    return f'create policy platform on "{table}" for all to {role("platform")} using (true) with check (true)'


class _ModelsOperation(Operation):
    """An operation over named models of the migration's app."""

    reduces_to_sql = True
    reversible = False

    def __init__(self, models: Sequence[str]) -> None:
        self.models = list(models)

    def state_forwards(self, app_label: str, state: Any) -> None:
        """The models' state does not change."""

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return (type(self).__name__, [self.models], {})

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        models = [to_state.apps.get_model(app_label, name) for name in self.models]
        for statement in self.statements(models):
            schema_editor.execute(statement, params=None)

    def statements(self, models: list[Any]) -> Iterable[str]:
        """The SQL for these models."""
        raise NotImplementedError

    def describe(self) -> str:
        return f"{type(self).__name__}: {', '.join(self.models)}"


class TenantFunctions(_ModelsOperation):
    """The two functions that policies and append-only triggers use."""

    def __init__(self) -> None:
        super().__init__([])

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return (type(self).__name__, [], {})

    def statements(self, models: list[Any]) -> Iterable[str]:
        yield APP_MERCHANT_SQL


class TenantTables(_ModelsOperation):
    """Composite keys, composite foreign keys and row policies for tables with `merchant_id`."""

    def statements(self, models: list[Any]) -> Iterable[str]:
        for model in models:
            yield from key_sql(model)
        for model in models:
            relations = tenant_relations(model)
            for field in relations:
                yield relation_sql(model, field)
            if not relations:
                yield (
                    f'alter table "{model._meta.db_table}" add constraint "{constraint_name(model, "merchant_id")}" '
                    "foreign key (merchant_id) references members_merchant (id) deferrable initially deferred"
                )
            yield from policy_sql(model._meta.db_table)


def set_reference_name(model: Any, column: str) -> str:
    """What the functions and triggers of a column's set reference begin with."""
    return f"{model._meta.db_table}_{column}_set"[:52]


def set_reference_triggers(model: Any, field: Any) -> dict[tuple[str, str], str]:
    """When each trigger of a set reference fires and for what, by its table and name."""
    name, column, child = set_reference_name(model, field.column), field.column, model._meta.db_table
    parent = field.remote_field.model._meta.db_table
    moved = (
        f'new."{column}" is not null and (old."{column}" is distinct from new."{column}" '
        "or old.merchant_id is distinct from new.merchant_id)"
    )
    rekeyed = "old.id is distinct from new.id or old.merchant_id is distinct from new.merchant_id"
    return {
        (child, f"{name}_inserted"): (
            f'after insert on "{child}" referencing new table as new_rows for each statement '
            f'execute function "{name}_names"()'
        ),
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


FUNCTION = "language plpgsql security definer set search_path = pg_catalog, pg_temp"
# A session plans once, perhaps while tables are empty. Only the plan that is right at every size is left: by the
# parent's key, which alone gives the order that the query asks for.
_BY_KEY = " ".join(f"set enable_{plan} = off" for plan in ("seqscan", "bitmapscan", "sort"))
_READ_COMMITTED = """ if current_setting('transaction_isolation') <> 'read committed' then raise exception
    'rows of % are written at isolation level read committed', tg_table_name using errcode = 'feature_not_supported';
end if;"""


def set_reference_check_sql(model: Any, field: Any) -> str:
    """The function that looks for the parents which new rows name. Those of many rows are looked for in one walk of the
    key (PostgreSQL 17 on): to descend to each anew takes four times as long.
    """
    name, column = set_reference_name(model, field.column), field.column
    child, parent = model._meta.db_table, field.remote_field.model._meta.db_table
    return f"""
create or replace function "{name}_names"() returns trigger {FUNCTION} {_BY_KEY} as $$
declare missing bigint; is_long bool;
begin {_READ_COMMITTED}
if tg_op = 'INSERT' then
    is_long := current_setting('server_version_num')::int >= 170000 and (select count(*) > 64 from new_rows);
    if is_long then
        select (
            select wanted from unnest(n.ids) wanted where not exists (
                select from public."{parent}" p where p.merchant_id = n.merchant_id and p.id = wanted) limit 1
        ) into missing from (
            select merchant_id, array_agg(id) as ids from (
                select distinct merchant_id, "{column}" as id from new_rows where "{column}" is not null) named
            group by merchant_id
        ) n where cardinality(n.ids) <> (select count(*) from (
            select from public."{parent}" p where p.merchant_id = n.merchant_id and p.id = any (n.ids)
            order by p.merchant_id, p.id) known) limit 1;
    else
        select n."{column}" into missing
        from (select distinct merchant_id, "{column}" from new_rows where "{column}" is not null) n
        where n."{column}" is distinct from (
            select p.id from public."{parent}" p
            where p.merchant_id = n.merchant_id and p.id >= n."{column}" order by p.id limit 1) limit 1;
    end if;
elsif not exists (select from public."{parent}" p where p.merchant_id = new.merchant_id and p.id = new."{column}") then
    missing := new."{column}";
end if;
if missing is not null then
    raise exception 'a row of {child} names a row that is not there: {column} = %', missing {_violation(child, name)};
end if;
return null;
end $$"""


def _violation(child: str, name: str) -> str:
    return f"using errcode = 'foreign_key_violation', schema = 'public', table = '{child}', constraint = '{name}'"


def set_reference_sql(model: Any, field: Any) -> Iterable[str]:
    """A reference checked a statement at a time, in the place of the composite foreign key of a column.

    A foreign key is checked row by row, which is half of the time of writing many rows; this asks once about all
    distinct parents that a statement's new rows name. It holds as a foreign key does, whoever writes, by whatever
    statement, but at once: the parent is written first. The functions are the owner's, so no policy blinds them.

    It needs no lock on the parents. The check runs with a snapshot taken after the writer got its table lock; who
    deletes or re-keys a parent locks out the children's writers, then looks for children with a newer snapshot. So of
    two at once the later sees what the earlier did. Both need their snapshots new, hence read committed.
    """
    name, column = set_reference_name(model, field.column), field.column
    child, parent = model._meta.db_table, field.remote_field.model._meta.db_table
    violation = _violation(child, name)
    yield set_reference_check_sql(model, field)
    yield f"""
create function "{name}_keeps"() returns trigger {FUNCTION} as $$
declare kept bigint;
begin {_READ_COMMITTED}
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
if kept is not null then raise exception '{parent} has a row named by {child}: {column} = %', kept {violation}; end if;
return null;
end $$"""
    for (table, trigger), when in set_reference_triggers(model, field).items():
        assert f'on "{table}"' in when
        yield f'create trigger "{trigger}" {when}'


class SetReferences(_ModelsOperation):
    """All composite foreign keys of these models, which TenantTables made, become set references.

    For tables to which many rows are written at once. What the foreign keys held until now needs no other check.
    """

    def statements(self, models: list[Any]) -> Iterable[str]:
        for model in models:
            table = model._meta.db_table
            for field in tenant_relations(model):
                yield f'alter table "{table}" drop constraint "{constraint_name(model, field.column)}"'
                yield from set_reference_sql(model, field)


class SetReferenceChecks(_ModelsOperation):
    """The checking functions of these models' set references, as `set_reference_check_sql` writes them now."""

    def statements(self, models: list[Any]) -> Iterable[str]:
        for model in models:
            for field in tenant_relations(model):
                yield set_reference_check_sql(model, field)


class TenantRelation(_ModelsOperation):
    """The reference, checked a statement at a time, of one relation added to a tenant table later."""

    def __init__(self, model: str, field: str) -> None:
        super().__init__([model])
        self.field = field

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return (type(self).__name__, [*self.models, self.field], {})

    def statements(self, models: list[Any]) -> Iterable[str]:
        for model in models:
            yield from set_reference_sql(model, model._meta.get_field(self.field))


class KeyedBy(_ModelsOperation):
    """A tenant table whose primary key is one of its unique constraints, so that it has an index less to write.

    `id` stays for Django, without an index: such rows are found by their key.
    """

    def __init__(self, model: str, constraint: str) -> None:
        super().__init__([model])
        self.constraint = constraint

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return (type(self).__name__, [*self.models, self.constraint], {})

    def statements(self, models: list[Any]) -> Iterable[str]:
        for model in models:
            table = model._meta.db_table
            (unique,) = (each for each in model._meta.constraints if each.name == self.constraint)
            columns = ", ".join(f'"{model._meta.get_field(name).column}"' for name in unique.fields)
            yield (
                f'alter table "{table}" drop constraint "{table}_pkey", drop constraint "{self.constraint}", '
                f'add constraint "{self.constraint}" primary key ({columns})'
            )


class AppendOnly(_ModelsOperation):
    """Rows that are never changed or deleted: the roles may not, a trigger stops everyone else."""

    def statements(self, models: list[Any]) -> Iterable[str]:
        for model in models:
            table = model._meta.db_table
            yield f'revoke update, delete, truncate on "{table}" from {role("app")}, {role("platform")}'
            yield (
                f'create trigger append_only before update or delete on "{table}" '
                "for each row execute function refuse_change()"
            )


class PlatformOnly(_ModelsOperation):
    """Tables that merchants' processes read but never write (policies), or never see (see `hidden`)."""

    def __init__(self, models: Sequence[str], hidden: bool = False) -> None:
        super().__init__(models)
        self.hidden = hidden

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return (type(self).__name__, [self.models], {"hidden": self.hidden})

    def statements(self, models: list[Any]) -> Iterable[str]:
        what = "all" if self.hidden else "insert, update, delete, truncate"
        for model in models:
            yield f'revoke {what} on "{model._meta.db_table}" from {role("app")}'


class FoundByAll(_ModelsOperation):
    """Row security of the tables that are read to find the tenant: merchants' processes see every row and write their
    own merchant's. A merchant itself is new when it is inserted, so its row is nobody else's. Nothing deletes rows.
    """

    def statements(self, models: list[Any]) -> Iterable[str]:
        app, platform = role("app"), role("platform")
        for model in models:
            table = model._meta.db_table
            own = f"({'merchant_id' if has_merchant(model) else 'id'} = (select app_merchant()))"
            made = own if has_merchant(model) else "(true)"
            yield f'alter table "{table}" enable row level security'
            yield f'create policy found on "{table}" for select to {app} using (true)'
            yield f'create policy made on "{table}" for insert to {app} with check {made}'
            yield f'create policy changed on "{table}" for update to {app} using {own} with check {own}'
            yield platform_policy(table)
            yield f'revoke delete, truncate on "{table}" from {app}, {platform}'


class Revoke(Operation):
    """Rights on tables that are no models of the app, or on sequences, taken back from a role."""

    reduces_to_sql = True
    reversible = False

    def __init__(self, rights: str, targets: Sequence[str], kind: str = "app") -> None:
        """`targets` as the statement names them: `members_user`, `sequence members_user_id_seq`."""
        self.rights, self.targets, self.kind = rights, list(targets), kind

    def state_forwards(self, app_label: str, state: Any) -> None:
        """The models' state does not change."""

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return (type(self).__name__, [self.rights, self.targets, self.kind], {})

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        for target in self.targets:
            schema_editor.execute(f"revoke {self.rights} on {target} from {role(self.kind)}", params=None)

    def describe(self) -> str:
        return f"Revoke {self.rights} on {', '.join(self.targets)}"
