"""The workbench: what waits for the platform's admins, and when clearance runs next."""

from __future__ import annotations

import datetime as dt
from contextlib import suppress
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from compliance.admin.progress import bar
from compliance.admin.words import COUNTED, preview_chip, run_chip
from compliance.lib.calendar import PLATFORM_ZONE, platform_date
from compliance.lib.runs import Run
from compliance.models import Appeal, Decision, Notice, Policy, Purpose
from compliance.models import Run as RunRow
from compliance.selectors import run_reports, workbench
from compliance.selectors.workbench import Workbench
from compliance.services import decision_nights, previews
from members.admin import ledger_proofs, tier_audits
from members.admin.base import actor, address, chip, day, link, listing, number, when
from members.lib.refusals import Conflict
from members.models import JobTick, OutboxRow, PlatformAuditRow, Program
from members.web import audit_words
from members.web.htmx import wants_piece

HOURS_ONLY = dt.timedelta(hours=72)
TONIGHT_LEVELS = {"cleared": "critical", "deferred": "warning", "held": "info", "kept": "success"}


def left_until(at: dt.datetime, now: dt.datetime) -> str:
    """Days, then hours under 72 hours, rounded down."""
    left = at - now
    if left < HOURS_ONLY:
        hours = max(int(left.total_seconds()) // 3600, 0)
        return ngettext("%(n)s hour from now", "%(n)s hours from now", hours) % {"n": hours}
    days = (platform_date(at) - platform_date(now)).days
    return ngettext("%(n)s day from now", "%(n)s days from now", days) % {"n": days}


def context(request: HttpRequest) -> dict[str, Any]:
    """What the workbench's template shows."""
    at = timezone.now()
    try:
        found = workbench.find(at=at)
    except Conflict as refusal:
        return {"not_installed": refusal.detail}
    return {
        **ledger_proofs.alarm(),
        **tier_audits.alarm(),
        **_replay_alarm(),
        "bench": found,
        "queues": _queues(found),
        "next_run": _next(found),
        "coming": [_coming(run, at) for run in found.runs],
        "waiting": [(address(RunRow, row.pk), row, run_chip(row)) for row in found.waiting],
        **tonight_piece(at),
        "acts": [
            (
                when(row.at),
                row.actor_label,
                audit_words.label(row.action),
                subject(row),
            )
            for row in found.acts
        ],
        "acts_url": listing(PlatformAuditRow),
        "policy_url": address(Policy, found.version.number),
        "runs_url": listing(RunRow),
        "may_run": request.user.has_perm("compliance.change_run"),
    }


def _replay_alarm() -> dict[str, Any]:
    """What the workbench warns of: the latest night's replay of decisions, when something differed in it. One query."""
    row = decision_nights.alarming()
    if row is None:
        return {}
    report = row.report or {}
    many = report["mismatches"]
    text = ngettext(
        "%(n)s decision differs from its replay (night of %(night)s).",
        "%(n)s decisions differ from their replay (night of %(night)s).",
        many,
    )
    first = report["listed"][0]
    found = Decision.objects.filter(run__period=first["period"], merchant_id=first["merchant_id"]).first()
    return {
        "replay_alarm": text % {"n": number(many), "night": day(platform_date(row.due_at))},
        "replay_alarm_url": "" if found is None else address(Decision, found.pk),
    }


def _queues(found: Workbench) -> list[dict[str, Any]]:
    """One tile a queue: its name, how many, where to, and whether somebody should look."""
    last = found.last_run
    deferred = 0 if last is None else last.deferred
    to_deferred = "" if last is None else listing(Decision, run__id__exact=last.pk, outcome__exact="deferred")
    return [
        _tile(_("Programs at risk"), found.at_risk, listing(Program, state="at_risk"), "warning"),
        _tile(
            _("Programs in final notice"),
            found.final_notice,
            listing(Program, state="final_notice"),
            "critical",
        ),
        _tile(
            _("Appeals to decide"),
            found.appeals,
            listing(Appeal),
            "critical" if found.overdue != 0 else "info",
            _overdue(found),
        ),
        _tile(_("Deferred by the last run"), deferred, to_deferred or listing(Decision), "info"),
        _tile(
            _("Warnings not e-mailed yet"), found.undelivered, listing(OutboxRow), "warning", _failed(found)
        ),
        _tile(_("Jobs not done"), found.ticks, listing(JobTick, state="open"), "warning"),
        _tile(_("Runs that wait or are under way"), len(found.waiting), listing(RunRow), "critical"),
    ]


def _overdue(found: Workbench) -> str:
    if found.overdue == 0:
        return ""
    many = _("over %(n)s") % {"n": number(workbench.COUNTED)}
    n = workbench.COUNTED if found.overdue is None else found.overdue
    shown = many if found.overdue is None else number(found.overdue)
    return ngettext("%(n)s overdue", "%(n)s overdue", n) % {"n": shown}


def _failed(found: Workbench) -> str:
    if not found.failed:
        return ""
    text = ngettext("%(n)s failed at least once", "%(n)s failed at least once", found.failed)
    return text % {"n": number(found.failed)}


def _tile(label: str, count: int | None, url: str, level: str, note: str = "") -> dict[str, Any]:
    shown = _("over %(n)s") % {"n": number(workbench.COUNTED)} if count is None else number(count)
    return {
        "label": label,
        "count": shown,
        "url": url,
        "level": level if count != 0 else "quiet",
        "note": note,
    }


def _next(found: Workbench) -> dict[str, Any] | None:
    if found.next_run is None:
        return None
    run = found.next_run
    many = _("over %(n)s") % {"n": number(workbench.COUNTED)}
    return {
        **_coming(run, found.at),
        "threatened": many if found.threatened is None else number(found.threatened),
        "notices_url": listing(Notice, for_run_on__exact=run.on.isoformat()),
    }


def _coming(run: Run, now: dt.datetime) -> dict[str, Any]:
    return {
        "period": run.period,
        "at": run.at.astimezone(PLATFORM_ZONE).strftime("%Y-%m-%d %H:%M"),
        "left": left_until(run.at, now),
        "policy": link(address(Policy, run.version.number), run.version.number),
    }


def tonight_piece(at: dt.datetime) -> dict[str, Any]:
    """What a run tonight would decide. On a small platform it is counted with the page, else by a worker when asked."""
    if run_reports.programs_estimate() <= workbench.SMALL:
        return {"tonight": _chips(workbench.tonight(at=at))}
    found = workbench.counted_tonight(at=at)
    if found is None or not found.is_open:
        is_there = found is not None and found.is_done
        return {
            "tonight": _chips(found.counts) if found and is_there else None,
            "tonight_at": when(found.done_at) if found and is_there else "",
            "tonight_failed": found.get_failure_display() if found else "",
            "may_count": True,
        }
    return bar(
        run_reports.preview_progress(found),
        is_moving=True,
        url=reverse("admin:tonight"),
        chip=preview_chip(found),
        goes_on=_("You can close this page: the work goes on."),
    )


def _chips(counts: dict[str, int]) -> list[tuple[Any, str]]:
    return [
        (chip(TONIGHT_LEVELS.get(name, "neutral"), COUNTED[name]), number(count))
        for name, count in counts.items()
    ]


def tonight(request: HttpRequest) -> HttpResponse:
    """Have a run tonight counted (POST), or the piece of the workbench that shows how far that is."""
    at, home = timezone.now(), HttpResponseRedirect(reverse("admin:index"))
    if request.method == "POST":
        with suppress(Conflict):  # not installed yet: the workbench says so
            run = workbench.run_tonight(at=at)
            previews.ask(run=run, at=at, actor=actor(request), purpose=Purpose.TONIGHT)
        return home
    if not wants_piece(request):
        return home
    return render(request, "admin/platform/_tonight.html", tonight_piece(at))


SUBJECTS = {
    "run": gettext_lazy("Run %(id)s"),
    "policy": gettext_lazy("Policy version %(id)s"),
    "grade_policy": gettext_lazy("Policy of grades, version %(id)s"),
    "guard_policy": gettext_lazy("Policy of the price guard, version %(id)s"),
    "policy_draft": gettext_lazy("Policy draft"),
}


def subject(row: PlatformAuditRow) -> str:
    """What something was done to, in words; a person by name."""
    named = (row.after or {}).get("name") if row.subject_kind == "user" else None
    words = SUBJECTS.get(row.subject_kind)
    return str(named or (words % {"id": row.subject_id} if words else f"{row.subject_kind} {row.subject_id}"))


WORDS = {
    "policy.published": gettext_lazy("Policy published"),
    "grade_policy.published": gettext_lazy("Policy of grades published"),
    "guard_policy.published": gettext_lazy("Policy of the price guard published"),
    "policy.drafted": gettext_lazy("Policy draft opened for comments"),
    "policy.draft_withdrawn": gettext_lazy("Policy draft withdrawn"),
    "run.stopped": gettext_lazy("Run stopped"),
    "run.held_out": gettext_lazy("Programs held out of a run"),
    "run.let_in": gettext_lazy("Programs let into a run again"),
    "run.checked": gettext_lazy("Report's hash checked"),
    "run.preview_stopped": gettext_lazy("Preview stopped"),
    "run.started": gettext_lazy("Run started"),
    "run.braked": gettext_lazy("Run stopped by the brake"),
    "run.approved": gettext_lazy("Run approved"),
    "run.paused": gettext_lazy("Run paused"),
    "run.resumed": gettext_lazy("Run resumed"),
    "run.previewed": gettext_lazy("Run previewed"),
    "run.done": gettext_lazy("Run done"),
    "run.undone": gettext_lazy("Clearings undone"),
    "admin.created": gettext_lazy("Platform admin made"),
    "admin.granted": gettext_lazy("Admin right given"),
    "admin.withdrawn": gettext_lazy("Admin right taken"),
    "user.shut_out": gettext_lazy("Person shut out"),
    "user.let_in": gettext_lazy("Person let in again"),
}
TOPICS = {
    "policy": gettext_lazy("Policies"),
    "grade_policy": gettext_lazy("Policies of grades"),
    "guard_policy": gettext_lazy("Policies of the price guard"),
    "run": gettext_lazy("Runs"),
    "admin": gettext_lazy("Admins"),
    "user": gettext_lazy("People"),
}
