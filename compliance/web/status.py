"""Compliance status: both dates, the rule in plain words, the strip with its lanes, why each benefit counts or not."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from benefits.lib.kinds import label_of
from benefits.web import words as benefit_words
from compliance.lib.policy import PLATFORM_POLICY, PolicyVersion
from compliance.lib.state import State
from compliance.selectors import evidence, notices, policies, tonight
from compliance.selectors import standing as standings
from compliance.selectors.evidence import Line
from compliance.selectors.facts import Facts
from compliance.selectors.glance import Glance
from compliance.services import life
from compliance.web import cards, offers, words
from compliance.web.banner import appeal_until, glance_of
from compliance.web.notices import channel_rows
from members.lib.refusals import Conflict
from members.models import ProgramStatus
from members.web import gates
from members.web.request import StaffRequest

OLD = 3  # benefits that were over before, shown where there is no other


@gates.staff(read=gates.READERS)
@require_safe
def status(request: StaffRequest) -> HttpResponse:
    """Reachable in every state, a cleared program's too."""
    found = glance_of(request)
    assert found is not None  # a staff page has a merchant with its program
    return render(request, "compliance/status/page.html", context(request, found))


def context(request: StaffRequest, found: Glance) -> dict[str, Any]:
    """The page: its body and the drawer."""
    return body(request, found) | offers.drawer(request, found) | {"page": "status"}


def body(request: StaffRequest, found: Glance) -> dict[str, Any]:
    """What changes when a benefit is published."""
    facts, at = facts_shown(found)
    version = _version(found, facts)
    shown: dict[str, Any] = {
        "at": found.at,
        "chip": words.chip(found.state),
        "countdown": cards.countdown(found),
        "state": str(found.state),
        "rule": words.rule_text(version.policy),
        "rule_facts": words.rule_facts(version),
        "version": version.number,
        "evidence": None,
        "exemption": found.exemption,
        "may_export": request.staff.role in gates.READERS,
    }
    if facts is not None:
        until = cards.horizon(facts, at) if not found.is_cleared else cards.platform_date(at)
        lines = evidence.lines(facts=facts, at=at, until=until)
        recent = [line for line in lines if not line.is_old] or lines[-OLD:]
        shown |= {
            "coverage": cards.coverage(facts, at, until=until),
            "lanes": cards.lanes(recent, lambda line: benefit_url(line, request)),
            "evidence": [row(line, request) for line in recent],
            "counted": sum(line.counts for line in recent),
            "older": len(lines) - len(recent),
        }
        if not found.is_cleared:
            shown["tonight"] = words.tonight_text(tonight.of_program(facts), facts)
        if found.state is State.OPEN:
            shown["sentence"] = cards.good_standing(found, evidence.qualifying(lines))
    return shown | _receipts(found) | _closed(request, found)


def facts_shown(found: Glance) -> tuple[Facts | None, Any]:
    """The facts that the page explains and their instant: a cleared program's as they were at the run."""
    closed_at = found.program.closed_at
    if found.is_cleared and closed_at is not None:
        return standings.find(merchant_id=found.program.pk, at=closed_at), closed_at
    return found.facts, found.at


def _version(found: Glance, facts: Facts | None) -> PolicyVersion:
    """The policy version that the page explains."""
    if facts is not None:
        return facts.ground.history.at(facts.at)
    try:
        return policies.current(at=found.at)
    except Conflict:  # not installed yet: the policy that it will begin with
        return PolicyVersion(number=1, effective_from=found.at, policy=PLATFORM_POLICY)


def benefit_url(line: Line, request: StaffRequest) -> str:
    """The benefit's own page; none for who may not read it, or while a clearance locks it."""
    program = request.program
    if request.staff.role not in gates.READERS or (program and program.status == ProgramStatus.CLEARED):
        return ""
    return reverse("benefits:benefits_detail", args=[line.benefit.public_id])


def row(line: Line, request: StaffRequest) -> dict[str, Any]:
    """A line of the evidence in words."""
    title, note = words.reason_text(line)
    benefit = line.benefit
    from_at = benefit.from_at or benefit.published_at
    return {
        "url": benefit_url(line, request),
        "name": benefit.name or label_of(line.kind),
        "kind": label_of(line.kind),
        "counts": line.counts,
        "period": benefit_words.period_text(from_at, benefit.to_at, request.merchant.zone),
        "reason": title,
        "note": note,
        "days": line.days,
    }


def _receipts(found: Glance) -> dict[str, Any]:
    """The latest notice with its receipts, and when the next one is due."""
    latest = notices.history(merchant_id=found.program.pk, limit=1)
    coming = cards.next_warning(found)
    shown: dict[str, Any] = {"notice": None, "receipts": [], "next_warning": None}
    if latest:
        shown |= {"notice": latest[0].notice, "receipts": channel_rows(latest[0])}
    if coming is not None:
        shown["next_warning"] = {"on": coming[0], "days": coming[1]}
    return shown


def _closed(request: StaffRequest, found: Glance) -> dict[str, Any]:
    """What a closed or cleared program can still do."""
    if not found.is_cleared:
        return {"cleared": None}
    reopens_at = life.reopens_at(found.program, at=found.at)
    waited = reopens_at is not None and reopens_at <= found.at
    return {
        "cleared": {
            "until": None if found.appeal else appeal_until(found),
            "appeal": found.appeal,
            "can_appeal": request.staff.role in gates.MANAGERS,
            "may_read": request.staff.role in gates.READERS,
            "reopens_at": reopens_at,
            "can_reopen": waited and request.staff.role in gates.MANAGERS,
            "keeps": [
                _("Orders keep arriving and are stored; they earn nothing."),
                _("Members, tiers and points are kept as they are; nothing expires."),
                _("What members paid for with money or points stays redeemable."),
            ],
        }
    }
