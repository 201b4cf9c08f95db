"""Orders of a checked file straight from memory, for a replay: as the staging table would give them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from members.services.imports.orders.checking import Checked
from members.services.imports.orders.posting import Reader, Staged
from members.services.imports.values import EPOCH, MISSING, instant


def read(
    checked: Checked, begin: int, end: int, *, merchant_id: int, channel: str, declared_source: str
) -> list[Staged]:
    """The orders at places begin..end, each arriving when it was paid."""
    reader = Reader(
        merchant_id=merchant_id,
        at=None,
        declared_source=declared_source,
        knows_completion=checked.completed_at is not None,
    )
    return [reader.staged(row) for row in _rows(checked, begin, end, channel)]


def place_at(checked: Checked, at: dt.datetime) -> int:
    """How many orders arrive before an instant."""
    micros = (at - EPOCH) // dt.timedelta(microseconds=1)
    return int(np.searchsorted(checked.paid_at, micros))


def _rows(checked: Checked, begin: int, end: int, channel: str) -> Iterator[tuple]:
    first = pa.array(checked.first[begin:end])
    rows = checked.row_order[checked.begins[begin] : checked.begins[end]]
    bounds = (checked.begins[begin : end + 1] - checked.begins[begin]).tolist()

    def own(name: str) -> list[str]:
        column = checked.texts.get(name)
        return [""] * (end - begin) if column is None else column.take(first).to_pylist()

    def times(micros: np.ndarray | None) -> list[dt.datetime | None]:
        if micros is None:
            return [None] * (end - begin)
        return [None if value == MISSING else instant(value) for value in micros[begin:end].tolist()]

    lines, amounts = checked.lines[rows].tolist(), checked.amount[rows].tolist()
    skus, quantities = checked.texts["sku"].take(pa.array(rows)).to_pylist(), checked.quantity[rows].tolist()
    refunds = (
        checked.texts["refund_id"].take(pa.array(rows)).to_pylist() if "refund_id" in checked.texts else None
    )
    refunded = amounts
    if refunds is not None and checked.refund_amount is not None:
        given = checked.refund_amount[rows].tolist()
        refunded = [amount if each == MISSING else each for each, amount in zip(given, amounts, strict=True)]
    columns = zip(
        range(begin, end), checked.channel[begin:end] if checked.channel else [channel] * (end - begin),
        own("order_id"), own("member_key"), own("store"),
        checked.status[begin:end] if checked.status else [None] * (end - begin), times(checked.paid_at),
        times(checked.completed_at), times(checked.joined_at), own("consent_source"), own("phone"), own("name"),
        strict=True,
    )  # fmt: skip
    scenes = own("scene")
    for at, head in enumerate(columns):
        part = slice(bounds[at], bounds[at + 1])
        has_refund = refunds is not None and any(refunds[part])
        yield (*head, lines[part], skus[part], quantities[part], amounts[part],
               refunds[part] if has_refund and refunds else None, refunded[part] if has_refund else None,
               scenes[at])  # fmt: skip
