"""The program by API."""

from __future__ import annotations


def test_the_program_shows_its_state_its_tiers_and_its_point_rule(system):
    body = system.get("/program").json()

    assert body["state"] == "open" and body["opened_at"].startswith("2024-05-15T12:00:00")
    assert body["merchant"] == {
        "slug": system.shop.slug,
        "name": "Swallow Valley",
        "currency": "CNY",
        "timezone": "Asia/Shanghai",
    }
    assert body["points"]["per_major"] == "1"
    assert body["tiers"]["ladder"] == [
        {"code": "base", "needs": "all", "requirements": {}, "multiplier": "1"},
        {"code": "silver", "needs": "all", "requirements": {"spend_minor": 100_000}, "multiplier": "1"},
    ]
