"""Work that one process does at a time, over many transactions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections
from django.db.utils import load_backend


@contextmanager
def alone(lock: int) -> Iterator[bool]:
    """Hold a lock over a connection of its own while the block runs; False when another process does.

    The lock ends with its transaction, however that ends: nobody's death leaves it behind.
    """
    known = connections["default"].settings_dict
    # Not from the pool: a pool of one connection would leave none for the work.
    options = {name: value for name, value in known["OPTIONS"].items() if name != "pool"}
    holder = load_backend(known["ENGINE"]).DatabaseWrapper({**known, "OPTIONS": options}, "default")
    try:
        holder.set_autocommit(False)
        with holder.cursor() as cursor:
            # It waits, idle in its transaction, for as long as the work takes.
            cursor.execute("set local idle_in_transaction_session_timeout = 0")
            cursor.execute("select pg_try_advisory_xact_lock(%s)", [lock])
            yield bool(cursor.fetchone()[0])
    finally:
        if holder.connection is not None:
            holder.connection.rollback()  # gives the lock back now, not when the server notices the closing
        holder.close()
