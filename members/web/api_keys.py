"""API keys of a shop: the list, a new key shown once, revoking."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from members.lib.refusals import NotFound, Refusal
from members.lib.scopes import Scope
from members.selectors import api_keys as selectors
from members.services import api_keys
from members.services.audit import Actor
from members.web import gates, shown_once
from members.web.forms import OnceField, add_refusal, answer
from members.web.request import StaffRequest

MADE = "api_key_made"


class KeyForm(forms.Form):
    """A new key."""

    once = OnceField()
    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=60,
        help_text=gettext_lazy("Which system uses it, for example the till or the web shop."),
    )
    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("What the key may do"),
        choices=Scope.choices,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": gettext_lazy("Choose at least one thing the key may do.")},
    )


@gates.staff(read=gates.MANAGERS)
@never_cache
def api_keys_list(request: StaffRequest) -> HttpResponse:
    """The keys; right after one was made also its secret, this once."""
    name, secret = shown_once.take(request, MADE)
    keys = selectors.keys(merchant_id=request.merchant.pk)
    labels = dict(Scope.choices)
    shown = [{"row": key, "scopes": [labels.get(s, s) for s in key.scopes]} for key in keys]
    return render(request, "members/api_keys/list.html", {"keys": shown, "secret": secret, "name": name})


@gates.staff(read=gates.MANAGERS, write=gates.MANAGERS)
def api_keys_create(request: StaffRequest) -> HttpResponse:
    """Make a key."""
    form = KeyForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            key, secret = api_keys.create_key(
                merchant_id=request.merchant.pk,
                name=form.cleaned_data["name"],
                scopes=form.cleaned_data["scopes"],
                actor=Actor.person(request.user),
                at=timezone.now(),
                public_id=form.cleaned_data["once"],
            )
        except Refusal as refusal:
            add_refusal(form, refusal)
        else:
            shown_once.keep(request, MADE, name=key.name, secret=secret)
            return redirect("members:api_keys_list")
    return answer(request, "members/api_keys/create.html", {"form": form}, form)


@gates.staff(read=gates.MANAGERS, write=gates.MANAGERS)
@require_POST
def api_keys_revoke(request: StaffRequest, key_id: str) -> HttpResponse:
    """End a key."""
    try:
        key = api_keys.revoke_key(
            merchant_id=request.merchant.pk,
            public_id=key_id,
            actor=Actor.person(request.user),
            at=timezone.now(),
        )
    except NotFound:
        raise Http404 from None
    messages.success(request, _("The key “%(name)s” no longer works.") % {"name": key.name})
    return redirect("members:api_keys_list")
