"""Points that wait: from when, until when, what takes them back, what the policies leave (domain.md 6)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from members.lib.expiry import Expiry
from tests.members.lib.posting_cast import Shop, assert_books_balance, closed, noon, shop, with_points

KEY = ("web", "a")
WEEK = with_points(shop(), pending_days=7)
MONTHLY = with_points(shop(), expiry=Expiry("rolling", months=1))


def due(life: Shop, order: str = "a") -> datetime | None:
    return life.state.orders["web", order].due_at


def both(policy: str) -> Shop:
    """Order a has 4 points that wait and 6 of its own; order b has 10 points, order c 3 that wait."""
    life = Shop(with_points(shop(), pending_days=2, clawback=policy))
    life.put("a", "2024-03-01", 6_00)
    life.put("b", "2024-03-01", 10_00)
    life.night("2024-03-04")
    life.put("a", "2024-03-05", 10_00, completed_at=None)
    life.put("c", "2024-03-05", 3_00)
    assert life.lines[4:] == [("earn", 0, 4), ("earn", 0, 3)]
    return life


# -- from when, until when


def test_points_wait_and_are_confirmed():
    life = Shop(WEEK)

    life.put("a", "2024-03-01", 10_00)

    account = life.state.account
    assert (life.lines, life.lots) == ([("earn", 0, 10)], [])
    assert (account.available, account.pending, account.earned) == (0, 10, 10)

    life.night("2024-03-08")

    assert len(life.lines) == 1  # due at noon of that day

    life.night("2024-03-09")

    assert life.lines == [("earn", 0, 10), ("confirm", 10, -10)]
    assert life.lots == [("a", 10, None)]
    assert (account.available, account.pending, account.earned) == (10, 0, 10)
    assert [entry.posting for entry in life.changes.entries] == [1, -1]
    assert_books_balance(life.state, life.changes.entries)


def test_points_fall_due_at_the_local_time_of_completion():
    life = Shop(WEEK)

    life.put(
        "a", "2024-03-01", 10_00, completed_at=datetime(2024, 2, 29, 20, 30, tzinfo=UTC)
    )  # 04:30 on 1 March

    assert due(life) == datetime(2024, 3, 7, 20, 30, tzinfo=UTC)


def test_a_local_time_that_summer_time_skips_is_the_next_that_exists():
    new_york = ZoneInfo("America/New_York")
    life = Shop(replace(with_points(shop(), pending_days=1), zone=new_york))

    life.put("a", "2024-03-10", 10_00, completed_at=datetime(2024, 3, 9, 2, 30, tzinfo=new_york))

    assert due(life) == datetime(2024, 3, 10, 3, 0, tzinfo=new_york)


def test_an_order_not_completed_waits_without_a_date():
    life = Shop(shop())  # no days to wait

    life.put("a", "2024-03-01", 10_00, completed_at=None)
    life.night("2025-03-01")

    assert (life.lines, due(life)) == ([("earn", 0, 10)], None)


def test_completion_later_begins_the_wait():
    life = Shop(WEEK)
    life.put("a", "2024-03-01", 10_00, completed_at=None)

    life.put("a", "2024-03-05", 10_00)
    life.night("2024-03-12")

    assert (due(life), len(life.lines)) == (noon("2024-03-12"), 1)

    life.night("2024-03-13")

    assert life.lines[1:] == [("confirm", 10, -10)]


@pytest.mark.parametrize("when", ["2024-02-20", "2024-02-23"])
def test_points_already_due_when_the_order_arrives_are_available_at_once(when):
    life = Shop(WEEK)

    life.put("a", "2024-03-01", 10_00, completed_at=noon(when))

    assert life.lines == [("earn", 10, 0)]


def test_points_already_due_when_the_order_is_completed_are_available_at_once():
    life = Shop(WEEK)
    life.put("a", "2024-03-01", 10_00, completed_at=None)

    life.put("a", "2024-03-10", 10_00, completed_at=noon("2024-03-03"))

    assert life.lines == [("earn", 0, 10), ("confirm", 10, -10)]
    assert life.changes.entries[1].at == noon("2024-03-10")


def test_an_unpaid_order_waits_from_its_payment():
    life = Shop(WEEK)
    life.put("a", "2024-03-01", 10_00, status="unpaid", completed_at=noon("2024-02-28"))

    assert life.lines == []

    life.put("a", "2024-03-05", 10_00, status="paid")

    assert (life.lines, due(life)) == ([("earn", 0, 10)], noon("2024-03-06"))


def test_the_days_to_wait_are_those_of_the_first_arrival():
    life = Shop(WEEK)
    life.put("a", "2024-03-01", 10_00, completed_at=None)
    life.edit("2024-03-02", with_points(shop(), pending_days=30))

    life.put("a", "2024-03-03", 10_00)

    assert due(life) == noon("2024-03-10")


def test_confirmed_points_end_by_the_rule_of_the_day_on_which_they_are_confirmed():
    life = Shop(with_points(shop(), pending_days=7, expiry=Expiry("rolling", months=1)))
    life.put("a", "2024-01-23", 10_00)
    life.edit("2024-01-30", with_points(shop(), expiry=Expiry("rolling", months=2)))

    life.night("2024-01-31")

    assert life.lots == [("a", 10, "2024-03-31")]


def test_a_rise_waits_like_the_order_and_is_available_at_once_when_that_is_due():
    life = Shop(WEEK)
    life.put("a", "2024-03-01", 10_00)
    life.put("a", "2024-03-02", 15_00)
    life.night("2024-03-09")

    life.put("a", "2024-03-10", 18_00)

    assert life.lines == [("earn", 0, 10), ("earn", 0, 5), ("confirm", 15, -15), ("earn", 3, 0)]


def test_confirming_repays_a_deficit_first():
    life = Shop(with_points(shop(), pending_days=7))
    life.put("a", "2024-03-01", 10_00, completed_at=noon("2024-01-01"))
    life.spend("2024-03-01", 10)
    life.refund("a", "r", "2024-03-02")
    life.put("b", "2024-03-02", 12_00)

    life.night("2024-03-10")

    assert life.points == (2, 0)
    assert life.lots == [("b", 2, None)]
    assert life.entries[-1] == ("confirm", 12, 2)


def test_a_program_that_is_not_open_confirms_nothing():
    life = Shop(WEEK)
    life.put("a", "2024-03-01", 10_00, completed_at=None)
    life.rules = closed(WEEK)

    life.put("a", "2024-03-20", 10_00, completed_at=noon("2024-03-02"))
    life.night("2024-03-21")

    assert (life.lines, due(life)) == ([("earn", 0, 10)], noon("2024-03-09"))

    life.rules = WEEK
    life.night("2024-03-22")

    assert life.lines[1:] == [("confirm", 10, -10)]


# -- taken back


@pytest.mark.parametrize("policy", ["allow_deficit", "within_balance", "only_pending"])
def test_a_refund_inside_the_wait_takes_what_waits_whatever_the_policy(policy):
    life = Shop(with_points(shop(), pending_days=7, clawback=policy))
    life.put("a", "2024-03-01", 10_00)

    life.refund("a", "r1", "2024-03-02", (1, 3_00))
    life.refund("a", "r2", "2024-03-03")

    assert life.lines == [("earn", 0, 10), ("clawback", 0, -3), ("clawback", 0, -7)]
    assert (life.state.account.pending, life.state.account.clawed_back) == (0, 10)
    life.night("2024-03-20")
    assert len(life.lines) == 3  # nothing is left to confirm
    assert_books_balance(life.state, life.changes.entries)


@pytest.mark.parametrize("status", ["cancelled", "unpaid"])
def test_an_order_given_up_inside_the_wait_takes_what_waits(status):
    life = Shop(WEEK)
    life.put("a", "2024-03-01", 10_00)

    life.put("a", "2024-03-02", 10_00, status=status)

    assert life.lines == [("earn", 0, 10), ("clawback", 0, -10)]


@pytest.mark.parametrize(
    ("policy", "spent", "entry", "lots", "deficit"),
    [
        ("allow_deficit", 0, (-6, -4), [("b", 10, None)], 0),
        ("within_balance", 0, (-6, -4), [("b", 10, None)], 0),
        ("only_pending", 0, (0, -4), [("a", 6, None), ("b", 10, None)], 0),
        ("allow_deficit", 10, (-6, -4), [], 0),
        ("allow_deficit", 12, (-6, -4), [], 2),
        ("within_balance", 12, (-4, -4), [], 0),
        ("only_pending", 12, (0, -4), [("b", 4, None)], 0),
    ],
)
def test_a_clawback_takes_what_waits_then_its_own_lots_then_others_and_never_what_waits_of_another(
    policy, spent, entry, lots, deficit
):
    life = both(policy)
    if spent:
        life.spend("2024-03-05", spent)

    life.refund("a", "r", "2024-03-06")

    assert life.lines[-1] == ("clawback", *entry)
    assert (life.lots, life.points[1]) == (lots, deficit)
    assert life.state.orders["web", "c"].pending == 3
    assert_books_balance(life.state, life.changes.entries)


def test_what_a_policy_does_not_take_is_forgotten():
    life = Shop(with_points(shop(), clawback="within_balance"))
    life.put("a", "2024-03-01", 10_00)
    life.spend("2024-03-02", 8)
    life.refund("a", "r1", "2024-03-03", (1, 5_00))

    life.put("b", "2024-03-04", 20_00)
    life.refund("a", "r2", "2024-03-05")

    assert life.entries == [
        ("earn", 10, 10),
        ("redeem", -8, 2),
        ("clawback", -2, 0),
        ("earn", 20, 20),
        ("clawback", -5, 15),
    ]


@pytest.mark.parametrize(
    ("refunded", "entries", "points"),
    [
        (4_00, [], (7, 0)),  # of 10 points 6 had expired: those are gone
        (6_00, [], (7, 0)),
        (9_00, [("clawback", -3, 0)], (4, 0)),
        (10_00, [("clawback", -4, 0)], (3, 0)),
    ],
)
def test_points_that_expired_are_gone_before_those_of_other_orders_are_taken(refunded, entries, points):
    life = Shop(MONTHLY)
    life.put("a", "2024-03-01", 10_00)
    life.spend("2024-03-02", 4)
    life.night("2024-04-02")
    life.put("b", "2024-04-02", 7_00)
    told = len(life.lines)

    life.refund("a", "r", "2024-04-03", (1, refunded))

    assert life.lines[told:] == entries
    assert life.points == points
    assert_books_balance(life.state, life.changes.entries)


def test_expired_points_are_gone_once_for_several_refunds():
    life = Shop(MONTHLY)
    life.put("a", "2024-03-01", 10_00)
    life.spend("2024-03-02", 4)
    life.night("2024-04-02")
    life.put("b", "2024-04-02", 7_00)

    for n, amount in enumerate((3_00, 3_00, 4_00)):
        life.refund("a", f"r{n}", "2024-04-03", (1, amount))

    assert life.lines[4:] == [("clawback", -4, 0)]


def test_its_own_lots_are_taken_in_spending_order():
    life = Shop(MONTHLY)
    life.put("a", "2024-03-01", 10_00)
    life.put("a", "2024-03-10", 20_00)

    life.refund("a", "r", "2024-03-11", (1, 12_00))

    assert life.lots == [("a", 8, "2024-04-10")]


def test_a_refund_by_line_takes_what_the_line_was_given_whatever_waits():
    life = Shop(with_points(shop(), pending_days=7, per_major=Decimal("0.1")))
    life.put("a", "2024-03-01", 33_33, 33_33, 33_34)  # 10 points, 3 + 3 + 4

    life.refund("a", "r1", "2024-03-02", (3, 33_34))
    life.night("2024-03-09")
    life.refund("a", "r2", "2024-03-10", (1, 1))
    life.refund("a", "r3", "2024-03-10")

    assert life.lines == [
        ("earn", 0, 10),
        ("clawback", 0, -4),
        ("confirm", 6, -6),
        ("clawback", -1, 0),
        ("clawback", -5, 0),
    ]
