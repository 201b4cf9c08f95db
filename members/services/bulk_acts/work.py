"""Doing and undoing an act in chunks, from wherever it stood when the last worker let go of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from contextlib import suppress

from django.db import DatabaseError, transaction
from django.utils import translation
from django.utils.translation import gettext as _

from members.lib.refusals import Refusal
from members.models import BulkAct, BulkActMember, Merchant, WorkState
from members.services import leases, posting, programs
from members.services.audit import Actor
from members.services.bulk_acts import jobs, kinds
from members.services.bulk_acts.kinds import CHANGED, REFUSED, UNDONE, Round

CHUNK = 200
Clock = Callable[[], dt.datetime]


def work(*, merchant_id: int, job_id: int, now: Clock, chunk: int = CHUNK) -> BulkAct | None:
    """Do what is still to be done; None when another worker has it. Works as the merchant.

    `now` is asked in each chunk: what happens to the members while the act goes on lies before what it does to them.
    A refusal of the whole (the program was closed, the tier deleted) ends it and keeps what was done; so does breaking
    off again and again at the same place.
    """
    act = leases.claim(BulkAct, merchant_id=merchant_id, pk=job_id)
    if act is None:
        return None
    with transaction.atomic():
        merchant = Merchant.objects.get(pk=merchant_id)
    try:
        with translation.override(act.language or merchant.language):
            if leases.is_spent(act):
                _fail(act, now, _given_up(act))
            else:
                while _chunk(act, merchant, now, chunk):
                    pass
    except Refusal as refusal:
        _fail(act, now, refusal.detail)
    finally:
        with suppress(DatabaseError):  # a database that is down: the lease runs out
            leases.release(BulkAct, act)
    with transaction.atomic():
        act.refresh_from_db()
    return act


@transaction.atomic
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
    else:
        locked.state, locked.position = WorkState.RUNNING, locked.position + len(here)
        locked.changed += sum(row.outcome == CHANGED for row in here)
        locked.refused += sum(row.outcome == REFUSED for row in here)
    locked.save(update_fields=["state", "position", "changed", "refused", "undo_position", "undone"])
    return True


def _end(act: BulkAct, at: dt.datetime) -> None:
    """The last word of an act whose every member had its turn."""
    is_undoing = act.state == WorkState.UNDOING
    if is_undoing:
        act.state, act.undone_at = WorkState.UNDONE, at
    else:
        act.state, act.finished_at = WorkState.DONE, at
    act.save(update_fields=["state", "finished_at", "undone_at"])
    action = "bulk.undone" if is_undoing else "bulk.finished"
    jobs.record(
        act, at, Actor.job("bulk"), action, changed=act.changed, refused=act.refused, undone=act.undone
    )


def _given_up(act: BulkAct) -> str:
    if act.state == WorkState.UNDOING:
        return _(
            "Undoing broke off %(times)s times at the same place. What was taken back stays taken back, the rest "
            "stands. You can begin the undoing again."
        ) % {"times": act.attempts - 1}
    return _("It broke off %(times)s times at the same place. What was done stays and can be undone.") % {
        "times": act.attempts - 1
    }


@transaction.atomic
def _fail(act: BulkAct, now: Clock, why: str) -> None:
    locked, at = leases.lock(BulkAct, merchant_id=act.merchant_id, pk=act.pk), now()
    if locked.is_worked:
        locked.state, locked.failure = WorkState.FAILED, why
        locked.finished_at = locked.finished_at or at
        locked.save(update_fields=["state", "failure", "finished_at"])
        jobs.record(locked, at, Actor.job("bulk"), "bulk.failed", changed=locked.changed)
