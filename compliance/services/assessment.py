"""The daily compliance job, due at 04:00 platform time: danger dates, warnings, states (domain.md 3)."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import transaction

from benefits.services import audiences
from compliance.lib.calendar import platform_date
from compliance.selectors import policies, standing
from compliance.services import notices
from compliance.services import standing as keeping


def refresh_due(*, at: dt.datetime) -> int:
    """Make the standings true of `at`; returns how many were computed anew. Works as platform."""
    return keeping.refresh_due(at=at, today=platform_date(at))


def assess(*, at: dt.datetime, delivered_at: dt.datetime | None = None) -> dict[str, Any]:
    """Refresh danger dates and run dates and send the warnings due at `at`. Idempotent. Works as platform.

    delivered_at: the present instant when the job is made up later than it was due; notice counts from then.
    Returns {"refreshed", "warnings_sent", "states": {state: programs}}.
    """
    audiences.observe_everywhere(at=at)
    refreshed = refresh_due(at=at)
    with transaction.atomic():
        history = policies.history()
        version = history.for_job(at)
        sent = 0
        if version is not None:
            sent = notices.send_due(at=at, delivered_at=delivered_at or at, version=version)
        states = standing.counts_by_state(at=at, policy=history.at(at).policy)
    return {"refreshed": refreshed, "warnings_sent": sent, "states": states}
