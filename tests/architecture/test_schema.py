"""The database says what the models say, and every tenant's table has its policy."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connections

from members.lib.databases import owner_connection
from members.lib.schema import constraint_name, has_merchant, set_reference_triggers, tenant_relations

OURS = ("members", "benefits", "compliance")
BEFORE_THE_TENANT_IS_KNOWN = {"members_staff", "members_invitation", "members_apikey"}
# A run writes one row per program of the platform in one order: its key is (run, merchant), its only index.
KEYED_BY_RUN = {"compliance_decision": "PRIMARY KEY (run_id, merchant_id)"}


def models_of_ours():
    return [
        model for label in OURS for model in apps.get_app_config(label).get_models() if model._meta.managed
    ]


@pytest.fixture
def catalogue(django_db_setup):
    """A plain connection to the suite's database as owner."""
    with owner_connection(connections["default"].settings_dict["NAME"]) as connection:
        yield connection


def test_every_table_of_a_merchant_has_its_row_policies(catalogue):
    found = {
        (table, name)
        for table, name in catalogue.execute(
            "select p.tablename, p.policyname from pg_policies p join pg_class c on c.relname = p.tablename "
            "where c.relrowsecurity"
        ).fetchall()
    }

    tables = {m._meta.db_table for m in models_of_ours() if has_merchant(m)} - BEFORE_THE_TENANT_IS_KNOWN
    assert {table for table in tables if not {(table, "tenant"), (table, "platform")} <= found} == set()


def test_tables_read_before_the_tenant_is_known_are_the_named_ones_only(catalogue):
    rows = catalogue.execute(
        "select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'merchant_id' "
        "where c.relkind = 'r' and not c.relrowsecurity and c.relnamespace = 'public'::regnamespace"
    ).fetchall()

    assert {row[0] for row in rows} == BEFORE_THE_TENANT_IS_KNOWN


def test_every_relation_inside_a_merchant_is_held_by_the_database(catalogue):
    """By a composite foreign key, or by the triggers of a set reference."""
    rows = catalogue.execute(
        "select conname, pg_get_constraintdef(oid) from pg_constraint where contype = 'f'"
    )
    found = dict(rows.fetchall())
    rows = catalogue.execute(
        "select tgrelid::regclass::text, tgname from pg_trigger where not tgisinternal and tgenabled = 'O'"
    )
    triggers = set(rows.fetchall())

    missing = []
    for model in models_of_ours():
        if model._meta.db_table in BEFORE_THE_TENANT_IS_KNOWN:
            continue
        for field in tenant_relations(model):
            definition = found.get(constraint_name(model, field.column), "")
            is_key = "(merchant_id" in definition and "DEFERRABLE INITIALLY DEFERRED" in definition
            if not is_key and not set(set_reference_triggers(model, field)) <= triggers:
                missing.append(f"{model.__name__}.{field.name}")
    assert missing == []


def test_every_key_of_a_tenants_table_begins_with_the_merchant(catalogue):
    keys = dict(
        catalogue.execute(
            "select conrelid::regclass::text, pg_get_constraintdef(oid) from pg_constraint where contype = 'p'"
        ).fetchall()
    )

    tables = {m._meta.db_table for m in models_of_ours() if has_merchant(m)} - BEFORE_THE_TENANT_IS_KNOWN
    assert {
        t: keys.get(t)
        for t in tables
        if not keys.get(t, "").startswith(KEYED_BY_RUN.get(t, "PRIMARY KEY (merchant_id"))
    } == {}


def test_every_constraint_of_the_models_stands_in_the_database(catalogue):
    names = {row[0] for row in catalogue.execute("select conname from pg_constraint").fetchall()}
    names |= {row[0] for row in catalogue.execute("select indexname from pg_indexes").fetchall()}

    wanted = {c.name for m in models_of_ours() for c in m._meta.constraints}
    wanted |= {i.name for m in models_of_ours() for i in m._meta.indexes}
    assert wanted - names == set()


def test_the_running_roles_are_no_superusers_and_bypass_nothing(catalogue):
    rows = catalogue.execute(
        "select rolname, rolsuper, rolbypassrls from pg_roles where rolname like %s",
        [f"{settings.DB_ROLE_PREFIX}\\_%"],
    ).fetchall()

    assert len(rows) >= 4
    assert [row for row in rows if row[1] or row[2]] == []


def test_the_merchant_role_can_neither_change_nor_empty_an_append_only_table(catalogue):
    tables = catalogue.execute(
        "select tgrelid::regclass::text from pg_trigger where tgname = 'append_only'"
    ).fetchall()

    allowed = [
        (table, role, right)
        for (table,) in tables
        for role in (f"{settings.DB_ROLE_PREFIX}_app", f"{settings.DB_ROLE_PREFIX}_platform")
        for right in ("update", "delete", "truncate")
        if catalogue.execute("select has_table_privilege(%s, %s, %s)", [role, table, right]).fetchone()[0]
    ]
    assert tables and allowed == []
