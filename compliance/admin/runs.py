"""Clearance runs: previewed, started by hand, approved, watched, reported."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from compliance.admin.previews import confirmed, led_to, phrase
from compliance.admin.progress import bar
from compliance.admin.undoing import ask_for, undo_form, undo_said, undone_table
from compliance.admin.words import BRAKES, COUNTED, run_chip
from compliance.admin.workbench import left_until
from compliance.lib.calendar import PLATFORM_ZONE
from compliance.lib.runs import Run as RuleRun
from compliance.models import Decision, Policy, Preview, Run, RunState
from compliance.models.runs import ENDED
from compliance.selectors import policies, run_reports, workbench
from compliance.services import clearance, previews, reviews
from members.admin.base import (
    FactsAdmin,
    Page,
    Table,
    actor,
    address,
    link,
    listing,
    number,
    object_link,
    when,
)
from members.lib.refusals import Conflict, Refusal
from members.models import Program

NAMED = 50
MOVING = (RunState.PLANNED, RunState.RUNNING)
UNSAFE_CELLS = ("=", "+", "-", "@", "\t", "\r")  # a table program would take them for a formula


class _Echo:
    """A file whose lines are handed on as they are written."""

    def write(self, line: str) -> str:
        return line


@admin.register(Run)
class RunAdmin(FactsAdmin):
    """Every run, the latest first."""

    list_display = (
        "period",
        "run_on",
        "state_shown",
        "eligible",
        "cleared",
        "kept",
        "deferred",
        "held",
        "done_at",
    )
    list_display_links = ("period",)
    list_filter = ("state", "is_manual")
    list_select_related = ("policy",)
    ordering = ("-run_on", "-id")
    object_template = "admin/platform/run.html"
    change_list_template = "admin/platform/runs.html"

    def get_urls(self) -> list[URLPattern]:
        """What is done with runs, beside Django's own addresses."""
        view = self.admin_site.admin_view
        own: list[tuple[str, Callable[..., Any], str]] = [
            ("preview/", self.preview, "preview"),
            ("now/", self.now, "now"),
            ("<int:run_id>/approve/", self.approve, "approve"),
            ("<int:run_id>/pause/", self.pause, "pause"),
            ("<int:run_id>/resume/", self.resume, "resume"),
            ("<int:run_id>/undo/", self.undo, "undo"),
            ("<int:run_id>/progress/", self.progress, "progress"),
            ("<int:run_id>/decisions.csv", self.csv, "csv"),
        ]
        return [
            *(path(url, view(act), name=f"compliance_run_{name}") for url, act, name in own),
            *super().get_urls(),
        ]

    @admin.display(description=gettext_lazy("state"))
    def state_shown(self, row: Run) -> str:
        """The state."""
        return run_chip(row)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """The list, with what is to come and the buttons of a preview."""
        now = timezone.now()
        try:
            coming = workbench.coming_runs(policies.history(), now, 4)
        except Conflict:
            coming = []
        extra = {
            "coming": [
                {
                    "period": run.period,
                    "at": run.at.astimezone(PLATFORM_ZONE).strftime("%Y-%m-%d %H:%M"),
                    "left": left_until(run.at, now),
                    "policy": link(address(Policy, run.version.number), run.version.number),
                }
                for run in coming
            ],
            "waiting": [
                (address(Run, row.pk), row, run_chip(row)) for row in Run.objects.exclude(state__in=ENDED)
            ],
            "may_run": self.may(request, "change"),
            "previews_url": listing(Preview),
        }
        return super().changelist_view(request, {**extra, **(extra_context or {})})

    def page_of(self, request: HttpRequest, obj: Any) -> Page:
        """The report: who, when, under which policy, what was decided."""
        is_done = obj.state in ENDED
        facts = [
            (_("State"), run_chip(obj)),
            (_("Judged at"), when(obj.at)),
            (_("Policy"), object_link(obj.policy)),
            (_("Start"), _by(obj)),
            (_("Approved"), _approved(obj)),
            (_("Done"), when(obj.done_at)),
        ]
        tables = []
        if is_done:
            tables = [_counts(obj), _reasons(obj), _cleared(obj), undone_table(obj)]
        elif obj.state == RunState.BRAKED:
            tables = [_counts(obj, _("Foreseen"))]
        return Page(
            title=_("Clearance run %(period)s") % {"period": obj.period},
            facts=facts,
            tables=tables,
            links=[(_("Decisions"), listing(Decision, run__id__exact=obj.pk))],
        )

    def render(
        self, request: HttpRequest, template: str, page: Page, obj: Any = None, extra: Any = None
    ) -> Any:
        """Progress and the acts that the run's state allows."""
        if obj is not None:
            may = self.may(request, "change")
            extra = {
                **(extra or {}),
                **self._progress(obj),
                "run": obj,
                "brake": BRAKES.get(obj.brake, ""),
                "confirm": self._approval(request, obj) if may else None,
                "may_run": may,
                "undo": undo_form(request, obj) if may else None,
                "csv_url": reverse("admin:compliance_run_csv", args=[obj.pk]),
            }
        return super().render(request, template, page, obj, extra)

    def _progress(self, obj: Run) -> dict[str, Any]:
        return bar(
            run_reports.progress(obj),
            is_moving=obj.state in MOVING,
            url=reverse("admin:compliance_run_progress", args=[obj.pk]),
            chip=run_chip(obj),
            goes_on=_("You can close this page: the run goes on."),
        )

    def _approval(self, request: HttpRequest, obj: Run) -> dict[str, Any] | None:
        """For a run that waits: the preview it is approved on, or what is missing."""
        if obj.state != RunState.BRAKED:
            return None
        seen = reviews.preview_of(obj)
        if seen is None:
            return {
                "why_not": _("Nobody has previewed this run yet. Preview it; another admin then approves it.")
            }
        shown = link(address(Preview, seen.pk), when(seen.made_at))
        if seen.by_id == request.user.pk:
            text = _("You made the preview, so another admin approves the run.")
            return {"why_not": text, "run": shown}
        url = reverse("admin:compliance_run_approve", args=[obj.pk])
        return {"url": url, "label": _("Approve this run"), "phrase": phrase(seen.cleared), "seen": shown}

    # --- acts ---------------------------------------------------------------------------------------------------------

    def preview(self, request: HttpRequest) -> HttpResponse:
        """Have the next scheduled run previewed, a run now, or a run that waits; shows how far it is."""
        self._require_act(request)
        at, who = timezone.now(), actor(request)
        run = self._run_named(request.POST.get("run", ""), at)
        if run is None:
            messages.error(request, _("No run is to come under the present policy."))
            return HttpResponseRedirect(listing(Run))
        return HttpResponseRedirect(address(Preview, previews.ask(run=run, at=at, actor=who).pk))

    def _run_named(self, name: str, at: dt.datetime) -> RuleRun | None:
        if name == "now":
            return clearance.by_hand(at=at)
        if name.isdecimal():
            row = Run.objects.select_related("policy").filter(pk=int(name), state=RunState.BRAKED).first()
            if row is None:
                raise Http404
            return RuleRun(row.period, row.run_on, row.at, row.policy.version)
        return next(iter(workbench.coming_runs(policies.history(), at, 1)), None)

    def now(self, request: HttpRequest) -> HttpResponse:
        """Have a run by hand started, after a preview and the typed words; shows the second look at the facts."""
        self._require_act(request)
        number_of = request.POST.get("preview", "")
        seen = Preview.objects.filter(pk=int(number_of)).first() if number_of.isdecimal() else None
        if seen is None:
            raise Http404
        try:
            second = reviews.confirm(
                preview_id=seen.pk,
                confirmed=confirmed(request.POST.get("confirm", ""), seen),
                at=timezone.now(),
                actor=actor(request),
            )
        except Refusal as refusal:
            messages.error(request, self._said(refusal, seen))
            return HttpResponseRedirect(address(Preview, seen.pk))
        return HttpResponseRedirect(led_to(second))

    def approve(self, request: HttpRequest, run_id: int) -> HttpResponse:
        """Let a braked run go on, by another admin than the one who previewed it."""
        self._require_act(request)
        row = self._row(run_id)
        seen = reviews.preview_of(row)
        typed = confirmed(request.POST.get("confirm", ""), seen)
        return self._act(
            request,
            run_id,
            lambda **who: reviews.approve_reviewed(run_id=run_id, confirmed=typed, **who),
            _("The run goes on."),
            seen,
        )

    def pause(self, request: HttpRequest, run_id: int) -> HttpResponse:
        """Stop after the chunks being worked."""
        self._require_act(request)
        said = _("The run pauses after what is being worked on.")
        return self._act(request, run_id, lambda **who: clearance.pause(run_id=run_id, **who), said)

    def resume(self, request: HttpRequest, run_id: int) -> HttpResponse:
        """Let a paused run go on."""
        self._require_act(request)
        return self._act(
            request, run_id, lambda **who: clearance.resume(run_id=run_id, **who), _("The run goes on.")
        )

    def undo(self, request: HttpRequest, run_id: int) -> HttpResponse:
        """Take back one clearing, some or all of a run, on a reason and the typed words."""
        self._require_act(request)
        row = self._row(run_id)
        try:
            made = ask_for(row, request.POST, at=timezone.now(), actor=actor(request))
        except Refusal as refusal:
            messages.error(request, refusal.detail)
        else:
            messages.success(request, undo_said(made))
        return HttpResponseRedirect(address(Run, run_id))

    def _act(
        self,
        request: HttpRequest,
        run_id: int,
        act: Callable[..., Any],
        said: str,
        seen: Preview | None = None,
    ) -> HttpResponse:
        try:
            act(at=timezone.now(), actor=actor(request))
        except Refusal as refusal:
            messages.error(request, self._said(refusal, seen))
        else:
            messages.success(request, said)
        return HttpResponseRedirect(address(Run, run_id))

    def _said(self, refusal: Refusal, seen: Preview | None) -> str:
        if "confirm" in refusal.errors and seen is not None:
            return _("Nothing was started: type exactly %(phrase)s.") % {"phrase": phrase(seen.cleared)}
        return refusal.detail

    def _require_act(self, request: HttpRequest) -> None:
        if request.method != "POST" or not self.may(request, "change"):
            raise PermissionDenied

    def _row(self, run_id: int) -> Run:
        row = Run.objects.select_related("policy").filter(pk=run_id).first()
        if row is None:
            raise Http404
        return row

    # --- looking on ---------------------------------------------------------------------------------------------------

    def progress(self, request: HttpRequest, run_id: int) -> HttpResponse:
        """The bar and the counts so far; when the run no longer moves, the page is told to show its report."""
        row = self._row(run_id)
        response = render(request, "admin/platform/_progress.html", {**self._progress(row), "run": row})
        if row.state not in MOVING:
            response["HX-Refresh"] = "true"
        return response

    def csv(self, request: HttpRequest, run_id: int) -> StreamingHttpResponse:
        """Every decision of the run as a file, read in batches while it is sent."""
        row = self._row(run_id)
        response = StreamingHttpResponse(_lines(row), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="clearance-{row.period}.csv"'
        return response


def _lines(row: Run) -> Iterator[str]:
    """The file: a mark that table programs know UTF-8 by, heads, one line a decision."""
    writer = csv.writer(_Echo())
    yield "\ufeff" + writer.writerow(["period", "run_on", "merchant", "name", *run_reports.COLUMNS])
    for batch in run_reports.rows_of(row.pk):
        yield "".join(
            writer.writerow([row.period, row.run_on.isoformat(), *(_cell(value) for value in line)])
            for line in batch
        )


def _cell(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.astimezone(PLATFORM_ZONE).isoformat()
    if isinstance(value, str) and value.startswith(UNSAFE_CELLS):
        return f"'{value}"
    return "" if value is None else value


def _by(obj: Run) -> str:
    if obj.started_by:
        return object_link(obj.started_by)
    return _("by hand") if obj.is_manual else _("by schedule")


def _approved(obj: Run) -> Any:
    if obj.approved_by is None:
        return "--"
    return _("%(at)s by %(who)s") % {"at": when(obj.approved_at), "who": obj.approved_by}


def _counts(obj: Run, title: str = "") -> Table:
    rows = [
        (
            link(listing(Decision, run__id__exact=obj.pk, outcome__exact=name), COUNTED[name])
            if name != "eligible" and obj.state in ENDED
            else COUNTED[name],
            number(count),
        )
        for name, count in obj.counts.items()
    ]
    return Table(title or _("Decided"), [_("Outcome"), _("Programs")], rows, numbers=(1,))


def _reasons(obj: Run) -> Table:
    outcomes = dict(Decision._meta.get_field("outcome").flatchoices)
    reasons = dict(Decision._meta.get_field("reason").flatchoices)
    rows = [
        (outcomes.get(outcome, outcome), reasons.get(reason, reason), number(count))
        for outcome, reason, count in run_reports.by_reason(obj)
    ]
    heads = [_("Outcome"), _("Reason"), _("Programs")]
    return Table(_("By reason"), heads, rows, numbers=(2,), empty=_("No program was eligible."))


def _cleared(obj: Run) -> Table:
    found = run_reports.cleared(obj, NAMED) if obj.cleared else []
    return Table(
        _("Cleared programs"),
        [_("Merchant"), _("Danger date"), _("Notice given"), ""],
        [
            (
                link(address(Program, row.merchant_id), row.merchant.name),
                when(row.danger_at),
                when(row.notice_at),
                link(address(Decision, row.pk), _("Evidence")),
            )
            for row in found
        ],
        empty=_("None."),
        note=_("The first %(shown)s of %(all)s; the file has them all.")
        % {"shown": NAMED, "all": number(obj.cleared)}
        if obj.cleared > NAMED
        else "",
    )
