"""The beat's tick and sweep, and the draining of a clearance run. The clock is read here."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from compliance.services import clearance, reports, ticks, undoing
from members.lib.queue import task


@task("compliance.tick")
def tick(**_: Any) -> dict[str, Any]:
    """Work whatever fell due since the last tick, in order; two at once do no harm."""
    return ticks.tick(at=timezone.now())


@task("compliance.sweep")
def sweep(**_: Any) -> dict[str, int]:
    """Send again what is open: the broker is only a hint."""
    return ticks.sweep(at=timezone.now())


@task("compliance.drain")
def drain(*, run_id: int, **_: Any) -> bool:
    """Work a run's open chunks; as many of these as there are workers may run at once."""
    is_done = clearance.drain(run_id=run_id, at=timezone.now())
    if is_done:
        reports.seal(run_id=run_id, at=timezone.now())
    return is_done


@task(reports.TASK)
def seal(**_: Any) -> int:
    """Write down the hashes of reports that are missing and compute those anew that somebody asked for."""
    return reports.work(at=timezone.now())


@task(undoing.TASK)
def undo(*, run_id: int, **_: Any) -> int:
    """Undo what was asked of a run; as many of these as there are workers may run at once."""
    return undoing.work(run_id=run_id, now=timezone.now)
