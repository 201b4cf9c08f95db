"""Restoring a program that was cleared (domain.md 2 and 3): by an appeal that is upheld, or by the run's undo."""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from compliance.models import Protection, ProtectionCause
from compliance.selectors import policies
from compliance.services import program_events
from members.models import Program, ProgramStatus
from members.services import programs, tier_lifts
from members.services.audit import Actor


@transaction.atomic
def restore(*, program: Program, at: dt.datetime, actor: Actor) -> Program:
    """Open a cleared program again as if it had not been cleared: the same life, protected from now. Works as platform.

    What was frozen goes on from where it stood; expiries and validities move by the length of the closure. The caller
    holds the program's lock (`lock_for_close`) and marks its standing due. domain.md 2 and 3.
    """
    assert program.status == ProgramStatus.CLEARED and program.closed_at is not None
    closed_at = programs.closed_since(merchant_id=program.pk)
    programs.end_closure(merchant_id=program.pk, at=at, ended_by="restored")
    program.status = ProgramStatus.OPEN
    program.closed_at = None
    program.save(update_fields=["status", "closed_at"])
    protect(program=program, at=at)
    programs.record(
        program, at, actor, "program.restored", before={"status": "cleared"}, after={"status": "open"}
    )
    tier_lifts.after_closure(merchant_id=program.pk, since=closed_at or at, at=at, actor=actor)
    return program


def protect(*, program: Program, at: dt.datetime) -> Protection:
    """Protect a restored program for the days of the policy in force, and tell its endpoints that it is back."""
    days = policies.current(at=at).policy.protection_days
    made = Protection.objects.create(
        merchant_id=program.pk,
        from_at=at,
        until_at=at + dt.timedelta(days=days),
        cause=ProtectionCause.RESTORED,
    )
    program_events.restored(program=program, until_at=made.until_at, at=at)
    return made
