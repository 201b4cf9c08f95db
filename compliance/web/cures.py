"""The one confirmation of the cure: publishes, and changes banner, chip and cards in the same answer (ux.md)."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from benefits.models import Benefit
from compliance.selectors.glance import Glance
from compliance.services import cures
from compliance.web import banner, cards, offers, status
from compliance.web.banner import forget, glance_of
from compliance.web.todos import steps
from members.lib.refusals import Refusal
from members.services.audit import Actor
from members.web import gates
from members.web.forms import OnceField, one_line
from members.web.request import StaffRequest


@gates.staff(read=gates.NOBODY, write=gates.WRITERS)
@require_POST
def cure(request: StaffRequest) -> HttpResponse:
    """Publish the choice; banner, chip and cards change in the same answer, or the page is shown anew."""
    found = glance_of(request)
    assert found is not None  # a staff page has a merchant with its program
    page = "home" if request.POST.get("page") == "home" else "status"
    try:
        benefit = cures.publish(
            merchant_id=request.merchant.pk,
            key=one_line(request.POST.get("choice", ""), most=64),
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
    response = render(request, "compliance/cures/_done.html", _swapped(request, now, page) | {"spoken": text})
    response["HX-Trigger-After-Swap"] = "liushui:done"  # the drawer closes
    return response


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


def _swapped(request: StaffRequest, found: Glance, page: str) -> dict[str, Any]:
    """Everything that the answer changes on the page behind the drawer."""
    context: dict[str, Any] = {"page": page, "at": found.at} | banner.context_of(request)
    if page == "home":
        card = cards.state_card(found)
        context |= {"card": card} | steps(request.staff.role, found, card["lines"], user_id=request.user.pk)
    else:
        context |= status.body(request, found)
    return context | offers.drawer(request, found)


def _refused(request: StaffRequest, found: Glance, refusal: Refusal, page: str) -> HttpResponse:
    """The drawer again with what was refused, 422; without a script the page with it."""
    if request.headers.get("HX-Request"):
        context = offers.drawer(request, found) | {"refusal": refusal.detail, "page": page}
        return render(request, "compliance/cures/_form.html", context, status=422)
    context = status.context(request, found) | {"refusal": refusal.detail}
    return render(request, "compliance/status/page.html", context, status=422)
