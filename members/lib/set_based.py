"""Statements over all members of a merchant, which the planner must not mistake for small ones.

Row security hides how many rows a merchant has, and a shop that was just filled has no statistics: the planner then
expects one row, chooses loops within loops, and a statement of half a second takes hours. Every other kind of join
costs what the rows cost, at every size.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.db import connection


def fetch_all(statement: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Run a statement without nested loops, in the transaction under way; its rows."""
    with connection.cursor() as cursor:
        cursor.execute("set local enable_nestloop = off")
        cursor.execute(statement, values)
        found = list(cursor.fetchall())
        cursor.execute("set local enable_nestloop = on")
    return found


def stream(statement: str, values: Mapping[str, Any], *, chunk: int = 10_000) -> Iterator[tuple[Any, ...]]:
    """The rows of such a statement, a chunk at a time, so that any number can be read; in the transaction under way."""
    with connection.cursor() as cursor:
        cursor.execute("set local enable_nestloop = off")
    with connection.chunked_cursor() as rows:
        rows.execute(statement, values)  # planned here
        with connection.cursor() as cursor:
            cursor.execute("set local enable_nestloop = on")
        while found := rows.fetchmany(chunk):
            yield from found


def execute(statement: str, values: Mapping[str, Any]) -> int:
    """Run a statement that writes, without nested loops; how many rows it wrote."""
    with connection.cursor() as cursor:
        cursor.execute("set local enable_nestloop = off")
        cursor.execute(statement, values)
        written = cursor.rowcount
        cursor.execute("set local enable_nestloop = on")
    return written
