"""What staff may do about an opened entry of the ledger: reverse it, give expired points back."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.utils import timezone

from members.models import PointsEntry, PointsRequestStatus, ProgramStatus
from members.selectors import rules as rules_of
from members.selectors.member_entries import Why
from members.services.points_reversal import REVERSIBLE
from members.web import gates
from members.web.adjust_forms import GiveBackForm, ReasonForm
from members.web.request import StaffRequest

LONGEST_NUMBER = 15  # digits of an entry's number


def may_move(request: StaffRequest) -> bool:
    """Whether this person may move points by hand now."""
    program = request.program
    return (
        request.staff.role in gates.WRITERS and program is not None and program.status == ProgramStatus.OPEN
    )


def number(text: str) -> int | None:
    """An entry's number as an address gives it; None for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= LONGEST_NUMBER else None


def asked_for(text: str, **forms: Any) -> int | None:
    """The number of the entry to be opened: that of a form that came back, else the address's."""
    for form in forms.values():
        if form is not None:
            return number(str(form["entry"].value() or ""))
    return number(text)


def acts(
    request: StaffRequest,
    why: Why | None,
    *,
    reverse_form: ReasonForm | None = None,
    give_back_form: GiveBackForm | None = None,
) -> dict[str, Any]:
    """The forms under an opened entry, those that came back as they were filled in."""
    if why is None or not may_move(request):
        return {}
    entry = why.entry
    initial = {"entry": entry.sequence}
    if is_reversible(entry):
        return {"reverse": reverse_form or ReasonForm(initial=initial)}
    if is_returnable(request, entry):
        return {"give_back": give_back_form or GiveBackForm(initial={**initial, "points": -entry.points})}
    return {}


def is_reversible(entry: PointsEntry) -> bool:
    """Whether the entry is an adjustment or an award that stands."""
    asked = entry.request
    return (
        asked is not None
        and entry.posting == 1
        and asked.verb in REVERSIBLE
        and asked.status == PointsRequestStatus.DONE
    )


def is_returnable(request: StaffRequest, entry: PointsEntry) -> bool:
    """Whether the entry's points expired within the window in which they can be given back. One query."""
    if entry.kind != "expire":
        return False
    at = timezone.now()
    version = rules_of.version_at(merchant_id=request.merchant.pk, at=at)
    return version is not None and entry.at >= at - dt.timedelta(days=version.give_back_days)
