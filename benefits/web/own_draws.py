"""Draws on the member's own page: what can be entered, as whom one entered, what was won (domain 8)."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext as _

from benefits.models import DrawState, DrawWin
from benefits.selectors import draws as selectors
from benefits.selectors import own as own_selector
from benefits.selectors.draws import Mine
from benefits.services import draws
from benefits.web import draws as shown_draws
from benefits.web import words
from benefits.web.own import one_act
from members.lib.fields import opaque_id
from members.selectors import points as points_selector
from members.templatetags.fmt import money_text
from members.web.own_page import Visit, own_page

DRAWS_SHOWN = 20


def draws_section(visit: Visit) -> dict[str, Any] | None:
    """The draws that the member may enter or has entered, the next to close first; what is over stays to be checked,
    whatever the program's state. At most nine queries, and one more an audience."""
    merchant_id, at = visit.merchant.pk, visit.at
    found = selectors.of_member(merchant_id=merchant_id, member_id=visit.member.pk, at=at)
    may_enter: set[int] = set()
    if visit.is_open and any(each.is_open for each in found):
        in_force = own_selector.in_force_for(merchant_id=merchant_id, member=visit.member, at=at)
        may_enter = {each.pk for each in in_force}
    wanted = [each for each in found if each.entries or each.draw.benefit_id in may_enter]
    wanted.sort(key=lambda each: (not each.is_open, abs(each.draw.closes_at - at)))
    if not wanted:
        return None
    available = points_selector.available(merchant_id=merchant_id, member_id=visit.member.pk)
    return {
        "template": "benefits/own/_draws.html",
        "draws": [
            _draw(visit, each, available, each.draw.benefit_id in may_enter) for each in wanted[:DRAWS_SHOWN]
        ],
        "is_entered": "entered" in visit.request.GET,
    }


def _draw(visit: Visit, mine: Mine, available: int, may_enter: bool) -> dict[str, Any]:
    draw, rules = mine.draw, mine.draw.rules
    is_full = draw.benefit.stock == 0
    price = rules["price_minor"]
    return {
        "row": draw,
        "id": draw.benefit.public_id,
        "name": rules["name"],
        "chip": shown_draws.chip(draw, visit.at),
        "until": words.last_day_text(draw.closes_at, visit.merchant.zone),
        "prizes": [
            each | {"worth": money_text(each["value_minor"], rules["currency"])}
            for each in shown_draws.prizes(rules)
        ],
        "price": "" if price is None else money_text(price, rules["currency"]),
        "points": rules["points"],
        "missing": max(rules["points"] - available, 0),
        "most": rules["entries"],
        "entrants": [each.entrant for each in mine.entries],
        "is_open": mine.is_open,
        "is_full": is_full and mine.is_open and may_enter and mine.left > 0,
        "can_enter": may_enter and mine.left > 0 and not is_full,
        "is_drawn": draw.state == DrawState.DRAWN,
        "won": [_prize(draw.rules, each) for each in mine.wins],
        "once": opaque_id(16),
    }


def _prize(rules: dict[str, Any], win: DrawWin) -> str:
    """What an entry won, in words."""
    return words.won(rules["prizes"][win.prize - 1], rules["price_minor"], rules["currency"])


@own_page("POST")
def own_enter(visit: Visit) -> HttpResponse:
    """Enter a draw, in one act; the same form sent twice enters once, and pays once."""
    return one_act(visit, draws.enter, nobody=_("There is no such draw."), done="?entered=1#draws")
