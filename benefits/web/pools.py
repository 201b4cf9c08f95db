"""Pools of a partner's codes in the console: how many are left, uploading more, looking before it counts, undoing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from benefits.lib import pools as rule
from benefits.models import CodeUpload
from benefits.selectors import pools as selectors
from benefits.services import pool_uploads as services
from benefits.services.price_files import with_lines
from benefits.web import rejects
from benefits.web.benefits import found_or_404, writes
from benefits.web.forms import uploaded
from members.lib.refusals import NotFound, Refusal
from members.services.audit import Actor
from members.templatetags.fmt import points
from members.web.forms import add_refusal, answer
from members.web.request import StaffRequest


class CodesForm(forms.Form):
    """A file of codes."""

    file = forms.FileField(
        label=gettext_lazy("File of codes"),
        help_text=gettext_lazy(
            "CSV, XLSX or plain text with a code a line, at most 20,000. Of several columns, the one named “code”."
        ),
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.txt,.xlsx"}),
    )


@writes
@require_http_methods(["GET", "HEAD", "POST"])
def pools_upload(request: StaffRequest, public_id: str) -> HttpResponse:
    """Read a file of codes; what it holds is shown before any of them counts."""
    benefit = found_or_404(request, public_id)
    if not rule.is_pooled(benefit.settings):
        raise Http404
    form = CodesForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        content = uploaded(form, rule.MOST_BYTES)
        if content is not None:
            try:
                upload = services.keep(
                    merchant_id=request.merchant.pk,
                    at=timezone.now(),
                    actor=Actor.person(request.user),
                    benefit_id=benefit.pk,
                    sheet=with_lines(content, rule.read),
                    file_name=form.cleaned_data["file"].name,
                )
            except Refusal as refusal:
                add_refusal(form, refusal)
            else:
                return redirect("benefits:pools_check", upload_id=upload.public_id)
    return answer(request, "benefits/pools/new.html", {"form": form, "benefit": benefit}, form)


def _upload_or_404(request: StaffRequest, upload_id: str) -> CodeUpload:
    upload = selectors.upload_of(merchant_id=request.merchant.pk, public_id=upload_id)
    if upload is None:
        raise Http404
    return upload


@writes
@require_http_methods(["GET", "HEAD", "POST"])
def pools_check(request: StaffRequest, upload_id: str) -> HttpResponse:
    """What a file would add, and what of it was left out; POST puts its codes into the pool."""
    upload = _upload_or_404(request, upload_id)
    back = redirect("benefits:benefits_detail", public_id=upload.benefit.public_id)
    if upload.confirmed_at is not None:
        return back
    refusal = ""
    if request.method == "POST":
        try:
            done = services.confirm(**_asked(request, upload))
        except Refusal as error:
            refusal = error.detail
        else:
            text = _("%(number)s codes were added to the pool.") % {"number": points(done.added)}
            messages.success(request, text)
            return back
    context = {
        "upload": upload,
        "new": upload.found - upload.known,
        "bad": upload.rejected - upload.repeated,
        **rejects.table_of(upload.rejects, upload.rejected),
        "refusal": refusal,
    }
    return render(request, "benefits/pools/check.html", context, status=422 if refusal else 200)


def _asked(request: StaffRequest, upload: CodeUpload) -> dict[str, Any]:
    return {
        "merchant_id": request.merchant.pk,
        "public_id": upload.public_id,
        "at": timezone.now(),
        "actor": Actor.person(request.user),
    }


@writes
@require_POST
def pools_drop(request: StaffRequest, upload_id: str) -> HttpResponse:
    """Forget a file that was not confirmed."""
    return _act(
        request,
        upload_id,
        lambda upload: services.drop(merchant_id=request.merchant.pk, public_id=upload.public_id),
        lambda _upload: _("The file was dropped. The pool did not change."),
    )


@writes
@require_POST
def pools_undo(request: StaffRequest, upload_id: str) -> HttpResponse:
    """Take the codes of an upload out of the pool that nobody was given."""
    return _act(
        request,
        upload_id,
        lambda upload: services.undo(**_asked(request, upload)),
        lambda upload: (
            _("%(number)s codes were taken out of the pool. Codes that members have stay theirs.")
            % {"number": points(upload.withdrawn)}
        ),
    )


def _act(
    request: StaffRequest,
    upload_id: str,
    service: Callable[[CodeUpload], CodeUpload],
    said: Callable[[CodeUpload], str],
) -> HttpResponse:
    upload = _upload_or_404(request, upload_id)
    try:
        done = service(upload)
    except NotFound:
        raise Http404 from None
    except Refusal as refusal:
        messages.error(request, refusal.detail)
    else:
        messages.success(request, said(done))
    return redirect("benefits:benefits_detail", public_id=upload.benefit.public_id)
