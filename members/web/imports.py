"""Importing files: hand one in, see what would happen, start, watch, read the report, undo. One door for every kind."""

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
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from members.lib.refusals import NotFound, Refusal
from members.models import ImportedMember, ImportJob, ImportKind, ImportState
from members.selectors import imports as selectors
from members.services.audit import Actor
from members.services.imports import jobs, leftovers, reading, rejects, undo
from members.web import csv_files, gates, import_rows
from members.web.forms import add_refusal, answer
from members.web.htmx import wants_piece
from members.web.import_forms import ColumnsForm
from members.web.import_kinds import PAGES, kept_word
from members.web.import_words import FIELD_LABELS, field_label, level, tabs
from members.web.request import StaffRequest

PER_PAGE = 50
REJECTS_SHOWN = 10
PAGE = "members/imports/page.html"


@gates.staff(read=gates.READERS, write=gates.MANAGERS)
def imports_list(request: StaffRequest, kind: ImportKind) -> HttpResponse:
    """All imports of a kind, and the form that begins one."""
    pages = PAGES[kind]
    form = pages.form(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        upload = form.cleaned_data["file"]
        try:
            job, _made = jobs.create(
                merchant_id=request.merchant.pk,
                at=timezone.now(),
                actor=Actor.person(request.user),
                content=upload,
                file_name=upload.name,
                channel=form.cleaned_data["channel"],
                kind=kind,
                declared_source=form.cleaned_data.get("declared_source", ""),
            )
        except Refusal as refusal:
            form.add_error("file", refusal.detail) if not refusal.errors else add_refusal(form, refusal)
        else:
            return redirect("members:order_imports_page", job.public_id)
    rows = selectors.imports(merchant_id=request.merchant.pk, kind=kind)
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "form": form,
        "page_obj": page,
        "rows": [(job, level(job.state)) for job in page],
        "tabs": tabs(kind),
        "can_write": request.staff.role in gates.MANAGERS,
    }
    return answer(request, pages.template("list"), context, form)


def _find(request: StaffRequest, import_id: str) -> ImportJob:
    try:
        return selectors.find(merchant_id=request.merchant.pk, public_id=import_id)
    except NotFound:
        raise Http404 from None


def _context(request: StaffRequest, job: ImportJob, form: ColumnsForm | None = None) -> dict[str, Any]:
    is_gone = leftovers.is_gone(job)
    can_write = request.staff.role in gates.MANAGERS
    mappable = (ImportState.QUEUED, ImportState.CHECKED, ImportState.FAILED)
    may_map = not job.position and job.state in mappable and not is_gone
    times = {name: _moment(job.preview.get(name)) for name in ("first_at", "last_at")}
    pages = PAGES[ImportKind(job.kind)]
    return pages.facts(job) | {
        "job": job,
        "progress": pages.template("_progress"),
        "list_url": reverse(pages.route),
        "list_title": pages.title,
        "undo_until": undo.until(job),
        "may_undo": undo.is_possible(job, timezone.now()),
        "undone_at": _moment(job.undo.get("finished_at")),
        "level": level(job.state),
        "preview": job.preview | times,
        "posted": job.position,
        "gone": leftovers.GONE if is_gone else "",
        "rejects": import_rows.shown(job, rejects.first(job, REJECTS_SHOWN), with_rows=can_write),
        "is_clean": job.state == ImportState.DONE and not job.rejected,
        "known": [
            (field_label(job.kind, name), header)
            for name, header in job.columns.items()
            if name in FIELD_LABELS
        ],
        "unused": [header for header in job.headers if header and header not in job.columns.values()],
        "form": form or (ColumnsForm(job=job) if may_map else None),
        "may_map": may_map,
        "can_write": can_write,
    }


def _moment(text: str | None) -> dt.datetime | None:
    return None if not text else dt.datetime.fromisoformat(text)


@gates.staff(read=gates.READERS)
@never_cache
@require_GET
def imports_page(request: StaffRequest, import_id: str) -> HttpResponse:
    """One import; its progress by itself when htmx asks."""
    job = _find(request, import_id)
    is_piece = wants_piece(request)
    context = _context(request, job)
    response = render(request, context["progress"] if is_piece else PAGE, context)
    if is_piece and not job.is_worked:
        response["HX-Refresh"] = "true"  # what can be done next stands outside the piece
    return response


@gates.staff(write=gates.MANAGERS, read=gates.NOBODY)
@require_POST
def imports_columns(request: StaffRequest, import_id: str) -> HttpResponse:
    """Choose the columns; the file is checked again."""
    job = _find(request, import_id)
    form = ColumnsForm(request.POST, job=job)
    if form.is_valid():
        try:
            jobs.map_columns(
                merchant_id=request.merchant.pk,
                public_id=import_id,
                at=timezone.now(),
                actor=Actor.person(request.user),
                columns=form.cleaned_data,
            )
        except Refusal as refusal:
            add_refusal(form, refusal)
        else:
            return redirect("members:order_imports_page", import_id)
    return answer(request, PAGE, _context(request, job, form), form)


def _act(request: StaffRequest, import_id: str, service: Any) -> HttpResponse:
    try:
        service(
            merchant_id=request.merchant.pk,
            public_id=import_id,
            at=timezone.now(),
            actor=Actor.person(request.user),
        )
    except NotFound:
        raise Http404 from None
    except Refusal as refusal:
        messages.error(request, refusal.detail)
    return redirect("members:order_imports_page", import_id)


@gates.staff(write=gates.MANAGERS, read=gates.NOBODY)
@require_POST
def imports_start(request: StaffRequest, import_id: str) -> HttpResponse:
    """Start a checked import."""
    return _act(request, import_id, jobs.start)


@gates.staff(write=gates.MANAGERS, read=gates.NOBODY)
@require_POST
def imports_cancel(request: StaffRequest, import_id: str) -> HttpResponse:
    """Cancel; what is posted stays."""
    return _act(request, import_id, jobs.cancel)


@gates.staff(read=gates.MANAGERS)
@never_cache
@require_GET
def imports_rejects(request: StaffRequest, import_id: str) -> HttpResponseBase:
    """The rows left out, as a file to mend and import again, on record; back to the page when the file is gone."""
    job = _find(request, import_id)
    if leftovers.is_gone(job):
        return redirect("members:order_imports_page", import_id)
    try:
        file = rejects.take(
            merchant_id=request.merchant.pk,
            public_id=import_id,
            at=timezone.now(),
            actor=Actor.person(request.user),
        )
    except NotFound:
        raise Http404 from None
    ending = ".csv" if job.encoding in reading.SHEETS else ""
    name = f"rejects-{job.file_name}{ending}"
    return FileResponse(file, as_attachment=True, filename=name, content_type="text/csv; charset=utf-8")


@gates.staff(read=gates.MANAGERS, write=gates.MANAGERS)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def imports_undo(request: StaffRequest, import_id: str) -> HttpResponse:
    """Take the whole import back; asked first, what that would do now, which is found only here: it costs a look at
    everything the import made."""
    if request.method == "POST":
        return _act(request, import_id, undo.start)
    job, found = _find(request, import_id), None
    if undo.is_possible(job, timezone.now()):
        found = undo.consequences(merchant_id=job.merchant_id, job=job)
    if found is None:
        messages.info(request, _("Nothing of this import can be undone any more."))
        return redirect("members:order_imports_page", import_id)
    pages = PAGES[ImportKind(job.kind)]
    context = {
        "job": job,
        "consequences": found,
        "undo_until": undo.until(job),
        "list_url": reverse(pages.route),
        "list_title": pages.title,
    }
    return render(request, pages.template("undo"), context)


@gates.staff(read=gates.MANAGERS)
@never_cache
@require_GET
def imports_rows(request: StaffRequest, import_id: str) -> HttpResponseBase:
    """What became of each row of a file of members, as CSV: ids, no names."""
    job = _find(request, import_id)
    if job.kind != ImportKind.MEMBERS:
        raise Http404
    head = [_("line"), _("member"), _("outcome"), _("filled in"), _("remarks"), _("undone")]
    rows = (
        (
            row.line,
            row.member.public_id,
            _outcome(row),
            ", ".join(row.filled),
            "; ".join(row.remarks),
            _undone(row),
        )
        for row in selectors.rows_of(job=job)
    )
    return csv_files.answer_long(f"rows-{job.public_id}.csv", head, rows)


def _undone(row: ImportedMember) -> str:
    """What an undoing did with the member, or why it was kept."""
    if not row.undone:
        return ""
    return _("taken back") if row.undone == selectors.TAKEN else str(kept_word(row.undone))


def _outcome(row: ImportedMember) -> str:
    if row.made:
        return _("new member")
    return _("filled in") if row.filled else _("unchanged")
