"""Statements that a till or every page waits for: sent with their parameters apart, so that the server plans them once.

Django binds parameters on the client, which makes every statement a new one. Where the same statement is sent for each
redemption, that costs the server as much as the work itself.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

import psycopg
from django.db import connection, models
from django.db.models.expressions import Expression
from psycopg.types.numeric import Int8

_Model = TypeVar("_Model", bound=models.Model)
_PLAIN = Expression()  # a column as it stands, to converters that ask what it is


def fetch_one(
    statement: str, parameters: Mapping[str, Any], *, is_planned_once: bool = False
) -> tuple[Any, ...] | None:
    """Run a statement in the transaction under way; its first row, or None. Whole numbers are sent as bigint.

    `is_planned_once`: of a long statement that finds its rows by keys alone. The server would plan it anew each time,
    since lists of one make it look cheaper than lists of unknown length, and planning takes it longer than the work.
    Until the transaction ends plans are general ones.
    """
    with _run(statement, parameters, is_planned_once) as cursor:
        return cursor.fetchone()


def fetch_all(statement: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """The same for every row; it is counted among a page's queries, as Django counts its own."""
    began = time.monotonic()
    with _run(statement, parameters) as cursor:
        rows = cursor.fetchall()
    if connection.queries_logged:
        connection.queries_log.append({"sql": statement, "time": f"{time.monotonic() - began:.3f}"})
    return rows


@contextmanager
def _run(
    statement: str, parameters: Mapping[str, Any], is_planned_once: bool = False
) -> Iterator[psycopg.Cursor[tuple[Any, ...]]]:
    connection.ensure_connection()
    raw = connection.connection
    with connection.wrap_database_errors, psycopg.Cursor(raw) as cursor:
        if is_planned_once:
            cursor.execute("set local plan_cache_mode = force_generic_plan")
        cursor.execute(statement, {name: _typed(value) for name, value in parameters.items()})
        yield cursor


def rows_after(
    source: str, prefix: str, columns: Mapping[str, str], rows: Sequence[Sequence[Any]]
) -> tuple[str, dict[str, Any]]:
    """Rows that a statement's `source` leads to, as a query and its parameters, named for the prefix. `columns`: names
    and types; the source's id comes as `request`.

    One row, which is what a till writes, comes without a function that unfolds arrays: a tenth of the statement's cost.
    """
    names = [f"{prefix}_{name}" for name in columns]
    if len(rows) == 1:
        each = ", ".join(f"%({prefix}_{name})s::{kind} as {name}" for name, kind in columns.items())
        query = f"select {source}.id as request, {each} from {source}"
        return query, dict(zip(names, rows[0], strict=True))
    each = ", ".join(f"%({prefix}_{name})s::{kind}[]" for name, kind in columns.items())
    query = f"select {source}.id as request, x.* from {source}, unnest({each}) x ({', '.join(columns)})"
    by_column = (list(column) for column in zip(*rows, strict=True))
    return query, dict(zip(names, by_column, strict=True))


def fetch_object(model: type[_Model], tail: str, parameters: Mapping[str, Any]) -> _Model | None:
    """The first object of a model that `tail` (where …, order by …) leaves, or None."""
    fields = model._meta.concrete_fields
    columns = ", ".join(connection.ops.quote_name(str(field.column)) for field in fields)
    row = fetch_one(
        f"select {columns} from {connection.ops.quote_name(model._meta.db_table)} {tail}", parameters
    )
    if row is None:
        return None
    return object_of(model, [field.attname for field in fields], row)


def object_of(model: type[_Model], names: Sequence[str], values: Sequence[Any]) -> _Model:
    """An object of a model from what a statement read of it; fields that are not named are read when asked for."""
    fields = _fields(model, tuple(names))
    read = [_read(field, value) for field, value in zip(fields, values, strict=True)]
    return model.from_db(connection.alias, names, read)


@cache
def _fields(model: type[models.Model], names: tuple[str, ...]) -> list[models.Field[Any, Any]]:
    by_name = {field.attname: field for field in model._meta.concrete_fields}
    return [by_name[name] for name in names]


def _read(field: models.Field[Any, Any], value: Any) -> Any:
    for convert in field.get_db_converters(connection):
        value = convert(value, _PLAIN, connection)
    return value


def _typed(value: Any) -> Any:
    """Integers of one width whatever their size: a statement prepared for one would not serve the other."""
    if isinstance(value, int) and not isinstance(value, bool):
        return Int8(value)
    if isinstance(value, list):
        return [_typed(each) for each in value]
    return value
