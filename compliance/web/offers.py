"""The ready choices of the cure's drawer in words (ux.md, Cure in two clicks)."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from benefits.web.words import gives
from compliance.lib.calendar import PLATFORM_ZONE
from compliance.lib.state import State
from compliance.selectors.glance import Glance
from compliance.services import cures
from compliance.services.cures import Offer
from compliance.web import banner
from members.lib.fields import opaque_id
from members.templatetags.fmt import money_text, points
from members.web.request import StaffRequest


def drawer(request: StaffRequest, found: Glance) -> dict[str, Any]:
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
        "gives": gives(choice.kind, arguments.get("settings", {}), currency),
        "note": _note(at, arguments.get("to_at"), arguments.get("stock")),
        "audience": audience,
        "cost": _("no limit") if cap is None else money_text(cap, currency),
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
        when = ngettext("From now until {date} ({n} day)", "From now until {date} ({n} days)", days).format(
            n=days, date=to_at.astimezone(PLATFORM_ZONE).date().isoformat()
        )
    if stock is None:
        return when
    return ngettext("{when}; {n} piece", "{when}; {n} pieces", stock).format(when=when, n=points(stock))
