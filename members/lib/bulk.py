"""Writing many rows at once: COPY to a temporary table, then one statement; a few rows go straight in.

COPY into a table with row security is refused whatever its policy says, so the rows pass through a temporary
table of the same transaction; the INSERT that follows is checked by the policy as every other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from django.db import connection, models
from psycopg import sql
from psycopg.types.json import Jsonb

from members.lib import tenant

FEW = 40
# At the end of a lateral query: it is asked for each key by an index, also where the planner, who knows nothing yet of
# a table that has just been filled, believes that to read all of the merchant's rows is no dearer.
KEY_BY_KEY = "offset 0"
_UNIT = "\x1f"


def column_types(model: type[models.Model], columns: Sequence[str]) -> list[str]:
    """The database types of a model's columns, by column name."""
    fields = {field.column: field for field in model._meta.local_concrete_fields}
    return [_plain(fields[column]) for column in columns]


def _plain(field: Any) -> str:
    kind = field.db_type(connection)
    if isinstance(field, models.ForeignKey):
        kind = field.target_field.db_type(connection)
    return {"bigint": "int8", "integer": "int4", "smallint": "int2", "boolean": "bool"}.get(
        kind, kind.split("(")[0]
    )


def stage(
    model: type[models.Model], columns: Sequence[str], rows: Sequence[Sequence[Any]], cursor: Any
) -> tuple[sql.Composable, list[Any]]:
    """A row source to select `columns` from: VALUES for a few rows, a filled temporary table for many.

    Returns SQL that stands after FROM, and its parameters. The columns have the model's types. What was staged with the
    same columns before in this transaction is gone: use it before you stage again.
    """
    types = column_types(model, columns)
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    if len(rows) <= FEW:
        one = sql.SQL("({})").format(sql.SQL(", ").join(sql.SQL("%s::" + kind) for kind in types))
        source = sql.SQL("(values {}) as staged ({})").format(sql.SQL(", ").join([one] * len(rows)), names)
        return source, [_adapt(value, kind) for row in rows for value, kind in zip(row, types, strict=True)]
    table = _empty_table(tuple(columns), tuple(types), cursor)
    raw = cursor.cursor if hasattr(cursor, "cursor") else cursor
    with raw.copy(sql.SQL("copy {} ({}) from stdin (format binary)").format(table, names)) as copy:
        copy.set_types(types)
        json_at = [i for i, kind in enumerate(types) if kind == "jsonb"]
        for row in rows:
            if json_at:
                row = [_adapt(value, kind) for value, kind in zip(row, types, strict=True)]
            copy.write_row(row)
    return sql.SQL("{} as staged").format(table), []


def _empty_table(columns: tuple[str, ...], types: tuple[str, ...], cursor: Any) -> sql.Identifier:
    """A temporary table of these columns, empty. It stays for the session, without rows between transactions: to make
    and drop one writes some thirty rows of catalogues. Each role has its own, for it may not touch another's."""
    table = sql.Identifier(_table_name(tenant.current_scope().role, columns, types))
    definition = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(kind))
        for name, kind in zip(columns, types, strict=True)
    )
    making = sql.SQL("create temporary table if not exists {0} ({1}) on commit delete rows; truncate {0}")
    cursor.execute(making.format(table, definition))
    return table


@cache
def _table_name(role: str, columns: tuple[str, ...], types: tuple[str, ...]) -> str:
    shape = "\n".join((role, *columns, *types))
    return f"staged_{hashlib.blake2s(shape.encode(), digest_size=12).hexdigest()}"


def _adapt(value: Any, kind: str) -> Any:
    return Jsonb(value) if kind == "jsonb" and value is not None else value


def insert(
    model: type[models.Model],
    merchant_id: int,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    tail: str = "",
) -> int:
    """Insert one merchant's rows; `tail` is what follows the select (ON CONFLICT …). How many rows there were."""
    rows = list(rows)
    if not rows:
        return 0
    with connection.cursor() as cursor:
        source, parameters = stage(model, columns, rows, cursor)
        names = sql.SQL(", ").join(map(sql.Identifier, columns))
        statement = sql.SQL("insert into {} (merchant_id, {}) select %s, {} from {} {}").format(
            sql.Identifier(model._meta.db_table), names, names, source, sql.SQL(tail)
        )
        cursor.execute(statement, [merchant_id, *parameters])
    return len(rows)


def update(
    model: type[models.Model],
    merchant_id: int,
    keys: Sequence[str],
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
) -> int:
    """Set `columns` of the merchant's rows found by `keys`; each row is keys, then columns."""
    rows = list(rows)
    if not rows:
        return 0
    with connection.cursor() as cursor:
        source, parameters = stage(model, [*keys, *columns], rows, cursor)
        setting = sql.SQL(", ").join(
            sql.SQL("{0} = staged.{0}").format(sql.Identifier(name)) for name in columns
        )
        match = sql.SQL(" and ").join(
            sql.SQL("t.{0} = staged.{0}").format(sql.Identifier(name)) for name in keys
        )
        statement = sql.SQL("update {} as t set {} from {} where t.merchant_id = %s and {}").format(
            sql.Identifier(model._meta.db_table), setting, source, match
        )
        cursor.execute(statement, [*parameters, merchant_id])
    return len(rows)


def add(
    model: type[models.Model],
    merchant_id: int,
    keys: Sequence[str],
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
) -> int:
    """Add to `columns` of the rows found by `keys`, making those that lack; the caller holds their owners' locks.

    Not an upsert: a difference may be negative, and a check on the sum must not see it alone. Rows are looked for key
    by key and changed where they lie, whatever the planner believes of a table that was filled a moment ago; that they
    lie still is what the locks are for.
    """
    rows = list(rows)
    if not rows:
        return 0
    with connection.cursor() as cursor:
        source, parameters = stage(model, [*keys, *columns], rows, cursor)
        both = sql.SQL(", ").join(map(sql.Identifier, [*keys, *columns]))
        statement = sql.SQL(
            "with differences as materialized (select staged.*, (select t.ctid from {table} as t "
            "where t.merchant_id = %s and {match}) as place from {source}), "
            "changed as (update {table} as t set {adding} from differences as d where t.ctid = d.place) "
            "insert into {table} (merchant_id, {both}) select %s, {both} from differences where place is null"
        ).format(
            source=source,
            table=sql.Identifier(model._meta.db_table),
            adding=sql.SQL(", ").join(
                sql.SQL("{0} = t.{0} + d.{0}").format(sql.Identifier(name)) for name in columns
            ),
            match=sql.SQL(" and ").join(
                sql.SQL("t.{0} = staged.{0}").format(sql.Identifier(name)) for name in keys
            ),
            both=both,
        )
        cursor.execute(statement, [merchant_id, *parameters, merchant_id])
    return len(rows)


def array_literal(texts: Sequence[str]) -> str | list[str]:
    """Texts as PostgreSQL writes an array, for a parameter cast to text[]: to bind a long list takes longer than to
    look for what it names."""
    joined = _UNIT.join(texts)
    if not texts or joined.count(_UNIT) != len(texts) - 1:
        return list(texts)
    quoted = joined.replace("\\", "\\\\").replace('"', '\\"').replace(_UNIT, '","')
    return f'{{"{quoted}"}}'


def next_ids(model: type[models.Model], how_many: int) -> list[int]:
    """Ids for rows to come, in order."""
    if not how_many:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "select array_agg(nextval(pg_get_serial_sequence(%s, 'id'))) from generate_series(1, %s)",
            [model._meta.db_table, how_many],
        )
        return list(cursor.fetchone()[0])
