"""The first answer to a keyed request, given again when the request comes again (architecture.md 3, domain.md 6).

The row is written in the transaction of the effect: a crash or a refusal frees the key together with the effect.
What it keeps of the request and of the answer, which name people, cannot be read from the table (domain.md 11).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db import connection
from django.utils.translation import gettext_lazy as _

from members.lib import batches, crypto
from members.lib.refusals import IdempotencyConflict
from members.models import IdempotencyRow

LONGEST_KEY = 120
KEPT = dt.timedelta(days=30)


@dataclass(frozen=True, slots=True)
class FirstAnswer:
    """What was answered: the HTTP status, and the body as the very text that was sent."""

    status: int
    text: str


def claim(*, merchant_id: int, key: str, body_hash: str, at: dt.datetime) -> FirstAnswer | None:
    """Take a key, or get the answer it was given before; needs a transaction.

    Of two at once the second waits here until the first has committed (it gets that answer) or was undone (it
    takes the key itself). None: the key is this request's, and `keep` must follow in the same transaction.
    Raises IdempotencyConflict when the key was used for another request.
    """
    body_hash = _kept_hash(merchant_id, body_hash)
    while True:
        with connection.cursor() as cursor:
            cursor.execute(
                "insert into members_idempotencyrow (merchant_id, key, body_hash, status, at) "
                "values (%s, %s, %s, 0, %s) on conflict (merchant_id, key) do nothing",
                [merchant_id, key, body_hash, at],
            )
            if cursor.rowcount:
                return None
        row = IdempotencyRow.objects.of(merchant_id).filter(key=key).first()
        if row is None:  # undone or swept between the two statements
            continue
        if row.body_hash != body_hash:
            raise IdempotencyConflict(
                _("This key was used for another request. Send a new key with a new request.")
            )
        return FirstAnswer(status=row.status, text=row.answer)


def keep(*, merchant_id: int, key: str, status: int, text: str) -> None:
    """Store the answer of a key taken by `claim` in this transaction."""
    sealed = crypto.keyring().seal(merchant_id, text)
    IdempotencyRow.objects.of(merchant_id).filter(key=key).update(status=status, answer=sealed)


def forget_old(*, at: dt.datetime) -> int:
    """Delete answers given over 30 days before `at`; a key is new again then. Returns how many. Works as platform."""
    return batches.delete(
        "members_idempotencyrow", key=["merchant_id", "id"], condition="at < %s", values=[at - KEPT]
    )


def _kept_hash(merchant_id: int, body_hash: str) -> str:
    """A hash of a body with a phone number in it would be guessed; a keyed one cannot."""
    return crypto.keyed_hash(merchant_id, "request", body_hash)
