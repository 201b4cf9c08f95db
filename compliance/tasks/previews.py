"""Previews of runs, worked out beside the requests that ask for them. The clock is read here."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from compliance.services import previews
from members.lib.queue import task


@task(previews.TASK)
def foresee(**_: Any) -> int:
    """Work the open previews; while another worker does, there is nothing to do."""
    return previews.work_open(at=timezone.now())
