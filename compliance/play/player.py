"""Telling a script: jobs that fall due, then the line, then the next."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable
from typing import Any

from django.db import connections, transaction

from compliance.play import shows
from compliance.play.arguments import Arguments, BadLine, Handles
from compliance.play.script import Line, Malformed, lines
from compliance.play.verbs import NOT_YET, VERBS
from compliance.services import installation, schedule
from members.lib import tenant as tenancy
from members.lib.refusals import Refusal

Print = Callable[[dict[str, Any]], None]


def as_json(value: Any) -> Any:
    """Instants as RFC 3339 text, days as ISO text."""
    if isinstance(value, dt.date):
        return value.isoformat()
    return str(value)


def dump(row: dict[str, Any]) -> str:
    """One output line."""
    return json.dumps(row, ensure_ascii=False, default=as_json)


class Player:
    """Tells one script to the database in place."""

    def __init__(self, put: Print, *, with_jobs: bool = True) -> None:
        self.put = put
        self.with_jobs = with_jobs
        self.handles = Handles()
        self.reached: dt.datetime | None = None
        self.count = self.refused = 0

    def tell(self, texts: Iterable[str]) -> None:
        """Tell the whole script and print its last line. Raises Malformed."""
        for line in lines(iter(texts)):
            self.count += 1
            self.one(line)
        self.put({"done": True, "lines": self.count, "refused": self.refused})

    def one(self, line: Line) -> None:
        """The jobs due before a line, then the line in one transaction."""
        if self.reached is None:
            self.begin(line.at)
        elif self.with_jobs and line.at > self.reached:
            self.work_jobs(line.at)
        self.reached = line.at
        try:
            with transaction.atomic():
                shown = self.do(line)
        except BadLine as error:
            raise Malformed(line.number, f"{line.verb}: {error}") from error
        except Refusal as refusal:
            self.refused += 1
            self.put({"line": line.number, "refused": refusal.slug, "detail": refusal.detail})
            return
        if shown is not None:
            self.put({"line": line.number, "at": line.at.isoformat(), **shown})

    def begin(self, at: dt.datetime) -> None:
        """The platform begins with the first line: runs before it do not exist."""
        with connections["default"].cursor() as cursor:
            cursor.execute("set synchronous_commit = off")
        with tenancy.platform(), transaction.atomic():
            installation.install(at=at, scripted=True)

    def work_jobs(self, until: dt.datetime) -> None:
        """Every job due since the line before, at its own instant, in time order."""
        assert self.reached is not None
        done = self.reached
        while True:
            with tenancy.platform(), transaction.atomic():
                due = schedule.due_jobs(after=done, until=until)
            if not due:
                return
            for job in due:
                schedule.work(job)
            done = until

    def do(self, line: Line) -> dict[str, Any] | None:
        """One line. Raises BadLine, Refusal."""
        arguments = Arguments(line.arguments)
        if line.verb == "show":
            return shows.show(self.handles, line.at, arguments)
        if line.verb in NOT_YET:
            raise BadLine("not yet built")
        verb = VERBS.get(line.verb)
        if verb is None:
            raise BadLine("no such verb")
        verb(self.handles, line.at, arguments)
        return None
