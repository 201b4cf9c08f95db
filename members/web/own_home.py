"""The page that a member sees of their own: tier, points, and the parts that other apps register."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render

from members.lib.masks import masked_name, masked_phone
from members.models import Member
from members.selectors import member_page
from members.web.own_page import Visit, own_page
from members.web.own_sections import sections_of


@own_page("GET", "HEAD")
def own_home(visit: Visit) -> HttpResponse:
    """The whole page."""
    return shown(visit)


def shown(visit: Visit, *, status: int = 200, **more: Any) -> HttpResponse:
    """The page; `more`: what an act on it has to say (`said`, `problem`: a sentence)."""
    context = {
        "visit": visit,
        "shop": visit.merchant,
        "token": visit.token,
        "who": _who(visit.member),
        "sections": sections_of(visit),
        **more,
    }
    return render(visit.request, "members/own/page.html", context, status=status)


def _who(member: Member) -> str:
    """A member as their own page names them: masked, since others see the screen."""
    if member.name_token is not None:
        return masked_name(member.name)
    return masked_phone(member.phone) if member.phone_index is not None else ""


def tier_card(visit: Visit) -> dict[str, Any]:
    """The member's tier: what it is, until when, the way to the next."""
    progress = member_page.progress(merchant=visit.merchant, member=visit.member, at=visit.at)
    return {"template": "members/own/_tier.html", "progress": progress}


def points_card(visit: Visit) -> dict[str, Any]:
    """The member's points: what can be spent, what waits, what expires next."""
    return {
        "template": "members/own/_points.html",
        "points": member_page.points_card(merchant=visit.merchant, member_id=visit.member.pk),
    }
