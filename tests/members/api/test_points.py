"""Points and tier by API."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from django.db import transaction
from django.utils import timezone

from members.lib import tenant as tenancy
from members.models import PointsLot
from members.services import point_rules, points, points_daily
from tests.api import JOB, OPENED, SHANGHAI, give, join, queries_of
from tests.members.api.test_door import problem


def order(system, number, member, amount=10000, **more):
    body = {"member": member.public_id, "lines": [{"sku": "A", "amount_minor": amount}], **more}
    assert system.put(f"/orders/web/{number}", body).status_code in (200, 201)


def test_points_are_zero_before_the_first_order(system):
    ann = join(system.shop, "ann")

    assert system.get(f"/members/{ann.public_id}/points").json() == {
        "member": ann.public_id,
        "available": 0,
        "pending": 0,
        "deficit": 0,
        "value": None,
        "lots": [],
        "next": {"expiring": [], "confirming": []},
        "holds": [],
        "earned": 0,
        "redeemed": 0,
        "expired": 0,
        "clawed_back": 0,
    }


def test_points_and_entries_follow_an_order_and_its_refund(system):
    ann = join(system.shop, "ann")
    order(system, "o-1", ann)
    system.post("/orders/web/o-1/refunds", {"refund_id": "r-1", "lines": [{"line": 1, "amount_minor": 4000}]})

    points = system.get(f"/members/{ann.public_id}/points").json()
    entries = system.get(f"/members/{ann.public_id}/points/entries").json()["items"]

    assert (points["available"], points["earned"], points["clawed_back"]) == (60, 100, 40)
    assert points["lots"] == [{"remaining": 60, "expires_on": None}]
    assert [(e["number"], e["kind"], e["points"], e["balance_after"], e["refund_id"]) for e in entries] == [
        (2, "clawback", -40, 60, "r-1"),
        (1, "earn", 100, 100, None),
    ]
    assert entries[1]["order"] == {"channel": "web", "external_id": "o-1"}
    assert entries[1]["why"] == {
        "text": "¥100.00 × 1 points per currency unit × 1 for tier base = 100 points. The tier held before this "
        "order (base) decides the multiplier; rate and multiplier are those of version 2 of the rules and stay with "
        "this order whatever changes later.",
        "rules_version": 2,
        "per_major": "1",
        "tier": "base",
        "multiplier": "1",
        "total_minor": 10000,
        "refunded_minor": 4000,
        "currency": "CNY",
        "amount_minor": 10000,
        "exact": "100",
        "points_before": 0,
        "points_after": 100,
        "lines": [
            {"number": 1, "sku": "A", "amount_minor": 10000, "points": 100, "refunded_minor": 0, "kept": 100}
        ],
        "request": None,
        "lots": [],
    }


def test_an_order_twice_in_one_batch_is_explained_as_it_was_each_time(system):
    ann = join(system.shop, "ann")
    about = {"channel": "web", "external_id": "o-1", "member": ann.public_id}
    orders = [{**about, "lines": [{"sku": "A", "amount_minor": amount}]} for amount in (10_000, 20_000)]

    assert system.post("/orders/batch", {"orders": orders}).status_code == 200

    second, first = system.get(f"/members/{ann.public_id}/points/entries").json()["items"]
    assert first["at"] == second["at"]
    names = ("amount_minor", "points_before", "points_after")
    assert [first["why"][name] for name in names] == [10_000, 0, 100]
    assert [second["why"][name] for name in names] == [20_000, 100, 200]
    assert "The order was sent again with ¥200.00 instead of ¥100.00." in second["why"]["text"]
    assert first["why"]["text"].startswith("¥100.00 × 1 points")


def test_entries_page_by_cursor_newest_first(system):
    ann = join(system.shop, "ann")
    for number in range(4):
        order(system, f"o-{number}", ann)
    path = f"/members/{ann.public_id}/points/entries"

    first = system.get(f"{path}?limit=3").json()
    order(system, "later", ann)
    second = system.get(f"{path}?limit=3&cursor={first['next_cursor']}").json()

    assert [row["number"] for row in first["items"]] == [4, 3, 2]
    assert [row["number"] for row in second["items"]] == [1] and second["next_cursor"] is None
    assert system.get(f"{path}?kind=expire").json()["items"] == []
    problem(system.get(f"{path}?kind=theft"), 400, "malformed")


def test_a_tier_says_what_it_rests_on_and_what_is_missing(system):
    ann = join(system.shop, "ann")
    order(system, "o-1", ann, amount=40_000)

    before = system.get(f"/members/{ann.public_id}/tier").json()
    order(system, "o-2", ann, amount=60_000)
    after = system.get(f"/members/{ann.public_id}/tier").json()

    assert (before["tier"], before["valid_until"], before["history"]) == ("base", None, [])
    assert before["next"] == {
        "tier": "silver",
        "needs": "all",
        "progress": [{"metric": "spend_minor", "now": 40_000, "at_least": 100_000, "missing": 60_000}],
    }
    assert (after["tier"], after["next"]) == ("silver", None)
    assert after["validities"] == [{"tier": "silver", "valid_until": after["valid_until"]}]
    assert [(move["from"], move["to"], move["cause"]) for move in after["history"]] == [
        ("base", "silver", "order")
    ]
    assert after["metrics"]["orders"] == 2


def test_points_and_tier_need_as_many_queries_for_a_long_history_as_for_a_short_one(system):
    ann = join(system.shop, "ann")
    order(system, "o-0", ann, amount=100)
    paths = [f"/members/{ann.public_id}/{what}" for what in ("points", "points/entries", "tier")]
    system.get("/program")
    few = [queries_of(system, path) for path in paths]
    for number in range(1, 12):
        order(system, f"o-{number}", ann, amount=100)

    assert [queries_of(system, path) for path in paths] == few
    assert few[0] <= 10, few


# ---- what comes next, and why ---------------------------------------------------------------------------------------


def rule(system, **more):
    """A point rule in force since the opening."""
    with tenancy.tenant(system.shop.pk), transaction.atomic():
        point_rules.configure(merchant_id=system.shop.pk, at=OPENED, actor=JOB, per_major=Decimal(1), **more)


def why(system, member, kind="", language="en"):
    """The newest entry of a kind, with its "why"."""
    path = f"/members/{member.public_id}/points/entries" + (f"?kind={kind}" if kind else "")
    return system.get(path, **{"Accept-Language": language}).json()["items"][0]


def test_a_balance_says_what_expires_when_in_spending_order_and_what_it_is_worth(system):
    ann = join(system.shop, "ann")
    give(system, ann, 5)
    with tenancy.tenant(system.shop.pk), transaction.atomic():
        PointsLot.objects.filter(expires_on=None).update(expires_on="2999-12-31")
    rule(system, expiry={"kind": "yearly", "month": 12, "day": 31}, point_cost=Decimal("0.5"))
    give(system, ann, 30)
    give(system, ann, 10)
    this_year = f"{timezone.localdate().year}-12-31"

    points = system.get(f"/members/{ann.public_id}/points").json()

    assert points["lots"] == [
        {"remaining": 30, "expires_on": this_year},
        {"remaining": 10, "expires_on": this_year},
        {"remaining": 5, "expires_on": "2999-12-31"},
    ]
    assert points["next"]["expiring"] == [
        {"on": this_year, "points": 40},
        {"on": "2999-12-31", "points": 5},
    ]
    assert points["value"] == {"amount_minor": 23, "currency": "CNY"}


def test_waiting_points_say_when_they_are_confirmed(system):
    rule(system, pending_days=7)
    ann = join(system.shop, "ann")
    done = timezone.now().replace(microsecond=0)
    order(system, "o-1", ann, completed_at=done.isoformat())
    order(system, "o-2", ann, amount=4_000, completed_at=None)

    points = system.get(f"/members/{ann.public_id}/points").json()

    first, second = points["next"]["confirming"]
    assert (points["available"], points["pending"], points["lots"]) == (0, 140, [])
    assert dt.datetime.fromisoformat(first["due_at"]) == done + dt.timedelta(days=7)
    assert (first["points"], second) == (100, {"due_at": None, "points": 40})


def test_earning_waiting_and_confirming_are_explained(system):
    rule(system, pending_days=7)
    ann = join(system.shop, "ann")
    order(system, "o-1", ann, completed_at="2024-05-20T10:00:00+08:00", paid_at="2024-05-19T10:00:00+08:00")
    done = timezone.now().replace(microsecond=0)
    order(system, "o-2", ann, amount=2_550, completed_at=done.isoformat())
    with tenancy.platform():
        points_daily.confirm_due(zone="Asia/Shanghai", at=timezone.now() + dt.timedelta(days=8))

    earned, confirmed = why(system, ann, "earn"), why(system, ann, "confirm")

    assert (earned["points"], earned["pending"]) == (0, 25)
    assert earned["why"]["text"].startswith(
        "¥25.50 × 1 points per currency unit × 1 for tier base = 25.5, rounded down to 25 points. "
        "They wait until 7 days after the order is completed, and can be spent from then on. The tier held"
    )
    assert (earned["why"]["points_before"], earned["why"]["points_after"], earned["why"]["exact"]) == (
        0,
        25,
        "25.5",
    )
    told = f"{done.astimezone(SHANGHAI):%Y-%m-%d %H:%M} and its points waited 7 days: 25 can be spent from now on."
    assert (confirmed["points"], confirmed["pending"]) == (25, -25) and told in confirmed["why"]["text"]
    assert (confirmed["why"]["points_before"], confirmed["why"]["points_after"]) == (25, 25)


def test_a_refund_inside_the_wait_is_explained_by_its_lines(system):
    rule(system, pending_days=7)
    ann = join(system.shop, "ann")
    lines = [{"sku": sku, "amount_minor": 5_000} for sku in ("A", "B")]
    system.put("/orders/web/o-1", {"member": ann.public_id, "lines": lines})
    refund = {"refund_id": "r-1", "lines": [{"line": 2, "amount_minor": 2_000}]}
    system.post("/orders/web/o-1/refunds", refund)

    taken = why(system, ann)

    assert (taken["kind"], taken["points"], taken["pending"]) == ("clawback", 0, -20)
    assert taken["why"]["lines"] == [
        {"number": 2, "sku": "B", "amount_minor": 5000, "points": 50, "refunded_minor": 2000, "kept": 30}
    ]
    assert "The order keeps 80 of 100 points: 20 were taken back." in taken["why"]["text"]
    assert "more would have been due" not in taken["why"]["text"]


def test_redeeming_and_cancelling_are_explained_by_who_asked_and_by_lots(system):
    ann = join(system.shop, "ann")
    give(system, ann, 100)
    path = f"/members/{ann.public_id}/points/redemptions"
    made = system.post(path, {"points": 70, "reason": "Order 7"}, key="k-1").json()
    redeemed = why(system, ann)
    system.post(f"{path}/{made['id']}/cancel", key="k-2")

    cancelled = why(system, ann)

    assert redeemed["why"]["text"] == (
        "Till redeemed 70 points. The reason given is “Order 7”. 70 came from those that never expire."
    )
    asked = {"id": made["id"], "verb": "redeem", "by": "Till", "reason": "Order 7", "at": made["at"]}
    assert redeemed["why"]["request"] == cancelled["why"]["request"] == asked
    assert redeemed["why"]["lots"] == [{"points": 70, "expires_on": None}]
    assert cancelled["why"]["lots"] == [{"points": -70, "expires_on": None}]
    assert "was cancelled." in cancelled["why"]["text"]
    assert cancelled["why"]["text"].endswith("70 went back to those that never expire.")
    assert redeemed["order"] is None and redeemed["why"]["lines"] == []


def test_holding_capturing_and_releasing_are_explained(system):
    ann = join(system.shop, "ann")
    give(system, ann, 100)
    path = f"/members/{ann.public_id}/points/holds"
    told = []
    for settle in ("capture", "release"):
        made = system.post(path, {"points": 10}, key=settle).json()
        told.append(why(system, ann)["why"]["text"])
        system.post(f"{path}/{made['id']}/{settle}", key=f"{settle}-2")
        told.append(why(system, ann)["why"]["text"])

    assert told[0].startswith("Till set 10 points aside until ")
    assert told[1].endswith("were spent; the balance fell when they were set aside.")
    assert told[3].startswith("What Till set aside at ") and "was released." in told[3]


def test_expiring_and_giving_back_are_explained(system):
    rule(system, expiry={"kind": "rolling", "months": 1})
    ann = join(system.shop, "ann")
    give(system, ann, 100)
    given_on = timezone.localdate()
    much_later = timezone.now() + dt.timedelta(days=40)
    with tenancy.platform():
        points_daily.expire_due(zone="Asia/Shanghai", at=timezone.now() + dt.timedelta(days=35))
    with tenancy.tenant(system.shop.pk):
        points.give_back(
            merchant_id=system.shop.pk, at=much_later, actor=JOB, member_id=ann.pk, points=40, key="g"
        )

    expired, returned = why(system, ann, "expire"), why(system, ann, "restore")

    assert expired["points"] == -100 and expired["why"]["text"].startswith(
        f"100 points came on {given_on} and"
    )
    assert expired["why"]["text"].endswith("; 100 were left.")
    assert returned["why"]["text"].startswith(
        "test gave 40 expired points back. 40 new points can be used until "
    )


def test_a_credit_that_repays_says_so(system):
    ann = join(system.shop, "ann")
    order(system, "o-1", ann)
    system.post(f"/members/{ann.public_id}/points/redemptions", {"points": 100}, key="k")
    system.post("/orders/web/o-1/refunds", {"refund_id": "r-1"})
    give(system, ann, 130)

    told = why(system, ann)

    assert told["why"]["text"].endswith("100 of them repaid what was owed.")
    assert told["why"]["text"].startswith("Till adjusted the points by hand. The reason given is “given”. ")
    assert told["why"]["lots"] == [{"points": 100, "expires_on": None}]


def test_the_words_follow_the_language_asked_for(system):
    ann = join(system.shop, "ann")
    order(system, "o-1", ann)

    texts = {
        language: why(system, ann, language=language)["why"]["text"]
        for language in ("en", "zh-Hans", "zh-Hant")
    }

    assert len(set(texts.values())) == 3
    assert "取自规则第 2 版" in texts["zh-Hans"] and "取自規則第 2 版" in texts["zh-Hant"]
    assert "。 " not in texts["zh-Hant"]
