"""`make run`: everything comes up, comes back after `kill -9` of everything of ours, and goes at Ctrl-C."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from config import embedded, processes
from config.embedded_home import load_state
from config.supervisor import MARK
from tests.waiting import until

# Of the suite itself; a person who starts the product has none of them.
OF_THE_SUITE = (
    "LIUSHUI_TESTING",
    "BROKER_PREFIX",
    "LOG_LEVEL",
    "DATABASE_URL",
    "CELERY_BROKER_URL",
    "CACHE_URL",
)


@dataclass
class Run:
    """`make run` on a data folder and a port of its own."""

    folder: Path
    port: int
    child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Begin it, and wait until database, broker and worker are ready."""
        environment = {name: value for name, value in os.environ.items() if name not in OF_THE_SUITE}
        environment |= {"DATA_DIR": str(self.folder), "PORT": str(self.port), "DEMO": "false"}
        with self.log.open("ab") as log:
            self.child = subprocess.Popen(
                [sys.executable, "-m", "config.supervisor"],
                cwd=embedded.BASE_DIR,
                env=environment | {"WEB_WORKERS": "1", "WORKER_PROCESSES": "1"},
                stdout=log,
                stderr=log,
            )
        until(self.is_ready, "everything is ready", log=self.log, patience=300)

    def is_ready(self) -> bool:
        """Whether it says so; raises when it ended."""
        assert self.child is not None and self.child.poll() is None, self.log.read_text()[-3000:]
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as answer:
            return answer.status == 200

    @property
    def log(self) -> Path:
        """What a person would see."""
        return self.folder / "seen.log"

    def marked(self, *words: str) -> list[int]:
        """The processes that it started, theirs included, whose command line has these words."""
        found = processes.marked(MARK, str(self.folder))
        return [pid for pid in found if all(word in processes.command_line(pid) for word in words)]

    def kill(self) -> None:
        """What a crash of the machine's memory would do: nobody can clear up."""
        assert self.child is not None
        programs = json.loads((self.folder / "run.json").read_text())["programs"]
        assert set(programs) == {"web", "worker", "beat"}
        for pid in (self.child.pid, *programs.values()):
            os.kill(pid, signal.SIGKILL)
        self.child.wait()

    def stop(self) -> int:
        """Ctrl-C; its exit code."""
        assert self.child is not None
        self.child.send_signal(signal.SIGINT)
        return self.child.wait(120)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Removed at the end, wherever its servers live."""
    run = Run(tmp_path, processes.free_port())
    yield run
    if run.child is not None and run.child.poll() is None:
        run.child.kill()
        run.child.wait()
    processes.end(
        run.marked(), alive=lambda pid: bool(processes.command_line(pid)), steps=[(signal.SIGKILL, 5)]
    )
    embedded.stop(run.folder, say=lambda line: None)
    state = load_state(run.folder)
    if state is not None and state.home is not None:
        shutil.rmtree(state.home, ignore_errors=True)


def began(folder: Path) -> list[tuple]:
    """What the first start wrote down."""
    urls = embedded.urls(folder)
    assert urls is not None
    with psycopg.connect(urls.admin_url, dbname="liushui") as database:
        return database.execute("select id, installed_at from members_installation").fetchall()


def test_a_run_outlives_a_kill_of_all_its_processes_and_leaves_none_at_the_end(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in OF_THE_SUITE:
        monkeypatch.delenv(name, raising=False)
    run.start()
    installed = began(run.folder)
    orphans = run.marked()

    run.kill()
    run.start()

    assert len(installed) == 1 and began(run.folder) == installed
    assert not set(orphans) & set(run.marked())
    assert len(run.marked("celery", "beat")) == 1

    assert run.stop() == 0

    assert run.marked() == []
    state = load_state(run.folder)
    assert state is not None and not embedded.postgres_lives(state) and not embedded.broker_lives(state)
