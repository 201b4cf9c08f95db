"""If clearance ran tonight: counts, the programs it would close, and a map over the coming months."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from compliance.admin.reviewing import band_words
from compliance.admin.workbench import tonight_piece
from compliance.selectors import policies, tonight, workbench
from compliance.selectors.reviewing import BANDS
from members.admin.base import Page, Table, address, link, number
from members.lib.refusals import Conflict
from members.models import Program

LISTED = 200
MONTHS = 12


def page(request: HttpRequest, frame: dict[str, Any]) -> HttpResponse:
    """The page inside the admin's frame."""
    at = timezone.now()
    try:
        tables = [_map(at), _list(at)]
        piece = tonight_piece(at)
    except Conflict as refusal:
        tables, piece = [], {"not_installed": refusal.detail}
    shown = Page(title=_("If clearance ran tonight"), tables=tables)
    return TemplateResponse(
        request, "admin/platform/if_tonight.html", {**frame, **piece, "title": shown.title, "page": shown}
    )


def _map(at: dt.datetime) -> Table:
    """Programs that fall due by run date and size."""
    title = _("Programs that fall due at the coming runs, as they are set up now")
    found = tonight.months(workbench.coming_runs(policies.history(), at, MONTHS))
    if found is None:
        note = _("There are too many to be counted while you wait.")
        return Table(title, [], [], empty=note)
    is_banded = any(month.bands is not None for month in found)
    bands = BANDS if is_banded else ()
    return Table(
        title,
        [_("Run on"), _("Programs"), *(band_words(start) for start in bands)],
        [
            (
                month.run.on.isoformat(),
                number(month.programs),
                *(number((month.bands or {}).get(start)) for start in bands),
            )
            for month in found
        ],
        empty=_("No run is to come under the present policy."),
        note=_(
            "By the standings as the last daily job left them; each program is at the first run that threatens it."
        )
        + ("" if is_banded else " " + _("Sizes are not shown: too many programs are threatened.")),
        numbers=tuple(range(1, 2 + len(bands))),
    )


def _list(at: dt.datetime) -> Table:
    rows = tonight.would_clear(at=at, most=LISTED)
    return Table(
        _("Programs that it would close"),
        [_("Merchant"), _("Short name")],
        [(link(address(Program, row.pk), row.name), row.slug) for row in rows],
        empty=_("None."),
        note=_("The first %(shown)s.") % {"shown": LISTED} if len(rows) == LISTED else "",
    )
