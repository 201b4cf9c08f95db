"""Orders put: what is stored, what is earned, what is refused; customers and programs that are not open."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from members.lib.posting import Changes, Lot, MemberState, OrderPut, OrderRefund, fold
from members.lib.refusals import Invalid, NotFound, OrderMemberFixed
from tests.members.lib.posting_cast import (
    MEMBER,
    SILVER,
    Shop,
    assert_books_balance,
    assert_refused,
    closed,
    lines,
    noon,
    shop,
    with_points,
)

KEY = ("web", "a")


# -- an order lands


def test_e11_a_refund_by_line_and_the_rest_take_exactly_what_was_earned():
    life = Shop()

    life.put("a", "2024-03-01", 33_33, 33_33, 33_34)

    assert life.state.orders[KEY].points == (33, 33, 34)

    life.refund("a", "r1", "2024-03-02", (1, 33_33))
    life.refund("a", "r2", "2024-03-03")

    assert life.entries == [("earn", 100, 100), ("clawback", -33, 67), ("clawback", -67, 0)]
    assert [entry.cause for entry in life.changes.entries] == ["order", "refund", "refund"]
    assert [entry.posting for entry in life.changes.entries] == [1, 2, 3]
    assert life.points == (0, 0)
    assert_books_balance(life.state, life.changes.entries)


def test_an_order_writes_its_day_its_points_and_a_lot():
    life = Shop()

    changes = life.put("a", "2024-03-01", 12_50, 7_60)

    assert list(changes.daily_rows()) == [(MEMBER, date(2024, 3, 1), 20_10, 1, 20)]
    assert life.entries == [("earn", 20, 20)]
    assert life.state.account.lots == [Lot(1, KEY, noon("2024-03-01"), 20, 20)]
    assert (life.state.account.earned, life.state.account.available) == (20, 20)


def test_the_order_day_is_the_merchant_day_of_payment():
    life = Shop()

    life.put("a", "2024-03-02", 1_00, paid_at=datetime(2024, 2, 29, 17, tzinfo=UTC))

    assert list(life.daily()) == ["2024-03-01"]


def test_zero_points_write_no_entry():
    life = Shop()

    life.put("a", "2024-03-01", 99)

    assert life.entries == []
    assert life.daily() == {"2024-03-01": (99, 1, 0)}


def test_lines_of_nothing_are_kept_as_they_are():
    life = Shop()

    life.happen(OrderPut(noon("2024-03-01"), KEY, (("gift", 0, 0), ("milk", 1, 3_00), ("bag", 1, 0))))

    assert life.state.orders[KEY].points == (0, 3, 0)


def test_an_order_of_nothing_counts_as_an_order():
    life = Shop()

    life.put("a", "2024-03-01", 0)

    assert life.daily() == {"2024-03-01": (0, 1, 0)}


def test_the_tier_held_before_the_order_multiplies():
    rules = with_points(shop(), tier_multipliers={SILVER: Decimal("1.5")})
    life = Shop(rules)

    life.put("a", "2024-03-01", 1_000_00)
    life.put("b", "2024-03-02", 1_000_00)

    assert life.entries == [("earn", 1_000, 1_000), ("earn", 1_500, 2_500)]
    assert life.state.orders[("web", "b")].terms.multiplier == Decimal("1.5")


def test_an_order_keeps_its_terms_for_ever():
    life = Shop()
    life.put("a", "2024-03-01", 10_00)
    life.edit("2024-03-02", with_points(shop(), per_major=Decimal(7)))

    life.put("a", "2024-03-03", 20_00)

    assert life.entries == [("earn", 10, 10), ("earn", 10, 20)]


# -- states of an order


def test_an_unpaid_order_earns_nothing_until_it_is_paid():
    life = Shop()

    life.put("a", "2024-03-01", 10_00, status="unpaid")

    assert (life.entries, life.daily()) == ([], {})
    assert life.state.orders[KEY].paid_at is None

    life.put("a", "2024-03-05", 10_00, status="paid")

    assert life.entries == [("earn", 10, 10)]
    assert life.daily() == {"2024-03-05": (10_00, 1, 10)}


def test_an_unpaid_order_is_stamped_when_it_is_first_stored():
    life = Shop()
    life.put("a", "2024-03-01", 10_00, status="unpaid")
    life.edit("2024-03-02", with_points(shop(), per_major=Decimal(7)))

    life.put("a", "2024-03-03", 10_00, status="paid")

    assert life.entries == [("earn", 10, 10)]


def test_a_paid_order_that_is_cancelled_is_taken_back_whole():
    life = Shop()
    life.put("a", "2024-03-01", 1_000_00)

    life.put("a", "2024-03-05", 1_000_00, status="cancelled")

    assert life.entries == [("earn", 1_000, 1_000), ("clawback", -1_000, 0)]
    assert life.changes.entries[1].cause == "order"
    assert (life.daily(), life.tier) == ({}, SILVER)

    life.put("a", "2024-03-06", 1_000_00, status="paid")

    assert life.entries[-1] == ("earn", 1_000, 1_000)
    assert life.daily() == {"2024-03-01": (1_000_00, 1, 1_000)}
    assert_books_balance(life.state, life.changes.entries)


def test_an_order_cancelled_before_it_was_paid_never_counts():
    life = Shop()

    life.put("a", "2024-03-01", 1_000_00, status="cancelled")

    assert (life.entries, life.daily(), life.moves) == ([], {}, [])


def test_what_a_repeated_put_leaves_out_keeps_its_value():
    life = Shop()
    life.put("a", "2024-03-02", 10_00, paid_at=noon("2024-03-01"), completed_at=None)

    life.put("a", "2024-03-05", 10_00)

    order = life.state.orders[KEY]
    assert (order.paid_at, order.completed_at) == (noon("2024-03-01"), noon("2024-03-05"))

    changes = life.put("a", "2024-03-09", 10_00)

    assert not changes
    assert order.completed_at == noon("2024-03-05")


# -- members, customers, programs that are not open


def test_an_order_of_another_member_is_refused():
    life = Shop()
    life.put("a", "2024-03-01", 10_00)
    other = Shop()
    other.state.member_id = 8
    other.state.orders = life.state.orders

    assert_refused(other, OrderMemberFixed, OrderPut(noon("2024-03-02"), KEY, lines(10_00)))


def test_an_order_without_a_member_is_stored_and_derives_nothing():
    customer = MemberState.customer(at=noon("2024-03-01"))

    changes = fold(
        customer,
        [
            OrderPut(noon("2024-03-01"), KEY, lines(10_00)),
            OrderRefund(noon("2024-03-02"), KEY, "r", ((1, 4_00),)),
        ],
        shop(),
    )

    assert (customer.orders[KEY].net_minor, customer.orders[KEY].terms) == (6_00, None)
    assert not (changes.entries or changes.daily or changes.standings or changes.accounts)
    assert len(changes.new_orders) == len(changes.refunds) == 1


def test_an_order_earns_when_it_gets_its_member():
    customer = MemberState.customer(at=noon("2024-03-01"))
    fold(customer, [OrderPut(noon("2024-03-01"), KEY, lines(10_00))], shop())
    life = Shop()
    life.state.orders = customer.orders

    life.put("a", "2024-03-05", 10_00)

    assert life.entries == [("earn", 10, 10)]
    assert life.daily() == {"2024-03-01": (10_00, 1, 10)}


def test_orders_of_a_program_that_is_not_open_are_stored_and_earn_nothing():
    life = Shop(closed(shop()))

    life.put("a", "2024-03-01", 5_000_00)
    life.refund("a", "r", "2024-03-02", (1, 1_00))

    assert (life.entries, life.moves) == ([], [])
    assert life.state.orders[KEY].terms is None
    assert life.daily() == {"2024-03-01": (4_999_00, 1, 0)}


def test_an_order_of_a_closure_earns_when_it_is_changed_and_not_when_it_is_repeated():
    life = Shop(closed(shop()))
    life.put("a", "2024-03-01", 10_00)
    life.rules = shop()

    assert not life.put("a", "2024-03-02", 10_00)

    life.put("a", "2024-03-03", 12_00)

    assert life.entries == [("earn", 12, 12)]


def test_a_refund_during_a_closure_moves_points_with_the_orders_next_refund():
    life = Shop()
    life.put("a", "2024-03-01", 10_00)
    life.rules = closed(shop())
    life.refund("a", "r1", "2024-03-02", (1, 4_00))

    assert life.points == (10, 0)

    life.rules = shop()
    life.refund("a", "r2", "2024-03-03")

    assert life.entries == [("earn", 10, 10), ("clawback", -10, 0)]


# -- bad input


@pytest.mark.parametrize(
    "put",
    [
        OrderPut(noon("2024-03-01"), KEY, ()),
        OrderPut(noon("2024-03-01"), KEY, (("x", 1, -1), ("y", 1, 5))),
        OrderPut(noon("2024-03-01"), KEY, (("x", -1, 1),)),
        OrderPut(noon("2024-03-01"), KEY, lines(1), status="lost"),  # type: ignore[arg-type]
        OrderPut(noon("2024-03-01"), KEY, lines(1), paid_at=noon("2024-03-02")),
        OrderPut(noon("2024-03-01"), KEY, lines(1), paid_at=datetime(2024, 3, 1)),
        OrderPut(noon("2024-03-01"), KEY, lines(1), completed_at=datetime(2024, 3, 1)),
    ],
)
def test_an_order_that_cannot_be_is_refused(put):
    assert_refused(Shop(), Invalid, put)


def test_a_clock_that_runs_ahead_within_the_day_is_forgiven():
    life = Shop()

    life.put("a", "2024-03-01", 1_00, paid_at=noon("2024-03-01").replace(hour=13))

    assert list(life.daily()) == ["2024-03-01"]


def test_a_bulk_fold_sets_refused_events_aside_and_goes_on():
    life = Shop()
    bad = OrderRefund(noon("2024-03-01"), KEY, "r")
    refusals: list = []

    changes = fold(
        life.state, [bad, OrderPut(noon("2024-03-01"), KEY, lines(1_00))], life.rules, refusals=refusals
    )

    assert [(event, type(refusal)) for event, refusal in refusals] == [(bad, NotFound)]
    assert len(changes.new_orders) == 1


# -- rows to write


def test_rows_are_ready_to_be_written_once_orders_have_their_ids():
    life = Shop()
    life.put("a", "2024-03-01", 600_00, 400_00)
    life.refund("a", "r", "2024-03-02", (2, 1_00))
    changes = life.changes
    changes.new_orders[0].id = 99

    at = noon("2024-03-01")
    assert list(changes.order_rows(new=True)) == [
        (99, "web", "a", MEMBER, at, "paid", at, date(2024, 3, 1), at, 1_000_00, 1_00, 999_00, True)
        + (1, 1, Decimal(1), Decimal(1), 0, 999, 2, 1)
    ]
    assert list(changes.order_rows(new=False)) == []
    assert list(changes.line_rows(new=True)) == [
        (99, 1, "sku-0", 1, 600_00, 600, 0),
        (99, 2, "sku-1", 1, 400_00, 400, 1_00),
    ]
    assert list(changes.refund_rows()) == [(99, "r", noon("2024-03-02"), False, 1_00, 1)]
    assert list(changes.refund_line_rows()) == [(99, "r", 2, 1_00)]
    assert [row[:4] + row[7:11] for row in changes.entry_rows()] == [
        (MEMBER, 1, at, "earn", "order", 99, None, 1),
        (MEMBER, 2, noon("2024-03-02"), "clawback", "refund", 99, "r", 2),
    ]
    assert list(changes.new_lot_rows()) == [(MEMBER, 1, 99, at, 1_000, 999, None)]
    assert list(changes.account_rows()) == [(MEMBER, 999, 0, 0, 1_000, 0, 0, 1, 2)]
    assert list(changes.standing_rows()) == [(MEMBER, SILVER, at, date(2025, 3, 1))]
    assert list(changes.validity_rows()) == [(MEMBER, SILVER, date(2025, 3, 1))]
    assert [row[:6] for row in changes.move_rows()] == [(MEMBER, at, 1, SILVER, "order", 1)]


def test_a_fold_without_events_changes_nothing():
    assert not fold(Shop().state, [], shop())
    assert not Changes()


def test_something_that_is_not_an_event_is_a_mistake_of_the_caller():
    with pytest.raises(TypeError):
        fold(Shop().state, ["order"], shop())  # type: ignore[list-item]
