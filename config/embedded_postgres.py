"""The embedded PostgreSQL: made once, started, found again after a crash, stopped."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
from psycopg import sql

from config import processes
from config.embedded_home import Home, Refused, State, digest
from members.lib.roles import database_sql, role_names, roles_sql

START_SECONDS = 180  # replaying the log after a crash may take a while

# For a laptop: small memory, but a log large enough that a big COPY is not throttled by checkpoints.
SETTINGS = {
    "listen_addresses": "'127.0.0.1'",
    "unix_socket_directories": "''",
    "max_connections": "100",
    "max_locks_per_transaction": "256",
    "shared_buffers": "256MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "synchronous_commit": "on",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "'UTC'",
    "log_timezone": "'UTC'",
    "log_line_prefix": "'%m [%p] %u@%d '",
    "log_min_messages": "log",  # crashes and starts; refused statements are the application's to log
    "log_min_error_statement": "panic",
    "log_checkpoints": "off",
}
INITDB = (
    "--encoding=UTF8",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--locale=C",
    "--data-checksums",
    "--auth=scram-sha-256",
    "--username=postgres",
)


def postgres_lives(state: State) -> bool:
    """Whether the remembered server's process lives."""
    if state.home is None:
        return False
    return processes.is_ours(state.postgres_pid, "postgres", "-D", str(state.home / "postgres"))


class Postgres:
    """One embedded cluster; callers hold the embedded lock."""

    def __init__(self, state: State, home: Home, say: Callable[[str], None]) -> None:
        self.state = state
        self.home = home
        self.say = say
        self.data = home.folder / "postgres"
        self.log = home.folder / "postgres.log"
        self.cluster_name = f"liushui-{digest(str(self.data))}"

    def is_running(self) -> bool:
        """Whether our server's process lives."""
        return postgres_lives(self.state)

    def ensure(self, prefix: str) -> None:
        """Have it running, with roles and database."""
        if not (self.data / "PG_VERSION").exists():
            self._make()
        if not (self.is_running() and self._answers()):
            self._start()
        # The SQL's digest is kept, so that a warm start connects to nothing and a changed role is still made.
        setup = digest(roles_sql(prefix) + database_sql(prefix))
        if self.state.postgres_setup != setup or not self.state.postgres_ready:
            self._set_up(prefix)
            self.state.postgres_setup, self.state.postgres_ready = setup, True
            self.state.save()

    def stop(self) -> None:
        """Stop it: first politely to its clients, then not."""
        if self.is_running():
            self.say("PostgreSQL: stopping")
            processes.end(
                [self.state.postgres_pid],
                alive=lambda pid: processes.is_ours(pid, "postgres", str(self.data)),
                steps=[(signal.SIGINT, 60), (signal.SIGQUIT, 10), (signal.SIGKILL, 5)],
            )
        self._reap()
        self.state.postgres_pid = 0

    def _make(self) -> None:
        self.say("PostgreSQL: making a database cluster (once)")
        with tempfile.TemporaryDirectory(dir=self.home.folder, prefix="new-") as name:
            # Made beside and moved into place in one step: a killed initdb leaves no half cluster.
            folder = Path(name)
            self.home.give(folder)
            secret = folder / "password"
            secret.write_text(self.state.passwords["postgres"] + "\n", encoding="utf-8")
            self.home.give(secret)
            done = self.home.run(
                self.home.postgres_bin / "initdb", "-D", folder / "data", f"--pwfile={secret}", *INITDB
            )
            if done.returncode:
                raise Refused(f"PostgreSQL's initdb failed: {_last_line(done.stderr or done.stdout)}")
            conf = folder / "data/postgresql.conf"
            conf.write_text(
                conf.read_text(encoding="utf-8") + "\ninclude_if_exists 'liushui.conf'\n", encoding="utf-8"
            )
            (folder / "data").replace(self.data)
        self.state.postgres_setup, self.state.postgres_ready = "", False
        self.state.save()

    def _start(self) -> None:
        self._reap()
        self._check_version()
        self.state.postgres_port = processes.free_port(self.state.postgres_port or None)
        self._configure()
        self.say("PostgreSQL: starting")
        child = self.home.start(self.log, self.home.postgres_bin / "postgres", "-D", self.data)
        self.state.postgres_pid = child.pid
        self.state.save()
        deadline = time.monotonic() + START_SECONDS
        spoken = time.monotonic()
        while time.monotonic() < deadline:
            if child.poll() is not None:
                raise Refused(f"PostgreSQL did not start: {_last_line(self._log_tail())} (see {self.log})")
            if self._answers():
                self.say(f"PostgreSQL: ready on port {self.state.postgres_port}")
                return
            if time.monotonic() - spoken > 5:
                spoken = time.monotonic()
                self.say("PostgreSQL: still starting (after a crash it replays its log)")
            time.sleep(0.1)
        raise Refused(f"PostgreSQL did not answer within {START_SECONDS} s (see {self.log})")

    def _answers(self) -> bool:
        ready = self.home.run(
            self.home.postgres_bin / "pg_isready",
            "-q",
            "-h",
            "127.0.0.1",
            "-p",
            str(self.state.postgres_port),
            "-t",
            "3",
        )
        return ready.returncode == 0

    def _check_version(self) -> None:
        major = (self.data / "PG_VERSION").read_text().strip()
        done = self.home.run(self.home.postgres_bin / "postgres", "--version")
        if done.returncode:
            raise Refused(f"PostgreSQL's binary does not run here: {_last_line(done.stderr)}")
        if f" {major}." not in done.stdout:
            raise Refused(
                f"{self.data} was made by PostgreSQL {major}, this is {done.stdout.strip()}; "
                "keep the older wheel, or dump and restore"
            )

    def _configure(self) -> None:
        settings = SETTINGS | {
            "port": str(self.state.postgres_port),
            "cluster_name": f"'{self.cluster_name}'",
        }
        if _shared_memory_is_small():  # parallel queries of a container would run out of it
            settings["dynamic_shared_memory_type"] = "mmap"
        conf = self.data / "liushui.conf"
        lines = "".join(f"{name} = {value}\n" for name, value in settings.items())
        conf.write_text(f"# written at every start\n{lines}", encoding="utf-8")
        self.home.give(conf)

    def _reap(self) -> None:
        """End what a killed launcher or a killed postmaster left, and remove a pid file nobody answers for."""

        def is_server(pid: int) -> bool:
            return processes.is_ours(pid, "postgres", "-D", str(self.data))

        def is_backend(pid: int) -> bool:
            return processes.command_line(pid).startswith(f"postgres: {self.cluster_name}")

        polite, hard = (signal.SIGINT, 30.0), (signal.SIGKILL, 5.0)
        lines = processes.command_lines()
        processes.end(lines, alive=is_server, steps=[polite, (signal.SIGQUIT, 10), hard])
        # Without their postmaster idle backends end by themselves at once, busy ones with their statement.
        processes.end(lines, alive=is_backend, steps=[(signal.SIGTERM, 5), (signal.SIGQUIT, 5), hard])
        pid_file = self.data / "postmaster.pid"
        if pid_file.exists():
            pid_file.unlink()  # no server of this folder lives: the pid was reused or is a zombie's

    def _set_up(self, prefix: str) -> None:
        """Roles, their passwords, and the database; running it again changes nothing."""
        names = role_names(prefix)
        with self._connect("postgres", "postgres", "postgres") as admin:
            admin.execute(roles_sql(prefix).encode())
            for role, secret in ((names.owner, "owner"), (names.web, "web")):
                admin.execute(
                    sql.SQL("alter role {} password {}").format(
                        sql.Identifier(role), sql.Literal(self.state.passwords[secret])
                    )
                )
            if admin.execute("select 1 from pg_database where datname = %s", [prefix]).fetchone() is None:
                admin.execute(
                    sql.SQL("create database {} owner {}").format(
                        sql.Identifier(prefix), sql.Identifier(names.owner)
                    )
                )
        with self._connect(names.owner, "owner", prefix) as owner:
            owner.execute(database_sql(prefix).encode())

    def _connect(self, role: str, secret: str, database: str) -> psycopg.Connection:
        return psycopg.connect(
            host="127.0.0.1",
            port=self.state.postgres_port,
            user=role,
            password=self.state.passwords[secret],
            dbname=database,
            autocommit=True,
            connect_timeout=10,
        )

    def _log_tail(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")[-4000:] if self.log.exists() else ""


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if "FATAL" in line or "error:" in line]
    return (telling or lines or ["no message"])[-1]


def _shared_memory_is_small() -> bool:
    try:
        found = os.statvfs("/dev/shm")
    except OSError:
        return False
    return found.f_blocks * found.f_frsize < 512 * 1024 * 1024
