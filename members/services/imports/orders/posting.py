"""Staged orders into the books, chunk by chunk; where the import stands is written in the same transaction."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import groupby
from typing import Any

import numpy as np
import psycopg
from django.db import connection
from django.utils.translation import gettext as _

from members.lib import crypto
from members.models import ImportJob
from members.services import orders
from members.services.audit import Actor
from members.services.imports.orders.staging import SEPARATOR
from members.services.member_lists import Joining, join_many

CHUNK = 20_000  # orders
THOUSAND = 1000
_QUERY = (
    "select place, channel, external_id, member_key, store, status, paid_at, completed_at, joined_at, "
    "consent_source, phone, name, rows, skus, quantities, amounts, refunds, refund_amounts, "
    "scene "
    "from members_stagedorder where import_id = %s and place >= %s order by place limit %s"
)


@dataclass(slots=True)
class Staged:
    """One staged order as it will be posted, with the rows of the file it stands in."""

    arrives_at: dt.datetime
    order: orders.OrderIn
    rows: Sequence[int]
    refunds: list[tuple[orders.RefundIn, list[int]]]
    joining: Joining | None
    consent_source: str


@dataclass(slots=True)
class Posted:
    """What a chunk came to. `reasons` are by line of the file."""

    created: int = 0
    changed: int = 0
    unchanged: int = 0
    lines: int = 0
    refunds: int = 0
    members_created: int = 0
    reasons: dict[int, str] = field(default_factory=dict)


def read_chunk(job: ImportJob, position: int, limit: int = CHUNK) -> list[Staged]:
    """The next staged orders, by place."""
    with psycopg.Cursor(connection.connection) as cursor:  # Django's own reads no binary, and arrays are many
        rows = cursor.execute(_QUERY, [job.pk, position, limit], binary=True).fetchall()
    reader = Reader(
        merchant_id=job.merchant_id,
        at=job.at,
        declared_source=job.declared_source,
        knows_completion="completed_at" in job.columns,
    )
    return [reader.staged((*row[:12], *_unpacked(*row[12:18]), row[18])) for row in rows]


def _unpacked(
    rows: bytes,
    skus: str,
    quantities: bytes,
    amounts: bytes,
    refunds: str | None,
    refund_amounts: bytes | None,
) -> tuple[Any, ...]:
    """What belongs to an order's lines, as lists."""
    return (
        _integers("<i4", rows),
        skus[:-1].split(SEPARATOR),
        _integers("<i8", quantities),
        _integers("<i8", amounts),
        None if refunds is None else refunds[:-1].split(SEPARATOR),
        None if refund_amounts is None else _integers("<i8", refund_amounts),
    )


def _integers(kind: str, packed: bytes) -> list[int]:
    return np.frombuffer(packed, dtype=kind).tolist()


class Reader:
    """Turns rows of the staging table, unpacked, or rows like them, into orders.

    `at` is when they all arrive; None: each arrives when it was paid (unpaid: placed).
    """

    def __init__(
        self, *, merchant_id: int, at: dt.datetime | None, declared_source: str, knows_completion: bool
    ) -> None:
        self.at = at
        self.merchant_id = merchant_id
        self.is_declared = bool(declared_source)
        self.knows_completion = knows_completion
        self.declared_source = declared_source
        self.quantities: dict[int, Decimal | int] = {}

    def staged(self, row: tuple[Any, ...]) -> Staged:
        """One row."""
        (_place, channel, external_id, member_key, store, status, paid_at, completed_at, joined_at, consent, phone,
         name, rows, skus, quantities, amounts, refunds, refund_amounts, scene) = row  # fmt: skip
        given: dict[str, Any] = {}
        if status is not None:
            given["status"] = status
        arrives_at = self.at or paid_at
        if self.knows_completion:
            given["completed_at"] = completed_at
        if scene:
            given["scene"] = scene
        order = orders.OrderIn(
            external_id,
            tuple(zip(skus, self._quantities(quantities), amounts, strict=True)),  # type: ignore[arg-type]
            channel,
            member_key=member_key,
            store=store,
            paid_at=None if status == "unpaid" else paid_at,
            **given,
        )
        joining, source = None, ""
        if member_key and (self.is_declared or (joined_at is not None and consent)):
            source = consent or self.declared_source
            person = [self._opened(phone), self._opened(name)]
            joining = Joining(channel, member_key, min(joined_at or paid_at, arrives_at), *person)
        return Staged(
            arrives_at,
            order,
            rows,
            list(self._refunds(order, rows, refunds, refund_amounts)),
            joining,
            source,
        )

    def _opened(self, value: bytes | str | None) -> str:
        return crypto.keyring().open(self.merchant_id, value) if isinstance(value, bytes) else value or ""

    def _quantities(self, thousandths: Sequence[int]) -> list[Decimal | int]:
        known = self.quantities
        found = []
        for number in thousandths:
            if (quantity := known.get(number)) is None:
                whole, rest = divmod(number, THOUSAND)
                quantity = known[number] = Decimal(number) / THOUSAND if rest else whole
            found.append(quantity)
        return found

    def _refunds(
        self,
        order: orders.OrderIn,
        rows: Sequence[int],
        ids: Sequence[str] | None,
        amounts: Sequence[int] | None,
    ) -> Iterator[tuple[orders.RefundIn, list[int]]]:
        if ids is None or amounts is None:
            return
        lines: dict[str, list[tuple[int, int]]] = {}
        for number, (refund, amount) in enumerate(zip(ids, amounts, strict=True), start=1):
            if refund:
                lines.setdefault(refund, []).append((number, amount))
        for refund, taken in lines.items():
            item = orders.RefundIn(order.external_id, refund, order.channel, taken)
            yield item, [rows[number - 1] for number, _amount in taken]


def join_people(merchant_id: int, chunk: Sequence[Staged], actor: Actor) -> int:
    """Make the buyers who gave evidence, or whom the merchant declared, members; how many are new."""
    people: dict[tuple[str, str], tuple[str, Joining]] = {}
    for staged in chunk:
        if (person := staged.joining) is not None:
            key = (person.channel, person.external_id)
            known = people.get(key)
            if known is None:
                people[key] = (staged.consent_source, person)
            elif (person.phone and not known[1].phone) or (person.name and not known[1].name):
                more = known[1]._replace(
                    phone=known[1].phone or person.phone, name=known[1].name or person.name
                )
                people[key] = (known[0], more)
    created = 0
    if not people:
        return 0
    at = max(staged.arrives_at for staged in chunk)
    for source, group in groupby(sorted(people.values(), key=lambda each: each[0]), key=lambda each: each[0]):
        joined = join_many(
            merchant_id=merchant_id,
            at=at,
            actor=actor,
            people=[person for _source, person in group],
            consent_source=source,
        )
        created += joined.created
    return created


def post_chunk(merchant_id: int, chunk: Sequence[Staged], *, actor: Actor) -> Posted:
    """Join who is to join, then post orders and refunds in the order given. In the caller's transaction."""
    done = Posted(members_created=join_people(merchant_id, chunk, actor))
    items: list[orders.Item] = []
    origin: list[tuple[Staged, Sequence[int]]] = []
    for staged in chunk:
        at = staged.arrives_at
        items.append((at, staged.order))
        origin.append((staged, staged.rows))
        for refund, rows in staged.refunds:
            items.append((at, refund))
            origin.append((staged, rows))
    batch = orders.put_many(merchant_id=merchant_id, actor=actor, items=items)
    for (_at, item), (staged, lines), outcome in zip(items, origin, batch.outcomes, strict=True):
        if outcome.refusal is not None:
            reason = outcome.refusal.detail
            if isinstance(item, orders.RefundIn):  # of an order that was refused the rows have their reason
                reason = _("The order was stored; its refund was refused: %(reason)s") % {"reason": reason}
            for line in lines:
                done.reasons.setdefault(int(line), reason)
        elif isinstance(item, orders.RefundIn):
            done.refunds += outcome.outcome != "unchanged"
        elif outcome.outcome == "unchanged":
            done.unchanged += 1
        else:
            done.lines += len(staged.rows)
            done.created += outcome.outcome == "created"
            done.changed += outcome.outcome == "changed"
    return done
