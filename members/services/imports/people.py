"""Which member a row means: by the id that this shop shows, or as a channel knows the person (an id, a card)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from django.db import connection

from members.lib import crypto
from members.lib.fields import ALPHABET
from members.models import Member, MemberStatus

BATCH = 20_000
Key = tuple[str, str]
"""(channel, what the row calls the member)."""


class Row(Protocol):
    """A row that names a member."""

    @property
    def channel(self) -> str:
        """Whose id the key is."""

    @property
    def member_key(self) -> str:
        """What the row calls the member."""


def find(merchant_id: int, rows: Iterable[Row]) -> dict[Key, int]:
    """The member id of each key that is a member's; in two queries for every 20,000 keys."""
    keys = list(dict.fromkeys((row.channel, row.member_key) for row in rows))
    found: dict[Key, int] = {}
    for begin in range(0, len(keys), BATCH):
        part = keys[begin : begin + BATCH]
        found |= _by_identity(merchant_id, part)
        found |= _by_public_id(merchant_id, part)
    return found


def _by_public_id(merchant_id: int, keys: list[Key]) -> dict[Key, int]:
    shaped = {text for _channel, text in keys if set(text) <= set(ALPHABET)}
    if not shaped:
        return {}
    rows = Member.objects.of(merchant_id).filter(public_id__in=shaped).exclude(status=MemberStatus.ERASED)
    ids = dict(rows.values_list("public_id", "id"))
    return {key: ids[key[1]] for key in keys if key[1] in ids}


def _by_identity(merchant_id: int, keys: list[Key]) -> dict[Key, int]:
    indexes = crypto.identity_indexes(merchant_id, keys)
    with connection.cursor() as cursor:
        cursor.execute(
            "select i.external_index, i.member_id from members_identity i "
            "join unnest(%s::bytea[]) k (external_index) on k.external_index = i.external_index "
            "where i.merchant_id = %s and i.member_id is not null",
            [indexes, merchant_id],
        )
        ids = {bytes(index): member_id for index, member_id in cursor.fetchall()}
    return {key: ids[index] for key, index in zip(keys, indexes, strict=True) if index in ids}
