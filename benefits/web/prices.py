"""Member prices: the lists there are, uploading one, looking at its differences, confirming."""

from __future__ import annotations

import csv
import datetime as dt
import io
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from benefits.lib.prices import MOST_BYTES, list_facts, rows_from_json
from benefits.models import Benefit, BenefitStatus, PriceUpload
from benefits.selectors import benefits as selectors
from benefits.selectors import prices
from benefits.services import price_uploads
from benefits.services.price_files import read_price_file
from benefits.services.prices import keep_upload
from benefits.web import rejects
from benefits.web.benefits import PAGE, described, found_or_404, may_write, reads, tier_names, writes
from benefits.web.forms import PriceListForm, uploaded
from benefits.web.publishing import say_published, tier_words
from members.lib.refusals import Refusal
from members.services.audit import Actor
from members.web.forms import add_refusal, answer, asked
from members.web.htmx import wants_piece
from members.web.request import StaffRequest


@reads
@require_safe
def prices_list(request: StaffRequest) -> HttpResponse:
    """The benefits with member prices, and the prices of one of them."""
    at = timezone.now()
    wanted = selectors.BenefitFilter(kinds=("member_price",))
    benefits = list(selectors.listed(merchant_id=request.merchant.pk, wanted=wanted, at=at)[:PAGE])
    names = tier_names(request, at)
    chosen = _chosen(benefits, asked(request, "benefit"))
    context: dict[str, Any] = {
        "rows": [described(row, request=request, at=at, names=names) for row in benefits],
        "chosen": chosen,
        "tier_names": names,
        "may_write": may_write(request),
        "page_obj": None,
    }
    if chosen is not None:
        found = prices.present(merchant_id=request.merchant.pk, benefit_id=chosen.pk)
        context["page_obj"] = Paginator(found, PAGE).get_page(request.GET.get("page"))
    return render(request, "benefits/prices/list.html", context)


def _chosen(benefits: list[Benefit], public_id: str) -> Benefit | None:
    """The benefit asked for, else one that runs, else any."""
    named = [row for row in benefits if row.public_id == public_id]
    running = [row for row in benefits if row.status == BenefitStatus.PUBLISHED]
    return next(iter([*named, *running, *benefits]), None)


@writes
def prices_change(request: StaffRequest, public_id: str) -> HttpResponse:
    """Upload another list for member prices that exist."""
    benefit = found_or_404(request, public_id)
    if benefit.kind != "member_price":
        raise Http404
    form = PriceListForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        at = timezone.now()
        content = uploaded(form, MOST_BYTES)
        if content is not None:
            try:
                upload = keep_upload(
                    merchant_id=request.merchant.pk,
                    at=at,
                    actor=Actor.person(request.user),
                    price_list=read_price_file(
                        content, currency=request.merchant.currency, tiers=tier_words(request, at)
                    ),
                    file_name=form.cleaned_data["file"].name,
                    benefit=benefit,
                    arguments={"revision": benefit.revision},
                )
            except Refusal as refusal:
                add_refusal(form, refusal)
            else:
                return redirect("benefits:prices_upload", public_id=upload.public_id)
    return answer(request, "benefits/prices/new_list.html", {"form": form, "benefit": benefit}, form)


def _upload_or_404(request: StaffRequest, public_id: str) -> PriceUpload:
    upload = prices.upload_of(merchant_id=request.merchant.pk, public_id=public_id)
    if upload is None:
        raise Http404
    return upload


@writes
def prices_upload(request: StaffRequest, public_id: str) -> HttpResponse:
    """What a list would change, line by line, and what of it was left out; POST confirms it."""
    upload = _upload_or_404(request, public_id)
    if upload.confirmed_at is not None and upload.benefit is not None:
        return redirect("benefits:benefits_detail", public_id=upload.benefit.public_id)
    refusal = ""
    if request.method == "POST":
        at = timezone.now()
        try:
            benefit = price_uploads.confirm(
                merchant_id=request.merchant.pk,
                public_id=public_id,
                at=at,
                actor=Actor.person(request.user),
            )
        except Refusal as error:
            refusal = error.detail
        else:
            _say_confirmed(request, upload, benefit, at)
            return redirect("benefits:benefits_detail", public_id=benefit.public_id)
    rows = rows_from_json(upload.rows)
    comparison = prices.compare(merchant_id=request.merchant.pk, benefit_id=upload.benefit_id, rows=rows)
    context = {
        "upload": upload,
        "counts": comparison.counts,
        "lower": list_facts(rows)["lower"],
        "page_obj": Paginator(comparison.lines, PAGE).get_page(request.GET.get("page")),
        **rejects.table_of(upload.rejects),
        "tier_names": tier_names(request, timezone.now()),
        "refusal": refusal,
    }
    if wants_piece(request) and request.method == "GET":
        return render(request, "benefits/prices/_differences.html", context)
    return render(request, "benefits/prices/upload.html", context, status=422 if refusal else 200)


def _say_confirmed(request: StaffRequest, upload: PriceUpload, benefit: Benefit, at: dt.datetime) -> None:
    if upload.benefit_id is None:
        say_published(request, benefit, at)
    else:
        messages.success(request, _("The new prices of “%(name)s” are in force.") % {"name": benefit})


@writes
@require_POST
def prices_upload_drop(request: StaffRequest, public_id: str) -> HttpResponse:
    """Forget a list that was not confirmed."""
    upload = _upload_or_404(request, public_id)
    try:
        price_uploads.drop(merchant_id=request.merchant.pk, public_id=public_id)
    except Refusal as refusal:
        messages.error(request, refusal.detail)
    else:
        messages.info(request, _("The list was dropped. No price was changed."))
    if upload.benefit is not None:
        return redirect("benefits:benefits_detail", public_id=upload.benefit.public_id)
    return redirect("benefits:prices_list")


@writes
@require_safe
def prices_upload_rejects(request: StaffRequest, public_id: str) -> HttpResponse:
    """The lines that were left out, as CSV, with the reason of each."""
    upload = _upload_or_404(request, public_id)
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow([_("Line"), _("Reason"), _("The line")])
    for line, reason, text in upload.rejects:
        writer.writerow([line, _harmless(reason), _harmless(text)])
    response = HttpResponse("\ufeff" + file.getvalue(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="rejects-{upload.public_id}.csv"'
    return response


def _harmless(text: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
