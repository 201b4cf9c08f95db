"""What the price guard found, with filters, and as a file (domain.md 7)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from benefits.models import FindingKind, PriceFinding
from benefits.selectors import audiences, guard_words, price_guard
from benefits.selectors.price_guard import FindingFilter
from benefits.web.benefits import reads
from members.web import csv_files
from members.web.forms import asked, midnight
from members.web.request import StaffRequest

PER_PAGE = 50
OUTCOMES = {"warned": gettext_lazy("Warned"), "blocked": gettext_lazy("Blocked")}
LEVELS = {
    "off": gettext_lazy("nothing"),
    "warn": gettext_lazy("a warning"),
    "block": gettext_lazy("blocked"),
}


class FindingsForm(forms.Form):
    """Filters that live in the address."""

    kind = forms.ChoiceField(
        label=gettext_lazy("Finding"),
        required=False,
        choices=[("", gettext_lazy("All findings")), *FindingKind.choices],
    )
    outcome = forms.ChoiceField(
        label=gettext_lazy("What followed"),
        required=False,
        choices=[("", gettext_lazy("Warned and blocked")), *OUTCOMES.items()],
    )
    date_from = forms.DateField(label=gettext_lazy("From"), required=False)
    date_to = forms.DateField(label=gettext_lazy("To, this day included"), required=False)


def _wanted(request: StaffRequest, form: FindingsForm) -> FindingFilter:
    chosen = form.cleaned_data if form.is_valid() else {}
    outcome = chosen.get("outcome", "")
    zone = request.merchant.zone
    return FindingFilter(
        kind=chosen.get("kind", ""),
        search=asked(request, most=64),
        is_blocked=None if not outcome else outcome == "blocked",
        from_at=midnight(chosen.get("date_from"), zone),
        to_at=midnight(chosen.get("date_to"), zone, after=True),
    )


@reads
@require_safe
def findings_list(request: StaffRequest) -> HttpResponse:
    """The findings, newest first, with their numbers; and what the platform does about each kind."""
    at, merchant = timezone.now(), request.merchant
    form = FindingsForm(request.GET or None)
    found = price_guard.listed(merchant_id=merchant.pk, wanted=_wanted(request, form))
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    rules = price_guard.policy_at(at)
    tiers = dict(audiences.tier_names(merchant_id=merchant.pk, at=at))
    query = {name: value for name, value in request.GET.items() if name != "page" and value}
    context = {
        "filters": form,
        "q": asked(request, most=64),
        "page_obj": page,
        "rows": [
            {
                "row": row,
                "text": guard_words.sentence(row.kind, row.sku, row.numbers, merchant.currency, tiers),
            }
            for row in page
        ],
        "rules": rules,
        "levels": [(kind.label, LEVELS[rules.level(kind.value)]) for kind in FindingKind],
        "days": rules.days_in(merchant.timezone),
        "is_narrow": bool(query),
        "query": urlencode(query),
    }
    return render(request, "benefits/findings/list.html", context)


@reads
@require_safe
def findings_csv(request: StaffRequest) -> HttpResponseBase:
    """The same as a file, with each number in a column of its own name."""
    merchant = request.merchant
    found = price_guard.listed(
        merchant_id=merchant.pk, wanted=_wanted(request, FindingsForm(request.GET or None))
    )
    head = [_("Time"), _("SKU"), _("Finding"), _("What followed"), _("In numbers"), _("Numbers"), _("Who")]
    return csv_files.answer_long("price-guard.csv", head, _lines(request, found.iterator(chunk_size=2_000)))


def _lines(request: StaffRequest, rows: Iterator[PriceFinding]) -> Iterator[list[Any]]:
    merchant = request.merchant
    tiers = dict(audiences.tier_names(merchant_id=merchant.pk, at=timezone.now()))
    for row in rows:
        yield [
            f"{row.at.astimezone(merchant.zone):%Y-%m-%d %H:%M:%S}",
            row.sku,
            str(FindingKind(row.kind).label),
            str(OUTCOMES["blocked" if row.is_blocked else "warned"]),
            guard_words.sentence(row.kind, row.sku, row.numbers, merchant.currency, tiers),
            "; ".join(f"{name}={value}" for name, value in sorted(row.numbers.items())),
            row.by_label,
        ]
