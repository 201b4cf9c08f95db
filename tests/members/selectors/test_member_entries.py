"""The numbers behind an entry are those of the moment it was posted, whatever else bears the same instant."""

from __future__ import annotations

import datetime as dt
import random
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from django.utils import translation

from members.lib import tenant as tenancy
from members.selectors import entry_words, member_entries
from members.services import merchants, orders, points_daily, programs
from members.services.orders import LineIn, OrderIn, RefundIn
from tests.conftest import NOON
from tests.factories import ledger

OPEN = NOON
AT = NOON + dt.timedelta(days=1)


@pytest.fixture
def shop(cast):
    return cast.shop


def opened(shop, **rule):
    """The member of a shop that is open under a rule."""
    ledger.open_shop(shop, OPEN, **rule)
    return ledger.join(shop, OPEN)


def put(member, number, *amounts, **more):
    """An order of one line an amount."""
    lines = [LineIn(f"sku {place}", 1, amount) for place, amount in enumerate(amounts)]
    return OrderIn(number, lines, member_id=member.pk, **more)


def refund(number, key, *lines):
    """A refund of (line, amount), whole without."""
    return RefundIn(number, key, lines=lines or None)


def post(shop, *items, at=AT):
    """All at one instant, in one batch."""
    with tenancy.tenant(shop.pk):
        batch = orders.put_many(merchant_id=shop.pk, actor=ledger.JOB, items=[(at, item) for item in items])
    assert all(each.refusal is None for each in batch.outcomes)


def whys(shop, member):
    """The arithmetic of every entry, the oldest first."""
    with tenancy.tenant(shop.pk), transaction.atomic():
        rows = list(member_entries.entries(merchant=shop, member_id=member.pk))
        return member_entries.whys(merchant=shop, member_id=member.pk, rows=rows)[::-1]


def sums(shop, member):
    """(amount, before, after, taken back or None) of every entry."""
    return [
        (why.amount_minor, why.before, why.after, why.taken if why.entry.kind == "clawback" else None)
        for why in whys(shop, member)
    ]


def words(shop, why):
    with translation.override("en"), tenancy.tenant(shop.pk), transaction.atomic():
        return " ".join(entry_words.explain(why, shop))


def test_an_order_refunded_at_the_instant_of_its_arrival_was_earned_whole(shop):
    member = opened(shop)

    post(shop, put(member, "A", 10_000), refund("A", "x"))

    assert sums(shop, member) == [(10_000, 0, 100, None), (10_000, 100, 0, 100)]
    earn, taken = whys(shop, member)
    assert earn.is_first and [line.refunded_minor for line in earn.lines] == [0]
    assert [(line.refunded_minor, line.kept) for line in taken.lines] == [(10_000, 0)]
    assert "It stood at" not in words(shop, earn)


def test_each_of_several_refunds_at_one_instant_starts_where_the_one_before_ended(shop):
    member = opened(shop)

    post(
        shop,
        put(member, "B", 5_000, 5_000),
        refund("B", "x", (1, 5_000)),
        refund("B", "a", (2, 2_500)),  # keys that sort otherwise than they came
    )

    assert sums(shop, member) == [
        (10_000, 0, 100, None),
        (10_000, 100, 50, 50),
        (10_000, 50, 25, 25),
    ]
    first = whys(shop, member)[1]
    assert first.refunded == {1} and [line.kept for line in first.lines] == [0, 50]
    assert "The order keeps 50 of 100 points: 50 were taken back." in words(shop, first)


def test_an_order_twice_at_one_instant_explains_each_by_its_own_amount(shop):
    member = opened(shop)

    post(shop, put(member, "C", 10_000), put(member, "C", 20_000))

    assert sums(shop, member) == [(10_000, 0, 100, None), (20_000, 100, 200, None)]
    first, second = whys(shop, member)
    assert (first.amount_before_minor, second.amount_before_minor) == (None, 10_000)
    assert words(shop, first).startswith("¥100.00 ×")
    assert "The order was sent again with ¥200.00 instead of ¥100.00." in words(shop, second)


def test_an_order_sent_three_times_and_cancelled_at_one_instant(shop):
    member = opened(shop)

    post(
        shop,
        put(member, "D", 10_000),
        put(member, "D", 30_000),
        put(member, "D", 20_000),
        put(member, "D", 20_000, status="cancelled"),
        put(member, "D", 20_000, status="paid"),
    )

    assert sums(shop, member) == [
        (10_000, 0, 100, None),
        (30_000, 100, 300, None),
        (20_000, 300, 200, 100),
        (20_000, 200, 0, 200),
        (20_000, 0, 200, None),
    ]
    assert [why.status for why in whys(shop, member)] == ["paid", "paid", "paid", "cancelled", "paid"]
    assert [why.amount_before_minor for why in whys(shop, member)] == [None, 10_000, 30_000, 20_000, 20_000]


def test_a_refund_between_two_versions_counts_from_the_second_on(shop):
    member = opened(shop)

    post(
        shop,
        put(member, "E", 10_000),
        refund("E", "x", (1, 4_000)),
        put(member, "E", 20_000),
        refund("E", "y", (1, 6_000)),
    )

    assert sums(shop, member) == [
        (10_000, 0, 100, None),
        (10_000, 100, 60, 40),
        (20_000, 60, 160, None),
        (20_000, 160, 100, 60),
    ]
    assert [why.lines[0].refunded_minor for why in whys(shop, member)] == [0, 4_000, 4_000, 10_000]


def test_a_refund_that_wrote_no_entry_counts_where_it_came(shop):
    member = opened(shop, clawback="only_pending")

    # The order was available at once: the policy leaves its points, but what it should have falls.
    post(
        shop,
        put(member, "F", 10_000),
        refund("F", "x", (1, 2_500)),
        put(member, "F", 20_000),
        refund("F", "y", (1, 2_500)),
        put(member, "F", 40_000),
    )

    assert sums(shop, member) == [
        (10_000, 0, 100, None),
        (20_000, 75, 175, None),
        (40_000, 150, 350, None),
    ]
    assert [why.lines[0].refunded_minor for why in whys(shop, member)] == [0, 2_500, 5_000]


def test_a_refund_too_small_to_move_a_point_is_told_with_the_next(shop):
    member = opened(shop, per_major=Decimal("0.1"))

    post(
        shop,
        put(member, "G", 10_000),
        refund("G", "x", (1, 10)),
        refund("G", "y", (1, 10)),  # 9 of 10 points again
        refund("G", "z", (1, 1_000)),
    )

    assert sums(shop, member) == [(10_000, 0, 10, None), (10_000, 10, 9, 1), (10_000, 9, 8, 1)]
    assert [why.lines[0].refunded_minor for why in whys(shop, member)] == [0, 10, 1_020]


def test_a_fall_that_the_policy_trims_is_told_with_what_it_left(shop):
    member = opened(shop, clawback="within_balance")
    post(shop, put(member, "H", 10_000))
    ledger.act("redeem", shop, AT, member_id=member.pk, points=80, key="gift", reason="gift")

    post(shop, put(member, "H", 5_000))

    why = whys(shop, member)[-1]
    assert (why.before, why.after, why.taken, why.is_trimmed) == (100, 50, 20, True)
    assert "The order keeps 50 of 100 points: 20 were taken back." in words(shop, why)
    assert "30 more would have been due" in words(shop, why)


def test_a_confirmation_stands_between_what_came_before_and_after_it_at_one_instant(shop):
    member = opened(shop, pending_days=7)
    long_ago = AT - dt.timedelta(days=30)

    post(
        shop,
        put(member, "I", 10_000, paid_at=long_ago, completed_at=None),
        put(member, "I", 10_000, paid_at=long_ago, completed_at=long_ago),  # its wait is over
        refund("I", "x", (1, 2_500)),
    )

    kinds = [(why.entry.kind, why.before, why.after) for why in whys(shop, member)]
    assert kinds == [("earn", 0, 100), ("confirm", 100, 100), ("clawback", 100, 75)]
    assert [why.lines[0].refunded_minor for why in whys(shop, member)] == [0, 0, 2_500]


def test_an_order_refunded_at_the_instant_of_the_daily_job_was_confirmed_before_it(shop):
    member = opened(shop, pending_days=1)
    with tenancy.tenant(shop.pk), transaction.atomic():
        orders.put_order(merchant_id=shop.pk, at=AT, actor=ledger.JOB, order=put(member, "J", 10_000))
    job = AT + dt.timedelta(days=3)
    with tenancy.tenant(shop.pk):
        points_daily.confirm_due(zone=shop.timezone, at=job, merchant_id=shop.pk)

    post(shop, refund("J", "x", (1, 2_500)), put(member, "J", 20_000), at=job)

    assert [(why.entry.kind, why.amount_minor, why.before, why.after) for why in whys(shop, member)] == [
        ("earn", 10_000, 0, 100),
        ("confirm", 10_000, 100, 100),
        ("clawback", 10_000, 100, 75),
        ("earn", 20_000, 75, 175),
    ]


def test_what_was_refunded_while_the_program_was_closed_is_settled_by_the_next(shop):
    member = opened(shop)
    post(shop, put(member, "K", 10_000))
    with tenancy.tenant(shop.pk), transaction.atomic():
        programs.close_program(merchant_id=shop.pk, at=AT, actor=ledger.JOB)
    post(shop, refund("K", "x", (1, 2_500)))
    with tenancy.tenant(shop.pk), transaction.atomic():
        programs.open_program(merchant_id=shop.pk, at=AT, actor=ledger.JOB)
    post(shop, refund("K", "y", (1, 2_500)))

    assert sums(shop, member) == [(10_000, 0, 100, None), (10_000, 100, 50, 50)]


def test_past_orders_refunded_before_their_buyer_joined_are_explained_from_the_joining_on(shop):
    ledger.open_shop(shop, OPEN)
    unpaid = OrderIn("L", [LineIn("sku", 1, 10_000)], member_key="u1", status="unpaid")
    post(shop, unpaid)
    member = ledger.join(shop, AT)

    post(shop, put(member, "L", 10_000, status="paid"), refund("L", "x", (1, 2_500)))

    assert sums(shop, member) == [(10_000, 0, 100, None), (10_000, 100, 75, 25)]


def random_history(rng: random.Random, count: int) -> list[Any]:
    """Puts and refunds of two orders, as functions of the member who bought."""
    amounts: dict[str, list[int]] = {}
    left: dict[str, list[int]] = {}
    history: list[Any] = []
    for number in range(count):
        name = rng.choice("ab")
        if name not in amounts or rng.random() < 0.4:
            done = [a - r for a, r in zip(amounts.get(name, []), left.get(name, []), strict=True)]
            lines = [rng.randrange(0, 30_000) + (done[i] if i < len(done) else 0) for i in range(3)]
            amounts[name], left[name] = lines, [a - (done[i] if done else 0) for i, a in enumerate(lines)]
            history.append(lambda member, name=name, lines=lines: put(member, name, *lines))
            continue
        line = rng.randrange(3)
        amount = min(left[name][line], rng.choice([1, 30, 5_000, 40_000]))
        if amount:
            left[name][line] -= amount
            key = f"{rng.randrange(100)}-{number}"
            history.append(lambda _m, name=name, key=key, row=(line + 1, amount): refund(name, key, row))
    return history


@pytest.mark.parametrize("clawback", ["allow_deficit", "within_balance", "only_pending"])
@pytest.mark.parametrize("seed", range(4))
def test_a_history_at_one_instant_is_explained_as_the_same_history_minute_by_minute(db, clawback, seed):
    rng = random.Random(f"{clawback} {seed}")
    history = random_history(rng, 24)
    rule = {"per_major": Decimal("0.37"), "clawback": clawback, "pending_days": rng.choice([0, 7])}
    told = []
    for spread in (dt.timedelta(), dt.timedelta(minutes=1)):
        with tenancy.platform(), transaction.atomic():
            shop = merchants.create_merchant(name=f"shop {spread}", owner=None, at=NOON, actor=ledger.JOB)
        member = opened(shop, **rule)
        with tenancy.tenant(shop.pk):
            items = [(AT + place * spread, made(member)) for place, made in enumerate(history)]
            for _at, item in items:
                if isinstance(item, OrderIn):
                    item.paid_at = item.completed_at = AT
            batch = orders.put_many(merchant_id=shop.pk, actor=ledger.JOB, items=items)
        assert not [each.refusal for each in batch.outcomes if each.refusal]
        told.append(
            [
                (
                    *(why.entry.kind, why.entry.points, why.amount_minor, why.whole, why.before, why.after),
                    *(why.taken, why.refunded, why.amount_before_minor, why.status),
                    [(line.stored, line.amount_minor, line.refunded_minor, line.kept) for line in why.lines],
                )
                for why in whys(shop, member)
            ]
        )
    assert told[0] == told[1]
    assert len(told[0]) > 3
