"""Opening a program from any state, a reopening after a clearance included; and closing it (domain.md 2)."""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from compliance.lib.calendar import PLATFORM_ZONE
from compliance.selectors import policies
from compliance.services import appeals, standing
from members.lib.refusals import ReopenTooEarly
from members.models import Program, ProgramStatus
from members.services import programs, tier_lifts
from members.services.audit import Actor


def reopens_at(program: Program, *, at: dt.datetime) -> dt.datetime | None:
    """From when a cleared program may be reopened, under the policy in force at `at`; None unless cleared."""
    if program.status != ProgramStatus.CLEARED or program.closed_at is None:
        return None
    wait = policies.current(at=at).policy.reopen_wait_days
    return program.closed_at + dt.timedelta(days=wait)


@transaction.atomic
def open_program(*, merchant_id: int, at: dt.datetime, actor: Actor) -> Program:
    """Open a draft, a program its merchant closed (the same life goes on), or reopen a cleared one (a new life).

    Raises Conflict when it is open, ReopenTooEarly before the policy's `reopen_wait_days` have passed.
    """
    program = programs.lock_for_close(merchant_id=merchant_id)
    closed_at = programs.closed_since(merchant_id=merchant_id)
    if program.status == ProgramStatus.CLEARED:
        program = _reopen(program, at, actor)
    else:
        program = programs.open_program(merchant_id=merchant_id, at=at, actor=actor)
    if closed_at is not None:
        tier_lifts.after_closure(merchant_id=merchant_id, since=closed_at, at=at, actor=actor)
    standing.mark_due(merchant_id=merchant_id, at=at)
    return program


def _reopen(program: Program, at: dt.datetime, actor: Actor) -> Program:
    """A new life: `opened_at` is now, so that older warnings are void; the first opening stays."""
    allowed_at = reopens_at(program, at=at)
    if allowed_at is not None and at < allowed_at:
        raise ReopenTooEarly(
            _("A program closed by a clearance can be reopened after a wait: from %(when)s on.")
            % {"when": allowed_at.astimezone(PLATFORM_ZONE).strftime("%Y-%m-%d %H:%M")}
        )
    appeals.withdraw_all(merchant_id=program.pk, at=at, actor=actor)
    programs.end_closure(merchant_id=program.pk, at=at, ended_by="reopened")
    program.status = ProgramStatus.OPEN
    program.opened_at = at
    program.closed_at = None
    program.save(update_fields=["status", "opened_at", "closed_at"])
    programs.record(
        program, at, actor, "program.reopened", before={"status": "cleared"}, after={"status": "open"}
    )
    return program


@transaction.atomic
def close_program(*, merchant_id: int, at: dt.datetime, actor: Actor) -> Program:
    """Close an open program for its merchant; appeals that are pending are withdrawn with it.

    Raises ProgramNotOpen, ProgramCleared.
    """
    program = programs.close_program(merchant_id=merchant_id, at=at, actor=actor)
    if appeals.withdraw_all(merchant_id=merchant_id, at=at, actor=actor):
        standing.mark_due(merchant_id=merchant_id, at=at)
    return program
