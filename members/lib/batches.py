"""Deleting many rows in short transactions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import connection, transaction

BATCH = 5_000


def delete(
    table: str, *, key: Sequence[str], condition: str, values: Sequence[Any], batch: int = BATCH
) -> int:
    """Delete the rows of a table that fulfil an SQL condition, so many in a transaction; returns how many.

    `key`: the columns of its primary key. However many batches there are, its index is walked once: each begins where
    the last one ended.
    """
    columns = ", ".join(key)
    marks = ", ".join(["%s"] * len(key))
    deleted, last = 0, None
    while True:
        behind = f"and ({columns}) > ({marks})" if last else ""
        chosen = f"select {columns} from {table} where ({condition}) {behind} order by {columns} limit %s"
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                f"delete from {table} where ({columns}) in ({chosen}) returning {columns}",
                [*values, *(last or ()), batch],
            )
            gone = cursor.fetchall()
        deleted += len(gone)
        if len(gone) < batch:
            return deleted
        last = max(gone)
