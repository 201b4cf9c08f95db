"""What a policy would do before it is published: the next run under it, beside the next run as things stand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from compliance.lib import runs as rule
from compliance.lib.runs import Run
from compliance.models import Run as RunRow
from compliance.selectors import judging, policies
from compliance.services import standing
from compliance.services.policies import set_policy
from members.services.audit import Actor


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """The next run and its counts by outcome; None when no run is to come."""

    run: Run | None
    counts: dict[str, int]


@dataclass(frozen=True, kw_only=True)
class Trial:
    """The next run without and with the version tried."""

    without: Outlook
    with_it: Outlook


class _Undo(Exception):
    """Rolls a savepoint back."""


def try_policy(
    *, at: dt.datetime, effective_at: dt.datetime, actor: Actor, values: Mapping[str, Any]
) -> Trial:
    """Publish a version in a savepoint, foresee the next run under it, and take everything back. Works as platform.

    Raises Invalid as `set_policy` does.
    """
    without = _outlook(at)
    found: list[Outlook] = []
    try:
        with transaction.atomic():
            set_policy(at=at, effective_at=effective_at, actor=actor, values=values)
            found.append(_outlook(at))
            raise _Undo
    except _Undo:
        pass
    return Trial(without=without, with_it=found[0])


def _outlook(at: dt.datetime) -> Outlook:
    done = frozenset(RunRow.objects.values_list("period", flat=True))
    run = next(rule.coming_runs(policies.history(), at, done), None)
    if run is None:
        return Outlook(run=None, counts={})
    counts: dict[str, int] = {}
    try:
        with transaction.atomic():
            standing.refresh_for_preview(at=run.at)
            counts = judging.foreseen(run)
            raise _Undo
    except _Undo:
        pass
    return Outlook(run=run, counts=counts)
