"""The stores of a merchant as scopes of benefits name them, and a scope in words."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django.utils.translation import gettext as _

from benefits.lib.scope import channel_names, channel_of, store_key
from members.models import Store


def stores(*, merchant_id: int) -> list[tuple[str, str]]:
    """(key of a scope, name with its channel) of a merchant's stores, by channel and name. One query."""
    rows = Store.objects.of(merchant_id).order_by("channel", "name", "id")
    return [
        (store_key(row.channel, row.code), f"{row.name} ({channel_names([row.channel])})")
        for row in rows
        if row.code
    ]


def store_names(*, merchant_id: int, keys: Collection[str]) -> dict[str, str]:
    """The names of those of some stores that the merchant has, by key. At most one query."""
    codes = [key.partition(":")[2] for key in keys]
    if not codes:
        return {}
    rows = Store.objects.of(merchant_id).filter(code__in=codes, channel__in={channel_of(key) for key in keys})
    found = {store_key(row.channel, row.code): row.name for row in rows}
    return {key: found[key] for key in keys if key in found}


def where(scope: Mapping[str, Any], names: Mapping[str, str] | None = None) -> str:
    """Where a benefit of a scope is to be had, "" for everywhere. names: those of the stores; a store without one is
    told by its code."""
    places = [channel_names([channel]) for channel in scope.get("channels", ())]
    places += [(names or {}).get(key, key) for key in scope.get("stores", ())]
    scenes = ", ".join(scope.get("scenes", ()))
    told = ", ".join(places)
    if told and scenes:
        return _("%(places)s, for: %(scenes)s") % {"places": told, "scenes": scenes}
    return told or scenes
