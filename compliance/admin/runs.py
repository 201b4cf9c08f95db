"""Clearance runs: previewed, started by hand, approved, watched, reported."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from compliance.admin.holding import held_said, hold_form, ids_of
from compliance.admin.previews import confirmed, led_to, phrase
from compliance.admin.progress import bar
from compliance.admin.run_files import lines
from compliance.admin.run_tables import (
    approved,
    checks_table,
    cleared_table,
    counts_table,
    held_out_table,
    reasons_table,
    started_by,
)
from compliance.admin.saved_views import SavedViews
from compliance.admin.undoing import ask_for, undo_form, undo_said, undone_table
from compliance.admin.words import BRAKES, run_chip
from compliance.admin.workbench import left_until
from compliance.lib.calendar import PLATFORM_ZONE
from compliance.lib.runs import Run as RuleRun
from compliance.models import Decision, Policy, Preview, Run, RunState
from compliance.models.runs import ENDED
from compliance.selectors import policies, run_reports, workbench
from compliance.services import clearance, hold_outs, previews, reports, reviews
from members.admin.base import (
    FactsAdmin,
    Page,
    actor,
    address,
    link,
    listing,
    object_link,
    when,
)
from members.lib.refusals import Conflict, Refusal

PERIOD = re.compile(r"[0-9]{4}-[0-9]{2}")
MOVING = (RunState.PLANNED, RunState.RUNNING)


@admin.register(Run)
class RunAdmin(SavedViews, FactsAdmin):
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
            ("<int:run_id>/stop/", self.stop, "stop"),
            ("<int:run_id>/undo/", self.undo, "undo"),
            ("<int:run_id>/check/", self.check_report, "check"),
            ("hold-out/", self.hold_out, "hold_out"),
            ("let-in/", self.let_in, "let_in"),
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
            (_("Start"), started_by(obj)),
            (_("Approved"), approved(obj)),
            (_("Done"), when(obj.done_at)),
        ]
        if obj.stop_reason:
            facts.append((_("Why it was stopped"), obj.stop_reason))
        tables = [held_out_table(obj.period)]
        if is_done:
            facts.append((_("Hash of the report"), obj.digest or _("written down in a minute")))
            found = [counts_table(obj), reasons_table(obj), cleared_table(obj)]
            tables = [*found, *tables, undone_table(obj), checks_table(obj)]
        elif obj.state == RunState.BRAKED:
            tables = [counts_table(obj, _("Foreseen")), *tables]
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
                "hold": hold_form(obj.period, may=may),
                "may_stop": may and obj.state not in ENDED,
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
            return {"why_not": reviews.NOT_PREVIEWED}
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

    def stop(self, request: HttpRequest, run_id: int) -> HttpResponse:
        """End it for good before all is decided, on a reason."""
        self._require_act(request)
        return self._act(
            request,
            run_id,
            lambda **who: clearance.stop(run_id=run_id, reason=request.POST.get("reason", ""), **who),
            _("The run is stopped; what it has decided stands."),
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

    def check_report(self, request: HttpRequest, run_id: int) -> HttpResponse:
        """Have the hash of the report computed anew from the stored decisions."""
        self._require_act(request)
        return self._act(
            request,
            run_id,
            lambda **who: reports.ask_check(run_id=run_id, **who),
            _("The hash is computed anew; the result stands below in a moment."),
        )

    def hold_out(self, request: HttpRequest) -> HttpResponse:
        """Hold the programs that the form names out of the run of a period."""

        def act(period: str) -> str:
            made = hold_outs.hold_out(
                period=period,
                merchant_ids=ids_of(request.POST, request.POST.getlist("merchant")),
                reason=request.POST.get("reason", ""),
                at=timezone.now(),
                actor=actor(request),
            )
            return held_said(made)

        return self._hold(request, act)

    def let_in(self, request: HttpRequest) -> HttpResponse:
        """Let a program into the run again."""

        def act(period: str) -> str:
            key = request.POST.get("merchant", "")
            merchant_id = int(key) if key.isdecimal() and len(key) < 19 else 0
            hold_outs.lift(period=period, merchant_id=merchant_id, at=timezone.now(), actor=actor(request))
            return _("The program is in the run again.")

        return self._hold(request, act)

    def _hold(self, request: HttpRequest, act: Callable[[str], str]) -> HttpResponse:
        """Back to the page that asked: a preview's, else the run's."""
        self._require_act(request)
        period, back = request.POST.get("period", ""), request.POST.get("back", "")
        if not PERIOD.fullmatch(period):
            messages.error(request, _("There is no such run."))
            return HttpResponseRedirect(listing(Run))
        try:
            messages.success(request, act(period))
        except Refusal as refusal:
            messages.error(request, refusal.detail)
        if back.isdecimal() and len(back) < 19:
            look = "compliance_preview_programs" if "programs" in request.GET else "compliance_preview_change"
            return HttpResponseRedirect(reverse(f"admin:{look}", args=[back]))
        row = Run.objects.filter(period=period).first()
        return HttpResponseRedirect(address(Run, row.pk) if row else listing(Run))

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

    def _shown(self, request: HttpRequest, run_id: int) -> Run:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return self._row(run_id)

    def _row(self, run_id: int) -> Run:
        row = Run.objects.select_related("policy").filter(pk=run_id).first()
        if row is None:
            raise Http404
        return row

    # --- looking on ---------------------------------------------------------------------------------------------------

    def progress(self, request: HttpRequest, run_id: int) -> HttpResponse:
        """The bar and the counts so far; when the run no longer moves, the page is told to show its report."""
        row = self._shown(request, run_id)
        response = render(request, "admin/platform/_progress.html", {**self._progress(row), "run": row})
        if row.state not in MOVING:
            response["HX-Refresh"] = "true"
        return response

    def csv(self, request: HttpRequest, run_id: int) -> StreamingHttpResponse:
        """Every decision of the run as a file, read in batches while it is sent."""
        row = self._shown(request, run_id)
        response = StreamingHttpResponse(lines(row), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="clearance-{row.period}.csv"'
        return response
