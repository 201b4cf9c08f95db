"""Pricing an order in points: one floor, exact fractions, shares that add up."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from members.lib.points import PointRules, earning_terms, kept, points_for, share
from members.lib.refusals import Invalid


def terms(per_major: str, multiplier: str = "1", minor_digits: int = 2):
    return earning_terms(
        rules_version=1,
        tier_id=1,
        per_major=Decimal(per_major),
        multiplier=Decimal(multiplier),
        minor_digits=minor_digits,
    )


@pytest.mark.parametrize(
    ("amount", "rate", "multiplier", "digits", "points"),
    [
        (100_00, "1", "1", 2, 100),
        (99, "1", "1", 2, 0),
        (199, "1", "1", 2, 1),
        (100_00, "1.5", "1.2", 2, 180),
        (33_33, "0.1", "1", 2, 3),
        (1_00, "0.29", "100", 2, 29),  # 0.29 x 100 in binary floating point is 28.999...
        (1_000, "0.01", "1", 0, 10),  # yen have no minor unit
        (1_000, "1", "1", 3, 1),  # dinars have three digits
        (0, "1", "1", 2, 0),
        (100_00, "0", "1", 2, 0),
    ],
)
def test_points_are_exact_and_floored_once(amount, rate, multiplier, digits, points):
    assert points_for(amount, terms(rate, multiplier, digits)) == points


def test_terms_are_made_once_per_version_and_tier():
    assert terms("1.5") is terms("1.5")


@pytest.mark.parametrize(
    ("whole", "weights", "shares"),
    [
        (100, (33_33, 33_33, 33_34), (33, 33, 34)),
        (100, (1, 1, 1), (34, 33, 33)),
        (2, (1, 1, 1), (1, 1, 0)),
        (1, (0, 5, 5), (0, 1, 0)),
        (10, (0,), (0,)),
        (0, (1, 2), (0, 0)),
        (7, (7_00,), (7,)),
        (0, (), ()),
    ],
)
def test_shares_go_by_largest_remainder_and_equal_ones_to_the_earlier_line(whole, weights, shares):
    assert share(whole, weights) == shares


@given(st.integers(0, 10**9), st.lists(st.integers(0, 10**7), min_size=1, max_size=12))
def test_shares_add_up_and_are_never_a_point_off(whole, weights):
    parts = share(whole, weights)

    total = sum(weights)
    assert sum(parts) == (whole if total else 0)
    for part, weight in zip(parts, weights, strict=True):
        exact = Fraction(whole * weight, total) if total else Fraction(0)
        assert abs(part - exact) < 1
        assert weight or not part


@given(st.integers(0, 10**6), st.lists(st.integers(1, 10**5), min_size=1, max_size=8))
def test_a_refund_in_parts_takes_exactly_what_was_stored(stored, parts):
    amount = sum(parts)
    refunded, left, taken = 0, stored, 0

    for part in parts:
        refunded += part
        remaining = kept(stored, amount, refunded)
        assert remaining <= left
        taken += left - remaining
        left = remaining

    assert (left, taken) == (0, stored)


@pytest.mark.parametrize("rate", ["-1", "NaN", "Infinity"])
def test_a_rate_is_a_number_that_is_not_negative(rate):
    with pytest.raises(Invalid):
        PointRules(per_major=Decimal(rate))
    with pytest.raises(Invalid):
        PointRules(tier_multipliers={1: Decimal(rate)})


def test_an_unknown_clawback_policy_is_refused():
    with pytest.raises(Invalid):
        PointRules(clawback="sometimes")  # type: ignore[arg-type]
