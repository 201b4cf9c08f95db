"""A member's e-mail address, the consent to write to it, and taking that back in one step (domain.md 10, 11).

Rules:
- An address alone is no consent: nothing is sent before the member agreed, which is kept with its time and source.
- The consent is to one address: another address has none unless it is given with it.
- Whoever stopped e-mails is written to only after agreeing anew; no list brings that back.
- A stop, or another address, that came while somebody looked at a form wins over what the form says of consent.
- The link in an e-mail stops the address it was sent to, no later one of the member.
- A message already handed over to the mail server may still arrive after a stop: none is called back.
- Stopping works whatever the program's state: it is the person's right, none of the shop's functions.
"""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple
from urllib.parse import urljoin

from django.conf import settings
from django.core import signing
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from members.lib import crypto
from members.lib.refusals import Conflict, Invalid, NotFound
from members.models import Member, MemberStatus, Merchant
from members.services import audit
from members.services.audit import Actor

SALT = "members.email.stop"
LONGEST, LONGEST_SOURCE = 254, 200
MARK_SIZE = 8  # bytes of the address's index: enough to tell addresses of one member apart
HIMSELF = Actor.job("member")  # the log knows no members as actors


class StopLink(NamedTuple):
    """What the link in an e-mail names: the shop, the member and (`mark`) the address it was sent to."""

    slug: str
    public_id: str
    mark: str


def address_or_none(raw: str) -> str:
    """An address in lower case; "" for what is none, a masked one too."""
    address = raw.strip().lower()
    try:
        validate_email(address)
    except ValidationError:
        return ""
    return address if len(address) <= LONGEST and "*" not in address else ""


def clean(raw: str) -> str:
    """The same, "" for "". Raises Invalid for what is no address."""
    address = address_or_none(raw)
    if raw.strip() and not address:
        problem = _("“%(email)s” is not an e-mail address. Write it whole, like name@example.com.")
        raise Invalid.on("email", problem % {"email": raw.strip()})
    return address


def set_email(
    member: Member,
    *,
    at: dt.datetime,
    address: str | None = None,
    consent: bool | None = None,
    source: str = "",
    seen: str | None = None,
) -> list[str]:
    """Set a member's address and consent; None leaves each. What changed; the caller saves and logs.

    `member` is locked. `seen` is the `consent_mark` of what the person who says this looked at; None: no page was.
    Raises Invalid: a consent without an address or without its source. Raises Conflict: it is not as seen any more.
    """
    if seen is not None and seen != consent_mark(member):
        raise Conflict(
            _(
                "The member's address or consent was changed after you opened this page. Nothing was saved. "
                "Open the page again to see what is stored now."
            )
        )
    changed = []
    if address is not None and (address := clean(address)) != member.email:
        member.email = address
        member.email_index = crypto.email_index(member.merchant_id, address) if address else None
        member.email_consent_at, member.email_consent_source = None, ""
        changed.append("email")
    if consent and (member.email_consent_at is None or "email" in changed):
        if member.email_index is None:
            raise Invalid.on("email_consent", _("There is no e-mail address that the member could agree to."))
        if not source.strip():
            problem = _("Say where the consent to e-mails comes from, for example a form the member signed.")
            raise Invalid.on("email_consent_source", problem)
        member.email_consent_at, member.email_stopped_at = at, None
        member.email_consent_source = source.strip()[:LONGEST_SOURCE]
        changed.append("email_consent")
    elif consent is False and member.email_consent_at is not None:
        _stop(member, at)
        changed.append("email_consent")
    return changed


def consent_mark(member: Member) -> str:
    """The address (marked) and the instant of its consent or of the stop; "" for none of these."""
    since = member.email_consent_at or member.email_stopped_at
    if since is None:
        return address_mark(member)
    return f"{address_mark(member)}{'+' if member.email_consent_at else '-'}{since.astimezone(dt.UTC).isoformat()}"


def address_mark(member: Member) -> str:
    """What tells a member's address from another without saying it; "" for none."""
    return bytes(member.email_index)[:MARK_SIZE].hex() if member.email_index is not None else ""


def may_write_to(member: Member) -> bool:
    """Whether the member can be sent e-mails now."""
    return (
        member.status == MemberStatus.ACTIVE
        and member.email_index is not None
        and member.email_consent_at is not None
        and member.email_stopped_at is None
    )


def stop_link(*, merchant: Merchant, member: Member) -> str:
    """The address in every e-mail to a member that stops them, without signing in and for ever."""
    named = "/".join((merchant.slug, member.public_id, address_mark(member)))
    token = signing.Signer(salt=SALT).sign(named).replace("/", "~")
    return urljoin(settings.SITE_URL, reverse("members:email_stop", args=[token]))


def read_token(token: str) -> StopLink:
    """What a link names. Raises NotFound when it was not made here."""
    try:
        named = signing.Signer(salt=SALT).unsign(token.replace("~", "/")).split("/")
    except signing.BadSignature:
        named = []
    if len(named) != len(StopLink._fields):
        raise NotFound(_("This link is not whole. Open it from the e-mail again."))
    return StopLink(*named)


def stops(member: Member, link: StopLink) -> bool:
    """Whether a link is of the member's present address and there is something to stop."""
    return link.mark == address_mark(member) and may_write_to(member)


@transaction.atomic
def stop(*, merchant_id: int, link: StopLink, at: dt.datetime) -> bool:
    """Send a member no more e-mails; whether anything changed. Raises NotFound.

    Again, or by the link of an address that is the member's no more, it changes nothing. What was handed over to the
    mail server before may still arrive.
    """
    member = Member.objects.of(merchant_id).select_for_update().filter(public_id=link.public_id).first()
    if member is None:
        raise NotFound(_("There is no such member."))
    if link.mark != address_mark(member):
        return False
    if member.email_stopped_at is not None or member.status == MemberStatus.ERASED:
        return False
    _stop(member, at)
    member.save(update_fields=["email_consent_at", "email_stopped_at"])
    audit.record(
        merchant_id=merchant_id,
        at=at,
        actor=HIMSELF,
        action="member.email_stopped",
        subject=("member", member.public_id),
    )
    return True


def _stop(member: Member, at: dt.datetime) -> None:
    """The source of what was agreed to before stays, beside when it ended."""
    member.email_consent_at, member.email_stopped_at = None, at
