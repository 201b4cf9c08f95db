"""Orders of a closure posted on request: as if each arrived then, in the order in which they did (domain.md 2, 6)."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from members.lib.posting import OrderPut, OrdersPosted
from tests.members.lib.posting_cast import (
    GOLD,
    SILVER,
    Shop,
    assert_books_balance,
    closed,
    lines,
    noon,
    shop,
    with_points,
)

RULES = with_points(shop(), tier_multipliers={SILVER: Decimal(2), GOLD: Decimal(3)})


def key(order: str) -> tuple[str, str]:
    return ("web", order)


def shut(life: Shop) -> None:
    life.rules = closed(life.rules)


def reopen(life: Shop) -> None:
    life.rules = replace(life.rules, is_open=True)


def post(life: Shop, day: str, *orders: str, **clawbacks: dict[str, str]):
    return life.happen(
        OrdersPosted(noon(day), [key(each) for each in orders], {key(o): c for o, c in clawbacks.items()})
    )


def test_each_order_finds_the_tier_that_the_one_before_it_reached():
    life = Shop(RULES)
    shut(life)
    life.put("a", "2024-03-01", 1_000_00)
    life.put("b", "2024-03-02", 4_000_00)
    life.put("c", "2024-03-03", 10_00)
    reopen(life)
    assert life.entries == [] and life.daily()["2024-03-02"] == (4_000_00, 1, 0)

    post(life, "2024-05-01", "a", "b", "c")

    assert life.entries == [("earn", 1_000, 1_000), ("earn", 8_000, 9_000), ("earn", 30, 9_030)]
    assert [(before, after) for before, after, _cause in life.moves] == [(1, SILVER), (SILVER, GOLD)]
    assert life.valid_until == "2025-05-01"
    assert life.daily() == {
        "2024-03-01": (1_000_00, 1, 1_000),
        "2024-03-02": (4_000_00, 1, 8_000),
        "2024-03-03": (10_00, 1, 30),
    }


def test_posting_twice_is_posting_once():
    life = Shop(RULES)
    shut(life)
    life.put("a", "2024-03-01", 1_000_00)
    reopen(life)
    post(life, "2024-05-01", "a")

    assert not post(life, "2024-05-02", "a")


def test_an_order_that_was_sent_again_since_keeps_the_terms_of_then():
    life = Shop(RULES)
    shut(life)
    life.put("a", "2024-03-01", 100_00)
    reopen(life)
    life.put("a", "2024-04-01", 120_00)
    life.rules = with_points(life.rules, per_major=Decimal(5))

    assert not post(life, "2024-05-01", "a")
    assert life.points == (120, 0)


def test_what_was_refunded_in_the_gap_never_earns():
    life = Shop(RULES)
    shut(life)
    life.put("a", "2024-03-01", 60_00, 40_00)
    life.refund("a", "r", "2024-03-02", (1, 60_00))
    life.put("b", "2024-03-03", 50_00)
    life.refund("b", "r", "2024-03-04")
    reopen(life)

    post(life, "2024-05-01", "a", "b", a={"r": "allow_deficit"}, b={"r": "allow_deficit"})

    assert life.entries == [("earn", 40, 40)]


def test_refunds_of_orders_that_had_earned_take_back_one_by_one_by_the_policy_of_their_day():
    life = Shop(RULES)
    life.put("a", "2024-02-01", 60_00, 30_00, 10_00)
    life.spend("2024-02-02", 60)
    shut(life)
    life.refund("a", "first", "2024-03-01", (1, 60_00))
    life.refund("a", "second", "2024-03-02", (2, 30_00))
    reopen(life)
    assert life.points == (40, 0)

    changes = post(life, "2024-05-01", "a", a={"first": "within_balance", "second": "allow_deficit"})

    assert [(each.kind, each.points, each.refund) for each in changes.entries] == [
        ("clawback", -40, "first"),  # of 60: there were no more
        ("clawback", -30, "second"),
    ]
    assert life.points == (0, 30)


def test_a_refund_settled_since_is_not_taken_back_again():
    life = Shop(RULES)
    life.put("a", "2024-02-01", 60_00, 30_00, 10_00)
    shut(life)
    life.refund("a", "first", "2024-03-01", (1, 60_00))
    reopen(life)
    life.refund("a", "second", "2024-04-02", (2, 30_00))
    assert life.points == (10, 0)

    assert not post(life, "2024-05-01", "a", a={"first": "allow_deficit"})


def test_an_order_that_was_changed_in_the_gap_is_settled_with_its_own_terms():
    life = Shop(RULES)
    life.put("a", "2024-02-01", 100_00)
    shut(life)
    life.put("a", "2024-03-01", 130_00)
    reopen(life)
    life.rules = with_points(life.rules, per_major=Decimal(5))

    post(life, "2024-05-01", "a")

    assert life.points == (130, 0)


def test_a_program_that_is_not_open_posts_nothing():
    life = Shop(closed(RULES))
    life.put("a", "2024-03-01", 100_00)

    assert not post(life, "2024-05-01", "a")


orders = st.lists(
    st.tuples(
        st.integers(0, 6),  # days later
        st.lists(st.sampled_from([0, 5_00, 99, 700_00, 2_600_00]), min_size=1, max_size=3),
        st.sampled_from(["paid", "paid", "paid", "unpaid", "cancelled"]),
    ),
    max_size=6,
)


@settings(max_examples=200, deadline=None)
@given(orders, orders, orders)
def test_posting_equals_a_history_in_which_the_orders_arrive_when_they_are_posted(before, gap, after):
    """Twins: one is closed for a while; the other never, and gets the orders of the gap on the day of the posting, with
    the instants of payment and completion that they have."""
    one, other = Shop(RULES), Shop(RULES)
    day = 1
    for name, (days, amounts, status) in enumerate(before):
        day += days
        for life in (one, other):
            life.put(f"b{name}", f"2024-02-{day:02}" if day < 29 else "2024-02-29", *amounts, status=status)
    shut(one)
    day = 1
    puts = []
    for name, (days, amounts, status) in enumerate(gap):
        day = min(day + days, 31)
        paid = noon(f"2024-03-{day:02}")
        puts.append(
            OrderPut(noon("2024-05-01"), key(f"g{name}"), lines(*amounts), status=status, paid_at=paid,
                     completed_at=paid)
        )  # fmt: skip
        one.put(f"g{name}", f"2024-03-{day:02}", *amounts, status=status, paid_at=paid, completed_at=paid)
    reopen(one)

    post(one, "2024-05-01", *(f"g{name}" for name in range(len(gap))))
    other.happen(*puts)
    for name, (_days, amounts, status) in enumerate(after):
        for life in (one, other):
            life.put(f"a{name}", "2024-05-02", *amounts, status=status)

    assert one.lines == other.lines
    assert (one.points, one.tier, one.valid_until, one.lots) == (
        other.points, other.tier, other.valid_until, other.lots,
    )  # fmt: skip
    assert one.moves == other.moves
    assert one.daily() == other.daily()
    assert one.state.standing.validity == other.state.standing.validity
    for name in range(len(gap)):
        mine, theirs = one.state.orders[key(f"g{name}")], other.state.orders[key(f"g{name}")]
        assert (mine.terms, mine.posted, mine.points) == (theirs.terms, theirs.posted, theirs.points)
    assert_books_balance(one.state, one.changes.entries)
