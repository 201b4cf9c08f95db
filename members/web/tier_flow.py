"""Tier flow: who rose and fell between two days, and why."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from members.lib.periods import merchant_day
from members.models import Tier
from members.selectors import members as members_selector
from members.selectors import rules as rules_of
from members.selectors import tier_flow as selector
from members.selectors.tier_flow import CAUSE_WORDS, CAUSES, Moves, Span
from members.web import csv_files, gates
from members.web.forms import midnight, within_years
from members.web.request import StaffRequest

PER_PAGE = 50
DAYS = 30  # shown when nobody asks for others
WAYS = {"up": gettext_lazy("Up"), "down": gettext_lazy("Down")}


class FlowFilters(forms.Form):
    """Days, cause and direction, in the address."""

    date_from = forms.DateField(label=gettext_lazy("From"), required=False)
    date_to = forms.DateField(label=gettext_lazy("To, this day included"), required=False)
    cause = forms.ChoiceField(
        label=gettext_lazy("Cause"),
        choices=[("", gettext_lazy("All causes")), *CAUSE_WORDS.items()],
        required=False,
    )
    way = forms.ChoiceField(
        label=gettext_lazy("Direction"),
        choices=[("", gettext_lazy("Up and down")), *WAYS.items()],
        required=False,
    )


@dataclass(slots=True)
class Asked:
    """What the address asks for."""

    form: FlowFilters
    span: Span
    first: dt.date
    last: dt.date
    cause: str
    way: str


def asked_of(request: StaffRequest) -> Asked:
    """The last thirty days where no days are named; of two days in the wrong order, the last alone."""
    zone = request.merchant.zone
    form = FlowFilters(request.GET or None)
    data = form.cleaned_data if form.is_valid() else getattr(form, "cleaned_data", {})
    last = within_years(data.get("date_to") or merchant_day(timezone.now(), zone))
    first = within_years(data.get("date_from") or last - dt.timedelta(days=DAYS - 1))
    first = min(first, last)
    if not form.is_bound:
        form = FlowFilters(initial={"date_from": first, "date_to": last})
    start, end = midnight(first, zone), midnight(last, zone, after=True)
    assert start is not None and end is not None
    return Asked(form, Span(start, end), first, last, data.get("cause", ""), data.get("way", ""))


@gates.staff(read=gates.READERS, function="members")
@require_GET
def tierflow_page(request: StaffRequest) -> HttpResponse:
    """The report by cause, the flow between the two days, and the moves, fifty a page."""
    asked = asked_of(request)
    merchant = request.merchant
    places = selector.places(merchant=merchant)
    names = {tier.pk: str(tier) for tier in Tier.objects.of(merchant.pk)}
    moved = selector.counts(merchant=merchant, span=asked.span, places=places)
    rows = selector.moves(
        merchant=merchant, span=asked.span, cause=asked.cause, pairs=selector.pairs(moved, asked.way)
    )
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    members = members_selector.rows_of(merchant=merchant, members=[move.member for move in page.object_list])
    context = {
        "asked": asked,
        "filters": asked.form,
        "causes": _report(moved),
        "ups": sum(each.count for each in moved if each.is_up),
        "downs": sum(each.count for each in moved if not each.is_up),
        "page_obj": page,
        "rows": [
            {
                "move": move,
                "who": who,
                "is_up": places.get(move.to_tier_id, 0) > places.get(move.from_tier_id or 0, -1),
                "cause": CAUSE_WORDS[move.cause],
            }
            for move, who in zip(page.object_list, members, strict=True)
        ],
        **_sankey(request, asked.span, places, names),
    }
    return render(request, "members/tier_flow/page.html", context)


def _report(moved: list[Moves]) -> list[tuple[str, Any, int, int]]:
    """(cause, its words, up, down) for every cause that moved somebody."""
    found = []
    for cause in CAUSES:
        up = sum(each.count for each in moved if each.cause == cause and each.is_up)
        down = sum(each.count for each in moved if each.cause == cause and not each.is_up)
        if up or down:
            found.append((cause, CAUSE_WORDS[cause], up, down))
    return found


def _sankey(
    request: StaffRequest, span: Span, places: dict[int, int], names: dict[int, str]
) -> dict[str, Any]:
    version = rules_of.version_at(merchant_id=request.merchant.pk, at=timezone.now())
    if version is None:
        return {"links": [], "lefts": [], "rights": []}
    base = version.ladder[0]["tier"]
    newcomer = _("Joined since")
    links = []
    for start, end, count in selector.tiers_at(merchant=request.merchant, span=span, base_tier_id=base):
        before, after = places.get(start or 0, 0), places.get(end, 0)
        tone = "same" if start is None or before == after else "up" if after > before else "down"
        links.append((names[start] if start else newcomer, names[end], count, tone))
    order = list(dict.fromkeys(names[pk] for pk in sorted(places, key=lambda pk: -places[pk])))
    return {"links": links, "lefts": [*order, newcomer], "rights": order}


@gates.staff(read=gates.READERS, function="members")
@require_GET
def tierflow_csv(request: StaffRequest) -> HttpResponseBase:
    """The moves that the page lists, all of them."""
    asked, merchant = asked_of(request), request.merchant
    rows = selector.asked_moves(merchant=merchant, span=asked.span, cause=asked.cause, way=asked.way)
    lines = (selector.move_line(merchant, move) for move in rows.iterator(chunk_size=2_000))
    return csv_files.answer_long("tier-moves.csv", selector.MOVE_HEAD, lines)
