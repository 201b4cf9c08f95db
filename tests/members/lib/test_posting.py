"""Orders put, put again, cancelled, refunded: what is stored, what is earned, what is taken back, what is refused."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from members.lib.posting import Changes, Lot, MemberState, OrderPut, OrderRefund, fold
from members.lib.refusals import IdempotencyConflict, Invalid, NotFound, OrderMemberFixed, RefundExceedsOrder
from tests.members.lib.posting_cast import (
    MEMBER,
    SILVER,
    Shop,
    assert_books_balance,
    closed,
    lines,
    noon,
    shop,
    with_points,
)

KEY = ("web", "a")


def picture(life: Shop):
    """Everything that a refusal must leave as it was."""
    return repr(life.state), repr(life.changes)


def assert_refused(life: Shop, refusal: type[Exception], *event) -> None:
    before = picture(life)
    with pytest.raises(refusal):
        life.happen(*event)
    assert picture(life) == before


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


# -- the same order again, and a changed one


def test_the_same_order_again_changes_nothing():
    life = Shop()
    life.put("a", "2024-03-01", 10_00, 5_00)
    before = picture(life)

    changes = life.put("a", "2024-04-01", 10_00, 5_00)

    assert not changes
    assert picture(life) == before


@pytest.mark.parametrize(
    ("amounts", "entries", "day"),
    [
        ((30_00, 5_00), [("earn", 15, 15), ("earn", 20, 35)], (35_00, 1, 35)),
        ((4_00, 5_00), [("earn", 15, 15), ("clawback", -6, 9)], (9_00, 1, 9)),
        ((5_00, 10_00), [("earn", 15, 15)], (15_00, 1, 15)),
        ((10_00,), [("earn", 15, 15), ("clawback", -5, 10)], (10_00, 1, 10)),
        ((10_00, 5_00, 1_00), [("earn", 15, 15), ("earn", 1, 16)], (16_00, 1, 16)),
        ((0,), [("earn", 15, 15), ("clawback", -15, 0)], (0, 1, 0)),
    ],
)
def test_a_changed_order_adjusts_by_difference(amounts, entries, day):
    life = Shop()
    life.put("a", "2024-03-01", 10_00, 5_00)

    changes = life.put("a", "2024-03-02", *amounts)

    assert life.entries == entries
    assert life.daily() == {"2024-03-01": day}
    assert [(r.revision, r.lines) for r in changes.revisions] == [(1, lines(10_00, 5_00))]
    assert life.state.orders[KEY].revision == 2
    assert_books_balance(life.state, life.changes.entries)


def test_a_change_of_payment_day_moves_the_order_to_that_day():
    life = Shop()
    life.put("a", "2024-03-02", 10_00)

    changes = life.put("a", "2024-03-05", 10_00, paid_at=noon("2024-03-01"))

    assert life.daily() == {"2024-03-01": (10_00, 1, 10)}
    assert sorted(row[1:] for row in changes.daily_rows()) == [
        (date(2024, 3, 1), 10_00, 1, 10),
        (date(2024, 3, 2), -10_00, -1, -10),
    ]
    assert life.entries == [("earn", 10, 10)]


def test_a_change_may_lift_and_a_change_that_moves_no_total_does_not_renew():
    life = Shop()
    life.put("a", "2024-03-01", 500_00)

    life.put("a", "2024-03-10", 1_000_00)

    assert (life.tier, life.valid_until) == (SILVER, "2025-03-10")

    life.happen(OrderPut(noon("2024-04-01"), KEY, (("renamed", 1, 1_000_00),)))

    assert (life.state.orders[KEY].revision, life.valid_until) == (3, "2025-03-10")


def test_refunds_stay_with_their_lines_by_position():
    life = Shop()
    life.put("a", "2024-03-01", 10_00, 10_00)
    life.refund("a", "r", "2024-03-02", (1, 4_00))

    life.put("a", "2024-03-03", 8_00, 10_00, 6_00)

    order = life.state.orders[KEY]
    assert (order.refunded, order.net_minor, order.points) == ([4_00, 0, 0], 20_00, (8, 10, 6))
    assert life.entries == [("earn", 20, 20), ("clawback", -4, 16), ("earn", 4, 20)]


@pytest.mark.parametrize("amounts", [(3_99, 10_00), (0,)])
def test_a_line_does_not_shrink_below_what_was_refunded_of_it(amounts):
    life = Shop()
    life.put("a", "2024-03-01", 10_00, 10_00)
    life.refund("a", "r", "2024-03-02", (1, 4_00))

    assert_refused(life, RefundExceedsOrder, OrderPut(noon("2024-03-03"), KEY, lines(*amounts)))


def test_a_refunded_line_is_not_left_out():
    life = Shop()
    life.put("a", "2024-03-01", 10_00, 10_00)
    life.refund("a", "r", "2024-03-02", (2, 4_00))

    assert_refused(life, RefundExceedsOrder, OrderPut(noon("2024-03-03"), KEY, lines(20_00)))


# -- refunds


def test_a_line_keeps_the_floor_of_its_share_cumulatively():
    life = Shop()
    life.put("a", "2024-03-01", 10_01)

    for n, amount in enumerate((1, 1, 4_99, 5_00), start=1):
        life.refund("a", f"r{n}", "2024-03-02", (1, amount))

    assert [points for _, points, _ in life.entries] == [10, -1, -5, -4]
    assert life.points == (0, 0)


def test_a_refund_that_takes_no_point_writes_no_entry():
    life = Shop()
    life.put("a", "2024-03-01", 50)

    changes = life.refund("a", "r", "2024-03-02")

    assert life.entries == []
    assert list(changes.daily_rows()) == [(MEMBER, date(2024, 3, 1), -50, -1, 0)]


def test_an_order_refunded_in_part_still_counts_and_refunded_whole_does_not():
    life = Shop()
    life.put("a", "2024-03-01", 10_00, 5_00)

    life.refund("a", "r1", "2024-03-02", (1, 10_00))

    assert life.daily() == {"2024-03-01": (5_00, 1, 5)}

    life.refund("a", "r2", "2024-03-03")

    assert life.daily() == {}


def test_a_line_named_twice_is_refunded_by_the_sum():
    life = Shop()
    life.put("a", "2024-03-01", 10_00)

    life.refund("a", "r", "2024-03-02", (1, 2_00), (1, 3_00))

    assert life.changes.refunds[0].lines == ((1, 5_00),)


def test_the_same_refund_again_changes_nothing():
    life = Shop()
    life.put("a", "2024-03-01", 10_00, 5_00)
    life.refund("a", "r1", "2024-03-02", (2, 5_00))
    life.refund("a", "r2", "2024-03-02")
    before = picture(life)

    assert not life.refund("a", "r1", "2024-04-02", (2, 5_00))
    assert not life.refund("a", "r2", "2024-04-02")
    assert not life.refund("a", "r2", "2024-04-02", (1, 10_00))
    assert picture(life) == before


@pytest.mark.parametrize(
    ("taken", "refusal"),
    [
        (((1, 10_01),), RefundExceedsOrder),
        (((1, 6_00), (1, 6_00)), RefundExceedsOrder),
        (((1, 10_00), (2, 5_01)), RefundExceedsOrder),
        (((1, 0),), RefundExceedsOrder),
        (((1, 1_00), (2, 0)), RefundExceedsOrder),
        ((), RefundExceedsOrder),
        (((3, 1_00),), Invalid),
        (((0, 1_00),), Invalid),
        (((1, -1),), Invalid),
    ],
)
def test_a_refund_over_what_is_left_or_of_nothing_is_refused_whole(taken, refusal):
    life = Shop()
    life.put("a", "2024-03-01", 10_00, 5_00)

    assert_refused(life, refusal, OrderRefund(noon("2024-03-02"), KEY, "r", taken))


def test_nothing_is_left_of_an_order_refunded_whole():
    life = Shop()
    life.put("a", "2024-03-01", 10_00)
    life.refund("a", "r", "2024-03-02")

    assert_refused(life, RefundExceedsOrder, OrderRefund(noon("2024-03-03"), KEY, "r2"))


@pytest.mark.parametrize("status", ["unpaid", "cancelled"])
def test_what_was_not_paid_is_not_refunded(status):
    life = Shop()
    life.put("a", "2024-03-01", 10_00, status=status)

    assert_refused(life, RefundExceedsOrder, OrderRefund(noon("2024-03-03"), KEY, "r"))


def test_a_refund_key_names_one_refund_of_its_order():
    life = Shop()
    life.put("a", "2024-03-01", 10_00)
    life.refund("a", "r", "2024-03-02", (1, 1_00))

    assert_refused(life, IdempotencyConflict, OrderRefund(noon("2024-03-03"), KEY, "r", ((1, 2_00),)))
    assert_refused(life, IdempotencyConflict, OrderRefund(noon("2024-03-03"), KEY, "r"))


def test_an_order_never_stored_is_not_refunded():
    assert_refused(Shop(), NotFound, OrderRefund(noon("2024-03-03"), KEY, "r"))


# -- clawback policies, deficits, lots


def spend(life: Shop, points: int) -> None:
    """Take points off the oldest lots as a redemption will; the ledger's own laws are checked elsewhere."""
    for lot in life.state.account.lots:
        part = min(points, lot.remaining)
        lot.remaining -= part
        points -= part
        life.state.account.available -= part
    life.state.account.lots = [lot for lot in life.state.account.lots if lot.remaining]


@pytest.mark.parametrize(
    ("policy", "entries", "points", "clawed_back"),
    [
        ("allow_deficit", [("clawback", -10, -6)], (0, 6), 10),
        ("within_balance", [("clawback", -4, 0)], (0, 0), 4),
        ("only_pending", [], (4, 0), 0),
    ],
)
def test_the_clawback_policy_says_what_is_taken_of_points_already_spent(policy, entries, points, clawed_back):
    life = Shop(with_points(shop(), clawback=policy))
    life.put("a", "2024-03-01", 10_00)
    spend(life, 6)

    life.refund("a", "r", "2024-03-02")

    assert life.entries[1:] == entries
    assert life.points == points
    assert life.state.account.clawed_back == clawed_back


def test_the_policy_is_the_one_in_force_at_the_refund():
    life = Shop()
    life.put("a", "2024-03-01", 10_00)
    spend(life, 6)
    life.edit("2024-03-02", with_points(shop(), clawback="within_balance"))

    life.refund("a", "r", "2024-03-03")

    assert life.points == (0, 0)


def test_a_clawback_within_an_empty_balance_writes_no_entry():
    life = Shop(with_points(shop(), clawback="within_balance"))
    life.put("a", "2024-03-01", 10_00)
    spend(life, 10)

    life.refund("a", "r", "2024-03-02")

    assert (len(life.entries), life.points) == (1, (0, 0))


def test_every_credit_repays_the_deficit_without_an_entry_of_its_own():
    life = Shop()
    life.put("a", "2024-03-01", 10_00)
    spend(life, 10)
    life.refund("a", "r", "2024-03-02")

    life.put("b", "2024-03-03", 4_00)

    assert (life.points, life.state.account.lots) == ((0, 6), [])
    assert life.entries[-1] == ("earn", 4, -6)

    life.put("c", "2024-03-04", 9_00)

    assert life.points == (3, 0)
    assert [(lot.amount, lot.remaining) for lot in life.state.account.lots] == [(9, 3)]
    assert life.entries[-1] == ("earn", 9, 3)
    assert list(life.changes.new_lot_rows())[-1][4:6] == (9, 3)


def test_a_clawback_takes_the_orders_own_lot_before_the_spending_order():
    life = Shop()
    life.put("a", "2024-03-01", 10_00)
    life.put("b", "2024-03-02", 10_00)

    life.refund("b", "r", "2024-03-03", (1, 6_00))

    assert [(lot.order, lot.remaining) for lot in life.state.account.lots] == [(KEY, 10), (("web", "b"), 4)]


def test_after_its_own_lots_a_clawback_follows_the_spending_order():
    life = Shop()
    account = life.state.account
    life.put("a", "2024-03-01", 10_00)
    spend(life, 10)
    for number, expires_on, available in ((11, None, "2024-01-01"), (12, "2024-05-01", "2024-02-02")):
        day = expires_on and date.fromisoformat(expires_on)
        account.lots.append(Lot(number, None, noon(available), 8, 8, day))
    account.lots.append(Lot(13, None, noon("2024-02-01"), 8, 8, date(2024, 5, 1)))
    account.available = 24

    changes = life.refund("a", "r", "2024-03-03")

    assert list(changes.changed_lot_rows()) == [(MEMBER, 13, 0), (MEMBER, 12, 6)]
    assert account.available == 14


def test_points_of_the_order_that_expired_are_gone_already():
    life = Shop()
    account = life.state.account
    life.put("a", "2024-03-01", 10_00)
    life.put("b", "2024-03-01", 10_00)
    account.lots[0].expires_on = date(2024, 3, 31)
    account.expired_through = date(2024, 3, 31)
    account.available -= 10
    account.expired += 10

    life.refund("a", "r", "2024-04-01")

    assert (life.points, len(life.entries)) == ((10, 0), 2)


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
    assert list(changes.refund_rows()) == [(99, "r", noon("2024-03-02"), False, 1_00)]
    assert list(changes.refund_line_rows()) == [(99, "r", 2, 1_00)]
    assert [row[:4] + row[-4:] for row in changes.entry_rows()] == [
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
