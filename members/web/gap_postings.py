"""Closures that are over: what each kept back, and having it posted once (domain.md 2)."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from members.lib.refusals import NotFound, Refusal
from members.models import Closure, GapPosting, Program, ProgramStatus, WorkState
from members.selectors import gap_postings as selector
from members.services import gap_postings
from members.services.audit import Actor
from members.web import gates
from members.web.htmx import wants_piece
from members.web.program import program_of
from members.web.request import StaffRequest


@gates.staff(read=gates.READERS, write=gates.MANAGERS)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def gap_list(request: StaffRequest) -> HttpResponse:
    """The closures, the one chosen (else the latest) with what posting would come to now; POST has it posted."""
    program, refusal = program_of(request), ""
    if request.method == "POST":
        try:
            job = gap_postings.begin(
                merchant_id=program.pk,
                closure_id=_number(request.POST.get("closure", "")),
                at=timezone.now(),
                actor=Actor.person(request.user),
            )
        except Refusal as refused:
            refusal = refused.detail
        else:
            if job.state == WorkState.DONE:
                messages.success(request, _("The orders of the closure are posted."))
            return redirect("members:gap_page", job.public_id)
    context = _context(request, program) | {"refusal": refusal}
    return render(request, "members/program/gap.html", context, status=422 if refusal else 200)


def _context(request: StaffRequest, program: Program) -> dict[str, Any]:
    closures = selector.closures(merchant_id=program.pk)
    jobs = {job.closure_id: job for job in GapPosting.objects.of(program.pk)}
    rows = [{"closure": each, "job": jobs.get(each.pk)} for each in closures]
    wanted = _number(request.GET.get("closure", ""))
    chosen = next((each for each in closures if each.pk == wanted), closures[0] if closures else None)
    waits = chosen is not None and chosen.pk not in jobs
    return {
        "rows": rows,
        "chosen": chosen if waits else None,
        "foreseen": _foreseen(chosen) if waits and chosen else None,
        "is_open": program.status == ProgramStatus.OPEN,
        "may_write": request.staff.role in gates.MANAGERS,
    }


def _foreseen(closure: Closure) -> gap_postings.Foreseen | None:
    try:
        return gap_postings.foresee(closure=closure, at=timezone.now())
    except NotFound:  # no rules yet
        return None


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0


@gates.staff(read=gates.READERS)
@never_cache
@require_GET
def gap_page(request: StaffRequest, gap_id: str) -> HttpResponse:
    """One posting's progress, and its report; the progress by itself when htmx asks."""
    job = GapPosting.objects.of(request.merchant).select_related("closure").filter(public_id=gap_id).first()
    if job is None:
        raise Http404
    context = {
        "job": job,
        "has_failed": job.state == WorkState.FAILED,
        "may_write": request.staff.role in gates.MANAGERS,
    }
    piece = "members/program/_gap.html"
    return render(request, piece if wants_piece(request) else "members/program/gap_job.html", context)


@gates.staff(read=gates.NOBODY, write=gates.MANAGERS)
@require_POST
def gap_goon(request: StaffRequest, gap_id: str) -> HttpResponse:
    """Take up what stopped."""
    try:
        gap_postings.go_on(merchant_id=request.merchant.pk, public_id=gap_id)
    except NotFound:
        raise Http404 from None
    except Refusal as refusal:
        messages.error(request, refusal.detail)
    return redirect("members:gap_page", gap_id)
