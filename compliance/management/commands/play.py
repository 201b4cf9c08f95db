"""`manage.py play FILE.jsonl …`: history as a script (play.md)."""

from __future__ import annotations

import re
import sys
from argparse import ArgumentTypeError
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from compliance.play.player import Player, dump
from compliance.play.script import Malformed
from compliance.play.stage import stage
from members.management.base import PlainCommand, said_plainly

NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


def database_name(text: str) -> str:
    """A name that needs no quotes anywhere. Raises ArgumentTypeError."""
    if not NAME.fullmatch(text):
        raise ArgumentTypeError(
            f"“{text}” is not a name for a database: a small letter, then at most 62 small letters, digits and _"
        )
    return text


class Command(PlainCommand):
    """Tells scripted histories to the real services, each in a scratch database of its own."""

    help = "Tell a scripted history to the real services and print what it shows as JSON lines."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE.jsonl")
        parser.add_argument(
            "--keep", type=database_name, metavar="NAME", help="name the database, a new one, and leave it"
        )
        parser.add_argument("--no-jobs", action="store_true", help="leave the scheduled jobs out")
        parser.add_argument("--out", type=Path, metavar="DIR", help="write DIR/<file name> instead of stdout")
        parser.add_argument(
            "--json", action="store_true", help="accepted like everywhere; output is JSON anyway"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        files: list[Path] = options["files"]
        if options["keep"] and len(files) > 1:
            raise CommandError("--keep names one database: give one file")
        failed = False
        with said_plainly():
            for path in files:
                try:
                    self.tell(path, options)
                except (Malformed, OSError) as error:
                    failed = True
                    self.stderr.write(f"{path}: {error}")
        if failed:
            sys.exit(1)

    def tell(self, path: Path, options: dict[str, Any]) -> None:
        """One file, in a database of its own. Bytes that are no UTF-8 are malformed in the line they stand in."""
        with path.open(encoding="utf-8", errors="surrogateescape") as script, stage(options["keep"]):
            if options["out"]:
                options["out"].mkdir(parents=True, exist_ok=True)
            out = (options["out"] / path.name).open("w", encoding="utf-8") if options["out"] else sys.stdout

            def put(row: dict[str, Any]) -> None:
                out.write(dump(row) + "\n")
                out.flush()

            try:
                player = Player(
                    put, with_jobs=not options["no_jobs"], say=lambda line: self.say(f"{path}: {line}")
                )
                player.tell(script)
            finally:
                if options["out"]:
                    out.close()
