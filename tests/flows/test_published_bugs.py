"""What other systems got wrong with points, each told as its reporters told it.

Limits overrun by concurrency (WooCommerce 13505, fuint 71) are in tests/concurrency/test_points_races.py.
"""

from __future__ import annotations

import pytest

from tests.flows.conftest import line
from tests.flows.test_points import act, balance, entries
from tests.flows.test_tiers_and_points import order, show, start


@pytest.mark.parametrize("policy", ["allow_deficit", "within_balance"])
def test_buying_and_refunding_again_and_again_leaves_no_points_odoo_257854_erpnext_32951(tell, policy):
    script, second = start(points={"clawback": policy}), [{"line": 2, "amount_minor": 5_000}]
    for n in range(1, 6):
        script += [
            order(f"2024-02-{n:02} 10:00", f"o{n}", 10_000, 5_000),
            line(f"2024-02-{n:02} 11:00", "order.refund", order=f"o{n}", refund="r", lines=second),
            line(f"2024-02-{n:02} 12:00", "order.refund", order=f"o{n}", refund="rest"),
        ]
    printed = tell(*script, show("2024-03-01", "points"), show("2024-03-01", "entries"))

    assert balance(printed[0]) == (0, 0, 0)
    assert (printed[0]["earned"], printed[0]["clawed_back"]) == (750, 750)
    assert [row[1] for row in entries(printed[1])] == [150, -50, -100] * 5


def test_points_spent_before_the_refund_are_owed_odoo_257854(tell):
    printed = tell(
        *start(),
        order("2024-02-01", "o", 10_000),
        act("2024-02-02", "redeem", "k", 100),
        line("2024-02-03", "order.refund", order="o", refund="r"),
        order("2024-02-04", "p", 10_000),
        act("2024-02-04", "redeem", "l", 1),
        show("2024-02-04", "points"),
    )

    assert printed[0]["refused"] == "insufficient-points"
    assert balance(printed[1]) == (0, 0, 0)


def test_refunding_what_points_were_spent_on_deducts_them_no_second_time_odoo_212922(tell):
    """The refund takes what the order earned; the redemption stays as it was until it is cancelled, once."""
    refund = line("2024-02-03", "order.refund", order="paid with points", refund="r")
    printed = tell(
        *start(),
        order("2024-02-01", "earlier", 10_000),
        order("2024-02-02", "paid with points", 4_000),
        act("2024-02-02", "redeem", "k", 60),
        refund,
        show("2024-02-03", "points"),
        {**refund, "at": line("2024-02-04", "clock.advance")["at"]},
        {**order("2024-02-04", "paid with points", 4_000)},
        act("2024-02-05", "cancel", "k"),
        act("2024-02-05", "cancel", "k"),
        show("2024-02-05", "points"),
        show("2024-02-05", "entries"),
    )

    assert (balance(printed[0]), printed[0]["redeemed"], printed[0]["clawed_back"]) == ((40, 0, 0), 60, 40)
    assert (balance(printed[1]), printed[1]["redeemed"], printed[1]["clawed_back"]) == ((100, 0, 0), 0, 40)
    assert [row[:2] for row in entries(printed[2])] == [
        ("earn", 100),
        ("earn", 40),
        ("redeem", -60),
        ("clawback", -40),
        ("restore", 60),
    ]


def test_an_offline_order_sent_again_earns_once_odoo_270532(tell):
    put = order("2024-02-01 10:00", "o", 10_000, completed_at=None)
    sent_again = {**put, "paid_at": put["at"]}
    printed = tell(
        *start(points={"pending_days": 3}),
        put,
        put,
        {**sent_again, "at": line("2024-02-01 10:05", "clock.advance")["at"]},
        order("2024-02-02", "o", 10_000),  # completed
        order("2024-02-03", "o", 10_000),
        order("2024-02-20", "o", 10_000),  # a till that comes back online after it was confirmed
        line("2024-02-21", "order.refund", order="o", refund="r", lines=[{"line": 1, "amount_minor": 2_500}]),
        order("2024-02-22", "o", 10_000),  # and after a part of it was refunded
        show("2024-02-22", "points"),
        show("2024-02-22", "entries"),
    )

    assert (balance(printed[0]), printed[0]["earned"]) == ((75, 0, 0), 100)
    assert entries(printed[1]) == [
        ("earn", 0, 100, 0),
        ("confirm", 100, -100, 100),
        ("clawback", -25, 0, 75),
    ]


def test_hundreds_of_refunds_of_a_cent_take_exactly_what_was_earned_odoo_237624(tell):
    amounts = (111, 107, 113)
    script = [*start(points={"per_major": "7.3"}), order("2024-02-01", "o", *amounts)]
    refunds = [(number, cents) for number, amount in enumerate(amounts, 1) for cents in range(1, amount + 1)]
    for number, cents in refunds:
        lines = [{"line": number, "amount_minor": 1}]
        script.append(line("2024-02-02", "order.refund", order="o", refund=f"{number}-{cents}", lines=lines))
        script.append(show("2024-02-02", "points"))

    printed = tell(*script)

    stored = (8, 8, 8)  # floor(3.31 x 7.3) = 24
    wanted = []
    for number, cents in refunds:
        left = [amount if n > number else 0 for n, amount in enumerate(amounts, 1)]
        left[number - 1] = amounts[number - 1] - cents
        wanted.append(sum(s * rest // a for s, rest, a in zip(stored, left, amounts, strict=True)))
    assert [row["available"] for row in printed[:-1]] == wanted
    assert wanted[-1] == 0 and balance(printed[-2]) == (0, 0, 0)
