"""A member's e-mail address, the consent to write to it, and taking that back in one step (domain.md 10, 11).

Rules:
- An address alone is no consent: nothing is sent before the member agreed, which is kept with its time and source.
- The consent is to one address: another address has none unless it is given with it.
- Whoever stopped e-mails is written to only after agreeing anew; no list brings that back.
- Stopping works whatever the program's state: it is the person's right, none of the shop's functions.
"""

from __future__ import annotations

import datetime as dt
from urllib.parse import urljoin

from django.conf import settings
from django.core import signing
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from members.lib import crypto
from members.lib.refusals import Invalid, NotFound
from members.models import Member, MemberStatus, Merchant
from members.services import audit
from members.services.audit import Actor

SALT = "members.email.stop"
LONGEST, LONGEST_SOURCE = 254, 200
HIMSELF = Actor.job("member")  # the log knows no members as actors


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
) -> list[str]:
    """Set a member's address and consent; None leaves each. What changed; the caller saves and logs.

    Raises Invalid: a consent without an address or without its source.
    """
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
    token = signing.Signer(salt=SALT).sign(f"{merchant.slug}/{member.public_id}").replace("/", "~")
    return urljoin(settings.SITE_URL, reverse("members:email_stop", args=[token]))


def read_token(token: str) -> tuple[str, str]:
    """(merchant slug, member id) of a link. Raises NotFound when it was not made here."""
    try:
        slug, slash, public_id = signing.Signer(salt=SALT).unsign(token.replace("~", "/")).partition("/")
    except signing.BadSignature:
        slash = ""
    if not slash:
        raise NotFound(_("This link is not whole. Open it from the e-mail again."))
    return slug, public_id


@transaction.atomic
def stop(*, merchant_id: int, public_id: str, at: dt.datetime) -> bool:
    """Send a member no more e-mails; whether anything changed. Again is a no-op. Raises NotFound."""
    member = Member.objects.of(merchant_id).select_for_update().filter(public_id=public_id).first()
    if member is None:
        raise NotFound(_("There is no such member."))
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
