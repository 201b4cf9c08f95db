"""The worked examples of the clearance rule (domain.md 3, E1 to E9), told as histories."""

from __future__ import annotations

from typing import Any

import pytest

from tests.flows.conftest import line, shop, together
from tests.stages import stage

JUDGED = "2024-06-27 23:30"


def outcome(printed: list[dict[str, Any]], period: str = "2024-06") -> tuple[str, str] | None:
    rows = next(row for row in printed if row.get("what") == "decisions")["decisions"]
    return next(((row["outcome"], row["reason"]) for row in rows if row["period"] == period), None)


def compliance(printed: list[dict[str, Any]]) -> dict[str, Any]:
    return next(row for row in printed if row.get("what") == "compliance")


def coupon(when: str, **arguments: Any) -> dict[str, Any]:
    return line(when, "benefit.publish", **{"benefit": "b", "kind": "coupon", **arguments})


SHOWS = (line(JUDGED, "show", what="decisions"), line(JUDGED, "show", what="compliance"))
OPENED = shop("2023-10-01")

# What happens to shops under the policy as it is; one play tells them all.
STORIES = {
    "e1": [*OPENED, coupon("2024-01-01", to="2024-03-20T00:00:00+08:00"), *SHOWS],
    "e2": [*OPENED, coupon("2024-01-01", to="2024-04-10T00:00:00+08:00"), *SHOWS],
    "e3": [*OPENED, coupon("2023-10-02", kind="lucky_draw"), *SHOWS],
    "e8": [*OPENED, coupon("2024-06-27 22:59"), *SHOWS],
    "too late": [*OPENED, coupon("2024-06-27 23:00"), *SHOWS],
    "closing for the night": [
        *OPENED,
        line("2024-06-27 22:59", "program.close"),
        line("2024-06-27 23:01", "program.open"),
        line(JUDGED, "show", what="decisions"),
    ],
    "a new life": [
        *OPENED,
        line("2024-07-20", "program.open"),
        line("2024-07-28", "program.open"),
        line("2024-07-29", "show", what="compliance"),
        line("2024-08-01", "show", what="decisions"),
    ],
}


@pytest.fixture(scope="module")
def told(django_db_setup, django_db_blocker) -> dict[str, list[dict[str, Any]]]:
    """What each of STORIES printed."""
    with django_db_blocker.unblock(), stage():
        return together(STORIES)


def test_e1_ninety_nine_days_without_a_benefit_are_cleared(told):
    printed = told["e1"]

    assert outcome(printed) == ("cleared", "uncovered")
    assert compliance(printed)["state"] == "cleared"
    assert compliance(printed)["danger_at"] is None and compliance(printed)["run_on"] is None


def test_e2_seventy_eight_days_are_kept_and_threatened_by_the_next_run(told):
    printed = told["e2"]

    assert outcome(printed) == ("kept", "covered")
    shown = compliance(printed)
    assert (shown["state"], shown["danger_at"][:10], shown["run_on"]) == (
        "at_risk",
        "2024-07-09",
        "2024-07-31",
    )


def test_e3_a_lucky_draw_does_not_count(told):
    printed = told["e3"]

    assert outcome(printed) == ("cleared", "uncovered")


@pytest.mark.parametrize(
    ("boundary", "wanted"), [("over", ("kept", "too_young")), ("at_least", ("cleared", "uncovered"))]
)
def test_e4_exactly_half_a_year_depends_on_the_boundary(tell, boundary, wanted):
    printed = tell(*shop("2023-12-27", age_boundary=boundary), *SHOWS)

    assert outcome(printed) == wanted


@pytest.mark.parametrize(
    ("basis", "wanted"),
    [
        ("in_force_or_configured", ("kept", "covered")),
        ("in_force", ("kept", "covered")),
        ("configured", ("cleared", "uncovered")),
    ],
)
def test_e5_an_untouched_open_ended_benefit_depends_on_the_counting_basis(tell, basis, wanted):
    printed = tell(
        *shop("2023-10-01", counting_basis=basis),
        coupon("2023-11-01", kind="member_price"),
        *SHOWS,
    )

    assert outcome(printed) == wanted


def test_e6_a_warning_of_seven_days_defers_and_serves_the_next_run(tell):
    printed = tell(
        *shop("2023-10-01", first_run_on="2024-12-31"),
        line("2024-06-19 12:00", "policy.set", first_run_on="2024-06-27"),
        line("2024-06-20 12:00", "show", what="compliance"),
        line(JUDGED, "show", what="decisions"),
        line("2024-08-01", "show", what="decisions"),
    )

    warnings = compliance(printed)["warnings"]
    assert [(row["days_before"], row["sent_at"][:10], row["for_run_on"]) for row in warnings] == [
        (7, "2024-06-20", "2024-06-27")
    ]
    assert outcome(printed) == ("deferred", "notice_too_short")
    later = [row for row in printed if row.get("what") == "decisions"][1]["decisions"]
    assert (later[1]["run_on"], later[1]["outcome"]) == ("2024-07-31", "cleared")


def test_e8_a_coupon_one_minute_before_the_run_cures(told):
    printed = told["e8"]

    assert outcome(printed) == ("kept", "covered")


def test_a_coupon_at_the_runs_very_instant_is_too_late(told):
    printed = told["too late"]

    assert outcome(printed) == ("cleared", "uncovered")
    assert {"line": 3, "refused": "program-cleared"}.items() <= printed[0].items()


@pytest.mark.parametrize(
    ("boundary", "wanted"), [("over", ("kept", "too_young")), ("at_least", ("cleared", "uncovered"))]
)
def test_e9_six_months_after_the_31st_of_august_is_the_29th_of_february(tell, boundary, wanted):
    printed = tell(
        *shop("2023-08-31", age_boundary=boundary, first_run_on="2024-02-29"),
        line("2024-03-01", "show", what="decisions"),
    )

    assert outcome(printed, "2024-02") == wanted


def test_closing_for_the_night_escapes_nothing(told):
    printed = told["closing for the night"]

    assert outcome(printed) == ("cleared", "uncovered")
    assert printed[0]["refused"] in ("program-cleared", "reopen-too-early")


def test_a_cleared_program_reopens_after_the_wait_with_a_new_life(told):
    printed = told["a new life"]

    assert printed[0]["refused"] == "reopen-too-early"
    assert compliance(printed)["opened_at"].startswith("2024-07-2")
    decisions = next(row for row in printed if row.get("what") == "decisions")["decisions"]
    assert [(row["period"], row["outcome"], row["reason"]) for row in decisions] == [
        ("2024-06", "cleared", "uncovered"),
        ("2024-07", "deferred", "notice_too_short"),
    ]


def test_a_benefit_for_a_tier_that_nobody_holds_is_paper_until_somebody_does(tell):
    ladder = [{"code": "base"}, {"code": "gold", "all": {"spend_minor": 1_000}}]
    printed = tell(
        *shop("2024-06-01"),
        line("2024-06-01", "program.configure", tiers={"ladder": ladder}),
        line("2024-06-01", "member.join", member="m"),
        coupon("2024-06-02", audience=["gold"]),
        line("2024-06-03", "show", what="compliance"),
        line("2024-06-04", "order.put", order="o", member="m", lines=[{"sku": "s", "amount_minor": 1_000}]),
        line("2024-06-05", "show", what="compliance"),
    )

    assert [row["qualifying"] for row in printed if row.get("what") == "compliance"] == [[], ["b"]]
