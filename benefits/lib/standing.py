"""How a benefit stands at an instant: what was done with it, seen against its period."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum


class Standing(StrEnum):
    """draft -> scheduled -> in force -> paused -> over (domain.md 8)."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    IN_FORCE = "in_force"
    PAUSED = "paused"
    OVER = "over"


def standing_of(
    *, status: str, from_at: dt.datetime | None, to_at: dt.datetime | None, at: dt.datetime
) -> Standing:
    """From the stored status and the period `[from_at, to_at)`. Whether anybody can use it is another question."""
    if status == "draft":
        return Standing.DRAFT
    if status == "ended" or (to_at is not None and to_at <= at):
        return Standing.OVER
    if status == "paused":
        return Standing.PAUSED
    return Standing.SCHEDULED if from_at is not None and from_at > at else Standing.IN_FORCE
