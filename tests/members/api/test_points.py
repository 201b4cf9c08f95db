"""Points and tier by API."""

from __future__ import annotations

from tests.api import join, queries_of
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
        "lots": [],
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
        "rules_version": entries[1]["why"]["rules_version"],
        "per_major": "1",
        "tier": "base",
        "multiplier": "1",
        "total_minor": 10000,
        "refunded_minor": 4000,
        "currency": "CNY",
    }


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
