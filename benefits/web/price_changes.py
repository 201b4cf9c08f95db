"""Changes of prices: many at once, from a file, each as differences before it counts, and taken back (domain.md 7)."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST, require_safe

from benefits.lib import price_sheets
from benefits.lib.price_edits import FAN, PLAN, SALE, TIER, bulk, column_text, named
from benefits.lib.prices import MOST_BYTES
from benefits.models import FindingKind, PriceChange, PriceChangeKind, PriceChangeState
from benefits.selectors import audiences, guard_words, price_table, subscriptions
from benefits.selectors.quotes import prices_of
from benefits.services import price_changes
from benefits.services.price_files import with_lines
from benefits.web import rejects
from benefits.web.benefits import may_write, reads, writes
from benefits.web.fields import ShareField
from benefits.web.forms import uploaded
from benefits.web.price_table import ITEM_WORDS, PeriodForm, columns_of
from benefits.web.publishing import tier_words
from benefits.web.words import period_text
from members.lib.refusals import Invalid, NotFound, Refusal
from members.services.audit import Actor
from members.templatetags.fmt import discount
from members.templatetags.fmt import points as points_text
from members.web import gates
from members.web.forms import add_refusal, answer
from members.web.request import StaffRequest

PAGE = 50
LEVELS = {
    PriceChangeState.DRAFT: "accent",
    PriceChangeState.APPLIED: "success",
    PriceChangeState.UNDONE: "neutral",
}
ENDING_WORDS = {
    "exact": gettext_lazy("As it comes; a tier's price follows the list price"),
    "9": gettext_lazy("Down to .9 (84.90)"),
    "99": gettext_lazy("Down to .99 (84.99)"),
    "whole": gettext_lazy("Down to whole units (85.00)"),
}


class BulkForm(PeriodForm):
    """So much of the list price, for which SKUs, in which columns, and how the prices end."""

    begins = forms.CharField(
        label=gettext_lazy("SKUs that begin with"),
        max_length=64,
        required=False,
        help_text=gettext_lazy("Empty: all SKUs of the price table."),
    )
    columns = forms.MultipleChoiceField(
        label=gettext_lazy("Which prices"), widget=forms.CheckboxSelectMultiple
    )
    share = ShareField(
        label=gettext_lazy("Taken off the list price"),
        help_text=gettext_lazy("15, 15 % or 8.5 折: all mean the same."),
    )
    ending = forms.ChoiceField(
        label=gettext_lazy("How prices end"), choices=list(ENDING_WORDS.items()), initial="exact"
    )
    field_order = ("begins", "columns", "share", "ending", "from_at", "to_at")


class FileForm(PeriodForm):
    """A file of the price table."""

    file = forms.FileField(
        label=gettext_lazy("File of prices"),
        help_text=gettext_lazy(
            "CSV in UTF-8 or GBK, XLSX or Parquet: sku, list_price, sale_price, from and to of the sale, floor, "
            "fan_price, a column a tier; product, name and stock of the catalogue. Write 72.00, 90 % or -5.00. Columns "
            "that are missing change nothing; empty cells take a price away."
        ),
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.txt,.xlsx,.parquet"}),
    )
    field_order = ("file", "from_at", "to_at")


def _begun(
    request: StaffRequest, form: PeriodForm, at: dt.datetime, kind: PriceChangeKind, **more: Any
) -> HttpResponse | None:
    """The page of a new change's differences; None, with the refusal in the form."""
    try:
        change = price_changes.draft(
            merchant_id=request.merchant.pk,
            at=at,
            actor=Actor.person(request.user),
            kind=kind,
            from_at=form.cleaned_data["from_at"],
            to_at=form.cleaned_data["to_at"],
            **more,
        )
    except Refusal as refusal:
        add_refusal(form, refusal)
        return None
    return redirect("benefits:prices_changepage", public_id=change.public_id)


@writes
def prices_bulk(request: StaffRequest) -> HttpResponse:
    """Many prices at once: "8.5 折, round to .9"."""
    at = timezone.now()
    columns = columns_of(request, at)
    form = BulkForm(request.POST or None, zone=request.merchant.zone)
    cast(forms.MultipleChoiceField, form.fields["columns"]).choices = [
        (column, words)
        for column, words in columns.items()
        if column in (SALE, FAN) or column.startswith((TIER, PLAN))
    ]
    if request.method == "POST" and form.is_valid():
        chosen = form.cleaned_data
        paid = 100 - Decimal(str(chosen["share"]))
        then = chosen["from_at"] or at  # shares are taken from the list prices that stand when it begins
        rows = price_table.at_instant(merchant_id=request.merchant.pk, at=then, begins=chosen["begins"])
        most = price_changes.MOST_LOOKED // max(len(chosen["columns"]), 1)
        prices = [prices_of(row) for row in rows[: most + 1]]
        edits, left = bulk(prices, chosen["columns"], paid, chosen["ending"], request.merchant.currency)
        names = ", ".join(columns[column] for column in chosen["columns"])
        label = f"{discount(paid)} · {names}"
        done = _begun(request, form, at, PriceChangeKind.BULK, edits=edits, rejects=left, label=label)
        if done is not None:
            return done
    return answer(request, "benefits/prices/bulk.html", {"form": form}, form)


@writes
def prices_import(request: StaffRequest) -> HttpResponse:
    """A file of the price table, on its way to the page of differences."""
    at = timezone.now()
    form = FileForm(request.POST or None, request.FILES or None, zone=request.merchant.zone)
    if request.method == "POST" and form.is_valid():
        content = uploaded(form, MOST_BYTES)
        if content is not None:
            plans = [code for code, _name in subscriptions.plan_names(merchant_id=request.merchant.pk)]
            try:
                sheet = with_lines(
                    content,
                    lambda lines: price_sheets.read(
                        lines,
                        tiers=tier_words(request, at),
                        currency=request.merchant.currency,
                        zone=request.merchant.zone,
                        plans=plans,
                    ),
                )
            except Invalid as refusal:
                add_refusal(form, refusal)
            else:
                name = form.cleaned_data["file"].name
                more: dict[str, Any] = {"edits": sheet.edits, "rejects": sheet.rejects, "label": name}
                done = _begun(request, form, at, PriceChangeKind.FILE, **more)
                if done is not None:
                    return done
    return answer(request, "benefits/prices/import.html", {"form": form}, form)


@reads
@require_safe
def prices_changes(request: StaffRequest) -> HttpResponse:
    """Every change of prices, newest first."""
    found = price_table.changes(merchant_id=request.merchant.pk)
    page = Paginator(found, PAGE).get_page(request.GET.get("page"))
    rows = [
        {"row": row, "level": LEVELS[PriceChangeState(row.state)], "period": _period(request, row)}
        for row in page
    ]
    return render(request, "benefits/prices/changes.html", {"rows": rows, "page_obj": page})


def _period(request: StaffRequest, change: PriceChange) -> str:
    return period_text(change.from_at or change.applied_at, change.to_at, request.merchant.zone)


def _change_or_404(request: StaffRequest, public_id: str) -> PriceChange:
    change = price_table.change_of(merchant_id=request.merchant.pk, public_id=public_id)
    if change is None:
        raise Http404
    return change


@gates.staff(read=gates.READERS, write=gates.WRITERS, function="benefits")
def prices_changepage(request: StaffRequest, public_id: str) -> HttpResponse:
    """What a change does, price by price; POST applies it."""
    change = _change_or_404(request, public_id)
    refusal = ""
    if request.method == "POST":
        try:
            change = price_changes.apply(
                merchant_id=request.merchant.pk,
                public_id=public_id,
                at=timezone.now(),
                actor=Actor.person(request.user),
            )
        except Refusal as error:
            refusal = str(error.detail)
        else:
            messages.success(request, _("The prices are changed. They can be taken back on this page."))
            return redirect("benefits:prices_changepage", public_id=public_id)
    context = _shown(request, change) | {"refusal": refusal, "may_write": may_write(request)}
    return render(request, "benefits/prices/change.html", context, status=422 if refusal else 200)


def _findings(request: StaffRequest, change: PriceChange) -> list[dict[str, Any]]:
    """What the price guard found when the change was drafted, what blocks it first."""
    tiers = dict(audiences.tier_names(merchant_id=request.merchant.pk, at=timezone.now()))
    return [
        {
            "kind": FindingKind(kind).label,
            "is_blocked": is_blocked,
            "text": guard_words.sentence(kind, sku, numbers, request.merchant.currency, tiers),
        }
        for kind, sku, is_blocked, numbers in change.findings[:PAGE]
    ]


def _shown(request: StaffRequest, change: PriceChange) -> dict[str, Any]:
    at = timezone.now()
    columns, currency, zone = columns_of(request, at), request.merchant.currency, request.merchant.zone
    columns |= {column: str(words) for column, words in ITEM_WORDS.items()}
    skus = {row[0] for row in change.rows}
    then = max(change.from_at or change.applied_at or at, change.created_at)
    lists = price_table.lists_at(merchant_id=request.merchant.pk, skus=skus, at=then)
    found = price_table.differences(change, lists)
    page = Paginator(found, PAGE).get_page(request.GET.get("page"))
    return {
        "change": change,
        "level": LEVELS[PriceChangeState(change.state)],
        "period": _period(request, change),
        "skus": len(skus),
        "counts": {what: sum(each.what == what for each in found) for what in ("new", "changed", "gone")},
        "dearer": sum(each.is_dearer for each in found),
        "page_obj": page,
        "rows": [
            {
                "one": each,
                "column": columns.get(each.column, named(each.column)),
                "before": column_text(each.column, each.before, currency),
                "after": column_text(each.column, each.after, currency),
                "period": ""
                if not (each.from_at or each.to_at)
                else period_text(each.from_at, each.to_at, zone),
            }
            for each in page
        ],
        "findings": _findings(request, change),
        **rejects.table_of(change.rejects),
        "is_over": bool(change.to_at and change.to_at <= at),
    }


@gates.staff(read=gates.NOBODY, write=gates.WRITERS, function="benefits")
@require_POST
def prices_changeundo(request: StaffRequest, public_id: str) -> HttpResponse:
    """Have the prices be as before."""
    try:
        change = price_changes.undo(
            merchant_id=request.merchant.pk,
            public_id=public_id,
            at=timezone.now(),
            actor=Actor.person(request.user),
        )
    except NotFound:
        raise Http404 from None
    except Refusal as refusal:
        messages.error(request, str(refusal.detail))
    else:
        messages.success(request, _("The change is taken back: the prices of before count again."))
        if change.left:
            told = ngettext(
                "%(n)s SKU was changed again since and stays as it is.",
                "%(n)s SKUs were changed again since and stay as they are.",
                len(change.left),
            )
            messages.warning(request, told % {"n": points_text(len(change.left))})
    return redirect("benefits:prices_changepage", public_id=public_id)


@gates.staff(read=gates.NOBODY, write=gates.WRITERS, function="benefits")
@require_POST
def prices_changedrop(request: StaffRequest, public_id: str) -> HttpResponse:
    """Forget a change that was not applied."""
    try:
        price_changes.drop(merchant_id=request.merchant.pk, public_id=public_id)
    except NotFound:
        raise Http404 from None
    except Refusal as refusal:
        messages.error(request, str(refusal.detail))
        return redirect("benefits:prices_changepage", public_id=public_id)
    messages.info(request, _("The change was dropped. No price was changed."))
    return redirect("benefits:prices_table")
