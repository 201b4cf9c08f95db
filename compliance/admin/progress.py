"""Progress of long work on the platform's pages: a bar that asks for itself again while the work moves."""

from __future__ import annotations

from typing import Any

from django.utils.safestring import SafeString

from compliance.admin.words import COUNTED
from compliance.selectors.run_reports import Progress
from members.admin.base import number

POLL_SECONDS = 2


def bar(
    found: Progress, *, is_moving: bool, url: str, chip: SafeString, goes_on: str, look_again: str = ""
) -> dict[str, Any]:
    """What `admin/platform/_progress.html` shows.

    url: answers with the piece alone. goes_on: what to say while it moves. look_again: where a browser without scripts
    looks again, this page unless said otherwise.
    """
    return {
        "progress": found,
        "is_moving": is_moving,
        "poll_seconds": POLL_SECONDS,
        "progress_url": url,
        "state_chip": chip,
        "goes_on": goes_on,
        "look_again": look_again,
        "decided": [(COUNTED[name], number(count)) for name, count in found.decided.items()],
    }
