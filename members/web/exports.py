"""Files written in the background: watch one, fetch it. What a closed program holds can be had too."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import FileResponse, Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from members.lib.refusals import NotFound, Refusal
from members.models import Export, ExportFormat, WorkState
from members.services.audit import Actor
from members.services.exports import jobs
from members.web import gates
from members.web.forms import asked
from members.web.htmx import wants_piece
from members.web.request import StaffRequest

PER_PAGE = 50
LEVELS = {WorkState.DONE: "success", WorkState.FAILED: "critical", WorkState.CANCELLED: "neutral"}
TYPES = {
    ExportFormat.CSV: "text/csv; charset=utf-8",
    ExportFormat.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def _level(job: Export) -> str:
    return LEVELS.get(WorkState(job.state), "accent")


@gates.staff()
@require_GET
def exports_list(request: StaffRequest) -> HttpResponse:
    """Every export of the shop, newest first."""
    rows = Export.objects.of(request.merchant).order_by("-created_at", "-pk")
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    context = {"page_obj": page, "rows": [(job, _level(job)) for job in page]}
    return render(request, "members/exports/list.html", context)


def _find(request: StaffRequest, export_id: str) -> Export:
    job: Export | None = Export.objects.of(request.merchant).filter(public_id=export_id).first()
    if job is None:
        raise Http404
    return job


def _is_there(job: Export, at: dt.datetime) -> bool:
    return bool(job.stored_as) and job.expires_at is not None and job.expires_at > at


@gates.staff()
@never_cache
@require_GET
def exports_page(request: StaffRequest, export_id: str) -> HttpResponse:
    """One export; its progress by itself when htmx asks."""
    job = _find(request, export_id)
    is_there, may_fetch = _is_there(job, timezone.now()), jobs.may_fetch(job, request.staff.role)
    context: dict[str, Any] = {
        "job": job,
        "level": _level(job),
        "is_there": is_there,
        "may_fetch": may_fetch,
        "file_url": "",
    }
    if is_there and may_fetch:
        context["file_url"] = f"{reverse('members:exports_file', args=[job.public_id])}?key={jobs.token(job)}"
    if not wants_piece(request):
        return render(request, "members/exports/page.html", context)
    response = render(request, "members/exports/_progress.html", context)
    if not job.is_worked:
        response["HX-Refresh"] = "true"  # what can be done next stands outside the piece
    return response


@gates.staff(read=gates.NOBODY, write=gates.READERS)
@require_POST
def exports_cancel(request: StaffRequest, export_id: str) -> HttpResponse:
    """Stop it; what is written goes."""
    try:
        jobs.cancel(
            merchant_id=request.merchant.pk,
            public_id=export_id,
            at=timezone.now(),
            actor=Actor.person(request.user),
            role=request.staff.role,
        )
    except NotFound:
        raise Http404 from None
    except Refusal as refusal:
        messages.error(request, refusal.detail)
    return redirect("members:exports_page", export_id)


@gates.staff()
@never_cache
@require_GET
def exports_file(request: StaffRequest, export_id: str) -> HttpResponseBase:
    """The file, by the link of its page; on record. Nobody's, another's, one whose time is over: not found."""
    try:
        job, path = jobs.take(
            merchant_id=request.merchant.pk,
            public_id=export_id,
            at=timezone.now(),
            actor=Actor.person(request.user),
            role=request.staff.role,
            key=asked(request, "key"),
        )
    except Refusal:
        raise Http404 from None
    name = f"{job.kind}-{job.created_at.astimezone(request.merchant.zone):%Y%m%d-%H%M}.{job.format}"
    content_type = TYPES[ExportFormat(job.format)]
    return FileResponse(path.open("rb"), as_attachment=True, filename=name, content_type=content_type)
