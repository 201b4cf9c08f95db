"""Loaded before Django's settings (pyproject.toml): says that this is a test, and has the servers it needs running.

Under `make test` both servers hold until the suite ends; a single `pytest tests/…` starts them if they are not
there and leaves them for the next one (`make stop`).
"""

from __future__ import annotations

import gc
import os
import shutil
import sys
from contextlib import suppress
from typing import NoReturn

import psycopg
import pytest
import redis
from psycopg import sql

from config import embedded, env, processes
from config.cache import redis_address

gc.disable()  # while everything is loaded, all of which stays; see pytest_runtestloop
if os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):
    # Whoever wants no compiled files beside the sources gets them in var/: the suite starts the product dozens of
    # times, and compiling it takes most of a start.
    sys.dont_write_bytecode = False
    sys.pycache_prefix = os.environ["PYTHONPYCACHEPREFIX"] = str(embedded.BASE_DIR / "var/pycache")
os.environ["LIUSHUI_TESTING"] = "true"
os.environ.setdefault("LOG_LEVEL", "ERROR")
# Tasks that this process sends reach no worker but those that it starts itself; see forget_messages.
os.environ["BROKER_PREFIX"] = f"test-{os.getpid()}:"
# Under the event loop of the browser's driver Django would refuse the test's own queries.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

env.load_dotenv(embedded.BASE_DIR / ".env")
embedded.ensure_postgres()
embedded.ensure_broker()

IS_CI = env.flag("CI", False)
SOAK = env.flag("SOAK", False)


def pytest_configure(config: pytest.Config) -> None:
    """Drop what suites that were killed left: databases and messages named by the pid of a process that is gone."""
    owner_url = getattr(embedded.urls(), "owner_url", "")
    if hasattr(config, "workerinput"):
        return
    if not embedded.has_own_broker():  # one's own may serve other machines, with other pids
        forget_messages(of_the_dead=True)
    if not owner_url:
        return
    with psycopg.connect(owner_url, dbname="postgres", autocommit=True) as owner:
        for (name,) in owner.execute(
            "select datname from pg_database where datname ~ '^test_.*_[0-9]+$'"
        ).fetchall():
            if not processes.command_line(int(name.rsplit("_", 1)[1])):
                with suppress(psycopg.Error):  # one that is in use is not dropped
                    owner.execute(sql.SQL("drop database if exists {}").format(sql.Identifier(name)))


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop() -> None:
    """From now on garbage is collected, though not looked for among the modules and tests that were loaded.

    Looking through those again and again took a quarter of Python's time in the suite.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)
    gc.enable()


def pytest_unconfigure() -> None:
    """Drop this process's messages."""
    with suppress(redis.RedisError):  # the broker may be gone already; the next suite finds them
        forget_messages()


def forget_messages(*, of_the_dead: bool = False) -> None:
    """Delete what lies on the broker under this process's prefix, or under those of processes that are gone."""
    address = redis_address(embedded.broker_url() or "")
    if not address:  # no Redis: nothing has a prefix
        return
    with redis.Redis.from_url(address) as broker:
        for key in broker.scan_iter(
            "test-*" if of_the_dead else f"{os.environ['BROKER_PREFIX']}*", count=1000
        ):
            pid = key.decode(errors="replace").removeprefix("test-").partition(":")[0]
            if not of_the_dead or (pid.isdecimal() and not processes.command_line(int(pid))):
                broker.delete(key)


def sized(full: int, *, least: int = 1) -> int:
    """The size of a long proof: full under `make soak`, a tenth in the suite."""
    return full if SOAK else max(least, full // 10)


def missing(what: str) -> NoReturn:
    """Skip the test because the machine lacks something; in CI that is a failure."""
    if IS_CI:
        pytest.fail(f"missing on this machine: {what}", pytrace=False)
    pytest.skip(f"missing on this machine: {what}")


def chromium() -> str:
    """The path of a browser, or the test is skipped."""
    for name in (os.environ.get("CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome"):
        if name and (path := shutil.which(name)):
            return path
    missing("chromium")
