"""Home: how the program stands, four figures against their targets, what to do next, the set-up guide until open."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from compliance.lib.calendar import platform_date
from compliance.lib.danger import stretches_in_force
from compliance.lib.state import State
from compliance.selectors import evidence
from compliance.selectors import glance as glances
from compliance.selectors.glance import Glance
from compliance.web import banner, cards, csv_files, cures
from compliance.web.banner import glance_of
from members.models import ProgramStatus
from members.selectors import kpis as figures
from members.selectors import members
from members.selectors.kpis import Kpis
from members.templatetags.charts import scaled
from members.templatetags.fmt import permille, points
from members.web import gates
from members.web.program import guide

RENEW_WITHIN = 30  # days before a clearance-free stretch ends in which Home proposes a successor
MARK = 666  # where a meter's target stands, per mille


@gates.staff(read=gates.EVERYONE)
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """The first page after signing in."""
    found = glance_of(request)
    assert found is not None  # a staff page has a merchant with its program
    context: dict[str, Any] = {"at": found.at, "card": cards.state_card(found), "guide": None, "figures": None}
    if found.state is State.DRAFT:
        context["guide"] = guide(
            found.program,
            found.at,
            has_benefit=glances.has_benefit(merchant_id=found.program.pk),
            benefit_url=reverse("benefits:benefits_new"),
        )
        context["may_open"] = request.staff.role in gates.MANAGERS
    elif request.staff.role in gates.READERS and found.state is not State.CLEARED:
        shown = figures.kpis(merchant=request.merchant, at=found.at)
        context |= {"figures": figure_cards(shown), "share": share_points(shown), "goal": figures.GMV_GOAL}
    context["todos"] = todos(request, found, card=context["card"])
    context |= cures.drawer(request, found)
    return render(request, "compliance/home/page.html", context)


@gates.staff(read=gates.READERS, function="members")
@require_safe
def share_csv(request: HttpRequest) -> HttpResponse:
    """The chart of Home as a file: members' share of net sales of the 30 days up to each day."""
    shown = figures.kpis(merchant=request.merchant, at=timezone.now()).share
    rows = (
        (day.isoformat(), "" if value is None else scaled(value, 10))
        for day, value in zip(shown.days, shown.series, strict=True)
    )
    return csv_files.answer("member-gmv-share.csv", [_("Day"), _("Member GMV share, %")], rows)


# ---- the four figures ---------------------------------------------------------------------------------------------


def figure_cards(shown: Kpis) -> list[dict[str, Any]]:
    """The four figures as the arguments of `{% kpi %}`."""
    return [_members(shown), _recruits(shown), _share(shown), _repurchase(shown)]


def _members(shown: Kpis) -> dict[str, Any]:
    row = shown.members
    note = ngettext("{n} joined in 30 days", "{n} joined in 30 days", row.joined)
    return {
        "label": _("Members"),
        "value": points(row.total),
        "unit": ngettext("person", "people", row.total),
        "note": note.format(n=points(row.joined)),
        "values": row.series if row.total else None,
        "explain": _("Everybody who joined and is a member now, whatever the channel; a person counts once."),
    }


def _recruits(shown: Kpis) -> dict[str, Any]:
    row = shown.recruits
    missing = row.missing
    note = _("Target reached") if not missing else _("{n} short").format(n=scaled(missing, 10))
    return {
        "label": _("Recruits a day"),
        "window": _("7 days"),
        "value": scaled(row.tenths, 10),
        "unit": _("a day"),
        "note": note,
        "note_level": "warn" if missing else "ok",
        "target": _("Target {n}").format(n=scaled(row.goal, 10)),
        "level": row.tenths * MARK // row.goal,
        "mark": MARK,
        "values": row.series if any(row.series) else None,
        "goal": row.goal,
        "explain": _("New members a day, the mean of the last seven merchant days."),
    }


def _share(shown: Kpis) -> dict[str, Any]:
    row = shown.share
    target = _("Target {n}").format(n=permille(row.goal))
    card = {
        "label": _("Member GMV share"),
        "window": _("30 days"),
        "value": "--" if row.permille is None else scaled(row.permille, 10),
        "unit": "" if row.permille is None else "%",
        "target": target,
        "explain": _("Net sales to members as a part of all net sales; who was a member when they paid counts."),
    }
    if row.permille is None:
        return card | {"note": _("No sales in 30 days")}
    above = row.permille - row.goal
    text = _("{n} points above") if above >= 0 else _("{n} points short")
    return card | {
        "note": text.format(n=scaled(abs(above), 10)),
        "note_level": "ok" if above >= 0 else "warn",
        "level": row.permille * 500 // row.goal,
        "mark": 500,
        "values": row.series[-30:],
        "goal": row.goal,
    }


def _repurchase(shown: Kpis) -> dict[str, Any]:
    row = shown.repurchase
    card = {
        "label": _("Repurchase"),
        "window": _("90 days"),
        "value": "--" if row.permille is None else scaled(row.permille, 10),
        "unit": "" if row.permille is None else "%",
        "explain": _("Members with two orders or more of all members who bought, in 90 days."),
    }
    if row.permille is None:
        return card | {"note": _("No member bought in 90 days")}
    others = row.others_permille
    better = others is not None and row.permille >= others
    return card | {
        "note": _("Others: {rate}").format(rate=permille(others)),
        "note_level": "ok" if better else "",
        "level": row.permille,
        "mark": others,
        "values": row.series,
    }


def share_points(shown: Kpis) -> list[tuple[str, int | None]]:
    """The chart's points: day and share per mille."""
    days = zip(shown.share.days, shown.share.series, strict=True)
    return [(cards.short(day), value) for day, value in days]


# ---- what to do next ----------------------------------------------------------------------------------------------


def todos(request: HttpRequest, found: Glance, *, card: dict[str, Any]) -> list[dict[str, str]]:
    """The next steps, the most urgent first; each is a fact that a step of this person changes."""
    role, at = request.staff.role, found.at
    listed: list[dict[str, str]] = []
    if found.state is State.CLEARED:
        listed.append(_todo(_("See why the program was closed"), _("With the evidence and what you can still do."),
                            reverse("compliance:status"), _("See why"), "now"))  # fmt: skip
    facts = found.facts
    if facts is None or found.program.status != ProgramStatus.OPEN:
        return listed
    may_cure = banner.can_cure(found, role)
    run = found.run
    if may_cure and found.state in banner.CURABLE and not facts.assessment.in_force:
        note = _("Three ready choices, one confirmation") if run is None else _(
            "Before {date}; three ready choices").format(date=f"{cards.near(run.on, at)} 23:00")  # fmt: skip
        level = "now" if found.is_threatened else ""
        listed.append(
            _todo(_("Publish one qualifying benefit"), note, "#cure", _("Choose"), level)
        )
    ends_at = cover_ends(found)
    if may_cure and ends_at is not None and facts.assessment.in_force:
        note = _("From then nothing counts any more unless a successor is live.")
        title = _("The last qualifying benefit ends on {date}").format(date=cards.near(platform_date(ends_at), at))
        listed.append(_todo(title, note, "#cure", _("Renew"), "now"))
    if role in gates.WRITERS:
        lines = evidence.lines(facts=facts, at=at, until=platform_date(at))
        paper = [line for line in lines if line.reason in ("stock", "audience", "worth")]
        if paper:
            n = len(paper)
            title = ngettext("{n} live benefit that nobody can use", "{n} live benefits that nobody can use", n)
            listed.append(
                _todo(title.format(n=n), _("They do not count until somebody can."),
                      reverse("compliance:status") + "#why", _("See which"), "")  # fmt: skip
            )
        if not members.count(merchant_id=found.program.pk):
            listed.append(
                _todo(_("Bring in the first member"), _("Nobody has joined yet."),
                      reverse("members:members_list"), _("See how"), "")  # fmt: skip
            )
    return listed


def _todo(title: str, text: str, url: str, label: str, level: str) -> dict[str, str]:
    return {"title": title, "text": text, "url": url, "label": label, "level": level}


def cover_ends(found: Glance) -> dt.datetime | None:
    """When the cover that runs now ends, if that is within the coming weeks; None when it goes on."""
    facts = found.facts
    if facts is None:
        return None
    for stretch in stretches_in_force(facts.coverages, facts.policy):
        if stretch.holds(found.at) and stretch.end is not None:
            return stretch.end if stretch.end - found.at <= dt.timedelta(days=RENEW_WITHIN) else None
    return None
