"""Grades: every program's, the months with their distribution, the versions of the policy."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from compliance.admin.grade_forms import CategoryForm, GradePolicyForm
from compliance.admin.versions import VersionsAdmin, before_each, is_confirmed, phrase
from compliance.lib import grades as rule
from compliance.lib.grade_policy import Band, Level, Metric
from compliance.lib.grade_policy import GradePolicy as Rule
from compliance.lib.grades import Month
from compliance.models import Grade, GradePolicy, GradeRun
from compliance.selectors import grade_words as words
from compliance.selectors import grades as selectors
from compliance.services import grade_policies
from members.admin.base import (
    ByMerchant,
    FactsAdmin,
    Page,
    Table,
    actor,
    address,
    chip,
    link,
    listing,
    number,
    object_link,
    when,
)
from members.lib.refusals import Refusal
from members.models import AuditRow

MONTHS = 24


def level_chip(level: str) -> str:
    """A level in its colour."""
    return chip(words.LEVEL_CHIPS[Level(level)], words.LEVELS[level])


class MonthFilter(admin.SimpleListFilter):
    """The latest months."""

    title = gettext_lazy("month")
    parameter_name = "month"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(run.pk), str(run)) for run in GradeRun.objects.order_by("-month")[:MONTHS]]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        value = self.value()
        return queryset if not (value and value.isdecimal()) else queryset.filter(run_id=int(value[:9]))


@admin.register(Grade)
class GradeAdmin(ByMerchant, FactsAdmin):
    """Grades, the latest month first, the highest before the others."""

    heading = gettext_lazy("Grades")
    list_display = ("merchant_name", "month", "level_shown", "granted_shown", "band", "category", "values")
    list_display_links = ("merchant_name",)
    list_filter = (MonthFilter, "level", "band", "category", "is_protected")
    list_select_related = ("merchant", "run")
    ordering = ("-run", "-level", "-merchant")
    object_template = "admin/platform/grade.html"

    def get_urls(self) -> list[URLPattern]:
        """Setting the category, beside Django's own addresses."""
        view = self.admin_site.admin_view(self.set_category)
        return [path("<int:grade_id>/category/", view, name="compliance_grade_category"), *super().get_urls()]

    @admin.display(description=gettext_lazy("merchant"))
    def merchant_name(self, row: Grade) -> str:
        """Whose it is."""
        return str(row.merchant)

    @admin.display(description=gettext_lazy("month"))
    def month(self, row: Grade) -> str:
        """For which month."""
        return str(row.run)

    @admin.display(description=gettext_lazy("grade"))
    def level_shown(self, row: Grade) -> str:
        """The level by the rule."""
        return level_chip(row.level)

    @admin.display(description=gettext_lazy("privileges of"))
    def granted_shown(self, row: Grade) -> str:
        """The level whose privileges it has."""
        return f"{words.LEVELS[row.granted]}{_(' (new)') if row.is_protected else ''}"

    @admin.display(description=gettext_lazy("metrics"))
    def values(self, row: Grade) -> str:
        """The metrics in short."""
        measures = row.facts.measures
        pairs = [
            (words.METRICS[metric], words.value_text(metric, measures[metric])) for metric in list(Metric)[:4]
        ]
        return format_html_join(mark_safe("<br>"), "{}: {}", pairs)

    def page_of(self, request: HttpRequest, obj: Any) -> Page:
        """What the grade follows from."""
        month, lines, policy = obj.facts, obj.lines, obj.policy.rule
        counting = rule.counted(month.measures, policy)
        return Page(
            title=f"{obj.merchant} · {obj.run}",
            facts=[
                (_("Merchant"), object_link(obj.merchant)),
                (_("Grade"), level_chip(obj.level)),
                (_("Privileges of"), words.LEVELS[obj.granted]),
                (_("New program"), _("yes") if obj.is_protected else _("no")),
                (_("Size"), f"{obj.get_band_display()} ({number(obj.orders)})"),
                (_("Category"), obj.get_category_display()),
                (_("Month"), object_link(obj.run)),
                (_("Policy"), object_link(obj.policy)),
            ],
            sentences_title=_("The rule"),
            sentences=words.rule_in_words(),
            tables=[
                Table(
                    _("Each metric against its lines"),
                    [_("Metric"), _("Value"), _("Pass line"), _("High line"), _("Counts?"), _("Formula")],
                    [
                        (
                            words.METRICS[metric],
                            words.value_text(metric, month.measures[metric]),
                            words.value_text(metric, lines[metric].passing),
                            words.value_text(metric, lines[metric].high),
                            _("yes") if metric in counting else _("no"),
                            words.formula(metric, policy),
                        )
                        for metric in Metric
                    ]
                    + [_findings(month, policy)],
                    numbers=(1, 2, 3),
                ),
                _history(obj.merchant_id),
            ],
            links=[(_("Audit log"), listing(AuditRow, q=obj.merchant.slug))],
        )

    def render(
        self, request: HttpRequest, template: str, page: Page, obj: Any = None, extra: Any = None
    ) -> Any:
        """The form of the category."""
        if obj is not None and self.may(request, "change"):
            now = selectors.category_of(merchant_id=obj.merchant_id)
            extra = {"form": CategoryForm(initial={"category": now}), **(extra or {})}
        return super().render(request, template, page, obj, extra)

    def set_category(self, request: HttpRequest, grade_id: int) -> HttpResponse:
        """Put a shop into another category; the page again where the form lacks something."""
        if request.method != "POST" or not self.may(request, "change"):
            raise PermissionDenied
        obj = self.get_object(request, str(grade_id)) if grade_id < 2**63 else None
        if obj is None:
            raise Http404
        form = CategoryForm(request.POST)
        if form.is_valid():
            try:
                grade_policies.set_category(
                    merchant_id=obj.merchant_id, at=timezone.now(), actor=actor(request), **form.cleaned_data
                )
            except Refusal as refusal:
                for name, detail in (refusal.errors or {"": refusal.detail}).items():
                    form.add_error(name or None, str(detail))
            else:
                messages.success(request, _("The category counts from the next month graded on."))
                return HttpResponseRedirect(address(Grade, obj.pk))
        response: HttpResponse = self.render(
            request, self.object_template, self.page_of(request, obj), obj, {"form": form}
        )
        response.status_code = 422
        return response


def _findings(month: Month, policy: Rule) -> tuple[Any, ...]:
    """The findings of the price guard as a row of the metrics."""
    most = [policy.most_findings(level) for level in (Level.POTENTIAL, Level.QUALITY)]
    return (
        words.FINDINGS,
        words.findings_text(month),
        *(words.most_text(each) for each in most),
        _("no") if most[1] is None else _("yes"),
        words.findings_formula(policy),
    )


def _history(merchant_id: int) -> Table:
    return Table(
        _("History"),
        [_("Month"), _("Grade"), _("Size"), _("Policy")],
        [
            (
                link(address(Grade, row.pk), row.run),
                level_chip(row.level),
                row.get_band_display(),
                row.policy_id,
            )
            for row in selectors.history(merchant_id=merchant_id)
        ],
    )


@admin.register(GradeRun)
class GradeRunAdmin(FactsAdmin):
    """The months, each with how the grades are distributed."""

    heading = gettext_lazy("Months of grades")
    list_display = ("month_shown", "programs", "quality", "potential", "improving", "protected", "done_at")
    list_display_links = ("month_shown",)
    ordering = ("-month",)

    @admin.display(description=gettext_lazy("month"))
    def month_shown(self, row: GradeRun) -> str:
        """The month."""
        return str(row)

    @admin.display(description=gettext_lazy("Quality"))
    def quality(self, row: GradeRun) -> str:
        """How many, with their part."""
        return _share_of(row, Level.QUALITY)

    @admin.display(description=gettext_lazy("Potential"))
    def potential(self, row: GradeRun) -> str:
        """How many, with their part."""
        return _share_of(row, Level.POTENTIAL)

    @admin.display(description=gettext_lazy("Improving"))
    def improving(self, row: GradeRun) -> str:
        """How many, with their part."""
        return _share_of(row, Level.IMPROVING)

    def page_of(self, request: HttpRequest, obj: Any) -> Page:
        """The distribution by size."""
        bands = list(Band)
        return Page(
            title=str(obj),
            facts=[
                (_("Computed for"), when(obj.at)),
                (_("Done"), when(obj.done_at)),
                (_("Policy"), object_link(obj.policy)),
                (_("Programs"), number(obj.programs)),
                (_("New programs"), number(obj.protected)),
            ],
            tables=[
                Table(
                    _("Distribution"),
                    [_("Grade"), *(words.BANDS[band] for band in bands), _("All")],
                    [
                        (
                            level_chip(level),
                            *(number(obj.counts.get(f"{level}/{band}", 0)) for band in bands),
                            _share_of(obj, level),
                        )
                        for level in reversed(rule.LEVELS)
                    ],
                    numbers=(1, 2, 3, 4),
                )
            ],
            links=[(_("Its grades"), listing(Grade, month=obj.pk))],
        )


def _share_of(run: GradeRun, level: Level) -> str:
    count = sum(run.counts.get(f"{level}/{band}", 0) for band in Band)
    if not run.programs:
        return number(count)
    return f"{number(count)} ({words.percent(count * 10_000 // run.programs)})"


@admin.register(GradePolicy)
class GradePolicyAdmin(VersionsAdmin):
    """The versions of the grade policy."""

    heading = gettext_lazy("Policies of grades")

    def complete(self, rows: list[Any]) -> None:
        """What each version changed."""
        everything = selectors.policy_rows()
        earlier = before_each(everything)
        current = selectors.in_force(everything, timezone.now())
        for row in rows:
            before = earlier.get(row.number)
            differing = [] if before is None else words.differences(before.rule, row.rule)
            number = 0 if current is None else current.number
            self.tell(row, before=before, differing=differing, current=number)

    def page_of(self, request: HttpRequest, obj: Any) -> Page:
        """Every setting, and what changed."""
        self.complete([obj])
        return Page(
            title=str(obj),
            facts=self.facts_of(obj),
            sentences_title=_("The rule in words"),
            sentences=words.rule_in_words(),
            tables=[
                self.table_of(obj),
                Table(
                    _("Every setting"),
                    [_("Setting"), _("Value")],
                    [
                        (words.setting_label(name), words.setting_text(name, value))
                        for name, value in obj.rule.as_json().items()
                    ],
                ),
            ],
        )

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Fill in, look at the difference, type the confirmation, publish."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        at = timezone.now()
        rows = selectors.policy_rows()
        current = selectors.in_force(rows, at)
        if current is None:
            messages.error(request, _("The platform is not installed yet: it has no policy of grades."))
            return HttpResponseRedirect("../")
        form = GradePolicyForm(request.POST or None, at=at, current=current.rule)
        review: dict[str, Any] | None = None
        if request.method == "POST" and form.is_valid():
            starts = form.cleaned_data["effective_at"]
            base, _same = grade_policies.changed(rows, at=at, effective_at=starts, values={})
            changed = words.differences(base, form.policy)
            if not changed:
                form.add_error(None, _("Nothing differs from the version in force then."))
            elif "publish" in request.POST and is_confirmed(form):
                return self._publish(request, form, base)
            else:
                heads = [_("Setting"), _("Before"), _("After")]
                review = {"table": Table(_("What changes"), heads, changed)}
        response = self.render(
            request,
            "admin/platform/grade_policy_form.html",
            Page(title=_("New version of the policy of grades")),
            extra={"form": form, "review": review, "phrase": phrase(), "current": current.number},
        )
        response.status_code = 422 if form.errors else 200
        return response

    def _publish(self, request: HttpRequest, form: GradePolicyForm, base: Rule) -> HttpResponse:
        try:
            row = grade_policies.set_policy(
                at=form.at,
                effective_at=form.cleaned_data["effective_at"],
                actor=actor(request),
                values=form.values_against(base),
                reason=form.cleaned_data["reason"],
            )
        except Refusal as refusal:
            messages.error(request, refusal.detail)
            return HttpResponseRedirect(request.path)
        messages.success(request, _("%(version)s is published.") % {"version": row})
        return HttpResponseRedirect(address(GradePolicy, row.pk))
