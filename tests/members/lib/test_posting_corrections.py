"""Orders put again and refunded: what is adjusted by difference, what is taken back, what is refused."""

from __future__ import annotations

from datetime import date

import pytest

from members.lib.posting import Lot, OrderPut, OrderRefund
from members.lib.refusals import IdempotencyConflict, Invalid, NotFound, RefundExceedsOrder
from tests.members.lib.posting_cast import (
    MEMBER,
    SILVER,
    Shop,
    assert_books_balance,
    assert_refused,
    lines,
    noon,
    picture,
    shop,
    with_points,
)

KEY = ("web", "a")


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
