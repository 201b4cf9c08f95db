"""What a change of the ladder would do, shown before it is saved: the page, and everyone who moves as CSV."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from members.models import Member
from members.selectors import members as members_selector
from members.selectors import rules as rules_of
from members.selectors import tier_lifts as lifts
from members.selectors import tier_simulation as selector
from members.selectors.tier_simulation import Flow, Simulation
from members.services.tier_rules import Draft
from members.web import csv_files, gates, tier_drafts
from members.web.request import StaffRequest

KINDS = {
    "rise": gettext_lazy("Rise at once"),
    "moved": gettext_lazy("Moved from a tier taken out"),
    "fall": gettext_lazy("Fall later"),
}
WHYS = {
    "change": gettext_lazy("Because of this change"),
    "anyway": gettext_lazy("With the present rules too"),
    "unless": gettext_lazy("With the present rules too, unless they buy again"),
}
ACTS = frozenset({"csrfmiddlewaretoken", "simulate", "save", "edit", "add", "remove"})

# What upper apps know of benefits by tier: (merchant id, instant) -> [(name, address, tier codes)].
BenefitsByTier = Callable[[int, dt.datetime], Sequence[tuple[str, str, Sequence[str]]]]
BENEFITS: list[BenefitsByTier] = []


def register(source: BenefitsByTier) -> None:
    """Have the simulator ask an upper app for benefits by tier."""
    if source not in BENEFITS:
        BENEFITS.append(source)


def word(flow: Flow) -> tuple[str, str]:
    """What happens and why, in words."""
    return str(KINDS[flow.kind]), str(WHYS.get(flow.why, ""))


def show(request: StaffRequest, draft: Draft, at: dt.datetime) -> HttpResponse:
    """The page of a draft that is in order; its form goes along hidden, to be saved or typed on."""
    result = Simulation()
    if not draft.changes_nothing:
        result = selector.simulate(merchant=request.merchant, at=at, proposal=draft.proposal)
    context = {
        "result": result,
        "summary": {kind: result.count(kind) for kind in ("rise", "moved", "fall", "kept", "stay")},
        "by_change": result.count("fall", "change"),
        "all_the_same": result.count("fall") - result.count("fall", "change"),
        "is_same": draft.changes_nothing,
        "changed": result.changed,
        "lift": next(iter(lifts.still_open(merchant_id=request.merchant.pk)), None),
        "first_fall": min(
            (f.first_on for f in result.flows if f.kind == "fall" and f.first_on), default=None
        ),
        "rows": [_row(flow, draft) for flow in result.moving],
        "months": _months(result),
        "month_names": [str(WHYS[why]) for why in WHYS],
        **_sankey(result, draft),
        **_cost(request, result, draft, at),
        "benefits": _benefits(request, result, draft, at),
        "sample": _sample(request, result, draft),
        "moving": sum(flow.members for flow in result.moving),
        "hidden": [(name, value) for name, value in request.POST.items() if name not in ACTS],
        "is_open": request.program is not None and request.program.status == "open",
    }
    return render(request, "members/tiers/simulation.html", context)


def _row(flow: Flow, draft: Draft) -> dict[str, Any]:
    kind, why = word(flow)
    return {
        "flow": flow,
        "from": draft.names[flow.from_id],
        "to": draft.names[flow.to_id],
        "kind": kind,
        "why": why,
        "level": {"rise": "success", "fall": "warning"}.get(flow.kind, "neutral"),
    }


def _months(result: Simulation) -> list[tuple[str, list[int]]]:
    """Falls by month: a group of columns a month, one a reason."""
    months: dict[str, dict[str, int]] = {}
    for first, why, members in result.months:
        months.setdefault(f"{first:%Y-%m}", {})[why] = members
    return [(month, [counts.get(why, 0) for why in WHYS]) for month, counts in months.items()]


def _sankey(result: Simulation, draft: Draft) -> dict[str, Any]:
    """Flows from the ladder now to the ladder then, highest first; last the tiers that the present ladder has no more
    and that members still hold who wait for their turn."""
    old, new = draft.proposal.present, draft.proposal.proposed
    links: dict[tuple[str, str, str], int] = {}
    tones = {"rise": "up", "fall": "down"}
    for flow in result.flows:
        key = (draft.names[flow.from_id], draft.names[flow.to_id], tones.get(flow.kind, "same"))
        links[key] = links.get(key, 0) + flow.members
    lefts = [draft.names[tier.id] for tier in reversed(old.ladder)]
    return {
        "links": [(start, end, count, tone) for (start, end, tone), count in links.items()],
        "lefts": list(dict.fromkeys([*lefts, *(start for start, _end, _tone in links)])),
        "rights": [draft.names[tier.id] for tier in reversed(new.ladder)],
    }


def _cost(request: StaffRequest, result: Simulation, draft: Draft, at: dt.datetime) -> dict[str, Any]:
    """Points a year by the multipliers of the point rules, and what welcomes bring; in money where that is set."""
    version = rules_of.version_at(merchant_id=request.merchant.pk, at=at)
    multipliers = rules_of.point_rules(version).tier_multipliers if version else {}
    cost = version.point_cost if version else None
    points = [selector.points_a_year(each, multipliers) for each in result.differences]
    more, less = sum(n for n in points if n > 0), sum(n for n in points if n < 0)
    welcome = sum(f.members * draft.welcomes.get(f.to_id, 0) for f in result.moving if f.kind == "rise")
    lines = [
        (_("Points a year, for who comes higher than without the change"), more),
        (_("Points a year, for who comes lower than without the change"), less),
        (_("Points of welcomes, once"), welcome),
    ]
    return {
        "costs": [(label, number, _worth(number, cost)) for label, number in lines],
        "has_cost": cost is not None,
    }


def _worth(points: int, cost: Decimal | None) -> int | None:
    return None if cost is None else int((points * cost).to_integral_value())


def _benefits(
    request: StaffRequest, result: Simulation, draft: Draft, at: dt.datetime
) -> list[dict[str, Any]]:
    """How many members more or fewer than without the change each benefit of certain tiers would have: at once, and
    when falls that the change brings or spares have happened."""
    codes = {
        tier.id: tier.code
        for rules in (draft.proposal.present, draft.proposal.proposed)
        for tier in rules.ladder
    }
    found = []
    for source in BENEFITS:
        for name, url, tiers in source(request.merchant.pk, at):
            change = {"now": 0, "later": 0}
            for flow in result.moving:
                before = codes.get(flow.from_id)  # None: of a tier that is gone already
                gained = (codes[flow.to_id] in tiers) - (before in tiers)
                change["now"] += gained * flow.members if flow.kind != "fall" else 0
            for each in result.differences:
                gained = (codes[each.becomes] in tiers) - (codes[each.without] in tiers)
                change["later"] += gained * each.members
            change["later"] -= change["now"]
            if any(change.values()):
                found.append({"name": name, "url": url, **change})
    return found


def _sample(request: StaffRequest, result: Simulation, draft: Draft) -> list[dict[str, Any]]:
    """The first who move, with their pages."""
    ids = [flow.member_id for flow in result.sample]
    people = Member.objects.of(request.merchant).in_bulk(ids)
    members = [people[flow.member_id] for flow in result.sample]
    rows = members_selector.rows_of(merchant=request.merchant, members=members)
    return [{"who": who, **_row(flow, draft)} for who, flow in zip(rows, result.sample, strict=True)]


@gates.staff(read=gates.READERS, write=gates.MANAGERS)
@require_http_methods(["GET", "HEAD", "POST"])
def tiers_simulation(request: StaffRequest) -> HttpResponseBase:
    """Everyone who would move by the rules of a form, as CSV; what is wrong with the form is said by its own page."""
    at = timezone.now()
    draft = tier_drafts.of_form(request, at) if request.method == "POST" else None
    if draft is None:
        return redirect("members:tiers_edit")
    head = [_("Member"), _("Customer page"), _("What happens"), _("Why"), _("From"), _("To"), _("Day")]
    rows = selector.listed(merchant=request.merchant, at=at, proposal=draft.proposal)
    return csv_files.answer_long("tier-simulation.csv", head, _lines(request, draft, rows))


def _lines(request: StaffRequest, draft: Draft, rows: Any) -> Any:
    kinds, whys = {k: str(v) for k, v in KINDS.items()}, {k: str(v) for k, v in WHYS.items()}
    for public_id, kind, why, held, to, day in rows:
        url = request.build_absolute_uri(reverse("members:members_page", args=[public_id]))
        yield (
            public_id,
            url,
            kinds[kind],
            whys.get(why, ""),
            draft.names[held],
            draft.names[to],
            day.isoformat(),
        )
