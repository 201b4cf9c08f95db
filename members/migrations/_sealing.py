"""Rows in clear into their sealed columns: for migrations 0004 and 0005, over the connection that migrates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import transaction

from members.lib import crypto

BATCH = 5_000
_IDENTITIES = (
    "select merchant_id, id, channel, external_id from members_identity "
    "where external_index is null and (merchant_id, id) > (%s, %s) order by merchant_id, id limit %s"
)
_ANSWERS = (
    "select merchant_id, id, body_hash, answer #>> '{}' from members_idempotencyrow "
    "where not is_sealed and (merchant_id, id) > (%s, %s) order by merchant_id, id limit %s"
)


def seal_rows(apps: Any, schema_editor: Any) -> None:
    """Seal every identity and stored answer that is not sealed yet. domain.md 11."""
    connection = schema_editor.connection
    _walk(connection, _IDENTITIES, _seal_identities)
    _walk(connection, _ANSWERS, _seal_answers)


def _walk(connection: Any, query: str, seal: Callable[[Any, list[tuple]], None]) -> None:
    last = (0, 0)
    while True:
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            cursor.execute(query, [*last, BATCH])
            rows = cursor.fetchall()
            if not rows:
                return
            seal(cursor, rows)
            last = rows[-1][:2]


def _seal_identities(cursor: Any, rows: list[tuple]) -> None:
    ring = crypto.keyring()
    cursor.execute(
        "update members_identity i set external_sealed = s.sealed, external_index = s.external_index "
        "from unnest(%s::bigint[], %s::bigint[], %s::bytea[], %s::bytea[]) "
        "s(merchant_id, id, sealed, external_index) where i.merchant_id = s.merchant_id and i.id = s.id",
        [
            [row[0] for row in rows],
            [row[1] for row in rows],
            [ring.seal(merchant, external_id) for merchant, _pk, _channel, external_id in rows],
            [crypto.identity_index(merchant, channel, text) for merchant, _pk, channel, text in rows],
        ],
    )


def _seal_answers(cursor: Any, rows: list[tuple]) -> None:
    ring = crypto.keyring()
    cursor.execute(
        "update members_idempotencyrow i set answer_sealed = s.sealed, body_hash = s.body_hash, is_sealed = true "
        "from unnest(%s::bigint[], %s::bigint[], %s::bytea[], %s::text[]) "
        "s(merchant_id, id, sealed, body_hash) where i.merchant_id = s.merchant_id and i.id = s.id",
        [
            [row[0] for row in rows],
            [row[1] for row in rows],
            [ring.seal(merchant, text) if text else None for merchant, _pk, _hash, text in rows],
            [crypto.keyed_hash(merchant, "request", body_hash) for merchant, _pk, body_hash, _text in rows],
        ],
    )
