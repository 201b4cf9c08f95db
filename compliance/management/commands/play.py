"""`manage.py play FILE.jsonl …`: history as a script (play.md)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from compliance.play.player import Player, dump
from compliance.play.script import Malformed
from compliance.play.stage import stage


class Command(BaseCommand):
    """Tells scripted histories to the real services, each in a scratch database of its own."""

    help = "Tell a scripted history to the real services and print what it shows as JSON lines."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE.jsonl")
        parser.add_argument("--keep", default="", metavar="NAME", help="name the database and leave it")
        parser.add_argument("--no-jobs", action="store_true", help="leave the scheduled jobs out")
        parser.add_argument("--out", type=Path, metavar="DIR", help="write DIR/<file name> instead of stdout")
        parser.add_argument(
            "--json", action="store_true", help="accepted like everywhere; output is JSON anyway"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        files: list[Path] = options["files"]
        if options["keep"] and len(files) > 1:
            raise CommandError("--keep names one database: give one file")
        if options["out"]:
            options["out"].mkdir(parents=True, exist_ok=True)
        failed = False
        for path in files:
            try:
                self.tell(path, options)
            except (Malformed, OSError, UnicodeDecodeError) as error:
                failed = True
                self.stderr.write(f"{path}: {error}")
        if failed:
            sys.exit(1)

    def tell(self, path: Path, options: dict[str, Any]) -> None:
        """One file, in a database of its own."""
        with path.open(encoding="utf-8") as script, stage(options["keep"]):
            out = (options["out"] / path.name).open("w", encoding="utf-8") if options["out"] else sys.stdout

            def put(row: dict[str, Any]) -> None:
                out.write(dump(row) + "\n")
                out.flush()

            try:
                Player(put, with_jobs=not options["no_jobs"]).tell(script)
            finally:
                if options["out"]:
                    out.close()
