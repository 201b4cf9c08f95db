"""The program: its name, opening and closing, and the set-up guide."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from members.lib.refusals import Refusal
from members.models import Program
from members.selectors import gap_postings, setup_guide
from members.selectors import members as members_of
from members.selectors import rules as rules_of
from members.selectors.entry_words import decimal_text
from members.services import program_settings
from members.services.audit import Actor
from members.web import gates
from members.web.forms import add_refusal, answer
from members.web.request import StaffRequest

GUIDE_WORDS = {
    "name": (_("Name the program"), _("Members see this name when they join."), _("Name it")),
    "tiers": (
        _("Set up the tiers"),
        _("A ladder of three tiers is filled in for you; change what you like."),
        _("Set up tiers"),
    ),
    "points": (
        _("Set up points"),
        _("One point per currency unit is filled in for you."),
        _("Set up points"),
    ),
    "benefit": (
        _("Publish a first benefit"),
        _("A program without a qualifying benefit can be closed in a clearance."),
        _("Choose a benefit"),
    ),
    "members": (
        _("Bring in the first member"),
        _("Declare a list of members, or let your shop system send joinings."),
        _("See members"),
    ),
}
GUIDE_ROUTES = {
    "name": "members:program_page",
    "tiers": "members:tiers_edit",
    "points": "members:points_edit",
    "members": "members:members_list",
}


class NameForm(forms.Form):
    """The program's name."""

    name = forms.CharField(
        label=_("Program name"),
        max_length=program_settings.LONGEST_NAME,
        help_text=_("Members see it when they join. The shop's own name is a good choice."),
    )


def guide(program: Program, at: Any, *, has_benefit: bool, benefit_url: str) -> list[dict[str, Any]]:
    """The set-up guide in words, for the page that shows it; where benefits are published the caller says."""
    shown: list[dict[str, Any]] = []
    tasks = setup_guide.tasks(program=program, at=at, has_benefit=has_benefit)
    first_open = next((task.key for task in tasks if not task.is_done), "")
    for task in tasks:
        title, text, label = GUIDE_WORDS[task.key]
        shown.append(
            {
                "key": task.key,
                "done": task.is_done,
                "now": task.key == first_open,
                "title": title,
                "text": text,
                "label": label,
                "url": benefit_url if task.key == "benefit" else reverse(GUIDE_ROUTES[task.key]),
            }
        )
    return shown


def program_of(request: StaffRequest) -> Program:
    """The merchant's program; every merchant is made with one."""
    if request.program is None:
        raise Http404
    return request.program


def back(request: StaffRequest, default: str) -> HttpResponseRedirect:
    """To where the form was reached from (`next`), or to the default route."""
    target = request.POST.get("next", "")
    if target and url_has_allowed_host_and_scheme(target, allowed_hosts=None):
        return HttpResponseRedirect(target)
    return redirect(default)


@gates.staff(read=gates.READERS, write=gates.MANAGERS)
def program_page(request: StaffRequest) -> HttpResponse:
    """Name and life of the program."""
    program, at = program_of(request), timezone.now()
    form = NameForm(request.POST or None, initial={"name": program.name})
    if request.method == "POST" and form.is_valid():
        try:
            program_settings.rename(
                merchant_id=program.pk,
                at=at,
                actor=Actor.person(request.user),
                name=form.cleaned_data["name"],
            )
        except Refusal as refusal:
            add_refusal(form, refusal)
        else:
            messages.success(request, _("The name is saved."))
            return back(request, "members:program_page")
    return answer(request, "members/program/page.html", _context(request, program, at, form), form)


def _context(request: StaffRequest, program: Program, at: Any, form: NameForm) -> dict[str, Any]:
    version = rules_of.version_at(merchant_id=program.pk, at=at)
    return {
        "form": form,
        "program": program,
        "version": version,
        "tiers": len(version.ladder) if version else 0,
        "rate": decimal_text(version.per_major) if version else "",
        "template": None
        if setup_guide.has_own_tiers(program=program, at=at)
        else program_settings.three_tiers(request.merchant.currency),
        "members": members_of.count(merchant_id=program.pk),
        "has_closures": bool(gap_postings.closures(merchant_id=program.pk, most=1)),
        "may_write": request.staff.role in gates.MANAGERS,
        "next": request.POST.get("next") or request.GET.get("next", ""),
    }


@gates.staff(write=gates.MANAGERS)
@require_POST
def program_open(request: StaffRequest) -> HttpResponse:
    """Open a draft or a program that its merchant closed."""
    try:
        program_settings.open_with_defaults(
            merchant_id=request.merchant.pk, at=timezone.now(), actor=Actor.person(request.user)
        )
    except Refusal as refusal:
        return _refused(request, refusal)
    messages.success(request, _("The program is open."))
    return back(request, "members:program_page")


@gates.staff(write=gates.MANAGERS)
@require_POST
def program_close(request: StaffRequest) -> HttpResponse:
    """Close an open program; everything stays and freezes."""
    try:
        program_settings.close(
            merchant_id=request.merchant.pk, at=timezone.now(), actor=Actor.person(request.user)
        )
    except Refusal as refusal:
        return _refused(request, refusal)
    messages.success(request, _("The program is closed. Members, points and tiers stay as they are."))
    return back(request, "members:program_page")


def _refused(request: StaffRequest, refusal: Refusal) -> HttpResponse:
    """The page again, with what was refused above it."""
    program = program_of(request)
    program.refresh_from_db()
    form = NameForm(initial={"name": program.name})
    context = _context(request, program, timezone.now(), form) | {"refusal": refusal.detail}
    return render(request, "members/program/page.html", context, status=422)
