"""Members' terms in plans in the console: recorded, cancelled, refunded, paid back.

Refunds stay reachable whatever became of the program: paid members get back what was left when it closed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import FileResponse, Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from benefits.lib import plans as rule
from benefits.lib.plans import State
from benefits.models import Subscription
from benefits.selectors import subscriptions as selectors
from benefits.selectors.subscriptions import OWED, PAID_BACK, TermFilter
from benefits.services import subscription_refunds as refunds
from benefits.services import subscriptions as services
from benefits.web.benefits import writes
from benefits.web.plans import FeeField
from benefits.web.rewards import who
from benefits.web.words import last_day_text, moment_text
from members.lib.refusals import NotFound, Refusal
from members.services.audit import Actor
from members.templatetags.fmt import money_text
from members.templatetags.fmt import points as whole
from members.web import csv_files, gates
from members.web.forms import OnceField, add_refusal, answer, asked, offer
from members.web.members import member_of
from members.web.request import StaffRequest

PAGE = 50
WORDS = {
    State.ACTIVE: pgettext_lazy("term", "Running"),
    State.UPCOMING: pgettext_lazy("term", "To come"),
    State.CANCELLED: pgettext_lazy("term", "Running, not renewed"),
    State.EXPIRED: pgettext_lazy("term", "Over"),
    State.REFUNDED: pgettext_lazy("term", "Refunded"),
}
LEVELS = {
    State.ACTIVE: "success",
    State.UPCOMING: "info",
    State.CANCELLED: "warning",
    State.EXPIRED: "neutral",
    State.REFUNDED: "neutral",
}
STATES: dict[str, Any] = {
    "": gettext_lazy("All states"),
    **{str(state): words for state, words in WORDS.items()},
    OWED: gettext_lazy("To be paid back"),
    PAID_BACK: gettext_lazy("Paid back"),
}
sees = gates.staff(read=gates.READERS)
acts = gates.staff(read=gates.WRITERS, write=gates.WRITERS)


class SellForm(forms.Form):
    """A fee that was paid."""

    plan = forms.ChoiceField(label=gettext_lazy("Plan"))
    paid_minor = FeeField(
        label=gettext_lazy("Paid"), required=False, help_text=gettext_lazy("Empty: the plan's fee.")
    )
    reference = forms.CharField(
        label=gettext_lazy("Reference"),
        required=False,
        max_length=services.LONGEST_REFERENCE,
        help_text=gettext_lazy(
            "The number of the sale in your shop, so that it is recorded once. Empty: none."
        ),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    once = OnceField()


class RefundForm(forms.Form):
    """Why."""

    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=refunds.LONGEST_REASON,
        help_text=gettext_lazy("Kept in the audit log with your name and the time."),
        error_messages={"required": gettext_lazy("Say why; the reason goes into the audit log.")},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


def described(
    term: Subscription, request: StaffRequest, at: dt.datetime, closed: dt.datetime | None
) -> dict[str, Any]:
    """A term as lists and pages show it. Runs no query."""
    said, currency, zone = term.term(closed), request.merchant.currency, request.merchant.zone
    state = rule.state_at(said, at)
    is_running = state not in (State.EXPIRED, State.REFUNDED)
    return {
        "row": term,
        "who": who(term.member),
        "level": LEVELS[state],
        "state": WORDS[state],
        "last": last_day_text(term.to_at, zone),
        "paid": money_text(term.paid_minor, currency),
        "is_running": is_running,
        "owed": money_text(rule.owed_minor(said, at, zone), currency) if is_running else "",
        "days_left": rule.days_left(said, at, zone),
        "refund": "" if term.refund_minor is None else money_text(term.refund_minor, currency),
        "is_due": bool(term.refund_minor) and term.paid_back_at is None,
    }


def _wanted(request: StaffRequest) -> TermFilter:
    state = asked(request, "state")
    return TermFilter(
        search=asked(request, most=80), state=state if state in STATES else "", plan=asked(request, "plan")
    )


@sees
@require_safe
def subscriptions_list(request: StaffRequest) -> HttpResponse:
    """Terms of members, filtered by the address."""
    at, merchant_id, wanted = timezone.now(), request.merchant.pk, _wanted(request)
    closed = selectors.closed_since(merchant_id=merchant_id)
    rows = selectors.terms(merchant_id=merchant_id, at=at, closed=closed, wanted=wanted)
    page = Paginator(rows, PAGE).get_page(request.GET.get("page"))
    query = {"q": wanted.search, "state": wanted.state, "plan": wanted.plan}
    context = {
        "page_obj": page,
        "rows": [described(row, request, at, closed) for row in page.object_list],
        "states": STATES.items(),
        "plans": selectors.plan_names(merchant_id=merchant_id),
        "wanted": wanted,
        "csv_query": urlencode({name: value for name, value in query.items() if value}),
    }
    return render(request, "benefits/subscriptions/list.html", context)


@sees
@require_safe
def subscriptions_csv(request: StaffRequest) -> FileResponse:
    """What is filtered, as a file; people masked."""
    at, merchant = timezone.now(), request.merchant
    closed = selectors.closed_since(merchant_id=merchant.pk)
    rows = selectors.terms(merchant_id=merchant.pk, at=at, closed=closed, wanted=_wanted(request))
    head = (
        _("Term"), _("Plan"), _("Member"), _("State"), _("From"), _("Last day"), _("Paid"), _("Reference"),
        _("Refund now"), _("Refunded"), _("Paid back"), _("Reason"),
    )  # fmt: skip

    def line(row: Subscription) -> tuple[Any, ...]:
        told = described(row, request, at, closed)
        return (
            row.public_id, row.plan.code, told["who"], str(told["state"]), moment_text(row.from_at, merchant.zone),
            told["last"], told["paid"], row.reference, told["owed"], told["refund"],
            moment_text(row.paid_back_at, merchant.zone) if row.paid_back_at else "", row.refund_reason,
        )  # fmt: skip

    lines = (line(row) for row in rows.iterator(chunk_size=2_000))
    return csv_files.answer_long("membership-terms.csv", head, lines)


@writes
@require_http_methods(["GET", "HEAD", "POST"])
def subscriptions_sell(request: StaffRequest, member_id: str) -> HttpResponse:
    """Record that a member paid for a plan."""
    member, currency = member_of(request, member_id), request.merchant.currency
    plans = [each for each in selectors.plans(merchant_id=request.merchant.pk) if each.withdrawn_at is None]
    form = SellForm(request.POST or None)
    form.fields["paid_minor"].currency = currency  # type: ignore[attr-defined]
    offer(form, "plan", [(p.public_id, f"{p.name} · {money_text(p.fee_minor, currency)}") for p in plans])
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        try:
            term, _is_new = services.sell(
                merchant_id=request.merchant.pk,
                at=timezone.now(),
                actor=Actor.person(request.user),
                plan_id=values["plan"],
                member_id=member.pk,
                reference=values["reference"] or f"page-{values['once']}",
                paid_minor=values["paid_minor"],
            )
        except NotFound:
            raise Http404 from None
        except Refusal as refusal:
            add_refusal(form, refusal)
        else:
            last = last_day_text(term.to_at, request.merchant.zone)
            messages.success(request, _("Recorded: the term runs until %(day)s.") % {"day": last})
            return redirect("benefits:subscriptions_page", subscription_id=term.public_id)
    context = {"member": member, "form": form, "has_plans": bool(plans)}
    return answer(request, "benefits/subscriptions/sell.html", context, form)


@sees
@require_safe
def subscriptions_page(request: StaffRequest, subscription_id: str) -> HttpResponse:
    """One term, with what can be done about it."""
    return _page(request, subscription_id, RefundForm())


def _page(request: StaffRequest, subscription_id: str, form: RefundForm) -> HttpResponse:
    term = selectors.by_public_id(merchant_id=request.merchant.pk, public_id=subscription_id)
    if term is None:
        raise Http404
    closed = selectors.closed_since(merchant_id=request.merchant.pk)
    context = {
        "term": described(term, request, timezone.now(), closed),
        "form": form,
        "may_act": request.staff.role in gates.WRITERS,
        "closed": closed,
    }
    return answer(request, "benefits/subscriptions/page.html", context, form)


def _done(
    request: StaffRequest, subscription_id: str, service: Callable[..., Any], said: str, **more: Any
) -> HttpResponse:
    """Call a service for a term and go back to its page with what became of it."""
    act = {"merchant_id": request.merchant.pk, "at": timezone.now(), "actor": Actor.person(request.user)}
    try:
        service(subscription_id=subscription_id, **act, **more)
    except NotFound:
        raise Http404 from None
    except Refusal as refusal:
        messages.error(request, refusal.detail)
    else:
        messages.success(request, said)
    return redirect("benefits:subscriptions_page", subscription_id=subscription_id)


@acts
@require_POST
def subscriptions_cancel(request: StaffRequest, subscription_id: str) -> HttpResponse:
    """The member will not go on."""
    said = _("Noted: the member does not go on. The term runs to its end.")
    return _done(request, subscription_id, services.cancel, said)


@acts
@require_POST
def subscriptions_refund(request: StaffRequest, subscription_id: str) -> HttpResponse:
    """End a term, with a reason; its fee is to be paid back by the days left."""
    form = RefundForm(request.POST)
    if not form.is_valid():
        return _page(request, subscription_id, form)
    said = _("The term is refunded. Pay the money back and mark it as paid back.")
    return _done(request, subscription_id, refunds.refund, said, **form.cleaned_data)


@acts
@require_POST
def subscriptions_paidback(request: StaffRequest, subscription_id: str) -> HttpResponse:
    """The money was paid back."""
    return _done(request, subscription_id, refunds.pay_back, _("The refund is marked as paid back."))


@sees
@require_http_methods(["GET", "HEAD"])
def subscriptions_due(request: StaffRequest) -> HttpResponse:
    """Paid members to be refunded when the program ended, or if it ended now."""
    return _due(request, RefundForm())


def _due(request: StaffRequest, form: RefundForm) -> HttpResponse:
    at, merchant_id = timezone.now(), request.merchant.pk
    closed = selectors.closed_since(merchant_id=merchant_id)
    rows = selectors.refundable(merchant_id=merchant_id, at=at, closed_since=closed)
    page = Paginator(rows, PAGE).get_page(request.GET.get("page"))
    people, owed_minor = selectors.owed(merchant_id=merchant_id, at=at)
    context = {
        "page_obj": page,
        "rows": [described(row, request, at, closed) for row in page.object_list],
        "people": people,
        "owed_minor": owed_minor,
        "closed": closed,
        "form": form,
        "may_refund": closed is not None and request.staff.role in gates.WRITERS,
    }
    return answer(request, "benefits/subscriptions/due.html", context, form)


@acts
@require_POST
def subscriptions_refundall(request: StaffRequest) -> HttpResponse:
    """Refund all of them, as many as one request takes; pressed again it goes on."""
    form = RefundForm(request.POST)
    if not form.is_valid():
        return _due(request, form)
    try:
        done = refunds.refund_all(
            merchant_id=request.merchant.pk,
            at=timezone.now(),
            actor=Actor.person(request.user),
            reason=form.cleaned_data["reason"],
        )
    except Refusal as refusal:
        messages.error(request, refusal.detail)
    else:
        text = ngettext("%(n)s term is refunded.", "%(n)s terms are refunded.", done) % {"n": whole(done)}
        messages.success(request, text)
    return redirect("benefits:subscriptions_due")


def of_member(request: StaffRequest, member: Any) -> dict[str, Any] | None:
    """The member's terms, on the member's page; nothing in a shop without plans. At most three queries."""
    merchant_id = request.merchant.pk
    rows = list(selectors.of_member(merchant_id=merchant_id, member_id=member.pk)[:10])
    if not rows and not selectors.plan_names(merchant_id=merchant_id):
        return None
    closed = selectors.closed_since(merchant_id=merchant_id)
    at = timezone.now()
    return {
        "template": "benefits/subscriptions/_of_member.html",
        "rows": [described(row, request, at, closed) for row in rows],
        "may_write": request.staff.role in gates.WRITERS and closed is None,
        "member": member,
    }


def own_section(visit: Any) -> dict[str, Any] | None:
    """The plans that the member holds and until when, on the page of their own; nothing without one."""
    held = selectors.held_now(merchant_id=visit.merchant.pk, member_id=visit.member.pk, at=visit.at)
    if not held or not visit.is_open:
        return None
    zone = visit.merchant.zone
    plans = [{"name": name, "until": last_day_text(until, zone)} for name, until in held]
    return {"template": "benefits/own/_plans.html", "plans": plans}
