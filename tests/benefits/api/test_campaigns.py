"""Campaigns by API: begun once a key, watched, stopped, taken back; what they and benefits changed."""

from __future__ import annotations

import pytest
from django.utils import timezone

from benefits.models import GiftCampaign
from benefits.services import campaign_work
from members.lib import tenant as tenancy
from members.lib.scopes import Scope
from tests.api import System, close, join
from tests.benefits.api.test_entitlements import claim, publish, stored
from tests.members.api.test_door import problem

BODY = {"audience": "everyone", "reason": "Ten years", "holdout_percent": 50}


@pytest.fixture
def members(system):
    return [join(system.shop, f"u{n}") for n in range(10)]


def begin(system, benefit, body=None, key="k1"):
    return system.post(f"/benefits/{benefit}/campaigns", BODY if body is None else body, key=key)


def work(system) -> None:
    for row in stored(system, GiftCampaign):
        with tenancy.tenant(system.shop.pk):
            campaign_work.work(merchant_id=system.shop.pk, job_id=row["id"], now=timezone.now)


def test_a_campaign_is_begun_once_watched_and_taken_back(system, members):
    benefit = publish(system)
    first, again = begin(system, benefit), begin(system, benefit)
    assert first.status_code == again.status_code == 202 and first.json() == again.json()
    assert (first.json()["state"], first.json()["holdout_percent"]) == ("queued", 50)
    problem(begin(system, benefit, {**BODY, "reason": "Other"}), 409, "idempotency-conflict")
    path = f"/campaigns/{first.json()['id']}"

    work(system)
    done = system.get(path).json()
    held = done["not_given"]["holdout"]
    assert (done["state"], done["position"], done["total"]) == ("done", 10, 10)
    assert done["issued"] == 10 - held and done["undo_until"]
    listed = system.get("/campaigns?state=done").json()
    assert [each["id"] for each in listed["items"]] == [done["id"]]
    assert system.get("/campaigns?state=running").json()["items"] == []
    effect = system.get(path + "/effect?days=7").json()
    assert (effect["treated"]["members"], effect["held_out"]["members"]) == (10 - held, held)
    assert (effect["spend_minor"]["verdict"], effect["cost"]["members"]) == ("too_few", 10 - held)

    assert system.post(path + "/undo", key="u1").json()["state"] == "undoing"
    work(system)
    undone = system.get(path).json()
    assert (undone["state"], undone["taken_back"]) == ("undone", 10 - held)


def test_a_campaign_that_waits_is_stopped_and_gives_nothing(system, members):
    begun = begin(system, publish(system), {"reason": "Ten years"}).json()
    for key in ("s1", "s2"):
        assert system.post(f"/campaigns/{begun['id']}/cancel", key=key).json()["state"] == "cancelled"
    work(system)
    assert system.get(f"/campaigns/{begun['id']}").json()["issued"] == 0
    problem(system.post(f"/campaigns/{begun['id']}/undo", key="u1"), 409, "conflict")


def test_what_cannot_be_begun_is_refused_and_nothing_is_kept(system, neighbour):
    benefit = publish(system)
    problem(begin(system, benefit, {"reason": "x", "holdout_percent": 51}), 422, "invalid")
    problem(begin(system, benefit, {"reason": " "}), 422, "invalid")
    problem(begin(system, benefit, {}), 400, "malformed")
    problem(begin(system, benefit, {**BODY, "audience": {"tiers": ["gold"]}}), 422, "invalid")
    problem(begin(system, publish(system, "member_price", {"percent": 90})), 422, "invalid")
    problem(begin(system, benefit, key=""), 400, "malformed")
    problem(begin(neighbour, benefit), 404, "not-found")
    reader = System(system.shop, [Scope.BENEFITS_READ])
    problem(begin(reader, benefit), 403, "scope-missing")
    close(system.shop, "cleared")
    problem(begin(system, benefit, key="k2"), 403, "program-cleared")
    assert stored(system, GiftCampaign) == []


def test_another_shops_campaign_is_not_found(system, neighbour, members):
    begun = begin(system, publish(system)).json()
    for path in ("", "/effect"):
        problem(neighbour.get(f"/campaigns/{begun['id']}{path}"), 404, "not-found")
    for act in ("cancel", "undo"):
        problem(neighbour.post(f"/campaigns/{begun['id']}/{act}", key=act), 404, "not-found")
    assert neighbour.get("/campaigns").json()["items"] == []
    assert system.get(f"/campaigns/{begun['id']}").json()["state"] == "queued"


def test_a_benefit_is_made_with_a_control_group_and_the_held_out_cannot_claim(system, members):
    benefit = publish(system, holdout_percent=50)
    assert system.get(f"/benefits/{benefit}").json()["holdout_percent"] == 50
    answers = [claim(system, member, benefit, key=f"c{n}") for n, member in enumerate(members)]
    refused = [each for each in answers if each.status_code != 201]
    assert 0 < len(refused) < 10
    problem(refused[0], 422, "not-in-audience")
    assert system.get(f"/benefits/{benefit}/effect").json()["spend_minor"]["verdict"] == "too_few"

    problem(system.get(f"/benefits/{publish(system)}/effect"), 404, "not-found")
    body = {"kind": "member_price", "settings": {"percent": 90}, "holdout_percent": 5, "publish": True}
    problem(system.post("/benefits", body), 422, "invalid")
