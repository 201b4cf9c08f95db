"""The task that checks and runs imports of orders."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from members.lib.queue import task
from members.services.order_import import jobs, work


@task(jobs.TASK, role="tenant")
def import_orders(*, merchant_id: int, import_id: int, **_: Any) -> dict[str, Any]:
    """Do what is to be done of one import; idempotent, one worker at a time."""
    job = work.work(merchant_id=merchant_id, import_id=import_id, at=timezone.now())
    return {} if job is None else {"state": job.state, "position": job.position}
