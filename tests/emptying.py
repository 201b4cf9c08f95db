"""The suite's database between tests that commit: emptied, and filled again with what was told once.

Django's own way of emptying truncates a hundred tables, however few rows a test wrote, and makes the permissions
anew. What this leaves is the same: content types and permissions as the migrations made them, and no other row.
All of it is a superuser's, whom no trigger, no foreign key and no row's policy stops.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import psycopg
from django.apps import apps
from django.db import connections
from psycopg.sql import SQL, Composable, Identifier, Literal

from config import embedded

KEPT = {"django_content_type", "auth_permission"}
LARGE = 1 << 20  # bytes: dead rows of a larger table are vacuumed away, so that no later test reads over them
Rows = dict[str, bytes]  # of each table that has any, as COPY writes them


def superuser() -> str | None:
    """The address of the server's superuser; None where DATABASE_URL names a server of which none is known."""
    known = embedded.urls()
    return (known and known.admin_url) or None


@cache
def tables() -> tuple[str, ...]:
    """The tables of every model, without those whose rows the migrations made."""
    models = apps.get_models(include_auto_created=True)
    return tuple(sorted({model._meta.db_table for model in models if model._meta.managed} - KEPT))


@cache
def _full() -> Composable:
    """A query for the names of the tables that have rows."""
    return SQL(" union all ").join(
        SQL("select {} where exists (select from {})").format(Literal(name), Identifier(name))
        for name in tables()
    )


@contextmanager
def _alone() -> Iterator[tuple[psycopg.Connection, list[str]]]:
    """A transaction at the default database in which nobody else writes, and the tables that have rows.

    Its lock waits for whoever still writes (a killed worker's last statement), as truncating would.
    """
    database = connections["default"].settings_dict["NAME"]
    assert database.startswith("test_"), f"{database} is not the suite's"
    with psycopg.connect(superuser() or "", dbname=database, autocommit=True) as server:
        with server.transaction():
            server.execute("set local session_replication_role = replica")
            names = SQL(", ").join(map(Identifier, tables()))
            server.execute(SQL("lock table {} in share row exclusive mode").format(names))
            full = [name for (name,) in server.execute(_full()).fetchall()]
            yield server, full
        for name in full:
            (size,) = server.execute("select pg_relation_size(%s::regclass)", [name]).fetchone() or (0,)
            if size > LARGE:
                server.execute(SQL("vacuum {}").format(Identifier(name)))


def empty() -> None:
    """Delete every row of the default database's tables."""
    with _alone() as (server, full):
        for name in full:
            server.execute(SQL("delete from {}").format(Identifier(name)))


def rows() -> Rows:
    """Every row that is there now."""
    found: Rows = {}
    with _alone() as (server, full):
        for name in full:
            with server.cursor().copy(SQL("copy {} to stdout").format(Identifier(name))) as out:
                found[name] = b"".join(bytes(block) for block in out)
    return found


def refill(told: Rows) -> None:
    """Write what `rows` gave into the empty database. Ids are those of then: sequences are beyond them already."""
    with _alone() as (server, full):
        assert not full, f"these have rows already: {full}"
        for name, written in told.items():
            with server.cursor().copy(SQL("copy {} from stdin").format(Identifier(name))) as into:
                into.write(written)
