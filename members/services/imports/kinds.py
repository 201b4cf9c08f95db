"""What a kind of file brings to the door of imports: columns, checking, posting and, perhaps, undoing."""

from __future__ import annotations

import datetime as dt
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import Any, ClassVar

from members.models import ImportJob, ImportKind, Merchant
from members.services.audit import Actor
from members.services.imports.columns import Fields
from members.services.imports.reading import Source

Progress = Callable[[ImportJob], None]


@dataclass(slots=True)
class Foreseen:
    """What a look at a whole file came to; `preview` is a dataclass of the kind's own, `reasons` go by line."""

    rows: int
    total: int  # things that would be posted
    people: int
    reasons: Mapping[int, str]
    preview: Any
    notes: list[str] = field(default_factory=list)


class Undoing(ABC):
    """How a kind of import is taken back, within the hours after its end that `undo` gives."""

    counters: ClassVar[tuple[str, ...]]  # of `ImportJob.undo`, besides `position` and `rows`

    @abstractmethod
    def has_any(self, job: ImportJob) -> bool:
        """Whether the import made anything that can be taken back."""

    @abstractmethod
    def consequences(self, job: ImportJob) -> Any | None:
        """What taking it back would do now; None when nothing of it stands. Reads only."""

    @abstractmethod
    def take_back(self, job: ImportJob, merchant: Merchant, at: dt.datetime, actor: Actor, size: int) -> bool:
        """Take the next things back and move `job.undo`, in the transaction at hand; whether they were the last."""

    def numbers(self, job: ImportJob) -> dict[str, int]:
        """What the audit log keeps of an undoing."""
        return {name: job.undo[name] for name in self.counters}


class Kind(ABC):
    """One kind of file."""

    name: ClassVar[ImportKind]
    task: ClassVar[str]
    fields: ClassVar[Fields]
    chunk: ClassVar[int]  # how many things are posted in one transaction
    undoing: ClassVar[Undoing | None] = None

    @abstractmethod
    def foresee(self, job: ImportJob, merchant: Merchant, source: Source, at: dt.datetime) -> Foreseen:
        """What would come of a file whose columns are known. Reads only, in a transaction of its own. Raises Invalid.

        Of the job only what says whose file it is and how to read it is used, so it need not be saved.
        """

    @abstractmethod
    def run(self, job: ImportJob, merchant: Merchant, at: dt.datetime, tell: Progress, chunk: int) -> None:
        """Post what is not posted yet, put the rejects together, end the import."""

    def check_handing_in(self, *, merchant_id: int, declared_source: str) -> None:  # noqa: B027 (may be empty)
        """Raises a refusal when such a file may not be handed in now, in the caller's transaction."""

    def check_start(self, job: ImportJob, at: dt.datetime, actor: Actor) -> None:  # noqa: B027
        """Raises a refusal when this person may not start the locked import now."""

    def ended(self, job: ImportJob) -> None:  # noqa: B027
        """Clear away what the kind kept of an import that ends, in the caller's transaction."""


@cache
def of(name: str) -> Kind:
    """The kind of a name; each is the `KIND` of its package's `kind`."""
    found: Kind = import_module(f"members.services.imports.{ImportKind(name)}.kind").KIND
    return found
