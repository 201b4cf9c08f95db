"""Decisions of runs with the evidence they rest on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from compliance.admin.saved_views import SavedViews
from compliance.admin.words import outcome_chip
from compliance.lib import rules
from compliance.lib.words import rule_in_words
from compliance.models import Decision, Policy, Run
from compliance.selectors import hold_outs
from compliance.services import undoing
from members.admin.base import (
    NOTHING,
    ByMerchant,
    FactsAdmin,
    Page,
    address,
    day,
    link,
    merchants_named,
    object_link,
    when,
)
from members.models import Program


class OfRun(admin.SimpleListFilter):
    """The runs, the latest first."""

    title = gettext_lazy("run")
    parameter_name = "run__id__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, Any]]:
        return [(str(pk), period) for pk, period in Run.objects.values_list("id", "period")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value() or ""
        if not value:
            return queryset
        return (
            queryset.filter(run_id=int(value)) if value.isdecimal() and len(value) < 10 else queryset.none()
        )


@admin.register(Decision)
class DecisionAdmin(SavedViews, ByMerchant, FactsAdmin):
    """One row per run and program; found by run, and by merchant through the runs."""

    list_display = ("run_period", "shop", "outcome_shown", "reason", "danger_at", "notice_at", "policy_link")
    list_display_links = ("run_period",)
    list_filter = (OfRun, "outcome", "reason")
    list_select_related = ("run", "merchant")
    ordering = ("-run_id", "-merchant_id")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """A key of the table is a run and a merchant: every run is named, so that the key is used."""
        if not search_term.strip():
            return queryset, False
        runs = list(Run.objects.values_list("id", flat=True))
        return queryset.filter(run_id__in=runs, merchant_id__in=merchants_named(search_term)), False

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """By its key, which the id is made of."""
        if not object_id.isdecimal() or int(object_id) >= 2**63:
            return None
        found = Decision.objects.by_id(int(object_id))
        return found.select_related("run", "merchant", "policy").first()

    @admin.display(description=gettext_lazy("run"))
    def run_period(self, row: Decision) -> str:
        """The run's period."""
        return row.run.period

    @admin.display(description=gettext_lazy("merchant"))
    def shop(self, row: Decision) -> str:
        """The merchant, leading to its program."""
        return link(address(Program, row.merchant_id), row.merchant.name)

    @admin.display(description=gettext_lazy("outcome"))
    def outcome_shown(self, row: Decision) -> str:
        """The outcome."""
        return outcome_chip(row)

    @admin.display(description=gettext_lazy("policy"))
    def policy_link(self, row: Decision) -> str:
        """The version that judged it."""
        return link(address(Policy, row.policy_id), row.policy_id)

    def page_of(self, request: HttpRequest, obj: Any) -> Page:
        """Outcome, reason and every piece of evidence, from which the decision can be told again."""
        return Page(
            title=_("Decision of %(period)s on %(merchant)s")
            % {"period": obj.run.period, "merchant": obj.merchant.name},
            facts=decision_facts(obj),
            sentences_title=_("The rule that judged it"),
            sentences=rule_in_words(obj.policy.rule),
            links=_undo_link(obj),
        )


def _undo_link(obj: Decision) -> list[tuple[Any, str]]:
    """Where a clearing can be undone, while it can."""
    if obj.outcome != "cleared" or not undoing.may_undo(obj.run, at=timezone.now()):
        return []
    return [(_("Undo this clearing"), f"{address(Run, obj.run_id)}?undo={obj.merchant.slug}#undo-programs")]


def decision_facts(obj: Decision) -> list[tuple[Any, Any]]:
    """Outcome, reason and every piece of evidence of a decision."""
    return [
        (_("Outcome"), outcome_chip(obj)),
        (_("Reason"), obj.get_reason_display()),
        (_("Run"), object_link(obj.run)),
        (_("Judged at"), when(obj.run.at)),
        (_("Policy"), object_link(obj.policy)),
        (_("Program"), link(address(Program, obj.merchant_id), obj.merchant.name)),
        (_("First opened"), day(obj.first_opened_on)),
        (_("Old enough from"), day(obj.old_enough_on)),
        (_("This life began"), when(obj.opened_at)),
        (_("At-risk episode counts from"), when(obj.episode_began_at)),
        (_("Danger date"), when(obj.danger_at)),
        (_("Nothing qualified since"), when(obj.uncovered_since)),
        (_("Covered again from"), when(obj.safe_again_at)),
        (_("Notice given"), when(obj.notice_at)),
        (_("Last warned"), when(obj.last_warned_at)),
        (_("Exempt until"), when(obj.exempt_until)),
        (_("Protected until"), when(obj.protected_until)),
        (_("Appeal filed"), when(obj.appeal_filed_at)),
        (_("Closed by its merchant at the run"), _("yes") if obj.was_closed else NOTHING),
        (_("Reading of the rules"), _reading(obj)),
        *_held_out(obj),
    ]


def _reading(obj: Decision) -> str:
    """The revision of the rules that decided, with what it was."""
    return f"{obj.rules}: {rules.CHANGES[obj.rules]}" if rules.is_known(obj.rules) else str(obj.rules)


def _held_out(obj: Decision) -> list[tuple[Any, Any]]:
    """When and why a person held it out of the run."""
    if obj.held_out_at is None:
        return []
    found = hold_outs.standing(merchant_id=obj.merchant_id, period=obj.run.period)
    return [
        (_("Held out of the run"), when(obj.held_out_at)),
        (_("Why it was held out"), found.reason if found else NOTHING),
        (_("Held out by"), found.by_label if found else NOTHING),
    ]
