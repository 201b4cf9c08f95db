"""Evidence: every benefit with its exact stretches, and the decision of every run with what it rests on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from benefits.lib.kinds import label_of
from compliance.lib.calendar import PLATFORM_ZONE
from compliance.selectors import evidence as selectors
from compliance.selectors import hold_outs
from compliance.selectors.evidence import Judged, Line
from compliance.web import cards, status, words
from compliance.web.banner import glance_of
from members.web import csv_files, gates
from members.web.request import StaffRequest


@gates.staff(read=gates.READERS)
@require_safe
def evidence(request: StaffRequest) -> HttpResponse:
    """What was counted, exact to the minute, and what each run decided; reachable in every state."""
    found = glance_of(request)
    assert found is not None  # a staff page has a merchant with its program
    lines, held = _lines(request), hold_outs.reasons_of(request.merchant.pk)
    context = {
        "at": found.at,
        "chip": words.chip(found.state),
        "lines": [status.row(line, request) | {"stretches": stretches(line)} for line in lines],
        "judged": [judged_row(each, held) for each in selectors.judged(merchant_id=request.merchant.pk)],
    }
    return render(request, "compliance/evidence/page.html", context)


@gates.staff(read=gates.READERS)
@require_safe
def evidence_csv(request: StaffRequest) -> HttpResponse:
    """The same as a file: a row a stretch in force."""
    head = [
        _("Benefit"),
        _("Kind"),
        _("Counts"),
        _("Days counted"),
        _("Reason"),
        _("In force from"),
        _("until"),
    ]
    return csv_files.answer("compliance-evidence.csv", head, _csv_rows(_lines(request)))


def _lines(request: StaffRequest) -> list[Line]:
    found = glance_of(request)
    assert found is not None  # a staff page has a merchant with its program
    facts, at = status.facts_shown(found)
    if facts is None:
        return []
    return selectors.lines(facts=facts, at=at, until=cards.horizon(facts, at))


def _csv_rows(lines: list[Line]) -> Iterator[list[Any]]:
    for each in selectors.table(lines):
        line, span = each["line"], each["span"]
        bounds = ["", ""]
        if span is not None:
            bounds = [
                "" if bound is None else bound.astimezone(PLATFORM_ZONE).isoformat(timespec="seconds")
                for bound in span
            ]
        reason, note = words.reason_text(line)
        yield [
            line.benefit.name or label_of(line.kind),
            label_of(line.kind),
            _("yes") if line.counts else _("no"),
            line.days,
            f"{reason}. {note}",
            *bounds,
        ]


def stretches(line: Line) -> list[str]:
    """Each stretch in force by the platform's clock."""
    found = []
    for span in line.stretches:
        start = "" if span.start is None else words.on_platform(span.start)
        end = _("open end") if span.end is None else words.on_platform(span.end)
        found.append(_("{start} to {end}").format(start=start, end=end))
    return found


def judged_row(each: Judged, held: Mapping[str, str]) -> dict[str, Any]:
    """A decision in words. held: why the program was held out of runs, by their period."""
    row = each.decision
    level = {"cleared": "critical", "kept": "success", "deferred": "warning", "held": "info"}[row.outcome]
    return {
        "period": each.run.period,
        "run_at": words.on_platform(each.run.at),
        "outcome": row.get_outcome_display(),
        "level": level,
        "reason": row.get_reason_display(),
        "version": row.policy_id,
        "facts": _facts(each, held),
    }


def _facts(each: Judged, held: Mapping[str, str]) -> list[tuple[str, str]]:
    """What the decision rests on; what was not there is left out."""
    row, days = each.decision, each.uncovered_days
    known = [
        (_("Days without a qualifying benefit"), None if days is None else str(days)),
        (_("Rule fails from"), None if row.danger_at is None else words.on_platform(row.danger_at)),
        (_("Old enough from"), row.old_enough_on.isoformat() if row.reason == "too_young" else None),
        (_("Exempt until"), None if row.exempt_until is None else words.on_platform(row.exempt_until)),
        (
            _("Protected until"),
            None if row.protected_until is None else words.on_platform(row.protected_until),
        ),
        (_("Warned in time"), None if row.notice_at is None else words.on_platform(row.notice_at)),
        (_("Held out of this run"), held.get(each.run.period) if row.held_out_at else None),
        (_("Last warned"), None if row.last_warned_at is None else words.on_platform(row.last_warned_at)),
    ]
    return [(label, value) for label, value in known if value is not None]
