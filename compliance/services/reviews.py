"""What a person confirms of a run: started by hand after a preview, or let go on by a second admin (ux.md)."""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from compliance.models import Preview, RunState
from compliance.models import Run as RunRow
from compliance.services import clearance
from members.lib import batches
from members.lib.refusals import Conflict, Invalid, NotFound
from members.services.audit import Actor

FRESH = dt.timedelta(hours=1)  # a preview older than this is no ground to start a run on
KEPT = dt.timedelta(days=30)
KEPT_LATEST = 5
OLD_PREVIEWS = """
made_at < %s and id not in (
    select id from (
        select id, row_number() over (partition by period order by made_at desc, id desc) as place
        from compliance_preview
    ) ranked where place <= %s
)
"""


def is_by_hand(preview: Preview) -> bool:
    """Whether it was a preview of a run at the very instant at which it was made."""
    return preview.at == preview.made_at


@transaction.atomic
def run_reviewed(
    *, preview_id: int, confirmed: int | None, at: dt.datetime, actor: Actor
) -> tuple[RunRow | None, Preview]:
    """Start the present period's run by hand after a preview, judged at `at`; (the run, the preview it goes by).

    confirmed: how many programs the person typed would be cleared. The facts are previewed again: when other programs
    would be cleared by now, nothing starts and the new preview comes back with None. Works as platform.
    Raises NotFound, Invalid (another number), Conflict (a preview too old or of another instant, a run exists).
    """
    seen = Preview.objects.filter(pk=preview_id).first()
    if seen is None:
        raise NotFound(_("There is no such preview."))
    run = clearance.by_hand(at=at)
    if RunRow.objects.filter(period=run.period).exists():
        raise Conflict(_("The run of %(period)s exists already.") % {"period": run.period})
    if not is_by_hand(seen) or seen.period != run.period or at - seen.made_at > FRESH:
        raise Conflict(_("This preview is too old to start a run on. Make a new one."))
    _require(seen, confirmed)
    now = clearance.preview(run=run, at=at, actor=actor)
    if now.would_clear != seen.would_clear:
        return None, now
    return clearance.run_now(at=at, actor=actor), now


def preview_of(row: RunRow) -> Preview | None:
    """The latest preview of a planned run's own instant."""
    found = Preview.objects.filter(period=row.period, at=row.at, by__isnull=False)
    return found.order_by("-made_at", "-id").first()


@transaction.atomic
def approve_reviewed(*, run_id: int, confirmed: int | None, at: dt.datetime, actor: Actor) -> RunRow:
    """Let a braked run go on: after a preview by another admin, never the same person. Works as platform.

    confirmed: as for `run_reviewed`. Raises NotFound, Invalid, Conflict (no preview, one's own, it does not wait).
    """
    row = RunRow.objects.filter(pk=run_id).first()
    if row is None:
        raise NotFound(_("There is no such run."))
    if row.state != RunState.BRAKED:
        raise Conflict(_("This run does not wait for approval."))
    seen = preview_of(row)
    if seen is None:
        raise Conflict(_("Nobody has previewed this run yet. Preview it; another admin then approves it."))
    if seen.by_id == actor.user_id:
        raise Conflict(_("You made the preview, so another admin approves the run."))
    _require(seen, confirmed)
    return clearance.approve(run_id=run_id, at=at, actor=actor)


def _require(seen: Preview, confirmed: int | None) -> None:
    if confirmed != seen.cleared:
        text = _("Type the number of programs that would be cleared: %(count)s.") % {"count": seen.cleared}
        raise Invalid(text, errors={"confirm": text})


def forget_previews(*, at: dt.datetime) -> int:
    """Delete previews made over 30 days before `at`, but the latest few of each period; returns how many."""
    return batches.delete(
        "compliance_preview", key=["id"], condition=OLD_PREVIEWS, values=[at - KEPT, KEPT_LATEST]
    )
