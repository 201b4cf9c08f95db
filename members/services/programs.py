"""The program's life: opening, closing, and the gate that every write of its four functions passes (domain.md 2)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.db import connection, models
from django.utils.translation import gettext_lazy as _

from members.lib.periods import merchant_day, whole_days_within
from members.lib.refusals import NotFound, ProgramCleared, ProgramNotOpen
from members.models import Closure, Merchant, Program, ProgramStatus, TierLift, TierStanding, TierValidity
from members.selectors.tier_lifts import OPEN as LIFTING
from members.services import audit, occasions
from members.services.audit import Actor


def lock_for_write(*, merchant_id: int) -> Program:
    """Take the program's row FOR KEY SHARE, which closers' FOR UPDATE waits for, and read its status anew.

    Every writing service of the four functions calls this first: a close waits for it, and it waits for a close.
    Raises NotFound when the merchant has no program.
    """
    program = Program.objects.raw(
        "select * from members_program where merchant_id = %s for key share", [merchant_id]
    )
    for row in program:
        return row
    raise NotFound(_("This merchant has no program."))


def lock_for_close(*, merchant_id: int) -> Program:
    """Take the program's row FOR UPDATE, for whoever changes its status. Raises NotFound."""
    program = Program.objects.select_for_update().filter(merchant_id=merchant_id).first()
    if program is None:
        raise NotFound(_("This merchant has no program."))
    return program


def require_open(program: Program) -> None:
    """Raises ProgramNotOpen (draft, closed) or ProgramCleared."""
    if program.status == ProgramStatus.CLEARED:
        raise ProgramCleared(
            _(
                "The program was closed by a clearance. Restore it by an appeal, or reopen it when the wait is over."
            )
        )
    if program.status != ProgramStatus.OPEN:
        raise ProgramNotOpen(_("The program is not open. Open it first under Tiers and points, Program."))


def lock_open(*, merchant_id: int) -> Program:
    """The gate as a law: lock the row, then refuse unless the program is open."""
    program = lock_for_write(merchant_id=merchant_id)
    require_open(program)
    return program


def open_program(*, merchant_id: int, at: dt.datetime, actor: Actor) -> Program:
    """Open a draft, or a program its merchant closed (the same life goes on). domain.md 2.

    Opening an open program changes nothing. Raises ProgramCleared for a cleared one (that is a reopening:
    compliance decides).
    """
    program = lock_for_close(merchant_id=merchant_id)
    before = program.status
    if before == ProgramStatus.OPEN:
        return program
    if before == ProgramStatus.CLEARED:
        require_open(program)
    program.status = ProgramStatus.OPEN
    program.closed_at = None
    program.opened_at = program.opened_at or at
    program.first_opened_at = program.first_opened_at or at
    program.save(update_fields=["status", "closed_at", "opened_at", "first_opened_at"])
    if before == ProgramStatus.CLOSED:
        end_closure(merchant_id=merchant_id, at=at, ended_by="merchant")
    _record_move(program, at, actor, "program.opened", before)
    return program


def close_program(*, merchant_id: int, at: dt.datetime, actor: Actor) -> Program:
    """Close an open program by its merchant; members, points, tiers freeze. Raises ProgramNotOpen, ProgramCleared."""
    program = lock_for_close(merchant_id=merchant_id)
    require_open(program)
    begin_closure(program=program, at=at, kind=ProgramStatus.CLOSED, actor=actor)
    _record_move(program, at, actor, "program.closed", ProgramStatus.OPEN)
    return program


def begin_closure(*, program: Program, at: dt.datetime, kind: str, actor: Actor) -> None:
    """Set a locked program closed or cleared from `at` on and open its closure row."""
    program.status = kind
    program.closed_at = at
    program.save(update_fields=["status", "closed_at"])
    Closure.objects.create(merchant_id=program.pk, kind=kind, from_at=at, by_id=actor.user_id)


def closed_since(*, merchant_id: int) -> dt.datetime | None:
    """Since when the program is closed, also where a clearance came upon a closing by its merchant; None while open."""
    row = Closure.objects.filter(merchant_id=merchant_id, to_at=None).first()
    return None if row is None else row.from_at


def end_closure(*, merchant_id: int, at: dt.datetime, ended_by: str) -> int:
    """End the open closure: shift what it froze by the merchant days that lie wholly in it, once. Returns the days.

    Expiries of open lots and validities of tiers move, set-based; the closure records by how much (domain.md 2).
    """
    closure = Closure.objects.select_for_update().filter(merchant_id=merchant_id, to_at=None).first()
    if closure is None:
        return 0
    zone = Merchant.objects.get(pk=merchant_id).zone
    days = whole_days_within(closure.from_at, at, zone)
    if days:
        _shift(merchant_id, days, frozen_on=merchant_day(closure.from_at, zone))
    occasions.tell_reopened(merchant_id=merchant_id, since=closure.from_at, days=days)
    closure.to_at = at
    closure.ended_by = ended_by
    closure.shifted_days = days
    closure.save(update_fields=["to_at", "ended_by", "shifted_days"])
    return days


def _shift(merchant_id: int, days: int, *, frozen_on: dt.date) -> None:
    by = dt.timedelta(days=days)
    with connection.cursor() as cursor:  # lots that were over before the closure stay as they are
        cursor.execute(
            "update members_pointslot l set expires_on = l.expires_on + %s from members_pointsaccount a "
            "where l.merchant_id = %s and a.merchant_id = l.merchant_id and a.member_id = l.member_id "
            "and l.expires_on is not null and (a.expired_through is null or l.expires_on > a.expired_through) "
            "and (l.remaining > 0 or l.expires_on >= %s)",
            [days, merchant_id, frozen_on],
        )
    note_lots_moved(merchant_id=merchant_id)
    TierValidity.objects.filter(merchant_id=merchant_id).update(valid_until=models.F("valid_until") + by)
    TierStanding.objects.filter(merchant_id=merchant_id, valid_until__isnull=False).update(
        valid_until=models.F("valid_until") + by
    )
    # What an edit of the rules still brings to those who wait for it would have been moved too.
    TierLift.objects.filter(merchant_id=merchant_id, state__in=LIFTING).update(
        shifted_days=models.F("shifted_days") + days
    )


def note_lots_moved(*, merchant_id: int) -> None:
    """Tell those who wait for the program's lock, which the caller holds, that the lots they read were moved."""
    Program.objects.filter(merchant_id=merchant_id).update(lots_moved=models.F("lots_moved") + 1)


def record(
    program: Program,
    at: dt.datetime,
    actor: Actor,
    action: str,
    *,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
) -> None:
    """Write the audit row of a change of a program, which is known outside by its shop's short name."""
    audit.record(
        merchant_id=program.pk,
        at=at,
        actor=actor,
        action=action,
        subject=("program", program.merchant.slug),
        label=program.name or program.merchant.name,
        before=before,
        after=after,
    )


def _record_move(program: Program, at: dt.datetime, actor: Actor, action: str, before: str) -> None:
    record(program, at, actor, action, before={"status": before}, after={"status": program.status})
