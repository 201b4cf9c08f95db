"""The e-mail of a notice of points that expire, to members who agreed to e-mails (domain.md 6, 10).

`expiry_notices` leaves one row a notice, in the notice's own transaction. The outbox sends it: the row says whether it
went out, so a worker that died sends what was not sent and nothing twice. Where it died in the moment between the mail
server's answer and the row, the message goes out again under the same Message-ID, by which mailboxes know it.

Consent, day and points are looked at once more just before the sending. A message already handed over may still arrive
after a stop: none is called back.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from email.utils import parseaddr
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import Sum

from members.lib import tenant as tenancy
from members.lib.periods import merchant_day
from members.models import (
    ExpiryEmail,
    ExpiryEmailState,
    ExpiryNotice,
    Member,
    Merchant,
    PointsAccount,
    PointsLot,
    Program,
    ProgramStatus,
)
from members.services import mail, member_emails, outbox

TOPIC = "expiry_email"
A_MINUTE = 500  # a shop's thousands do not stand before other messages


@outbox.handles(TOPIC)
def prepare(merchant_id: int, payload: dict[str, Any], at: dt.datetime) -> Callable[[], Any] | None:
    """The message of a notice; None when it was sent, or is not to be sent any more."""
    row = ExpiryEmail.objects.of(merchant_id).filter(notice_id=payload["notice"]).first()
    if row is None or row.state != ExpiryEmailState.WAITING:
        return None
    notice = ExpiryNotice.objects.of(merchant_id).get(pk=row.notice_id)
    member = Member.objects.of(merchant_id).get(pk=row.member_id)
    merchant = Merchant.objects.get(pk=merchant_id)
    is_open = Program.objects.filter(pk=merchant_id, status=ProgramStatus.OPEN).exists()
    is_late = merchant_day(at, merchant.zone) > notice.expires_on
    points = _points_left(notice)
    if not is_open or is_late or not points or not member_emails.may_write_to(member):
        _settle(row, ExpiryEmailState.LEFT_OUT, at)
        return None
    message = compose(merchant=merchant, member=member, notice=notice, points=points)

    def send() -> None:
        state = ExpiryEmailState.SENT
        try:
            mail.deliver(message)
        except mail.RefusedForGood:
            state = ExpiryEmailState.REFUSED
        with tenancy.tenant(merchant_id), transaction.atomic():
            _settle(row, state, at)

    return send


def _points_left(notice: ExpiryNotice) -> int:
    """How many points still end on the notice's day: some may have been spent, or their day have moved, since."""
    account = PointsAccount.objects.of(notice.merchant_id).filter(member_id=notice.member_id).first()
    if account is None or (account.expired_through and account.expired_through >= notice.expires_on):
        return 0
    lots = PointsLot.objects.of(notice.merchant_id).filter(
        member_id=notice.member_id, expires_on=notice.expires_on, remaining__gt=0
    )
    return int(lots.aggregate(left=Sum("remaining"))["left"] or 0)


def compose(*, merchant: Merchant, member: Member, notice: ExpiryNotice, points: int) -> EmailMessage:
    """The message about so many points in the member's language, else the shop's, with the link that stops them."""
    link = member_emails.stop_link(merchant=merchant, member=member)
    context = {
        "merchant_name": merchant.name,
        "points": points,
        "until": notice.expires_on.isoformat(),
        "stop_link": link,
    }
    language = mail.language_for(email=member.email, merchant=merchant)
    message = mail.compose(
        to=member.email, template="members/expiry/email/notice", context=context, language=language
    )
    host = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "localhost"
    message.extra_headers |= {
        "Message-ID": f"<expiry-{merchant.slug}-{notice.pk}@{host}>",
        "List-Unsubscribe": f"<{link}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "Auto-Submitted": "auto-generated",
    }
    return message


def _settle(row: ExpiryEmail, state: ExpiryEmailState, at: dt.datetime) -> None:
    waiting = ExpiryEmail.objects.of(row.merchant_id).filter(pk=row.pk, state=ExpiryEmailState.WAITING)
    waiting.update(state=state, settled_at=at)
