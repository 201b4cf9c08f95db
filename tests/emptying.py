"""Emptying the suite's database after a test that committed: what has rows is deleted, the rest is not touched.

Django's own way truncates a hundred tables, however few rows a test wrote, and makes the permissions anew. What this
leaves is the same: content types and permissions as the migrations made them, and no other row.
"""

from __future__ import annotations

import psycopg
from django.apps import apps
from psycopg.sql import SQL, Identifier, Literal

KEPT = {"django_content_type", "auth_permission"}
LARGE = 1 << 20  # bytes: dead rows of a larger table are vacuumed away, so that no later test reads over them


def tables() -> list[str]:
    """The tables of every model, without those whose rows the migrations made."""
    models = apps.get_models(include_auto_created=True)
    return sorted({model._meta.db_table for model in models if model._meta.managed} - KEPT)


def empty(address: str, database: str) -> None:
    """Delete every row of the database's tables, as a superuser, whom no trigger and no foreign key stops.

    The lock waits for whoever still writes (a killed worker's last statement), as truncating would.
    """
    names = tables()
    full = SQL(" union all ").join(
        SQL("select {} where exists (select from {})").format(Literal(name), Identifier(name))
        for name in names
    )
    with psycopg.connect(address, dbname=database, autocommit=True) as server:
        with server.transaction():
            server.execute("set local session_replication_role = replica")
            locked = SQL(", ").join(map(Identifier, names))
            server.execute(SQL("lock table {} in share row exclusive mode").format(locked))
            dirty = [name for (name,) in server.execute(full).fetchall()]
            for name in dirty:
                server.execute(SQL("delete from {}").format(Identifier(name)))
        for name in dirty:
            (size,) = server.execute("select pg_relation_size(%s::regclass)", [name]).fetchone() or (0,)
            if size > LARGE:
                server.execute(SQL("vacuum {}").format(Identifier(name)))
