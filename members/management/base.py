"""What every management command shares: `--json`, `--at`, one clear line when it cannot do what was asked."""

from __future__ import annotations

import datetime as dt
import json
import sys
from argparse import ArgumentTypeError
from collections.abc import Mapping
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, InterfaceError, OperationalError
from django.utils import timezone, translation
from psycopg_pool import PoolTimeout

from members.lib import tenant as tenancy
from members.lib.refusals import Refusal


class Refused(CommandError):
    """A rule said no; the sentence says what and how to fix it."""


def instant(text: str) -> dt.datetime:
    """An aware instant of the command line, `2024-06-27T23:00+08:00`. Raises ArgumentTypeError."""
    try:
        at = dt.datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"“{text}” is not a time; write it like 2024-06-27T23:00+08:00") from None
    if at.tzinfo is None:
        raise ArgumentTypeError(f"“{text}” has no offset; write it like {text}+08:00")
    return at


class Command(BaseCommand):
    """A command that works as the platform and answers with one result.

    A command gives `arguments` (its own) and `work`, which returns what `--json` prints as one object on stdout;
    without `--json`, `summary` says it in words. `say` writes progress to stderr. Refusals and a database that is
    down end in exit code 1 and one line on stderr. A command opens its own transactions.
    """

    takes_at = True
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        """The two options all commands share, then the command's own."""
        parser.add_argument("--json", action="store_true", help="print one JSON object on stdout")
        if self.takes_at:
            parser.add_argument(
                "--at", type=instant, default=None, metavar="INSTANT", help="as if it were this instant"
            )
        self.arguments(parser)

    def arguments(self, parser: CommandParser) -> None:
        """The command's own arguments."""

    def work(self, *, at: dt.datetime, **options: Any) -> Mapping[str, Any]:
        """Do it and return the result; every key of it is part of the command's contract."""
        raise NotImplementedError

    def summary(self, result: Mapping[str, Any]) -> str:
        """The result in words."""
        return "\n".join(f"{name}: {value}" for name, value in result.items())

    def fails(self, result: Mapping[str, Any]) -> str:
        """Why this result means exit code 1 although it is printed; "" when it does not."""
        return ""

    def say(self, line: str) -> None:
        """Progress, to stderr, so that stdout holds the result alone."""
        self.stderr.write(line, self.style.NOTICE)
        self.stderr.flush()

    def handle(self, *args: Any, **options: Any) -> str | None:
        """Run `work` in English, as the platform."""
        wants_json = options.pop("json", False)
        at = options.pop("at", None) or timezone.now()
        try:
            with translation.override("en"), tenancy.platform():
                result = self.work(at=at, **options)
                text = (
                    json.dumps(result, default=str, ensure_ascii=False)
                    if wants_json
                    else self.summary(result)
                )
                failure = self.fails(result)
        except Refusal as refusal:
            raise Refused(refusal.detail) from refusal
        except (OperationalError, InterfaceError, PoolTimeout) as error:
            if isinstance(error, DatabaseError) and getattr(error.__cause__, "sqlstate", None):
                raise  # the server answered: not a matter of reaching it
            line = str(error).strip().splitlines()
            raise CommandError(f"the database cannot be reached: {line[0] if line else error}") from error
        self.stdout.write(text)
        if failure:
            raise CommandError(failure)
        return None

    def run_from_argv(self, argv: list[str]) -> None:
        """Ctrl-C is no traceback either."""
        try:
            super().run_from_argv(argv)
        except KeyboardInterrupt:
            self.stderr.write("stopped; what was done so far is kept")
            sys.exit(130)
