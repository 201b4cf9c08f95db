"""Which doubts keep a benefit from counting now: told by the app that has the platform's rule (domain.md 3)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

Refused = Callable[[dt.datetime], int]
"""The doubts (`benefits.lib.usefulness`) that the rule in force at an instant does not let count."""

EVERY = -1  # until somebody says which: each is told
_sources: list[Refused] = []


def register(source: Refused) -> None:
    """Say where the rule is known; once per process."""
    if source not in _sources:
        _sources.append(source)


def refused(at: dt.datetime) -> int:
    """The doubts for which a benefit does not count at an instant. One query."""
    found = 0
    for source in _sources:
        found |= source(at)
    return found if _sources else EVERY
