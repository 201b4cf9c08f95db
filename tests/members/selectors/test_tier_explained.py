"""A member's tier in sentences: the way to the next, until when, and what happens then."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import transaction
from django.utils import translation

from members.lib import tenant as tenancy
from members.models import Member
from members.selectors import tier_explained
from members.services import daily, programs, tier_hand, tier_rules
from tests.api import System
from tests.conftest import NOON
from tests.factories import ledger

DAY = dt.timedelta(days=1)
LADDER = [
    {"code": "base", "name": "Base"},
    {"code": "silver", "name": "Silver", "all": {"spend_minor": 100_000}},
    {"code": "gold", "name": "Gold", "all": {"spend_minor": 500_000, "orders": 30}},
]


@pytest.fixture
def shop(cast):
    ledger.open_shop(cast.shop, NOON)
    configure(cast.shop, ladder=LADDER)
    return cast.shop


def configure(shop, **options):
    with tenancy.tenant(shop.pk), transaction.atomic():
        tier_rules.configure(merchant_id=shop.pk, at=NOON, actor=ledger.JOB, **options)


def told(shop, member: Member, at: dt.datetime) -> list[str]:
    with tenancy.tenant(shop.pk), transaction.atomic(), translation.override("en"):
        return tier_explained.explained(merchant=shop, member=member, at=at)


def test_the_way_the_end_and_what_would_prevent_the_fall_are_told(shop):
    member = ledger.join(shop, NOON)
    ledger.buy(shop, member, "o", NOON, 124_000)

    assert told(shop, member, NOON + DAY) == [
        "For Gold: ¥1,240.00 of ¥5,000.00 spent and 1 of 30 orders in the last 365 days.",
        "Stays Silver until 2025-05-15.",
        "Falls to Base on 2025-05-16, unless before then ¥1,000.00 more is spent.",
    ]


def test_what_is_told_of_the_end_is_what_happens(shop):
    member = ledger.join(shop, NOON)
    ledger.buy(shop, member, "o", NOON, 124_000)
    later = NOON + 100 * DAY
    ledger.buy(shop, member, "o2", later, 100)
    ledger.refund(shop, "o2", later)

    sentence = told(shop, member, later)[-1]
    assert sentence == "Falls to Base on 2025-08-24, unless before then ¥1,000.00 more is spent."
    for day, tiers in (("2025-08-23", ["silver"]), ("2025-08-24", [])):
        daily.recalculate_due(zone="Asia/Shanghai", at=dt.datetime.fromisoformat(f"{day}T03:00:00+08:00"))
        with tenancy.tenant(shop.pk), transaction.atomic():
            held = tier_explained.StandingRow.objects.of(shop.pk).select_related("tier").get()
        assert [held.tier.code] == (tiers or ["base"])


def test_orders_that_are_enough_renew(shop):
    configure(shop, ladder=LADDER, validity_months=3)
    member = ledger.join(shop, NOON)
    ledger.buy(shop, member, "o", NOON, 124_000)

    assert told(shop, member, NOON)[-1] == (
        "The orders so far are enough: on 2024-08-16 Silver is renewed until 2024-11-16."
    )


def test_any_of_several_ways_and_other_windows_have_their_words(shop):
    gold = {"code": "gold", "name": "Gold", "any": {"orders": 3, "active_days": 2}}
    configure(shop, ladder=[LADDER[0], gold], window={"kind": "membership_year"})
    member = ledger.join(shop, NOON)

    assert told(shop, member, NOON + 400 * DAY) == [
        "For Gold any one is enough: 0 of 3 orders and 0 of 2 days with an order since 2025-05-15, when this year "
        "began to count."
    ]
    ledger.buy(shop, member, "o", NOON + 400 * DAY, 1)
    ledger.buy(shop, member, "o2", NOON + 401 * DAY, 1)
    assert told(shop, member, NOON + 402 * DAY)[-1] == (
        "Falls to Base on 2026-06-21, unless before then 3 more orders are placed or there are 2 more days with an "
        "order."
    )


def test_a_grace_that_runs_a_tier_by_hand_and_a_closed_program_are_told(shop):
    configure(shop, ladder=LADDER, grace_days=10)
    member = ledger.join(shop, NOON)
    with tenancy.tenant(shop.pk), transaction.atomic():
        tier_hand.set_tier(
            merchant_id=shop.pk, member_id=member.pk, at=NOON, actor=ledger.JOB, tier="silver",
            until=NOON.date(), reason="an apology",
        )  # fmt: skip

    assert told(shop, member, NOON + 3 * DAY)[1:] == [
        "Set by staff on 2024-05-15: an apology",
        "The validity of Silver ended on 2024-05-15; grace lasts until 2024-05-25.",
        "Falls to Base on 2024-05-26, unless before then ¥1,000.00 more is spent.",
    ]
    with tenancy.tenant(shop.pk), transaction.atomic():
        programs.close_program(merchant_id=shop.pk, at=NOON + 4 * DAY, actor=ledger.JOB)
    assert told(shop, member, NOON + 5 * DAY)[-1] == (
        "The program is not open: no tier rises or falls until it is."
    )


def test_the_api_tells_it_too(shop):
    member = ledger.join(shop, NOON)
    ledger.buy(shop, member, "o", NOON, 600_000)

    answer = System(shop).get(f"/members/{member.public_id}/tier").json()

    assert answer["explained"] and answer["explained"][0].startswith("For Gold: ")
