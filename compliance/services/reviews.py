"""What a person confirms of a run: started by hand after a preview, or let go on by a second admin (ux.md)."""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.db.models import Max
from django.db.models.functions import Greatest
from django.utils.translation import gettext_lazy as _

from compliance.models import HoldOut, Preview, PreviewState, Purpose, RunState
from compliance.models import Run as RunRow
from compliance.selectors import run_reports
from compliance.services import clearance, previews
from members.lib import batches
from members.lib.refusals import Conflict, Invalid, NotFound
from members.services.audit import Actor

FRESH = dt.timedelta(hours=1)  # figures older than this are no ground to start a run on
KEPT = dt.timedelta(days=30)
KEPT_LATEST = 5
OLD_PREVIEWS = """
made_at < %s and state in ('done', 'failed', 'stopped') and run_id is null and confirms_id is null
and not exists (select from compliance_preview later where later.confirms_id = compliance_preview.id) and id not in (
    select id from (
        select id, row_number() over (partition by period order by made_at desc, id desc) as place
        from compliance_preview
    ) ranked where place <= %s
)
"""


def is_by_hand(preview: Preview) -> bool:
    """Whether it was a preview of a run at the very instant at which it was made."""
    return preview.at == preview.made_at


def is_fresh(preview: Preview, *, at: dt.datetime) -> bool:
    """Whether a run may still be started on its figures."""
    return preview.done_at is not None and at - preview.done_at <= FRESH


NOT_ONES_OWN = _("You made the preview, so another admin starts the run.")


@transaction.atomic
def confirm(*, preview_id: int, confirmed: int | None, at: dt.datetime, actor: Actor) -> Preview:
    """Have the present period's run started after a preview, judged at `at`; the second look that it goes by.

    A worker looks at the facts once more and starts the run, unless other programs would be cleared by now: then
    nothing starts, and the second look is a preview to confirm. A second press gives the same one.
    confirmed: how many programs the person typed would be cleared. Who asked for the preview does not start the run:
    not by a second look that found other facts either. Works as platform.
    Raises NotFound, Invalid (another number), Conflict (a preview not done, too old or of another instant, one's own,
    a run exists).
    """
    seen = run_reports.shown_previews().select_for_update().filter(pk=preview_id).first()
    if seen is None:
        raise NotFound(_("There is no such preview."))
    pressed = Preview.objects.filter(confirms=seen).first()
    if pressed is not None:
        return pressed
    run = clearance.by_hand(at=at)
    if RunRow.objects.filter(period=run.period).exists():
        raise Conflict(_("The run of %(period)s exists already.") % {"period": run.period})
    if not seen.is_done:
        raise Conflict(_("This preview is not done yet."))
    if not is_by_hand(seen) or seen.period != run.period or not is_fresh(seen, at=at):
        raise Conflict(_("This preview is too old to start a run on. Make a new one."))
    if seen.by_id == actor.user_id:
        raise Conflict(NOT_ONES_OWN)
    _require(seen, confirmed)
    return previews.ask(run=run, at=at, actor=actor, purpose=Purpose.START, confirms=seen)


def preview_of(row: RunRow) -> Preview | None:
    """The latest preview of a planned run's own instant whose figures are there; none that is older than the last
    time somebody was held out of the run or let in."""
    found = Preview.objects.filter(
        period=row.period, at=row.at, by__isnull=False, purpose=Purpose.PREVIEW, state=PreviewState.DONE
    )
    changed = HoldOut.objects.filter(period=row.period).aggregate(
        at=Greatest(Max("held_at"), Max("lifted_at"))
    )
    if changed["at"] is not None:
        found = found.filter(made_at__gt=changed["at"])
    return found.order_by("-made_at", "-id").first()


NOT_PREVIEWED = _(
    "Nobody has previewed this run yet, or not since programs were held out of it or let in. Preview it; another admin "
    "then approves it."
)


@transaction.atomic
def approve_reviewed(*, run_id: int, confirmed: int | None, at: dt.datetime, actor: Actor) -> RunRow:
    """Let a braked run go on: after a preview by another admin, never the same person. Works as platform.

    confirmed: as for `confirm`. Raises NotFound, Invalid, Conflict (no preview, one's own, it does not wait).
    """
    # Locked before the preview is looked for: nobody is held out or let in between the two.
    row = RunRow.objects.select_for_update().filter(pk=run_id).first()
    if row is None:
        raise NotFound(_("There is no such run."))
    if row.state != RunState.BRAKED:
        raise Conflict(_("This run does not wait for approval."))
    seen = preview_of(row)
    if seen is None:
        raise Conflict(NOT_PREVIEWED)
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
