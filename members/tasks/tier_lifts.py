"""The task that lifts members after an edit of the rules."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from members.lib.queue import task
from members.services import tier_lifts


@task(tier_lifts.TASK, role="tenant")
def lift_members(*, merchant_id: int, job_id: int, **_: Any) -> dict[str, Any]:
    """Lift who still waits for an edit of the rules; idempotent, one worker at a time."""
    lift = tier_lifts.work(merchant_id=merchant_id, job_id=job_id, now=timezone.now)
    return {} if lift is None else {"state": lift.state, "moved": lift.moved}
