"""Tags of one member: putting one on, taking one off (domain.md 10)."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from members.lib.refusals import Refusal
from members.lib.segments import LONGEST_TAG
from members.services import tags
from members.services.audit import Actor
from members.web import gates
from members.web.forms import one_line
from members.web.members import member_of
from members.web.request import StaffRequest


@gates.staff(read=gates.NOBODY, write=gates.WRITERS, function="members")
@require_POST
def members_tags(request: StaffRequest, member_id: str) -> HttpResponse:
    """Put the tag that was typed on a member, or take off the one whose button was pressed; that undoes it."""
    member = member_of(request, member_id)
    gone = one_line(request.POST.get("untag", ""), most=LONGEST_TAG)
    name = gone or " ".join(one_line(request.POST.get("tag", "")).split())
    work = tags.remove if gone else tags.add
    try:
        work(
            merchant_id=request.merchant.pk,
            at=timezone.now(),
            actor=Actor.person(request.user),
            member_id=member.pk,
            name=name,
        )
    except Refusal as refusal:
        messages.error(request, refusal.detail)
    else:
        told = _("The tag “%(tag)s” is taken off.") if gone else _("The tag “%(tag)s” is put on.")
        messages.success(request, told % {"tag": name})
    return redirect("members:members_page", member_id=member.public_id)
