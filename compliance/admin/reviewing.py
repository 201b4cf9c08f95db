"""The review page of a preview: the programs it would clear, filtered, ticked and held out."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from compliance.admin.saved_views import shown
from compliance.models import Preview
from compliance.selectors import reviewing
from compliance.selectors.reviewing import BANDS, Filters
from members.admin.base import address, number, when
from members.models import Program
from members.web.forms import asked

LIST = "preview-programs"
HELD = {"yes": True, "no": False}


def band_words(start: int) -> str:
    """A size band in members."""
    end = reviewing.band_end(start)
    if end >= 2**61:
        return _("%(start)s members or more") % {"start": number(start)}
    if start == end:
        return _("no members")
    return _("%(start)s to %(end)s members") % {"start": number(start), "end": number(end)}


def members_words(count: int) -> str:
    """A count that stops where the largest band begins."""
    return band_words(BANDS[-1]) if count >= BANDS[-1] else number(count)


def filters_of(request: HttpRequest) -> Filters:
    """The filters that the address names; what it cannot mean is left out."""
    size = asked(request, "size")
    return Filters(
        size=int(size) if size.isdecimal() and len(size) < 9 and int(size) in BANDS else None,
        words=asked(request, "q"),
        is_new=asked(request, "new") == "yes",
        is_held=HELD.get(asked(request, "held")),
    )


def context(request: HttpRequest, obj: Preview) -> dict[str, Any]:
    """What `admin/platform/preview_programs.html` shows."""
    url = reverse("admin:compliance_preview_programs", args=[obj.pk])
    filters = filters_of(request)
    text = asked(request, "after")
    after = int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0
    rows, following = reviewing.programs(obj, filters, after=after)
    views = shown(request, LIST, url)
    views["view_act"] = reverse("admin:compliance_preview_filters", args=[obj.pk])
    chosen = {name: asked(request, name) for name in ("size", "q", "new", "held") if asked(request, name)}
    return {
        "preview": obj,
        "saved_views": views,
        "bands": [(str(start), band_words(start)) for start in BANDS],
        "chosen": chosen,
        "rows": [
            {
                "id": row.merchant_id,
                "name": row.name,
                "slug": row.slug,
                "url": address(Program, row.merchant_id),
                "members": members_words(row.members),
                "since": when(row.uncovered_since),
                "warned": when(row.last_warned_at),
                "held_out": row.held_out,
            }
            for row in rows
        ],
        "more_url": f"{url}?{urlencode(chosen | {'after': following})}" if following is not None else "",
        "back_url": f"{url}?{urlencode(chosen)}" if after else "",
        "list_url_plain": url,
    }
