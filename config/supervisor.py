"""`make run`: everything Liushui needs in one foreground process group with one readable log.

Starts the embedded servers (unless the environment names others), brings the database and the static files up to
date, lays the demo data the first time, then runs web, worker and beat and starts again whatever dies. Ctrl-C stops
what it started. After a `kill -9` of everything the next run finds the orphans, ends them, and goes on.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import FrameType
from typing import NoReturn
from urllib.error import URLError
from urllib.request import urlopen

import psycopg
from django.core.exceptions import ImproperlyConfigured

from config import embedded, env, processes
from config.embedded_home import Refused
from config.preparation import Preparation, relay, say

MARK = "LIUSHUI_RUN"  # in the environment of every process we start, so that their children are found as well
STOP_SECONDS = 25.0
CRASHES_ALLOWED = 5
CRASH_WINDOW = 60.0
SERVER_CHECK_SECONDS = 2.0

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """A signal asked us to stop."""


@dataclass
class Program:
    """One long-running process and its history of crashes."""

    name: str
    command: list[str]
    child: subprocess.Popen[str] | None = None
    crashes: deque[float] = field(default_factory=deque)
    not_before: float = 0.0


class Supervisor:
    """The run of one checkout's data folder."""

    def __init__(self) -> None:
        self.data_dir = embedded.default_data_dir()
        self.host = env.text("HOST", "127.0.0.1")
        self.port = env.integer("PORT", 8000, least=1, most=65_535)
        self.is_embedded = not embedded.has_own_database()
        self.programs: list[Program] = []
        self.record = self.data_dir / "run.json"
        self.demo = self.data_dir / "demo.json"
        self.environment = os.environ | {
            MARK: str(self.data_dir),
            "PYTHONUNBUFFERED": "1",
            "DJANGO_SETTINGS_MODULE": "config.settings",
            # Root in a container is usual; tasks are JSON, so Celery's warning about root has no object.
            "PYTHONWARNINGS": "ignore:You're running the worker",
        }
        # What only a person's own machine wants; said explicitly, it is left as it is.
        self.environment.setdefault("LOG_JSON", "false")
        self.environment.setdefault("SITE_URL", f"http://{self._shown_host()}:{self.port}")
        if self.is_embedded:
            self.environment["DEMO"] = "true" if env.flag("DEMO", True) else "false"

    def run(self) -> NoReturn:
        """Until stopped."""
        with ExitStack() as stack:
            self._be_alone(stack)
            self._check_port()
            stack.enter_context(embedded.lease(self.data_dir, say=lambda line: say("servers", line)))
            stack.callback(self._stop_programs)
            Preparation(self.data_dir, self.environment, self.demo).run()
            self.programs = self._programs()
            for program in self.programs:
                self._start(program)
            self._welcome()
            self._watch()

    def reap(self) -> None:
        """End what a killed run left behind, and nothing else."""
        with ExitStack() as stack:
            self._be_alone(stack)

    def _be_alone(self, stack: ExitStack) -> None:
        if not stack.enter_context(processes.held(self.data_dir / "run.lock", wait=False)):
            raise Refused(
                f"already running on {self.data_dir}; stop that one first (or set DATA_DIR and PORT)"
            )
        self._reap()

    # --- Before -----------------------------------------------------------------------------------------------------

    def _check_port(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.host, self.port))
            except OSError as error:
                raise Refused(
                    f"port {self.port} is taken by another program; choose one: make run PORT=8001"
                ) from error

    # --- The programs -----------------------------------------------------------------------------------------------

    def _programs(self) -> list[Program]:
        python = sys.executable
        workers = str(env.integer("WEB_WORKERS", 2, least=1, most=64))
        threads = str(env.integer("WEB_THREADS", 4, least=1, most=64))
        jobs = str(env.integer("WORKER_PROCESSES", 2, least=1, most=64))
        celery = [python, "-m", "celery", "-A", "config", "--quiet"]
        level = env.text("LOG_LEVEL", "INFO")
        return [
            Program(
                "web",
                [python, "-m", "gunicorn", "config.wsgi:application", "--bind", f"{self.host}:{self.port}"]
                + ["--worker-class", "gthread", "--workers", workers, "--threads", threads]
                + ["--graceful-timeout", "15", "--timeout", "60", "--no-control-socket"],
            ),
            Program(
                "worker",
                [*celery, "worker", "--loglevel", level, "--concurrency", jobs, "--hostname", "liushui@%h"]
                + ["--without-gossip", "--without-mingle"],
            ),
            Program(
                "beat",
                [
                    *celery,
                    "beat",
                    "--loglevel",
                    level,
                    "--pidfile=",
                    "--schedule",
                    str(self.data_dir / "beat"),
                ],
            ),
        ]

    def _start(self, program: Program) -> None:
        program.child = subprocess.Popen(
            program.command,
            cwd=embedded.BASE_DIR,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        threading.Thread(target=relay, args=(program.name, program.child.stdout), daemon=True).start()
        self._remember()

    def _remember(self) -> None:
        pids = {program.name: program.child.pid for program in self.programs if program.child is not None}
        part = self.record.with_suffix(".part")
        part.write_text(json.dumps({"supervisor": os.getpid(), "programs": pids}), encoding="utf-8")
        part.replace(self.record)

    def _watch(self) -> NoReturn:
        checked = time.monotonic()
        while True:
            time.sleep(0.3)
            for program in self.programs:
                self._look_after(program)
            if time.monotonic() - checked > SERVER_CHECK_SECONDS:
                checked = time.monotonic()
                self._look_after_servers()

    def _look_after(self, program: Program) -> None:
        now = time.monotonic()
        if program.child is None:
            if now >= program.not_before:
                self._start(program)
            return
        code = program.child.poll()
        if code is None:
            return
        program.child = None
        program.crashes.append(now)
        while program.crashes and program.crashes[0] < now - CRASH_WINDOW:
            program.crashes.popleft()
        if len(program.crashes) > CRASHES_ALLOWED:
            raise Refused(
                f"{program.name} ended {len(program.crashes)} times within a minute; the lines above say why"
            )
        program.not_before = now + min(2 ** (len(program.crashes) - 1), 10)
        say(program.name, f"ended with exit code {code}; starting it again")

    def _look_after_servers(self) -> None:
        try:
            embedded.revive(self.data_dir, say=lambda line: say("servers", line))
        except Refused as refused:
            say("servers", str(refused))

    # --- The end ----------------------------------------------------------------------------------------------------

    def _stop_programs(self) -> None:
        say("setup", "stopping (Ctrl-C again ends everything at once)")
        living = [program for program in self.programs if program.child is not None]
        for program in living:
            assert program.child is not None
            if program.child.poll() is None:
                program.child.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        try:
            for program in living:
                assert program.child is not None
                program.child.wait(timeout=max(0.1, deadline - time.monotonic()))
        except (subprocess.TimeoutExpired, Stopped):
            say("setup", "not everything ended by itself; ending it")
        for number in SIGNALS:  # the servers' orderly stop is not to be interrupted
            signal.signal(number, signal.SIG_IGN)
        self._end_marked(gently=False)
        for program in living:
            assert program.child is not None
            program.child.wait()
        self.record.unlink(missing_ok=True)

    def _reap(self) -> None:
        """End what a killed run left behind; two beats would do everything twice."""
        recorded: list[int] = []
        try:
            kept = json.loads(self.record.read_text(encoding="utf-8"))
            recorded = [int(pid) for pid in kept["programs"].values()]
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            pass
        found = self._end_marked(gently=True)
        found += processes.end(
            recorded,
            alive=lambda pid: (
                processes.is_ours(pid, "-m", "gunicorn config.wsgi")
                or processes.is_ours(pid, "-m", "celery", "-A", "config")
            ),
            steps=[(signal.SIGTERM, 10), (signal.SIGKILL, 5)],
        )
        if found:
            say("setup", f"ended {len(found)} processes that an earlier run left behind")
        self.record.unlink(missing_ok=True)

    def _end_marked(self, *, gently: bool) -> list[int]:
        steps = [(signal.SIGTERM, 10.0)] if gently else []
        mine = processes.marked(MARK, str(self.data_dir))
        return processes.end(
            mine,
            alive=lambda pid: bool(processes.command_line(pid)),
            steps=[*steps, (signal.SIGKILL, 5.0)],
        )

    # --- What a person sees -----------------------------------------------------------------------------------------

    def _shown_host(self) -> str:
        return "127.0.0.1" if self.host in {"0.0.0.0", "::"} else self.host

    def _welcome(self) -> None:
        address = f"http://{self._shown_host()}:{self.port}"
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            for program in self.programs:
                self._look_after(program)
            try:
                with urlopen(f"{address}/healthz", timeout=2):
                    break
            except (URLError, OSError):
                time.sleep(0.2)
        say("", "")
        say("", f"Liushui is at {address}")
        for line in self._log_ins():
            say("", line)
        say("", "Ctrl-C stops everything; the data stays for the next run.")
        say("", "")

    def _log_ins(self) -> list[str]:
        """The demo accounts as seed_demo wrote them for the sign-in page."""
        if self.environment.get("DEMO") != "true":
            return []
        try:
            accounts = json.loads((self.data_dir / "demo-accounts.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return []
        lines = ["Demo log-ins (the sign-in page offers them in one click):"]
        for account in accounts:
            words = (str(account.get(key) or "") for key in ("account", "password", "label", "note"))
            lines.append("  " + "  ".join(word for word in words if word))
        return lines if accounts else []


_first_signal: list[float] = []


def _on_signal(number: int, frame: FrameType | None) -> None:
    # One Ctrl-C may reach us twice, from the terminal and from make; only one well after it means "at once".
    if _first_signal and time.monotonic() - _first_signal[0] < 2:
        return
    _first_signal.append(time.monotonic())
    raise Stopped(signal.Signals(number).name)


def main() -> int:
    """The command line: no arguments, or `--reap` to only clear up after a killed run."""
    env.load_dotenv(embedded.BASE_DIR / ".env")
    for number in SIGNALS:
        signal.signal(number, _on_signal)
    try:
        if sys.argv[1:] == ["--reap"]:
            Supervisor().reap()
            return 0
        Supervisor().run()
    except Stopped:
        say("setup", "stopped")
        return 0
    except (Refused, ImproperlyConfigured, psycopg.OperationalError) as error:
        say("setup", " ".join(str(error).split()))
        return 1


if __name__ == "__main__":
    sys.exit(main())
