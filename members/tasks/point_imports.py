"""The task that checks, runs and undoes imports of points."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from members.lib.queue import task
from members.models import ImportKind
from members.services.order_import import jobs
from members.services.order_import import work as working
from members.services.point_import import work


@task(jobs.TASKS[ImportKind.POINTS], role="tenant")
def import_points(*, merchant_id: int, import_id: int, **_: Any) -> dict[str, Any]:
    """Do what is to be done of one import; idempotent, one worker at a time."""
    job = working.work(
        merchant_id=merchant_id, import_id=import_id, at=timezone.now(), chunk=work.CHUNK, steps=work.POINTS
    )
    return {} if job is None else {"state": job.state, "position": job.position}
