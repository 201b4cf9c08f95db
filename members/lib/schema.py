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


def own_rows(column: str = "merchant_id") -> str:
    """What a policy asks of rows, read and written.

    Rows are read with the tenant as it stands: a key of an index, or asked once beside the merchant that the query
    names. A subquery there would be a plan of its own, made ready for every table of every statement: a fifth of what a
    redemption costs the server. What is written is asked row by row, so there a subquery reads the tenant once.
    """
    return f"using ({column} = app_merchant()) with check ({column} = (select app_merchant()))"


def policy_sql(table: str) -> Iterable[str]:
    """Row security: the merchant role sees its tenant, the platform role all."""
    yield f'alter table "{table}" enable row level security'
    yield f'create policy tenant on "{table}" for all to {role("app")} {own_rows()}'
    yield platform_policy(table)


def platform_policy(table: str) -> str:
    """The platform role sees and writes all rows."""
    return f'create policy platform on "{table}" for all to {role("platform")} using (true) with check (true)'


FUNCTION = "language plpgsql security definer set search_path = pg_catalog, pg_temp"


class ModelsOperation(Operation):
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


class TenantFunctions(ModelsOperation):
    """The two functions that policies and append-only triggers use."""

    def __init__(self) -> None:
        super().__init__([])

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return (type(self).__name__, [], {})

    def statements(self, models: list[Any]) -> Iterable[str]:
        yield APP_MERCHANT_SQL


class TenantTables(ModelsOperation):
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


class FirstRelation(ModelsOperation):
    """The first relation of a tenant table that had none: its foreign key takes the place of that to the merchant."""

    def __init__(self, model: str, field: str) -> None:
        super().__init__([model])
        self.field = field

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return (type(self).__name__, [*self.models, self.field], {})

    def statements(self, models: list[Any]) -> Iterable[str]:
        for model in models:
            name = constraint_name(model, "merchant_id")
            yield f'alter table "{model._meta.db_table}" drop constraint "{name}"'
            yield relation_sql(model, model._meta.get_field(self.field))


class KeyedBy(ModelsOperation):
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


class AppendOnly(ModelsOperation):
    """Rows that are never changed or deleted: the roles may not, a trigger stops everyone else."""

    def statements(self, models: list[Any]) -> Iterable[str]:
        for model in models:
            table = model._meta.db_table
            yield f'revoke update, delete, truncate on "{table}" from {role("app")}, {role("platform")}'
            yield (
                f'create trigger append_only before update or delete on "{table}" '
                "for each row execute function refuse_change()"
            )


class PlatformOnly(ModelsOperation):
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


class FoundByAll(ModelsOperation):
    """Row security of the tables that are read to find the tenant: merchants' processes see every row and write their
    own merchant's. A merchant itself is new when it is inserted, so its row is nobody else's. Nothing deletes rows.
    """

    def statements(self, models: list[Any]) -> Iterable[str]:
        app, platform = role("app"), role("platform")
        for model in models:
            table = model._meta.db_table
            own = "merchant_id" if has_merchant(model) else "id"
            made = f"({own} = (select app_merchant()))" if has_merchant(model) else "(true)"
            yield f'alter table "{table}" enable row level security'
            yield f'create policy found on "{table}" for select to {app} using (true)'
            yield f'create policy made on "{table}" for insert to {app} with check {made}'
            yield f'create policy changed on "{table}" for update to {app} {own_rows(own)}'
            yield platform_policy(table)
            yield f'revoke delete, truncate on "{table}" from {app}, {platform}'


class TenantAsItStands(Operation):
    """Policies of databases made before read the tenant as `own_rows` says now; those made anew do already."""

    reduces_to_sql = True
    reversible = False

    def state_forwards(self, app_label: str, state: Any) -> None:
        """The models' state does not change."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        for name, column in (("tenant", "merchant_id"), ("changed", "merchant_id"), ("changed", "id")):
            schema_editor.execute(
                f"""
do $$ declare found record; begin
for found in select tablename from pg_catalog.pg_policies
    where schemaname = 'public' and policyname = '{name}' and qual like '({column} = ( SELECT app_merchant%' loop
    execute format('alter policy {name} on public.%I {own_rows(column)}', found.tablename);
end loop; end $$""",
                params=None,
            )

    def describe(self) -> str:
        return "Policies read the tenant as it stands"


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
