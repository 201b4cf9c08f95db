"""Checking in on the page that a member sees of their own: where a benefit rewards it, once a day of the shop."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect

from members.lib.periods import merchant_day
from members.lib.refusals import NotFound, Refusal
from members.selectors import check_ins
from members.selectors import rules as rules_selector
from members.services import earning
from members.services.member_links import HIMSELF
from members.web.own_home import shown
from members.web.own_page import Visit, own_page


def check_in_card(visit: Visit) -> dict[str, Any] | None:
    """Today's check-in and the row of days. Only where a benefit invites to it: by the program's own rule alone, the
    shop's systems or staff say who came by."""
    if not visit.is_open:
        return None
    asked: dict[str, Any] = {"merchant_id": visit.merchant.pk, "member_id": visit.member.pk}
    version = rules_selector.version_at(merchant_id=visit.merchant.pk, at=visit.at)
    if version is None or "check_ins" not in version.earning:
        return None
    rules = rules_selector.rules_at(
        merchant_id=visit.merchant.pk, at=visit.at, program=visit.program, version=version
    )
    found = check_ins.rules_of(rules=rules, at=visit.at, **asked)
    if not any(rule.owner for rule in found):
        return None
    row = check_ins.row_of(rules=found, today=merchant_day(visit.at, visit.merchant.zone), **asked)
    return {"template": "members/own/_check_in.html", "row": row, "is_new": "checked" in visit.request.GET}


@own_page("POST")
def own_check_in(visit: Visit) -> HttpResponse:
    """Check in, in one act; the same form sent twice checks in once."""
    try:
        if check_in_card(visit) is not None:  # where nobody invites to it, the shop says who came by
            earning.earn(
                merchant_id=visit.merchant.pk,
                at=visit.at,
                actor=HIMSELF,
                member_id=visit.member.pk,
                event="check_in",
            )
    except Refusal as refusal:
        return shown(visit, status=404 if isinstance(refusal, NotFound) else 422, problem=refusal.detail)
    response = redirect("members:own_home", token=visit.token)
    response["Location"] += "?checked=1#check-in"
    return response
