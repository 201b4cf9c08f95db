"""The clearance rule for merchants: what is in force, versions to come, drafts to comment on (domain.md 3)."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from compliance.lib.policy import PolicyHistory
from compliance.lib.policy_changes import changes_in_words
from compliance.lib.words import rule_in_words
from compliance.models import PolicyComment, PolicyDraft
from compliance.selectors import drafts as selectors
from compliance.selectors import policies
from compliance.services import drafts
from compliance.web import words
from members.lib.refusals import NotFound, Refusal
from members.services.audit import Actor
from members.web import gates
from members.web.forms import OnceField, add_refusal, answer
from members.web.request import StaffRequest


class CommentForm(forms.Form):
    """What the shop thinks of a draft; how long it may be the service knows."""

    once = OnceField()
    text = forms.CharField(
        label=gettext_lazy("Your comment"),
        help_text=gettext_lazy("The platform reads it; other merchants do not. At most 2,000 characters."),
        widget=forms.Textarea(attrs={"rows": 4}),
        error_messages={"required": gettext_lazy("Write what you think of the draft.")},
    )


@gates.staff(read=gates.READERS)
@require_safe
def rules(request: StaffRequest) -> HttpResponse:
    """The page; reachable in every state."""
    return render(request, "compliance/rules/page.html", _context(request, timezone.now()))


@gates.staff(read=gates.READERS, write=gates.MANAGERS)
def rules_draft(request: StaffRequest, draft_id: str) -> HttpResponse:
    """One draft with its difference in plain words and, posted, a comment on it."""
    at = timezone.now()
    form = CommentForm(request.POST or None)
    row = selectors.by_public_id(draft_id)
    if row is None:
        raise Http404
    if request.method == "POST" and form.is_valid():
        try:
            drafts.comment(
                merchant_id=request.merchant.pk,
                draft=draft_id,
                text=form.cleaned_data["text"],
                at=at,
                actor=Actor.person(request.user),
                public_id=form.cleaned_data["once"],
            )
        except NotFound:
            raise Http404 from None
        except Refusal as refusal:
            add_refusal(form, refusal)
        else:
            messages.success(request, _("Your comment is with the platform. Thank you."))
            return redirect("compliance:rules_draft", draft_id)
    history = policies.history()
    own = selectors.own_comments(merchant_id=request.merchant.pk, draft_ids=[row.pk]).get(row.pk, [])
    may_write = request.staff.role in gates.MANAGERS
    context = {
        "draft": _draft(row, history),
        "sentences": rule_in_words(row.rule),
        "own": [_comment(each) for each in own],
        "form": form if may_write and selectors.is_open(row, at=at) else None,
        "errors": form,
        "is_open": selectors.is_open(row, at=at),
        "may_write": may_write,
    }
    return answer(request, "compliance/rules/draft.html", context, form)


def _context(request: StaffRequest, at: dt.datetime) -> dict[str, Any]:
    rows = policies.rows()
    if not rows:  # not installed yet
        return {"version": None, "coming": [], "drafts": [], "sentences": []}
    history = PolicyHistory(row.version for row in rows)
    version = history.at(at)
    return {
        "version": version.number,
        "since": words.on_platform(version.effective_from),
        "sentences": rule_in_words(version.policy),
        "coming": [
            {
                "number": each.version.number,
                "from": words.on_platform(each.version.effective_at),
                "published": words.on_platform(each.version.published_at),
                "reason": each.version.reason,
                "early_reason": each.version.early_reason,
                "changes": changes_in_words(each.before, each.version.rule),
            }
            for each in selectors.coming(rows, at=at)
        ],
        "drafts": [_draft(row, history) for row in selectors.open_ones(at=at)],
        "may_read": request.staff.role in gates.READERS,
    }


def _draft(row: PolicyDraft, history: PolicyHistory) -> dict[str, Any]:
    """A draft in words."""
    return {
        "url": reverse("compliance:rules_draft", args=[row.public_id]),
        "closes_on": row.closes_on.isoformat(),
        "from": words.on_platform(row.starts_at),
        "reason": row.reason,
        "is_withdrawn": row.withdrawn_at is not None,
        "changes": changes_in_words(selectors.before(row, history), row.rule),
    }


def _comment(row: PolicyComment) -> dict[str, str]:
    return {
        "at": words.on_platform(row.at),
        "by": str(row.by) if row.by else "",
        "text": row.text,
    }
