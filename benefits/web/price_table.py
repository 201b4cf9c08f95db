"""The price table: products by prices and tiers, changed in place, as a file, and through time (domain.md 7)."""

from __future__ import annotations

import datetime as dt
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from benefits.lib import price_sheets
from benefits.lib.price_edits import (
    FAN,
    FLOOR,
    LIST,
    NAME,
    PRODUCT,
    SALE,
    STOCK,
    Edit,
    cell_text,
    parse_cell,
    plan_column,
    tier_column,
    value_of,
)
from benefits.models import PriceChangeKind
from benefits.selectors import audiences, guard_words, price_guard, price_table, subscriptions
from benefits.selectors.quotes import prices_of
from benefits.services import price_changes
from benefits.web import sheets
from benefits.web.benefits import may_write, reads
from benefits.web.fields import MomentField
from members.lib.refusals import Refusal
from members.services.audit import Actor
from members.web import gates
from members.web.forms import add_refusal, asked, one_line
from members.web.request import StaffRequest

PER_PAGE = 20
BLANK = 1  # rows for SKUs that are not there yet
COLUMN_WORDS = {
    LIST: gettext_lazy("List price"),
    SALE: gettext_lazy("Sale price"),
    FLOOR: gettext_lazy("Floor"),
    FAN: gettext_lazy("Fan price"),
}
ITEM_WORDS = {
    PRODUCT: gettext_lazy("Product"),
    NAME: gettext_lazy("Name"),
    STOCK: gettext_lazy("Stock"),
}


class PeriodForm(forms.Form):
    """From when until when a change counts, in the merchant's zone."""

    from_at = MomentField(
        label=gettext_lazy("Counts from"),
        required=False,
        help_text=gettext_lazy("Empty: as soon as you apply it."),
    )
    to_at = MomentField(
        label=gettext_lazy("Counts until"),
        required=False,
        last=True,
        help_text=gettext_lazy(
            "The last day, included. Then the prices of before count again. Empty: without an end."
        ),
    )

    def __init__(self, *args: Any, zone: dt.tzinfo, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("from_at", "to_at"):
            self.fields[name].zone = zone  # type: ignore[attr-defined]


def columns_of(request: StaffRequest, at: dt.datetime) -> dict[str, str]:
    """The columns of the table with their words: list, sale, floor, fan, each tier, lowest first, and each plan."""
    tiers = audiences.tier_names(merchant_id=request.merchant.pk, at=at)
    plain_words = {column: str(words) for column, words in COLUMN_WORDS.items()}
    plans = subscriptions.plan_names(merchant_id=request.merchant.pk)
    named = {plan_column(code): _("%(plan)s (plan)") % {"plan": name} for code, name in plans}
    return plain_words | {tier_column(code): name for code, name in tiers} | named


@gates.staff(read=gates.READERS, write=gates.WRITERS, function="benefits")
def prices_table(request: StaffRequest) -> HttpResponse:
    """The table, twenty SKUs a page; POST takes the changed cells to the page of differences."""
    at = timezone.now()
    columns = columns_of(request, at)
    begins = asked(request, most=64)
    found = price_table.at_instant(merchant_id=request.merchant.pk, at=at, begins=begins)
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    form = PeriodForm(request.POST or None, zone=request.merchant.zone)
    bases = price_guard.bases(merchant_id=request.merchant.pk, skus=[row.sku for row in page], at=at)
    rows = [_row(prices_of(row), columns, request.merchant.currency) for row in page]
    for row in rows:
        if found_basis := bases.get(row["sku"]):
            row["basis"] = guard_words.basis(found_basis, request.merchant.currency)
            row["is_honest"] = found_basis.is_honest
    rows += [_row(None, columns, request.merchant.currency) for _n in range(BLANK)]
    if request.method == "POST":
        edits, rows = _typed(request, form, columns)
        if form.is_valid():
            answer = _draft(request, form, edits, at)
            if answer is not None:
                return answer
    context = {
        "form": form,
        "columns": columns,
        "places": _places(columns),
        "rows": rows,
        "page_obj": page,
        "q": begins,
        "may_write": may_write(request),
        "is_empty": not page.paginator.count and not begins,
        "query": urlencode({"q": begins}) if begins else "",
    }
    return render(request, "benefits/prices/table.html", context, status=422 if form.errors else 200)


def _places(columns: dict[str, str]) -> str:
    """The columns by the places that cells are sent under."""
    return " ".join(columns)


def _row(prices: Any, columns: dict[str, str], currency: str) -> dict[str, Any]:
    """A SKU as its row of the form: in each cell what stands there and what stood there."""
    texts = {column: cell_text(value_of(prices, column), currency) for column in columns}
    return {
        "sku": prices.sku if prices else "",
        "is_new": prices is None,
        "cells": [
            {"column": column, "words": words, "text": texts[column], "was": texts[column], "wrong": False}
            for column, words in columns.items()
        ],
    }


def _typed(
    request: StaffRequest, form: PeriodForm, columns: dict[str, str]
) -> tuple[list[Edit], list[dict[str, Any]]]:
    """The cells that differ from what the page showed, and the rows as they were typed; errors are in the form."""
    edits, rows = [], []
    form.is_valid()
    if request.POST.get("columns", _places(columns)) != _places(columns):
        form.add_error(
            None, _("The tiers changed meanwhile, so cells may stand in other columns. Begin anew.")
        )
        return [], [_row(None, columns, request.merchant.currency)]
    for place in range(PER_PAGE + BLANK):
        sku = one_line(request.POST.get(f"sku-{place}", ""), most=65)
        is_new = request.POST.get(f"new-{place}") == "1"
        cells = []
        for number, (column, words) in enumerate(columns.items()):
            text = one_line(request.POST.get(f"c-{place}-{number}", ""), most=40)
            was = one_line(request.POST.get(f"w-{place}-{number}", ""), most=40)
            cell = {"column": column, "words": words, "text": text, "was": was, "wrong": False}
            cells.append(cell)
            if text == was:
                continue
            try:
                edits.append(Edit(sku, column, parse_cell(column, text, request.merchant.currency)))
            except ValueError as error:
                cell["wrong"] = True
                form.add_error(None, f"{sku} · {words}: {error}")
        if is_new and not sku and any(cell["text"] for cell in cells):
            form.add_error(None, _("The new row has prices and no SKU."))
        if sku or is_new:
            rows.append({"sku": sku, "is_new": is_new, "cells": cells})
    return edits, rows


def _draft(
    request: StaffRequest, form: PeriodForm, edits: list[Edit], at: dt.datetime
) -> HttpResponse | None:
    """The page of differences; None, with the refusal in the form."""
    try:
        change = price_changes.draft(
            merchant_id=request.merchant.pk,
            at=at,
            actor=Actor.person(request.user),
            kind=PriceChangeKind.TABLE,
            edits=edits,
            from_at=form.cleaned_data["from_at"],
            to_at=form.cleaned_data["to_at"],
        )
    except Refusal as refusal:
        add_refusal(form, refusal)
        return None
    return redirect("benefits:prices_changepage", public_id=change.public_id)


@reads
@require_safe
def prices_export(request: StaffRequest, file_format: str) -> HttpResponseBase:
    """The prices in force of the SKUs that the table shows, as CSV or as a sheet."""
    at = timezone.now()
    merchant = request.merchant
    tiers = [code for code, _name in audiences.tier_names(merchant_id=merchant.pk, at=at)]
    plans = [code for code, _name in subscriptions.plan_names(merchant_id=merchant.pk)]
    found = price_table.at_instant(merchant_id=merchant.pk, at=at, begins=asked(request, most=64))
    lines = (
        price_sheets.line(prices_of(row), tiers, merchant.currency, plans)
        for row in found.iterator(chunk_size=2_000)
    )
    rows = found.count() if file_format == "xlsx" else 0
    head = price_sheets.head(tiers, plans)
    return sheets.answer(request, "prices", file_format, head, lines, rows=rows, back="benefits:prices_table")
