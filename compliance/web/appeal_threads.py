"""One appeal: its text, files, messages and answer; what is written before it is filed is kept (ux.md)."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from compliance.lib.appeal_files import TYPES
from compliance.models import Appeal
from compliance.selectors import appeals as selectors
from compliance.services import appeal_files, appeal_threads
from compliance.web import words
from compliance.web.appeal_forms import MessageForm
from compliance.web.appeal_words import row_of
from compliance.web.banner import glance_of
from members.lib.refusals import NotFound, Refusal
from members.services.audit import Actor
from members.web import gates
from members.web.downloads import as_download
from members.web.forms import add_refusal, answer
from members.web.request import StaffRequest


@gates.staff(read=gates.READERS, write=gates.MANAGERS)
@require_http_methods(["GET", "HEAD", "POST"])
def appeal_page(request: StaffRequest, appeal_id: str) -> HttpResponse:
    """One appeal and, posted, a message about it; reachable in every state."""
    found = glance_of(request)
    assert found is not None  # a staff page has a merchant with its program
    appeal = _appeal(request, appeal_id)
    form = MessageForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            appeal_threads.write(
                merchant_id=request.merchant.pk,
                appeal_id=appeal.pk,
                text=form.cleaned_data["text"],
                files=form.cleaned_data["attached"],
                at=found.at,
                actor=Actor.person(request.user),
                public_id=form.cleaned_data["once"],
            )
        except Refusal as refusal:
            add_refusal(form, refusal)
        else:
            messages.success(request, _("Your message is with the platform."))
            return redirect("compliance:appeal", appeal.public_id)
    may_write = request.staff.role in gates.MANAGERS
    context = {
        "at": found.at,
        "chip": words.chip(found.state),
        "row": row_of(appeal, found.at),
        "files": selectors.files_of(appeal=appeal),
        "thread": [_message(each) for each in selectors.messages_of(appeal=appeal)],
        "form": form if appeal.is_open and may_write else None,
        "errors": form,
        "may_write": may_write,
    }
    return answer(request, "compliance/appeals/appeal.html", context, form)


def _appeal(request: StaffRequest, appeal_id: str) -> Appeal:
    """Nobody's, or another shop's: not found."""
    found = selectors.listed(merchant_id=request.merchant.pk).filter(public_id=appeal_id).first()
    if found is None:
        raise Http404
    return found


def _message(each: Any) -> dict[str, Any]:
    """A message in words; the platform's people have no names for the shop."""
    return {
        "who": _("The platform") if each.of_platform else str(each.by or ""),
        "of_platform": each.of_platform,
        "at": words.on_platform(each.at),
        "text": each.text,
    }


@gates.staff(read=gates.READERS)
@require_GET
def appeal_file(request: StaffRequest, appeal_id: str, file_id: str) -> HttpResponse:
    """A file of one's own shop, as a download; on record. Nobody's, another's, one whose time is over: not found."""
    appeal = _appeal(request, appeal_id)
    try:
        row, content = appeal_files.look(
            merchant_id=request.merchant.pk,
            appeal_id=appeal.pk,
            public_id=file_id,
            at=timezone.now(),
            actor=Actor.person(request.user),
        )
    except NotFound:
        raise Http404 from None
    return as_download(name=row.name, content_type=TYPES[row.kind], content=content)


@gates.staff(read=gates.NOBODY, write=gates.MANAGERS)
@require_POST
def appeal_draft(request: StaffRequest) -> HttpResponse:
    """Keep what is written so far: by itself while somebody writes, or by a button where no script runs."""
    at, problem, is_kept = timezone.now(), "", False
    try:
        is_kept = appeal_threads.save_draft(
            merchant_id=request.merchant.pk,
            text=request.POST.get("text", "").replace("\0", ""),
            at=at,
            actor=Actor.person(request.user),
        )
    except Refusal as refusal:
        problem = refusal.detail
    said = problem or (_saved(at) if is_kept else _("There is no draft: nothing is written."))
    if request.headers.get("HX-Request"):
        context = {"said": said, "problem": problem}
        return render(request, "compliance/appeals/_draft.html", context, status=200)
    (messages.error if problem else messages.success)(request, said)
    return redirect("compliance:appeals")


def _saved(at: dt.datetime) -> str:
    return _("Draft saved {time}. It is not filed yet.").format(time=words.on_platform(at))
