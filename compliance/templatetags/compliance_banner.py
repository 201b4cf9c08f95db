"""The compliance banner: called by `base.html` on every page of the console, so that pieces never pay for it."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.translation import gettext as _

from compliance.services import life
from compliance.web import banner, receipts
from compliance.web.banner import glance_of
from members.web import gates

register = template.Library()


@register.inclusion_tag("compliance/_frame.html", takes_context=True)
def compliance_banner(context: template.Context) -> dict[str, Any]:
    """The banner of the present merchant and, once a warning and person, its popup; stores who was shown which."""
    request = context.get("request")
    found = glance_of(request) if request is not None else None
    shown: dict[str, Any] = {"banner": None, "popup": None, "request": request}
    shown["csrf_token"] = context.get("csrf_token")
    if request is None or found is None:
        return shown
    shown |= banner.context_of(request)
    if not banner.needs_final_notice(found):
        if receipts.may_pop_up(request):
            shown["popup"] = banner.popup(found, role=request.staff.role)
        receipts.note_shown(request, found)
    return shown


@register.simple_tag(takes_context=True)
def closed_program(context: template.Context) -> dict[str, Any]:
    """What a page that a clearance locked says: until when to appeal (a date or None), and the ways on."""
    request = context.get("request")
    found = glance_of(request) if request is not None else None
    if request is None or found is None or not found.is_cleared:
        return {"until": None, "reopens_at": None, "can_reopen": False, "appeal": None, "can_appeal": False}
    reopens_at = life.reopens_at(found.program, at=found.at)
    waited = reopens_at is not None and reopens_at <= found.at
    return {
        "lead": _("This part of the console is locked: the program was closed by a clearance."),
        "until": None if found.appeal else banner.appeal_until(found),
        "appeal": found.appeal,
        "can_appeal": request.staff.role in gates.MANAGERS,
        "may_read": request.staff.role in gates.READERS,
        "reopens_at": reopens_at,
        "can_reopen": waited and request.staff.role in gates.MANAGERS,
        "is_cleared": True,
    }
