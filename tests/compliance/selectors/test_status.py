"""Evidence and strip say what the rule counted, and of what it did not, why."""

from __future__ import annotations

import datetime as dt

import pytest

from compliance.selectors import status
from members.lib import tenant as tenancy
from tests.compliance.services.conftest import at, platform  # noqa: F401

NOW = "2024-06-10 12:00"


def page(shop, when: str = NOW) -> status.Page:
    with tenancy.tenant(shop.pk):
        return status.page(merchant_id=shop.pk, at=at(when))


def reasons(shop, when: str = NOW) -> dict[str, tuple[bool, str]]:
    return {row.benefit.name: (row.counted, row.reason) for row in page(shop, when).evidence}


def test_each_benefit_says_whether_it_counted_and_why_not(platform):  # noqa: F811
    platform.policy("2023-09-02", min_cover_days=7, counting_basis="in_force")
    shop = platform.shop("2023-10-01")
    platform.coupon(shop, "2024-04-01", until="2024-05-01", name="month")
    platform.coupon(shop, "2024-05-10", until="2024-05-12", name="two days")
    platform.coupon(shop, "2024-05-20", kind="lucky_draw", name="draw")
    platform.coupon(shop, "2024-05-21", stock=0, name="nothing left")
    platform.coupon(shop, "2023-11-01", until="2024-01-01", name="old")

    assert reasons(shop) == {
        "month": (True, "counted"),
        "two days": (False, "short"),
        "draw": (False, "kind"),
        "nothing left": (False, "stock"),
        "old": (False, "before"),
    }


def test_the_strip_has_a_day_for_each_day_of_the_window(platform):  # noqa: F811
    shop = platform.shop("2023-10-01")
    platform.coupon(shop, "2024-05-01", until="2024-05-11")
    platform.coupon(shop, "2024-06-01", kind="lucky_draw")

    days = page(shop).strip

    found = {day["date"]: day["state"] for day in days}
    assert len(days) == 90 and days[-1]["date"] == dt.date(2024, 6, 10)
    assert [d for d, state in found.items() if state == "covered"] == [
        dt.date(2024, 5, 1) + dt.timedelta(days=n) for n in range(10)
    ]
    assert found[dt.date(2024, 6, 1)] == "uncounted"
    assert found[dt.date(2024, 5, 20)] == "uncovered"


def test_an_open_benefit_has_an_open_stretch(platform):  # noqa: F811
    shop = platform.shop("2023-10-01")
    platform.coupon(shop, "2024-05-01")

    (row,) = page(shop).evidence

    assert row.spans == [(dt.date(2024, 5, 1), None, True)]
    assert row.configured == [at("2024-05-01")]


@pytest.mark.parametrize(("when", "days", "hours"), [("2024-06-24 12:00", 3, 83), ("2024-06-27 22:30", 0, 0)])
def test_the_time_left_is_in_platform_days_and_whole_hours(platform, when, days, hours):  # noqa: F811
    shop = platform.shop("2023-10-01")

    found = page(shop, when).banner

    assert (found.state.value, found.days_left, found.hours_left) == ("final_notice", days, hours)


def test_a_cleared_program_shows_the_run_that_closed_it(platform):  # noqa: F811
    shop = platform.shop("2023-10-01")
    platform.assess("2024-06-10 04:00")
    platform.run("2024-06-27 23:00")

    found = page(shop, "2024-06-28").banner

    run, decision = found.cleared
    assert (run.period, decision.reason) == ("2024-06", "uncovered")
    assert found.reopens_at == at("2024-07-27 23:00")
    assert found.appeal_until == at("2024-07-17 23:00")


def test_the_next_runs_are_the_last_days_of_the_months_after_the_first(platform):  # noqa: F811
    shop = platform.shop("2023-10-01")

    assert [run.on.isoformat() for run in page(shop).runs] == ["2024-06-27", "2024-07-31", "2024-08-31"]
