"""The task that holds a draw. The clock is read here."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from benefits.services import drawing
from members.lib.queue import task


@task(drawing.TASK)
def hold_draw(*, merchant_id: int, draw_id: int, **_: Any) -> bool:
    """Hold a draw that has closed; once, whoever else holds it."""
    return drawing.draw(merchant_id=merchant_id, draw_id=draw_id, at=timezone.now())
