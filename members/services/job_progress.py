"""How far a scheduled job is, told while it works to whoever looks at it.

A job's steps say what they begin and how much of it is done, between their transactions. Outside a scheduled job (a
command, a play) nobody listens, and nothing is written.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from django.db import transaction

from members.lib import tenant as tenancy
from members.models import JobTick

EVERY = 1.0  # seconds between two writes of one step


@dataclass(slots=True)
class _Told:
    tick_id: int
    step: str = ""
    done: int = 0
    total: int = 0
    written: float = 0.0


_told: ContextVar[_Told | None] = ContextVar("job_progress", default=None)


@contextmanager
def telling(tick_id: int) -> Iterator[None]:
    """While a scheduled job works: what its steps tell is kept with its tick, which forgets it when it is done."""
    token = _told.set(_Told(tick_id))
    try:
        yield
    finally:
        _told.reset(token)


def is_told() -> bool:
    """Whether somebody listens, so that what is to be done is worth counting."""
    return _told.get() is not None


def begin(step: str, total: int = 0) -> None:
    """A step begins; `total`: how much there is to do, 0 where nobody counted. Not inside a transaction."""
    told = _told.get()
    if told is not None:
        told.step, told.done, told.total = step, 0, total
        _write(told)


def advance(count: int) -> None:
    """So much more is done; written once a second at most. Not inside a transaction."""
    told = _told.get()
    if told is not None:
        told.done += count
        if time.monotonic() - told.written >= EVERY:
            _write(told)


def _write(told: _Told) -> None:
    told.written = time.monotonic()
    with tenancy.platform(), transaction.atomic():
        JobTick.objects.filter(pk=told.tick_id, done_at=None).update(
            progress={"step": told.step, "done": told.done, "total": told.total}
        )
