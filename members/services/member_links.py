"""Links to a member's own page: nobody can guess one, each names one member and is over at an instant (domain.md 1).

A link is signed and stored nowhere. Whoever holds it is the member on that page, without signing in: a shop's system
asks for one when its app opens the page, staff show one as a QR code. It works whatever the program's state, since what
was paid for stays the member's.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urljoin

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from members.lib.refusals import Invalid, NotFound
from members.models import Member, MemberStatus, Merchant
from members.services import audit
from members.services.audit import Actor

SALT = "members.page"
MINUTES = 60 * 24
MOST_MINUTES = 60 * 24 * 30
HIMSELF = Actor.job("member")  # the log knows no members as actors


class LinkEnded(NotFound):
    """A link that was ours and is over."""

    slug = "link-ended"


class Named(NamedTuple):
    """What a link names: the shop (its slug), the member (public id)."""

    slug: str
    public_id: str


@dataclass(frozen=True, slots=True)
class MemberLink:
    """A link, and the first instant at which it works no more."""

    url: str
    ends_at: dt.datetime


def make(*, merchant: Merchant, member: Member, at: dt.datetime, minutes: int = MINUTES) -> MemberLink:
    """A link to a member's page for so many minutes. Writes nothing.

    Raises NotFound (one who left), Invalid for minutes under 1 or over 30 days.
    """
    if isinstance(minutes, bool) or not isinstance(minutes, int) or not 1 <= minutes <= MOST_MINUTES:
        raise Invalid.on("minutes", _("A link works for 1 to %(most)s minutes.") % {"most": MOST_MINUTES})
    if member.status != MemberStatus.ACTIVE:
        raise NotFound(_("There is no such member."))
    ends_at = (at + dt.timedelta(minutes=minutes)).replace(microsecond=0)
    named = f"{merchant.slug}~{member.public_id}~{int(ends_at.timestamp())}"
    token = _signer().sign(named)
    return MemberLink(urljoin(settings.SITE_URL, reverse("members:own_home", args=[token])), ends_at)


@transaction.atomic
def show(*, merchant: Merchant, member: Member, at: dt.datetime, actor: Actor) -> MemberLink:
    """A link that staff show a member; who did so is logged. Raises as `make`."""
    link = make(merchant=merchant, member=member, at=at)
    audit.record(
        merchant_id=merchant.pk,
        at=at,
        actor=actor,
        action="member.page_shown",
        subject=("member", member.public_id),
        after={"until": link.ends_at.isoformat()},
    )
    return link


def read(token: str, *, at: dt.datetime) -> Named:
    """What a link names. Raises NotFound when it was not made here or is not whole, LinkEnded when it is over."""
    try:
        slug, public_id, until = _signer().unsign(token).split("~")
    except (signing.BadSignature, ValueError):
        raise NotFound(_("This link is not whole. Open it once more where you got it.")) from None
    if int(until) <= at.timestamp():
        raise LinkEnded(
            _("This link is over. Ask the shop for a new one, or open the page in its app again.")
        )
    return Named(slug, public_id)


def _signer() -> signing.Signer:
    return signing.Signer(salt=SALT, sep=".")
