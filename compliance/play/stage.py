"""A database for one play: cloned from a migrated template, dropped afterwards unless it is to be kept."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import connections

from members.lib.databases import drop_database, make_database, owner_connection
from members.lib.roles import database_sql

ALIASES = ("default", "owner")


def template_name() -> str:
    """The template's name: it follows the migrations, so that a changed schema gets a new one."""
    digest = hashlib.sha256(database_sql(settings.DB_ROLE_PREFIX).encode())
    for label in ("members", "benefits", "compliance"):
        for path in sorted(Path(apps.get_app_config(label).path, "migrations").glob("0*.py")):
            digest.update(path.read_bytes())
    return f"{settings.DB_ROLE_PREFIX}_template_{digest.hexdigest()[:12]}"


@contextmanager
def pointed_to(name: str) -> Iterator[None]:
    """Have both aliases use another database while the block runs."""
    before = {alias: connections[alias].settings_dict["NAME"] for alias in ALIASES}
    try:
        for alias in ALIASES:
            connections[alias].close()
            connections[alias].settings_dict["NAME"] = name
        yield
    finally:
        for alias in ALIASES:
            connections[alias].close()
            connections[alias].settings_dict["NAME"] = before[alias]


def ensure_template() -> str:
    """Make the template once; several processes at once wait for the one that makes it."""
    name = template_name()
    with owner_connection() as server:
        server.execute("select pg_advisory_lock(hashtext(%s))", [name])
        found = server.execute("select 1 from pg_database where datname = %s", [name]).fetchone()
        if not found:
            making = f"{name}_making"
            make_database(making)
            with pointed_to(making):
                call_command("migrate", database="owner", verbosity=0, interactive=False)
            server.execute(f'alter database "{making}" rename to "{name}"')
    return name


@contextmanager
def stage(keep: str = "") -> Iterator[str]:
    """A scratch database with both aliases pointing to it. `keep` names it and leaves it afterwards."""
    template = ensure_template()
    name = keep or f"{settings.DB_ROLE_PREFIX}_play_{os.getpid()}_{secrets.token_hex(3)}"
    make_database(name, template)
    try:
        with pointed_to(name):
            yield name
    finally:
        if not keep:
            drop_database(name)
