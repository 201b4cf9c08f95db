"""Holding programs out of one run by a person's word, with a reason, until that run begins (domain.md 3, a run)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from compliance.models import HoldOut, RunState
from compliance.models import Run as RunRow
from compliance.services import clearance
from members.lib.refusals import Conflict, Invalid
from members.models import Program, ProgramStatus
from members.services import audit
from members.services.audit import Actor

MOST = 10_000  # programs held out at once, and of one run
WAITING = (RunState.PLANNED, RunState.BRAKED)


@transaction.atomic
def hold_out(
    *, period: str, merchant_ids: Collection[int], reason: str, at: dt.datetime, actor: Actor
) -> int:
    """Hold programs out of the run of a period that has not begun; how many more are. Works as platform.

    One that is held out already keeps its reason. Raises Invalid (no program, too many, one that was never opened, no
    reason), Conflict when the run has begun.
    """
    ids, reason = sorted(set(merchant_ids)), reason.replace("\0", "").strip()
    if not reason:
        problem = _("Say why: the report keeps the reason, and the merchants read it.")
        raise Invalid(problem, errors={"reason": problem})
    _require_waiting(period)
    new = _not_yet(period, ids)
    HoldOut.objects.bulk_create(
        HoldOut(
            merchant_id=merchant_id,
            period=period,
            held_at=at,
            reason=reason[:500],
            by_id=actor.user_id,
            by_label=actor.label[:120],
        )
        for merchant_id in new
    )
    _record(period, new, at, actor, "program.held_out", reason)
    return len(new)


def _not_yet(period: str, ids: list[int]) -> list[int]:
    """Those of some programs that are not held out yet. Raises Invalid."""
    if not ids:
        problem = _("Name at least one program.")
        raise Invalid(problem, errors={"programs": problem})
    opened = Program.objects.filter(merchant_id__in=ids).exclude(status=ProgramStatus.DRAFT)
    if opened.count() != len(ids):
        problem = _("Only programs that were opened can be held out of a run.")
        raise Invalid(problem, errors={"programs": problem})
    known = set(HoldOut.objects.filter(period=period, lifted_at=None).values_list("merchant_id", flat=True))
    new = [merchant_id for merchant_id in ids if merchant_id not in known]
    if len(known) + len(new) > MOST:
        too_many = _("At most %(most)s programs are held out of a run.") % {"most": f"{MOST:,}"}
        raise Invalid(too_many, errors={"programs": too_many})
    return new


@transaction.atomic
def lift(*, period: str, merchant_id: int, at: dt.datetime, actor: Actor) -> bool:
    """Let a program into the run again; False when it is not held out. Raises Conflict when the run has begun."""
    _require_waiting(period)
    found = HoldOut.objects.of(merchant_id).select_for_update().filter(period=period, lifted_at=None).first()
    if found is None:
        return False
    found.lifted_at = at
    found.save(update_fields=["lifted_at"])
    _record(period, [merchant_id], at, actor, "program.let_in", found.reason)
    return True


def is_open(period: str) -> bool:
    """Whether programs can still be held out of the run of a period."""
    row = RunRow.objects.filter(period=period).first()
    return row is None or row.state in WAITING


def _require_waiting(period: str) -> None:
    """Let nobody plan a run or let one go on before this is done. Raises Conflict when it has begun."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", [clearance.LOCK])
    row = RunRow.objects.select_for_update().filter(period=period).first()
    if row is not None and row.state not in WAITING:
        raise Conflict(
            _("The run of %(period)s has begun: it decides by what was known then.") % {"period": period}
        )


def _record(
    period: str, ids: Collection[int], at: dt.datetime, actor: Actor, action: str, reason: str
) -> None:
    """An audit row of each program's merchant, and one of the platform."""
    if not ids:
        return
    audit.record_many(
        audit.row(
            merchant_id=program.pk,
            at=at,
            actor=actor,
            action=action,
            subject=("program", program.merchant.slug),
            label=program.merchant.name,
            after={"period": period},
            reason=reason,
        )
        for program in Program.objects.filter(merchant_id__in=ids).select_related("merchant")
    )
    audit.record_for_platform(
        at=at,
        actor=actor,
        action="run.held_out" if action == "program.held_out" else "run.let_in",
        subject=("run", period),
        after={"programs": len(ids)},
        reason=reason,
    )
