"""The lifecycle of members, who is about to leave, and the grid of recency, frequency and money (domain.md 10)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from members.lib import lifecycle as rule
from members.lib import rfm as scores
from members.lib.lifecycle import STAGES
from members.selectors import lifecycle, rfm
from members.selectors import segments as segments_of
from members.web import gates
from members.web.forms import asked
from members.web.request import StaffRequest
from members.web.segment_words import STAGE_NOTES, STAGE_WORDS
from members.web.segments import PER_PAGE, people, shop_of, tabs


class Counted(Sequence[int]):
    """Ids of which the number is known and a page is fetched when it is asked for."""

    def __init__(self, total: int, fetch: Any) -> None:
        self.total, self.fetch = total, fetch

    def __len__(self) -> int:
        return self.total

    def __getitem__(self, part: Any) -> Any:
        start, stop = part.start or 0, part.stop
        return self.fetch(limit=stop - start, offset=start)


@gates.staff(function="members")
@require_safe
def segments_lifecycle(request: StaffRequest) -> HttpResponse:
    """Members by stage, those of one stage, and those whose rhythm broke."""
    at = timezone.now()
    about: dict[str, Any] = {"merchant": request.merchant, "at": at}
    found = lifecycle.stages(**about)
    counts = {code: each.members for code, each in found.items()}
    total = sum(counts.values())
    program = lifecycle.program_rhythm(**about)
    stage = asked(request, "stage")
    context = {
        "stages": [
            {
                "code": code,
                "label": STAGE_WORDS[code],
                "note": STAGE_NOTES[code],
                "count": counts[code],
                "share": counts[code] * 1000 // total if total else 0,
                "current": code == stage,
            }
            for code in STAGES
        ],
        "total": total,
        "program": program,
        "rule": rule,
        "tabs": tabs("members:segments_lifecycle"),
        "may_write": request.staff.role in gates.WRITERS,
    }
    if stage in STAGES:
        which = {**about, "stage": stage, "known": found[stage]}
        shown = Counted(counts[stage], lambda **part: lifecycle.members_in(**which, **part))
        context |= {"stage": stage, "stage_label": STAGE_WORDS[stage], **_page(request, shown)}
    else:
        context |= _warned(request, about)
    return render(request, "members/segments/lifecycle.html", context)


def _page(request: StaffRequest, shown: Counted) -> dict[str, Any]:
    """A page of members known by their ids."""
    page = Paginator(shown, PER_PAGE).get_page(request.GET.get("page"))
    found = segments_of.in_order(merchant_id=request.merchant.pk, ids=list(page.object_list))
    return {"page_obj": page, "people": people(request, found, shop_of(request, timezone.now()))}


def _warned(request: StaffRequest, about: dict[str, Any]) -> dict[str, Any]:
    """A page of those who are about to leave, with the sentence that says why."""
    first = lifecycle.warnings(**about, limit=PER_PAGE)
    shown = Counted(first.total, lambda **part: lifecycle.warnings(**about, **part).rows)
    page = Paginator(shown, PER_PAGE).get_page(request.GET.get("page"))
    rows = list(page.object_list)
    found = segments_of.in_order(merchant_id=request.merchant.pk, ids=[row.member_id for row in rows])
    lines = {line["row"].member.pk: line for line in people(request, found, shop_of(request, timezone.now()))}
    return {
        "page_obj": page,
        "warned": [
            {
                **lines[row.member_id],
                "why": _("Usually buys every %(gap)s days, last %(quiet)s days ago")
                % {"gap": row.gap, "quiet": row.quiet},
                "last_day": row.last_day,
                "spend": row.spend_minor,
            }
            for row in rows
            if row.member_id in lines
        ],
    }


@gates.staff(function="members")
@require_safe
def segments_rfm(request: StaffRequest) -> HttpResponse:
    """Members by the fifths of recency and of orders or spend; a cell opens the members behind it."""
    at = timezone.now()
    axis = asked(request, "by") if asked(request, "by") in rfm.AXES else rfm.AXES[0]
    about: dict[str, Any] = {"merchant": request.merchant, "at": at, "axis": axis}
    grid = rfm.grid(**about)
    total, most = sum(grid.values()), max(grid.values(), default=0)
    chosen = (_score(asked(request, "recency")), _score(asked(request, "score")))
    context: dict[str, Any] = {
        "rows": [
            {
                "score": other,
                "cells": [
                    _cell(grid.get((recency, other), 0), most, recency, (recency, other) == chosen)
                    for recency in range(1, scores.SCORES + 1)
                ],
            }
            for other in range(scores.SCORES, 0, -1)
        ],
        "columns": range(1, scores.SCORES + 1),
        "axis": axis,
        "axes": [("frequency", _("Orders")), ("spend", _("Spend"))],
        "total": total,
        "window_days": scores.WINDOW_DAYS,
        "tabs": tabs("members:segments_rfm"),
    }
    if all(chosen):
        recency, other = chosen
        shown = Counted(
            grid.get(chosen, 0),
            lambda **part: rfm.members_in(**about, recency=recency, other=other, **part),
        )
        context |= {"chosen": chosen, **_page(request, shown)}
    return render(request, "members/segments/rfm.html", context)


def _cell(count: int, most: int, recency: int, current: bool) -> dict[str, Any]:
    """A cell and how dark it is: 0 for nobody, 5 for the fullest."""
    return {
        "count": count,
        "heat": -(-5 * count // most) if most else 0,
        "recency": recency,
        "current": current,
    }


def _score(text: str) -> int:
    """A score of an address; 0 for none."""
    return int(text) if text.isdecimal() and len(text) == 1 and 1 <= int(text) <= scores.SCORES else 0
