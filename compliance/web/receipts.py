"""Who saw and acknowledged a warning: banner, popup, and the full page of the final notice (ux.md)."""

from __future__ import annotations

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST

from compliance.models import ReceiptChannel, ReceiptEvent
from compliance.selectors.glance import Glance
from compliance.services import notices
from compliance.web import banner, cards, words
from compliance.web.banner import glance_of
from members.lib.refusals import NotFound
from members.web import gates
from members.web.forms import one_line
from members.web.request import StaffRequest

readers_write = gates.staff(read=gates.NOBODY, write=gates.READERS)


def onward(request: StaffRequest, *, default: str = "/") -> HttpResponseRedirect:
    """To where the pressed button leads (`go`), else to the page asked for (`next`); never off this site."""
    for target in (request.POST.get("go", ""), request.POST.get("next", ""), request.GET.get("next", "")):
        if target and url_has_allowed_host_and_scheme(target, allowed_hosts=None):
            return HttpResponseRedirect(target)
    return HttpResponseRedirect(default)


def note_shown(request: StaffRequest, found: Glance) -> None:
    """Store that the person was shown the banner, and the popup if it stands on the page, of the newest warning."""
    if request.support is not None:  # the platform's own look is no proof that anybody was told
        return
    with_popup = may_pop_up(request)
    for public_id, channel, event in banner.unseen(found):
        if channel == ReceiptChannel.POPUP and not with_popup:
            continue
        notices.record_receipt(
            merchant_id=found.program.pk,
            public_id=public_id,
            channel=channel,
            event=event,
            user_id=request.user.pk,
            at=found.at,
        )


def may_pop_up(request: StaffRequest) -> bool:
    """Never over unsaved work: a form that came back with errors is an answer to a POST."""
    return request.method == "GET" and request.support is None


@readers_write
@require_POST
def receipt(request: StaffRequest) -> HttpResponse:
    """The popup was read; then on to where its button leads."""
    found = glance_of(request)
    if found is None:
        raise Http404
    try:
        notices.record_receipt(
            merchant_id=request.merchant.pk,
            public_id=one_line(request.POST.get("notice", ""), most=24),
            channel=ReceiptChannel.POPUP,
            event=ReceiptEvent.ACKNOWLEDGED,
            user_id=request.user.pk,
            at=found.at,
        )
    except NotFound as error:
        raise Http404 from error
    if request.headers.get("HX-Request"):
        return HttpResponse(status=204)
    return onward(request)


@gates.staff(read=gates.READERS, write=gates.READERS)
@require_http_methods(["GET", "HEAD", "POST"])
def final_notice(request: StaffRequest) -> HttpResponse:
    """The final notice as a full page, once a person and run; its acknowledgement is the proof of notice."""
    found = glance_of(request)
    if found is None or not banner.needs_final_notice(found):
        return onward(request)
    newest = found.present[-1].notice
    event = ReceiptEvent.ACKNOWLEDGED if request.method == "POST" else ReceiptEvent.SEEN
    notices.record_receipt(
        merchant_id=request.merchant.pk,
        public_id=newest.public_id,
        channel=ReceiptChannel.INBOX,
        event=event,
        user_id=request.user.pk,
        at=found.at,
    )
    if request.method == "POST":
        return onward(request)
    run = found.run
    assert run is not None  # it is threatened
    _level, lead, text = banner.BANNERS[found.state](found)
    context = {
        "lead": lead,
        "text": text,
        "steps": cards.countdown(found)["steps"],
        "rule": words.rule_text(run.version.policy),
        "version": run.version.number,
        "next": request.GET.get("next", ""),
        "cure_url": f"{reverse('compliance:status')}#cure"
        if banner.can_cure(found, request.staff.role)
        else "",
        "sent_at": words.on_platform(newest.sent_at),
    }
    return render(request, "compliance/final_notice/page.html", context)


@readers_write
@require_POST
def banner_hide(request: StaffRequest) -> HttpResponse:
    """Hide an informing banner for the day; warnings and worse stay."""
    found = glance_of(request)
    shown = None if found is None else banner.banner(found, role=request.staff.role)
    if found is not None and shown is not None and shown["dismissible"]:
        request.session[banner.HIDDEN] = banner.hidden_as(found)
    if request.headers.get("HX-Request"):
        return render(request, "compliance/_banner.html", {"banner": None})
    target = request.POST.get("next", "")
    if target and url_has_allowed_host_and_scheme(target, allowed_hosts=None):
        return HttpResponseRedirect(target)
    return redirect("compliance:home")
