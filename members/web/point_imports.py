"""Importing files of points: hand a file in, see what would be credited, start, watch, read the report, undo."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from members.lib.refusals import NotFound, Refusal
from members.models import Channel, ImportJob, ImportKind
from members.selectors import order_imports as selectors
from members.services.audit import Actor
from members.services.order_import import jobs
from members.services.point_import import undo
from members.services.point_import.preview import NEVER
from members.web import gates
from members.web.forms import add_refusal, answer
from members.web.import_words import ACCEPTED, level, tabs
from members.web.request import StaffRequest

PER_PAGE = 50
MONTHS_SHOWN = 36


class UploadForm(forms.Form):
    """A file of points and whose ids it names."""

    file = forms.FileField(
        label=_("File of points"),
        help_text=_(
            "XLSX, Parquet, or CSV in UTF-8 or GBK; one row a credit, with the columns member_key and points; "
            "expires_on, granted_at, channel, reason and row_id if there are any. Other names of columns are "
            "recognised or can be chosen next."
        ),
        widget=forms.FileInput(attrs={"accept": ACCEPTED}),
        error_messages={"empty": _("The file is empty."), "required": _("Choose a file.")},
    )
    channel = forms.ChoiceField(
        label=_("Whose ids are the member keys?"),
        choices=Channel.choices,
        initial=Channel.POS,
        help_text=_(
            "The channel that knows the members by these ids; for cards of your shops choose Point of sale. Member ids "
            "of this console are always understood."
        ),
    )


@gates.staff(read=gates.READERS, write=gates.MANAGERS)
def point_imports_list(request: StaffRequest) -> HttpResponse:
    """Imports of points, and the form that begins one."""
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
                kind=ImportKind.POINTS,
            )
        except Refusal as refusal:
            form.add_error("file", refusal.detail) if not refusal.errors else add_refusal(form, refusal)
        else:
            return redirect("members:order_imports_page", job.public_id)
    rows = selectors.imports(merchant_id=request.merchant.pk, kind=ImportKind.POINTS)
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "form": form,
        "page_obj": page,
        "rows": [(job, level(job.state)) for job in page],
        "tabs": tabs("points"),
        "can_write": request.staff.role in gates.MANAGERS,
    }
    return answer(request, "members/point_imports/list.html", context, form)


def context(request: StaffRequest, job: ImportJob) -> dict[str, Any]:
    """What a page about an import of points shows besides what all imports show."""
    months = [
        (month if month != NEVER else _("Never expire"), points)
        for month, points in job.preview.get("months", [])[:MONTHS_SHOWN]
    ]
    last = undo.until(job)
    may_undo = last is not None and timezone.now() <= last
    return {
        "is_points": True,
        "months": months,
        "undo_until": last,
        "may_undo": may_undo,
        "consequences": undo.consequences(merchant_id=job.merchant_id, job=job) if may_undo else None,
        "undone_at": _moment(job.undo.get("finished_at")),
        "is_undoing": job.state == "undoing",
    }


def _moment(text: str | None) -> dt.datetime | None:
    return None if not text else dt.datetime.fromisoformat(text)


@gates.staff(write=gates.MANAGERS, read=gates.NOBODY)
@require_POST
def point_imports_undo(request: StaffRequest, import_id: str) -> HttpResponse:
    """Take the whole import back."""
    try:
        undo.start(
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
