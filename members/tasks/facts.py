"""The task that makes the facts of members whose daily totals changed."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from members.lib.queue import task
from members.services import member_facts


@task(member_facts.TASK)
def refresh_facts(**_: Any) -> dict[str, int]:
    """Make what is due; idempotent, one process at a merchant's."""
    return {"members": member_facts.refresh_marked(at=timezone.now())}
