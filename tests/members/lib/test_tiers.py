"""Tier rules told through the fold: upgrades, validity per tier, the daily job, windows and settings."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from members.lib.posting import MemberState
from members.lib.posting.windows import metrics_on
from members.lib.refusals import Invalid
from members.lib.tiers import Metrics, Tier, TierRules, TierStanding, Window
from tests.members.lib.posting_cast import BASE, GOLD, SILVER, Shop, closed, noon, shop


def by_orders(**rest):
    """Silver at 2 orders, gold at 4 or at 5,000.00."""
    ladder = (
        Tier(BASE, "base"),
        Tier(SILVER, "silver", "all", (("orders", 2),)),
        Tier(GOLD, "gold", "any", (("spend_minor", 5_000_00), ("orders", 4))),
    )
    return shop(ladder=ladder, **rest)


def test_e10_validity_protects_from_a_refund_until_the_day_after():
    life = Shop()

    life.put("a", "2024-03-01", 1_000_00)

    assert (life.tier, life.valid_until, life.state.standing.since) == (
        SILVER,
        "2025-03-01",
        noon("2024-03-01"),
    )

    life.refund("a", "r", "2024-03-05", (1, 1))

    assert (life.tier, life.valid_until) == (SILVER, "2025-03-01")

    life.job("2025-03-01")

    assert life.tier == SILVER

    life.job("2025-03-02")

    assert (life.tier, life.valid_until) == (BASE, None)
    assert life.moves == [(BASE, SILVER, "order"), (SILVER, BASE, "recalculation")]
    assert life.changes.moves[1].metrics == Metrics()


def test_a_member_below_the_threshold_by_a_fen_stays():
    life = Shop()

    life.put("a", "2024-03-01", 999_99)

    assert (life.tier, life.moves) == (BASE, [])


def test_one_order_may_reach_the_highest_tier_in_one_move():
    life = Shop()

    life.put("a", "2024-03-01", 5_000_00)

    assert life.moves == [(BASE, GOLD, "order")]
    assert life.state.standing.validity == {SILVER: date(2025, 3, 1), GOLD: date(2025, 3, 1)}


def test_two_orders_on_a_day_may_lift_twice():
    life = Shop()

    life.put("a", "2024-03-01", 1_000_00)
    life.put("b", "2024-03-01", 4_000_00)

    assert life.moves == [(BASE, SILVER, "order"), (SILVER, GOLD, "order")]


def test_a_refund_lowers_no_tier_and_the_next_order_counts_from_what_is_left():
    life = Shop()
    life.put("a", "2024-03-01", 600_00)
    life.refund("a", "r", "2024-03-02")

    life.put("b", "2024-03-03", 600_00)

    assert life.tier == BASE


def test_days_of_a_rolling_window_end_today_and_leave_after_as_many_days():
    life = Shop(shop(window=Window("rolling", 10)))
    life.put("a", "2024-03-01", 600_00)

    life.put("b", "2024-03-10", 400_00)

    assert life.tier == SILVER

    late = Shop(shop(window=Window("rolling", 10)))
    late.put("a", "2024-03-01", 600_00)

    late.put("b", "2024-03-11", 400_00)

    assert late.tier == BASE


def test_a_calendar_year_begins_anew_and_a_lifetime_never_does():
    for window, tier in ((Window("calendar_year"), BASE), (Window("lifetime"), SILVER)):
        life = Shop(shop(window=window))
        life.put("a", "2024-12-31", 600_00)

        life.put("b", "2025-01-01", 400_00)

        assert life.tier == tier


def test_an_order_counts_on_the_day_it_was_paid_and_validity_runs_from_its_arrival():
    life = Shop()

    life.put("a", "2024-03-01", 1_000_00, paid_at=noon("2023-05-01"))

    assert (life.tier, life.valid_until) == (SILVER, "2025-03-01")
    assert life.daily() == {"2023-05-01": (1_000_00, 1, 1_000)}


def test_an_order_paid_before_the_window_counts_for_nothing():
    life = Shop()

    life.put("a", "2024-03-01", 1_000_00, paid_at=noon("2023-03-01"))

    assert life.tier == BASE


def test_an_order_renews_every_tier_whose_requirement_holds_and_keeps_since():
    life = Shop()
    life.put("a", "2024-03-01", 5_000_00)

    life.put("b", "2024-06-01", 1_00)

    assert life.state.standing.validity == {SILVER: date(2025, 6, 1), GOLD: date(2025, 6, 1)}
    assert life.state.standing.since == noon("2024-03-01")


def test_an_order_never_shortens_a_validity():
    life = Shop()
    life.put("a", "2024-03-01", 5_000_00)
    life.edit("2024-03-02", shop(validity_months=1))

    life.put("b", "2024-03-03", 1_00)

    assert life.valid_until == "2025-03-01"


def test_an_order_after_too_little_spend_does_not_renew():
    life = Shop()
    life.put("a", "2024-03-01", 1_000_00)
    life.refund("a", "r", "2024-03-05", (1, 1_00))

    life.put("b", "2024-04-01", 50)

    assert (life.tier, life.valid_until) == (SILVER, "2025-03-01")


def test_a_member_still_qualified_at_the_end_of_validity_is_renewed_that_morning():
    life = Shop(shop(window=Window("lifetime"), grace_days=30))
    life.put("a", "2024-03-01", 1_000_00)

    life.job("2025-03-02")

    assert (life.tier, life.valid_until, life.state.standing.since) == (
        SILVER,
        "2026-03-02",
        noon("2024-03-01"),
    )
    assert len(life.moves) == 1


def test_qualifying_for_a_better_tier_only_is_enough_to_keep_the_present_one():
    life = Shop(by_orders())
    life.put("a", "2024-03-01", 1_00)
    life.put("b", "2024-03-02", 1_00)
    life.rules = closed(life.rules)
    life.put("c", "2025-02-28", 5_000_00)
    life.rules = by_orders()

    life.job("2025-03-03")

    assert (life.tier, life.valid_until) == (SILVER, "2026-03-03")


def test_the_qualified_tier_is_the_highest_that_holds_even_if_a_lower_one_does_not():
    life = Shop(by_orders())

    life.put("a", "2024-03-01", 5_000_00)

    assert life.tier == GOLD
    assert life.state.standing.validity == {GOLD: date(2025, 3, 1)}


def test_nobody_falls_before_grace_is_over():
    life = Shop(shop(grace_days=5))
    life.put("a", "2024-03-01", 1_000_00)

    for day in ("2025-03-02", "2025-03-06"):
        life.job(day)
        assert life.tier == SILVER

    life.job("2025-03-07")

    assert life.tier == BASE


def test_to_qualified_falls_to_the_highest_tier_that_is_qualified_for():
    life = Shop()
    life.put("a", "2024-03-01", 4_000_00)
    life.put("b", "2024-03-01", 1_000_00)
    life.put("c", "2024-12-01", 500_00)
    life.put("d", "2025-02-20", 500_00)
    life.state.standing.validity[GOLD] = date(2025, 3, 1)

    life.job("2025-03-02")

    assert (life.tier, life.valid_until) == (SILVER, "2026-03-02")
    assert life.state.standing.since > noon("2025-03-01")


def test_to_qualified_stops_at_a_tier_whose_own_validity_still_runs():
    life = Shop()
    life.put("a", "2024-03-01", 5_000_00)
    life.refund("a", "r", "2024-03-02", (1, 3_500_00))
    life.put("b", "2024-09-01", 1_00)

    life.job("2025-03-02")

    assert (life.tier, life.valid_until) == (SILVER, "2025-09-01")

    life.job("2025-09-02")

    assert life.tier == BASE


def test_one_step_falls_by_one_tier_for_a_full_validity():
    life = Shop(shop(downgrade="one_step"))
    life.put("a", "2024-03-01", 5_000_00)

    life.job("2025-03-02")
    life.job("2025-03-02")

    assert (life.tier, life.valid_until) == (SILVER, "2026-03-02")

    life.job("2026-03-03")

    assert (life.tier, life.valid_until) == (BASE, None)


def test_a_recalculation_with_nothing_due_changes_nothing():
    life = Shop()
    life.put("a", "2024-03-01", 1_000_00)

    changes = life.job("2024-09-01")

    assert not changes


def test_nothing_moves_while_the_program_is_not_open():
    life = Shop()
    life.put("a", "2024-03-01", 1_000_00)
    life.rules = closed(life.rules)

    life.put("b", "2024-04-01", 9_000_00)
    life.job("2025-03-02")
    life.edit("2025-03-03", closed(shop(validity_months=1)))

    assert (life.tier, life.valid_until) == (SILVER, "2025-03-01")
    assert len(life.moves) == 1


def test_orders_of_a_closure_count_when_the_next_order_lands():
    life = Shop()
    life.rules = closed(life.rules)
    life.put("a", "2024-03-01", 999_00)
    life.rules = shop()

    life.put("b", "2024-03-02", 1_00)

    assert life.tier == SILVER


def test_growth_is_a_weighted_sum_floored_once():
    weights = {"spend_minor": Decimal("0.01"), "orders": Decimal("10"), "active_days": Decimal("0.5")}
    rules = TierRules(growth=weights)

    assert rules.metrics(199, 2, 1, 50).growth == 22  # 1.99 + 20 + 0.5


def test_active_days_count_days_with_an_order_that_still_counts():
    life = Shop()
    life.put("a", "2024-03-01", 1_00)
    life.put("b", "2024-03-01", 1_00)
    life.put("c", "2024-03-02", 1_00)
    life.put("free", "2024-03-03", 0)

    life.refund("c", "r", "2024-03-04")

    assert metrics_on(life.state, life.rules.tiers, date(2024, 3, 4)) == Metrics(2_00, 3, 2, 2)


def test_a_window_steps_back_when_it_is_asked_about_an_earlier_day():
    life = Shop()
    life.put("a", "2024-03-01", 1_00)
    life.put("b", "2024-03-05", 1_00)

    assert metrics_on(life.state, life.rules.tiers, date(2024, 3, 2)).orders == 1
    assert metrics_on(life.state, life.rules.tiers, date(2024, 3, 5)).orders == 2


@pytest.mark.parametrize(
    "ladder",
    [
        (),
        (Tier(1, "base", "all", (("orders", 1),)),),
        (Tier(1, "base"), Tier(1, "silver", "all", (("orders", 1),))),
        (Tier(1, "base"), Tier(2, "base", "all", (("orders", 1),))),
        (Tier(1, "base"), Tier(2, "silver")),
        (
            Tier(1, "base"),
            Tier(2, "silver", "all", (("orders", 9),)),
            Tier(3, "gold", "all", (("orders", 5),)),
        ),
    ],
)
def test_a_ladder_out_of_order_is_refused(ladder):
    with pytest.raises(Invalid):
        TierRules(ladder=ladder)


@pytest.mark.parametrize(
    "settings",
    [
        {"validity_months": 0},
        {"grace_days": -1},
        {"downgrade": "to_hell"},
        {"growth": {"growth": Decimal(1)}},
    ],
)
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(Invalid):
        TierRules(**settings)


def test_requirements_name_a_metric_and_ask_for_something():
    with pytest.raises(Invalid):
        Tier(2, "silver", "all", (("likes", 3),))  # type: ignore[arg-type]
    with pytest.raises(Invalid):
        Tier(2, "silver", "all", (("orders", 0),))
    with pytest.raises(Invalid):
        Window("rolling", 0)
    with pytest.raises(Invalid):
        Window("weekly")  # type: ignore[arg-type]


def test_one_more_order_never_leaves_a_member_lower_later():
    # Gold ended on 20 February, silver on 1 March; with grace of 10 days silver alone would last until 11 March.
    rules = shop(grace_days=10)
    state = MemberState.joined(member_id=1, at=noon("2024-01-01"), rules=rules.tiers)
    state.standing = TierStanding(
        GOLD, noon("2024-02-20"), {SILVER: date(2025, 3, 1), GOLD: date(2025, 2, 20)}
    )
    life = Shop(rules)
    life.state = state

    life.job("2025-03-03")

    assert life.tier == SILVER

    life.job("2025-03-12")

    assert life.tier == BASE
