"""Appeals: what can be appealed and until when, the form, every appeal with its answer, and taking one back (ux.md)."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from compliance.models import AppealDraft
from compliance.selectors import appeals as selectors
from compliance.selectors import policies
from compliance.selectors.appeals import Appealable
from compliance.selectors.glance import Glance
from compliance.services import appeals
from compliance.web import words
from compliance.web.appeal_forms import AppealForm
from compliance.web.appeal_words import against, row_of
from compliance.web.banner import forget, glance_of
from members.lib.refusals import NotFound, Refusal
from members.services.audit import Actor
from members.web import gates
from members.web.forms import add_refusal, answer
from members.web.request import StaffRequest

PER_PAGE = 20


@gates.staff(read=gates.READERS, write=gates.MANAGERS)
def appeals_page(request: StaffRequest) -> HttpResponse:
    """The page and, posted, a new appeal; reachable in every state."""
    found = glance_of(request)
    assert found is not None  # a staff page has a merchant with its program
    draft = _draft(request)
    form = AppealForm(request.POST or None, request.FILES or None, initial=_written(draft))
    if request.method == "POST" and form.is_valid():
        try:
            made = appeals.file(
                merchant_id=request.merchant.pk,
                at=found.at,
                actor=Actor.person(request.user),
                text=form.cleaned_data["text"],
                files=form.cleaned_data["attached"],
                public_id=form.cleaned_data["once"],
            )
        except Refusal as refusal:
            add_refusal(form, refusal)
        else:
            said = _("Appeal {ref} accepted; decision by {date2}.")
            messages.success(request, said.format(ref=made.public_id, date2=made.due_on.isoformat()))
            return redirect("compliance:appeals")
    return answer(request, "compliance/appeals/page.html", _context(request, found, form, draft), form)


def _draft(request: StaffRequest) -> AppealDraft | None:
    """What the person has written and not filed."""
    return selectors.draft_of(merchant_id=request.merchant.pk, user_id=request.user.pk)


def _written(draft: AppealDraft | None) -> dict[str, Any]:
    return {} if draft is None else {"text": draft.text}


@gates.staff(read=gates.NOBODY, write=gates.MANAGERS)
@require_POST
def appeals_withdraw(request: StaffRequest, appeal_id: str) -> HttpResponse:
    """Take an appeal back."""
    found = glance_of(request)
    assert found is not None  # a staff page has a merchant with its program
    appeal = selectors.by_public_id(merchant_id=request.merchant.pk, public_id=appeal_id)
    if appeal is None:
        raise Http404
    try:
        appeals.withdraw(
            merchant_id=request.merchant.pk,
            appeal_id=appeal.pk,
            at=found.at,
            actor=Actor.person(request.user),
        )
    except NotFound:
        raise Http404 from None
    except Refusal as refusal:
        forget(request)
        draft = _draft(request)
        context = _context(request, found, AppealForm(initial=_written(draft)), draft) | {
            "refusal": refusal.detail
        }
        return render(request, "compliance/appeals/page.html", context, status=422)
    messages.success(request, _("Appeal {ref} is withdrawn.").format(ref=appeal.public_id))
    return redirect("compliance:appeals")


def _context(
    request: StaffRequest, found: Glance, form: AppealForm, draft: AppealDraft | None
) -> dict[str, Any]:
    what = selectors.appealable(program=found.program, at=found.at)
    may_write = request.staff.role in gates.MANAGERS
    page = Paginator(selectors.listed(merchant_id=request.merchant.pk), PER_PAGE).get_page(
        request.GET.get("page")
    )
    is_free = what is not None and what.pending is None and not what.is_late(found.at)
    return {
        "at": found.at,
        "chip": words.chip(found.state),
        "what": None if what is None else _what(what, found.at),
        "form": form if is_free and may_write else None,
        "decided_within": _decided_within(found.at) if is_free and may_write else "",
        "draft_saved_at": "" if draft is None else words.on_platform(draft.saved_at),
        "errors": form,
        "may_write": may_write,
        "page_obj": page,
        "rows": [row_of(row, found.at) for row in page.object_list],
        "is_cleared": found.is_cleared,
    }


def _decided_within(at: dt.datetime) -> str:
    """How soon an appeal filed at an instant is decided, by the policy in force."""
    days = policies.current(at=at).policy.appeal_decision_days
    return ngettext(
        "The platform decides within {n} working day.", "The platform decides within {n} working days.", days
    ).format(n=days)


def _what(what: Appealable, at: dt.datetime) -> dict[str, Any]:
    """What may be appealed in words: of when, until when, where its evidence is."""
    title, url = against(what.notice, what.decision.run.period if what.decision else "")
    return {
        "title": title,
        "url": url,
        "until": words.on_platform(what.until),
        "left": words.left_text(what.until, at),
        "is_late": what.is_late(at),
        "pending": what.pending,
        "of_clearance": what.decision is not None,
    }
