"""Making databases over the owner's connection: for the suite, for plays, for the first start."""

from __future__ import annotations

from typing import Any

import psycopg
from django.conf import settings
from django.db import connections

from members.lib.roles import database_sql


def owner_connection(name: str = "postgres") -> psycopg.Connection[Any]:
    """A plain connection as owner, in autocommit, to a database of the server."""
    parameters = dict(connections["owner"].settings_dict)
    return psycopg.connect(
        host=parameters["HOST"] or None,
        port=parameters["PORT"] or None,
        user=parameters["USER"] or None,
        password=parameters["PASSWORD"] or None,
        dbname=name,
        autocommit=True,
    )


def make_database(name: str, template: str | None = None) -> None:
    """Make a database (dropping one of that name), cloned from a template or prepared for its first migration."""
    drop_database(name)
    with owner_connection() as server:
        server.execute(f'create database "{name}" template "{template or "template0"}"')
    if template is None:
        prepare_database(name)


def prepare_database(name: str) -> None:
    """Grants and extensions a database needs before its first migration. Running it twice changes nothing."""
    with owner_connection(name) as database:
        database.execute(database_sql(settings.DB_ROLE_PREFIX))


def drop_database(name: str) -> None:
    """Drop a database, ending whoever uses it."""
    with owner_connection() as server:
        try:
            server.execute(f'drop database if exists "{name}" with (force)')
        except (
            psycopg.errors.InsufficientPrivilege
        ):  # a vacuum is at it: that one leaves when asked without force
            server.execute(f'drop database if exists "{name}"')
