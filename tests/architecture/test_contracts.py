"""The import contracts notice a planted fault: who may open the play."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
PACKAGES = ["config", "compliance", "benefits", "members"]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The sources, to plant faults in."""
    for name in PACKAGES:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def judged(folder: Path) -> tuple[int, str]:
    """The linter's exit code and report."""
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-logo", "--no-cache"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def test_the_sources_keep_every_contract(copy):
    assert judged(copy)[0] == 0


@pytest.mark.parametrize(
    "module",
    ["services/life", "selectors/status", "lib/runs", "web/banner", "api/compliance", "tasks/clearance"],
)
def test_only_commands_may_open_the_play(copy, module):
    path = copy / "compliance" / f"{module}.py"
    path.write_text(path.read_text(encoding="utf-8") + "\nimport compliance.play.player\n", encoding="utf-8")

    code, report = judged(copy)

    assert code == 1
    assert f"compliance.{module.replace('/', '.')} -> compliance.play.player" in report
