"""The task that writes exports."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from members.lib.queue import task
from members.services.exports import jobs, work


@task(jobs.TASK, role="tenant")
def write_export(*, merchant_id: int, job_id: int, **_: Any) -> dict[str, Any]:
    """Write what is still to be written of an export; idempotent, one worker at a time."""
    job = work.work(merchant_id=merchant_id, job_id=job_id, now=timezone.now)
    return {} if job is None else {"state": job.state, "rows": job.rows}
