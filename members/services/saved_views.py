"""Views of a list: its filters and its order kept under a name, a person's own or shared with the shop."""

from __future__ import annotations

import datetime as dt
from urllib.parse import parse_qs

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from members.lib.phones import e164_or_none, region_of
from members.lib.refusals import Conflict, Invalid, NotFound
from members.models import Merchant, Role, SavedView
from members.services import audit, member_emails
from members.services.audit import Actor

LONGEST_NAME, LONGEST_QUERY, MOST = 60, 600, 50
SHARERS = frozenset({Role.OWNER, Role.MANAGER, Role.OPERATOR})
KEEPERS = frozenset({Role.OWNER, Role.MANAGER})  # who may change what another shared


@transaction.atomic
def save(
    *, merchant_id: int, at: dt.datetime, actor: Actor, role: str, name: str, query: str, is_shared: bool
) -> SavedView:
    """Keep a list's address under a name; the same name of the same person again takes the new address.

    Raises Invalid (a name, an address too long, a search for one person, a role that may not share), Conflict (too
    many).
    """
    name = _name(name)
    if actor.user_id is None:
        raise Invalid(_("Views are kept by people."))
    _check_sharing(role, is_shared)
    if len(query) > LONGEST_QUERY:
        raise Invalid.on("name", _("These filters are too long to be kept."))
    merchant = Merchant.objects.select_for_update(no_key=True).get(pk=merchant_id)
    _check_search(merchant, query)
    mine = SavedView.objects.of(merchant_id).filter(by_id=actor.user_id)
    view = mine.filter(list="members", name=name).first()
    if view is None and mine.count() >= MOST:
        raise Conflict(_("A person keeps at most %(most)s views. Delete one first.") % {"most": MOST})
    view = view or SavedView(merchant_id=merchant_id, by_id=actor.user_id, name=name, created_at=at)
    if view.pk and (view.query, view.is_shared) == (query, is_shared):
        return view
    view.query, view.is_shared = query, is_shared
    view.save()
    _record(view, at, actor, "view.saved")
    return view


@transaction.atomic
def change(
    *, merchant_id: int, at: dt.datetime, actor: Actor, role: str, public_id: str, name: str, is_shared: bool
) -> SavedView:
    """Rename a view, share it or keep it to oneself. Raises NotFound, Invalid, Conflict (the name is taken)."""
    view = _mine(merchant_id, actor, role, public_id)
    name = _name(name)
    if is_shared != view.is_shared:
        _check_sharing(role, True)
    if is_shared:
        _check_search(Merchant.objects.get(pk=merchant_id), view.query)
    same = SavedView.objects.of(merchant_id).filter(by_id=view.by_id, list=view.list, name=name)
    if same.exclude(pk=view.pk).exists():
        raise Conflict(_("There is a view “%(name)s” already.") % {"name": name})
    if (view.name, view.is_shared) == (name, is_shared):
        return view
    before = {"name": view.name}
    view.name, view.is_shared = name, is_shared
    view.save(update_fields=["name", "is_shared"])
    _record(view, at, actor, "view.changed", before)
    return view


@transaction.atomic
def delete(*, merchant_id: int, at: dt.datetime, actor: Actor, role: str, public_id: str) -> None:
    """Delete a view; no member is changed. Raises NotFound."""
    view = _mine(merchant_id, actor, role, public_id)
    _record(view, at, actor, "view.deleted")
    view.delete()


def _mine(merchant_id: int, actor: Actor, role: str, public_id: str) -> SavedView:
    here = SavedView.objects.select_for_update().of(merchant_id)
    view: SavedView | None = here.filter(public_id=public_id).first()
    if view is None or (view.by_id != actor.user_id and not (view.is_shared and role in KEEPERS)):
        raise NotFound(_("There is no such view."))
    return view


def _name(name: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME or "\x00" in name:
        raise Invalid.on("name", _("A view's name has 1 to %(most)s characters.") % {"most": LONGEST_NAME})
    return name


def _check_sharing(role: str, is_shared: bool) -> None:
    if is_shared and role not in SHARERS:
        raise Invalid.on("is_shared", _("Views are shared by owners, managers and operators."))


def _check_search(merchant: Merchant, query: str) -> None:
    """Whole numbers and addresses are sealed and shown to some roles alone; a view would keep them in clear."""
    for text in parse_qs(query).get("q", []):
        if e164_or_none(text, region_of(merchant.currency)) or member_emails.address_or_none(text):
            raise Invalid.on(
                "name",
                _("A view keeps no phone number or e-mail address. Clear the search, then save the view."),
            )


def _record(
    view: SavedView, at: dt.datetime, actor: Actor, action: str, before: dict[str, str] | None = None
) -> None:
    audit.record(
        merchant_id=view.merchant_id,
        at=at,
        actor=actor,
        action=action,
        subject=("view", view.public_id),
        label=view.name,
        before=before,
        after={"name": view.name},
    )
