"""Everything that happened to one member, newest first, and why."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from members.selectors import timeline
from members.selectors.timeline import KINDS, Mark
from members.web import gates, timeline_words
from members.web.forms import asked
from members.web.htmx import wants_piece
from members.web.members import member_of
from members.web.request import StaffRequest


@gates.staff(read=gates.READERS, function="members")
@require_GET
def members_timeline(request: StaffRequest, member_id: str) -> HttpResponse:
    """A page of the timeline; asked by htmx, its lines alone. A mark or kind that is none is left out."""
    member = member_of(request, member_id)
    kind = asked(request, "kind")
    kind = kind if kind in KINDS else ""
    before = Mark.parse(asked(request, "before"))
    page = timeline.page(merchant=request.merchant, member=member, kind=kind, before=before)
    reader = timeline_words.Reader(request.merchant, member)
    context = {
        "member": member,
        "kind": kind,
        "kinds": [(name, timeline_words.kind_label(name)) for name in KINDS],
        "lines": timeline_words.rows(page.lines, reader),
        "next": page.next,
        "is_later": before is not None,
    }
    piece = wants_piece(request)
    template = "members/members/_timeline.html" if piece else "members/members/timeline.html"
    return render(request, template, context)
