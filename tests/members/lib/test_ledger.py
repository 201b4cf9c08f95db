"""The account itself: spending order, points that come back to the same lots, repaying (domain.md 6)."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from members.lib.expiry import Expiry
from members.lib.posting import Account, Changes, Lot
from members.lib.posting.ledger import Ledger, live_lots
from members.lib.refusals import InsufficientPoints
from tests.members.lib.posting_cast import MEMBER, noon

TODAY = "2024-02-01"


def lot(
    number: int, points: int, expires_on: str | None = None, since: str = "2024-01-01", **about: Any
) -> Lot:
    return Lot(
        number, about.get("order"), noon(since), points, points, expires_on and date.fromisoformat(expires_on)
    )


def open_at(account: Account, day: str = TODAY) -> Ledger:
    return Ledger(account, Changes(), MEMBER, noon(day), date.fromisoformat(day), Expiry())


def holding(*lots: Lot, deficit: int = 0) -> Account:
    account = Account(available=sum(each.remaining for each in lots), deficit=deficit, lots=list(lots))
    account.sequence = max((each.number for each in lots), default=0)
    return account


def left(account: Account) -> dict[int, int]:
    return {each.number: each.remaining for each in live_lots(account, account.lots)}


def taken(ledger: Ledger, sequence: int) -> list[tuple[int, int]]:
    return [(each.lot, each.points) for each in ledger.changes.allocations if each.sequence == sequence]


E12 = (lot(1, 100, "2024-03-31"), lot(2, 50, "2024-02-28"), lot(3, 30))


def test_e12_a_redemption_takes_the_earliest_expiry_first_and_a_cancellation_gives_back_to_the_same_lots():
    account = holding(*map(copy_of, E12))
    ledger = open_at(account)

    entry = ledger.spend("redeem", 120, cause="request")

    assert taken(ledger, entry.sequence) == [(2, 50), (1, 70)]
    assert left(account) == {1: 30, 3: 30}

    lots = [lot_of(account, E12, number) for number, _ in taken(ledger, entry.sequence)]
    back = ledger.give_back("restore", list(zip(lots, (50, 70), strict=True)), cause="request")

    assert left(account) == {2: 50, 1: 100, 3: 30}
    assert taken(ledger, back.sequence) == [(2, -50), (1, -70)]
    assert [(e.points, e.balance_after) for e in ledger.changes.entries] == [(-120, 60), (120, 180)]


def copy_of(each: Lot) -> Lot:
    return Lot(each.number, each.order, each.available_at, each.amount, each.remaining, each.expires_on)


def lot_of(account: Account, before: tuple[Lot, ...], number: int) -> Lot:
    """The lot as a desk finds it again: among the open ones, or read anew with nothing left."""
    for each in account.lots:
        if each.number == number:
            return each
    empty = copy_of(next(each for each in before if each.number == number))
    empty.remaining = 0
    return empty


@pytest.mark.parametrize(
    ("lots", "order"),
    [
        ((lot(1, 1), lot(2, 1, "2030-01-01")), [2, 1]),
        ((lot(1, 1, "2024-05-01"), lot(2, 1, "2024-04-01")), [2, 1]),
        ((lot(2, 1, "2024-05-01", "2024-01-02"), lot(3, 1, "2024-05-01", "2024-01-01")), [3, 2]),
        ((lot(2, 1, since="2024-01-02"), lot(3, 1, since="2024-01-01")), [3, 2]),
        ((lot(9, 1), lot(4, 1)), [4, 9]),
    ],
)
def test_points_are_spent_by_expiry_then_age_then_number(lots, order):
    account = holding(*map(copy_of, lots))

    assert [each.number for each in live_lots(account, account.lots)] == order


def test_more_than_is_available_is_refused_and_nothing_moves():
    account = holding(lot(1, 10))
    ledger = open_at(account)
    before = repr(account)

    with pytest.raises(InsufficientPoints) as refused:
        ledger.spend("redeem", 11, cause="request")

    assert refused.value.errors == {"available": 10}
    assert (repr(account), ledger.changes.entries) == (before, [])


def test_points_whose_last_day_is_over_come_back_together_as_one_lot_of_thirty_days():
    account = holding(lot(1, 5, "2024-02-10"), lot(2, 5, "2024-02-20"), lot(3, 5, "2024-04-01"))
    spent = [(account.lots[n], 5) for n in range(3)]
    open_at(account).spend("redeem", 15, cause="request")

    ledger = open_at(account, "2024-02-21")
    entry = ledger.give_back("restore", spent, cause="request")

    assert left(account) == {entry.sequence: 10, 3: 5}
    assert account.lots[-1].expires_on == date(2024, 3, 22)
    assert account.lots[-1].available_at == noon("2024-02-21")
    assert taken(ledger, entry.sequence) == [(3, -5)]
    assert entry.points == 15


@pytest.mark.parametrize(("orders", "kept"), [((7, 7), 7), ((7, 8), None), ((None, 7), None)])
def test_a_late_lot_is_its_orders_when_all_of_it_was(orders, kept):
    account = holding(*(lot(n, 5, "2024-02-10", order=order) for n, order in enumerate(orders, 1)))
    spent = [(each, 5) for each in account.lots]
    open_at(account).spend("redeem", 10, cause="request")

    open_at(account, "2024-03-01").give_back("restore", spent, cause="request")

    assert [each.order for each in account.lots] == [kept]


def test_points_used_on_their_last_day_come_back_to_their_lot():
    account = holding(lot(1, 5, "2024-02-10"))
    spent = [(account.lots[0], 5)]
    open_at(account).spend("redeem", 5, cause="request")

    open_at(account, "2024-02-10").give_back("restore", spent, cause="request")

    assert left(account) == {1: 5}


def test_what_expired_of_a_lot_stays_gone_when_points_taken_from_it_come_back():
    account = holding(lot(1, 10, "2024-02-10"))
    spent = [(account.lots[0], 4)]
    open_at(account).spend("redeem", 4, cause="request")
    account.available, account.expired, account.expired_through = 0, 6, date(2024, 2, 10)

    ledger = open_at(account, "2024-02-11")
    entry = ledger.give_back("restore", spent, cause="request")

    assert left(account) == {entry.sequence: 4}
    assert account.available == 4


def test_points_that_come_back_repay_a_deficit_in_spending_order():
    account = holding(lot(1, 10), lot(2, 10, "2024-05-01"))
    spent = [(account.lots[1], 10), (account.lots[0], 10)]
    open_at(account).spend("redeem", 20, cause="request")
    account.deficit = 13

    ledger = open_at(account)
    entry = ledger.give_back("restore", spent, cause="request")

    assert left(account) == {1: 7}
    assert (account.available, account.deficit, entry.points, entry.balance_after) == (7, 0, 20, 7)
    assert taken(ledger, entry.sequence) == [(2, -10), (1, -10), (2, 10), (1, 3)]


@pytest.mark.parametrize(("points", "after"), [(4, (0, 6)), (10, (0, 0)), (15, (5, 0))])
def test_a_credit_repays_a_deficit_without_an_entry_of_its_own(points, after):
    account = holding(deficit=10)
    ledger = open_at(account)

    ledger.credit("adjust", points, cause="staff", expires_on=date(2024, 12, 31))

    assert (account.available, account.deficit) == after
    assert [(e.points, e.balance_after) for e in ledger.changes.entries] == [(points, points - 10)]
    assert [(each.amount, each.remaining) for each in ledger.changes.new_lots.values()] == [
        (points, after[0])
    ]


def test_a_clock_that_goes_back_brings_no_points_that_are_over_already():
    account = holding(lot(1, 5, "2024-03-10"))
    spent = [(account.lots[0], 5)]
    open_at(account).spend("redeem", 5, cause="request")
    account.expired_through = date(2024, 3, 31)

    ledger = open_at(account, "2024-03-01")
    entry = ledger.give_back("restore", spent, cause="request")

    assert ledger.today == date(2024, 4, 1)
    assert left(account) == {entry.sequence: 5}


moves = st.lists(
    st.tuples(st.sampled_from(["credit", "spend", "back", "owe"]), st.integers(1, 30), st.integers(0, 90)),
    max_size=25,
)


@given(moves)
def test_available_is_what_live_lots_have_left_whatever_happens(history):
    """And the balance is the sum of entries, and nobody has both a balance and a deficit."""
    account, spends = Account(), []
    changes, now = Changes(), datetime.fromisoformat("2024-01-01T12:00:00+08:00")
    for what, points, days in history:
        now += timedelta(days=1)
        ledger = Ledger(account, changes, MEMBER, now, now.date(), Expiry())
        if what == "credit":
            expires_on = now.date() + timedelta(days=days) if days % 3 else None
            ledger.credit("adjust", points, cause="staff", expires_on=expires_on)
        elif what == "spend" and account.available >= points:
            lots = {each.number: each for each in account.lots}
            entry = ledger.spend("redeem", points, cause="request")
            spends.append([(lots[number], part) for number, part in taken(ledger, entry.sequence)])
        elif what == "back" and spends:
            ledger.give_back("restore", spends.pop(days % len(spends)), cause="request")
        elif what == "owe" and not account.available:
            account.deficit += points
            ledger._entry("clawback", -points, cause="refund")

        assert account.available == sum(each.remaining for each in live_lots(account, account.lots))
        assert account.balance == sum(each.points for each in changes.entries)
        assert min(account.available, account.deficit) == 0
        assert all(0 <= each.remaining <= each.amount for each in changes.new_lots.values())
