"""Doing and undoing an act in chunks, from wherever it stood when the last worker let go of it."""

from __future__ import annotations

import datetime as dt

from django.utils.translation import gettext as _

from members.models import BulkAct, BulkActMember, Merchant, WorkState
from members.services import chunked, leases, posting, programs
from members.services.audit import Actor
from members.services.bulk_acts import jobs, kinds
from members.services.bulk_acts.kinds import CHANGED, REFUSED, UNDONE, Round
from members.services.chunked import Clock

CHUNK = 200


def work(*, merchant_id: int, job_id: int, now: Clock, chunk: int = CHUNK) -> BulkAct | None:
    """Do what is still to be done; None when another worker has it. Works as the merchant.

    `now` is asked in each chunk: what happens to the members while the act goes on lies before what it does to them.
    A refusal of the whole (the program was closed, the tier deleted) ends it and keeps what was done; so does breaking
    off again and again at the same place.
    """
    return chunked.work(
        KIND,
        merchant_id=merchant_id,
        job_id=job_id,
        now=now,
        chunk=lambda act, merchant: _chunk(act, merchant, now, chunk),
    )


def _chunk(act: BulkAct, merchant: Merchant, now: Clock, size: int) -> bool:
    """The next members' turn; False when it was the last, or the act is no longer ours."""
    posting.lock_merchant(merchant_id=merchant.pk, alone=act.kind == "tier")
    program = programs.lock_open(merchant_id=merchant.pk)
    locked = leases.held(BulkAct, act)
    if locked is None:
        return False
    at, is_undoing = now(), locked.state == WorkState.UNDOING
    rows = BulkActMember.objects.of(merchant.pk).filter(act_id=act.pk)
    rows = rows.filter(outcome=CHANGED, undone="") if is_undoing else rows.filter(outcome="waiting")
    here = list(rows.order_by("member_id")[:size])
    if not here:
        _end(locked, at)
        return False
    actor = (
        Actor("user", locked.undo_by_label) if is_undoing else Actor("user", locked.by_label, locked.by_id)
    )
    turn = Round(merchant, program, locked, at, actor)
    present = kinds.alive(merchant.pk, here) if not is_undoing else here
    if present:
        (kinds.UNDO if is_undoing else kinds.DO)[locked.kind](turn, present)
    BulkActMember.objects.of(merchant.pk).bulk_update(here, ["outcome", "why", "mark", "undone"])
    if is_undoing:
        locked.undo_position += len(here)
        locked.undone += sum(row.undone == UNDONE for row in here)
        locked.save(update_fields=["undo_position", "undone"])
    else:
        locked.changed += sum(row.outcome == CHANGED for row in here)
        locked.refused += sum(row.outcome == REFUSED for row in here)
        chunked.got_on(locked, len(here), "changed", "refused")
    return True


def _end(act: BulkAct, at: dt.datetime) -> None:
    """The last word of an act whose every member had its turn."""
    is_undoing = act.state == WorkState.UNDOING
    chunked.finish(act, at)
    action = "bulk.undone" if is_undoing else "bulk.finished"
    jobs.record(
        act, at, Actor.job("bulk"), action, changed=act.changed, refused=act.refused, undone=act.undone
    )


def _broke_off(act: BulkAct) -> str:
    if act.state == WorkState.UNDOING:
        return _(
            "Undoing broke off %(times)s times at the same place. What was taken back stays taken back, the rest "
            "stands. You can begin the undoing again."
        )
    return _("It broke off %(times)s times at the same place. What was done stays and can be undone.")


def _failed(act: BulkAct, at: dt.datetime) -> None:
    jobs.record(act, at, Actor.job("bulk"), "bulk.failed", changed=act.changed)


KIND = chunked.Kind(model=BulkAct, task=jobs.TASK, broke_off=_broke_off, failed=_failed)
