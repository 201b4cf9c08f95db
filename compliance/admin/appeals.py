"""The queue of appeals, the evidence each one is about, and the decision on it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from compliance.admin.answers import Ready, ready
from compliance.admin.appeal_work import AskForm, ReviewerWork, thread_tables
from compliance.admin.decisions import decision_facts
from compliance.admin.notices import notice_facts
from compliance.admin.programs import evidence_table
from compliance.admin.words import appeal_chip
from compliance.lib.calendar import platform_date
from compliance.lib.words import rule_in_words
from compliance.models import Appeal, AppealState, Decision
from compliance.selectors import appeals as selectors
from compliance.selectors import decision_replay, status
from compliance.services import appeals
from members.admin.base import (
    NOTHING,
    ByMerchant,
    Page,
    actor,
    address,
    chip,
    day,
    link,
    merchants_named,
    object_link,
    when,
)
from members.lib.fields import ALPHABET
from members.lib.refusals import NotFound, Refusal
from members.models import Program, ProgramStatus

REFERENCE = 16  # characters of an appeal's reference
EVERY = "all"
UPHOLD, REFUSE = "uphold", "refuse"


class DecideForm(forms.Form):
    """What the merchant is answered; which button was pressed says how it is decided."""

    answer = forms.CharField(
        label=gettext_lazy("Reasons"),
        required=False,
        help_text=gettext_lazy(
            "The merchant reads them. They are needed for a refusal. At most 2,000 characters."
        ),
        widget=forms.Textarea(attrs={"rows": 6, "class": "vLargeTextField"}),
    )


@dataclass
class AppealPage(Page):
    """The page of an appeal: the facts of what it is against stand below its own."""

    told_title: Any = ""
    told: list[tuple[Any, Any]] = field(default_factory=list)
    answers: list[Ready] = field(default_factory=list)


class InState(admin.SimpleListFilter):
    """The queue unless something else is asked for."""

    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, Any]]:
        ended = [(value, label) for value, label in AppealState.choices if value != AppealState.OPEN]
        return [
            ("open", AppealState.OPEN.label),
            ("overdue", _("Being reviewed, overdue")),
            *ended,
            (EVERY, _("All")),
        ]

    def value(self) -> str:
        """The state asked for; what is under review without a word."""
        return super().value() or "open"

    def choices(self, changelist: Any) -> Iterator[Any]:
        """One choice a state; there is no "any" beside the queue."""
        for value, label in self.lookup_choices:
            yield {
                "selected": self.value() == value,
                "query_string": changelist.get_query_string({self.parameter_name: value}),
                "display": label,
            }

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if value == "overdue":
            return queryset.filter(state=AppealState.OPEN, due_on__lt=platform_date(timezone.now()))
        return queryset.filter(state=value) if value in AppealState.values else queryset


@admin.register(Appeal)
class AppealAdmin(ByMerchant, ReviewerWork):
    """Appeals: those under review by the day they are due, others the latest first."""

    list_display = ("reference", "shop", "against", "filed_at", "due", "state_shown", "ended_at")
    list_display_links = ("reference",)
    list_filter = (InState,)
    list_select_related = ("merchant", "run", "notice")
    search_help_text = gettext_lazy("Name or short name of a merchant, or a reference")
    object_template = "admin/platform/appeal.html"
    change_list_template = "admin/platform/appeals.html"

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """The queue by due day; history by time."""
        if request.GET.get("state", "open") in ("", "open", "overdue"):
            return ("due_on", "merchant_id", "id")
        return ("-id",)

    def get_urls(self) -> list[URLPattern]:
        """The decision beside Django's own addresses."""
        decide = self.admin_site.admin_view(self.decide)
        return [path("<int:appeal_id>/decide/", decide, name="compliance_appeal_decide"), *super().get_urls()]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """A reference names one appeal, other words name merchants."""
        words = search_term.strip()
        if len(words) == REFERENCE and set(words) <= set(ALPHABET):
            ids = merchants_named(words)
            named = queryset.filter(public_id=words)
            return (named | queryset.filter(merchant_id__in=ids)) if ids else named, False
        return super().get_search_results(request, queryset, search_term)

    @admin.display(description=gettext_lazy("reference"))
    def reference(self, row: Appeal) -> str:
        """By what the merchant and the platform call it."""
        return row.public_id

    @admin.display(description=gettext_lazy("merchant"))
    def shop(self, row: Appeal) -> str:
        """The merchant, leading to its program."""
        return link(address(Program, row.merchant_id), row.merchant.name)

    @admin.display(description=gettext_lazy("against"))
    def against(self, row: Appeal) -> str:
        """A run's decision or a warning."""
        return _against(row)

    @admin.display(description=gettext_lazy("decision due"))
    def due(self, row: Appeal) -> Any:
        """The day, with a word when it is past or near."""
        return _due(row, timezone.now())

    @admin.display(description=gettext_lazy("state"))
    def state_shown(self, row: Appeal) -> str:
        """The state."""
        return appeal_chip(row)

    def page_of(self, request: HttpRequest, obj: Any) -> AppealPage:
        """What the merchant says, and the evidence it speaks of, as it was then."""
        decision, notice = selectors.subject(appeal=obj)
        if decision is not None:
            what_at, policy = decision.run.at, decision.policy
            told_title, told = _("The decision"), decision_facts(decision)
        else:
            assert notice is not None  # a constraint of the table: one of the two
            what_at, policy = notice.sent_at, notice.policy
            told_title, told = _("The warning"), notice_facts(notice)
        then = status.page(merchant_id=obj.merchant_id, at=what_at)
        return AppealPage(
            told_title=told_title,
            told=told,
            title=_("Appeal %(ref)s of %(merchant)s") % {"ref": obj.public_id, "merchant": obj.merchant.name},
            facts=[
                (_("State"), appeal_chip(obj)),
                (_("Program"), link(address(Program, obj.merchant_id), obj.merchant.name)),
                (_("Against"), object_link(decision or notice, _against(obj))),
                (_("Filed"), _by(obj.filed_at, obj.filed_by)),
                (_("Decision due"), _due(obj, timezone.now())),
                (_("Ended"), _by(obj.ended_at, obj.ended_by)),
                *_recomputed(decision),
            ],
            tables=[*thread_tables(obj), evidence_table(then)],
            answers=ready(obj, then) if obj.is_open else [],
            sentences_title=_("The rule that judged it"),
            sentences=rule_in_words(policy.rule),
        )

    def render(
        self, request: HttpRequest, template: str, page: Page, obj: Any = None, extra: Any = None
    ) -> Any:
        """The forms, while the appeal is under review; the answer begins with the one that the address names."""
        may_decide = obj is not None and obj.is_open and self.may(request, "change")
        shown: dict[str, Any] = {"form": None, "ask_form": None}
        if may_decide and isinstance(page, AppealPage):
            wanted = request.GET.get("answer", "")
            begun = next((each.text for each in page.answers if each.key == wanted), "")
            shown = {"form": DecideForm(initial={"answer": begun}), "ask_form": AskForm()}
        if obj is not None:
            shown |= {
                "appeal": obj,
                "decide_url": reverse("admin:compliance_appeal_decide", args=[obj.pk]),
                "ask_url": reverse("admin:compliance_appeal_ask", args=[obj.pk]),
                "restores": obj.merchant.program.status == ProgramStatus.CLEARED,
            }
        return super().render(request, template, page, obj, {**shown, **(extra or {})})

    def decide(self, request: HttpRequest, appeal_id: int) -> HttpResponse:
        """Uphold or refuse an appeal; the page again where the form lacks something."""
        if request.method != "POST" or not self.may(request, "change"):
            raise PermissionDenied
        obj, how = self.appeal_of(request, appeal_id), request.POST.get("decide", "")
        form = DecideForm(request.POST)
        if how not in (UPHOLD, REFUSE):
            form.add_error(None, _("Choose whether the appeal is upheld or refused."))
        elif form.is_valid():
            try:
                appeals.decide(
                    merchant_id=obj.merchant_id,
                    appeal_id=obj.pk,
                    upheld=how == UPHOLD,
                    answer=form.cleaned_data["answer"],
                    at=timezone.now(),
                    actor=actor(request),
                )
            except NotFound:
                raise Http404 from None
            except Refusal as refusal:
                if "answer" not in refusal.errors:
                    messages.error(request, refusal.detail)
                    return HttpResponseRedirect(address(Appeal, obj.pk))
                form.add_error("answer", str(refusal.errors["answer"]))
            else:
                said = _("The appeal is upheld.") if how == UPHOLD else _("The appeal is refused.")
                messages.success(request, said)
                return HttpResponseRedirect(address(Appeal, obj.pk))
        page = self.page_of(request, obj)
        response = self.render(request, self.object_template, page, obj, {"form": form})
        response.status_code = 422
        return response


def _against(row: Appeal) -> str:
    if row.run is not None:
        return _("Clearance of %(period)s") % {"period": row.run.period}
    notice = row.notice
    assert notice is not None  # a constraint of the table
    text = ngettext(
        "Warning %(n)s day before the run of %(on)s",
        "Warning %(n)s days before the run of %(on)s",
        notice.days_before,
    )
    return text % {"n": notice.days_before, "on": notice.for_run_on.isoformat()}


def _recomputed(decision: Decision | None) -> list[tuple[Any, Any]]:
    """Whether the decision comes out the same when it is made again from history under the policy of its day."""
    if decision is None:
        return []
    found = decision_replay.replay(decision.run, [decision])[0]
    names = ", ".join(fact.name for fact in found.differing)
    if not found.is_comparable:
        told = chip("warning", _("Not compared: this reading of the rules is not known"))
    elif names:
        told = chip("critical", _("Differs in: %(names)s") % {"names": names})
    else:
        told = chip("success", _("The same outcome and facts"))
    return [(_("Decided again from history"), told)]


def _by(at: dt.datetime | None, user: Any) -> Any:
    if at is None or user is None:
        return NOTHING if at is None else when(at)
    return _("%(at)s by %(who)s") % {"at": when(at), "who": user}


def _due(row: Appeal, now: dt.datetime) -> Any:
    """The clock of an appeal under review."""
    left = (row.due_on - platform_date(now)).days
    if not row.is_open:
        return day(row.due_on)
    if left < 0:
        text = ngettext("%(on)s, %(n)s day overdue", "%(on)s, %(n)s days overdue", -left)
        return chip("critical", text % {"on": day(row.due_on), "n": -left})
    if left == 0:
        return chip("warning", _("%(on)s, today") % {"on": day(row.due_on)})
    text = ngettext("%(on)s, %(n)s day left", "%(on)s, %(n)s days left", left)
    return text % {"on": day(row.due_on), "n": left}
