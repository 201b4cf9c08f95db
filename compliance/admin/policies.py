"""Policies: versions with what each changed, and the form that publishes a new one. Nothing is ever edited."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from compliance.admin import drafts, outlooks
from compliance.admin.policy_forms import PolicyForm, differences, label, shown
from compliance.admin.progress import bar
from compliance.admin.versions import VersionsAdmin, before_each, is_confirmed, phrase
from compliance.admin.words import COUNTED, preview_chip
from compliance.lib.policy import Policy as Rule
from compliance.lib.policy import PolicyVersion
from compliance.lib.policy_changes import changes_in_words
from compliance.lib.words import rule_in_words
from compliance.models import Policy, Preview, Purpose, Run
from compliance.models.policies import SETTINGS
from compliance.selectors import policies as selector
from compliance.selectors import run_reports
from compliance.services import policies, policy_trials
from members.admin.base import (
    NOTHING,
    Page,
    Table,
    actor,
    address,
    day,
    link,
    number,
    when,
)
from members.lib.refusals import Refusal


@admin.register(Policy)
class PolicyAdmin(VersionsAdmin):
    """The versions of the clearance policy."""

    heading = gettext_lazy("Policies")
    sortable_by = ()
    object_template = "admin/platform/policy.html"

    def get_urls(self) -> list[URLPattern]:
        """How far a trial is, beside Django's own addresses."""
        view = self.admin_site.admin_view(self.trial)
        return [path("trial/", view, name="compliance_policy_trial"), *super().get_urls()]

    def complete(self, rows: list[Any]) -> None:
        """What each version changed."""
        everything = selector.rows()
        earlier = before_each(everything)
        current = selector.current(at=timezone.now()).number if everything else 0
        for row in rows:
            before = earlier.get(row.number)
            differing = [] if before is None else differences(before.rule, row.rule)
            self.tell(row, before=before, differing=differing, current=current)

    def page_of(self, request: HttpRequest, obj: Any) -> Page:
        """The rule in words, every setting, what changed, and the runs judged by it."""
        self.complete([obj])
        runs = Run.objects.filter(policy=obj).order_by("-at")[:24]
        rule = obj.rule.as_json()
        changed = {name for name, _before, _after in obj.shown_changes}
        return Page(
            title=str(obj),
            facts=[
                *self.facts_of(obj),
                *([(label("early_reason"), obj.early_reason)] if obj.early_reason else []),
            ],
            sentences_title=_("The rule in words"),
            sentences=rule_in_words(obj.rule),
            tables=[
                _in_words(obj.shown_before, obj.rule),
                self.table_of(obj),
                Table(
                    _("Every setting"),
                    [_("Setting"), _("Value"), ""],
                    [
                        (label(name), shown(name, rule[name]), _("changed") if label(name) in changed else "")
                        for name in SETTINGS
                    ],
                ),
                Table(
                    _("Runs judged by it"),
                    [_("Run"), _("Judged at"), _("Cleared")],
                    [
                        (link(address(Run, row.pk), row.period), when(row.at), number(row.cleared))
                        for row in runs
                    ],
                    empty=_("No run was judged by this version yet."),
                    numbers=(2,),
                ),
            ],
        )

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Fill in, look at what it would do, type the confirmation, publish."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        at = timezone.now()
        history = selector.history()
        current = history.at(at)
        latest = max(version.effective_from for version in history.versions)
        filled = drafts.rule_named(request) or current.policy
        form = PolicyForm(request.POST or None, at=at, current=current.policy, latest=latest, filled=filled)
        review: dict[str, Any] | None = None
        if request.method == "POST" and form.is_valid():
            base = history.at(form.cleaned_data["effective_at"])
            changed = differences(base.policy, form.policy)
            if not changed:
                form.add_error(None, _("Nothing differs from version %(number)s.") % {"number": base.number})
            elif "publish" in request.POST and is_confirmed(form):
                return self._publish(request, form, base.policy)
            elif "draft" in request.POST and (opened := drafts.open_draft(request, form, base.policy)):
                return opened
            else:
                review = self._review(request, form, base, changed)
        response = self.render(
            request,
            "admin/platform/policy_form.html",
            Page(title=_("New policy version")),
            extra={"form": form, "review": review, "phrase": phrase(), "current": current.number},
        )
        response.status_code = 422 if form.errors else 200
        return response

    def _review(
        self, request: HttpRequest, form: PolicyForm, base: PolicyVersion, changed: Any
    ) -> dict[str, Any]:
        trial = policy_trials.try_policy(
            at=form.at,
            effective_at=form.cleaned_data["effective_at"],
            actor=actor(request),
            values=form.values_against(base.policy),
            anew="check" in request.POST,
        )
        return {
            "table": Table(
                _("Changed against version %(number)s") % {"number": base.number},
                [_("Setting"), _("Before"), _("After")],
                changed,
            ),
            "changes": changes_in_words(base.policy, form.policy),
            "trial": _foreseen(*trial),
            "sentences": rule_in_words(form.policy),
        }

    def trial(self, request: HttpRequest) -> HttpResponse:
        """How far a trial is, then the next run without and with the version tried."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        keys = [int(key) if key.isdecimal() and len(key) < 19 else 0 for key in request.GET.getlist("run")]
        rows = Preview.objects.filter(purpose=Purpose.TRIAL).in_bulk(keys)
        if len(keys) != 2 or not rows:
            raise Http404
        shown_runs = _foreseen(*(rows.get(key) for key in keys))
        return render(request, "admin/platform/_trial.html", {"trial": shown_runs})

    def _publish(self, request: HttpRequest, form: PolicyForm, base: Rule) -> HttpResponse:
        try:
            row = policies.set_policy(
                at=form.at,
                effective_at=form.cleaned_data["effective_at"],
                actor=actor(request),
                values=form.values_against(base),
                reason=form.cleaned_data["reason"],
                early_reason=form.cleaned_data["early_reason"],
            )
        except Refusal as refusal:
            messages.error(request, refusal.detail)
            return HttpResponseRedirect(request.path)
        messages.success(request, _("%(version)s is published.") % {"version": row})
        return HttpResponseRedirect(address(Policy, row.pk))


def _in_words(before: Policy | None, rule: Rule) -> Table:
    """What a version says otherwise than the one before it, in plain sentences."""
    told = [] if before is None else changes_in_words(before.rule, rule)
    return Table(_("What changed, in words"), [""], [[text] for text in told], empty=_("Nothing."))


def _foreseen(without: Preview | None, with_it: Preview | None) -> dict[str, Any]:
    """The next run without and with a version, or how far the work at them is."""
    runs = (without, with_it)
    rows = [row for row in runs if row is not None]
    moving = next((row for row in rows if row.is_open), None)
    if moving is not None:
        query = urlencode([("run", row.pk if row else 0) for row in runs])
        return {
            **outlooks.context(with_it),
            "bar": bar(
                run_reports.preview_progress(*rows),
                is_moving=True,
                url=f"{reverse('admin:compliance_policy_trial')}?{query}",
                chip=preview_chip(moving),
                goes_on=_(
                    "The next run is foreseen with and without this version. Nothing is published by it."
                ),
            ),
        }
    counts = [
        (COUNTED[name], *(number(getattr(row, name)) if row and row.is_done else NOTHING for row in runs))
        for name in ("eligible", "cleared", "kept", "deferred", "held")
    ]
    failed = next((row.get_failure_display() for row in rows if row.failure), "")
    return {
        **outlooks.context(with_it),
        "table": Table(
            _("The next run, foreseen"),
            ["", _("As things stand"), _("With this version")],
            [(_("Run on"), *(day(row.run_on) if row else NOTHING for row in runs)), *counts],
            numbers=(1, 2),
            note=failed,
        ),
    }
