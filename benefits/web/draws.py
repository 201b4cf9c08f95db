"""Draws in the console: the card on a benefit's page, entering a member, the proof file to take away (domain 8)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from benefits.models import Benefit, BenefitStatus, Draw, DrawState
from benefits.selectors import draws as selectors
from benefits.services import draws
from benefits.web import words
from benefits.web.cashier import who
from members.lib.refusals import NotFound, Refusal
from members.models import Merchant
from members.services.audit import Actor
from members.web import gates
from members.web.forms import OnceField, add_refusal, answer, offer
from members.web.members import member_of
from members.web.request import StaffRequest

SHOWN = 50
LEVELS = {DrawState.DRAWN: "success", DrawState.WITHDRAWN: "neutral"}
writes = gates.staff(read=gates.WRITERS, write=gates.WRITERS, function="benefits")


class EnterForm(forms.Form):
    """Which draw."""

    benefit = forms.ChoiceField(
        label=gettext_lazy("Draw"),
        error_messages={"required": gettext_lazy("Choose a draw.")},
    )
    once = OnceField()


def chip(draw: Draw, at: dt.datetime, *, rests: bool = False) -> dict[str, str]:
    """Level and word of how a draw stands; `rests`: its program is not open, so nobody enters."""
    if draw.state != DrawState.OPEN:
        return {"level": LEVELS[DrawState(draw.state)], "text": str(DrawState(draw.state).label)}
    if at < draw.opens_at:
        return {"level": "info", "text": _("Entries not open yet")}
    if at < draw.closes_at and (rests or draw.benefit.status == BenefitStatus.PAUSED):
        return {"level": "warning", "text": str(BenefitStatus.PAUSED.label)}
    if at < draw.closes_at:
        return {"level": "success", "text": pgettext("draw", "Entries open")}
    return {"level": "warning", "text": _("Entries closed, winners are being drawn")}


def prizes(rules: dict[str, Any]) -> list[dict[str, Any]]:
    """The prizes of a draw, with their number or odds in words."""
    return [each | {"how_many": words.odds_text(each)} for each in rules["prizes"]]


def outcome(draw: Draw, winners: int) -> str:
    """What became of a draw, in a sentence; "" before."""
    if draw.state != DrawState.DRAWN:
        return ""
    if not draw.entrants:
        return _("Nobody entered, so nobody won. The prizes stay with the shop.")
    if not winners:
        return _("Nobody won: by the published odds no entry did.")
    told = {"winners": f"{winners:,}", "entrants": f"{draw.entrants:,}"}
    return _("Prizes won: %(winners)s. Entries: %(entrants)s.") % told


def card(request: StaffRequest, benefit: Benefit, at: dt.datetime) -> dict[str, Any] | None:
    """What a benefit's page shows of the draw behind it; None where there is none. At most four queries."""
    draw = selectors.of_benefit(merchant_id=request.merchant.pk, benefit_id=benefit.pk)
    if draw is None:
        return None
    counts = selectors.counts(draw)
    rows = list(selectors.wins(draw)[:SHOWN]) if counts.winners else []
    return {
        "row": draw,
        "shop": request.merchant.slug,
        "chip": chip(draw, at),
        "counts": counts,
        "outcome": outcome(draw, counts.winners),
        "winners": [
            {
                "who": who_won(each),
                "prize": draw.rules["prizes"][each.prize - 1]["name"],
                "code": each.entitlement.code,
                "entrant": each.entry.entrant,
            }
            for each in rows
        ],
        "more": counts.winners - len(rows),
    }


def moves(draw: Draw, at: dt.datetime, offered: Mapping[str, Any]) -> dict[str, bool]:
    """Of what a benefit's page offers, what a draw that has begun still admits: nothing until it was held, its end
    afterwards."""
    if at < draw.opens_at or draw.state == DrawState.WITHDRAWN:
        return {}
    is_held = draw.state == DrawState.DRAWN
    return {"can_change": False, "can_pause": False, "can_end": bool(offered["can_end"]) and is_held}


def who_won(win: Any) -> str:
    """The member behind a win, masked."""
    win.entitlement.member = win.entry.member
    return who(win.entitlement)


def open_draws(merchant: Merchant, at: dt.datetime) -> list[Draw]:
    """Draws that take entries now, the next to close first. One query."""
    return selectors.open_to_entries(merchant_id=merchant.pk, at=at)


@writes
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def draws_enter(request: StaffRequest, member_id: str) -> HttpResponse:
    """Enter a member in a draw, by the same rules as everybody."""
    member, at = member_of(request, member_id), timezone.now()
    found = open_draws(request.merchant, at)
    form = EnterForm(request.POST or None)
    offer(form, "benefit", [(each.benefit.public_id, str(each.benefit)) for each in found])
    if request.method == "POST" and form.is_valid():
        chosen = next(each for each in found if each.benefit.public_id == form.cleaned_data["benefit"])
        try:
            entry, _is_new = draws.enter(
                merchant_id=request.merchant.pk,
                at=at,
                actor=Actor.person(request.user),
                member_id=member.pk,
                benefit_id=chosen.benefit_id,
                key=f"page-{form.cleaned_data['once']}",
            )
        except NotFound:
            raise Http404 from None
        except Refusal as refusal:
            add_refusal(form, refusal)
        else:
            text = _("The member is entered in “%(name)s” as %(entrant)s.")
            messages.success(request, text % {"name": chosen.benefit, "entrant": entry.entrant[:12]})
            return redirect("members:members_page", member.public_id)
    context = {"member": member, "form": form, "draws": found}
    return answer(request, "benefits/draws/enter.html", context, form)
