"""Intervals of effects, against published values and a simulation of what an interval of 95 % promises."""

from __future__ import annotations

import random

import pytest

from benefits.lib.effects import (
    Arm,
    Cost,
    Figures,
    Verdict,
    effect_of,
    newcombe,
    t_quantile,
    welch,
    wilson,
)
from benefits.lib.holdouts import check_percent, is_held
from benefits.lib.kinds import KINDS
from members.lib.refusals import Invalid


def arm_of(spends: list[int]) -> Arm:
    """Members who each spent so much in one order, or nothing."""
    bought = [each for each in spends if each]
    return Arm(
        members=len(spends), over=len(spends), buyers=len(bought), orders=len(bought), orders_square=len(bought),
        spend_minor=sum(spends), spend_square=sum(each * each for each in spends),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("freedom", "expected"), [(10, 2.2281), (30, 2.0423), (60, 2.0003), (120, 1.9799), (10**9, 1.95996)]
)
def test_students_quantile_is_that_of_the_tables(freedom, expected):
    assert t_quantile(freedom) == pytest.approx(expected, abs=1e-4)


def test_a_difference_of_shares_is_newcombes():
    """Newcombe (1998), table II, method 10."""
    for hits1, n1, hits2, n2, low, high in (
        (56, 70, 48, 80, 0.0524, 0.3339),
        (9, 10, 3, 10, 0.1705, 0.8090),
        (10, 10, 0, 20, 0.6791, 1.0000),
        (10, 10, 0, 10, 0.6075, 1.0000),
    ):
        assert newcombe(hits1, n1, hits2, n2) == pytest.approx((low, high), abs=1e-4)
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)


def test_a_difference_of_means_is_welchs():
    """Variances of 4 and 9 in hundreds of members: a standard error of 0.36056, 172.5 degrees of freedom."""
    assert welch(100, 11.0, 4.0, 100, 10.0, 9.0) == pytest.approx((0.28832, 1.71168), abs=1e-4)
    assert welch(100, 5.0, 0.0, 100, 5.0, 0.0) == (0.0, 0.0)


def test_a_real_difference_is_said_and_one_of_chance_is_not():
    more = effect_of(Figures(arm_of([2000, 0] * 400), arm_of([1000, 0, 0, 0] * 100), Cost()))
    assert (more.spend.treated, more.spend.held, more.spend.difference) == (1000, 250, 750)
    assert (more.spend.verdict, more.buyers.verdict) == (Verdict.MORE, Verdict.MORE)
    assert (more.buyers.treated, more.buyers.held, more.orders.treated) == (5000, 2500, 500)
    assert more.extra[0] == 750 * 800 and more.extra[1] < more.extra[0] < more.extra[2]

    same = effect_of(Figures(arm_of([2000, 0] * 400), arm_of([2010, 0] * 100), Cost()))
    assert same.spend.verdict is Verdict.UNCLEAR and same.spend.low < 0 < same.spend.high
    assert (
        effect_of(Figures(arm_of([0, 0, 90] * 300), arm_of([90] * 200), Cost())).spend.verdict is Verdict.LESS
    )


def test_small_groups_and_few_buyers_tell_nothing():
    few = effect_of(Figures(arm_of([5000] * 400), arm_of([0] * 99), Cost()))
    assert not few.is_enough and {few.buyers.verdict, few.orders.verdict, few.spend.verdict} == {
        Verdict.TOO_FEW
    }
    assert not effect_of(Figures(arm_of([1] * 9 + [0] * 400), arm_of([0] * 100), Cost())).is_enough
    assert effect_of(Figures(Arm(), Arm(), Cost())).spend.verdict is Verdict.TOO_FEW
    whole = Figures(arm_of([10**14] * 200), arm_of([10**14] * 200), Cost(saved_minor=3))
    assert effect_of(whole).spend.verdict is Verdict.UNCLEAR, "squares beyond floats are exact"
    assert Figures.of(whole.as_json()) == whole


def test_nineteen_intervals_of_twenty_hold_the_truth():
    """Skewed spends as shops have them, with a true difference of 300: the interval covers it about 95 times of 100."""
    chance = random.Random(7)

    def spends(members: int, more: int) -> list[int]:
        return [
            round(chance.lognormvariate(8, 1)) + more if chance.random() < 0.3 else 0 for _n in range(members)
        ]

    hits = 0
    for _n in range(300):
        interval = effect_of(Figures(arm_of(spends(800, 1000)), arm_of(spends(200, 0)), Cost())).spend
        hits += interval.low <= 300 <= interval.high
    assert 270 <= hits <= 298


def test_the_arm_of_a_member_is_stable_even_and_its_own_for_each_benefit():
    held = [n for n in range(1, 20_001) if is_held("benefit-a", 10, n)]
    assert 1800 < len(held) < 2200
    assert held == [n for n in range(1, 20_001) if is_held("benefit-a", 10, n)]
    assert set(held) <= {n for n in range(1, 20_001) if is_held("benefit-a", 50, n)}
    other = {n for n in range(1, 20_001) if is_held("benefit-b", 10, n)}
    assert len(other & set(held)) < 300, "two benefits do not leave out the same people"
    assert not any(is_held("benefit-a", 0, n) for n in range(100))


def test_the_share_is_bounded_and_only_codes_can_leave_anybody_out():
    assert [check_percent(each, KINDS["coupon"]) for each in (None, 0, 50)] == [0, 0, 50]
    for bad in (-1, 51, 1.5, True, "10"):
        with pytest.raises(Invalid):
            check_percent(bad, KINDS["coupon"])
    for kind in ("member_price", "lucky_draw", "points_exchange", "points_multiplier"):
        assert check_percent(0, KINDS[kind]) == 0
        with pytest.raises(Invalid) as refused:
            check_percent(10, KINDS[kind])
        assert "holdout_percent" in refused.value.errors
