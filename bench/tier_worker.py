"""A worker of a bench: `python -m bench.tier_worker DATABASE DAY` recalculates the tiers due on a day and says the most
memory it had, in KB, and how many members it looked at."""

from __future__ import annotations

import datetime as dt
import os
import resource
import sys
from zoneinfo import ZoneInfo

import django


def main() -> None:
    """One day."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    os.environ.setdefault("LOG_LEVEL", "ERROR")
    django.setup()
    from bench.ledger_world import ZONE
    from compliance.play.stage import pointed_to
    from members.services import daily

    at = dt.datetime.combine(dt.date.fromisoformat(sys.argv[2]), dt.time(3), ZoneInfo(ZONE))
    with pointed_to(sys.argv[1]):
        done = daily.recalculate_due(zone=ZONE, at=at)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, done.examined)


if __name__ == "__main__":
    main()
