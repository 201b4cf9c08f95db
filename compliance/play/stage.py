"""A database for one play: cloned from a migrated template, dropped afterwards unless it is to be kept."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import django
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from psycopg.errors import DuplicateDatabase
from psycopg.sql import SQL, Identifier

from members.lib.databases import (
    create_database,
    database_exists,
    drop_database,
    make_database,
    owner_connection,
)
from members.lib.refusals import Conflict
from members.lib.roles import database_sql

ALIASES = ("default", "owner")
HELPER = re.compile(rb"members\.lib(?:\.| import )(\w+)")


def template_name() -> str:
    """The template's name: it follows the migrations, so that a changed schema gets a new one."""
    digest = hashlib.sha256(f"{django.get_version()} {database_sql(settings.DB_ROLE_PREFIX)}".encode())
    for text in _schema_sources():
        digest.update(text)
    return f"{settings.DB_ROLE_PREFIX}_template_{digest.hexdigest()[:12]}"


def _schema_sources() -> list[bytes]:
    """The migrations of every app, and the modules of members.lib that write SQL for them."""
    lib = Path(apps.get_app_config("members").path, "lib")
    waiting = [path for app in apps.get_app_configs() for path in Path(app.path, "migrations").glob("*.py")]
    found: dict[Path, bytes] = {}
    while waiting:
        path = waiting.pop()
        if path not in found and path.is_file():
            found[path] = path.read_bytes()
            waiting += [lib / f"{name.decode()}.py" for name in HELPER.findall(found[path])]
    return sorted(found.values())


def _let_go(alias: str) -> None:
    """Close an alias's connection and its pool, whose connections go on to the same database for ever."""
    connection: Any = connections[alias]
    connection.close()
    connection.close_pool()


@contextmanager
def pointed_to(name: str) -> Iterator[None]:
    """Have both aliases use another database while the block runs."""
    before = {alias: connections[alias].settings_dict["NAME"] for alias in ALIASES}
    try:
        for alias in ALIASES:
            _let_go(alias)
            connections[alias].settings_dict["NAME"] = name
        yield
    finally:
        for alias in ALIASES:
            _let_go(alias)
            connections[alias].settings_dict["NAME"] = before[alias]


def ensure_template() -> str:
    """Make the template once; several processes at once wait for the one that makes it."""
    name = template_name()
    with owner_connection() as server:
        server.execute("select pg_advisory_lock(hashtext(%s))", [name])
        if not database_exists(name):
            making = f"{name}_making"
            make_database(making)
            with pointed_to(making):
                call_command("migrate", database="owner", verbosity=0, interactive=False)
            server.execute(SQL("alter database {} rename to {}").format(Identifier(making), Identifier(name)))
    return name


def let_commits_lag(name: str, *, lag: bool) -> None:
    """Whether commits in a database return before the disk has them; a session that begins later knows it."""
    setting = SQL("set synchronous_commit = off") if lag else SQL("reset synchronous_commit")
    with owner_connection() as server:
        server.execute(SQL("alter database {} ").format(Identifier(name)) + setting)


@contextmanager
def stage(keep: str | None = None, *, is_durable: bool = False) -> Iterator[str]:
    """A scratch database with both aliases pointing to it. `keep` names it and leaves it afterwards.

    Its commits do not wait for the disk, unless `is_durable`; those of a kept one do from then on. Raises Conflict
    when there is a database of the name to keep: none is ever replaced.
    """
    name = keep or f"{settings.DB_ROLE_PREFIX}_play_{os.getpid()}_{secrets.token_hex(3)}"
    taken = f"there is a database “{name}” already, and none is replaced: choose another name"
    if keep and database_exists(keep):
        raise Conflict(taken)
    try:
        create_database(name, ensure_template())
    except DuplicateDatabase as error:  # somebody was faster, or it is the template's own name
        raise Conflict(taken) from error
    try:
        if not is_durable:
            let_commits_lag(name, lag=True)
        with pointed_to(name):
            yield name
    finally:
        if keep:
            let_commits_lag(name, lag=False)
        else:
            drop_database(name)
