"""The compliance state by API."""

from __future__ import annotations

import datetime as dt

import pytest

from compliance.services import installation
from members.lib import tenant as tenancy
from tests.api import OPENED, System, close, queries_of
from tests.factories.benefits import DRAW


@pytest.fixture(autouse=True)
def platform(db):
    with tenancy.platform():
        installation.install(at=OPENED)


def test_a_shop_without_a_benefit_learns_when_it_is_in_danger(system):
    body = system.get("/compliance").json()

    assert body["opened_at"] == "2024-05-15T12:00:00+08:00"
    assert body["danger_at"] == "2024-05-15T12:00:00+08:00"
    assert body["run_on"] is not None and body["days_left"] >= 0
    assert body["is_covered"] is False and body["qualifying"] == [] and body["evidence"] == []
    assert body["policy"]["version"] == 1 and body["policy"]["window_days"] == 90
    assert {name: body["policy"][name] for name in ("paper_rules", "min_audience", "max_lead_days")} == {
        "paper_rules": ["saving", "scope", "threshold"], "min_audience": 5, "max_lead_days": 30,
    }  # fmt: skip
    assert len(body["next_runs"]) == 3


def test_a_benefit_that_counts_makes_the_danger_go_and_is_in_the_evidence(system):
    coupon = system.post(
        "/benefits", {"kind": "coupon", "settings": {"off_minor": 1000}, "publish": True}
    ).json()
    lawful = {"settings": DRAW, "to_at": "2099-12-31T00:00:00+08:00"}
    draw = system.post("/benefits", {"kind": "lucky_draw", "publish": True, **lawful}).json()

    body = system.get("/compliance").json()

    assert (body["state"], body["danger_at"], body["run_on"]) == ("open", None, None)
    assert body["qualifying"] == [coupon["id"]] and body["is_covered"] is True
    told = {row["benefit"]: (row["counted"], row["reason"], row["days"]) for row in body["evidence"]}
    assert told == {coupon["id"]: (True, "counted", 1), draw["id"]: (False, "kind", 0)}
    start = dt.datetime.fromisoformat(body["window"]["from"])
    assert dt.datetime.fromisoformat(body["at"]) - start == dt.timedelta(days=90)


@pytest.mark.parametrize("kind", ["closed", "cleared"])
def test_it_is_answered_while_the_program_is_not_open(system, kind):
    close(system.shop, kind)

    body = system.get("/compliance").json()

    assert body["state"] == kind and body["run_on"] is None


def test_a_draft_has_a_state_too(cast):
    body = System(cast.shop).get("/compliance").json()

    assert (body["state"], body["danger_at"], body["opened_at"]) == ("draft", None, None)


def test_it_needs_as_many_queries_for_many_benefits_as_for_few(system):
    coupon = {"kind": "coupon", "settings": {"off_minor": 500}, "publish": True}
    system.post("/benefits", coupon)
    few = queries_of(system, "/compliance")
    for _ in range(6):
        system.post("/benefits", coupon)

    assert queries_of(system, "/compliance") == few
