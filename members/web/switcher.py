"""Choosing the shop to work in, and adding one."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from members.lib.refusals import Refusal
from members.models import Merchant
from members.services import merchants, point_rules
from members.services.audit import Actor
from members.web import gates
from members.web.forms import LanguageField, add_refusal, answer, currency_choices, offer, zone_choices
from members.web.request import UserRequest


class MerchantForm(forms.Form):
    """A new shop."""

    name = forms.CharField(label=gettext_lazy("Shop name"), max_length=80)
    timezone = forms.ChoiceField(
        label=gettext_lazy("Time zone"),
        help_text=gettext_lazy(
            "Days of orders, tiers and points are counted in it. Fixed once orders exist."
        ),
    )
    currency = forms.ChoiceField(
        label=gettext_lazy("Currency"), help_text=gettext_lazy("Fixed once orders exist.")
    )
    language = LanguageField(
        label=gettext_lazy("Language of the shop"),
        help_text=gettext_lazy("For e-mails to people who have not chosen a language."),
    )

    def __init__(self, *args: Any, present: Merchant | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer(self, "timezone", zone_choices(present.timezone if present else ""))
        offer(self, "currency", currency_choices(present.currency if present else ""))


@gates.signed_in()
@require_POST
def merchant_switch(request: UserRequest) -> HttpResponse:
    """Work in another of one's own shops from now on."""
    slug = request.POST.get("merchant", "")
    for row in request.memberships:
        if row.merchant.slug == slug:
            request.session["merchant_id"] = row.merchant_id
            return HttpResponseRedirect("/")
    raise Http404


def _made_a_moment_ago(request: UserRequest, name: str, at: dt.datetime) -> int | None:
    """The shop that the first press of a double click has made."""
    for row in request.memberships:
        if row.merchant.name == name.strip() and at - row.merchant.created_at < dt.timedelta(minutes=1):
            return row.merchant_id
    return None


@gates.signed_in()
def merchant_new(request: UserRequest) -> HttpResponse:
    """Add a shop; its maker becomes the owner and goes on in it."""
    initial = {"timezone": "Asia/Shanghai", "currency": "CNY", "language": get_language()}
    form = MerchantForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        at = timezone.now()
        if twin := _made_a_moment_ago(request, form.cleaned_data["name"], at):
            request.session["merchant_id"] = twin
            return HttpResponseRedirect("/")
        try:
            merchant = merchants.create_merchant(
                **form.cleaned_data,
                owner=request.user,
                at=at,
                actor=Actor.person(request.user),
                pending_days=point_rules.USUAL_PENDING_DAYS,
            )
        except Refusal as refusal:
            add_refusal(form, refusal)
        else:
            request.session["merchant_id"] = merchant.pk
            messages.success(request, _("%(shop)s is ready.") % {"shop": merchant.name})
            return HttpResponseRedirect("/")
    return answer(request, "members/switcher/new.html", {"form": form}, form)
