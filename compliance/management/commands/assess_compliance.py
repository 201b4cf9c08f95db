"""`manage.py assess_compliance`: the daily compliance job, now or as of an instant."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from compliance.services import assessment
from members.management import base


class Command(base.Command):
    """Refreshes danger dates and states and sends due warnings."""

    help = "Refresh danger dates and states and send the warnings that are due."

    def work(self, *, at: dt.datetime, **_: Any) -> Mapping[str, Any]:
        """JSON: counts by state, warnings_sent."""
        done = assessment.assess(at=at)
        return {**done["states"], "warnings_sent": done["warnings_sent"]}
