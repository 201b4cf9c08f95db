"""The database roles, made by an administrator who is no superuser, always pass the check of the start."""

from __future__ import annotations

import os
from collections.abc import Iterator
from io import StringIO

import psycopg
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import connections

from config.postgres.log_in import refuse_powerful_log_in
from members.lib.roles import role_names, roles_sql

PREFIX = f"test_{os.getpid()}"
NAMES = role_names(PREFIX)
ADMINISTRATOR, DATABASE = f"{PREFIX}_administrator", f"{PREFIX}_roles"


@pytest.fixture
def administrator(superuser, settings, monkeypatch) -> Iterator[psycopg.Connection]:
    """A connection as the administrator to a database of their own, which `setup_roles` is told to use."""
    server = superuser.info
    address = {"host": server.host, "port": server.port, "user": ADMINISTRATOR, "password": "secret"}
    try:
        superuser.execute(f"create role {ADMINISTRATOR} login createrole createdb password 'secret'")
        with psycopg.connect(**address, dbname="postgres", autocommit=True) as anywhere:
            anywhere.execute(f"create database {DATABASE}")
        settings.DB_ROLE_PREFIX = PREFIX
        for name, value in {"USER": ADMINISTRATOR, "PASSWORD": "secret", "NAME": DATABASE}.items():
            monkeypatch.setitem(connections["owner"].settings_dict, name, value)
        with psycopg.connect(**address, dbname=DATABASE, autocommit=True) as connection:
            yield connection
    finally:
        superuser.execute(f"drop database if exists {DATABASE} with (force)")
        for role in (NAMES.web, NAMES.app, NAMES.platform, NAMES.owner, ADMINISTRATOR):
            superuser.execute(f"drop role if exists {role}")


def enter(administrator: psycopg.Connection) -> psycopg.Connection:
    """A connection as the log-in, with the password that the administrator gives it."""
    administrator.execute(f"alter role {NAMES.web} password 'web'")
    server = administrator.info
    return psycopg.connect(
        host=server.host, port=server.port, user=NAMES.web, password="web", dbname=DATABASE, autocommit=True
    )


def memberships(superuser: psycopg.Connection) -> list[tuple]:
    return superuser.execute(
        "select m::text from pg_auth_members m join pg_roles r on r.oid = m.member where r.rolname like %s order by 1",
        [f"{PREFIX}%"],
    ).fetchall()


def test_an_administrator_without_superuser_makes_roles_that_may_start(administrator):
    call_command("setup_roles")

    with enter(administrator) as web:
        refuse_powerful_log_in(web, NAMES)
        assert web.execute("show idle_in_transaction_session_timeout").fetchone() == ("1min",)
        for role in (NAMES.app, NAMES.platform):
            web.execute(f"set role {role}")
            assert web.execute("select current_user").fetchone() == (role,)


def test_a_log_in_that_inherits_is_mended(administrator):
    administrator.execute(f"create role {NAMES.web} login inherit")
    for role in (NAMES.app, NAMES.platform):
        administrator.execute(f"create role {role}")
        administrator.execute(f"grant {role} to {NAMES.web}")
    with enter(administrator) as web, pytest.raises(ImproperlyConfigured, match="has rights by itself"):
        refuse_powerful_log_in(web, NAMES)

    call_command("setup_roles")

    with enter(administrator) as web:
        refuse_powerful_log_in(web, NAMES)


def test_making_them_again_changes_nothing(administrator, superuser):
    call_command("setup_roles")
    before = memberships(superuser)

    call_command("setup_roles")

    assert memberships(superuser) == before != []


def test_what_a_superuser_granted_with_inheriting_is_mended_by_a_superuser(administrator, superuser):
    call_command("setup_roles")
    superuser.execute(f"alter role {NAMES.web} inherit")
    superuser.execute(f"grant {NAMES.app} to {NAMES.web}")  # a second membership, of another grantor

    with enter(administrator) as web, pytest.raises(ImproperlyConfigured, match="has rights by itself"):
        refuse_powerful_log_in(web, NAMES)
    superuser.execute(roles_sql(PREFIX).encode())

    with enter(administrator) as web:
        refuse_powerful_log_in(web, NAMES)


def printed_sql() -> str:
    out = StringIO()
    call_command("setup_roles", "--print-sql", stdout=out)
    return out.getvalue()


def test_the_printed_sql_says_how_the_database_is_made_and_runs_as_it_stands(administrator):
    printed = printed_sql()
    assert f'\n-- create database "{DATABASE}" owner {NAMES.owner} ' in printed

    administrator.execute(printed.encode())

    with enter(administrator) as web:
        refuse_powerful_log_in(web, NAMES)


def test_the_owner_makes_the_database_as_printed(administrator):
    call_command("setup_roles")
    (line,) = [line for line in printed_sql().splitlines() if "create database" in line]
    made = line.removeprefix("-- ").replace(DATABASE, f"{DATABASE}_2")
    administrator.execute(f"alter role {NAMES.owner} password 'owner'")
    server = administrator.info

    address = {"host": server.host, "port": server.port, "user": NAMES.owner, "password": "owner"}
    with psycopg.connect(**address, dbname="postgres", autocommit=True) as owner:
        owner.execute(made.encode())
        try:
            rows = owner.execute(
                "select pg_get_userbyid(datdba) from pg_database where datname = %s", [f"{DATABASE}_2"]
            )
            assert rows.fetchone() == (NAMES.owner,)
        finally:
            owner.execute(f"drop database {DATABASE}_2")
