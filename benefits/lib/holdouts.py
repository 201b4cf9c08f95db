"""Who is held out of a benefit or campaign, so that its effect can be measured (domain.md 8).

A member's arm follows from the id of what is tried and the member alone: sha256("holdout:ID:MEMBER"), its first seven
hexadecimal digits modulo 10,000, is under the share in hundredths of a per cent. So it never changes, nobody can choose
it, and it is known before anything is written down.
"""

from __future__ import annotations

import hashlib
from typing import Any

from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds import Kind
from members.lib.refusals import Invalid

MOST_PERCENT = 50
PARTS = 10_000


def check_percent(value: Any, kind: Kind | None = None) -> int:
    """The share of members held out, in per cent; None is none. Raises Invalid outside 0 to 50, and where the kind
    cannot keep anybody out: prices, services and points work without a code, draws and rewards are promised to all."""
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_PERCENT:
        text = _("The control group is a whole number of per cent from 0 to %(most)s.")
        raise Invalid.on("holdout_percent", text % {"most": MOST_PERCENT})
    if value and kind is not None and not kind.may_hold_out:
        raise Invalid.on(
            "holdout_percent", _("Benefits of this kind cannot leave anybody out: only those with codes can.")
        )
    return value


def is_held(trial: str, percent: int, member_id: int) -> bool:
    """Whether a member is held out of what has this id."""
    if not percent:
        return False
    digest = hashlib.sha256(f"holdout:{trial}:{member_id}".encode()).hexdigest()
    return int(digest[:7], 16) % PARTS < percent * 100
