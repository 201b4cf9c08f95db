"""Tiers follow the merchant's own days: E10 in zones with summer time and broken hours (domain 1, 5)."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction

from members.lib import tenant as tenancy
from members.lib.periods import daily_job_instant
from members.lib.refusals import Invalid
from members.models import AuditRow, DailyTotal, Merchant, Program, TierMove
from members.selectors import tiers as selector
from members.services import daily, merchants, tier_rules
from tests.members.services.test_tiers_model import SPEND, ZONES
from tests.members.services.till import JOB, OPENED, Till

LOCAL = dt.datetime(2024, 3, 29, 0, 30)


@pytest.fixture(params=ZONES)
def till(request, transactional_db) -> Till:
    """A shop of that zone with a ladder by spend of 365 days."""
    made = Till(zone=request.param)
    with tenancy.tenant(made.id), transaction.atomic():
        tier_rules.configure(merchant_id=made.id, at=OPENED, actor=JOB, ladder=SPEND)
    return made


def put(till: Till, order: str, at: dt.datetime, amount: int) -> None:
    till.put(at, order, amount, paid_at=at)


def standing(till: Till, at: dt.datetime) -> tuple[str, dt.date | None]:
    with tenancy.tenant(till.id), transaction.atomic():
        found = selector.standing(merchant_id=till.id, member_id=till.members["m"], at=at)
    return found["tier"], found["valid_until"]


def recalculate(till: Till, at: dt.datetime) -> None:
    with tenancy.platform():
        daily.recalculate_due(zone=till.zone, at=at)


def test_a_member_falls_at_three_of_the_first_day_after_validity_in_the_shops_zone(till):
    zone = ZoneInfo(till.zone)
    paid = LOCAL.replace(tzinfo=zone)
    put(till, "o1", paid, 20_00)
    assert standing(till, paid) == ("silver", dt.date(2025, 3, 29))
    till.refund(paid + dt.timedelta(days=4), "o1", "r1", (1, 1))

    before = daily_job_instant(dt.date(2025, 3, 29), zone)
    recalculate(till, before)
    assert standing(till, before)[0] == "silver"
    due = daily_job_instant(dt.date(2025, 3, 30), zone)  # in Helsinki there is no three o'clock on that day
    assert due.astimezone(zone).replace(tzinfo=None) in (
        dt.datetime(2025, 3, 30, 3),
        dt.datetime(2025, 3, 30, 4),
    )
    recalculate(till, due)

    assert standing(till, due) == ("base", None)
    with tenancy.tenant(till.id), transaction.atomic():
        assert list(TierMove.objects.of(till.id).order_by("pk").values_list("at", "cause")) == [
            (paid, "order"),
            (due, "recalculation"),
        ]


def test_an_order_counts_on_the_day_that_it_is_at_the_shop(till):
    midnight = dt.datetime(2024, 2, 29, tzinfo=ZoneInfo(till.zone))
    put(till, "before", midnight - dt.timedelta(seconds=1), 1_00)
    put(till, "after", midnight, 2_00)

    with tenancy.tenant(till.id), transaction.atomic():
        days = dict(DailyTotal.objects.of(till.id).values_list("day", "spend_minor"))
    assert days == {dt.date(2024, 2, 28): 1_00, dt.date(2024, 2, 29): 2_00}


@pytest.mark.django_db
@pytest.mark.parametrize("zone", ["Mars/Olympus", "localtime", "Asia/", "", "asia/shanghai\n"])
def test_a_program_in_an_unknown_zone_is_refused_by_its_name_and_nothing_is_made(zone):
    with tenancy.platform(), transaction.atomic():
        before = [model.objects.count() for model in (Merchant, Program, AuditRow)]
        with pytest.raises(Invalid) as refused:
            merchants.create_merchant(name="Far away", owner=None, at=OPENED, actor=JOB, timezone=zone)

        assert f"“{zone}”" in str(refused.value.detail)
        assert [model.objects.count() for model in (Merchant, Program, AuditRow)] == before
