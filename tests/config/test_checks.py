"""`make check`: what the deployment check looks at is there, also the first time."""

from __future__ import annotations

import shutil
import subprocess

from config.embedded import BASE_DIR
from tests.environment import missing


def test_assets_and_translations_are_made_before_they_are_checked() -> None:
    if shutil.which("make") is None:
        missing("make")
    done = subprocess.run(["make", "-n", "check"], cwd=BASE_DIR, capture_output=True, text=True, check=True)

    modules = [line.rpartition(" -m ")[2].split()[0] for line in done.stdout.splitlines() if " -m " in line]

    assert modules == ["config.assets", "config.translations", "config.checks"]
