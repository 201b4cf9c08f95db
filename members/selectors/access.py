"""Finding whose a request is: memberships of a user, the merchant of an API key, the program of a merchant."""

from __future__ import annotations

import hashlib

from members.models import ApiKey, Merchant, Program, Staff, User


def memberships(*, user: User) -> list[Staff]:
    """The merchants a user works for now, oldest first, each with its merchant. One query."""
    rows = Staff.objects.filter(user=user, left_at=None).select_related("merchant", "user")
    return list(rows.order_by("joined_at", "id"))


def key_hash(secret: str) -> str:
    """How an API key is stored and found: keys are long and random, so a plain hash suffices."""
    return hashlib.sha256(secret.encode()).hexdigest()


def api_key(*, secret: str) -> ApiKey | None:
    """The live key of a secret, with its merchant; None when unknown or revoked. One query."""
    return (
        ApiKey.objects.select_related("merchant").filter(key_hash=key_hash(secret), revoked_at=None).first()
    )


def program_of(*, merchant: Merchant) -> Program | None:
    """The merchant's program; needs the tenant in scope. One query."""
    return Program.objects.filter(merchant_id=merchant.pk).first()
