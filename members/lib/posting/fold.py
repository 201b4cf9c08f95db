"""The fold itself: one member's events in, what to write out.

What each event does, in this order: the order is checked and stored; its points move to their target; its
merchant day follows by difference; and if it landed, tiers follow. A refusal is raised before anything is
touched.

Decisions where a reader might wonder:
- A paid order that becomes cancelled (or unpaid again) is taken back whole: it no longer counts, its points
  are clawed back, validities stay. Paid again, it earns again, with its first terms.
- While the program is not open, orders, refunds and daily totals are kept, because metrics always equal the
  orders; nothing is stamped, no point and no tier moves. The next change of such an order, once open, settles
  it whole: an order without terms is stamped by a put that changes it, not by one that repeats it, and not by
  a refund.
- An order *lands* when a put changes what the member's days come to and the order counts. Refunds do not
  land.
- Attaching a member to an order stored without one is a change of that order: it is stamped, earns and lands
  then.
- Orders *linked* because their buyer joined (domain.md 1) count as the member's from then on: metrics always equal
  the member's orders (domain.md 5), so each counts on its own day, and together they land at the joining, with one
  move of the tier at most. Who bought before joining bought without a promise of points: what was paid (or given
  up) before is stamped with a rate of nothing, which it keeps for ever (domain.md 6), so that no later change or
  refund of it moves a point; what is not paid yet is stamped as any order first stored with a member.
- Orders of a closure that are *posted on request* (domain.md 2) are posted as if each arrived at that instant, in the
  order in which they did: with the rate in force now and the tier held before it, each landing by itself, so that a
  later one finds the tier that an earlier one reached. For that, what they brought the days is laid aside first.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from members.lib import tiers
from members.lib.periods import merchant_day
from members.lib.posting import bonuses, floors, gap, orders
from members.lib.posting.changes import Changes, OrderRevision, TierMove
from members.lib.posting.events import (
    UNPAID,
    Event,
    FloorEnded,
    OrderPut,
    OrderRefund,
    OrdersLinked,
    OrdersPosted,
    Recalculation,
    RulesEdit,
    TierGiven,
)
from members.lib.posting.ledger import Ledger
from members.lib.posting.rules import Rules
from members.lib.posting.state import MemberState, OrderState
from members.lib.posting.windows import NOTHING, contribution, metrics_on, post_days
from members.lib.refusals import NotFound, OrderMemberFixed, Refusal
from members.lib.tiers import Cause, Metrics
from members.lib.words import sentence as _


def fold(
    state: MemberState,
    events: Iterable[Event],
    rules: Rules,
    *,
    changes: Changes | None = None,
    refusals: list[tuple[Event, Refusal]] | None = None,
) -> Changes:
    """Apply `events`, in order of arrival, to one member.

    `state` is moved along in place (see `state` for what must be loaded); the changes are collected into
    `changes`, if given, and returned. With `refusals` a refused event is put there with its refusal and the
    rest goes on; without it the refusal is raised. Either way a refused event has changed nothing.

    Raises: `Invalid`, `NotFound` (a refund of an order that is not stored), `RefundExceedsOrder`,
    `OrderMemberFixed`, `IdempotencyConflict`. Source: domain.md 4, 5, 6.
    """
    changes = Changes() if changes is None else changes
    for event in events:
        try:
            if type(event) is OrderPut:
                _put(state, event, rules, changes)
            elif type(event) is OrderRefund:
                _refund(state, event, rules, changes)
            elif type(event) is OrdersLinked:
                _link(state, event, rules, changes)
            elif type(event) is OrdersPosted:
                _post_gap(state, event, rules, changes)
            elif type(event) is RulesEdit:
                _edit(state, event, changes)
                rules = event.rules
            elif type(event) is Recalculation:
                _recalculate(state, event, rules, changes)
            elif type(event) is TierGiven:
                _give_tier(state, event, rules, changes)
            elif type(event) is FloorEnded:
                floors.end(state, event, rules, changes)
            else:
                raise TypeError(f"not an event: {event!r}")
        except Refusal as refusal:
            if refusals is None:
                raise
            refusals.append((event, refusal))
    return changes


def _put(state: MemberState, put: OrderPut, rules: Rules, changes: Changes) -> None:
    order = state.orders.get(put.key)
    if order is not None and order.member_id is not None and order.member_id != state.member_id:
        raise OrderMemberFixed(_("The order belongs to another member, and an order's member never changes."))
    content = orders.resolved(put, order)
    if order is not None and order.member_id == state.member_id and orders.is_same(content, order):
        return
    orders.check(content, order, rules, put.at)
    before, was_completed_at = NOTHING, None
    if order is None:
        order = state.orders[put.key] = orders.created(put, content, state.member_id, rules)
        changes.new_orders.append(order)
    else:
        before, was_completed_at = contribution(order), order.completed_at
        changes.revisions.append(_revision(state, order, put.at))
        orders.rewrite(order, content, rules)
        order.member_id = state.member_id
    changes.orders[put.key] = order
    if put.scene and not order.scene:
        order.scene = put.scene
        changes.bonuses[put.key] = order
    if state.member_id is None:
        return
    if rules.is_open and order.terms is None:
        _stamp(state, order, rules, put.at)
    _price(state, order, changes)
    orders.date_pending(order, rules)
    if order.pending:
        changes.pendings[order.key] = order
    _settle(state, order, rules, changes, at=put.at, refund=None)
    if order.pending and order.completed_at != was_completed_at:
        _confirm_if_due(state, order, rules, changes, at=put.at)
    has_moved = post_days(state, order, before, changes)
    if has_moved and rules.is_open and order.counts:
        _land(state, rules, changes, put.at)


def _stamp(state: MemberState, order: OrderState, rules: Rules, at: datetime) -> None:
    """Give an order the terms that it keeps for ever."""
    order.terms = rules.terms(state.standing.tier_id)
    if rules.points.earning.prices_orders:
        bonuses.stamp(state, order, rules, at)


def _price(state: MemberState, order: OrderState, changes: Changes) -> None:
    """Store each line's points, under campaigns and caps where the order has any."""
    if order.bonus is None:
        orders.price(order)
    else:
        bonuses.price(state, order, changes)


def _land(state: MemberState, rules: Rules, changes: Changes, at: datetime) -> None:
    """Tiers after an order landed, or several at once."""
    today = merchant_day(at, rules.zone)
    metrics = metrics_on(state, rules.tiers, today)
    held = state.standing.tier_id
    renewed = tiers.after_order(state.standing, metrics, rules.tiers, at=at, today=today)
    if renewed or held != state.standing.tier_id:
        _note_tier(state, changes, rules, metrics, held=held, renewed=renewed, at=at, cause="order")


def _link(state: MemberState, event: OrdersLinked, rules: Rules, changes: Changes) -> None:
    """Orders of a customer become the member's. One that has a member stays what it is."""
    has_landed = False
    tier_id = state.standing.tier_id
    for key in event.keys:
        order = state.orders[key]
        if order.member_id is not None:
            continue
        changes.revisions.append(_revision(state, order, event.at))
        changes.orders[key] = order
        order.member_id = state.member_id
        order.revision += 1
        if rules.is_open:
            order.terms = rules.terms(tier_id) if order.status == UNPAID else rules.no_points(tier_id)
            if order.status == UNPAID and rules.points.earning.prices_orders:
                bonuses.stamp(state, order, rules, event.at)
        _price(state, order, changes)
        has_landed |= post_days(state, order, NOTHING, changes) and order.counts
    if has_landed and rules.is_open:
        _land(state, rules, changes, event.at)


def _post_gap(state: MemberState, event: OrdersPosted, rules: Rules, changes: Changes) -> None:
    """Post what a closure kept back. What is posted already is passed over."""
    if not rules.is_open or state.member_id is None:
        return
    waiting = [state.orders[key] for key in event.keys]
    for order in waiting:
        if order.terms is None:
            gap.lay_aside(state, order)
    for order in waiting:
        is_new, before = order.terms is None, contribution(order)
        if is_new:
            _stamp(state, order, rules, event.at)
            _price(state, order, changes)
            orders.date_pending(order, rules)
        elif orders.target_points(order) == order.posted:
            continue
        changes.orders[order.key] = order
        for refund, policy in gap.steps(order, event.clawbacks.get(order.key, {}), is_new=is_new):
            _settle(state, order, gap.under(rules, policy), changes, at=event.at, refund=refund)
        post_days(state, order, before, changes)
        if is_new:
            gap.lay_back(state, order)
            if order.counts:
                _land(state, rules, changes, event.at)


def _refund(state: MemberState, event: OrderRefund, rules: Rules, changes: Changes) -> None:
    order = state.orders.get(event.key)
    if order is None:
        raise NotFound(
            _("There is no order %(order)s on channel %(channel)s.", order=event.key[1], channel=event.key[0])
        )
    if order.member_id != state.member_id:
        raise ValueError("a refund is folded into the state of its order's member")
    refund = orders.resolved_refund(event, order)
    if refund is None:
        return
    before = contribution(order)
    refund.sequence = state.account.sequence
    orders.take_refund(order, refund)
    changes.orders[event.key] = order
    changes.refunds.append(refund)
    if state.member_id is None:
        return
    if order.bonus is not None:
        bonuses.release_if_void(state, order, changes)
    orders.date_pending(order, rules)
    _settle(state, order, rules, changes, at=event.at, refund=event.refund)
    post_days(state, order, before, changes)


def _settle(
    state: MemberState, order: OrderState, rules: Rules, changes: Changes, *, at: datetime, refund: str | None
) -> None:
    """Move the order's points to their target, with one entry at most; nothing while the program is not
    open.
    """
    if not rules.is_open or state.member_id is None:
        return
    target = orders.target_points(order)
    missing = target - order.posted
    if not missing:
        return
    order.posted = target
    changes.accounts[state.member_id] = state
    desk = _ledger(state, rules, changes, at)
    if missing > 0:
        desk.earn(order, missing, waits=not orders.is_due(order, at))
    else:
        desk.clawback(order, -missing, policy=rules.points.clawback, refund=refund)


def _confirm_if_due(
    state: MemberState, order: OrderState, rules: Rules, changes: Changes, *, at: datetime
) -> None:
    """Points that are already due when their order is completed are available at once."""
    if rules.is_open and state.member_id is not None and orders.is_due(order, at):
        changes.accounts[state.member_id] = state
        _ledger(state, rules, changes, at).confirm(order)


def _ledger(state: MemberState, rules: Rules, changes: Changes, at: datetime) -> Ledger:
    """The member's account, open for writing at `at`."""
    assert state.member_id is not None
    today = merchant_day(at, rules.zone)
    return Ledger(state.account, changes, state.member_id, at, today, rules.points.expiry, rules.version)


def _revision(state: MemberState, order: OrderState, at: datetime) -> OrderRevision:
    return OrderRevision(
        order=order.key,
        revision=order.revision,
        replaced_at=at,
        member_id=order.member_id,
        status=order.status,
        paid_at=order.paid_at,
        completed_at=order.completed_at,
        lines=order.lines,
        posted=order.posted,
        sequence=state.account.sequence,
    )


def _edit(state: MemberState, event: RulesEdit, changes: Changes) -> None:
    """A rules edit lifts at its instant. While the program is not open it moves nobody who need not move."""
    rules = event.rules
    if state.member_id is None or (not rules.is_open and state.standing.tier_id in rules.tiers.rank):
        return
    today = merchant_day(event.at, rules.zone)
    metrics = metrics_on(state, rules.tiers, today) if rules.is_open else Metrics()
    held = state.standing.tier_id
    renewed = tiers.after_edit(
        state.standing,
        metrics,
        rules.tiers,
        at=event.at,
        today=today,
        targets=event.targets,
        shifted=event.shifted,
    )
    _note_tier(state, changes, rules, metrics, held=held, renewed=renewed, at=event.at, cause="rules")


def _recalculate(state: MemberState, event: Recalculation, rules: Rules, changes: Changes) -> None:
    if not rules.is_open or state.member_id is None:
        return
    today = merchant_day(event.at, rules.zone)
    if not state.standing.needs_recalculation(today):
        return
    metrics = metrics_on(state, rules.tiers, today)
    held = state.standing.tier_id
    renewed = tiers.after_recalculation(state.standing, metrics, rules.tiers, at=event.at, today=today)
    _note_tier(state, changes, rules, metrics, held=held, renewed=renewed, at=event.at, cause="recalculation")


def _give_tier(state: MemberState, event: TierGiven, rules: Rules, changes: Changes) -> None:
    """A tier given until a day. The caller has checked that the program is open and has the tier."""
    today = merchant_day(event.at, rules.zone)
    held, standing = state.standing.tier_id, state.standing
    given: dict[str, Any] = {"at": event.at, "today": today}
    if event.by == "staff":
        renewed = tiers.set_by_hand(standing, event.tier_id, rules.tiers, until=event.until, **given)
    elif event.until is not None:
        renewed = tiers.grant_floor(standing, event.tier_id, rules.tiers, until=event.until, **given)
    else:
        return
    metrics = metrics_on(state, rules.tiers, today)
    _note_tier(
        state,
        changes,
        rules,
        metrics,
        held=held,
        renewed=renewed,
        at=event.at,
        cause=event.by,
        reason=event.reason,
    )


def _note_tier(
    state: MemberState,
    changes: Changes,
    rules: Rules,
    metrics: Metrics,
    *,
    held: int,
    renewed: list[int],
    at: datetime,
    cause: Cause,
    reason: str = "",
) -> None:
    """Collect what became of a member's standing."""
    standing = state.standing
    assert state.member_id is not None
    if held == standing.tier_id and not renewed:
        return
    changes.standings[state.member_id] = state
    for tier_id in renewed:
        changes.validities[state.member_id, tier_id] = standing.validity[tier_id]
    if held != standing.tier_id:
        changes.moves.append(
            TierMove(state.member_id, at, held, standing.tier_id, cause, rules.version, metrics, reason)
        )
