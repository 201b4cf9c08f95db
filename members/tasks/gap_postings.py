"""The task that posts the orders of a closure."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from members.lib.queue import task
from members.services import gap_postings


@task(gap_postings.TASK, role="tenant")
def post_gap(*, merchant_id: int, job_id: int, **_: Any) -> dict[str, Any]:
    """Post what a closure kept back; idempotent, one worker at a time."""
    job = gap_postings.work(merchant_id=merchant_id, job_id=job_id, now=timezone.now)
    return {} if job is None else {"state": job.state, "orders": job.orders}
