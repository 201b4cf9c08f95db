"""The ladder of tiers: the one in force, and the form of the next (domain.md 5)."""

from __future__ import annotations

import datetime as dt

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from members.lib.refusals import Conflict, Refusal
from members.models import TierLift
from members.selectors import rules as rules_of
from members.selectors import tier_lifts as lifts
from members.services import program_settings, tier_rules
from members.services.audit import Actor
from members.web import gates, tier_drafts, tier_forms, tier_simulation
from members.web.forms import add_refusal, answer
from members.web.program import back
from members.web.request import StaffRequest
from members.web.tier_drafts import LadderForm


@gates.staff(read=gates.READERS, write=gates.MANAGERS)
@require_http_methods(["GET", "HEAD", "POST"])
def tiers_edit(request: StaffRequest) -> HttpResponse:
    """The ladder, and a form for its next version. Rows come and go by a submission, with a script or without.

    A change is simulated first: what is sent with `simulate` shows who would move, and is saved from there.
    """
    at = timezone.now()
    form = tier_drafts.read(request, at)
    if request.method == "POST" and not set(tier_drafts.ACTS) & set(request.POST):
        if "simulate" in request.POST and form.version is not None:
            draft = tier_drafts.draft_of(request, form, at)
            if draft is not None:
                return tier_simulation.show(request, draft, at)
        elif _save(request, at, form):
            return _saved(request, at, form)
    held = {tier.code: form.counts.get(tier.pk, 0) for tier in form.tiers.values()}
    context = {
        "settings": form.settings,
        "rows": [(row, held.get(row["code"].value(), 0)) for row in form.rows],
        "row_forms": form.rows,
        "targets": form.targets,
        "version": form.version if form.is_own else None,
        "seen": form.seen,
        "may_write": request.staff.role in gates.MANAGERS,
        "may_add": len(form.rows) < tier_forms.MOST_TIERS,
        "is_live": any(form.counts.values()),
        "lift": _lift(request, form),
        "next": request.POST.get("next") or request.GET.get("next", ""),
    }
    return answer(request, "members/tiers/edit.html", context, *form.all)


def _lift(request: StaffRequest, form: LadderForm) -> TierLift | None:
    """The first lift that members still wait for, whichever edit began it: later ones wait for it. Else what the
    last edit of the tiers did."""
    waiting = lifts.still_open(merchant_id=request.merchant.pk)
    return waiting[0] if waiting else lifts.last(merchant_id=request.merchant.pk, version=form.version)


def _saved(request: StaffRequest, at: dt.datetime, form: LadderForm) -> HttpResponse:
    """What is said after a save: that nothing was to be saved, how many moved, or where one can watch them move."""
    version = rules_of.version_at(merchant_id=request.merchant.pk, at=at)
    if version is not None and form.version is not None and version.number == form.version.number:
        messages.info(request, _("These tiers were in force already: nobody moved."))
        return back(request, "members:tiers_edit")
    lift = lifts.of_version(merchant_id=request.merchant.pk, version=version)
    if lift is not None and lift.is_worked:
        messages.success(request, _("The tiers are saved and in force. Members are being lifted."))
        return redirect("members:tiers_lift", lift.public_id)
    messages.success(
        request, _("The tiers are saved. Whoever reaches a higher one now has risen; nobody fell.")
    )
    return back(request, "members:tiers_edit")


def _save(request: StaffRequest, at: dt.datetime, form: LadderForm) -> bool:
    """Store the ladder; False with the reasons in the forms."""
    if not form.is_valid():
        return False
    actor = Actor.person(request.user)
    try:
        tier_rules.configure(
            merchant_id=request.merchant.pk,
            at=at,
            actor=actor,
            seen=form.seen,
            in_background=True,
            **form.options(),
        )
    except Refusal as refusal:
        if isinstance(refusal, Conflict) and form.version is not None:
            form.seen = form.version.number  # who saves again has been told
        add_refusal(form.settings, refusal)
        return False
    program_settings.tick(merchant_id=request.merchant.pk, at=at, actor=actor, step="tiers")
    return True
