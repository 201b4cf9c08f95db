"""What an import would do, found without doing it: the check of a file against the books."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from django.db import connection

from members.lib import crypto
from members.services.imports import values
from members.services.imports.orders.checking import Checked
from members.services.imports.values import MISSING

BATCH = 20_000


@dataclass(slots=True)
class Preview:
    """Counts of orders and people; a stored order of the same amount is taken to be unchanged."""

    orders: int = 0
    lines: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    people: int = 0
    members_created: int = 0
    amount_minor: int = 0
    first_at: str | None = None
    last_at: str | None = None


def foresee(checked: Checked, *, merchant_id: int, channel: str, is_declared: bool) -> Preview:
    """Compare a checked file with what is stored. Reads only."""
    found = Preview(orders=checked.orders, people=checked.people, lines=len(checked.row_order))
    if not checked.orders:
        return found
    amounts = np.add.reduceat(checked.amount[checked.row_order], checked.begins[:-1])
    found.amount_minor = int(amounts.sum())
    found.first_at = values.instant(int(checked.paid_at[0])).isoformat()
    found.last_at = values.instant(int(checked.paid_at[-1])).isoformat()
    ids = checked.texts["order_id"].take(pa.array(checked.first))
    channels = checked.channel or [channel] * checked.orders
    for begin, end in _batches(checked.orders):
        known, same = _compare(
            merchant_id, channels[begin:end], ids[begin:end].to_pylist(), amounts[begin:end].tolist()
        )
        found.unchanged += same
        found.changed += known - same
    found.new = found.orders - found.unchanged - found.changed
    found.members_created = _joiners(checked, merchant_id, channels, is_declared)
    return found


def _batches(count: int) -> Iterator[tuple[int, int]]:
    for begin in range(0, count, BATCH):
        yield begin, min(count, begin + BATCH)


def _compare(
    merchant_id: int, channels: Sequence[str], ids: Sequence[str], amounts: Sequence[int]
) -> tuple[int, int]:
    """How many of the orders are stored, and how many of those with the same amount."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select count(*), count(*) filter (where o.total_minor = k.total_minor) from members_order o "
            "join unnest(%s::text[], %s::text[], %s::bigint[]) as k (channel, external_id, total_minor) "
            "on o.channel = k.channel and o.external_id = k.external_id where o.merchant_id = %s",
            [list(channels), list(ids), list(amounts), merchant_id],
        )
        known, same = cursor.fetchone()
        return int(known), int(same)


def _joiners(checked: Checked, merchant_id: int, channels: Sequence[str], is_declared: bool) -> int:
    """How many people would become members."""
    joins = np.full(checked.orders, is_declared)
    if checked.joined_at is not None and "consent_source" in checked.texts:
        consent = checked.texts["consent_source"].take(pa.array(checked.first)).to_pylist()
        joins |= (checked.joined_at != MISSING) & np.array([bool(text) for text in consent], dtype=bool)
    keys = checked.texts["member_key"].take(pa.array(checked.first)).to_pylist()
    people = list({(channel, key) for channel, key, joins_now in zip(channels, keys, joins, strict=True)
                   if joins_now and key})  # fmt: skip
    members = 0
    for begin, end in _batches(len(people)):
        with connection.cursor() as cursor:
            cursor.execute(
                "select count(*) from members_identity i "
                "join unnest(%s::bytea[]) as k (external_index) on i.external_index = k.external_index "
                "where i.merchant_id = %s and i.member_id is not null",
                [crypto.identity_indexes(merchant_id, people[begin:end]), merchant_id],
            )
            members += int(cursor.fetchone()[0])
    return len(people) - members
