"""Random histories: the fold equals a slow model, step by step; one fold equals many; an order more never harms."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import asdict, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from members.lib.expiry import Expiry
from members.lib.periods import daily_job_instant, merchant_day
from members.lib.posting import (
    OMITTED,
    Changes,
    MemberState,
    OrderPut,
    OrderRefund,
    Recalculation,
    Rules,
    RulesEdit,
    TierGiven,
    fold,
)
from members.lib.posting.ledger import live_lots
from members.lib.posting.windows import metrics_on
from members.lib.refusals import Refusal
from members.lib.tiers import Tier, TierRules, Window
from tests.environment import sized
from tests.members.lib.naive import Naive
from tests.members.lib.naive_points import Purse
from tests.members.lib.posting_cast import (
    BASE,
    GOLD,
    MEMBER,
    SHANGHAI,
    SILVER,
    assert_books_balance,
    closed,
    fold_into,
    noon,
    spend,
    with_points,
    work_day,
)

START = date(2023, 12, 20)
JOINED_ON = date(2020, 2, 29)


class Spend(NamedTuple):
    """A redemption of what there is of some points."""

    at: datetime
    points: int


def rules(version: int, silver: tuple, gold: tuple, needs: Any = "all", **tiers: Any) -> Rules:
    ladder = (Tier(BASE, "base"), Tier(SILVER, "silver", "all", silver), Tier(GOLD, "gold", needs, gold))
    return Rules(version=version, zone=SHANGHAI, tiers=TierRules(ladder=ladder, **tiers))


SPEND = ((("spend_minor", 20_00),), (("spend_minor", 50_00),))
VERSIONS = [
    with_points(rules(1, *SPEND), tier_multipliers={SILVER: Decimal("1.5"), GOLD: Decimal("2")}),
    rules(2, *SPEND, window=Window("rolling", 6), validity_months=1, downgrade="one_step"),
    with_points(
        rules(
            3,
            (("orders", 2),),
            (("spend_minor", 40_00), ("orders", 4)),
            "any",
            window=Window("calendar_year"),
            validity_months=3,
            grace_days=10,
        ),
        per_major=Decimal("0.37"),
        clawback="within_balance",
        pending_days=3,
        expiry=Expiry("rolling", months=1),
    ),
    with_points(
        rules(
            4,
            (("active_days", 2), ("spend_minor", 5_00)),
            (("growth", 30),),
            window=Window("lifetime"),
            validity_months=2,
            growth={"spend_minor": Decimal("0.005"), "orders": Decimal("3"), "active_days": Decimal("1.7")},
        ),
        per_major=Decimal("3.3"),
        clawback="only_pending",
        pending_days=2,
        expiry=Expiry("yearly", month=2, day=29),
    ),
    with_points(
        rules(
            5,
            (("points_earned", 15),),
            (("points_earned", 40), ("orders", 2)),
            window=Window("rolling", 45),
            validity_months=1,
            grace_days=4,
        ),
        expiry=Expiry("rolling", months=2),
    ),
    closed(rules(6, *SPEND)),
    rules(7, *SPEND, window=Window("membership_year"), validity_months=2, downgrade="one_step"),
]

AMOUNTS = st.one_of(st.integers(0, 30_00), st.sampled_from([0, 1, 99, 10_00, 20_00]))
LINES = st.lists(AMOUNTS, min_size=1, max_size=4)
BACK = st.one_of(st.integers(0, 6), st.integers(-1, 40))
ORDERS = st.integers(0, 3)

puts = st.tuples(
    st.just("put"),
    ORDERS,
    LINES,
    st.sampled_from([OMITTED, OMITTED, OMITTED, "paid", "paid", "unpaid", "cancelled"]),
    st.one_of(st.just(OMITTED), st.just(OMITTED), BACK),
    st.sampled_from([OMITTED, OMITTED, None, 0, 1, 4]),
)
again = st.tuples(st.just("again"))
refunds = st.tuples(
    st.just("refund"),
    ORDERS,
    st.integers(0, 5),
    st.one_of(st.none(), st.lists(st.tuples(st.integers(0, 4), st.integers(0, 11)), max_size=3)),
)
spends = st.tuples(st.just("spend"), st.integers(1, 60))
waits = st.tuples(st.just("wait"), st.one_of(st.integers(0, 3), st.integers(0, 400)))
nights = st.tuples(st.just("nights"), st.one_of(st.integers(1, 4), st.integers(1, 45)))
edits = st.tuples(st.just("edit"), st.integers(0, len(VERSIONS) - 1))
hands = st.tuples(st.just("hand"), st.sampled_from([BASE, SILVER, GOLD]), st.sampled_from([0, 3, 40, 500]))
posted = st.one_of(puts, puts, again, refunds, refunds, nights)
histories = st.lists(st.one_of(posted, posted, waits, edits, hands), min_size=8, max_size=50)
months = st.tuples(st.just("nights"), st.integers(20, 40))
lapsing = st.lists(st.one_of(puts, refunds, refunds, months, spends, nights), min_size=6, max_size=25)
histories_with_spending = st.lists(
    st.one_of(posted, posted, waits, edits, spends, hands), min_size=12, max_size=60
)


def told(history: list[tuple]) -> list[Any]:
    """The history as events: a job runs at 03:00 of each night, everything else at noon.

    A refund names its lines loosely (the nearest line, elevenths of its amount), so that most are possible.
    """
    day = START
    events: list[Any] = []
    amounts_of: dict[int, list[int]] = {}
    for verb, *rest in history:
        at = noon(day.isoformat())
        if verb == "wait":
            day += timedelta(days=rest[0])
        elif verb == "nights":
            for _ in range(rest[0]):
                day += timedelta(days=1)
                events.append(Recalculation(daily_job_instant(day, SHANGHAI)))
        elif verb == "edit":
            events.append(RulesEdit(at, VERSIONS[rest[0]]))
        elif verb == "hand":
            events.append(TierGiven(at, rest[0], None if rest[0] == BASE else day + timedelta(days=rest[1])))
        elif verb == "spend":
            events.append(Spend(at, rest[0]))
        elif verb == "again":
            events += [replace(e, at=at) for e in events[-1:] if isinstance(e, OrderPut | OrderRefund)]
        elif verb == "refund":
            order, refund, parts = rest
            amounts = amounts_of.get(order, [])
            lines = parts and tuple((n, _part(amounts, n, eleven)) for n, eleven in parts)
            events.append(OrderRefund(at, ("web", str(order)), str(refund), lines))
        else:
            order, amounts, status, back, done = rest
            amounts_of[order] = amounts
            paid_at = back if back is OMITTED else at - timedelta(days=back)
            lines = tuple((f"sku-{i}", 1, amount) for i, amount in enumerate(amounts))
            completed_at = at - timedelta(days=done) if isinstance(done, int) else done
            events.append(OrderPut(at, ("web", str(order)), lines, status, paid_at, completed_at))
    return events


def _part(amounts: list[int], line: int, elevenths: int) -> int:
    return amounts[line - 1] * elevenths // 11 if 1 <= line <= len(amounts) else elevenths


def member(version: Rules) -> MemberState:
    return MemberState.joined(
        member_id=MEMBER, at=noon(START.isoformat()), rules=version.tiers, joined_on=JOINED_ON
    )


def tell_naive(naive: Naive, event: Any) -> str | None:
    tell = {
        OrderPut: naive.put,
        OrderRefund: naive.refund,
        Recalculation: naive.job,
        RulesEdit: naive.edit,
        TierGiven: naive.given,
    }
    return tell[type(event)](event)


def tell_both(state: MemberState, naive: Naive, event: Any, version: Rules) -> Changes:
    """An event of a whole life: besides what the fold does, redemptions and the whole daily job."""
    if type(event) is Spend:
        points = min(event.points, state.account.available)
        assert naive.purse.redeem(str(len(naive.purse.asked)), points) is None
        return spend(state, version, event.at, points)
    if type(event) is Recalculation:
        naive.confirm(event.at)
        naive.job(event)
        naive.expire(event.at)
        return work_day(state, version, event.at)
    before = deepcopy(state)
    try:
        changes, refused = fold(state, [event], version), None
    except Refusal as refusal:
        changes, refused = Changes(), refusal.slug
        assert state == before
    assert refused == tell_naive(naive, event)
    return changes


@pytest.mark.soak
@settings(max_examples=sized(300, least=75), deadline=None)
@given(st.one_of(histories_with_spending, lapsing, lapsing), st.integers(0, 6))
def test_the_fold_equals_a_slow_model_after_every_step(history, first):
    version = VERSIONS[first]
    state, naive, entries, moves = member(version), Naive(version, joined_on=JOINED_ON), [], []

    for event in told(history):
        changes = tell_both(state, naive, event, version)
        version = event.rules if type(event) is RulesEdit else version

        entries += changes.entries
        moves += changes.moves
        today = merchant_day(event.at, version.zone)
        assert metrics_on(state, version.tiers, today)._asdict() == naive.metrics(today)
        assert {
            d: (t.spend_minor, t.orders) for d, t in state.daily.items() if t.spend_minor or t.orders
        } == (naive.raw_days())
        assert (state.standing.tier_id, state.standing.validity) == (naive.tier, naive.until)
        assert [(m.from_tier_id, m.to_tier_id, m.cause) for m in moves] == naive.moves
        assert_same_purse(state, naive.purse)
        assert [(entry.kind, entry.points, entry.pending) for entry in entries] == naive.purse.entries
        assert_books_balance(state, entries)


def assert_same_purse(state: MemberState, purse: Purse) -> None:
    account = state.account
    assert {name: getattr(account, name) for name in purse.totals()} == purse.totals()
    assert [
        (lot.order, lot.expires_on, lot.remaining) for lot in live_lots(account, account.lots)
    ] == purse.lots()
    waiting = {key: order.pending for key, order in state.orders.items() if order.pending}
    assert waiting == +purse.waiting


def written(changes: Changes) -> dict[str, Any]:
    """What a database would hold after these changes: orders get ids by arrival."""
    for number, order in enumerate(changes.new_orders):
        order.id = number
    return {
        "orders": sorted([*changes.order_rows(new=True), *changes.order_rows(new=False)]),
        "lines": sorted([*changes.line_rows(new=True), *changes.line_rows(new=False)]),
        "revisions": [asdict(revision) for revision in changes.revisions],
        "refunds": [list(changes.refund_rows()), list(changes.refund_line_rows())],
        "entries": list(changes.entry_rows()),
        "lots": sorted(changes.new_lot_rows()),
        "allocations": list(changes.allocation_rows()),
        "waiting": sorted(row[:3] for row in changes.pending_rows()),
        "daily": sorted(changes.daily_rows()),
        "accounts": list(changes.account_rows()),
        "standings": [list(changes.standing_rows()), sorted(changes.validity_rows())],
        "moves": list(changes.move_rows()),
    }


@pytest.mark.soak
@settings(max_examples=sized(150, least=60), deadline=None)
@given(histories, st.integers(0, 6), st.integers(0, 40))
def test_one_fold_writes_the_same_as_many(history, first, split):
    events = told(history)
    version = VERSIONS[first]

    at_once = fold(one := member(version), events, version, refusals=[])

    piecewise = Changes()
    many = member(version)
    rest = [events[:split], *([event] for event in events[split:])]
    for part in rest:
        fold_into(piecewise, fold(many, part, version, refusals=[]))
        for event in part:
            version = event.rules if type(event) is RulesEdit else version

    assert written(at_once) == written(piecewise)
    assert one == many


@pytest.mark.soak
@settings(max_examples=sized(150, least=60), deadline=None)
@given(histories, st.integers(0, 6))
def test_a_member_loaded_without_sums_or_old_days_goes_on_the_same(history, first):
    version = VERSIONS[first]
    whole, partial = member(version), member(version)

    for event in told(history):
        day = merchant_day(event.at, version.zone)
        after = event.rules if type(event) is RulesEdit else version
        start = after.tiers.window.start(day, JOINED_ON)
        partial.window = None
        partial.daily = {d: replace(totals) for d, totals in partial.daily.items() if d >= start}
        whole_changes = fold(whole, [event], version, refusals=[])
        partial_changes = fold(partial, [event], version, refusals=[])
        version = after

        assert written(whole_changes) == written(partial_changes)
        assert partial.standing == whole.standing
        partial.daily = {d: replace(totals) for d, totals in whole.daily.items()}


@pytest.mark.soak
@settings(max_examples=sized(200, least=60), deadline=None)
@given(
    st.lists(st.one_of(puts, waits, nights, nights), max_size=30),
    st.integers(0, 30),
    AMOUNTS,
    st.sampled_from(
        [Window("rolling", 60), Window("rolling", 365), Window("calendar_year"), Window("lifetime")]
    ),
    st.sampled_from([0, 10]),
)
def test_one_order_more_never_leaves_a_member_lower_later(history, place, amount, window, grace):
    version = rules(1, *SPEND, window=window, grace_days=grace)
    with_it, without = member(version), member(version)
    events = told(history)
    at = events[place].at if place < len(events) else None

    for n, event in enumerate(events):
        if n == place and at is not None:
            fold(with_it, [OrderPut(at, ("web", "one more"), (("sku", 1, amount),))], version)
        fold(with_it, [event], version, refusals=[])
        fold(without, [event], version, refusals=[])

        rank = version.tiers.rank
        assert rank[with_it.standing.tier_id] >= rank[without.standing.tier_id]
