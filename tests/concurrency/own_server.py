"""A PostgreSQL of one test's own, with the schema of the suite's database: it may be crashed as often as it likes."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from django.db import connections

from config import embedded, env
from config.embedded_home import find_home, load_state
from tests.environment import missing
from tests.programs import address

PLACE = ("HOST", "PORT", "NAME", "USER", "PASSWORD")


@contextmanager
def own_server(folder: Path) -> Iterator[None]:
    """Start it, and let Django's connections stand on it meanwhile (`tests.programs.address` tells others)."""
    if embedded.has_own_database():
        missing("the embedded PostgreSQL (DATABASE_URL names another one)")
    urls = embedded.ensure_postgres(folder, say=_quiet)
    try:
        _copy_schema(folder, urls.owner_url)
        with _standing_on({"default": urls.database_url, "owner": urls.owner_url}):
            yield
    finally:
        embedded.stop(folder, say=_quiet)


def _quiet(_line: str) -> None:
    pass


def _copy_schema(folder: Path, to: str) -> None:
    state = load_state(folder)
    assert state is not None
    tools = find_home(state).postgres_bin
    dump = subprocess.run(
        [tools / "pg_dump", "--schema-only", "--dbname", address("owner")], check=True, capture_output=True
    )
    subprocess.run(
        [tools / "psql", "-q", "-X", "-v", "ON_ERROR_STOP=1", "--dbname", to],
        input=dump.stdout,
        check=True,
        stdout=subprocess.DEVNULL,
    )


@contextmanager
def _standing_on(addresses: Mapping[str, str]) -> Iterator[None]:
    before = {alias: {name: connections[alias].settings_dict[name] for name in PLACE} for alias in addresses}
    connections.close_all()
    for alias, url in addresses.items():
        told = env.database(url)
        connections[alias].settings_dict.update({name: told[name] for name in PLACE})
    try:
        yield
    finally:
        connections.close_all()
        for alias, place in before.items():
            connections[alias].settings_dict.update(place)
