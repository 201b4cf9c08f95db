"""The rewards shop on the page that a member sees of their own: what there is for points, ordering it, the orders."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds import label_of
from benefits.models import Benefit, RewardState
from benefits.selectors import own as own_selector
from benefits.selectors import rewards as selectors
from benefits.services import claims, rewards
from benefits.services.rewards import is_sent
from benefits.web import words
from benefits.web.rewards import LEVELS
from members.lib.refusals import Refusal
from members.selectors import points as points_selector
from members.services.member_links import HIMSELF
from members.templatetags.fmt import money_text
from members.web.forms import OnceField, add_refusal, answer
from members.web.own_page import Visit, own_page

ORDERS_SHOWN = 20


class OrderForm(forms.Form):
    """Where to send a reward; one that comes as a code has no address."""

    send_to = forms.CharField(
        label=_("Where to send it"),
        max_length=rewards.LONGEST_ADDRESS,
        help_text=_("Name, phone and address. The shop uses them to send this reward alone."),
        error_messages={"required": _("Write name, phone and address, so that the shop can send it.")},
        widget=forms.Textarea(attrs={"rows": 3, "autocomplete": "street-address"}),
    )
    once = OnceField()

    def __init__(self, *args: Any, with_address: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not with_address:
            del self.fields["send_to"]


def _reward(visit: Visit, benefit: Benefit, available: int) -> dict[str, Any]:
    settings = benefit.settings
    cost, money = settings.get("points") or 0, settings.get("money_minor") or 0
    return {
        "id": benefit.public_id,
        "name": benefit.name or str(label_of(benefit.kind)),
        "item": settings.get("item") or "",
        "points": cost,
        "missing": max(cost - available, 0),
        "money": money_text(money, visit.merchant.currency) if money else "",
        "seen": f"{cost}-{money}",
        "is_sent": is_sent(benefit),
        "until": words.last_day_text(benefit.to_at, visit.merchant.zone) if benefit.to_at else "",
        "left": benefit.stock,
    }


def _offered(visit: Visit) -> list[Benefit]:
    found = own_selector.in_force_for(merchant_id=visit.merchant.pk, member=visit.member, at=visit.at)
    return [each for each in found if each.kind == selectors.KIND and each.settings.get("points")]


def _available(visit: Visit) -> int:
    return points_selector.available(merchant_id=visit.merchant.pk, member_id=visit.member.pk)


def rewards_section(visit: Visit) -> dict[str, Any] | None:
    """What the member can have for points; nothing while the program is not open."""
    offered = [each for each in _offered(visit) if each.stock != 0] if visit.is_open else []
    if not offered:
        return None
    available = _available(visit)
    return {
        "template": "benefits/own/_rewards.html",
        "rewards": [_reward(visit, each, available) for each in offered],
    }


def orders_section(visit: Visit) -> dict[str, Any] | None:
    """The member's orders and what became of them, whatever the program's state."""
    rows = selectors.of_member(merchant_id=visit.merchant.pk, member_id=visit.member.pk)[:ORDERS_SHOWN]
    orders = [
        {
            "row": row,
            "level": LEVELS[RewardState(row.state)],
            "state": row.get_state_display(),
            "money": money_text(row.money_minor, visit.merchant.currency) if row.money_minor else "",
        }
        for row in rows
    ]
    if not orders:
        return None
    return {
        "template": "benefits/own/_orders.html",
        "orders": orders,
        "is_ordered": "ordered" in visit.request.GET,
    }


@own_page("GET", "HEAD", "POST")
def own_reward(visit: Visit, benefit_id: str) -> HttpResponse:
    """One reward: what it costs, and ordering or exchanging it."""
    benefit = next((each for each in _offered(visit) if each.public_id == benefit_id), None)
    if benefit is None:
        raise Http404
    is_post = visit.request.method == "POST"
    form = OrderForm(visit.request.POST if is_post else None, with_address=is_sent(benefit))
    if is_post and form.is_valid():
        try:
            return _ordered(visit, benefit, form)
        except Refusal as refusal:
            add_refusal(form, refusal)
    available = _available(visit)
    context = {
        "visit": visit,
        "shop": visit.merchant,
        "token": visit.token,
        "reward": _reward(visit, benefit, available),
        "available": available,
        "form": form,
    }
    return answer(visit.request, "benefits/own/reward.html", context, form)


def _ordered(visit: Visit, benefit: Benefit, form: OrderForm) -> HttpResponse:
    """Spend the points. Raises Refusal."""
    asked: dict[str, Any] = {
        "merchant_id": visit.merchant.pk,
        "at": visit.at,
        "actor": HIMSELF,
        "member_id": visit.member.pk,
        "benefit_id": benefit.pk,
        "key": f"own-{form.cleaned_data['once']}",
    }
    seen = _seen(visit.request.POST.get("seen", ""))
    response = redirect("members:own_home", token=visit.token)
    if is_sent(benefit):
        rewards.place(send_to=form.cleaned_data["send_to"], seen=seen, **asked)
        response["Location"] += "?ordered=1#orders"
    else:
        claims.exchange(seen=seen and seen[0], **asked)
        response["Location"] += "?claimed=1#codes"
    return response


def _seen(text: str) -> tuple[int, int] | None:
    """The price (points, money) that the page showed when the member decided; None where the form does not say it."""
    cost, _dash, money = text.partition("-")
    is_price = all(each.isascii() and each.isdigit() and len(each) < 20 for each in (cost, money))
    return (int(cost), int(money)) if is_price else None
