"""Appeals and exemptions, told as histories (domain.md 3, E7)."""

from __future__ import annotations

import pytest

from tests.flows.conftest import line, shop
from tests.flows.test_clearance_examples import compliance, outcome

OPENED = "2023-10-01"
RUN = "2024-06-27 23:00"


def shown(printed, nth=0):
    """The nth compliance that was shown."""
    return [row for row in printed if row.get("what") == "compliance"][nth]


def refused(printed):
    return [row["refused"] for row in printed if "line" in row and "refused" in row]


def test_e7_a_pending_appeal_against_the_warning_holds_the_program_out_of_the_run(tell):
    printed = tell(
        *shop(OPENED),
        line("2024-06-25", "appeal.file", appeal="x"),
        line("2024-06-25 12:00", "show", what="compliance"),
        line("2024-06-27 23:30", "show", what="decisions"),
        line("2024-06-27 23:30", "show", what="compliance"),
    )

    assert refused(printed) == []
    assert [shown(printed, n)["state"] for n in (0, 1)] == ["appealing", "appealing"]
    assert outcome(printed) == ("held", "appeal_pending")
    assert shown(printed, 1)["run_on"] == "2024-07-31"


def test_an_appeal_filed_at_the_instant_of_the_run_is_too_late(tell):
    printed = tell(
        *shop(OPENED),
        line(RUN, "appeal.file", appeal="x"),
        line("2024-06-27 23:30", "show", what="decisions"),
        line("2024-06-27 23:30", "show", what="compliance"),
    )

    assert outcome(printed) == ("cleared", "uncovered")
    assert (
        compliance(printed)["state"] == "appealing"
    )  # against the clearing decision, which was there by then


def test_a_refused_appeal_lets_the_next_run_clear_and_a_second_one_does_not_hold(tell):
    printed = tell(
        *shop(OPENED),
        line("2024-06-25", "appeal.file", appeal="x"),
        line("2024-07-05", "appeal.decide", appeal="x", uphold=False),
        line("2024-07-05 12:00", "show", what="compliance"),
        line("2024-07-25", "appeal.file", appeal="y"),
        line("2024-07-25 12:00", "show", what="compliance"),
        line("2024-07-31 23:30", "show", what="decisions"),
    )

    assert refused(printed) == []
    assert [shown(printed, n)["state"] for n in (0, 1)] == ["at_risk", "appealing"]
    assert outcome(printed, "2024-07") == ("cleared", "uncovered")


def test_upheld_after_a_clearance_the_program_is_open_with_its_old_life_and_protected(tell):
    printed = tell(
        *shop(OPENED),
        line("2024-06-30", "appeal.file", appeal="x"),
        line("2024-06-30 12:00", "show", what="compliance"),
        line("2024-07-03 10:00", "appeal.decide", appeal="x", uphold=True),
        line("2024-07-03 12:00", "show", what="compliance"),
        line("2024-07-31 23:30", "show", what="decisions"),
        line("2024-08-02 12:00", "show", what="compliance"),
    )

    assert refused(printed) == []
    before, restored, later = (shown(printed, n) for n in range(3))
    assert (before["state"], restored["state"]) == ("appealing", "restored")
    assert restored["opened_at"] == before["opened_at"]
    assert restored["run_on"] == "2024-08-31"
    assert outcome(printed, "2024-07") == ("held", "protected")
    assert later["state"] == "at_risk"


def test_upheld_against_a_warning_it_protects_and_begins_a_new_episode(tell):
    printed = tell(
        *shop(OPENED),
        line("2024-06-20", "appeal.file", appeal="x"),
        line("2024-06-21", "appeal.decide", appeal="x", uphold=True),
        line("2024-06-21 12:00", "show", what="compliance"),
        line("2024-06-27 23:30", "show", what="decisions"),
    )

    assert shown(printed)["state"] == "at_risk"
    assert shown(printed)["run_on"] == "2024-07-31"
    assert outcome(printed) == ("held", "protected")


@pytest.mark.parametrize(
    ("when", "why"),
    [
        ("2024-01-05", "no warning was sent yet"),
        ("2024-07-18 00:00", "the clearing decision is over twenty days old"),
    ],
)
def test_what_cannot_be_appealed_is_refused_and_changes_nothing(tell, when, why):
    printed = tell(
        *shop(OPENED),
        line(when, "show", what="compliance"),
        line(when, "appeal.file", appeal="x"),
        line(when, "show", what="compliance"),
    )

    assert refused(printed) == ["appeal-not-allowed"], why
    first, second = ({k: v for k, v in shown(printed, n).items() if k != "line"} for n in (0, 1))
    assert first == second


def test_a_second_appeal_against_the_same_decision_is_refused_while_the_first_is_open(tell):
    printed = tell(
        *shop(OPENED),
        line("2024-06-28", "appeal.file", appeal="x"),
        line("2024-06-29", "appeal.file", appeal="y"),
        line("2024-06-29", "appeal.decide", appeal="y", uphold=True),
        line("2024-06-30", "appeal.decide", appeal="x", uphold=False),
        line("2024-07-01", "appeal.decide", appeal="x", uphold=True),
        line("2024-07-02", "appeal.file", appeal="z"),
        line("2024-07-02", "show", what="compliance"),
    )

    assert refused(printed) == ["appeal-not-allowed", "not-found", "appeal-not-allowed"]
    assert shown(printed)["state"] == "appealing"


def test_closing_and_reopening_withdraw_what_is_pending(tell):
    printed = tell(
        *shop(OPENED),
        line("2024-06-20", "appeal.file", appeal="x"),
        line("2024-06-21", "program.close"),
        line("2024-06-21", "appeal.decide", appeal="x", uphold=True),
        line("2024-06-21", "program.open"),
        line("2024-06-21 12:00", "show", what="compliance"),
        line("2024-06-27 23:30", "show", what="decisions"),
        line("2024-06-28", "appeal.file", appeal="y"),
        line("2024-07-28", "program.open"),
        line("2024-07-28 12:00", "show", what="compliance"),
    )

    assert refused(printed) == ["appeal-not-allowed"]
    assert shown(printed, 0)["state"] == "final_notice"
    assert outcome(printed) == ("cleared", "uncovered")
    assert shown(printed, 1)["state"] != "appealing"
    assert shown(printed, 1)["opened_at"][:10] == "2024-07-28"


def test_an_exempt_program_is_held_and_not_threatened_until_the_exemption_is_lifted(tell):
    printed = tell(
        *shop(OPENED),
        line("2024-06-26", "program.exempt"),
        line("2024-06-26", "program.exempt", exempt=True),
        line("2024-06-26 12:00", "show", what="compliance"),
        line("2024-06-28", "program.exempt", exempt=False),
        line("2024-06-28 12:00", "show", what="compliance"),
        line("2024-06-28 12:00", "show", what="decisions"),
    )

    assert refused(printed) == []
    assert [shown(printed, n)["run_on"] for n in (0, 1)] == [None, "2024-07-31"]
    assert outcome(printed) == ("held", "exempt")


def test_points_and_tiers_come_back_as_they_were_when_a_program_is_restored(tell):
    printed = tell(
        *shop(OPENED),
        line(
            OPENED,
            "program.configure",
            points={"expiry": {"kind": "rolling", "months": 12}},
            tiers={
                "ladder": [{"code": "base"}, {"code": "silver", "all": {"spend_minor": 10_000}}],
            },
        ),
        line("2024-01-10", "member.join", member="m"),
        line("2024-01-10", "order.put", member="m", order="o", lines=[{"sku": "s", "amount_minor": 20_000}]),
        line("2024-06-28", "appeal.file", appeal="x"),
        line("2024-07-05 12:00", "appeal.decide", appeal="x", uphold=True),
        line("2024-07-06", "show", what="points", member="m"),
        line("2024-07-06", "show", what="tier", member="m"),
    )

    points = next(row for row in printed if row.get("what") == "points")
    tier = next(row for row in printed if row.get("what") == "tier")
    assert refused(printed) == []
    # Closed from the 27th of June 23:00 to the 5th of July 12:00: seven merchant days lie wholly in it.
    assert points["lots"] == [{"remaining": 200, "expires_on": "2025-01-17"}]
    assert (tier["tier"], tier["valid_until"]) == ("silver", "2025-01-17")


def test_rules_edited_while_its_merchant_had_it_closed_lift_when_a_cleared_program_is_restored(tell):
    def ladder(spend):
        return {"ladder": [{"code": "base"}, {"code": "silver", "all": {"spend_minor": spend}}]}

    printed = tell(
        *shop(OPENED),
        line(OPENED, "program.configure", tiers=ladder(50_000)),
        line("2024-01-10", "member.join", member="m"),
        line("2024-01-10", "order.put", member="m", order="o", lines=[{"sku": "s", "amount_minor": 20_000}]),
        line("2024-06-20", "program.close"),
        line("2024-06-22", "program.configure", tiers=ladder(10_000)),
        line("2024-06-28", "appeal.file", appeal="x"),
        line("2024-07-05", "appeal.decide", appeal="x", uphold=True),
        line("2024-07-05 12:00", "show", what="tier", member="m"),
    )

    assert refused(printed) == []
    assert next(row for row in printed if row.get("what") == "tier")["tier"] == "silver"
