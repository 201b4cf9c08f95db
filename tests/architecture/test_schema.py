"""The database says what the models say and nothing else; its policies and rights are the ones written down here."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connections, transaction

from members.lib.databases import owner_connection
from members.lib.references import triggers as reference_triggers
from members.lib.schema import constraint_name, has_merchant, tenant_relations
from members.lib.schema_marks import marking_triggers

OURS = ("members", "benefits", "compliance")
APP, PLATFORM = f"{settings.DB_ROLE_PREFIX}_app", f"{settings.DB_ROLE_PREFIX}_platform"
BEFORE_THE_TENANT_IS_KNOWN = {"members_merchant", "members_staff", "members_invitation", "members_apikey"}
# A run writes one row per program of the platform in one order: its key is (run, merchant), its only index.
KEYED_BY_RUN = {"compliance_decision": ("decision_once", "PRIMARY KEY (run_id, merchant_id)")}
# Bulk posting writes one index less where the constraint that says what a row is can be the key.
KEYED_BY = {
    "members_pointsentry": ("points_entry_sequence", "PRIMARY KEY (merchant_id, member_id, sequence)"),
    "members_orderline": ("order_line_number", "PRIMARY KEY (merchant_id, order_id, number)"),
    "members_dailytotal": ("daily_total_once", "PRIMARY KEY (merchant_id, member_id, day)"),
    "members_pointslot": ("points_lot_number", "PRIMARY KEY (merchant_id, member_id, number)"),
    "members_segmentmember": ("segment_member_once", "PRIMARY KEY (merchant_id, segment_id, member_id)"),
    "members_membertag": ("member_tag_once", "PRIMARY KEY (merchant_id, member_id, name)"),
    "members_memberfacts": ("member_facts_once", "PRIMARY KEY (merchant_id, member_id)"),
    "members_tieroutlook": ("tier_outlook_once", "PRIMARY KEY (merchant_id, member_id)"),
    "members_pointsallocation": (
        "points_allocation_entry",
        "PRIMARY KEY (merchant_id, member_id, sequence, id)",
    ),
}
# Bulk posting writes these: triggers check their references a statement at a time, in the place of foreign keys.
SET_REFERENCED = {
    f"members_{name}"
    for name in (
        "order",
        "orderline",
        "refund",
        "dailytotal",
        "pointsaccount",
        "pointsentry",
        "pointslot",
        "pointsallocation",
        "pendingpoints",
        "segmentmember",
        "bulkactmember",
        "membertag",
        "expiryemail",
        "memberfacts",
        "factsdue",
        "tieroutlook",
        "tierstanding",
        "tiervalidity",
        "tiermove",
    )
} | {"benefits_entitlement", "benefits_exposure"}
APPEND_ONLY = {
    "benefits_exposure",
    "benefits_guardpolicy",
    "benefits_priceentry",
    "benefits_pricefinding",
    "benefits_planversion",
    "benefits_priceversion",
    "benefits_benefitrevision",
    "compliance_appealmessage",
    "benefits_drawentry",
    "benefits_drawseed",
    "benefits_drawwin",
    "benefits_entitlementuse",
    "benefits_queuedcode",
    "compliance_decision",
    "compliance_grade",
    "compliance_gradepolicy",
    "compliance_notice",
    "compliance_policy",
    "compliance_policycomment",
    "compliance_receipt",
    "members_auditrow",
    "members_expirynotice",
    "members_joinrule",
    "members_orderrevision",
    "members_platformauditrow",
    "members_pointsallocation",
    "members_pointsentry",
    "members_pointsstatement",
    "members_refund",
    "members_rulesversion",
    "members_tiermove",
}
# Tables that no model describes; see members/models/imports.py.
BY_HAND = {"members_stagedorder"}

OWN = "(merchant_id = ( SELECT app_merchant() AS app_merchant))"
OWN_READ = "(merchant_id = app_merchant())"
OWN_MERCHANT, OWN_MERCHANT_READ = "(id = ( SELECT app_merchant() AS app_merchant))", "(id = app_merchant())"
# (command, role): (which rows are seen or changed, what a row written must fulfil)
EVERYTHING = {("ALL", PLATFORM): ("true", "true")}
TENANT = {("ALL", APP): (OWN_READ, OWN), **EVERYTHING}
FOUND_BY_ALL = {
    ("SELECT", APP): ("true", None),
    ("INSERT", APP): (None, OWN),
    ("UPDATE", APP): (OWN_READ, OWN),
    **EVERYTHING,
}

# What a merchant's process may do in tables without a row policy, and why nothing less will do.
ALL_FOUR = {"SELECT", "INSERT", "UPDATE", "DELETE"}
WITHOUT_POLICY = {
    "django_session": (
        ALL_FOUR,
        "a session is read before anybody is known; its key is a secret of its owner",
    ),
    "members_user": ({"SELECT", "INSERT", "UPDATE"}, "signing up and in, a person's own name and language"),
    "account_emailaddress": (ALL_FOUR, "signing up, confirming and changing one's address"),
    "account_emailconfirmation": (ALL_FOUR, "allauth's links of confirmation, which it cleans up"),
    "mfa_authenticator": (ALL_FOUR, "a person's own second factor"),
    "members_installation": ({"SELECT"}, "when the platform began"),
    "members_stagedorder": (
        ALL_FOUR,
        "COPY refuses tables with row security; its rows are known by their import",
    ),
    "compliance_policy": ({"SELECT"}, "the rules of clearance are everybody's to read"),
    "compliance_policydraft": ({"SELECT"}, "drafts of the rules are everybody's to read"),
    "compliance_run": ({"SELECT"}, "when runs were and come"),
    "compliance_gradepolicy": ({"SELECT"}, "the rules of grades are everybody's to read"),
    "benefits_guardpolicy": ({"SELECT"}, "every change of prices asks what is warned and what is blocked"),
    "compliance_graderun": ({"SELECT"}, "the months for which grades were computed"),
    "members_joinrule": ({"SELECT"}, "every joining asks what its shop's level may"),
}


def models_of_ours():
    return [
        model for label in OURS for model in apps.get_app_config(label).get_models() if model._meta.managed
    ]


def tenant_models():
    found = [model for model in models_of_ours() if has_merchant(model)]
    return [model for model in found if model._meta.db_table not in BEFORE_THE_TENANT_IS_KNOWN]


@pytest.fixture
def catalogue(django_db_setup):
    """A plain connection to the suite's database as owner."""
    with owner_connection(connections["default"].settings_dict["NAME"]) as connection:
        yield connection


# ---- the models and the database ------------------------------------------------------------------------------------

COLUMNS = """
select c.relname, a.attname, format_type(a.atttypid, a.atttypmod) || case when a.attnotnull then ' not null' else '' end
from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where c.relkind = 'r' and c.relnamespace = to_regnamespace(%s)
"""
CONSTRAINTS = """
select c.relname, n.conname, pg_get_constraintdef(n.oid) from pg_constraint n join pg_class c on c.oid = n.conrelid
where n.contype <> 'n' and c.relnamespace = to_regnamespace(%s)
"""  # that a column is not null is said with the column
INDEXES = """
select c.relname, i.relname, pg_get_indexdef(i.oid)
from pg_index x join pg_class i on i.oid = x.indexrelid join pg_class c on c.oid = x.indrelid
where c.relnamespace = to_regnamespace(%s)
and not exists (select from pg_constraint n where n.conindid = x.indexrelid and n.contype <> 'f')
"""


def described(run, schema):
    """{(table, name): definition} of the columns, constraints and indexes of our tables in a schema."""
    rows = [row for query in (COLUMNS, CONSTRAINTS, INDEXES) for row in run(query, [schema]).fetchall()]
    return {
        (table, name): definition.replace(f"{schema}.", "")
        for table, name, definition in rows
        if table.startswith(tuple(f"{label}_" for label in OURS)) and table not in BY_HAND
    }


@pytest.fixture(scope="module")
def modelled(django_db_setup, django_db_blocker):
    """The same of what Django makes of the models as they are now, in a schema that is taken back."""
    owner = connections["owner"]
    with django_db_blocker.unblock(), transaction.atomic(using="owner"), owner.cursor() as cursor:
        cursor.execute("create schema modelled")
        cursor.execute("set local search_path = modelled, public")
        with owner.schema_editor(atomic=False) as editor:
            for model in models_of_ours():
                editor.create_model(model)
        found = described(cursor.connection.execute, "modelled")
        transaction.set_rollback(True, using="owner")
    return found


def in_tenancy(modelled):
    """What the models make, with the keys and references of rows that never leave their merchant."""
    wanted = dict(modelled)
    for model in tenant_models():
        table, key = model._meta.db_table, model._meta.pk.column
        if table in KEYED_BY_RUN:
            del wanted[table, f"{table}_pkey"]
            name, definition = KEYED_BY_RUN[table]
            wanted[table, name] = definition
        else:
            if table in KEYED_BY:
                del wanted[table, f"{table}_pkey"]
                name, definition = KEYED_BY[table]
                wanted[table, name] = definition
            elif key != "merchant_id":
                wanted[table, f"{table}_pkey"] = f"PRIMARY KEY (merchant_id, {key})"
            wanted |= references(model)
    return wanted


def references(model):
    """The foreign keys inside a merchant, or to the merchant where there are none."""
    table, relations = model._meta.db_table, tenant_relations(model)
    rest = "DEFERRABLE INITIALLY DEFERRED"
    if not relations:
        name = constraint_name(model, "merchant_id")
        return {(table, name): f"FOREIGN KEY (merchant_id) REFERENCES members_merchant(id) {rest}"}
    if table in SET_REFERENCED:
        return {}
    found = {}
    for field in relations:
        target = field.remote_field.model._meta
        here, there = f"merchant_id, {field.column}", "merchant_id, id"
        if target.pk.column == "merchant_id":
            here = there = "merchant_id"
        definition = f"FOREIGN KEY ({here}) REFERENCES {target.db_table}({there}) {rest}"
        found[table, constraint_name(model, field.column)] = definition
    return found


def test_columns_constraints_and_indexes_are_those_of_the_models_and_no_others(catalogue, modelled):
    wanted, found = in_tenancy(modelled), described(catalogue.execute, "public")

    missing = {key: wanted[key] for key in wanted.keys() - found.keys()}
    extra = {key: found[key] for key in found.keys() - wanted.keys()}
    other = {
        key: (wanted[key], found[key]) for key in wanted.keys() & found.keys() if wanted[key] != found[key]
    }
    assert (missing, extra, other) == ({}, {}, {})


def test_triggers_are_those_of_append_only_tables_of_set_references_and_of_marks(catalogue):
    rows = catalogue.execute(
        "select tgrelid::regclass::text, tgname, tgenabled from pg_trigger where not tgisinternal"
    )
    found = {(table, name) for table, name, enabled in rows.fetchall() if enabled == "O"}

    wanted = {(table, "append_only") for table in APPEND_ONLY} | {
        trigger
        for model in tenant_models()
        if model._meta.db_table in SET_REFERENCED
        for trigger in reference_triggers(model)
    }
    wanted |= marking_triggers("members_dailytotal", "members_factsdue").keys()
    wanted |= marking_triggers("members_tierstanding", "members_factsdue").keys()
    wanted.add(("benefits_draw", "draw_kept"))
    assert found == wanted


# ---- row policies ---------------------------------------------------------------------------------------------------


def test_every_table_has_the_row_policies_of_its_kind_and_no_others(catalogue):
    rows = catalogue.execute(
        "select tablename, cmd, roles::text[], permissive, qual, with_check from pg_policies "
        "where schemaname = 'public'"
    )
    found = {}
    for table, command, roles, permissive, using, check in rows.fetchall():
        assert permissive == "PERMISSIVE" and len(roles) == 1
        found.setdefault(table, {})[command, roles[0]] = (using, check)

    wanted = {model._meta.db_table: TENANT for model in tenant_models()}
    wanted |= dict.fromkeys(BEFORE_THE_TENANT_IS_KNOWN, FOUND_BY_ALL)
    wanted["members_merchant"] = {
        **FOUND_BY_ALL,
        ("INSERT", APP): (None, "true"),
        ("UPDATE", APP): (OWN_MERCHANT_READ, OWN_MERCHANT),
    }
    assert {table for table in wanted.keys() | found.keys() if wanted.get(table) != found.get(table)} == set()


def test_row_security_is_on_wherever_there_is_a_merchant(catalogue):
    rows = catalogue.execute(
        "select c.relname from pg_class c where c.relkind in ('r', 'p') and c.relrowsecurity "
        "and c.relnamespace = 'public'::regnamespace"
    )

    wanted = {model._meta.db_table for model in models_of_ours() if has_merchant(model)}
    assert {row[0] for row in rows.fetchall()} == wanted | {"members_merchant"}


# ---- rights ---------------------------------------------------------------------------------------------------------


def rights(catalogue, role, where="true"):
    """{table: rights} that a role has on tables, by whatever grant."""
    rows = catalogue.execute(
        "select c.relname, array_agg(r order by r) from pg_class c, "
        "unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) r "
        "where c.relkind in ('r', 'p', 'v', 'm') and c.relnamespace = 'public'::regnamespace "
        f"and has_table_privilege(%s, c.oid, r) and {where} group by 1",
        [role],
    )
    return {table: set(found) for table, found in rows.fetchall()}


def test_a_merchants_process_has_named_rights_only_on_tables_without_a_row_policy(catalogue):
    found = rights(catalogue, APP, "not c.relrowsecurity")

    assert found == {table: allowed for table, (allowed, _why) in WITHOUT_POLICY.items()}


def test_nobody_who_runs_deletes_a_merchant_or_whoever_worked_for_it(catalogue):
    kept = {*BEFORE_THE_TENANT_IS_KNOWN, "members_user"}

    for role in (APP, PLATFORM):
        found = rights(catalogue, role)
        assert {table for table in kept if found[table] & {"DELETE", "TRUNCATE"}} == set()


def test_a_merchants_process_has_no_right_at_all_on_consumers(catalogue):
    hidden = {"members_consumer", "members_consumerlink"}
    columns = catalogue.execute(
        "select t from unnest(%s::text[]) t where has_any_column_privilege(%s, t, 'select, insert, update') "
        "or has_sequence_privilege(%s, t || '_id_seq', 'select, usage, update')",
        [list(hidden), APP, APP],
    ).fetchall()

    assert hidden & rights(catalogue, APP).keys() == set()
    assert columns == []
    assert hidden <= rights(catalogue, PLATFORM).keys()


def test_a_merchants_process_writes_seeds_of_draws_and_reads_none(catalogue):
    columns = catalogue.execute(
        "select has_any_column_privilege(%s, 'benefits_drawseed', 'select')", [APP]
    ).fetchone()

    assert rights(catalogue, APP)["benefits_drawseed"] & {"SELECT", "INSERT", "UPDATE"} == {"INSERT"}
    assert columns == (False,)
    assert "SELECT" in rights(catalogue, PLATFORM)["benefits_drawseed"]


def test_nobody_who_runs_deletes_a_draw(catalogue):
    for role in (APP, PLATFORM):
        assert rights(catalogue, role)["benefits_draw"] & {"DELETE", "TRUNCATE"} == set()


def test_the_running_roles_are_no_superusers_and_bypass_nothing(catalogue):
    rows = catalogue.execute(
        "select rolname, rolsuper, rolbypassrls from pg_roles where rolname like %s",
        [f"{settings.DB_ROLE_PREFIX}\\_%"],
    ).fetchall()

    assert len(rows) >= 4
    assert [row for row in rows if row[1] or row[2]] == []


def test_nobody_who_runs_changes_or_empties_an_append_only_table(catalogue):
    for role in (APP, PLATFORM):
        found = rights(catalogue, role)
        assert {table for table in APPEND_ONLY if found.get(table, set()) - {"SELECT", "INSERT"}} == set()
