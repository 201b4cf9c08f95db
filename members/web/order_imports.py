"""Importing files of orders: hand a file in, see what would happen, start, watch, read the report."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import FileResponse, Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from members.lib.refusals import NotFound, Refusal
from members.models import Channel, ImportJob, ImportKind, ImportState
from members.selectors import order_imports as selectors
from members.services.audit import Actor
from members.services.order_import import columns, jobs, leftovers, reading, rejects
from members.web import gates, import_rows, point_imports
from members.web.forms import add_refusal, answer
from members.web.htmx import wants_piece
from members.web.import_words import ACCEPTED, FIELD_LABELS, field_label, level, tabs
from members.web.request import StaffRequest

PER_PAGE = 50
REJECTS_SHOWN = 10


class UploadForm(forms.Form):
    """A file and what it is."""

    file = forms.FileField(
        label=_("File of order lines"),
        help_text=_(
            "XLSX, Parquet, or CSV in UTF-8 or GBK; one row a line of an order, with the columns order_id, ordered_at, "
            "member_key, sku, quantity and amount. Other names of columns are recognised or can be chosen next."
        ),
        widget=forms.FileInput(attrs={"accept": ACCEPTED}),
        error_messages={"empty": _("The file is empty."), "required": _("Choose a file.")},
    )
    channel = forms.ChoiceField(label=_("Channel"), choices=Channel.choices)
    people = forms.ChoiceField(
        label=_("Who are the buyers?"),
        widget=forms.RadioSelect,
        initial="customers",
        choices=[
            ("customers", _("Customers: they bought, which does not make them members")),
            ("members", _("Members: they agreed to join my program, and I can say where")),
        ],
    )
    declared_source = forms.CharField(
        label=_("Where does their consent come from?"),
        max_length=200,
        required=False,
        help_text=_("For example: paper forms of the store, 2019 to 2023. Kept with every member."),
    )

    def clean(self) -> dict[str, Any]:
        """A declaration names its source."""
        values: dict[str, Any] = super().clean() or {}
        if values.get("people") == "members" and not values.get("declared_source", "").strip():
            self.add_error("declared_source", _("Say where the consent of these people comes from."))
        if values.get("people") != "members":
            values["declared_source"] = ""
        return values


class ColumnsForm(forms.Form):
    """Which column of the file is which field."""

    def __init__(self, *args: Any, job: ImportJob, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [("", "--"), *((header, header) for header in dict.fromkeys(job.headers) if header)]
        known, required = columns.FIELDS_OF[job.kind].known, columns.FIELDS_OF[job.kind].required
        self.required_names = required
        for name in known:
            self.fields[name] = forms.ChoiceField(
                label=field_label(job.kind, name),
                choices=choices,
                required=name in required,
                initial=job.columns.get(name, ""),
                error_messages={"required": _("Choose the column.")},
            )

    @property
    def needed(self) -> list[forms.BoundField]:
        """Fields without which nothing can be read."""
        return [self[name] for name in self.required_names]

    @property
    def others(self) -> list[forms.BoundField]:
        """Fields that a file may have."""
        return [self[name] for name in self.fields if name not in self.required_names]


@gates.staff(read=gates.READERS, write=gates.MANAGERS)
def order_imports_list(request: StaffRequest) -> HttpResponse:
    """All imports, and the form that begins one."""
    form = UploadForm(request.POST or None, request.FILES or None)
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
                declared_source=form.cleaned_data["declared_source"],
            )
        except Refusal as refusal:
            form.add_error("file", refusal.detail) if not refusal.errors else add_refusal(form, refusal)
        else:
            return redirect("members:order_imports_page", job.public_id)
    rows = selectors.imports(merchant_id=request.merchant.pk, kind=ImportKind.ORDERS)
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "form": form,
        "page_obj": page,
        "rows": [(job, level(job.state)) for job in page],
        "tabs": tabs("orders"),
        "can_write": request.staff.role in gates.MANAGERS,
    }
    return answer(request, "members/order_imports/list.html", context, form)


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
    more = point_imports.context(request, job) if job.kind == ImportKind.POINTS else {}
    return more | {
        "job": job,
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
def order_imports_page(request: StaffRequest, import_id: str) -> HttpResponse:
    """One import; its progress by itself when htmx asks."""
    job = _find(request, import_id)
    is_piece = wants_piece(request)
    piece = "point_imports" if job.kind == ImportKind.POINTS else "order_imports"
    template = f"{piece}/_progress" if is_piece else "order_imports/page"
    response = render(request, f"members/{template}.html", _context(request, job))
    if is_piece and not job.is_worked:
        response["HX-Refresh"] = "true"  # what can be done next stands outside the piece
    return response


@gates.staff(write=gates.MANAGERS, read=gates.NOBODY)
@require_POST
def order_imports_columns(request: StaffRequest, import_id: str) -> HttpResponse:
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
    return answer(request, "members/order_imports/page.html", _context(request, job, form), form)


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
def order_imports_start(request: StaffRequest, import_id: str) -> HttpResponse:
    """Start a checked import."""
    return _act(request, import_id, jobs.start)


@gates.staff(write=gates.MANAGERS, read=gates.NOBODY)
@require_POST
def order_imports_cancel(request: StaffRequest, import_id: str) -> HttpResponse:
    """Cancel; what is posted stays."""
    return _act(request, import_id, jobs.cancel)


@gates.staff(read=gates.MANAGERS)
@never_cache
@require_GET
def order_imports_rejects(request: StaffRequest, import_id: str) -> HttpResponseBase:
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
