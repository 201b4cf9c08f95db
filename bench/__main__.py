"""`python -m bench [--scale small|full] [--only P1]`: every bench, or one, as a table and in `var/bench.json`."""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module
from pathlib import Path

import django

from bench import harness


def main() -> int:
    """Run the benches and print the table; exit code 1 when a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--scale", choices=sorted(harness.SCALES), default=os.environ.get("SCALE") or "small")
    parser.add_argument("--only", default=os.environ.get("ONLY", ""), metavar="P1")
    given = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    os.environ.setdefault("LOG_LEVEL", "ERROR")
    django.setup()
    from django.conf import settings

    files = sorted(Path(__file__).parent.glob("p[0-9]*_*.py"))
    only = given.only.lower()
    wanted = [file for file in files if only in ("", file.stem, file.stem.split("_")[0])]
    if not wanted:
        print(f"no bench {given.only}", file=sys.stderr)
        return 1
    rows: list[harness.Row] = []
    for file in wanted:
        rows.extend(import_module(f"bench.{file.stem}").run(given.scale))
        harness.write(rows, Path(settings.DATA_DIR) / "bench.json")
    print(harness.table(rows))
    return 0 if all(row.met for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
