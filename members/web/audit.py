"""The audit log: who changed what, when and why."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from members.models import AuditRow, Role
from members.selectors import audit as selectors
from members.web import audit_words, gates
from members.web.forms import asked, midnight, offer
from members.web.htmx import wants_piece
from members.web.request import StaffRequest

READERS = frozenset({Role.OWNER, Role.MANAGER, Role.ANALYST})
PER_PAGE = 50
ACTORS = [
    ("", _("Everybody")),
    ("user", _("Staff")),
    ("api_key", _("API keys")),
    ("job", _("Scheduled work")),
    ("platform", _("The platform")),
]


class AuditFilters(forms.Form):
    """Filters that live in the address."""

    actor = forms.ChoiceField(label=_("Who"), choices=ACTORS, required=False)
    topic = forms.ChoiceField(label=_("What"), required=False)
    date_from = forms.DateField(label=_("From"), required=False)
    date_to = forms.DateField(label=_("To, this day included"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer(self, "topic", [("", _("Everything")), *audit_words.topics()])


def _shown(row: AuditRow) -> dict[str, Any]:
    """A row with its change in words: only what differs, each name once."""
    before, after = row.before or {}, row.after or {}
    names = [*before, *(name for name in after if name not in before)]
    topic = audit_words.topic_of(row.action)
    changes = [
        {
            "name": audit_words.field(name),
            "before": audit_words.text(before.get(name), topic, name),
            "after": audit_words.text(after.get(name), topic, name),
            "had": name in before,
            "has": name in after,
        }
        for name in names
        if name not in before or name not in after or before[name] != after[name]
    ]
    return {"row": row, "action": audit_words.label(row.action), "changes": changes}


@gates.staff(read=READERS)
def audit_list(request: StaffRequest) -> HttpResponse:
    """The log, newest first, fifty a page; days are the merchant's."""
    filters = AuditFilters(request.GET or None)
    chosen = filters.cleaned_data if filters.is_valid() else {}
    text, zone = asked(request), request.merchant.zone
    found = selectors.rows(
        merchant_id=request.merchant.pk,
        actor_kind=chosen.get("actor", ""),
        topic=chosen.get("topic", ""),
        text=text,
        from_at=midnight(chosen.get("date_from"), zone),
        to_at=midnight(chosen.get("date_to"), zone, after=True),
    )
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "filters": filters,
        "q": text,
        "page_obj": page,
        "rows": [_shown(row) for row in page.object_list],
        "is_filtered": bool(text or any(chosen.values())),
    }
    template = "members/audit/_list.html" if wants_piece(request) else "members/audit/list.html"
    return render(request, template, context)
