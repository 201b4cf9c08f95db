"""Webhooks of a shop: the list, a new one with its secret shown once, its log, sending again, deleting."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from members.lib.outward import LONGEST_URL
from members.lib.refusals import Conflict, NotFound, Refusal
from members.lib.webhooks import WebhookEvent
from members.models import WebhookDelivery, WebhookEndpoint
from members.selectors import webhooks as selectors
from members.services import webhooks
from members.services.audit import Actor
from members.services.webhook_sending import KEPT_FOR, body_of
from members.web import gates, shown_once
from members.web.forms import OnceField, add_refusal, answer
from members.web.request import StaffRequest

MADE = "webhook_made"
PER_PAGE = 50
STATES = {
    "taken": ("success", gettext_lazy("Delivered")),
    "waiting": ("neutral", gettext_lazy("Waiting")),
    "retrying": ("warning", gettext_lazy("Will be tried again")),
    "given_up": ("critical", gettext_lazy("Given up")),
}
WORDS = {
    "http": gettext_lazy("The answer says no."),
    "bad-address": gettext_lazy("This is no address to send to."),
    "inside": gettext_lazy("The address leads into a private network; nothing is sent there."),
    "no-host": gettext_lazy("The internet knows no such host."),
    "no-connection": gettext_lazy("No connection came about."),
    "not-safe": gettext_lazy("The connection is not safe: look at the certificate."),
    "timeout": gettext_lazy("No answer came in time."),
    "not-http": gettext_lazy("What was answered is no HTTP."),
    "no-secret": gettext_lazy("The signing secret cannot be read. Delete the webhook and add it again."),
}


class WebhookForm(forms.Form):
    """A new webhook."""

    once = OnceField()
    url = forms.CharField(
        label=gettext_lazy("Address"),
        max_length=LONGEST_URL,
        help_text=gettext_lazy("An HTTPS address of your system that the internet can reach."),
        widget=forms.URLInput(attrs={"placeholder": "https://shop.example/webhooks", "autocomplete": "off"}),
    )
    events = forms.MultipleChoiceField(
        label=gettext_lazy("What it is told"),
        choices=WebhookEvent.choices,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": gettext_lazy("Choose at least one event.")},
    )


@gates.staff(read=gates.MANAGERS)
@never_cache
@require_safe
def webhooks_list(request: StaffRequest) -> HttpResponse:
    """The webhooks; right after one was added also its secret, this once."""
    name, secret = shown_once.take(request, MADE)
    rows = selectors.endpoints(merchant_id=request.merchant.pk)
    labels = dict(WebhookEvent.choices)
    shown = [
        {
            "row": row.endpoint,
            "events": [labels.get(event, event) for event in row.endpoint.events],
            "latest": None if row.latest is None else _state(row.latest),
            "latest_at": None if row.latest is None else row.latest.created_at,
        }
        for row in rows
    ]
    context = {"webhooks": shown, "secret": secret, "name": name}
    return render(request, "members/webhooks/list.html", context)


@gates.staff(read=gates.MANAGERS, write=gates.MANAGERS)
def webhooks_create(request: StaffRequest) -> HttpResponse:
    """Add a webhook."""
    form = WebhookForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            endpoint, secret = webhooks.add_endpoint(
                merchant_id=request.merchant.pk,
                at=timezone.now(),
                actor=Actor.person(request.user),
                url=form.cleaned_data["url"],
                events=form.cleaned_data["events"],
                public_id=form.cleaned_data["once"],
            )
        except Refusal as refusal:
            add_refusal(form, refusal)
        else:
            shown_once.keep(request, MADE, name=endpoint.url, secret=secret)
            return redirect("members:webhooks_list")
    return answer(request, "members/webhooks/create.html", {"form": form}, form)


@gates.staff(read=gates.MANAGERS)
@require_safe
def webhooks_page(request: StaffRequest, webhook_id: str) -> HttpResponse:
    """One webhook and the log of what was sent to it."""
    endpoint = selectors.endpoint(merchant_id=request.merchant.pk, public_id=webhook_id)
    if endpoint is None:
        raise Http404
    page = Paginator(selectors.deliveries(endpoint=endpoint), PER_PAGE).get_page(request.GET.get("page"))
    labels = dict(WebhookEvent.choices)
    at = timezone.now()
    context = {
        "webhook": endpoint,
        "events": [labels.get(event, event) for event in endpoint.events],
        "is_paused": endpoint.paused_until is not None and endpoint.paused_until > at,
        "page_obj": page,
        "rows": [_row(delivery, endpoint) for delivery in page.object_list],
        "days_kept": KEPT_FOR.days,
    }
    return render(request, "members/webhooks/page.html", context)


def _state(delivery: WebhookDelivery) -> dict[str, Any]:
    level, label = STATES[selectors.state_of(delivery)]
    return {"level": level, "label": label}


def _words(error: str) -> Any:
    return WORDS.get(error, error)


def _row(delivery: WebhookDelivery, endpoint: WebhookEndpoint) -> dict[str, Any]:
    return {
        "row": delivery,
        "state": _state(delivery),
        "error": _words(delivery.last_error),
        "next_at": selectors.next_at(delivery, endpoint),
        "body": json.dumps(json.loads(body_of(delivery)), ensure_ascii=False, indent=2),
        "log": [
            {**entry, "at": dt.datetime.fromisoformat(entry["at"]), "words": _words(entry["error"])}
            for entry in reversed(delivery.log)
        ],
    }


@gates.staff(read=gates.MANAGERS, write=gates.MANAGERS)
@require_POST
def webhooks_delete(request: StaffRequest, webhook_id: str) -> HttpResponse:
    """End a webhook."""
    try:
        webhooks.delete_endpoint(
            merchant_id=request.merchant.pk,
            at=timezone.now(),
            actor=Actor.person(request.user),
            public_id=webhook_id,
        )
    except NotFound:
        raise Http404 from None
    messages.success(request, _("The webhook is deleted. Nothing is sent there any more."))
    return redirect("members:webhooks_list")


@gates.staff(read=gates.MANAGERS, write=gates.MANAGERS)
@require_POST
def webhooks_redeliver(request: StaffRequest, message_id: str) -> HttpResponse:
    """Send one message again."""
    try:
        delivery = webhooks.redeliver(
            merchant_id=request.merchant.pk,
            at=timezone.now(),
            actor=Actor.person(request.user),
            public_id=message_id,
        )
    except NotFound:
        raise Http404 from None
    except Conflict as refusal:
        messages.error(request, refusal.detail)
        return redirect("members:webhooks_list")
    messages.success(request, _("The message is sent again. Look at its line in a moment."))
    return redirect("members:webhooks_page", webhook_id=delivery.endpoint.public_id)
