"""The task that writes down who can claim a benefit of which some are held out."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from benefits.services import exposures
from members.lib.queue import task


@task(exposures.TASK)
def enrol(*, merchant_id: int, benefit_id: int, **_: Any) -> int:
    """Write them down; idempotent, one worker a benefit."""
    return exposures.enrol(merchant_id=merchant_id, benefit_id=benefit_id, at=timezone.now())
