"""Appeals in words, for the list and the page of one."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from compliance.lib.calendar import platform_date
from compliance.models import Appeal, AppealState, Notice
from compliance.web import words
from compliance.web.notices import title_of

LEVELS = {
    AppealState.OPEN: "info",
    AppealState.UPHELD: "success",
    AppealState.REFUSED: "critical",
    AppealState.WITHDRAWN: "neutral",
}


def against(notice: Notice | None, period: str) -> tuple[str, str]:
    """What an appeal is against, and the page with its evidence."""
    if notice is not None:
        return title_of(notice), f"{reverse('compliance:notices')}#{notice.public_id}"
    return _("Clearance of {period}").format(period=period), reverse("compliance:evidence")


def row_of(row: Appeal, at: dt.datetime) -> dict[str, Any]:
    """An appeal in words."""
    title, url = against(row.notice, row.run.period if row.run else "")
    state = AppealState(row.state)
    return {
        "id": row.public_id,
        "title": title,
        "url": url,
        "filed_at": words.on_platform(row.filed_at),
        "filed_by": str(row.filed_by) if row.filed_by else "",
        "text": row.text,
        "due_on": row.due_on.isoformat(),
        "is_overdue": row.is_open and row.due_on < platform_date(at),
        "ended_at": words.on_platform(row.ended_at) if row.ended_at else "",
        "level": LEVELS[state],
        "state": state.label,
        "is_open": row.is_open,
        "answer": row.answer,
        "dialog": f"withdraw-{row.public_id}",
    }
