"""Who works for a shop: invitations, roles, leaving (domain.md 1).

Owners give every role; managers give the roles below their own; nobody raises themselves, and a shop is never
without an owner. Every change locks the whole team first, so that two owners cannot remove each other.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urljoin

from django.conf import settings
from django.db import transaction
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from members.lib import tenant as tenancy
from members.lib.fields import opaque_id
from members.lib.refusals import Conflict, Invalid, NotFound, Refusal
from members.models import Invitation, Merchant, Role, Staff, User
from members.services import audit, mail, outbox
from members.services.audit import Actor
from members.services.people import clean_email

VALID_FOR = dt.timedelta(days=7)
RESEND_PAUSE = dt.timedelta(minutes=1)
BELOW_MANAGER = frozenset({Role.OPERATOR, Role.CASHIER, Role.ANALYST})
GIVES: dict[str, frozenset[str]] = {Role.OWNER: frozenset(Role.values), Role.MANAGER: BELOW_MANAGER}


class NotAllowed(Refusal):
    """The person's own role does not let them do this."""

    slug = "not-allowed"


class LastOwner(Conflict):
    """The shop would be left without an owner."""

    slug = "last-owner"


class InvitationSpent(Conflict):
    """The invitation was accepted, revoked, or is too old."""

    slug = "invitation-spent"


def may_give(role: str) -> frozenset[str]:
    """The roles that someone with this role gives, changes and takes away."""
    return GIVES.get(role, frozenset())


def token_of(invitation: Invitation) -> str:
    """The secret in the invitation's link: derived from the row and the installation's key, so that it is stored
    nowhere and a second delivery of the same e-mail carries the same link."""
    material = f"{invitation.public_id}|{invitation.invited_at.astimezone(dt.UTC).isoformat()}"
    return salted_hmac("members.invitation", material, algorithm="sha256").hexdigest()


def token_hash(token: str) -> str:
    """How a token is stored and found."""
    return hashlib.sha256(token.encode()).hexdigest()


def _lock_team(merchant_id: int) -> list[Staff]:
    # The merchant's row first: it also keeps out a concurrent invitation to an address that is not on the team yet.
    Merchant.objects.select_for_update(no_key=True).filter(pk=merchant_id).first()
    rows = Staff.objects.filter(merchant_id=merchant_id, left_at=None).select_related("user")
    return list(rows.select_for_update(of=("self",)).order_by("id"))


def _present(team: list[Staff], by: User) -> Staff:
    for row in team:
        if row.user_id == by.pk:
            return row
    raise NotAllowed(_("You do not work for this shop any more."))


def _find(team: list[Staff], staff_id: str) -> Staff:
    for row in team:
        if row.public_id == staff_id:
            return row
    raise NotFound(_("There is no such person in this shop."))


def _require_gives(by: Staff, *roles: str) -> None:
    if not set(roles) <= may_give(by.role):
        raise NotAllowed(
            _("Your role lets you give and take only roles below your own. Ask an owner of the shop.")
        )


def _keep_an_owner(team: list[Staff], leaving: Staff) -> None:
    if leaving.role == Role.OWNER and not any(
        row.role == Role.OWNER and row.pk != leaving.pk for row in team
    ):
        raise LastOwner(_("A shop needs an owner. Make somebody else an owner first."))


@transaction.atomic
def invite(
    *, merchant: Merchant, email: str, role: str, by: User, at: dt.datetime, public_id: str = ""
) -> Invitation:
    """Offer a role to an e-mail address for seven days; the link goes out by e-mail after the commit.

    `public_id` makes a repeated request harmless. Needs the tenant in scope.
    Raises Invalid (address, role), NotAllowed, Conflict (works here already, or is invited already).
    """
    team = _lock_team(merchant.pk)
    inviter = _present(team, by)
    if public_id and (made := Invitation.objects.filter(merchant=merchant, public_id=public_id).first()):
        return made
    email = clean_email(email)
    if role not in Role.values:
        raise Invalid(_("Choose a role."), errors={"role": _("Choose a role.")})
    _require_gives(inviter, role)
    if any(row.user.email == email for row in team):
        detail = _("%(email)s works for this shop already.") % {"email": email}
        raise Conflict(detail, errors={"email": detail})
    if _open_invitations(merchant.pk, at).filter(email=email).exists():
        detail = _("%(email)s has an invitation already. Send it again or revoke it below.") % {
            "email": email
        }
        raise Conflict(detail, errors={"email": detail})
    invitation = Invitation(
        merchant=merchant,
        public_id=public_id or opaque_id(),
        email=email,
        role=role,
        invited_by=by,
    )
    _offer(invitation, at)
    _audit(invitation, Actor.person(by), "staff.invited", at, after={"role": role})
    return invitation


def _open_invitations(merchant_id: int, at: dt.datetime) -> Any:
    return Invitation.objects.filter(
        merchant_id=merchant_id, accepted_at=None, revoked_at=None, expires_at__gt=at
    )


def _offer(invitation: Invitation, at: dt.datetime) -> None:
    """Set the term, the token and the e-mail of an invitation."""
    invitation.invited_at = at
    invitation.expires_at = at + VALID_FOR
    invitation.token_hash = token_hash(token_of(invitation))
    invitation.save()
    outbox.leave(
        merchant_id=invitation.merchant_id,
        topic="invitation",
        key=f"{invitation.public_id}:{at.isoformat()}",
        payload={"invitation": invitation.public_id, "token_hash": invitation.token_hash},
        at=at,
    )


def _audit(invitation: Invitation, actor: Actor, action: str, at: dt.datetime, **more: Any) -> None:
    audit.record(
        merchant_id=invitation.merchant_id,
        at=at,
        actor=actor,
        action=action,
        subject=("invitation", invitation.public_id),
        label=invitation.email,
        **more,
    )


@outbox.handles("invitation")
def prepare_invitation(
    merchant_id: int, payload: dict[str, Any], at: dt.datetime
) -> Callable[[], Any] | None:
    """The invitation's e-mail in the receiver's language; None when it was accepted, revoked or sent anew since."""
    invitation = (
        Invitation.objects.select_related("merchant", "invited_by")
        .filter(merchant_id=merchant_id, public_id=payload["invitation"])
        .first()
    )
    if (
        invitation is None
        or state(invitation, at) != "open"
        or invitation.token_hash != payload["token_hash"]
    ):
        return None
    context = {
        "merchant_name": invitation.merchant.name,
        "inviter": str(invitation.invited_by),
        "role": Role(invitation.role).label,
        "until": invitation.expires_at.astimezone(invitation.merchant.zone).strftime("%Y-%m-%d %H:%M %z"),
        "link": urljoin(settings.SITE_URL, f"/invitations/{token_of(invitation)}"),
    }
    language = mail.language_for(email=invitation.email, merchant=invitation.merchant)
    message = mail.compose(
        to=invitation.email, template="members/staff/email/invitation", context=context, language=language
    )
    return partial(mail.deliver, message)


def state(invitation: Invitation, at: dt.datetime) -> str:
    """open, accepted, revoked or expired."""
    if invitation.accepted_at is not None:
        return "accepted"
    if invitation.revoked_at is not None:
        return "revoked"
    return "open" if at < invitation.expires_at else "expired"


def _lock_invitation(merchant_id: int, public_id: str) -> Invitation:
    invitation = (
        Invitation.objects.select_for_update(of=("self",))
        .filter(merchant_id=merchant_id, public_id=public_id)
        .first()
    )
    if invitation is None:
        raise NotFound(_("There is no such invitation."))
    return invitation


@transaction.atomic
def resend(*, merchant_id: int, invitation_id: str, by: User, at: dt.datetime) -> Invitation:
    """Send an open or expired invitation again: a new link for seven days, the old one is dead.

    Within a minute of the last sending it changes nothing. Raises NotFound, NotAllowed, InvitationSpent.
    """
    inviter = _present(_lock_team(merchant_id), by)
    invitation = _lock_invitation(merchant_id, invitation_id)
    _require_gives(inviter, invitation.role)
    _require_unspent(invitation, at, but="expired")
    if at - invitation.invited_at < RESEND_PAUSE:
        return invitation
    _offer(invitation, at)
    _audit(invitation, Actor.person(by), "staff.invited_again", at)
    return invitation


@transaction.atomic
def revoke(*, merchant_id: int, invitation_id: str, by: User, at: dt.datetime) -> Invitation:
    """Take an invitation back; its link is dead at once. Revoking again changes nothing.

    Raises NotFound, NotAllowed, InvitationSpent (accepted).
    """
    inviter = _present(_lock_team(merchant_id), by)
    invitation = _lock_invitation(merchant_id, invitation_id)
    _require_gives(inviter, invitation.role)
    if invitation.accepted_at is not None:
        _require_unspent(invitation, at)
    if invitation.revoked_at is None:
        invitation.revoked_at = at
        invitation.save(update_fields=["revoked_at"])
        _audit(invitation, Actor.person(by), "staff.invitation_revoked", at)
    return invitation


def _require_unspent(invitation: Invitation, at: dt.datetime, *, but: str = "") -> None:
    now = state(invitation, at)
    if now in ("open", but):
        return
    words = {
        "accepted": _("This invitation was accepted already."),
        "revoked": _("This invitation was taken back. Ask the shop for a new one."),
        "expired": _("This invitation is too old. Ask the shop to send it again."),
    }
    raise InvitationSpent(words[now])


@transaction.atomic
def accept(*, token: str, user: User, at: dt.datetime) -> Staff:
    """Let the invited person in. The link works once, and only for the address it was sent to.

    Raises NotFound, InvitationSpent, NotAllowed (another address), Conflict (works here already).
    """
    found = Invitation.objects.filter(token_hash=token_hash(token)).first()
    if found is None:
        raise NotFound(_("There is no such invitation."))
    with tenancy.tenant(found.merchant_id):
        team = _lock_team(found.merchant_id)
        invitation = _lock_invitation(found.merchant_id, found.public_id)
        if invitation.token_hash != found.token_hash:
            raise NotFound(_("There is no such invitation."))
        _require_unspent(invitation, at)
        if user.email.lower() != invitation.email:
            raise NotAllowed(
                _("This invitation is for %(email)s. Sign in with that address to accept it.")
                % {"email": invitation.email}
            )
        if any(row.user_id == user.pk for row in team):
            raise Conflict(_("You work for this shop already."))
        staff, _made = Staff.objects.update_or_create(
            merchant_id=invitation.merchant_id,
            user=user,
            defaults={"role": invitation.role, "joined_at": at, "left_at": None},
        )
        invitation.accepted_at = at
        invitation.save(update_fields=["accepted_at"])
        _record(staff, Actor.person(user), "staff.joined", at, after={"role": staff.role})
    return staff


@transaction.atomic
def change_role(*, merchant_id: int, staff_id: str, role: str, by: User, at: dt.datetime) -> Staff:
    """Give a person of the team another role; the same role again changes nothing. Needs the tenant in scope.

    Raises NotFound, Invalid, NotAllowed, LastOwner.
    """
    team = _lock_team(merchant_id)
    changer = _present(team, by)
    target = _find(team, staff_id)
    if role not in Role.values:
        raise Invalid(_("Choose a role."), errors={"role": _("Choose a role.")})
    _require_gives(changer, target.role, role)
    if role == target.role:
        return target
    _keep_an_owner(team, target)
    before, target.role = target.role, role
    target.save(update_fields=["role"])
    _record(target, Actor.person(by), "staff.role_changed", at, before={"role": before}, after={"role": role})
    return target


@transaction.atomic
def remove(*, merchant_id: int, staff_id: str, by: User, at: dt.datetime) -> Staff:
    """End a person's work for the shop; they may also leave by themselves. The row stays for the audit log.

    Raises NotFound, NotAllowed, LastOwner.
    """
    team = _lock_team(merchant_id)
    remover = _present(team, by)
    target = _find(team, staff_id)
    if target.pk != remover.pk:
        _require_gives(remover, target.role)
    _keep_an_owner(team, target)
    target.left_at = at
    target.save(update_fields=["left_at"])
    action = "staff.left" if target.pk == remover.pk else "staff.removed"
    _record(target, Actor.person(by), action, at, before={"role": target.role})
    return target


def _record(staff: Staff, actor: Actor, action: str, at: dt.datetime, **more: Any) -> None:
    audit.record(
        merchant_id=staff.merchant_id,
        at=at,
        actor=actor,
        action=action,
        subject=("staff", staff.public_id),
        label=str(staff.user),
        **more,
    )
