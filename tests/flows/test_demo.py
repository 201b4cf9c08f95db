"""The demo shows one shop in each compliance state, whatever the day it is seeded on."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from django.db import transaction

from compliance.play import demo
from compliance.play.player import Player
from compliance.selectors import standing
from members.lib import tenant as tenancy
from members.models import Merchant
from tests.stages import stage


@pytest.mark.parametrize("today", ["2026-11-22", "2026-11-30", "2027-01-31", "2026-12-03"])
def test_every_demo_shop_is_in_its_state(django_db_blocker, today):
    now = dt.datetime.combine(dt.date.fromisoformat(today), dt.time(15, 0), demo.PLATFORM_ZONE)
    wanted = {shop.name: shop.state for shop in demo.shops(demo.Calendar.around(now.date()))}
    left_out = ("order.put", "order.refund", "member.join")
    without_orders = [line for line in demo.script(now) if line["do"] not in left_out]
    refused = []

    with django_db_blocker.unblock(), stage():
        Player(lambda row: refused.append(row) if "line" in row else None).tell(
            map(json.dumps, without_orders)
        )
        with tenancy.platform(), transaction.atomic():
            shops = {merchant.name: merchant.pk for merchant in Merchant.objects.all()}
        found = {}
        for name, merchant_id in shops.items():
            with tenancy.tenant(merchant_id), transaction.atomic():
                found[name] = standing.show(merchant_id=merchant_id, at=now)["state"]

    assert found == wanted
    assert refused == []


def test_on_every_day_of_four_years_the_last_warning_is_days_ahead_and_the_next_run_a_risk():
    for day in (dt.date(2026, 1, 1) + dt.timedelta(days=n) for n in range(4 * 365 + 1)):
        days = demo.Calendar.around(day)

        assert 3 <= (days.final_run - day).days <= 7, day
        assert 7 < (days.next_run - day).days <= days.at_risk_days <= 66, day
        assert days.last_run < day, day
