"""What somebody would try to escape a clearance, and why it helps nobody (domain.md 3: no cheap escape)."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import transaction

from benefits.services import benefits
from compliance.models import Notice, Receipt
from compliance.selectors import decisions
from compliance.services import appeals, life
from members.lib import tenant as tenancy
from members.lib.refusals import ReopenTooEarly
from members.models import Program
from tests.compliance.services.conftest import JOB, at
from tests.factories.benefits import given

RUN = "2024-06-27 23:00"


def outcome(shop: Any, period: str = "2024-06") -> tuple[str, str]:
    with tenancy.tenant(shop.pk):
        found = {row["period"]: row for row in decisions.show(merchant_id=shop.pk)}[period]
    return found["outcome"], found["reason"]


def refuses_to_open(shop: Any, when: str) -> None:
    with tenancy.tenant(shop.pk), pytest.raises(ReopenTooEarly):
        life.open_program(merchant_id=shop.pk, at=at(when), actor=JOB)
    with tenancy.tenant(shop.pk):
        assert Program.objects.get(merchant=shop).status == "cleared"


@pytest.fixture
def shop(platform):
    """A shop that nothing covers, under the platform's own policy against cheap escapes."""
    platform.policy("2023-09-02", min_cover_days=7, max_lead_days=30)
    return platform.shop("2023-10-01")


def test_closing_at_22_59_and_opening_at_23_01_is_cleared(platform, shop):
    platform.assess("2024-06-10 04:00")
    platform.close(shop, "2024-06-27 22:59")
    platform.run(RUN)

    assert outcome(shop) == ("cleared", "uncovered")
    refuses_to_open(shop, "2024-06-27 23:01")


def test_reopening_on_the_day_after_a_clearance_is_refused(platform, shop):
    platform.assess("2024-06-10 04:00")
    platform.run(RUN)

    refuses_to_open(shop, "2024-06-28 09:00")


def test_a_benefit_of_one_second_covers_one_second_where_what_is_in_force_counts(platform, shop):
    platform.policy("2024-01-01", counting_basis="in_force")
    platform.coupon(shop, "2024-06-05 10:00:00", "2024-06-05 10:00:01")
    platform.assess("2024-06-10 04:00")
    platform.run(RUN)

    assert outcome(shop) == ("cleared", "uncovered")


def test_publishing_a_benefit_of_one_second_covers_one_second(platform, shop):
    platform.coupon(shop, "2024-06-05 10:00:00", "2024-06-05 10:00:01")
    platform.assess("2024-06-10 04:00")
    platform.run(RUN)

    assert outcome(shop) == ("cleared", "uncovered")


def test_a_benefit_of_one_second_each_month_voids_no_warning(platform, shop):
    platform.policy("2024-01-01", counting_basis="in_force")
    platform.assess_daily("2024-06-01", "2024-06-19")
    platform.coupon(shop, "2024-06-20 10:00:00", "2024-06-20 10:00:01")
    platform.assess_daily("2024-06-20", "2024-06-27")
    platform.run(RUN)

    assert outcome(shop) == ("cleared", "uncovered")


def test_a_benefit_for_2030_edited_every_80_days_covers_nothing(platform, shop):
    with tenancy.tenant(shop.pk):
        made = benefits.publish_benefit(
            merchant_id=shop.pk,
            at=at("2023-11-01"),
            actor=JOB,
            kind="coupon",
            from_at=at("2030-01-01"),
            settings=given("coupon"),
            stock=100,
        )
    day = dt.date(2024, 1, 20)
    while day < dt.date(2024, 6, 27):
        with tenancy.tenant(shop.pk):
            benefits.change_benefit(
                merchant_id=shop.pk,
                benefit_id=made.pk,
                at=at(day.isoformat()),
                actor=JOB,
                stock=100 + day.day,
            )
        day += dt.timedelta(days=80)
    platform.assess("2024-06-10 04:00")
    platform.run(RUN)

    assert outcome(shop) == ("cleared", "uncovered")


def test_an_appeal_before_each_run_holds_once(platform, shop):
    platform.assess_daily("2024-06-01", "2024-06-20")
    appeal(shop, "2024-06-21", refused="2024-06-29")
    platform.run(RUN)
    platform.assess_daily("2024-06-30", "2024-07-29")
    appeal(shop, "2024-07-30")
    platform.run("2024-07-31 23:00")

    assert outcome(shop, "2024-06") == ("held", "appeal_pending")
    assert outcome(shop, "2024-07") == ("cleared", "uncovered")


def appeal(shop: Any, filed: str, refused: str = "") -> None:
    with tenancy.platform(), transaction.atomic():
        row = appeals.file(merchant_id=shop.pk, at=at(filed), actor=JOB, text="wait")
    if refused:
        with tenancy.platform(), transaction.atomic():
            appeals.decide(
                merchant_id=shop.pk,
                appeal_id=row.pk,
                upheld=False,
                at=at(refused),
                actor=JOB,
                answer="no ground",
            )


def test_mail_that_nobody_reads_is_notice_all_the_same(platform, shop):
    platform.assess("2024-06-10 04:00")
    platform.run(RUN)

    with tenancy.tenant(shop.pk):
        notice = Notice.objects.of(shop).get()
        assert not Receipt.objects.of(shop).filter(notice=notice).exclude(event="delivered").exists()
    assert outcome(shop) == ("cleared", "uncovered")
