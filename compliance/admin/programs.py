"""Programs with their state and evidence, as the platform sees them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from benefits.lib.kinds import label_of
from compliance.admin.exemptions import ExemptForm, exempt
from compliance.admin.words import EVIDENCE, outcome_chip, state_chip
from compliance.lib.calendar import platform_date
from compliance.lib.state import State
from compliance.lib.words import rule_in_words
from compliance.models import Appeal, Decision, Exemption, Notice, Policy, Protection, Standing
from compliance.selectors import decisions, notices, policies, standing, status
from compliance.selectors.workbench import threatened_between
from compliance.services import exemptions
from members.admin.base import (
    NOTHING,
    ByMerchant,
    FactsAdmin,
    Page,
    Table,
    actor,
    address,
    day,
    link,
    listing,
    object_link,
    when,
)
from members.models import AuditRow, Program, ProgramStatus

NOTICES = 20


class StateFilter(admin.SimpleListFilter):
    """States that a small index finds; the rest is seen in the list."""

    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, Any]]:
        return [
            ("final_notice", _("Final notice")),
            ("at_risk", _("At risk")),
            ("cleared", _("Closed by a clearance")),
            ("closed", _("Closed by the merchant")),
            ("open", _("Open, in whatever standing")),
            ("draft", _("Draft")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if value in ProgramStatus.values:
            return queryset.filter(status=value)
        if value in ("final_notice", "at_risk"):
            at = timezone.now()
            policy = policies.current(at=at).policy
            today = platform_date(at)
            final = today + dt.timedelta(days=policy.final_notice_days)
            first, last = today, final
            if value == "at_risk":
                first, last = final + dt.timedelta(days=1), today + dt.timedelta(days=policy.at_risk_days)
            return queryset.filter(merchant_id__in=threatened_between(first, last).values("merchant_id"))
        return queryset


@dataclass
class ProgramPage(Page):
    """The page of a program: the strip of the policy's window stands beside its facts."""

    strip: list[status.DayRow] = field(default_factory=list)
    window_days: int = 0


@admin.register(Program)
class ProgramAdmin(ByMerchant, FactsAdmin):
    """Every program; dates in the list are those of the last daily job, a program's page computes them now."""

    list_display = ("shop", "state", "danger_at", "run_on", "uncovered_since", "first_opened_at")
    list_display_links = ("shop",)
    list_filter = (StateFilter,)
    list_select_related = ("merchant",)
    ordering = ("-merchant_id",)
    object_template = "admin/platform/program.html"

    def get_urls(self) -> list[URLPattern]:
        """Exempting and lifting beside Django's own addresses."""
        view = self.admin_site.admin_view
        return [
            path("<int:program_id>/exempt/", view(self.exempt), name="compliance_program_exempt"),
            path("<int:program_id>/lift/", view(self.lift), name="compliance_program_lift"),
            *super().get_urls(),
        ]

    def complete(self, rows: list[Any]) -> None:
        """State and stored standing of the rows of a page."""
        ids = [row.pk for row in rows]
        states = standing.states_of(ids, at=timezone.now()) if ids else {}
        stored = {row.pk: row for row in Standing.objects.filter(merchant_id__in=ids)}
        for row in rows:
            row.shown_state = states.get(row.pk)
            row.shown_standing = stored.get(row.pk) if row.status == ProgramStatus.OPEN else None

    @admin.display(description=gettext_lazy("merchant"))
    def shop(self, row: Any) -> str:
        """The merchant."""
        return row.merchant.name

    @admin.display(description=gettext_lazy("state"))
    def state(self, row: Any) -> str:
        """The state shown to the merchant."""
        return state_chip(row.shown_state)

    @admin.display(description=gettext_lazy("danger date"))
    def danger_at(self, row: Any) -> str:
        """When the rule fails."""
        return when(row.shown_standing and row.shown_standing.danger_at)

    @admin.display(description=gettext_lazy("run that threatens"))
    def run_on(self, row: Any) -> str:
        """The day of the run that would close it."""
        return day(row.shown_standing and row.shown_standing.run_on)

    @admin.display(description=gettext_lazy("nothing qualified since"))
    def uncovered_since(self, row: Any) -> str:
        """Since when nothing qualified."""
        return when(row.shown_standing and row.shown_standing.uncovered_since)

    def page_of(self, request: HttpRequest, obj: Any) -> ProgramPage:
        """State, dates, evidence, notices and decisions, computed now."""
        at = timezone.now()
        found = status.page(merchant_id=obj.pk, at=at)
        shown = found.banner
        number = shown.version.number
        return ProgramPage(
            title=obj.merchant.name,
            strip=found.strip,
            window_days=shown.version.policy.window_days,
            facts=[
                (_("State"), state_chip(shown.state)),
                (_("Merchant"), object_link(obj.merchant)),
                (_("First opened"), day(shown.first_opened_on)),
                (_("This life began"), when(obj.opened_at)),
                (_("Closed"), when(obj.closed_at)),
                (_("Danger date"), when(shown.danger_at)),
                (_("Run that threatens"), day(shown.run.on if shown.run else None)),
                (_("Nothing qualified since"), when(shown.uncovered_since)),
                (_("Days without a qualifying benefit"), _days(shown)),
                (_("Too young to be closed until"), day(shown.protected_until) if shown.is_new else NOTHING),
                (_("Policy"), link(address(Policy, number), _("Version %(number)s") % {"number": number})),
            ],
            sentences_title=_("The rule"),
            sentences=rule_in_words(shown.version.policy),
            tables=[
                evidence_table(found),
                _qualifying(found),
                _notices(obj.pk),
                _decisions(obj.pk),
                *_kept_out(obj.pk),
            ],
            links=[
                (_("All notices"), listing(Notice, q=obj.merchant.slug)),
                (_("Appeals"), listing(Appeal, q=obj.merchant.slug, state="all")),
                (_("Audit log"), listing(AuditRow, q=obj.merchant.slug)),
            ],
        )

    def render(
        self, request: HttpRequest, template: str, page: Page, obj: Any = None, extra: Any = None
    ) -> Any:
        """The form that exempts, or the button that lifts an exemption."""
        if obj is not None and self.may(request, "change"):
            is_exempt = exemptions.is_exempt(merchant_id=obj.pk, at=timezone.now())
            extra = {"may_exempt": True, "is_exempt": is_exempt, "form": ExemptForm(), **(extra or {})}
        return super().render(request, template, page, obj, extra)

    def exempt(self, request: HttpRequest, program_id: int) -> HttpResponse:
        """Keep a program out of clearance until a day; the page again where the form lacks something."""
        obj, form = self._acted_on(request, program_id), ExemptForm(request.POST)
        if exempt(request, form, merchant_id=obj.pk, at=timezone.now()):
            messages.success(request, _("The program is exempt from clearance."))
            return HttpResponseRedirect(address(Program, obj.pk))
        response: HttpResponse = self.render(
            request, self.object_template, self.page_of(request, obj), obj, {"form": form}
        )
        response.status_code = 422
        return response

    def lift(self, request: HttpRequest, program_id: int) -> HttpResponse:
        """End a program's exemption now."""
        obj = self._acted_on(request, program_id)
        exemptions.lift(merchant_id=obj.pk, at=timezone.now(), actor=actor(request))
        messages.success(request, _("The program is no longer exempt from clearance."))
        return HttpResponseRedirect(address(Program, obj.pk))

    def _acted_on(self, request: HttpRequest, program_id: int) -> Any:
        if request.method != "POST" or not self.may(request, "change"):
            raise PermissionDenied
        obj = self.get_object(request, str(program_id)) if program_id < 2**63 else None
        if obj is None:
            raise Http404
        return obj


def _days(shown: status.Banner) -> str:
    if shown.state is State.DRAFT or shown.uncovered_days is None:
        return NOTHING
    return _("%(days)s of %(limit)s") % {"days": shown.uncovered_days, "limit": shown.limit_days}


def _span(first: dt.date, after: dt.date | None) -> str:
    start = _("the beginning") if first == dt.date.min else first.isoformat()
    if after is None:
        return _("from %(start)s on") % {"start": start}
    last = after - status.DAY
    return start if last == first else _("%(start)s to %(last)s") % {"start": start, "last": last.isoformat()}


def evidence_table(found: status.Page) -> Table:
    """Every benefit of the window: whether it counts, why not, for how long."""
    return Table(
        _("Evidence: benefits of the window"),
        [_("Benefit"), _("Kind"), _("Counts?"), _("Days counted"), _("In force"), _("Configured")],
        [
            (
                str(row.benefit),
                label_of(row.kind),
                EVIDENCE.get(row.reason, row.reason),
                row.days,
                "; ".join(_span(first, after) for first, after, _counted in row.spans) or NOTHING,
                ", ".join(when(at) for at in row.configured) or NOTHING,
            )
            for row in found.evidence
        ],
        empty=_("There was no benefit in the window."),
        numbers=(3,),
    )


def _qualifying(found: status.Page) -> Table:
    return Table(
        _("Qualifying now"),
        [_("Benefit"), _("Kind"), _("From"), _("To")],
        [(str(row), label_of(row.kind), when(row.from_at), when(row.to_at)) for row in found.qualifying],
        empty=_("No qualifying benefit is in force."),
    )


def _notices(merchant_id: int) -> Table:
    rows = []
    for report in notices.history(merchant_id=merchant_id, limit=NOTICES):
        notice = report.notice
        seen = [row for channel in report.channels for row in (*channel.seen, *channel.acknowledged)]
        rows.append(
            (
                link(address(Notice, notice.pk), when(notice.sent_at)),
                day(notice.for_run_on),
                notice.days_before,
                when(notice.danger_at),
                when(min((row.at for row in seen), default=None)),
            )
        )
    return Table(
        _("Notices"),
        [_("Sent"), _("For the run of"), _("Days before"), _("Danger date at sending"), _("First seen")],
        rows,
        empty=_("This program has not been warned."),
        numbers=(2,),
    )


def _decisions(merchant_id: int) -> Table:
    found = decisions.of_merchant(merchant_id=merchant_id)
    return Table(
        _("Decisions"),
        [_("Run"), _("Run on"), _("Outcome"), _("Reason"), _("Policy")],
        [
            (
                link(address(Decision, row.pk), run.period),
                day(run.run_on),
                outcome_chip(row),
                row.get_reason_display(),
                link(address(Policy, row.policy_id), row.policy_id),
            )
            for run, row in reversed(found)
        ],
        empty=_("No run has decided on this program yet."),
    )


def _kept_out(merchant_id: int) -> list[Table]:
    """Protections and exemptions, where there are any."""
    protections = Protection.objects.of(merchant_id).order_by("-from_at")
    exempted = Exemption.objects.of(merchant_id).order_by("-from_at").select_related("by")
    rows = [(row.get_cause_display(), when(row.from_at), when(row.until_at), NOTHING) for row in protections]
    rows += [
        (_("Exempt"), when(row.from_at), when(row.ended_at or row.until_at), row.reason) for row in exempted
    ]
    heads = [_("What"), _("From"), _("Until"), _("Reason")]
    return [Table(_("Kept out of clearance"), heads, rows)] if rows else []
