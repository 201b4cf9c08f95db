"""What an edit of the rules does to the members: they rise at its instant, nobody falls (domain.md 5).

A small program is lifted with the edit. A large one is lifted in chunks by a worker: the rules are in force at once,
and each member is moved as of the edit's instant, so that in the end every row is as if all had been moved in one go.

What happens to a member meanwhile (an order, a refund, the recalculation, a tier by hand) must find the edit done: who
loads the member's state brings it up to the edit first (`catch_up`), with the totals as they were before, and writes
down that this member had the turn. A chunk works alone in its merchant and leaves those out. So each member has one
turn, before anything later. Several edits are worked off in their order.

While the program is closed or cleared nobody is lifted by an edit from before: the worker rests, and goes on once it is
open. Who gets an order then waits too; only what the edit is to find of them is kept (`tier_lift_marks`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping

from django.db import transaction
from django.db.models import Count
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from members.lib import queue
from members.lib.posting import Changes, Rules, RulesEdit, fold
from members.lib.refusals import Conflict
from members.models import (
    Member,
    Merchant,
    Program,
    ProgramStatus,
    RulesVersion,
    TierLift,
    TierLiftMember,
    TierMove,
    WorkState,
)
from members.selectors import rules as rules_of
from members.selectors import tier_lifts as selector
from members.services import (
    chunked,
    leases,
    posting,
    programs,
    tier_lift_marks,
    tier_risen,
    tier_welcomes,
    webhook_events,
)
from members.services.audit import Actor
from members.services.chunked import Clock

TASK = "members.tier_lift"
CHUNK = 5_000  # members; postings of the shop wait for one
AT_ONCE = 20_000  # of a lift that nobody posts beside
SMALL = 20_000  # members who are lifted with the edit


def begin(
    *,
    merchant_id: int,
    at: dt.datetime,
    actor: Actor,
    version: RulesVersion,
    former: RulesVersion | None = None,
    targets: Mapping[int, int] | None = None,
    in_background: bool = False,
) -> TierLift | None:
    """Let the rules in force from `at` lift everybody; None where there is nobody. `targets` are those of tiers taken
    out, by id. With `in_background` many members are left to a worker.

    In the caller's transaction, which holds the program against all writers.
    """
    program = programs.lock_for_close(merchant_id=merchant_id)
    people = Member.objects.of(merchant_id).order_by("pk")
    last = people.values_list("pk", flat=True).last()
    if last is None:
        return None
    waiting = selector.still_open(merchant_id=merchant_id)
    lift = TierLift(
        merchant_id=merchant_id,
        version=version.number,
        former=former.number if former else None,
        at=at,
        targets={str(gone): target for gone, target in (targets or {}).items()},
        is_open=program.status == "open",
        through=last,
        by_id=actor.user_id,
        by_label=actor.label[:120],
        language=get_language() or "",
        created_at=at,
    )
    lift.save(force_insert=True)
    if waiting or (in_background and not queue.is_muted() and people[: SMALL + 1].count() > SMALL):
        Program.objects.filter(pk=merchant_id).update(is_lifting=True)
        queue.enqueue(TASK, merchant_id=merchant_id, job_id=lift.pk)
        return lift
    merchant = Merchant.objects.get(pk=merchant_id)
    while ids := _next_ids(lift, AT_ONCE):
        _turn(merchant, program, lift, ids)
        lift.passed, lift.position = ids[-1], lift.position + len(ids)
    lift.total = lift.position
    _end(lift, at)
    return lift


def after_closure(*, merchant_id: int, since: dt.datetime, at: dt.datetime, actor: Actor) -> None:
    """Lifts that rested go on when the program opens, and rules edited meanwhile lift members then. In the caller's
    transaction."""
    for lift in selector.still_open(merchant_id=merchant_id)[:1]:  # the others follow it
        if lift.is_worked:
            chunked.send(KIND, lift)
    if not RulesVersion.objects.of(merchant_id).filter(at__gte=since, at__lte=at).exists():
        return
    version = rules_of.version_at(merchant_id=merchant_id, at=at)
    assert version is not None
    begin(merchant_id=merchant_id, at=at, actor=actor, version=version, in_background=True)


def catch_up(*, merchant: Merchant, member_ids: Collection[int]) -> None:
    """Bring members who still wait for edits of the rules up to them, before anything else happens to them.

    While the program is not open they stay where they are (domain.md 2): what an edit from before would have moved, it
    moves once the program is open, by what it finds now.

    In the caller's transaction, which holds the merchant (`posting.lock_merchant`), the program and the members.
    """
    program: Program | None = None
    for lift in selector.still_open(merchant_id=merchant.pk):
        waiting = tier_lift_marks.waiting(
            lift, [each for each in member_ids if lift.passed < each <= lift.through]
        )
        if not waiting:
            continue
        program = program or Program.objects.get(pk=merchant.pk)
        if program.status == ProgramStatus.OPEN:
            _turn(merchant, program, lift, waiting)
            tier_lift_marks.had_turn(lift, waiting)
        elif lift.is_open:
            tier_lift_marks.keep(merchant, lift, _rules(merchant, lift), waiting)


def work(*, merchant_id: int, job_id: int, now: Clock, chunk: int = CHUNK) -> TierLift | None:
    """Lift who still waits; None when another worker is at it, an earlier lift is not done, or it rests. As the
    merchant."""
    with transaction.atomic():
        first = next(iter(selector.still_open(merchant_id=merchant_id)), None)
        program = Program.objects.get(pk=merchant_id)
    is_next = first is not None and first.pk == job_id and not selector.rests(first, program)
    if not is_next:
        return None
    lift = chunked.work(
        KIND,
        merchant_id=merchant_id,
        job_id=job_id,
        now=now,
        chunk=lambda lift, merchant: _chunk(lift, merchant, now, chunk),
    )
    if lift is None:
        return None
    with transaction.atomic():
        following = next(iter(selector.still_open(merchant_id=merchant_id)), None)
        if lift.state == WorkState.DONE and following is not None and following.is_worked:
            chunked.send(KIND, following)
    return lift


@transaction.atomic
def go_on(*, merchant_id: int, public_id: str) -> TierLift:
    """Take up a lift that was given up; again is a no-op. Raises NotFound, Conflict (it is done)."""
    lift = leases.lock(TierLift, merchant_id=merchant_id, public_id=public_id)
    if lift.state == WorkState.DONE:
        raise Conflict(_("All members have been looked at."))
    chunked.take_up(KIND, lift)
    return lift


def _next_ids(lift: TierLift, size: int) -> list[int]:
    rest = Member.objects.of(lift.merchant_id).filter(pk__gt=lift.passed, pk__lte=lift.through)
    return list(rest.order_by("pk").values_list("pk", flat=True)[:size])


def _rules(merchant: Merchant, lift: TierLift) -> Rules:
    """The rules that the edit put into force."""
    version = RulesVersion.objects.of(merchant.pk).get(number=lift.version)
    codes = rules_of.tier_codes(merchant_id=merchant.pk)
    return rules_of.rules_of(version, merchant=merchant, is_open=lift.is_open, codes=codes)


def _turn(merchant: Merchant, program: Program, lift: TierLift, member_ids: list[int]) -> None:
    """What the edit does to some members, as of its instant."""
    rules = _rules(merchant, lift)
    targets = {int(gone): target for gone, target in lift.targets.items()}
    changes, at = Changes(), lift.at
    posting.check_references_at_once()
    kept = tier_lift_marks.kept(lift, rules, member_ids)
    early = tier_risen.rise(
        merchant=merchant,
        rules=rules,
        at=at,
        shifted=lift.shifted_days,
        member_ids=[each for each in member_ids if each not in kept],
    )
    losing = selector.losing(merchant_id=merchant.pk, rules=rules.tiers, member_ids=member_ids)
    if moved := sorted({*losing, *selector.active(merchant_id=merchant.pk, member_ids=kept)}):
        event = RulesEdit(at=at, rules=rules, targets=targets, shifted=lift.shifted_days)
        states = posting.load(merchant=merchant, rules=rules, member_ids=moved, at=at, spending=())
        for member_id in moved:
            states[member_id].window = kept.get(member_id)
            fold(states[member_id], [event], rules, changes=changes)
        posting.write(merchant_id=merchant.pk, changes=changes)
    changes.moves = sorted([*early, *changes.moves], key=lambda move: move.member_id)
    if not changes.moves:
        return
    webhook_events.told(changes, program=program, at=at)
    tier_welcomes.give(
        merchant=merchant,
        program=program,
        rules=rules,
        at=at,
        moves=changes.moves,
        targets=targets,
        shifted=lift.shifted_days,
    )


def _chunk(lift: TierLift, merchant: Merchant, now: Clock, size: int) -> bool:
    """The next members' turn; False when it was the last, the lift is no longer ours, or the program was closed."""
    posting.lock_merchant(merchant_id=merchant.pk, alone=True)
    program = programs.lock_for_write(merchant_id=merchant.pk)
    locked = leases.held(TierLift, lift)
    if locked is None or selector.rests(locked, program):
        return False
    ids = _next_ids(locked, size)
    if not ids:
        _end(locked, now())
        return False
    _turn(merchant, program, locked, tier_lift_marks.waiting(locked, ids))
    locked.passed = ids[-1]
    chunked.got_on(locked, len(ids), "passed")
    return True


def _end(lift: TierLift, at: dt.datetime) -> None:
    """Everybody had the turn: what came of it is counted, and nobody waits any more."""
    moves = TierMove.objects.of(lift.merchant_id).filter(
        at=lift.at, cause="rules", rules_version=lift.version
    )
    counted = moves.order_by().values_list("from_tier_id", "to_tier_id").annotate(n=Count("pk"))
    lift.flows = [list(flow) for flow in counted]
    lift.moved = sum(flow[2] for flow in lift.flows)
    chunked.finish(lift, at, "flows", "moved", "total", "position", "passed")
    TierLiftMember.objects.of(lift.merchant_id).filter(lift_id=lift.pk).delete()
    others = [each for each in selector.still_open(merchant_id=lift.merchant_id) if each.pk != lift.pk]
    Program.objects.filter(pk=lift.merchant_id, is_lifting=True).update(is_lifting=bool(others))


def _members(lift: TierLift) -> int:
    return Member.objects.of(lift.merchant_id).filter(pk__lte=lift.through).count()


def _broke_off(lift: TierLift) -> str:
    return _(
        "Lifting broke off %(times)s times at the same place. Who was lifted keeps the tier; the others wait."
    )


KIND = chunked.Kind(model=TierLift, task=TASK, broke_off=_broke_off, count=_members, refusals=False)
