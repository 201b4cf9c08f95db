"""Orders of before the joining become the member's: on their own days, landing together, without points."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from members.lib.periods import merchant_day
from members.lib.posting import Changes, MemberState, OrderPut, OrderRefund, OrdersLinked, RulesEdit, fold
from members.lib.posting.windows import metrics_on
from members.lib.refusals import Refusal
from tests.environment import sized
from tests.members.lib.naive import Naive
from tests.members.lib.posting_cast import GOLD, SILVER, Shop, assert_books_balance, closed, lines, noon, shop
from tests.members.lib.test_posting_model import (
    JOINED_ON,
    LINES,
    START,
    VERSIONS,
    histories,
    member,
    tell_naive,
    told,
)

KEY = ("web", "a")


def customer(*puts: OrderPut) -> MemberState:
    """A buyer who has not joined, with orders."""
    state = MemberState.customer(at=noon("2024-01-01"))
    fold(state, puts, shop())
    return state


def link(life: Shop, day: str, orders: MemberState) -> Changes:
    life.state.orders |= orders.orders
    return life.happen(OrdersLinked(noon(day), list(orders.orders)))


def test_linked_orders_count_on_their_own_days_and_land_together():
    bought = customer(
        OrderPut(noon("2024-02-01"), KEY, lines(1_200_00)),
        OrderPut(noon("2024-02-03"), ("web", "b"), lines(4_000_00)),
        OrderPut(noon("2024-02-03"), ("web", "c"), lines(9_00), status="cancelled"),
    )
    life = Shop()

    changes = link(life, "2024-03-01", bought)

    assert life.daily() == {"2024-02-01": (1_200_00, 1, 0), "2024-02-03": (4_000_00, 1, 0)}
    assert life.moves == [(1, GOLD, "order")]
    assert life.valid_until == "2025-03-01"
    assert life.entries == []
    assert [(was.order[1], was.revision, was.member_id) for was in changes.revisions] == [
        ("a", 1, None),
        ("b", 1, None),
        ("c", 1, None),
    ]


def test_a_linked_order_never_earns_whatever_becomes_of_it():
    life = Shop()
    link(life, "2024-03-01", customer(OrderPut(noon("2024-02-01"), KEY, lines(10_00), completed_at=None)))

    life.put("a", "2024-03-02", 10_00)
    life.put("a", "2024-03-03", 10_00, status="cancelled")
    life.put("a", "2024-03-04", 90_00, status="paid")
    life.refund("a", "r", "2024-03-05")

    assert life.entries == [] and life.points == (0, 0)
    assert life.daily() == {}


def test_an_order_not_paid_at_the_joining_earns_with_the_terms_of_that_day():
    life = Shop()
    bought = customer(
        OrderPut(noon("2024-02-01"), KEY, lines(10_00), status="unpaid"),
        OrderPut(noon("2024-02-01"), ("web", "b"), lines(1_500_00)),
    )
    link(life, "2024-03-01", bought)
    assert life.tier == SILVER

    life.put("a", "2024-03-04", 10_00, status="paid")

    assert life.entries == [("earn", 10, 10)]
    assert bought.orders[KEY].terms.tier_id == 1  # held before these orders
    assert life.daily()["2024-03-04"] == (10_00, 1, 10)


def test_linking_again_and_linking_what_has_a_member_changes_nothing():
    life = Shop()
    bought = customer(OrderPut(noon("2024-02-01"), KEY, lines(10_00)))
    link(life, "2024-03-01", bought)

    assert not link(life, "2024-03-02", bought)


def test_a_program_that_is_not_open_stamps_nothing_and_moves_no_tier():
    life = Shop(closed(shop()))

    link(life, "2024-03-01", customer(OrderPut(noon("2024-02-01"), KEY, lines(6_000_00))))

    assert life.state.orders[KEY].terms is None
    assert life.moves == [] and life.daily() == {"2024-02-01": (6_000_00, 1, 0)}


pasts = st.lists(
    st.tuples(LINES, st.sampled_from(["paid", "paid", "paid", "unpaid", "cancelled"]), st.booleans()),
    min_size=1,
    max_size=3,
)


@pytest.mark.soak
@settings(max_examples=sized(150, least=60), deadline=None)
@given(histories, pasts, st.integers(0, 8), st.integers(0, 5))
def test_a_history_with_a_joining_in_it_equals_the_slow_model(history, past, place, first):
    """Orders "0" to "2" are the customer's if the member has none of that name by then; later events concern them."""
    version = VERSIONS[first]
    state, naive, entries = member(version), Naive(version, joined_on=JOINED_ON), []

    for n, event in enumerate(told(history)):
        if n == place:
            assert not _link_both(state, naive, past, event.at, version).entries
        refused = None
        try:
            entries += fold(state, [event], version).entries
        except Refusal as refusal:
            refused = refusal.slug
        version = event.rules if type(event) is RulesEdit else version

        assert refused == tell_naive(naive, event)
        today = merchant_day(event.at, version.zone)
        assert metrics_on(state, version.tiers, today)._asdict() == naive.metrics(today)
        assert (state.standing.tier_id, state.standing.validity) == (naive.tier, naive.until)
        assert [(entry.kind, entry.points, entry.pending) for entry in entries] == naive.purse.entries
        assert_books_balance(state, entries)


def _link_both(state, naive, past, at, version) -> Changes:
    bought, raw = MemberState.customer(at=at), Naive(closed(version))
    for n, (amounts, status, is_refunded) in enumerate(past):
        key = ("web", str(n))
        if key in state.orders:
            continue
        events = [OrderPut(noon(START.isoformat()), key, lines(*amounts), status)]
        if is_refunded and status == "paid" and amounts[0]:
            events.append(OrderRefund(at, key, "0", ((1, (amounts[0] + 1) // 2),)))
        for event in events:
            fold(bought, [event], version)
            tell_naive(raw, event)
    state.orders |= bought.orders
    naive.link(at, raw.orders)
    return fold(state, [OrdersLinked(at, list(bought.orders))], version)
