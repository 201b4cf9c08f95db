"""Notices: every warning with the receipts of who got and saw it when."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_safe

from compliance.models import Notice, Receipt, ReceiptChannel, ReceiptEvent
from compliance.selectors import notices as selectors
from compliance.selectors.glance import Glance
from compliance.selectors.notices import ChannelReceipts, NoticeReport
from compliance.services.notices import record_receipt
from compliance.web import banner, cards, words
from compliance.web.banner import glance_of
from members.web import gates
from members.web.request import StaffRequest

LATEST = 5  # warnings before one run
CHANNELS = {
    ReceiptChannel.INBOX: gettext_lazy("In-app inbox"),
    ReceiptChannel.BANNER: gettext_lazy("Banner"),
    ReceiptChannel.POPUP: gettext_lazy("Popup"),
    ReceiptChannel.EMAIL: gettext_lazy("E-mail"),
    ReceiptChannel.WEBHOOK: gettext_lazy("Webhook"),
}


@gates.staff(read=gates.READERS)
@require_safe
def notices(request: StaffRequest) -> HttpResponse:
    """The history, newest first; reachable in every state."""
    found = glance_of(request)
    assert found is not None  # a staff page has a merchant with its program
    if request.method == "GET" and request.support is None and not banner.needs_final_notice(found):
        note_opened(request, found)
    reports = selectors.history(merchant_id=request.merchant.pk)
    context = {
        "at": found.at,
        "chip": words.chip(found.state),
        "reports": [
            {
                "notice": report.notice,
                "title": title(report),
                "channels": channel_rows(report),
                "danger_on": words.day_text(report.notice.danger_at),
                "version": report.notice.policy_id,
            }
            for report in reports
        ],
        "next_warning": cards.next_warning(found),
    }
    return render(request, "compliance/notices/page.html", context)


def note_opened(request: StaffRequest, found: Glance) -> None:
    """Opening the inbox shows the latest warnings: store that this person has seen them, once each."""
    for each in found.told[-LATEST:]:
        if not each.has("inbox", "seen") and not each.has("inbox", "acknowledged"):
            record_receipt(
                merchant_id=request.merchant.pk,
                public_id=each.notice.public_id,
                channel=ReceiptChannel.INBOX,
                event=ReceiptEvent.SEEN,
                user_id=request.user.pk,
                at=found.at,
            )


def title(report: NoticeReport) -> str:
    """What the notice said: which run, how long before."""
    return title_of(report.notice)


def title_of(notice: Notice) -> str:
    """The same of the notice itself."""
    days = notice.days_before
    text = ngettext(
        "Warning {n} day before the run of {date}", "Warning {n} days before the run of {date}", days
    )
    return text.format(n=days, date=notice.for_run_on.isoformat())


def channel_rows(report: NoticeReport) -> list[dict[str, Any]]:
    """One row a channel: its word, how far it came, when it reached somebody, who saw it when."""
    return [
        {
            "channel": CHANNELS[ReceiptChannel(each.channel)],
            "chip": _chip(each),
            "at": each.first_at,
            "people": _people(each),
            "note": _note(each),
        }
        for each in report.channels
    ]


def _chip(each: ChannelReceipts) -> tuple[str, str]:
    if each.acknowledged:
        return "success", _("Acknowledged")
    if each.seen:
        return "success", _("Seen")
    if each.failed and not each.delivered_at:
        return "critical", _("Could not be handed over")
    return "success" if each.delivered_at else "neutral", _("Delivered")


def _people(each: ChannelReceipts) -> list[dict[str, Any]]:
    """Who did most about it first seen, then acknowledged: a person once, with the later of the two."""
    rows: dict[int | None, tuple[Receipt, str]] = {}
    for row in each.seen:
        rows[row.user_id] = (row, _("seen"))
    for row in each.acknowledged:
        rows[row.user_id] = (row, _("acknowledged"))
    return [
        {"name": str(row.user) if row.user else "", "at": row.at, "did": did}
        for row, did in sorted(rows.values(), key=lambda pair: pair[0].at)
    ]


def _note(each: ChannelReceipts) -> str:
    if each.channel == ReceiptChannel.EMAIL and each.failed:
        names = ", ".join(str(row.user) for row in each.failed if row.user)
        return _("The mail server of {names} did not take it. Check the address.").format(names=names)
    if each.channel == ReceiptChannel.WEBHOOK and each.failed:
        return _("An endpoint did not take it. Look at its log of messages.")
    if each.channel == ReceiptChannel.EMAIL and each.delivered_to:
        return _("Handed over for {names}").format(names=", ".join(each.delivered_to))
    if each.channel == ReceiptChannel.INBOX and not each.seen and not each.acknowledged:
        return _("Delivered is what counts; nobody has to read it.")
    return ""
