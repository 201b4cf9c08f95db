"""Posting the orders of a closure on request, once (domain.md 2, 6).

While a program is closed or cleared its orders and refunds are stored and move nothing. When its life goes on
(restored, or opened by the merchant who closed it; reopening after a clearance begins another life), its merchant may
have them posted: each order as if it arrived now, in the order in which they did, with the rate in force now and the
tier held before it; refunds of orders that had earned take back under the policy of their day. Nothing that is posted
is posted again: an order that has its terms keeps them.

A small closure is posted with the request, a large one by a worker in chunks of members. What happens to a member
meanwhile needs no turn before: an order that is sent again is settled by that, and the chunk passes it over.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import NamedTuple

from django.db import transaction
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from members.lib import queue, set_based
from members.lib.posting import Changes, OrdersPosted, Rules, fold
from members.lib.refusals import Conflict, NotFound, Refusal
from members.models import Closure, GapPosting, Merchant, Program, WorkState
from members.selectors import gap_postings as selector
from members.selectors import rules as rules_of
from members.services import audit, chunked, leases, posting, programs, tier_welcomes, webhook_events
from members.services.audit import Actor
from members.services.chunked import Clock

TASK = "members.gap_posting"
CHUNK = 1_000  # members; postings of the shop wait for one
SMALL = 500  # members whose orders are posted with the request
SAMPLE = 200  # members from whom the preview tells what would come of all
COUNT_MS = 5_000  # how long a page may count


class Foreseen(NamedTuple):
    """What posting a closure would come to: orders that earn, members concerned, points that they earn and give back.
    `is_exact`: the points are not told from a sample."""

    orders: int
    members: int
    earned: int
    taken: int
    is_exact: bool


@dataclass(slots=True)
class _Done:
    """What one part came to."""

    orders: int = 0
    refunds: int = 0
    earned: int = 0
    taken: int = 0
    moved: int = 0


def foresee(*, closure: Closure, at: dt.datetime) -> Foreseen | None:
    """What would come of it now, with nothing written: folded for some members, told from them for the others. None
    where counting takes longer than a page may."""
    counted = set_based.in_time(lambda: selector.count(closure), milliseconds=COUNT_MS)
    if counted is None:
        return None
    orders, members = counted
    ids = selector.next_members(closure, after=0, most=SAMPLE)
    done, _changes = _fold(closure, _rules(closure, at), ids, at)
    is_exact = len(ids) >= members
    if not is_exact and done.orders:
        done.earned = done.earned * orders // done.orders
        done.taken = done.taken * members // len(ids)
    return Foreseen(orders, members, done.earned, done.taken, is_exact)


@transaction.atomic
def begin(*, merchant_id: int, closure_id: int, at: dt.datetime, actor: Actor) -> GapPosting:
    """Have a closure's orders posted; asked again it is the same posting, which goes on.

    Raises NotFound, ProgramNotOpen, ProgramCleared, Conflict (the closure kept nothing back, or a new life began
    after it).
    """
    posting.lock_merchant(merchant_id=merchant_id, alone=True)
    program = programs.lock_open(merchant_id=merchant_id)
    closure = Closure.objects.of(merchant_id).select_for_update().filter(pk=closure_id).first()
    if closure is None or closure.to_at is None:
        raise NotFound(_("There is no such closure, or it is not over."))
    if selector.is_of_a_former_life(closure):
        raise Conflict(_former_life())
    found = selector.posting_of(closure)
    if found is not None:
        return found
    first = selector.next_members(closure, after=0, most=SMALL + 1)
    if not first:
        raise Conflict(_("The closure kept nothing back: no order of a member came in, and no refund."))
    job = GapPosting(
        merchant_id=merchant_id,
        closure=closure,
        asked_at=at,
        by_id=actor.user_id,
        by_label=actor.label[:120],
        language=get_language() or "",
        created_at=at,
    )
    job.save(force_insert=True)
    programs.record(
        program, at, actor, "program.gap_asked", before={}, after={"closed": closure.from_at.isoformat()}
    )
    if len(first) > SMALL and not queue.is_muted():
        queue.enqueue(TASK, merchant_id=merchant_id, job_id=job.pk)
        return job
    merchant = Merchant.objects.get(pk=merchant_id)
    while ids := selector.next_members(closure, after=job.passed, most=CHUNK):
        _turn(merchant, program, job, closure, ids, at)
    _end(program, job, at)
    return job


def work(*, merchant_id: int, job_id: int, now: Clock, chunk: int = CHUNK) -> GapPosting | None:
    """Post what still waits; None when another worker is at it. As the merchant."""
    return chunked.work(
        KIND,
        merchant_id=merchant_id,
        job_id=job_id,
        now=now,
        chunk=lambda job, merchant: _chunk(job, merchant, now, chunk),
    )


@transaction.atomic
def go_on(*, merchant_id: int, public_id: str) -> GapPosting:
    """Take up a posting that stopped; again is a no-op. Raises NotFound, ProgramNotOpen, ProgramCleared, Conflict."""
    programs.lock_open(merchant_id=merchant_id)
    job = leases.lock(GapPosting, merchant_id=merchant_id, public_id=public_id)
    if job.state == WorkState.DONE:
        raise Conflict(_("All orders of the closure are posted."))
    if selector.is_of_a_former_life(job.closure):
        raise Conflict(_former_life())
    chunked.take_up(KIND, job)
    return job


def _chunk(job: GapPosting, merchant: Merchant, now: Clock, size: int) -> bool:
    """The next members' turn; False when it was the last, the job is no longer ours, or the program is closed."""
    posting.lock_merchant(merchant_id=merchant.pk, alone=True)
    program = programs.lock_for_write(merchant_id=merchant.pk)
    locked = leases.held(GapPosting, job)
    if locked is None:
        return False
    try:
        programs.require_open(program)
    except Refusal:
        chunked.fail(
            KIND, locked, now(), _("The program was closed again. Go on when it is open; nothing is lost.")
        )
        return False
    if selector.is_of_a_former_life(locked.closure):
        chunked.fail(KIND, locked, now(), _former_life())
        return False
    ids = selector.next_members(locked.closure, after=locked.passed, most=size)
    if not ids:
        _end(program, locked, now())
        return False
    _turn(merchant, program, locked, locked.closure, ids, now())
    return True


def _turn(
    merchant: Merchant, program: Program, job: GapPosting, closure: Closure, ids: list[int], at: dt.datetime
) -> None:
    """Post what was kept back of some members, and note how far it is."""
    posting.lock_members(merchant_id=merchant.pk, member_ids=ids)
    at, version = rules_of.after_edits(merchant_id=merchant.pk, at=at)
    rules = rules_of.rules_at(merchant_id=merchant.pk, at=at, program=program, version=version)
    done, changes = _fold(closure, rules, ids, at)
    posting.write(merchant_id=merchant.pk, changes=changes)
    webhook_events.told(changes, program=program, at=at)
    tier_welcomes.give(merchant=merchant, program=program, rules=rules, at=at, moves=changes.moves)
    job.orders += done.orders
    job.refunds += done.refunds
    job.earned += done.earned
    job.taken += done.taken
    job.moved += done.moved
    job.passed = ids[-1]
    chunked.got_on(job, len(ids), "passed", "orders", "refunds", "earned", "taken", "moved")


def _rules(closure: Closure, at: dt.datetime) -> Rules:
    """The rules in force, for looking: members who wait for an edit are looked at as they stand."""
    rules = rules_of.rules_at(merchant_id=closure.merchant_id, at=at)
    return replace(rules, is_open=True, is_lifting=False)


def _fold(closure: Closure, rules: Rules, ids: list[int], at: dt.datetime) -> tuple[_Done, Changes]:
    """Fold what was kept back of some members. Writes nothing."""
    changes, done = Changes(), _Done()
    if not ids:
        return done, changes
    kept = selector.kept(closure, members=ids)
    states = posting.load(
        merchant=Merchant.objects.get(pk=closure.merchant_id),
        rules=rules,
        member_ids=ids,
        at=at,
        order_keys=[key for keys in kept.orders.values() for key in keys],
        spending=ids,
    )
    for member_id, keys in kept.orders.items():
        clawbacks = {key: kept.clawbacks[key] for key in keys if key in kept.clawbacks}
        fold(states[member_id], [OrdersPosted(at, keys, clawbacks)], rules, changes=changes)
    done.orders = sum(key in changes.orders for key in kept.new)
    done.refunds = sum(len(refunds) for refunds in kept.clawbacks.values())
    done.earned = sum(e.points + e.pending for e in changes.entries if e.kind == "earn")
    done.taken = -sum(e.points + e.pending for e in changes.entries if e.kind == "clawback")
    done.moved = len(changes.moves)
    return done, changes


def _end(program: Program, job: GapPosting, at: dt.datetime) -> None:
    """Everything is posted: the report stands, and the audit log says what came of it."""
    job.total = job.position
    chunked.finish(job, at, "total")
    audit.record(
        merchant_id=program.pk,
        at=at,
        actor=Actor.job("gap"),
        action="program.gap_posted",
        subject=("program", program.merchant.slug),
        label=program.name or program.merchant.name,
        after={"orders": job.orders, "points": job.earned, "taken": job.taken},
    )


def _former_life() -> str:
    return _("The program was opened anew after a clearance. Orders from before belong to its former life.")


def _broke_off(job: GapPosting) -> str:
    return _("Posting broke off %(times)s times at the same place. What was posted stays.")


KIND = chunked.Kind(
    model=GapPosting,
    task=TASK,
    broke_off=_broke_off,
    count=lambda job: selector.count(job.closure)[1],
    refusals=False,
)
