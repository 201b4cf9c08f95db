"""Statements over all members of a merchant, which the planner must not mistake for small ones.

Row security hides how many rows a merchant has, and a shop that was just filled has no statistics: the planner then
expects one row, chooses loops within loops, and a statement of half a second takes hours. Every other kind of join
costs what the rows cost, at every size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from django.db import OperationalError, connection, transaction
from psycopg.errors import QueryCanceled

T = TypeVar("T")


def bigints(values: Iterable[int]) -> str:
    """Whole numbers as the text of an array, for `%s::bigint[]`: what a driver makes of a list of thousands, in a tenth
    of the time."""
    return "{" + ",".join(map(str, values)) + "}"


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


def fetch_few(statement: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Run a statement that finds what it reads by keys, however the planner likes; its rows."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())


def execute(statement: str, values: Mapping[str, Any]) -> int:
    """Run a statement that writes, without nested loops; how many rows it wrote."""
    with connection.cursor() as cursor:
        cursor.execute("set local enable_nestloop = off")
        cursor.execute(statement, values)
        written = cursor.rowcount
        cursor.execute("set local enable_nestloop = on")
    return written


def in_time(work: Callable[[], T], *, milliseconds: int) -> T | None:
    """What the work returns, whose statements may take so long each; None when one took longer, and all is as before.
    In a transaction under way."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("set local statement_timeout = %s", [milliseconds])
            found = work()
            cursor.execute("set local statement_timeout to default")
            return found
    except OperationalError as error:
        if not isinstance(error.__cause__, QueryCanceled):
            raise
        return None
