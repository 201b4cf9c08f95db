"""API keys: made with scopes and shown once, stored as a hash, revoked for good (interface.md, API)."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Iterable

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from members.lib.fields import opaque_id
from members.lib.refusals import Conflict, Invalid, NotFound
from members.lib.scopes import Scope
from members.models import ApiKey
from members.selectors.access import key_hash
from members.services import audit
from members.services.audit import Actor

PREFIX = "ls_"
SHOWN = 10  # characters of a key that stay visible, so that people can tell keys apart
MAX_LIVE_KEYS = 20


def _checked(name: str, scopes: Iterable[str]) -> tuple[str, list[str]]:
    name = name.strip()
    if not name:
        raise Invalid(_("Give the key a name."), errors={"name": _("Give the key a name.")})
    chosen = [scope for scope in Scope.values if scope in set(scopes)]
    unknown = set(scopes) - set(chosen)
    if unknown:
        strange = _("There is no scope “%(scope)s”.") % {"scope": sorted(unknown)[0]}
        raise Invalid(strange, errors={"scopes": strange})
    if not chosen:
        missing = _("Choose at least one thing the key may do.")
        raise Invalid(missing, errors={"scopes": missing})
    return name, chosen


@transaction.atomic
def create_key(
    *,
    merchant_id: int,
    name: str,
    scopes: Iterable[str],
    actor: Actor,
    at: dt.datetime,
    public_id: str = "",
) -> tuple[ApiKey, str]:
    """Make a key. Returns it with its secret, which is nowhere kept; needs the tenant in scope.

    `public_id` makes a repeated request harmless: the key made before comes back with an empty secret.
    Raises Invalid (name, scopes), Conflict (too many live keys).
    """
    if public_id and (made := ApiKey.objects.filter(merchant_id=merchant_id, public_id=public_id).first()):
        return made, ""
    name, chosen = _checked(name, scopes)
    if ApiKey.objects.filter(merchant_id=merchant_id, revoked_at=None).count() >= MAX_LIVE_KEYS:
        raise Conflict(
            _("A shop has at most %(limit)s keys. Revoke one that is no longer used.")
            % {"limit": MAX_LIVE_KEYS}
        )
    secret = PREFIX + secrets.token_urlsafe(32)
    key = ApiKey.objects.create(
        merchant_id=merchant_id,
        public_id=public_id or opaque_id(),
        name=name,
        prefix=secret[:SHOWN],
        key_hash=key_hash(secret),
        scopes=chosen,
        created_by_id=actor.user_id,
        created_at=at,
    )
    audit.record(
        merchant_id=merchant_id,
        at=at,
        actor=actor,
        action="api_key.created",
        subject=("api_key", key.public_id),
        label=name,
        after={"scopes": chosen},
    )
    return key, secret


@transaction.atomic
def revoke_key(*, merchant_id: int, public_id: str, actor: Actor, at: dt.datetime) -> ApiKey:
    """End a key at once and for good; revoking it again changes nothing. Raises NotFound."""
    key = (
        ApiKey.objects.select_for_update(of=("self",))
        .filter(merchant_id=merchant_id, public_id=public_id)
        .first()
    )
    if key is None:
        raise NotFound(_("There is no such key."))
    if key.revoked_at is None:
        key.revoked_at = at
        key.save(update_fields=["revoked_at"])
        audit.record(
            merchant_id=merchant_id,
            at=at,
            actor=actor,
            action="api_key.revoked",
            subject=("api_key", key.public_id),
            label=key.name,
        )
    return key


def note_use(*, key: ApiKey, on: dt.date) -> None:
    """Remember the day a key was last used; writes once a day."""
    if key.last_used_on != on:
        ApiKey.objects.filter(pk=key.pk).exclude(last_used_on=on).update(last_used_on=on)
        key.last_used_on = on
