"""Finding whose a request is: memberships of a user, the merchant of an API key, the program of a merchant."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Any

from members.lib import prepared
from members.models import ApiKey, Merchant, Program, Staff, SupportVisit, User


def memberships(*, user: User) -> list[Staff]:
    """The merchants a user works for now, oldest first, each with its merchant. One query."""
    rows = Staff.objects.filter(user=user, left_at=None).select_related("merchant", "user")
    return list(rows.order_by("joined_at", "id"))


def key_hash(secret: str) -> str:
    """How an API key is stored and found: keys are long and random, so a plain hash suffices."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _columns(model: type[Any], alias: str) -> tuple[list[str], str]:
    """A model's fields as `from_db` takes them, and the same as columns of a statement."""
    fields = model._meta.concrete_fields
    return [field.attname for field in fields], ", ".join(f'{alias}."{field.column}"' for field in fields)


KEY_FIELDS, _KEY_COLUMNS = _columns(ApiKey, "k")
MERCHANT_FIELDS, _MERCHANT_COLUMNS = _columns(Merchant, "m")
# Every request of the API begins with it, so it is sent as tills' statements are.
KEY = f"""
select {_KEY_COLUMNS}, {_MERCHANT_COLUMNS} from members_apikey k join members_merchant m on m.id = k.merchant_id
where k.key_hash = %(hash)s and k.revoked_at is null
"""


def api_key(*, secret: str) -> ApiKey | None:
    """The live key of a secret, with its merchant; None when unknown or revoked. One query."""
    row = prepared.fetch_one(KEY, {"hash": key_hash(secret)})
    if row is None:
        return None
    found = ApiKey.from_db("default", KEY_FIELDS, row[: len(KEY_FIELDS)])
    found.merchant = Merchant.from_db("default", MERCHANT_FIELDS, row[len(KEY_FIELDS) :])
    return found


def support_visit(*, merchant_id: int, public_id: str, user_id: int, at: dt.datetime) -> SupportVisit | None:
    """The admin's visit at a merchant that still runs, with the merchant; needs the tenant in scope. One query."""
    rows = SupportVisit.objects.of(merchant_id).filter(public_id=public_id, by_id=user_id, ended_at=None)
    found: SupportVisit | None = rows.filter(until_at__gt=at).select_related("merchant", "by").first()
    return found


def program_of(*, merchant: Merchant) -> Program | None:
    """The merchant's program; needs the tenant in scope. One query."""
    return Program.objects.filter(merchant_id=merchant.pk).first()
