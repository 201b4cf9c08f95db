"""Telling a script: jobs that fall due, then the line, then the next."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable
from typing import Any

import psycopg
from django.db import DataError, transaction
from django.utils import translation

from compliance.play import shows
from compliance.play.arguments import Arguments, BadLine, Handles
from compliance.play.script import Line, Malformed, lines
from compliance.play.verbs import VERBS, put_orders, read_order
from compliance.services import installation, schedule
from members.lib import queue
from members.lib import tenant as tenancy
from members.lib.refusals import Invalid, Refusal
from members.services import orders, points_daily

# Values that no service can take. All but the first are for what nobody foresaw.
UNTAKEABLE = (BadLine, TypeError, ValueError, ArithmeticError, RecursionError, DataError, psycopg.DataError)
PROGRESS = 1_000  # lines
TOGETHER = 2_000
A_DAY = dt.timedelta(days=1)
RESCHEDULES = ("policy.set", "merchant.create")
MOVES_HOLDS = ("points.hold", "program.open")
Print = Callable[[dict[str, Any]], None]
Say = Callable[[str], None]


def untakeable(line: Line, error: Exception) -> Malformed:
    """What is said of a line with a value that no service can take."""
    return Malformed(line.number, f"{line.verb}: {' '.join(str(error).split())}")


def as_json(value: Any) -> Any:
    """Instants as RFC 3339 text, days as ISO text."""
    if isinstance(value, dt.date):
        return value.isoformat()
    return str(value)


def dump(row: dict[str, Any]) -> str:
    """One output line."""
    return json.dumps(row, ensure_ascii=False, default=as_json)


def slug_of(refusal: Refusal) -> str:
    """The refusal's name in a play: what the API tells apart as kinds of invalid requests is one here."""
    return Invalid.slug if isinstance(refusal, Invalid) else refusal.slug


class Player:
    """Tells one script to the database in place."""

    def __init__(self, put: Print, *, with_jobs: bool = True, say: Say = lambda _line: None) -> None:
        self.put = put
        self.say = say
        self.with_jobs = with_jobs
        self.handles = Handles()
        self.reached: dt.datetime | None = None
        self.next_job: dt.datetime | None = None
        self.next_hold: dt.datetime | None = None  # when the first hold ends by itself
        self.waiting: list[tuple[Line, orders.OrderIn]] = []  # orders of one merchant, told together
        self.waiting_for = 0
        self.count = self.refused = 0

    def tell(self, texts: Iterable[str]) -> None:
        """Tell the whole script, in English, and print its last line; progress is said. Raises Malformed."""
        with queue.muted(), translation.override("en"):
            try:
                for line in lines(iter(texts)):
                    self.count += 1
                    self.one(line)
                    if self.count % PROGRESS == 0:
                        self.say(f"{self.count:,} lines, {line.at:%Y-%m-%d}")
            finally:
                self.flush()
        self.say(f"{self.count:,} lines told, {self.refused:,} refused")
        self.put({"done": True, "lines": self.count, "refused": self.refused})

    def one(self, line: Line) -> None:
        """The jobs due before a line, then the line in one transaction."""
        if self.reached is None:
            self.begin(line.at)
        elif self.with_jobs and line.at > self.reached and not self.is_quiet(until=line.at):
            self.flush()
            self.work_jobs(line.at)
        self.end_holds(line.at)
        self.reached = line.at
        try:
            if line.verb == "order.put":
                self.wait(line, *read_order(self.handles, line.at, Arguments(line.arguments)))
                return
            self.flush()
            with transaction.atomic():
                shown = self.do(line)
        except UNTAKEABLE as error:
            raise untakeable(line, error) from error
        except Refusal as refusal:
            self.refuse(line, refusal)
            return
        if line.verb in RESCHEDULES:
            self.next_job = None
        if line.verb in MOVES_HOLDS:
            self.next_hold = points_daily.next_hold_end()
        if shown is not None:
            self.put({"line": line.number, "at": line.at.isoformat(), **shown})

    def refuse(self, line: Line, refusal: Refusal) -> None:
        """Print a refused line; the play goes on."""
        self.refused += 1
        self.put({"line": line.number, "refused": slug_of(refusal), "detail": refusal.detail})

    def wait(self, line: Line, merchant_id: int, order: orders.OrderIn) -> None:
        """Keep an order until something else happens: many told together are as if told one by one, but quick."""
        if self.waiting and (self.waiting_for != merchant_id or len(self.waiting) >= TOGETHER):
            self.flush()
        self.waiting_for = merchant_id
        self.waiting.append((line, order))

    def flush(self) -> None:
        """Tell the orders that wait."""
        told, self.waiting = self.waiting, []
        if told:
            self.put_together(told)

    def put_together(self, told: list[tuple[Line, orders.OrderIn]]) -> None:
        """Tell orders in one transaction. Raises Malformed for the first that cannot be taken, those before it told."""
        try:
            with transaction.atomic():
                refusals = put_orders(self.waiting_for, [(line.at, order) for line, order in told])
        except UNTAKEABLE as error:
            if len(told) == 1:
                raise untakeable(told[0][0], error) from error
            for one in told:
                self.put_together([one])
            return
        for (line, _order), refusal in zip(told, refusals, strict=True):
            if refusal is not None:
                self.refuse(line, refusal)

    def begin(self, at: dt.datetime) -> None:
        """The platform begins with the first line: runs before it do not exist."""
        with tenancy.platform(), transaction.atomic():
            installation.install(at=at, scripted=True)

    def is_quiet(self, *, until: dt.datetime) -> bool:
        """Whether no job falls due up to an instant, by what was known when that was last looked up."""
        return self.next_job is not None and until < self.next_job

    def work_jobs(self, until: dt.datetime) -> None:
        """Every job due since the line before, at its own instant, in time order."""
        assert self.reached is not None
        with tenancy.platform(), transaction.atomic():
            due = schedule.due_jobs(after=self.reached, until=until)
        for job in due:
            self.end_holds(job.at)
            schedule.work(job)
        with tenancy.platform(), transaction.atomic():
            ahead = schedule.due_jobs(after=until, until=until + A_DAY)
        self.next_job = ahead[0].at if ahead else None

    def end_holds(self, until: dt.datetime) -> None:
        """Holds whose time is over end by themselves, each at its own instant: no job does it."""
        if self.next_hold is not None and self.next_hold <= until:
            self.flush()
            points_daily.end_due_holds(at=until)
            self.next_hold = points_daily.next_hold_end()

    def do(self, line: Line) -> dict[str, Any] | None:
        """One line. Raises BadLine, Refusal."""
        arguments = Arguments(line.arguments)
        if line.verb == "show":
            return shows.show(self.handles, line.at, arguments)
        verb = VERBS.get(line.verb)
        if verb is None:
            raise BadLine("no such verb")
        verb(self.handles, line.at, arguments)
        return None
