"""Campaigns and caps in the books: an order keeps what it was priced by, limits hold, entries say what was trimmed."""

from __future__ import annotations

import pytest
from django.db import transaction

from members.lib import tenant as tenancy
from members.lib.earning import Earning
from members.models import EarningUse, Merchant, OrderBonus
from members.selectors import entry_words
from tests.members.services.till import Till


def earning(*campaigns, **more) -> Earning:
    return Earning.read(
        {"campaigns": [{"code": f"c{n}", **each} for n, each in enumerate(campaigns, 1)], **more}
    )


@pytest.fixture
def till(db):
    def opened(*campaigns, **more) -> Till:
        return Till(rules={"earning": earning(*campaigns, **more)})

    return opened


def used(till: Till) -> dict[str, int]:
    with tenancy.tenant(till.id), transaction.atomic():
        rows = EarningUse.objects.of(till.id).exclude(points=0).values_list("code", "points")
        return dict(rows)


def words(till: Till) -> list[str]:
    """Why the last entry is what it is."""
    with tenancy.tenant(till.id), transaction.atomic():
        merchant = Merchant.objects.get(pk=till.id)
        _why, sentences = entry_words.opened(merchant, till.members["m"], till.entry().sequence)
        return sentences


def test_an_order_under_a_campaign_earns_more_and_a_refund_takes_back_what_was_stored(till):
    shop = till({"multiplier": "2", "extra": 10, "when": {"skus": ["s0"]}})

    shop.put("2024-01-01", "o", 100_00, 100_00)

    assert shop.balance() == (310, 0, 0)
    shop.refund("2024-01-02", "o", "r", (1, 100_00))
    assert shop.balance() == (100, 0, 0)
    shop.refund("2024-01-03", "o", "r2", (2, 100_00))
    assert shop.balance() == (0, 0, 0)
    shop.prove()


def test_an_order_sent_again_is_priced_by_the_campaign_under_which_it_came(till):
    shop = till({"multiplier": "2"})
    shop.put("2024-01-01", "o", 100_00)
    shop.configure("2024-01-02", earning=Earning())

    shop.put("2024-01-03", "o", 150_00)
    shop.put("2024-01-03", "new", 100_00)

    assert shop.entries() == [("earn", 200, 0), ("earn", 100, 0), ("earn", 100, 0)]


def test_a_rule_saved_without_a_word_on_campaigns_leaves_them(till):
    shop = till({"multiplier": "2"})

    shop.configure("2024-01-02")

    shop.put("2024-01-03", "o", 100_00)
    assert shop.balance() == (200, 0, 0)


def test_a_limit_of_days_and_of_the_whole_campaign_holds_over_orders(till):
    shop = till({"multiplier": "2", "day_most": 150, "member_most": 250})

    for day, order in (("2024-01-01", "a"), ("2024-01-01", "b"), ("2024-01-02", "c"), ("2024-01-02", "d")):
        shop.put(day, order, 100_00)

    assert [points for _kind, points, _pending in shop.entries()] == [200, 150, 200, 100]
    assert words(shop)[1:3] == [
        "Campaign “c1”: × 2 on lines 1: 0 points more.",
        "Campaign “c1” would have given 100; its limit per member left 0.",
    ]


def test_an_order_taken_back_whole_leaves_its_room_to_the_next(till):
    shop = till({"multiplier": "2", "member_most": 100})

    shop.put("2024-01-01", "a", 100_00)
    shop.put("2024-01-01", "b", 100_00)
    shop.refund("2024-01-02", "a", "r")
    shop.put("2024-01-03", "c", 100_00, status="unpaid")
    shop.put("2024-01-03", "d", 100_00)

    assert [points for _kind, points, _pending in shop.entries()] == [200, 100, -200, 200]
    assert used(shop) == {"c1": 100}
    shop.put("2024-01-04", "c", 100_00, status="paid")
    assert shop.last() == ("earn", 100, 0)


def test_the_caps_of_orders_and_days_trim_and_say_so(till):
    shop = till({"name": "Triple", "multiplier": "3"}, order_most=250, day_most=400)

    shop.put("2024-01-01", "a", 100_00)
    assert words(shop)[:4] == [
        "¥100.00 × 1 points per currency unit × 1 for tier base = 100 points.",
        "Campaign “Triple”: × 3 on lines 1: 200 points more.",
        "Together that is 300 points, rounded down once.",
        "The cap per order trimmed 50 of 300 points: an order earns at most 250.",
    ]
    shop.put("2024-01-01", "b", 100_00)

    assert (
        words(shop)[4] == "The cap per day trimmed 100 points: earlier orders of the day left room for 150."
    )
    assert shop.balance() == (400, 0, 0)


def test_a_scene_is_kept_and_chooses_campaigns(till):
    shop = till({"extra": 5, "when": {"scenes": ["takeaway"]}})

    shop.put("2024-01-01", "a", 100_00, scene="takeaway")
    shop.put("2024-01-01", "b", 100_00)
    shop.put("2024-01-02", "a", 200_00)

    assert [points for _kind, points, _pending in shop.entries()] == [105, 100, 100]
    with tenancy.tenant(shop.id), transaction.atomic():
        assert [row.scene for row in OrderBonus.objects.of(shop.id)] == ["takeaway"]


def test_a_customers_order_keeps_its_scene_until_it_has_a_member(till):
    shop = till({"extra": 5, "when": {"scenes": ["takeaway"]}})

    shop.put("2024-01-01", "a", 100_00, member=None, scene="takeaway")
    shop.put("2024-01-02", "a", 100_00)

    assert shop.entries() == [("earn", 105, 0)]


def test_orders_that_nothing_concerns_store_nothing_more(till):
    shop = till({"multiplier": "2", "when": {"channels": ["jd"]}})

    shop.put("2024-01-01", "a", 100_00)

    assert shop.balance() == (100, 0, 0)
    with tenancy.tenant(shop.id), transaction.atomic():
        assert not OrderBonus.objects.of(shop.id).exists() and not EarningUse.objects.of(shop.id).exists()


def test_points_of_a_campaign_wait_and_fall_due_as_the_orders_own(db):
    shop = Till(rules={"pending_days": 7, "earning": earning({"multiplier": "2"})})

    shop.put("2024-01-01", "a", 100_00)
    assert shop.balance() == (0, 200, 0)
    shop.night("2024-01-09")

    assert shop.balance() == (200, 0, 0)
    shop.prove()
