"""The worked examples of the clearance rule, told day by day."""

from __future__ import annotations

from datetime import date

import pytest

from compliance.lib.appeals import Appeal
from compliance.lib.calendar import platform_date
from compliance.lib.decide import Outcome
from tests.compliance.lib.story import Story, published, shanghai

RUN = shanghai("2024-06-27", "23:00")
OPENED = shanghai("2023-10-01", "10:00")
JANUARY = shanghai("2024-01-01")


def test_e1_a_coupon_that_ended_99_days_ago_does_not_keep_a_program():
    story = Story(OPENED, [published(JANUARY, to=shanghai("2024-03-20"))]).tell(RUN)

    assert story.outcome("2024-06") == ("cleared", "uncovered")
    evidence = story.decisions["2024-06"].evidence
    assert evidence.danger_at == shanghai("2024-06-18")
    assert evidence.notice_at == shanghai("2024-05-28", "04:00")


def test_e2_a_coupon_that_ended_78_days_ago_keeps_it_for_this_run():
    story = Story(OPENED, [published(JANUARY, to=shanghai("2024-04-10"))]).tell(RUN)

    assert story.outcome("2024-06") == ("kept", "covered")
    assert story.danger(RUN) == shanghai("2024-07-09")
    assert story.threat(RUN).on == date(2024, 7, 31)


def test_e3_a_lucky_draw_does_not_count():
    story = Story(OPENED, [published(JANUARY, "lucky_draw")]).tell(RUN)

    assert story.outcome("2024-06") == ("cleared", "uncovered")


@pytest.mark.parametrize(("boundary", "outcome"), [("over", "kept"), ("at_least", "cleared")])
def test_e4_exactly_half_a_year(boundary, outcome):
    opened = shanghai("2023-12-27", "10:00")
    story = Story(opened, policies=[(opened, {"age_boundary": boundary})]).tell(RUN)

    assert story.decisions["2024-06"].outcome == outcome


@pytest.mark.parametrize(
    ("basis", "outcome"),
    [("in_force_or_configured", "kept"), ("in_force", "kept"), ("configured", "cleared")],
)
def test_e5_a_member_price_never_touched(basis, outcome):
    price = published(shanghai("2023-11-01"), "member_price")
    story = Story(OPENED, [price], [(OPENED, {"counting_basis": basis})]).tell(RUN)

    assert story.decisions["2024-06"].outcome == outcome


def test_e6_a_first_warning_of_seven_days_defers_and_serves_the_next_run():
    policies = [
        (OPENED, {"first_run_on": "2099-12-31"}),
        (shanghai("2024-06-19", "12:00"), {"first_run_on": "2024-06-27"}),
    ]
    story = Story(OPENED, policies=policies).tell(RUN)

    assert next((platform_date(w.sent_at), w.days_before) for w in story.warnings) == (date(2024, 6, 20), 7)
    assert story.outcome("2024-06") == ("deferred", "notice_too_short")

    later = Story(OPENED, policies=policies).tell(shanghai("2024-07-31", "23:00"))

    assert later.outcome("2024-07") == ("cleared", "uncovered")
    assert later.decisions["2024-07"].evidence.notice_at == shanghai("2024-06-20", "04:00")


def test_e7_an_undecided_appeal_holds():
    story = Story(OPENED, appeals=[Appeal(filed_at=shanghai("2024-06-25"))]).tell(RUN)

    assert story.outcome("2024-06") == ("held", "appeal_pending")


def test_e8_a_coupon_published_a_minute_before_the_run_keeps_it():
    story = Story(OPENED, [published(shanghai("2024-06-27", "22:59"))]).tell(RUN)

    assert story.outcome("2024-06") == ("kept", "covered")


def test_e8_a_coupon_published_at_the_run_is_too_late():
    story = Story(OPENED, [published(RUN)]).tell(RUN)

    assert story.outcome("2024-06") == ("cleared", "uncovered")


@pytest.mark.parametrize(("boundary", "outcome"), [("over", "kept"), ("at_least", "cleared")])
def test_e9_half_a_year_from_31_august_ends_on_29_february(boundary, outcome):
    opened = shanghai("2023-08-31", "10:00")
    values = {"first_run_on": "2024-02-29", "age_boundary": boundary}
    story = Story(opened, policies=[(opened, values)]).tell(shanghai("2024-02-29", "23:00"))

    assert story.decisions["2024-02"].outcome == outcome


def test_warnings_go_out_once_each_at_30_14_7_3_and_1_days():
    story = Story(OPENED).tell(RUN)

    assert [(w.days_before, platform_date(w.sent_at).isoformat()) for w in story.warnings] == [
        (30, "2024-05-28"),
        (14, "2024-06-13"),
        (7, "2024-06-20"),
        (3, "2024-06-24"),
        (1, "2024-06-26"),
    ]


def test_new_cover_voids_older_warnings_and_a_deferral_does_not():
    policies = [(OPENED, {"counting_basis": "in_force", "window_days": 1})]
    cover = published(shanghai("2024-06-20"), to=shanghai("2024-06-21"))
    story = Story(OPENED, [cover], policies).tell(shanghai("2024-07-31", "23:00"))

    assert story.decisions["2024-06"].outcome is Outcome.DEFERRED
    assert story.decisions["2024-07"].outcome is Outcome.CLEARED


def test_closing_for_the_night_escapes_nothing():
    story = Story(OPENED, closed_at=shanghai("2024-06-27", "20:00")).tell(RUN)

    assert story.outcome("2024-06") == ("cleared", "uncovered")


def test_a_closed_program_that_is_not_cleared_gets_no_row():
    price = published(JANUARY, "member_price")
    story = Story(OPENED, [price], closed_at=shanghai("2024-06-27", "20:00")).tell(RUN)

    assert story.decisions == {}


def test_a_protected_program_is_not_warned_and_is_held_by_its_protection():
    story = Story(OPENED, protected_until=shanghai("2024-07-20")).tell(shanghai("2024-07-31", "23:00"))

    assert story.outcome("2024-06") == ("held", "protected")
    assert platform_date(story.warnings[0].sent_at) == date(2024, 7, 20)
    assert story.outcome("2024-07") == ("deferred", "notice_too_short")


def test_an_exempt_program_is_neither_warned_nor_cleared():
    story = Story(OPENED, is_exempt=True).tell(RUN)

    assert story.warnings == []
    assert story.outcome("2024-06") == ("held", "exempt")
