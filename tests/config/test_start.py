"""No program starts with a log-in that is too powerful, and each says so in one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connections

from config import embedded, processes
from config.postgres.base import DatabaseWrapper
from tests import programs

BEAT = [*programs.CELERY, "beat", "--pidfile=", "--schedule"]
WHY = "DATABASE_URL's log-in owns the tables or is a member of their owner, so row security would not hold."
NOWHERE = "redis://127.0.0.1:9/0"


def start(command: list[str], folder: Path, **extra: str) -> subprocess.CompletedProcess[str]:
    """Start a program as the owner of the tables and wait for its end."""
    environment = programs.environment(folder, database=programs.address("owner"), broker=NOWHERE)
    return subprocess.run(
        command,
        cwd=embedded.BASE_DIR,
        env=environment | extra,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,  # a safety net: starting takes seconds of a processor that may be shared
        check=False,
    )


def said(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in done.stdout.splitlines() if WHY in line]


@pytest.mark.parametrize(("program", "code"), [("web", 3), ("worker", 1), ("beat", 1)])
def test_a_program_ends_at_once_and_says_why(django_db_setup, tmp_path: Path, program: str, code: int):
    port = processes.free_port()
    command = {
        "web": programs.web(port),
        "worker": programs.WORKER,
        "beat": [*BEAT, str(tmp_path / "beat")],
    }[program]

    done = start(command, tmp_path)

    assert done.returncode == code, done.stdout
    assert len(said(done)) == 1 and "Traceback" not in done.stdout
    assert not (tmp_path / "beat").exists()


def test_make_run_ends_before_it_changes_anything(django_db_setup, tmp_path: Path):
    data = tmp_path / "data"
    environment = {"DATA_DIR": str(data), "PORT": str(processes.free_port())}

    done = start([sys.executable, "-m", "config.supervisor"], tmp_path, **environment)

    assert done.returncode == 1, done.stdout
    assert len(said(done)) == 1 and "Traceback" not in done.stdout
    assert "migrations" not in done.stdout and not (data / "static").exists()


def test_a_site_that_met_its_log_in_late_says_the_reason_when_asked_whether_it_is_ready(
    django_db_setup, django_db_blocker, client, monkeypatch
):
    default, owner = connections["default"], connections["owner"].settings_dict
    with django_db_blocker.unblock():
        default.close()
        monkeypatch.setattr(DatabaseWrapper, "_log_in_is_checked", False)
        for name in ("USER", "PASSWORD"):
            monkeypatch.setitem(default.settings_dict, name, owner[name])

        answer = client.get("/readyz")

        assert default.connection is None
    assert (answer.status_code, answer.json()["database"]) == (503, f"refused: {WHY}")
