"""Settings of the shop and its stores."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from members.lib.refusals import NotFound, Refusal
from members.models import Channel, Store
from members.selectors import shop as selectors
from members.services import shop
from members.services.audit import Actor
from members.web import gates
from members.web.forms import OnceField, add_refusal, answer
from members.web.request import StaffRequest
from members.web.switcher import MerchantForm


class StoreForm(forms.Form):
    """A new store."""

    once = OnceField()
    name = forms.CharField(label=gettext_lazy("Name"), max_length=80)
    code = forms.CharField(
        label=gettext_lazy("Code"),
        max_length=64,
        help_text=gettext_lazy("As it stands in the store column of your order files."),
    )
    channel = forms.ChoiceField(label=gettext_lazy("Channel"), choices=Channel.choices)


class StoreNameForm(forms.Form):
    """Another name for a store."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=80)


@gates.staff(read=gates.READERS, write=gates.MANAGERS)
def settings_shop(request: StaffRequest) -> HttpResponse:
    """Name, zone, currency, language; the stores below."""
    merchant = request.merchant
    fixed = {
        "currency": selectors.has_orders(merchant_id=merchant.pk) and _("Fixed, because orders exist."),
        "timezone": selectors.has_days(merchant_id=merchant.pk)
        and _("Fixed, because the days of members and orders are counted in it."),
    }
    initial = {name: getattr(merchant, name) for name in shop.FIELDS}
    form = MerchantForm(request.POST or None, initial=initial, present=merchant)
    for name, why in fixed.items():
        if why:
            form.fields[name].disabled = True
            form.fields[name].help_text = why
    can_write = request.staff.role in gates.MANAGERS
    if not can_write:
        for field in form.fields.values():
            field.disabled = True
    if request.method == "POST" and form.is_valid():
        try:
            shop.change_shop(
                merchant_id=merchant.pk,
                **form.cleaned_data,
                actor=Actor.person(request.user),
                at=timezone.now(),
            )
        except Refusal as refusal:
            add_refusal(form, refusal)
        else:
            messages.success(request, _("The settings are saved."))
            return redirect("members:settings_shop")
    context = {
        "form": form,
        "can_write": can_write,
        "stores": selectors.stores(merchant_id=merchant.pk),
    }
    return answer(request, "members/shop/settings.html", context, form)


@gates.staff(read=gates.MANAGERS, write=gates.MANAGERS)
def settings_newstore(request: StaffRequest) -> HttpResponse:
    """Add a store."""
    form = StoreForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        values: dict[str, Any] = dict(form.cleaned_data)
        try:
            store = shop.add_store(
                merchant_id=request.merchant.pk,
                public_id=values.pop("once"),
                **values,
                actor=Actor.person(request.user),
                at=timezone.now(),
            )
        except Refusal as refusal:
            add_refusal(form, refusal)
        else:
            messages.success(request, _("The store “%(store)s” was added.") % {"store": store.name})
            return redirect("members:settings_shop")
    return answer(request, "members/shop/store.html", {"form": form}, form)


@gates.staff(read=gates.MANAGERS, write=gates.MANAGERS)
def settings_store(request: StaffRequest, store_id: str) -> HttpResponse:
    """Rename a store."""
    store = Store.objects.of(request.merchant).filter(public_id=store_id).first()
    if store is None:
        raise Http404
    form = StoreNameForm(request.POST or None, initial={"name": store.name})
    if request.method == "POST" and form.is_valid():
        try:
            shop.rename_store(
                merchant_id=request.merchant.pk,
                store_id=store_id,
                name=form.cleaned_data["name"],
                actor=Actor.person(request.user),
                at=timezone.now(),
            )
        except NotFound:
            raise Http404 from None
        except Refusal as refusal:
            add_refusal(form, refusal)
        else:
            messages.success(request, _("The settings are saved."))
            return redirect("members:settings_shop")
    return answer(request, "members/shop/store.html", {"form": form, "store": store}, form)
