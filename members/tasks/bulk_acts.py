"""The task that does and undoes acts on many members."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from members.lib.queue import task
from members.services.bulk_acts import jobs, work


@task(jobs.TASK, role="tenant")
def work_bulk_act(*, merchant_id: int, job_id: int, **_: Any) -> dict[str, Any]:
    """Do what is still to be done of an act; idempotent, one worker at a time."""
    act = work.work(merchant_id=merchant_id, job_id=job_id, now=timezone.now)
    return {} if act is None else {"state": act.state, "changed": act.changed}
