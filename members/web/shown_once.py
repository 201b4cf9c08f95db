"""Secrets that a page shows once: sealed in the session from the making until that page was looked at."""

from __future__ import annotations

from members.lib.crypto import keyring
from members.web.request import StaffRequest


def keep(request: StaffRequest, slot: str, *, name: str, secret: str) -> None:
    """Keep a new thing's secret for the next look; an empty one (it was made before) replaces nothing."""
    if secret:
        merchant_id = request.merchant.pk
        sealed = keyring().seal(merchant_id, secret).hex()
        request.session[slot] = {"merchant": merchant_id, "name": name, "secret": sealed}


def take(request: StaffRequest, slot: str) -> tuple[str, str]:
    """(name, secret) of what was just made, this once; empty when there is none, or it is another shop's."""
    made = request.session.pop(slot, None)
    if not made or made["merchant"] != request.merchant.pk:
        return "", ""
    return made["name"], keyring().open(request.merchant.pk, bytes.fromhex(made["secret"]))
