"""Paid membership in the console: the plans, how each was sold, and who has a term in it (domain.md 9)."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from benefits.lib.plans import MOST_MONTHS
from benefits.models import Plan
from benefits.selectors import audiences
from benefits.selectors import subscriptions as selectors
from benefits.services import plans as services
from benefits.services.plans import LONGEST_NAME, Offer
from benefits.web.benefits import may_write, reads, writes
from benefits.web.fields import CountField, MoneyField, plain_text
from members.lib.refusals import Refusal
from members.services.audit import Actor
from members.web.forms import add_refusal, answer, offer
from members.web.request import StaffRequest

NOTHING = re.compile(r"[¥￥$€]? *0+(\.0+)? *元?")


class FeeField(MoneyField):
    """Money that may be nothing."""

    def clean(self, value: Any) -> int | None:
        return 0 if NOTHING.fullmatch(plain_text(value)) else super().clean(value)


class PlanForm(forms.Form):
    """What a plan is."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=LONGEST_NAME,
        help_text=gettext_lazy("As members read it."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    code = forms.CharField(
        label=gettext_lazy("Code"),
        max_length=32,
        help_text=gettext_lazy(
            "Lower-case letters, digits, - and _, such as gold-card. It names the plan in files and your shop system, "
            "and never changes."
        ),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    fee_minor = FeeField(
        label=gettext_lazy("Fee of a term"),
        help_text=gettext_lazy("You take the money in your shop; here it is recorded. 0 for nothing."),
    )
    months = CountField(label=gettext_lazy("Months of a term"), least=1, most=MOST_MONTHS, initial=12)
    tier = forms.ChoiceField(
        label=gettext_lazy("Tier that comes with it"),
        required=False,
        help_text=gettext_lazy("Held at least while a term runs. A refund takes it back."),
    )

    def __init__(self, *args: Any, request: StaffRequest, plan: Plan | None = None) -> None:
        said: dict[str, Any] | None = None
        if plan is not None:
            now = services.offer_of(plan)
            said = {name: getattr(now, name) for name in ("name", "fee_minor", "months", "tier")}
        super().__init__(args[0] if args else None, initial=said)
        self.fields["fee_minor"].currency = request.merchant.currency  # type: ignore[attr-defined]
        tiers = audiences.tier_names(merchant_id=request.merchant.pk, at=timezone.now())[1:]
        if plan is not None:
            self.fields.pop("code")
            if plan.tier is not None and plan.tier.code not in dict(tiers):
                tiers.append((plan.tier.code, str(plan.tier)))
        offer(self, "tier", [("", _("None")), *tiers])

    def offer(self, *, is_sold: bool = True) -> Offer:
        """What the services take."""
        values = {name: value for name, value in self.cleaned_data.items() if name != "code"}
        return Offer(**values, is_sold=is_sold)


def plan_or_404(request: StaffRequest, plan_id: str) -> Plan:
    """The merchant's plan of that id. Raises Http404."""
    plan = selectors.plan_of(merchant_id=request.merchant.pk, public_id=plan_id)
    if plan is None:
        raise Http404
    return plan


@reads
@require_safe
def plans_list(request: StaffRequest) -> HttpResponse:
    """The plans, with how many members hold each."""
    at, merchant_id = timezone.now(), request.merchant.pk
    closed = selectors.closed_since(merchant_id=merchant_id)
    held = selectors.counts(merchant_id=merchant_id, at=at, closed=closed)
    rows = [{"plan": plan, "held": held.get(plan.pk, 0)} for plan in selectors.plans(merchant_id=merchant_id)]
    return render(request, "benefits/plans/list.html", {"rows": rows, "may_write": may_write(request)})


@writes
@require_http_methods(["GET", "HEAD", "POST"])
def plans_new(request: StaffRequest) -> HttpResponse:
    """A new plan, on sale at once."""
    form = PlanForm(request.POST or None, request=request)
    if request.method == "POST" and form.is_valid():
        try:
            plan = services.create(
                merchant_id=request.merchant.pk,
                at=timezone.now(),
                actor=Actor.person(request.user),
                code=form.cleaned_data["code"],
                offer=form.offer(),
            )
        except Refusal as refusal:
            add_refusal(form, refusal)
        else:
            messages.success(request, _("The plan “%(name)s” is on sale.") % {"name": plan.name})
            return redirect("benefits:plans_page", plan_id=plan.public_id)
    return answer(request, "benefits/plans/form.html", {"form": form, "plan": None}, form)


@reads
@require_safe
def plans_page(request: StaffRequest, plan_id: str) -> HttpResponse:
    """One plan, with how it was sold."""
    plan, at = plan_or_404(request, plan_id), timezone.now()
    closed = selectors.closed_since(merchant_id=request.merchant.pk)
    held = selectors.counts(merchant_id=request.merchant.pk, at=at, closed=closed)
    context = {
        "plan": plan,
        "held": held.get(plan.pk, 0),
        "versions": selectors.versions(plan=plan),
        "may_write": may_write(request),
    }
    return render(request, "benefits/plans/page.html", context)


@writes
@require_http_methods(["GET", "HEAD", "POST"])
def plans_change(request: StaffRequest, plan_id: str) -> HttpResponse:
    """Have it be sold otherwise from now on."""
    plan = plan_or_404(request, plan_id)
    form = PlanForm(request.POST or None, request=request, plan=plan)
    if request.method == "POST" and form.is_valid():
        try:
            _changed(
                request, plan, form.offer(is_sold=plan.withdrawn_at is None), request.POST.get("version")
            )
        except Refusal as refusal:
            add_refusal(form, refusal)
        else:
            messages.success(request, _("The plan is changed. Terms that were bought stay as they were."))
            return redirect("benefits:plans_page", plan_id=plan.public_id)
    return answer(request, "benefits/plans/form.html", {"form": form, "plan": plan}, form)


@writes
@require_http_methods(["POST"])
def plans_sale(request: StaffRequest, plan_id: str) -> HttpResponse:
    """Withdraw a plan from sale, or sell it again."""
    plan = plan_or_404(request, plan_id)
    is_sold = request.POST.get("is_sold") == "1"
    now = services.offer_of(plan)
    try:
        _changed(
            request, plan, Offer(**{**{n: getattr(now, n) for n in now.__slots__}, "is_sold": is_sold}), None
        )
    except Refusal as refusal:
        messages.error(request, refusal.detail)
    else:
        said = (
            _("The plan is on sale.") if is_sold else _("The plan is not sold any more. Terms in it run on.")
        )
        messages.success(request, said)
    return redirect("benefits:plans_page", plan_id=plan.public_id)


def _changed(request: StaffRequest, plan: Plan, wanted: Offer, version: str | None) -> None:
    services.change(
        merchant_id=request.merchant.pk,
        at=timezone.now(),
        actor=Actor.person(request.user),
        plan_id=plan.public_id,
        offer=wanted,
        expected_version=int(version) if version and version.isdecimal() and len(version) < 9 else None,
    )
