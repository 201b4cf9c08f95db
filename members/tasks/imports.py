"""The tasks that check, run and undo imports, one a kind of file."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from members.lib.queue import task
from members.models import ImportKind
from members.services.imports import kinds, work


def _work(merchant_id: int, import_id: int) -> dict[str, Any]:
    """Do what is to be done of one import; idempotent, one worker at a time."""
    job = work.work(merchant_id=merchant_id, import_id=import_id, at=timezone.now())
    return {} if job is None else {"state": job.state, "position": job.position}


@task(kinds.of(ImportKind.ORDERS).task, role="tenant")
def import_orders(*, merchant_id: int, import_id: int, **_: Any) -> dict[str, Any]:
    """An import of orders."""
    return _work(merchant_id, import_id)


@task(kinds.of(ImportKind.POINTS).task, role="tenant")
def import_points(*, merchant_id: int, import_id: int, **_: Any) -> dict[str, Any]:
    """An import of points."""
    return _work(merchant_id, import_id)


@task(kinds.of(ImportKind.MEMBERS).task, role="tenant")
def import_members(*, merchant_id: int, import_id: int, **_: Any) -> dict[str, Any]:
    """An import of members."""
    return _work(merchant_id, import_id)
