"""A shop's own settings: name, zone, currency, language, and its stores (domain.md 1)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import Any

from babel.core import get_global
from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from members.lib.fields import opaque_id
from members.lib.periods import is_zone
from members.lib.refusals import Conflict, Invalid, NotFound
from members.models import Channel, Merchant, Program, Store
from members.selectors import shop as selectors
from members.services import audit
from members.services.audit import Actor

FIELDS = ("name", "timezone", "currency", "language")


def _check(values: dict[str, str]) -> None:
    errors: dict[str, Any] = {}
    if not values["name"]:
        errors["name"] = _("Give the shop a name.")
    if not is_zone(values["timezone"]):
        errors["timezone"] = _("There is no time zone “%(zone)s”.") % {"zone": values["timezone"]}
    if values["currency"] not in get_global("all_currencies"):
        errors["currency"] = _("There is no currency “%(currency)s”.") % {"currency": values["currency"]}
    if values["language"] not in dict(settings.LANGUAGES):
        errors["language"] = _("Choose one of the languages.")
    if errors:
        raise Invalid(next(iter(errors.values())), errors=errors)


@transaction.atomic
def change_shop(
    *,
    merchant_id: int,
    name: str,
    timezone: str,
    currency: str,
    language: str,
    actor: Actor,
    at: dt.datetime,
) -> Merchant:
    """Change a shop's settings; the same values again change nothing. Needs the tenant in scope.

    The currency is fixed once orders exist, whose amounts are stored in it; the zone once members or orders exist: the
    day of a joining, daily totals, validities and last usable days are stored as days of that zone. Raises Invalid,
    Conflict.
    """
    merchant = Merchant.objects.select_for_update(no_key=True).get(pk=merchant_id)
    values = {"name": name.strip(), "timezone": timezone, "currency": currency.upper(), "language": language}
    _check(values)
    before = {
        field: getattr(merchant, field) for field in FIELDS if getattr(merchant, field) != values[field]
    }
    if not before:
        return merchant
    _require_free(merchant_id, before)
    for field in before:
        setattr(merchant, field, values[field])
    merchant.save(update_fields=list(before))
    audit.record(
        merchant_id=merchant_id,
        at=at,
        actor=actor,
        action="merchant.changed",
        subject=("merchant", merchant.slug),
        label=merchant.name,
        before=before,
        after={field: values[field] for field in before},
    )
    return merchant


def _require_free(merchant_id: int, changed: Collection[str]) -> None:
    """Raises Conflict for what is fixed by what is stored already. Waits for a joining or an order under way, and has
    those that come wait: they read the shop's zone and currency once they hold the program."""
    if not {"currency", "timezone"} & set(changed):
        return
    Program.objects.select_for_update().filter(merchant_id=merchant_id).first()
    if "currency" in changed and selectors.has_orders(merchant_id=merchant_id):
        detail = _("The currency cannot change any more: the amounts of orders are stored in it.")
        raise Conflict(detail, errors={"currency": detail})
    if "timezone" in changed and selectors.has_days(merchant_id=merchant_id):
        detail = _("The time zone cannot change any more: the days of members and orders are counted in it.")
        raise Conflict(detail, errors={"timezone": detail})


def _check_store(merchant_id: int, code: str, name: str, channel: str, but: Store | None = None) -> None:
    errors: dict[str, Any] = {}
    if not name:
        errors["name"] = _("Give the store a name.")
    if not code:
        errors["code"] = _("Give the store a code, as it stands in your order files.")
    if channel not in Channel.values:
        errors["channel"] = _("Choose a channel.")
    twins = Store.objects.of(merchant_id).filter(channel=channel, code=code)
    if but is not None:
        twins = twins.exclude(pk=but.pk)
    if not errors and twins.exists():
        errors["code"] = _("There is a store with the code “%(code)s” on this channel already.") % {
            "code": code
        }
    if errors:
        raise Invalid(next(iter(errors.values())), errors=errors)


@transaction.atomic
def add_store(
    *,
    merchant_id: int,
    code: str,
    name: str,
    channel: str,
    actor: Actor,
    at: dt.datetime,
    public_id: str = "",
) -> Store:
    """Add an online shop or branch. `public_id` makes a repeated request harmless. Raises Invalid."""
    Merchant.objects.select_for_update(no_key=True).get(pk=merchant_id)
    if public_id and (made := Store.objects.of(merchant_id).filter(public_id=public_id).first()):
        return made
    code, name = code.strip(), name.strip()
    _check_store(merchant_id, code, name, channel)
    store = Store.objects.create(
        merchant_id=merchant_id,
        public_id=public_id or opaque_id(),
        code=code,
        name=name,
        channel=channel,
    )
    _audit_store(store, actor, at, "store.added", after={"code": code, "channel": channel})
    return store


@transaction.atomic
def rename_store(*, merchant_id: int, store_id: str, name: str, actor: Actor, at: dt.datetime) -> Store:
    """Give a store another name; code and channel stay, since orders carry them. Raises NotFound, Invalid."""
    store = Store.objects.of(merchant_id).select_for_update().filter(public_id=store_id).first()
    if store is None:
        raise NotFound(_("There is no such store."))
    name = name.strip()
    _check_store(merchant_id, store.code, name, store.channel, but=store)
    if name != store.name:
        before, store.name = store.name, name
        store.save(update_fields=["name"])
        _audit_store(store, actor, at, "store.renamed", before={"name": before}, after={"name": name})
    return store


def _audit_store(store: Store, actor: Actor, at: dt.datetime, action: str, **more: Any) -> None:
    audit.record(
        merchant_id=store.merchant_id,
        at=at,
        actor=actor,
        action=action,
        subject=("store", store.public_id),
        label=store.name,
        **more,
    )
