"""A process that forks workers: each line read names a run, or says "previews", "grades INSTANT CHUNK", "lift
MERCHANT LIFT CHUNK", "gap MERCHANT JOB CHUNK", "redeem MERCHANT MEMBER KEYS" or "claim MERCHANT MEMBER BENEFIT KEYS";
each answer is the pid of a worker that drains the run, works the open previews, grades the month due at an instant,
lifts so many members at a time, posts a closure for so many, redeems a point a key, or claims and redeems an
entitlement a key.

The worker is a process of its own with a connection of its own, so it can be killed like any other; forking spares
the seconds that loading the product takes each time. Run as `python -m tests.concurrency.drain_worker DATABASE`.
"""

from __future__ import annotations

import os
import signal
import sys
from datetime import datetime

import django


def main() -> None:
    """Fork a worker a line, until the lines end."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from django.db import connections
    from django.utils import timezone

    from compliance.services import grades
    from compliance.tasks import clearance, previews
    from members.lib import tenant as tenancy
    from members.services import gap_postings, tier_lifts
    from tests.benefits.counter import use_by_keys
    from tests.members.services.till import redeem_by_keys

    def lift(merchant_id: int, job_id: int, chunk: int) -> None:
        with tenancy.tenant(merchant_id):
            tier_lifts.work(merchant_id=merchant_id, job_id=job_id, now=timezone.now, chunk=chunk)

    def gap(merchant_id: int, job_id: int, chunk: int) -> None:
        with tenancy.tenant(merchant_id):
            gap_postings.work(merchant_id=merchant_id, job_id=job_id, now=timezone.now, chunk=chunk)

    for alias in ("default", "owner"):
        connections[alias].settings_dict["NAME"] = sys.argv[1]
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the dead
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            try:
                what, *numbers = line.split()
                if what == "redeem":
                    redeem_by_keys(*map(int, numbers))
                elif what == "grades":
                    due_at = datetime.fromisoformat(numbers[0])
                    grades.grade_month(due_at=due_at, at=due_at, chunk=int(numbers[1]))
                elif what == "lift":
                    lift(*map(int, numbers))
                elif what == "gap":
                    gap(*map(int, numbers))
                elif what == "claim":
                    use_by_keys(*map(int, numbers))
                elif what == "previews":
                    previews.foresee()
                else:
                    clearance.drain(run_id=int(what))
            finally:
                os._exit(0)
        print(pid, flush=True)


if __name__ == "__main__":
    main()
