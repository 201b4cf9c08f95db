"""Every option of a ladder told as a history: metrics, windows, any or all, grace, one step (domain.md 5)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.flows.conftest import line
from tests.flows.test_tiers_and_points import order, show, start


def ladder(**silver: Any) -> list[dict[str, Any]]:
    return [{"code": "base"}, {"code": "silver", **silver}]


def tier_of(printed: dict[str, Any]) -> tuple[str, str | None]:
    return printed["tier"], printed["valid_until"]


def test_growth_is_the_merchants_weighted_sum_floored_once(tell):
    printed = tell(
        *start(
            points={"per_major": "1"},
            tiers={
                "growth": {"spend_minor": "0.01", "orders": "10", "active_days": "5", "points_earned": "0.5"},
                "ladder": ladder(all={"growth": 100}),
            },
        ),
        order("2024-02-01 10:00", "o1", 4_150),
        show("2024-02-01 10:00", "tier"),
        order("2024-02-02 10:00", "o2", 750),
        show("2024-02-02 10:00", "tier"),
    )

    first, second = printed[:2]
    assert first["metrics"] == {
        "spend_minor": 4_150,
        "orders": 1,
        "active_days": 1,
        "points_earned": 41,
        "growth": 77,  # 41.5 + 10 + 5 + 20.5
    }
    assert tier_of(first) == ("base", None)
    assert second["metrics"]["growth"] == 103  # 49 + 20 + 10 + 24
    assert tier_of(second) == ("silver", "2025-02-02")


@pytest.mark.parametrize(("needs", "tier"), [("any", "silver"), ("all", "base")])
def test_a_tier_needs_all_of_its_requirements_or_any(tell, needs, tier):
    printed = tell(
        *start(tiers={"ladder": ladder(**{needs: {"spend_minor": 1_000_000, "orders": 2}})}),
        order("2024-02-01 10:00", "o1", 100),
        order("2024-02-01 11:00", "o2", 100),
        show("2024-02-02", "tier"),
    )

    assert printed[0]["tier"] == tier


def test_days_with_an_order_count_once_whatever_is_bought_on_them(tell):
    printed = tell(
        *start(tiers={"ladder": ladder(all={"active_days": 2})}),
        order("2024-02-01 10:00", "o1", 100),
        order("2024-02-01 23:59", "o2", 100),
        show("2024-02-01 23:59", "tier"),
        order("2024-02-02 00:00", "o3", 100),
        show("2024-02-02 00:00", "tier"),
    )

    assert [each["tier"] for each in printed[:2]] == ["base", "silver"]


def test_points_earned_are_those_that_the_windows_orders_keep(tell):
    printed = tell(
        *start(points={"per_major": "2"}, tiers={"ladder": ladder(all={"points_earned": 300})}),
        order("2024-02-01 10:00", "o1", 10_000),
        order("2024-02-02 10:00", "o2", 4_999),
        show("2024-02-02 10:00", "tier"),
        order("2024-02-03 10:00", "o3", 100),
        show("2024-02-03 10:00", "tier"),
    )

    assert (printed[0]["metrics"]["points_earned"], printed[0]["tier"]) == (299, "base")
    assert (printed[1]["metrics"]["points_earned"], printed[1]["tier"]) == (301, "silver")


def test_a_calendar_year_begins_anew_and_a_lifetime_never_does(tell):
    def told(kind: str) -> list[dict[str, Any]]:
        return tell(
            *start(
                tiers={"window": {"kind": kind}, "validity_months": 1, "ladder": ladder(all={"orders": 2})}
            ),
            order("2024-12-31 10:00", "o1", 100),
            order("2025-01-01 10:00", "o2", 100),
            show("2025-01-01 10:00", "tier"),
            order("2025-06-01 10:00", "o3", 100),
            show("2025-06-01 10:00", "tier"),
            show("2025-07-02 03:00", "tier"),
        )

    year, life = told("calendar_year"), told("lifetime")

    assert [each["metrics"]["orders"] for each in year[:2]] == [1, 2]
    assert [each["tier"] for each in year[:3]] == ["base", "silver", "silver"]
    assert [each["metrics"]["orders"] for each in life[:2]] == [2, 3]
    assert [tier_of(each) for each in life[:3]] == [
        ("silver", "2025-02-01"),
        ("silver", "2025-07-01"),
        ("silver", "2025-08-02"),
    ]


def test_a_member_falls_only_when_grace_is_over_too_and_one_step_at_a_time_if_so_ruled(tell):
    rungs = [
        {"code": "base"},
        {"code": "silver", "all": {"orders": 2}},
        {"code": "gold", "all": {"orders": 3}},
    ]

    def told(**rules: Any) -> list[tuple[str, str | None]]:
        rules = {"window": {"kind": "rolling", "days": 5}, "validity_months": 1, "ladder": rungs, **rules}
        printed = tell(
            *start(tiers=rules),
            *(order(f"2024-02-01 1{n}:00", f"o{n}", 100) for n in range(3)),
            show("2024-03-02 02:59", "tier"),
            show("2024-03-02 03:00", "tier"),
            show("2024-03-05 03:00", "tier"),
        )
        return [tier_of(each) for each in printed[:3]]

    assert told() == [("gold", "2024-03-01"), ("base", None), ("base", None)]
    assert told(grace_days=3) == [("gold", "2024-03-01"), ("gold", "2024-03-01"), ("base", None)]
    assert told(downgrade="one_step") == [
        ("gold", "2024-03-01"),
        ("silver", "2024-04-02"),
        ("silver", "2024-04-02"),
    ]


@pytest.mark.parametrize(
    "tiers",
    [
        {"ladder": ladder(all={"growth": 1})},
        {"growth": {"orders": "-1"}},
        {"growth": {"orders": "0.0000001"}},
        {"growth": {"orders": "1000001"}},
        {"growth": {"orders": "0"}, "ladder": ladder(all={"growth": 1})},
    ],
)
def test_growth_that_cannot_be_counted_is_refused_and_the_rules_stay(tell, tiers):
    printed = tell(
        *start(tiers={"ladder": ladder(all={"orders": 1})}),
        line("2024-01-02", "program.configure", tiers=tiers),
        order("2024-02-01", "o", 100),
        show("2024-02-01", "tier"),
    )

    assert printed[0]["refused"] == "invalid" and printed[1]["tier"] == "silver"


def test_a_year_of_membership_begins_on_the_anniversary_and_29_february_is_the_last_of_february(tell):
    printed = tell(
        line("2024-02-29", "policy.set", first_run_on="2099-12-31"),
        line("2024-02-29", "merchant.create"),
        line(
            "2024-02-29",
            "program.configure",
            tiers={"window": {"kind": "membership_year"}, "ladder": ladder(all={"orders": 2})},
        ),
        line("2024-02-29", "program.open"),
        line("2024-02-29", "member.join", member="m", phone="13800001402"),
        order("2025-02-27 23:59", "o1", 100),
        show("2025-02-27 23:59", "tier"),
        order("2025-02-28 00:00", "o2", 100),
        show("2025-02-28 00:00", "tier"),
        order("2026-02-27 12:00", "o3", 100),
        show("2026-02-27 12:00", "tier"),
    )

    assert [each["metrics"]["orders"] for each in printed[:3]] == [1, 1, 2]
    assert [each["tier"] for each in printed[:3]] == ["base", "base", "silver"]
