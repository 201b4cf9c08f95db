"""Checked orders into the staging table by binary COPY, put together by Arrow without a loop over rows."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from django.db import connection

from members.lib import crypto
from members.services.imports import values
from members.services.imports.orders.checking import Checked
from members.services.imports.values import MISSING

BATCH = 20_000  # orders put together at once
SIGNATURE = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
NULL = pa.scalar(b"\xff\xff\xff\xff", pa.binary())
POSTGRES_EPOCH = 946_684_800_000_000  # 2000-01-01 in microseconds since 1970
SEPARATOR = "\x1f"  # behind each text of a packed field
COLUMNS = (
    "import_id", "place", "channel", "external_id", "member_key", "store", "status", "paid_at", "completed_at",
    "joined_at", "consent_source", "phone", "name", "rows", "skus", "quantities", "amounts", "refunds",
    "refund_amounts",
)  # fmt: skip
Ints = npt.NDArray[np.int64]


def stage(checked: Checked, *, import_id: int, merchant_id: int, channel: str) -> None:
    """Write the orders of one import, replacing what a broken attempt left. In the caller's transaction."""
    with connection.cursor() as cursor:
        clear(import_id)
        raw = cursor.cursor if hasattr(cursor, "cursor") else cursor
        names = ", ".join(columns_of(checked))
        statement = f"copy members_stagedorder ({names}) from stdin (format binary)"
        with raw.copy(statement) as copy:
            copy.write(SIGNATURE)
            for part in binary(checked, import_id=import_id, merchant_id=merchant_id, channel=channel):
                copy.write(part)
            copy.write(TRAILER)


def columns_of(checked: Checked) -> tuple[str, ...]:
    """The columns that are written: a file without scenes writes none, so that it costs nothing."""
    return (*COLUMNS, "scene") if "scene" in checked.texts else COLUMNS


def clear(import_id: int) -> None:
    """Forget what was staged of an import."""
    with connection.cursor() as cursor:
        cursor.execute("delete from members_stagedorder where import_id = %s", [import_id])


def is_staged(import_id: int, position: int) -> bool:
    """Whether the order at a position is there; a database that crashed has emptied the table."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select exists (select from members_stagedorder where import_id = %s and place >= %s)",
            [import_id, position],
        )
        return bool(cursor.fetchone()[0])


def binary(checked: Checked, *, import_id: int, merchant_id: int, channel: str) -> Iterator[memoryview]:
    """The rows of the staging table in COPY's binary format."""
    sealed: dict[str, Any] = {
        name: _sealed(checked.texts[name], merchant_id) for name in ("phone", "name") if name in checked.texts
    }

    def part(begin: int) -> memoryview:
        end = min(checked.orders, begin + BATCH)
        return _joined(_fields(checked, begin, end, import_id, channel, sealed))

    with ThreadPoolExecutor(max_workers=1) as pool:  # the next part is made while the server takes this one
        ahead: Future[memoryview] | None = None
        for begin in range(0, checked.orders, BATCH):
            ready = ahead.result() if ahead else part(begin)
            following = begin + BATCH
            ahead = pool.submit(part, following) if following < checked.orders else None
            yield ready


def _joined(fields: list[pa.Array]) -> memoryview:
    whole = pc.binary_join_element_wise(*fields, pa.scalar(b"", pa.binary()))
    offsets = np.frombuffer(whole.buffers()[1], dtype=np.int32)
    data = memoryview(whole.buffers()[2])
    return data[int(offsets[whole.offset]) : int(offsets[whole.offset + len(whole)])]


def _fields(
    checked: Checked, begin: int, end: int, import_id: int, channel: str, sealed: dict[str, pa.Array]
) -> list[pa.Array]:
    """Each column's bytes of the orders begin..end, the count of columns before the first."""
    count = end - begin
    first = pa.array(checked.first[begin:end])
    rows = checked.row_order[checked.begins[begin] : checked.begins[end]]
    bounds = checked.begins[begin : end + 1] - checked.begins[begin]
    head = np.zeros(
        count, dtype=[("n", ">i2"), ("a", ">i4"), ("import", ">i8"), ("b", ">i4"), ("place", ">i4")]
    )
    head["n"], head["a"], head["b"], head["import"] = len(columns_of(checked)), 8, 4, import_id
    head["place"] = np.arange(begin, end)

    def own(name: str) -> pa.Array:
        if name not in checked.texts:
            return _same(b"", count)
        return _text(checked.texts[name].take(first))

    def maybe(name: str) -> pa.Array:
        return _maybe(sealed[name].take(first)) if name in sealed else _nulls(count)

    channels = _same(channel.encode(), count)
    if checked.channel is not None:
        channels = _text(pa.array(checked.channel[begin:end]))
    status = _nulls(count) if checked.status is None else _text(pa.array(checked.status[begin:end]))
    taken = pa.array(rows)
    refunds = _refunds(checked, rows, bounds) if "refund_id" in checked.texts else [_nulls(count)] * 2
    return [
        _fixed(head),
        channels,
        own("order_id"),
        own("member_key"),
        own("store"),
        status,
        *(_instants(each, begin, end) for each in (checked.paid_at, checked.completed_at, checked.joined_at)),
        own("consent_source"),
        maybe("phone"),
        maybe("name"),
        _numbers(checked.lines[rows], bounds, "<i4"),
        _texts(checked.texts["sku"].take(taken), bounds),
        _numbers(checked.quantity[rows], bounds, "<i8"),
        _numbers(checked.amount[rows], bounds, "<i8"),
        *refunds,
        *([own("scene")] if "scene" in checked.texts else []),
    ]


def _refunds(checked: Checked, rows: Ints, bounds: Ints) -> list[pa.Array]:
    """Refund ids and amounts by line, null for orders without any; a refund without an amount is of the line."""
    ids = checked.texts["refund_id"].take(pa.array(rows))
    has = pc.not_equal(ids, "").to_numpy(zero_copy_only=False)
    per_order = np.add.reduceat(has, bounds[:-1]) > 0 if len(rows) else np.zeros(0, dtype=bool)
    amounts = checked.amount[rows]
    if checked.refund_amount is not None:
        given = checked.refund_amount[rows]
        amounts = np.where(given == MISSING, amounts, given)
    wanted = pa.array(per_order)
    return [
        pc.if_else(wanted, _texts(ids, bounds), NULL),
        pc.if_else(wanted, _numbers(amounts, bounds, "<i8"), NULL),
    ]


def _binary(data: Any, offsets: Ints) -> pa.Array:
    buffers = [None, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(data)]
    return pa.Array.from_buffers(pa.binary(), len(offsets) - 1, buffers)


def _fixed(rows: npt.NDArray[Any]) -> pa.Array:
    """Each item of a packed array as bytes."""
    size = rows.dtype.itemsize
    return _binary(np.ascontiguousarray(rows), np.arange(len(rows) + 1, dtype=np.int64) * size)


def _lengths(column: pa.Array) -> pa.Array:
    return _fixed(pc.binary_length(column).to_numpy(zero_copy_only=False).astype(">i4"))


def _text(column: pa.Array) -> pa.Array:
    """A field of text or bytes: its length, then itself."""
    return pc.binary_join_element_wise(
        _lengths(column), column.cast(pa.binary()), pa.scalar(b"", pa.binary())
    )


def _same(value: bytes, count: int) -> pa.Array:
    return pa.array([len(value).to_bytes(4, "big") + value], pa.binary()).take(
        pa.array(np.zeros(count, np.int32))
    )


def _nulls(count: int) -> pa.Array:
    return pa.array([NULL.as_py()], pa.binary()).take(pa.array(np.zeros(count, np.int32)))


def _maybe(column: pa.Array) -> pa.Array:
    """Bytes, where none are a null."""
    filled = pc.fill_null(column, b"")
    return pc.if_else(pc.is_valid(column), _text(filled), NULL)


def _instants(micros: Ints | None, begin: int, end: int) -> pa.Array:
    if micros is None:
        return _nulls(end - begin)
    own = micros[begin:end]
    fields = np.zeros(len(own), dtype=[("size", ">i4"), ("micros", ">i8")])
    fields["size"] = 8
    fields["micros"] = np.where(own == MISSING, 0, own - POSTGRES_EPOCH)
    return pc.if_else(pa.array(own != MISSING), _fixed(fields), NULL)


def _numbers(numbers: Ints, bounds: Ints, kind: str) -> pa.Array:
    """A field that packs whole numbers: those between each pair of bounds."""
    items = numbers.astype(kind)
    return _text(_binary(items, bounds * items.dtype.itemsize))


def _texts(column: pa.Array, bounds: Ints) -> pa.Array:
    """A field that packs texts."""
    items = pc.binary_join_element_wise(column, pa.scalar(""), SEPARATOR)
    ends = np.frombuffer(items.buffers()[1], dtype=np.int32)[items.offset : items.offset + len(items) + 1]
    return _text(_binary(items.buffers()[2], ends[bounds].astype(np.int64)))


def _sealed(column: pa.StringArray, merchant_id: int) -> pa.Array:
    """People's phones and names are sealed before they touch a table, as everywhere."""
    texts, codes = values.split(column)
    ring = crypto.keyring()
    sealed = [ring.seal(merchant_id, text) if text else None for text in texts.to_pylist()]
    return pa.array(sealed, pa.binary()).take(pa.array(codes))
