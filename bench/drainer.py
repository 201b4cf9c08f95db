"""A worker of a bench: `python -m bench.drainer DATABASE`. Each line it reads names a run; it drains that run's
chunks, as the `compliance.drain` task does, and answers with a line."""

from __future__ import annotations

import os
import sys

import django


def main() -> None:
    """Answer lines until they end."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from django.db import connection, transaction

    from compliance.play.stage import pointed_to
    from compliance.services import clearance
    from members.lib import tenant as tenancy

    with pointed_to(sys.argv[1]), tenancy.platform():
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("select 1")
        print("ready", flush=True)
        for line in sys.stdin:
            while clearance.drain_chunk(run_id=int(line)):
                pass
            print("done", flush=True)


if __name__ == "__main__":
    main()
