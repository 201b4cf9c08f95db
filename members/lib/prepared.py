"""Statements that a till waits for: sent with their parameters apart, so that the server parses and plans them once.

Django binds parameters on the client, which makes every statement a new one. Where the same statement is sent for each
redemption, that costs the server as much as the work itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg
from django.db import connection
from psycopg.types.numeric import Int8


def fetch_one(statement: str, parameters: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """Run a statement in the transaction under way; its first row, or None. Whole numbers are sent as bigint."""
    connection.ensure_connection()
    raw = connection.connection
    with connection.wrap_database_errors, psycopg.Cursor(raw) as cursor:
        cursor.execute(statement, {name: _typed(value) for name, value in parameters.items()})
        return cursor.fetchone()


def _typed(value: Any) -> Any:
    """Integers of one width whatever their size: a statement prepared for one would not serve the other."""
    if isinstance(value, int) and not isinstance(value, bool):
        return Int8(value)
    if isinstance(value, list):
        return [_typed(each) for each in value]
    return value
