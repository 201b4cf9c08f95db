"""The embedded servers: what `kill -9` of everything leaves is found, and nothing is lost."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from config import embedded, processes
from config.embedded_broker import broker_lives
from config.embedded_home import State, load_state
from config.embedded_postgres import postgres_lives


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data folder, removed at the end wherever its servers live; making a cluster takes seconds, so all share it."""
    folder = tmp_path_factory.mktemp("data")
    yield folder
    state = load_state(folder)
    if state is not None and state.home is not None:
        embedded.stop(folder, say=_quiet)
        shutil.rmtree(state.home, ignore_errors=True)


@pytest.fixture
def folder(made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, whatever the suite itself runs on."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("CELERY_BROKER_URL", raising=False)
    return made


def _quiet(line: str) -> None:
    pass


def _known(folder: Path) -> State:
    state = load_state(folder)
    assert state is not None
    return state


def _kill(pid: int) -> None:
    begun = processes.end(
        [pid], alive=lambda one: bool(processes.command_line(one)), steps=[(signal.SIGKILL, 5)]
    )
    assert begun == [pid]


def test_data_outlive_a_kill_of_everything_and_a_stale_pid_file(folder: Path) -> None:
    urls = embedded.ensure_postgres(folder, say=_quiet)
    embedded.ensure_broker(folder, say=_quiet)
    with psycopg.connect(urls.owner_url, autocommit=True) as owner:
        owner.execute("drop table if exists kept")
        owner.execute("create table kept as select generate_series(1, 1000) as number")

    state = _known(folder)
    _kill(state.postgres_pid)
    _kill(state.broker_pid)
    again = embedded.ensure_postgres(folder, say=_quiet)
    embedded.ensure_broker(folder, say=_quiet)

    with psycopg.connect(again.owner_url) as owner:
        counted = owner.execute("select count(*) from kept").fetchone()
    assert counted == (1000,)
    after = _known(folder)
    assert postgres_lives(after)
    assert broker_lives(after)
    assert (after.postgres_pid, after.broker_pid) != (state.postgres_pid, state.broker_pid)


def test_a_second_start_adopts_the_living_servers(folder: Path) -> None:
    first = embedded.ensure_postgres(folder, say=_quiet)
    pid = _known(folder).postgres_pid

    assert embedded.ensure_postgres(folder, say=_quiet) == first
    assert embedded.urls(folder) == first
    assert _known(folder).postgres_pid == pid


def test_the_last_lease_stops_the_servers(folder: Path) -> None:
    with embedded.lease(folder, say=_quiet):
        with embedded.lease(folder, say=_quiet):
            pass
        assert postgres_lives(_known(folder)), "another lease still holds"

    state = _known(folder)
    assert not postgres_lives(state)
    assert not broker_lives(state)


def test_a_lease_that_fails_stops_them_as_well(folder: Path) -> None:
    with pytest.raises(RuntimeError), embedded.lease(folder, say=_quiet):
        raise RuntimeError

    assert not postgres_lives(_known(folder))


def test_only_passwords_open_the_server_and_no_role_of_ours_is_superuser(folder: Path) -> None:
    urls = embedded.ensure_postgres(folder, say=_quiet)

    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(urls.admin_url, password="wrong")
    with psycopg.connect(urls.owner_url) as owner:
        roles = owner.execute(
            "select rolname, rolsuper, rolbypassrls, rolinherit from pg_roles where rolname like 'liushui%'"
        ).fetchall()
    assert not any(is_super or bypasses for _, is_super, bypasses, _ in roles)
    assert [inherits for name, _, _, inherits in roles if name.endswith("_web")] == [False]
    assert (folder / "embedded.json").stat().st_mode & 0o077 == 0


def test_an_environment_that_names_servers_starts_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://web:x@db.example/liushui")
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://redis.example")

    assert embedded.ensure_postgres(tmp_path).database_url == "postgres://web:x@db.example/liushui"
    assert embedded.ensure_broker(tmp_path) == "redis://redis.example"
    assert list(tmp_path.iterdir()) == []
