"""Opening, closing and reopening, as the standing and the state see it (domain.md 2)."""

from __future__ import annotations

import pytest

from compliance.models import Standing
from compliance.selectors import standing
from members.lib import tenant as tenancy
from members.lib.refusals import ReopenTooEarly
from members.models import Closure, Program
from tests.compliance.services.conftest import at

RUN = "2024-06-27 23:00"


@pytest.fixture
def cleared(platform):
    """A shop cleared on 2024-06-27."""
    shop = platform.shop("2023-10-01")
    platform.assess("2024-06-10 04:00")
    platform.run(RUN)
    return shop


def state(shop, when: str) -> str:
    with tenancy.tenant(shop.pk):
        return standing.show(merchant_id=shop.pk, at=at(when))["state"]


def test_a_cleared_program_waits_thirty_days_before_it_reopens(platform, cleared):
    with pytest.raises(ReopenTooEarly):
        platform.open(cleared, "2024-07-27 22:59")

    assert state(cleared, "2024-07-27 22:59") == "cleared"
    platform.open(cleared, "2024-07-27 23:00")
    assert (
        state(cleared, "2024-07-27 23:00") == "observing"
        or state(cleared, "2024-07-27 23:00") == "final_notice"
    )


def test_a_reopened_program_has_a_new_life_but_no_new_half_year(platform, cleared):
    platform.open(cleared, "2024-07-28")

    with tenancy.tenant(cleared.pk):
        program = Program.objects.get(merchant=cleared)
        found = standing.find(merchant_id=cleared.pk, at=at("2024-07-28"))
        closure = Closure.objects.get(merchant=cleared)
    assert (program.first_opened_at, program.opened_at) == (at("2023-10-01"), at("2024-07-28"))
    assert found.episode == [] and found.assessment.danger_at == at("2024-07-28")
    assert (closure.to_at, closure.ended_by) == (at("2024-07-28"), "reopened")


def test_a_reopened_program_is_warned_anew_before_it_can_be_cleared(platform, cleared):
    platform.open(cleared, "2024-07-28")
    platform.assess_daily("2024-07-28", "2024-08-31")

    deferred = platform.run("2024-07-31 23:00")
    again = platform.run("2024-08-31 23:00")

    assert (deferred["deferred"], deferred["cleared"]) == (1, 0)
    assert again["cleared"] == 1


def test_closing_and_opening_by_the_merchant_continues_the_same_life(platform):
    shop = platform.shop("2023-10-01")
    platform.assess("2024-06-10 04:00")

    platform.close(shop, "2024-06-12")
    platform.open(shop, "2024-06-20")

    with tenancy.tenant(shop.pk):
        found = standing.find(merchant_id=shop.pk, at=at("2024-06-20"))
        assert found.opened_at == at("2023-10-01") and len(found.episode) == 1
    assert platform.run(RUN)["cleared"] == 1


def test_opening_an_open_program_changes_nothing(platform):
    shop = platform.shop("2023-10-01")

    platform.open(shop, "2023-10-02")

    with tenancy.tenant(shop.pk):
        assert Program.objects.get(merchant=shop).opened_at == at("2023-10-01")


def test_an_opened_program_gets_its_standing_by_the_next_job(platform):
    shop = platform.shop("2024-06-01")

    platform.assess("2024-06-02 04:00")

    with tenancy.tenant(shop.pk):
        row = Standing.objects.get(merchant=shop)
    assert (row.opened_at, row.danger_at, row.run_on.isoformat()) == (
        at("2024-06-01"),
        at("2024-06-01"),
        "2024-12-31",
    )


def test_a_program_opened_past_the_service_is_found_by_the_daily_job(platform):
    shop = platform.shop("2024-06-01")
    with tenancy.platform():
        Standing.objects.all().delete()

    platform.assess("2024-06-02 04:00")

    with tenancy.tenant(shop.pk):
        assert Standing.objects.get(merchant=shop).danger_at == at("2024-06-01")


@pytest.mark.parametrize(
    ("opened", "cover", "when", "wanted"),
    [
        ("2024-06-01", None, "2024-06-10", "observing"),  # young, nothing in force
        ("2024-06-01", ("2024-06-02", None), "2024-06-10", "open"),
        ("2023-10-01", ("2024-06-01", None), "2024-06-10", "open"),
        ("2023-10-01", ("2024-01-01", "2024-05-12"), "2024-06-10", "open"),  # uncovered for 29 days
        ("2023-10-01", ("2024-01-01", "2024-05-11"), "2024-06-10", "observing"),  # for 30
        ("2023-10-01", ("2024-01-01", "2024-05-11"), "2024-07-02", "at_risk"),  # run on 08-31, 60 days off
        ("2023-10-01", ("2024-01-01", "2024-05-11"), "2024-07-01", "observing"),  # 61 days off
        ("2023-10-01", None, "2024-06-19", "at_risk"),
        ("2023-10-01", None, "2024-06-20", "final_notice"),  # 7 days off
    ],
)
def test_the_state_shown_is_the_first_that_fits(platform, opened, cover, when, wanted):
    shop = platform.shop(opened)
    if cover is not None:
        platform.coupon(shop, cover[0], until=cover[1])

    assert state(shop, when) == wanted


def test_a_draft_and_a_closed_program_say_so(platform, cast):
    shop = platform.shop("2023-10-01")
    platform.close(shop, "2024-06-01")

    assert state(shop, "2024-06-10") == "closed"
    with tenancy.tenant(cast.shop.pk):
        assert standing.show(merchant_id=cast.shop.pk, at=at("2024-06-10")) == {
            "state": "draft",
            "opened_at": None,
            "danger_at": None,
            "run_on": None,
            "qualifying": [],
            "warnings": [],
        }
