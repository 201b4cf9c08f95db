"""The platform's own admins: made, given and taken the right, shut out (interface.md, Platform). All as platform."""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from members.lib.refusals import Conflict, NotFound
from members.models import User
from members.services import audit, people
from members.services.audit import Actor


@transaction.atomic
def create_admin(
    *, email: str, password: str, at: dt.datetime, actor: Actor, name: str = "", language: str = ""
) -> User:
    """Make a person who is a platform admin, with a verified address; two-step sign-in is asked of them at the door.

    Raises Invalid (address, weak password), Conflict (the address has an account: use `grant`).
    """
    user = people.create_person(email=email, password=password, name=name, language=language, is_admin=True)
    _record(user, at, actor, "admin.created", before={}, after={"email": user.email})
    return user


@transaction.atomic
def grant(*, user_id: int, at: dt.datetime, actor: Actor) -> User:
    """Make an existing person a platform admin. Raises NotFound, Conflict (is one, or is shut out)."""
    user = _locked(user_id)
    if user.is_staff:
        raise Conflict(_("This person is a platform admin already."))
    if not user.is_active:
        raise Conflict(_("This person is shut out. Let them in first."))
    user.is_staff = user.is_superuser = True
    user.save(update_fields=["is_staff", "is_superuser"])
    _record(user, at, actor, "admin.granted", before={"is_staff": False}, after={"is_staff": True})
    return user


@transaction.atomic
def withdraw(*, user_id: int, at: dt.datetime, actor: Actor) -> User:
    """Take a person's admin right; their shops stay theirs. Raises NotFound, Conflict (none, oneself, the last)."""
    user = _locked(user_id)
    if not user.is_staff:
        raise Conflict(_("This person is no platform admin."))
    _refuse_self_and_last(user, actor)
    user.is_staff = user.is_superuser = False
    user.save(update_fields=["is_staff", "is_superuser"])
    _record(user, at, actor, "admin.withdrawn", before={"is_staff": True}, after={"is_staff": False})
    return user


@transaction.atomic
def set_active(*, user_id: int, active: bool, at: dt.datetime, actor: Actor) -> User:
    """Shut a person out of signing in anywhere, or let them in again; the same again changes nothing.

    Raises NotFound, Conflict (oneself, the last admin).
    """
    user = _locked(user_id)
    if user.is_active == active:
        return user
    if not active:
        _refuse_self_and_last(user, actor)
    user.is_active = active
    user.save(update_fields=["is_active"])
    action = "user.let_in" if active else "user.shut_out"
    _record(user, at, actor, action, before={"is_active": not active}, after={"is_active": active})
    return user


def _locked(user_id: int) -> User:
    # Every admin is locked in one order, so that two admins cannot take the right from each other at once.
    list(User.objects.select_for_update().filter(is_staff=True).order_by("id").values_list("id", flat=True))
    user = User.objects.select_for_update().filter(pk=user_id).first()
    if user is None:
        raise NotFound(_("There is no such person."))
    return user


def _refuse_self_and_last(user: User, actor: Actor) -> None:
    if user.pk == actor.user_id:
        raise Conflict(_("Nobody does this to themselves: ask another admin."))
    others = User.objects.filter(is_staff=True, is_active=True).exclude(pk=user.pk)
    if user.is_staff and not others.exists():
        raise Conflict(_("The platform would be left without an admin."))


def _record(
    user: User,
    at: dt.datetime,
    actor: Actor,
    action: str,
    *,
    before: dict[str, object],
    after: dict[str, object],
) -> None:
    audit.record_for_platform(
        at=at,
        actor=actor,
        action=action,
        subject=("user", user.pk),
        before={"name": str(user), **before},
        after={"name": str(user), **after},
    )
