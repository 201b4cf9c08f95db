"""What `make run` does before the programs start: translations, migrations, static files, demo data the first time."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

import psycopg

from config import embedded
from config.embedded_home import Refused
from config.postgres.log_in import refuse_powerful_log_in
from members.lib.roles import database_sql, role_names

WIDTH = 10
_output = threading.Lock()


def say(who: str, line: str) -> None:
    """One line of the log, with who says it."""
    # A terminal that went away is no reason to stop.
    with _output, suppress(BrokenPipeError, ValueError):
        print(f"{who:<{WIDTH}}| {line}", flush=True)


def relay(who: str, stream: IO[str] | None) -> None:
    """Pass a process's lines on to the log."""
    for line in stream or ():
        say(who, line.rstrip())


class Preparation:
    """Brings database and static files up to date; safe to repeat, also after being killed half way."""

    def __init__(self, data_dir: Path, environment: dict[str, str], demo: Path) -> None:
        self.data_dir = data_dir
        self.environment = environment
        self.demo = demo

    def run(self) -> None:
        """Do every step. Raises Refused when one fails; its lines were shown. Raises ImproperlyConfigured before the
        first when the processes' log-in is too powerful."""
        known = embedded.urls(self.data_dir)
        if known is not None:
            self._check(known.database_url)
        manage = [sys.executable, "manage.py"]
        is_embedded = not embedded.has_own_database()
        seeding = self.data_dir / "demo.unfinished"
        if seeding.exists() and is_embedded:
            say("setup", "the demo data was left half made; making the database anew")
            self._remake_database()
            self.demo.unlink(missing_ok=True)
            seeding.unlink()
        if not self._has_locale():
            say("setup", "translations: none yet")
        else:
            self._step("translations", [sys.executable, "-m", "config.translations"])
        if known is not None and known.owner_url:
            self._grant(known.owner_url)
            self._step(
                "migrations", [*manage, "migrate", "--database", "owner", "--no-input", "--verbosity", "1"]
            )
        else:
            say("setup", "migrations: DATABASE_OWNER_URL is not set, so they are left to you")
        self._step("static files", [*manage, "collectstatic", "--no-input", "--verbosity", "0"])
        wants_demo = self.environment.get("DEMO") == "true"
        if is_embedded and wants_demo and not self.demo.exists():
            seeding.touch()
            made = self._step("demo data", [*manage, "seed_demo", "--json"], capture=True)
            self.demo.write_text(made, encoding="utf-8")
            self.demo.chmod(0o600)
            seeding.unlink()
        self._step("installation", [*manage, "install"])

    def _has_locale(self) -> bool:
        return any((embedded.BASE_DIR / "locale").glob("*/LC_MESSAGES/*.po"))

    def _check(self, database_url: str) -> None:
        with psycopg.connect(database_url, autocommit=True, connect_timeout=10) as log_in:
            refuse_powerful_log_in(log_in, role_names(embedded.role_prefix()))

    def _grant(self, owner_url: str) -> None:
        with psycopg.connect(owner_url, autocommit=True, connect_timeout=10) as owner:
            owner.execute(database_sql(embedded.role_prefix()).encode())

    def _remake_database(self) -> None:
        known = embedded.urls(self.data_dir)
        assert known is not None
        name = urlsplit(known.owner_url).path.lstrip("/")
        with psycopg.connect(known.owner_url, dbname="postgres", autocommit=True) as owner:
            owner.execute(f'drop database if exists "{name}" with (force)'.encode())
            owner.execute(f'create database "{name}"'.encode())

    def _step(self, name: str, command: list[str], *, capture: bool = False) -> str:
        """One command of the set-up, its lines shown as they come. Returns its output when captured."""
        say("setup", f"{name} …")
        begun = time.monotonic()
        with subprocess.Popen(
            command,
            cwd=embedded.BASE_DIR,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if capture else subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as child:
            try:
                shown = threading.Thread(
                    target=relay, args=("setup", child.stderr if capture else child.stdout)
                )
                shown.start()
                output = child.stdout.read() if capture and child.stdout is not None else ""
                shown.join()
                code = child.wait()
            except BaseException:
                child.terminate()
                raise
        if code:
            raise Refused(f"{name} failed with exit code {code}; the lines above say why")
        say("setup", f"{name}: done in {time.monotonic() - begun:.1f} s")
        return output
