"""Making databases over the owner's connection: for the suite, for plays, for the first start."""

from __future__ import annotations

from typing import Any

import psycopg
from django.conf import settings
from django.db import connections
from psycopg.sql import SQL, Identifier

from members.lib.roles import database_sql


def owner_connection(name: str = "postgres") -> psycopg.Connection[Any]:
    """A plain connection as owner, in autocommit, to a database of the server.

    It is made as Django makes the owner's: encrypted, checked and given up as the options of the address say.
    """
    parameters = connections["owner"].get_connection_params() | {"dbname": name, "autocommit": True}
    for own in ("cursor_factory", "context", "prepare_threshold"):  # Django's ways of reading and writing
        parameters.pop(own, None)
    return psycopg.connect(**parameters)


def database_exists(name: str) -> bool:
    """Whether the server has a database of that name."""
    with owner_connection() as server:
        found = server.execute("select 1 from pg_database where datname = %s", [name]).fetchone()
    return found is not None


def create_database(name: str, template: str = "template0") -> None:
    """Make a database that does not exist yet, cloned from a template. Raises DuplicateDatabase."""
    with owner_connection() as server:
        server.execute(SQL("create database {} template {}").format(Identifier(name), Identifier(template)))


def make_database(name: str) -> None:
    """Make a database (dropping one of that name), prepared for its first migration."""
    drop_database(name)
    create_database(name)
    prepare_database(name)


def prepare_database(name: str) -> None:
    """Grants and extensions a database needs before its first migration. Running it twice changes nothing."""
    with owner_connection(name) as database:
        database.execute(database_sql(settings.DB_ROLE_PREFIX))


def drop_database(name: str) -> None:
    """Drop a database, ending whoever uses it."""
    dropping = SQL("drop database if exists {}").format(Identifier(name))
    with owner_connection() as server:
        try:
            server.execute(dropping + SQL(" with (force)"))
        except (
            psycopg.errors.InsufficientPrivilege
        ):  # a vacuum is at it: that one leaves when asked without force
            server.execute(dropping)
