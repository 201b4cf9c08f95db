"""Kinds whose rows are things of their own: a row is checked alone, and posted once, in order, chunk by chunk.

The file says the same each time it is read at the import's instant, so nothing is staged: where an import stands is a
number of rows, moved in the transaction that posts them.
"""

from __future__ import annotations

import datetime as dt
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeVar

from django.db import transaction

from members.lib.collection import no_collection
from members.lib.refusals import Invalid
from members.models import ImportJob, ImportState, Merchant
from members.services import leases
from members.services.audit import Actor
from members.services.imports import hold, jobs, reading, rejects
from members.services.imports.kinds import Foreseen, Kind, Progress

Item = TypeVar("Item")


@dataclass(slots=True)
class Checked(Generic[Item]):
    """The items of a file in the order in which they are posted, and what is left out, by line of the file."""

    rows: int
    items: list[Item]
    reasons: dict[int, str]


@dataclass(slots=True)
class Posted:
    """What became of a chunk: counters of the import to add to, and the reasons of rows that were left out."""

    counters: dict[str, int] = field(default_factory=dict)
    reasons: dict[int, str] = field(default_factory=dict)
    first: int | None = None  # ids of what was made, where an undoing finds it by them
    last: int | None = None


class RowKind(Kind, Generic[Item]):
    """A kind of file whose rows are posted one for one."""

    most_rows: ClassVar[int] = 1_000_000

    @abstractmethod
    def too_many(self, rows: int) -> str:
        """What is said of a file with more rows than are taken."""

    @abstractmethod
    def check(
        self, sheet: reading.Sheet, job: ImportJob, merchant: Merchant, at: dt.datetime
    ) -> Checked[Item]:
        """What each row says; knows the file alone, not the books."""

    @abstractmethod
    def compare(
        self, job: ImportJob, merchant: Merchant, items: Sequence[Item], at: dt.datetime
    ) -> tuple[Any, int, dict[int, str]]:
        """What posting these would do (a dataclass), to how many people, which rows it would leave out. Reads only."""

    @abstractmethod
    def post(
        self, job: ImportJob, merchant: Merchant, items: Sequence[Item], actor: Actor, at: dt.datetime
    ) -> Posted:
        """Post what is not posted yet, in the caller's transaction."""

    def check_file(
        self, job: ImportJob, merchant: Merchant, source: reading.Source, at: dt.datetime
    ) -> Checked[Item]:
        """Read and check a whole file whose columns are known. Raises Invalid."""
        sheet = reading.read(source, self.fields.places(source.headers, job.columns))
        if sheet.rows > self.most_rows:
            raise Invalid(self.too_many(sheet.rows))
        return self.check(sheet, job, merchant, at)

    def foresee(
        self, job: ImportJob, merchant: Merchant, source: reading.Source, at: dt.datetime
    ) -> Foreseen:
        """Check the file, then compare it with the books."""
        checked = self.check_file(job, merchant, source, at)
        with transaction.atomic():
            preview, people, more = self.compare(job, merchant, checked.items, at)
        reasons = dict(sorted((checked.reasons | more).items()))
        return Foreseen(checked.rows, len(checked.items), people, reasons, preview)

    def run(self, job: ImportJob, merchant: Merchant, at: dt.datetime, tell: Progress, chunk: int) -> None:
        """Post chunk by chunk from where the import stands, then put the rejects together."""
        assert job.at is not None
        source = hold.open_source(job)
        checked = self.check_file(job, merchant, source, job.at)
        rejects.note(job, "check", checked.reasons)
        with transaction.atomic():
            job = hold.mine(job)
            if not job.position:
                job.rows, job.rejected = checked.rows, len(checked.reasons)
                job.total_orders = len(checked.items)
                job.save()
        tell(job)
        while job.position < len(checked.items):
            with no_collection(), transaction.atomic():
                jobs.flush_later()
                job = hold.mine(job)
                self._post(job, merchant, checked.items[job.position : job.position + chunk])
            tell(job)
        with transaction.atomic():
            job = hold.mine(job)
            if rejects.noted(job):
                hold.put_rejects(job, source)
            jobs.end(job, ImportState.DONE, at)

    def _post(self, job: ImportJob, merchant: Merchant, items: Sequence[Item]) -> None:
        """Post one chunk and move the import's position, in one transaction."""
        assert job.at is not None
        actor = Actor("user" if job.by_id else "job", job.by_label or "import", job.by_id)
        done = self.post(job, merchant, items, actor, job.at)
        rejects.note(job, f"posted-{job.position:012d}", done.reasons)
        job.position += len(items)
        for name, number in done.counters.items():
            setattr(job, name, getattr(job, name) + number)
        job.rejected += len(done.reasons)
        job.attempts = 0
        if done.first is not None:
            job.requests = {"first": job.requests.get("first", done.first), "last": done.last}
        job.save()
        leases.keep(job)
