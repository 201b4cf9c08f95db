"""The cure in two clicks: the drawer with the ready choices, and its one confirmation (ux.md)."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from benefits.models import Benefit
from compliance.lib.calendar import PLATFORM_ZONE
from compliance.lib.state import State
from compliance.selectors.glance import Glance
from compliance.services import cures
from compliance.services.cures import Offer
from compliance.templatetags.compliance_banner import banner_context
from compliance.web import banner, cards
from compliance.web.banner import forget, glance_of
from members.lib.fields import opaque_id
from members.lib.refusals import Refusal
from members.services.audit import Actor
from members.templatetags.fmt import money_text, points
from members.web import gates
from members.web.forms import OnceField


def drawer(request: HttpRequest, found: Glance) -> dict[str, Any]:
    """Context of `compliance/cures/_drawer.html`; nothing where the choices are not offered."""
    if found.facts is None or not banner.can_cure(found, request.staff.role):
        return {"cures": None}
    currency = request.merchant.currency
    offers = cures.offers(facts=found.facts, at=found.at)
    return {
        "cures": [described(offer, found.at, currency) for offer in offers],
        "once": opaque_id(16),
        "is_safe": found.state is State.OPEN,
    }


def described(offer: Offer, at: dt.datetime, currency: str) -> dict[str, Any]:
    """A choice in words: title, when and how many, who, what it can cost, until when it makes safe."""
    choice, arguments = offer.choice, offer.choice.arguments
    audience = str(choice.audience_text)
    if offer.reach is not None:
        audience = ngettext("{who}, {n} person", "{who}, {n} people", offer.reach).format(
            who=audience, n=points(offer.reach)
        )
    cap = choice.cost_cap_minor
    return {
        "key": choice.key,
        "title": str(choice.title),
        "note": _note(at, arguments.get("to_at"), arguments.get("stock")),
        "audience": audience,
        "cost": _("cannot be capped") if cap is None else money_text(cap, currency),
        "safe": safe_text(offer),
        "helps": offer.helps,
    }


def safe_text(offer: Offer) -> str:
    """Until when publishing it makes safe."""
    return _("no end in sight") if offer.next_run is None else offer.next_run.on.isoformat()


def _note(at: dt.datetime, to_at: dt.datetime | None, stock: int | None) -> str:
    if to_at is None:
        when = _("From now on, open-ended")
    else:
        days = (to_at - at).days
        when = ngettext("{n} day from now, until {date}", "{n} days from now, until {date}", days).format(
            n=days, date=to_at.astimezone(PLATFORM_ZONE).date().isoformat()
        )
    if stock is None:
        return when
    return ngettext("{when}; {n} piece", "{when}; {n} pieces", stock).format(when=when, n=points(stock))


@gates.staff(read=gates.NOBODY, write=gates.WRITERS)
@require_POST
def cure(request: HttpRequest) -> HttpResponse:
    """Publish the choice; banner, chip and cards change in the same answer, or the page is shown anew."""
    found = glance_of(request)
    assert found is not None  # a staff page has a merchant with its program
    page = "home" if request.POST.get("page") == "home" else "status"
    try:
        benefit = cures.publish(
            merchant_id=request.merchant.pk,
            key=request.POST.get("choice", "")[:64],
            at=found.at,
            actor=Actor.person(request.user),
            public_id=OnceField().clean(request.POST.get("once")),
        )
    except Refusal as refusal:
        return _refused(request, found, refusal, page)
    forget(request)
    now = glance_of(request)
    assert now is not None
    is_safe = not now.is_threatened
    text = lifted_text(now, benefit) if is_safe else still_text(benefit)
    (messages.success if is_safe else messages.warning)(request, text)
    if not request.headers.get("HX-Request"):
        return redirect(f"compliance:{page}")
    return render(request, "compliance/cures/_done.html", _swapped(request, now, page) | {"spoken": text})


def lifted_text(found: Glance, benefit: Benefit) -> str:
    """What was done, and until when the program is safe."""
    if found.run is None:
        return _("Risk lifted: “{name}” is live. With what is set up now, no clearance is in sight.").format(
            name=benefit
        )
    return _("Risk lifted: “{name}” is live. With what is set up now, no clearance before {date}.").format(
        name=benefit, date=found.run.on.isoformat()
    )


def still_text(benefit: Benefit) -> str:
    """A benefit that is live and does not lift the risk."""
    return _("“{name}” is live, but the program is still at risk. See below which benefits count.").format(
        name=benefit
    )


def _swapped(request: HttpRequest, found: Glance, page: str) -> dict[str, Any]:
    """Everything that the answer changes on the page behind the drawer."""
    from compliance.web import home, status

    context: dict[str, Any] = {"page": page, "at": found.at} | banner_context(request)
    if page == "home":
        card = cards.state_card(found)
        context |= {"card": card, "todos": home.todos(request, found, card=card)}
    else:
        context |= status.body(request, found)
    return context | drawer(request, found)


def _refused(request: HttpRequest, found: Glance, refusal: Refusal, page: str) -> HttpResponse:
    """The drawer again with what was refused, 422; without a script the page with it."""
    if request.headers.get("HX-Request"):
        context = drawer(request, found) | {"refusal": refusal.detail, "page": page}
        return render(request, "compliance/cures/_form.html", context, status=422)
    from compliance.web import status

    context = status.context(request, found) | {"refusal": refusal.detail}
    return render(request, "compliance/status/page.html", context, status=422)
