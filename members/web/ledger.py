"""The points ledger of the shop: every entry with its balance and its why, as a page and as a file."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import FileResponse, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_safe

from members.models import EntryKind
from members.selectors import entry_words, ledger
from members.selectors import members as members_of
from members.selectors.ledger import LedgerFilter
from members.selectors.ledger_lines import CAUSE_WORDS, HEAD, lines
from members.templatetags.fmt import points as points_text
from members.web import csv_files, entry_acts, gates
from members.web.forms import asked, midnight
from members.web.htmx import wants_piece
from members.web.request import StaffRequest

MOST_LINES = 100_000  # of a file that is answered at once


class LedgerFilters(forms.Form):
    """Filters that live in the address; days are the merchant's."""

    kind = forms.ChoiceField(
        label=gettext_lazy("Kind"),
        choices=[("", gettext_lazy("All kinds")), *EntryKind.choices],
        required=False,
    )
    cause = forms.ChoiceField(
        label=gettext_lazy("Cause"),
        choices=[("", gettext_lazy("All causes")), *CAUSE_WORDS.items()],
        required=False,
    )
    date_from = forms.DateField(label=gettext_lazy("From"), required=False)
    date_to = forms.DateField(label=gettext_lazy("To, this day included"), required=False)


def wanted_of(request: StaffRequest) -> tuple[LedgerFilters, LedgerFilter, dict[str, str]]:
    """The filters as typed, as understood, and as an address."""
    filters = LedgerFilters(request.GET or None)
    filters.is_valid()
    chosen = filters.cleaned_data if filters.is_bound else {}
    text, zone = asked(request), request.merchant.zone
    wanted = LedgerFilter(
        kind=chosen.get("kind", ""),
        cause=chosen.get("cause", ""),
        search=text,
        from_at=midnight(chosen.get("date_from"), zone),
        to_at=midnight(chosen.get("date_to"), zone, after=True),
    )
    address = {"q": text, **{name: str(value) for name, value in chosen.items() if value}}
    return filters, wanted, {name: value for name, value in address.items() if value}


@gates.staff(read=gates.READERS)
@require_GET
def ledger_list(request: StaffRequest) -> HttpResponse:
    """The entries, fifty a page, one of them opened."""
    filters, wanted, address = wanted_of(request)
    rows = ledger.listed(merchant=request.merchant, wanted=wanted)
    is_dated = bool(wanted.from_at or wanted.to_at)
    found: Any = ledger.Newest(rows, at=timezone.now(), is_dated=is_dated)
    page = Paginator(found, ledger.PER_PAGE).get_page(request.GET.get("page"))
    shown = list(page.object_list)
    people = ledger.people(merchant=request.merchant, entries=shown)
    why, sentences = _opened(request)
    context = {
        "filters": filters,
        "q": wanted.search,
        "is_narrow": wanted.is_narrow,
        "page_obj": page,
        "rows": [
            {
                "entry": entry,
                "who": people[entry.member_id],
                "words": entry_words.describe(entry),
                "level": entry_words.CHIPS.get(entry.kind, "neutral"),
                "why": f"{entry.member.public_id}.{entry.sequence}",
                "is_open": why is not None
                and (why.entry.member_id, why.entry.sequence) == (entry.member_id, entry.sequence),
            }
            for entry in shown
        ],
        "why": why,
        "sentences": sentences,
        "csv_query": urlencode(address),
        "tabs": tabs(request, "members:ledger_list"),
    }
    if not wants_piece(request):
        return render(request, "members/ledger/list.html", context)
    response = render(request, "members/ledger/_list.html", context | {"is_piece": True})
    if "why" not in request.GET and "page" not in request.GET:
        query = f"?{urlencode(address)}" if address else ""
        response["HX-Push-Url"] = reverse("members:ledger_list") + query
    return response


def _opened(request: StaffRequest) -> Any:
    """The entry that `?why=<member>.<number>` asks for, in words."""
    public_id, _dot, number = asked(request, "why").partition(".")
    member = public_id and members_of.by_public_id(merchant_id=request.merchant.pk, public_id=public_id)
    if not member:
        return None, []
    return entry_words.opened(request.merchant, member.pk, entry_acts.number(number))


def tabs(request: StaffRequest, current: str) -> list[dict[str, Any]]:
    """The ledger's two pages, with how many proposals wait. One query."""
    waiting = ledger.proposals(merchant_id=request.merchant.pk).count()
    return [
        {
            "label": label,
            "url": reverse(route),
            "current": route == current,
            "count": count,
        }
        for route, label, count in (
            ("members:ledger_list", _("Entries"), None),
            ("members:ledger_proposals", _("Waiting for approval"), waiting),
        )
    ]


@gates.staff(read=gates.READERS)
@require_safe
def ledger_csv(request: StaffRequest) -> HttpResponse | FileResponse:
    """What is filtered, as a file, the oldest entry first; long ones are written in the background."""
    _filters, wanted, address = wanted_of(request)
    rows = ledger.listed(merchant=request.merchant, wanted=wanted)
    count = rows.order_by().count()
    if count > MOST_LINES:
        told = _(
            "These are %(n)s entries; more than %(most)s are written in the background. Begin the export below."
        )
        messages.warning(request, told % {"n": points_text(count), "most": points_text(MOST_LINES)})
        return redirect(f"{reverse('members:exports_newledger')}?{urlencode(address)}")
    oldest_first = rows.order_by(*ledger.OLDEST_FIRST).iterator(chunk_size=2_000)
    return csv_files.answer_long("points-ledger.csv", HEAD, lines(request.merchant, oldest_first))
