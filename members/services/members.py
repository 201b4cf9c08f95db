"""Joining a program, and what a merchant does to a member's own data (domain.md 1, 11)."""

from __future__ import annotations

import datetime as dt

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from members.lib import crypto
from members.lib.earning_events import Birthday, birthday_of
from members.lib.periods import merchant_day
from members.lib.phones import e164, region_of
from members.lib.refusals import Invalid, NotFound, Refusal
from members.models import AuditRow, Identity, JoinSource, Member, MemberStatus, Merchant
from members.services import (
    audit,
    consumers,
    earning,
    joining,
    member_emails,
    occasions,
    past_orders,
    posting,
    programs,
    webhook_events,
)
from members.services.audit import Actor
from members.services.member_lists import (
    LONGEST_NAME,
    Joined,
    Joining,
    KnownIdentity,
    check_identity,
    check_printable,
    identify_many,
    join_many,
)

REVEALS_AN_HOUR = 60

__all__ = [
    "Joined",
    "Joining",
    "KnownIdentity",
    "TooManyReveals",
    "change",
    "identify_many",
    "join",
    "join_many",
    "reveal_phone",
]


class TooManyReveals(Refusal):
    """A person asked for more phone numbers in an hour than looking after customers needs."""

    slug = "too-many-requests"


@transaction.atomic
def join(
    *,
    merchant_id: int,
    at: dt.datetime,
    actor: Actor,
    channel: str,
    external_id: str,
    phone: str = "",
    name: str = "",
    joined_at: dt.datetime | None = None,
    source: str = "page",
    consent_source: str = "",
    phone_verified: bool = False,
    birthday: str = "",
    email: str = "",
    email_consent: bool = False,
    email_consent_source: str = "",
) -> Member:
    """Make the person behind an identity a member, once (domain.md 1).

    Joining again by the same identity gives the same member and fills in a phone, name, birthday (05-17) or e-mail
    address that was missing; only an address filled in then brings its consent (`member_emails`). A new member gets
    what joining brings, unless a declared list says that they joined elsewhere. An identity whose orders came earlier
    becomes the member's, and so do those orders (`past_orders`). Only a phone verified by code or authorised by the
    channel makes one member of two identities. Raises ProgramNotOpen, ProgramCleared, Invalid, and what
    `joining.admit` refuses: FreeJoinNotGranted, JoinQuotaReached.
    """
    posting.lock_merchant(merchant_id=merchant_id, alone=True)
    program = programs.lock_open(merchant_id=merchant_id)
    merchant = Merchant.objects.get(pk=merchant_id)
    joined_at = joined_at or at
    external_id, name = external_id.strip(), name.strip()
    check_identity(channel, external_id)
    _check_join(source=source, name=name, joined_at=joined_at, at=at)
    number = e164(phone, region_of(merchant.currency)) if phone else ""
    born = birthday_of(birthday)
    identity = _lock_identity(merchant_id, channel, external_id, at)
    if identity.member_id is not None:
        member = Member.objects.of(merchant_id).get(pk=identity.member_id)
        _fill_in(member, number, name, born, (email, email_consent, email_consent_source), at, actor)
        past_orders.link(merchant=merchant, program=program, at=at, joined={identity.pk: member.pk})
        return member
    member, is_new = (_by_verified_phone(merchant_id, number) if phone_verified else None), False
    if member is None:
        strangers = [] if source == JoinSource.LIST else [identity.pk]
        joining.admit(merchant=merchant, at=at, people=1, newcomers=strangers)
        member = Member(
            merchant_id=merchant_id,
            at=at,
            joined_at=joined_at,
            joined_on=merchant_day(joined_at, merchant.zone),
            channel=channel,
            source=source,
            consent_source=consent_source[:200],
        )
        _set_phone(member, number, verified=phone_verified)
        _set_name(member, name)
        member.birth_month, member.birth_day = born
        member_emails.set_email(
            member, at=at, address=email, consent=email_consent, source=email_consent_source
        )
        made, member = member, _insert(member, number)
        if made is member:  # and nobody was faster
            webhook_events.member_joined(merchant_id=merchant_id, program=program, at=at, ids=[member.pk])
            is_new = source != JoinSource.LIST  # who stands in a declared list joined before, elsewhere
        consumers.leave(member=member, at=at)
    identity.member = member
    identity.linked_at = at
    identity.save(update_fields=["member", "linked_at"])
    past_orders.link(merchant=merchant, program=program, at=at, joined={identity.pk: member.pk})
    audit.record(
        merchant_id=merchant_id,
        at=at,
        actor=actor,
        action="member.joined",
        subject=("member", member.public_id),
        after={"channel": channel, "source": source, "consent_source": consent_source[:200]},
    )
    if is_new:
        earning.joined(merchant=merchant, program=program, at=at, actor=actor, member_ids=[member.pk])
        occasions.tell_joined(merchant_id=merchant_id, at=at, member_ids=[member.pk])
    return member


def _check_join(*, source: str, name: str, joined_at: dt.datetime, at: dt.datetime) -> None:
    if source not in JoinSource.values:
        problem = _("There is no source “%(source)s”. Known sources: %(known)s.") % {
            "source": source,
            "known": ", ".join(JoinSource.values),
        }
        raise Invalid(problem, errors={"source": problem})
    if len(name) > LONGEST_NAME:
        problem = _("A name has at most %(most)s characters.") % {"most": LONGEST_NAME}
        raise Invalid(problem, errors={"name": problem})
    check_printable("name", name)
    if joined_at > at:
        problem = _("Nobody has joined in the future: %(joined)s is later than now.") % {
            "joined": joined_at.isoformat(timespec="minutes")
        }
        raise Invalid(problem, errors={"joined_at": problem})


def _lock_identity(merchant_id: int, channel: str, external_id: str, at: dt.datetime) -> Identity:
    """The identity's row, made if need be, locked: of two who join at once the second waits here."""
    known = identify_many(merchant_id=merchant_id, at=at, keys=[(channel, external_id)])
    return Identity.objects.of(merchant_id).select_for_update().get(pk=known[channel, external_id].id)


def _by_verified_phone(merchant_id: int, number: str) -> Member | None:
    if not number:
        return None
    index = crypto.blind_index(merchant_id, number)
    return (
        Member.objects.of(merchant_id)
        .filter(phone_index=index, phone_verified=True, status=MemberStatus.ACTIVE)
        .first()
    )


def _insert(member: Member, number: str) -> Member:
    """Save a new member; where somebody with the same verified phone was faster, that one."""
    try:
        with transaction.atomic():
            member.save(force_insert=True)
    except IntegrityError:
        faster = _by_verified_phone(member.merchant_id, number) if member.phone_verified else None
        if faster is None:
            raise
        return faster
    return member


def _set_phone(member: Member, number: str, *, verified: bool) -> None:
    member.phone = number
    member.phone_verified = bool(number) and verified
    member.phone_index = crypto.blind_index(member.merchant_id, number) if number else None
    member.phone_tail = crypto.tail_token(member.merchant_id, number) if number else None


def _set_name(member: Member, name: str) -> None:
    member.name = name
    tokens = crypto.name_tokens(member.merchant_id, name)
    member.name_token, member.name_first_token, member.name_rest_token = tokens


def _fill_in(
    member: Member,
    number: str,
    name: str,
    born: Birthday,
    mailing: tuple[str, bool, str],
    at: dt.datetime,
    actor: Actor,
) -> None:
    """Write a phone, name, birthday or e-mail address that was missing; what is there stays."""
    filled = []
    if number and member.phone_index is None:
        _set_phone(member, number, verified=False)
        filled.append("phone")
    if name and member.name_token is None:
        _set_name(member, name)
        filled.append("name")
    if born[0] and member.birth_month is None:
        member.birth_month, member.birth_day = born
        filled.append("birthday")
    email, consent, source = mailing
    if email and member.email_index is None:
        # who stopped e-mails is not written to by joining again
        consent = consent and member.email_stopped_at is None
        filled += member_emails.set_email(member, at=at, address=email, consent=consent, source=source)
    if filled:
        member.save()
        audit.record(
            merchant_id=member.merchant_id,
            at=at,
            actor=actor,
            action="member.filled_in",
            subject=("member", member.public_id),
            after={"fields": filled},
        )


@transaction.atomic
def change(
    *,
    merchant_id: int,
    at: dt.datetime,
    actor: Actor,
    public_id: str,
    phone: str | None = None,
    name: str | None = None,
    birthday: str | None = None,
    email: str | None = None,
    email_consent: bool | None = None,
    email_consent_source: str = "",
    email_consent_seen: str | None = None,
) -> Member:
    """Change a member's phone, name, birthday (05-17), e-mail address or consent to e-mails (`member_emails`).

    None leaves it, "" takes it away, a new phone is not verified. `email_consent_seen` is what the page that asks had
    shown (`member_emails.consent_mark`).

    What changes nothing writes nothing; the log names the fields, never the values (domain.md 11).
    Raises NotFound, Invalid, Conflict (not as seen), ProgramNotOpen, ProgramCleared.
    """
    programs.lock_open(merchant_id=merchant_id)
    member = Member.objects.of(merchant_id).select_for_update().filter(public_id=public_id).first()
    if member is None:
        raise NotFound(_("There is no such member."))
    merchant = Merchant.objects.get(pk=merchant_id)
    changed = []
    if phone is not None:
        number = e164(phone, region_of(merchant.currency)) if phone.strip() else ""
        if number != member.phone:
            _set_phone(member, number, verified=False)
            changed.append("phone")
    if name is not None:
        _check_join(source=member.source, name=name.strip(), joined_at=member.joined_at, at=member.joined_at)
        if name.strip() != member.name:
            _set_name(member, name.strip())
            changed.append("name")
    if birthday is not None and (born := birthday_of(birthday)) != (member.birth_month, member.birth_day):
        member.birth_month, member.birth_day = born
        changed.append("birthday")
    changed += member_emails.set_email(
        member,
        at=at,
        address=email,
        consent=email_consent,
        source=email_consent_source,
        seen=email_consent_seen,
    )
    if changed:
        member.save()
        audit.record(
            merchant_id=merchant_id,
            at=at,
            actor=actor,
            action="member.changed",
            subject=("member", member.public_id),
            after={"fields": changed},
        )
    return member


@transaction.atomic
def reveal_phone(*, merchant_id: int, at: dt.datetime, actor: Actor, public_id: str, reason: str) -> str:
    """A member's whole phone number (E.164), "" when none is stored; the look is logged with its reason.

    Raises Invalid without a reason, NotFound, TooManyReveals after 60 in an hour by one person (domain.md 11).
    """
    member = Member.objects.of(merchant_id).filter(public_id=public_id).first()
    if member is None:
        raise NotFound(_("There is no such member."))
    if not reason.strip():
        problem = _("Say why you need the number; the reason goes into the audit log.")
        raise Invalid(problem, errors={"reason": problem})
    looks = AuditRow.objects.of(merchant_id).filter(
        action="member.phone_revealed",
        at__gt=at - dt.timedelta(hours=1),
        actor_kind=actor.kind,
        actor_id=actor.user_id,
    )
    if looks.count() >= REVEALS_AN_HOUR:
        raise TooManyReveals(
            _("You have shown %(n)s phone numbers within an hour. Try again later.") % {"n": REVEALS_AN_HOUR}
        )
    audit.record(
        merchant_id=merchant_id,
        at=at,
        actor=actor,
        action="member.phone_revealed",
        subject=("member", member.public_id),
        reason=reason.strip(),
    )
    return member.phone
