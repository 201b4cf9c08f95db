"""What every management command shares: `--json`, `--at`, one clear line when it cannot do what was asked."""

from __future__ import annotations

import datetime as dt
import json
import sys
from argparse import ArgumentTypeError
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import InterfaceError, OperationalError
from django.utils import timezone, translation

from members.lib import tenant as tenancy
from members.lib.periods import instant_of
from members.lib.refusals import Refusal


class Refused(CommandError):
    """A rule said no; the sentence says what and how to fix it."""


def instant(text: str) -> dt.datetime:
    """An aware instant of the command line, `2024-06-27T23:00+08:00`. Raises ArgumentTypeError."""
    try:
        return instant_of(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


def one_line(text: object) -> str:
    """A message without its line breaks."""
    return " ".join(str(text).split())


@contextmanager
def said_plainly() -> Iterator[None]:
    """Work in English; a refusal and a database that cannot be reached become a CommandError of one line."""
    with translation.override("en"):
        try:
            yield
        except Refusal as refusal:
            raise Refused(one_line(refusal.detail)) from refusal
        except (OperationalError, InterfaceError, psycopg.OperationalError) as error:
            from_server = error if isinstance(error, psycopg.Error) else error.__cause__
            if getattr(from_server, "sqlstate", None):
                raise  # the server answered: not a matter of reaching it
            line = str(error).strip().splitlines()
            raise CommandError(f"the database cannot be reached: {line[0] if line else error}") from error


class PlainCommand(BaseCommand):
    """A command whose failures, bad arguments among them, are exit code 1 and one line on stderr."""

    requires_migrations_checks = False

    def say(self, line: str) -> None:
        """Progress, to stderr, so that stdout holds the result alone."""
        self.stderr.write(line, self.style.NOTICE)
        self.stderr.flush()

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """A parser that raises CommandError for a bad argument, from the command line too."""
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.called_from_command_line = False
        return parser

    def run_from_argv(self, argv: list[str]) -> None:
        """A bad argument is one line, and Ctrl-C is no traceback either."""
        try:
            super().run_from_argv(argv)
        except CommandError as error:  # of the parser: those of the work were said already
            if "--traceback" in argv:
                raise
            self.stderr.write(f"{one_line(error).removeprefix('Error: ')} (--help says more)")
            sys.exit(1)
        except KeyboardInterrupt:
            self.stderr.write("stopped; what was done so far is kept")
            sys.exit(130)


class Command(PlainCommand):
    """A command that works as the platform and answers with one result.

    A command gives `arguments` (its own) and `work`, which returns what `--json` prints as one object on stdout;
    without `--json`, `summary` says it in words. `say` writes progress to stderr. Refusals and a database that is
    down end in exit code 1 and one line on stderr. A command opens its own transactions.
    """

    takes_at = True

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

    def handle(self, *args: Any, **options: Any) -> str | None:
        """Run `work` in English, as the platform."""
        wants_json = options.pop("json", False)
        at = options.pop("at", None) or timezone.now()
        with said_plainly(), tenancy.platform():
            result = self.work(at=at, **options)
            text = json.dumps(result, default=str, ensure_ascii=False) if wants_json else self.summary(result)
            failure = self.fails(result)
        self.stdout.write(text)
        if failure:
            raise CommandError(failure)
        return None
