"""The catalogue: SKUs with product, stock and prices; as a file; and the history of one SKU (domain.md 7)."""

from __future__ import annotations

import datetime as dt
from typing import Any
from urllib.parse import urlencode

from babel.numbers import get_currency_precision
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from benefits.lib import price_sheets
from benefits.lib.price_edits import ITEMS, cell_text, column_text, from_json, named, value_of
from benefits.models import PriceChangeKind, PriceEntry
from benefits.selectors import audiences, catalogue, guard_words, price_guard, price_lists, price_table
from benefits.selectors.catalogue import CatalogueFilter, Shown
from benefits.selectors.quotes import prices_of
from benefits.web import sheets
from benefits.web.benefits import may_write, reads
from benefits.web.price_table import ITEM_WORDS, columns_of
from benefits.web.words import period_text
from members.web import csv_files
from members.web.forms import asked
from members.web.htmx import wants_piece
from members.web.request import StaffRequest

PER_PAGE = 50
OFFERED = 200
STATES = {
    "on_sale": _("On sale now"),
    "no_stock": _("Nothing in stock"),
    "no_price": _("Without a price"),
    "no_product": _("Without a product"),
}
SOURCES = {**dict(PriceChangeKind.choices), "undo": _("Taken back"), "rules": _("Price rules set")}


def _wanted(request: StaffRequest) -> CatalogueFilter:
    state = asked(request, "state", most=16)
    return CatalogueFilter(
        search=asked(request, most=80),
        product=asked(request, "product", most=160),
        state=state if state in STATES else "",
    )


@reads
@require_safe
def catalogue_list(request: StaffRequest) -> HttpResponse:
    """SKUs by SKU, fifty a page; the next page begins behind the last SKU of this one, however long the list is."""
    at, merchant = timezone.now(), request.merchant
    wanted, after = _wanted(request), asked(request, "after", most=64)
    found = catalogue.listed(merchant_id=merchant.pk, wanted=wanted, at=at)
    some = list((found.filter(sku__gt=after) if after else found)[: PER_PAGE + 1])
    rows = catalogue.shown(some[:PER_PAGE], merchant_id=merchant.pk, at=at)
    context: dict[str, Any] = {
        "rows": [_row(each, at, merchant.zone) for each in rows],
        "next_after": some[PER_PAGE - 1].sku if len(some) > PER_PAGE else "",
        "after": after,
        "wanted": wanted,
        "products": catalogue.products(merchant_id=merchant.pk, most=OFFERED),
        "states": STATES.items(),
        "query": urlencode(
            {
                k: v
                for k, v in (("q", wanted.search), ("product", wanted.product), ("state", wanted.state))
                if v
            }
        ),
        "may_write": may_write(request),
    }
    name = "_list" if wants_piece(request) else "list"
    return render(request, f"benefits/catalogue/{name}.html", context)


def _row(each: Shown, at: dt.datetime, zone: dt.tzinfo) -> dict[str, Any]:
    runs = each.now is not None and each.now.sale_minor is not None
    until = ""
    if each.sale_minor is not None and (each.sale_to is not None or not runs):
        until = period_text(None if runs else each.sale_from, each.sale_to, zone)
    return {
        "one": each,
        "floor_minor": value_of(prices_of(each.now), "floor") if each.now else None,
        "is_planned": each.sale_minor is not None and not runs,
        "until": until,
    }


@reads
@require_safe
def catalogue_export(request: StaffRequest, file_format: str) -> HttpResponseBase:
    """What the list shows, as CSV or as a sheet: the file that the import takes."""
    at, merchant = timezone.now(), request.merchant
    wanted = _wanted(request)
    found = catalogue.exported(merchant_id=merchant.pk, wanted=wanted, at=at)
    lines = (
        price_sheets.catalogue_line(
            prices_of(each.now) if each.now else None,
            catalogue.item_of(each.item),
            each.item.sku,
            (each.sale_minor, each.sale_from, each.sale_to) if each.sale_minor else (None, None, None),
            zone=merchant.zone,
            currency=merchant.currency,
        )
        for each in found
    )
    rows = 0
    if file_format == "xlsx":
        rows = catalogue.listed(merchant_id=merchant.pk, wanted=wanted, at=at).count()
    head = list(price_sheets.CATALOGUE)
    return sheets.answer(
        request, "catalogue", file_format, head, lines, rows=rows, back="benefits:catalogue_list"
    )


@reads
@require_safe
def prices_paid(request: StaffRequest) -> HttpResponseBase:
    """What everybody and each tier pays for every SKU of the price table now, as CSV."""
    at, merchant = timezone.now(), request.merchant
    tiers = audiences.tier_names(merchant_id=merchant.pk, at=at)
    found = price_lists.paid(
        merchant_id=merchant.pk,
        at=at,
        tiers=[code for code, _name in tiers],
        begins=asked(request, most=64),
    )
    head = ["sku", "list_price", "everybody", *(code for code, _name in tiers)]
    lines = (
        [sku, *(cell_text(amount, merchant.currency) for amount in (list_minor, public, *paid))]
        for sku, list_minor, public, paid in found
    )
    return csv_files.answer_long("prices-paid.csv", head, lines)


@reads
@require_safe
def prices_history(request: StaffRequest) -> HttpResponse:
    """One SKU through time: what everybody pays as a line, every stretch, and who changed what when."""
    at, merchant = timezone.now(), request.merchant
    sku = asked(request, "sku", most=64)
    columns, currency = columns_of(request, at), merchant.currency
    stretches = price_table.history(merchant_id=merchant.pk, sku=sku)
    before = asked(request, "before", most=19)
    found = catalogue.entries(merchant_id=merchant.pk, sku=sku)
    if before.isascii() and before.isdecimal():
        found = found.filter(id__lt=int(before) if int(before) < 2**63 else 2**63 - 1)
    some = list(found[: PER_PAGE + 1])
    basis = price_guard.bases(merchant_id=merchant.pk, skus=[sku], at=at).get(sku)
    rows = [
        {
            "row": row,
            "state": "coming" if row.from_at > at else "past" if row.to_at and row.to_at <= at else "now",
            "cells": [
                (words, text)
                for column, words in columns.items()
                if (text := cell_text(value_of(prices_of(row), column), currency))
            ],
        }
        for row in stretches
    ]
    item = catalogue.one(merchant_id=merchant.pk, sku=sku)
    context = {
        "sku": sku,
        "item": item,
        "rows": rows,
        "points": [
            (f"{row.from_at.astimezone(merchant.zone):%Y-%m-%d %H:%M}", prices_of(row).public_minor)
            for row in reversed(stretches)
        ],
        "scale": 10 ** get_currency_precision(currency),
        "basis": guard_words.basis(basis, currency) if basis else "",
        "entries": [_entry(request, each, columns) for each in some[:PER_PAGE]],
        "next_before": some[PER_PAGE - 1].pk if len(some) > PER_PAGE else "",
    }
    return render(request, "benefits/prices/history.html", context)


def _entry(request: StaffRequest, entry: PriceEntry, columns: dict[str, str]) -> dict[str, Any]:
    """An entry in words: each cell with what it was and became."""
    currency, zone = request.merchant.currency, request.merchant.zone
    cells = []
    for column, old, new, *times in entry.cells:
        words = str(ITEM_WORDS[column]) if column in ITEMS else columns.get(column, named(column))
        start, end = ((t and dt.datetime.fromisoformat(t)) for t in (times or (None, None)))
        cells.append(
            {
                "words": words,
                "before": column_text(column, from_json(old), currency),
                "after": column_text(column, from_json(new), currency),
                "period": period_text(start, end, zone) if start or end else "",
            }
        )
    return {"row": entry, "source": SOURCES.get(entry.source, entry.source), "cells": cells}
