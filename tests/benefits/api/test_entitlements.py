"""Entitlements by API: claims, exchanges, what a till does, replays, refusals with their words, and the webhook."""

from __future__ import annotations

import pytest
from django.db import transaction

from benefits.models import Entitlement, EntitlementUse
from benefits.services import benefits as benefits_service
from members.lib import tenant as tenancy
from members.lib.scopes import Scope
from members.models import WebhookDelivery
from members.services import webhooks
from tests.api import JOB, OPENED, System, close, give, join, queries_of
from tests.members.api.test_door import problem

TEA = {"item": "Tea", "points": 200, "value_minor": 3000}


def publish(system, kind="coupon", settings=None, **more):
    body = {
        "kind": kind,
        "name": "Ten off",
        "settings": settings or {"off_minor": 1000},
        "publish": True,
        **more,
    }
    made = system.post("/benefits", body)
    assert made.status_code == 201, made.content
    return made.json()["id"]


def claim(system, member, benefit, key="c1", **more):
    return system.post(f"/members/{member.public_id}/entitlements", {"benefit": benefit, **more}, key=key)


@pytest.fixture
def member(system):
    return join(system.shop, "u1")


def stored(system, model):
    with tenancy.tenant(system.shop.pk), transaction.atomic():
        return list(model.objects.of(system.shop).order_by("id").values())


def test_a_member_claims_and_the_till_redeems_once_however_often_it_asks(system, member):
    mine = claim(system, member, publish(system)).json()

    first = system.post(f"/entitlements/{mine['code']}/redeem", {"order": "A-1"}, key="r1")
    again = system.post(f"/entitlements/{mine['code'].lower()}/redeem", {"order": "A-1"}, key="r1")

    assert first.status_code == again.status_code == 200 and first.json() == again.json()
    assert "Idempotency-Replayed" not in first and again["Idempotency-Replayed"] == "true"
    body = first.json()
    assert (body["state"], body["uses_left"], body["saved_minor"]) == ("redeemed", 0, 1000)
    assert (body["member"], body["name"], body["currency"]) == (member.public_id, "Ten off", "CNY")
    problem(
        system.post(f"/entitlements/{mine['code']}/redeem", {"order": "A-2"}, key="r1"),
        409,
        "idempotency-conflict",
    )
    problem(system.post(f"/entitlements/{mine['code']}/redeem", key="r2"), 409, "entitlement-used")
    assert len(stored(system, EntitlementUse)) == 1


def test_claiming_again_under_the_same_key_gives_the_first_answer_and_under_another_the_limit(system, member):
    benefit = publish(system)
    first = claim(system, member, benefit)

    assert first.status_code == 201
    assert claim(system, member, benefit).json() == first.json()
    problem(claim(system, member, benefit, key="c2"), 409, "limit-reached")
    assert len(stored(system, Entitlement)) == 1


def test_reserve_release_and_redeem_under_a_reservation(system, member):
    path = f"/entitlements/{claim(system, member, publish(system)).json()['code']}"
    held = system.post(f"{path}/reserve", {"minutes": 5, "order": "A-1"}, key="1").json()

    assert held["state"] == "reserved" and held["until"]
    problem(system.post(f"{path}/redeem", key="2"), 409, "entitlement-reserved")
    assert system.post(f"{path}/release", {"reservation": held["id"]}, key="3").json()["state"] == "released"
    problem(system.post(f"{path}/redeem", {"reservation": held["id"]}, key="4"), 409, "hold-ended")
    second = system.post(f"{path}/reserve", key="5").json()
    done = system.post(f"{path}/redeem", {"reservation": second["id"]}, key="6")
    assert done.json()["state"] == "redeemed"


def test_a_redemption_is_undone(system, member):
    code = claim(system, member, publish(system)).json()["code"]
    done = system.post(f"/entitlements/{code}/redeem", key="1").json()

    path = f"/entitlements/{code}/redemptions/{done['id']}/undo"
    undone = [system.post(path) for _n in range(2)]

    assert [each.status_code for each in undone] == [200, 200]
    assert undone[0].json() == undone[1].json() and undone[0].json()["saved_minor"] == -1000
    assert system.get(f"/entitlements/{code}").json()["state"] == "issued"
    problem(system.post(f"/entitlements/0000000000/redemptions/{done['id']}/undo"), 404, "not-found")


def test_points_are_exchanged_for_a_right_that_a_clearance_does_not_take(system, member):
    give(system, member, 250)
    benefit = publish(system, "points_exchange", TEA)
    problem(claim(system, member, benefit), 422, "invalid")

    mine = claim(system, member, benefit, key="x1", how="exchange").json()
    short = problem(claim(system, member, benefit, key="x2", how="exchange"), 422, "insufficient-points")

    assert (mine["paid_with"], mine["paid_amount"]) == ("points", 200)
    assert short["available"] == 50
    close(system.shop, "cleared")
    assert system.post(f"/entitlements/{mine['code']}/redeem", key="r1").status_code == 200


def test_what_a_benefit_gives_freely_is_refused_after_a_clearance_with_words(system, member):
    mine = claim(system, member, publish(system)).json()
    close(system.shop, "cleared")

    told = problem(system.post(f"/entitlements/{mine['code']}/redeem", key="r1"), 403, "program-cleared")

    problem(system.get(f"/entitlements/{mine['code']}"), 403, "program-cleared")
    assert told["detail"].startswith("The member program of this shop is closed")
    assert stored(system, EntitlementUse) == []


def test_the_list_says_which_can_be_used_in_a_constant_number_of_queries(system, member):
    benefit = publish(system, settings={"off_minor": 1000, "per_member_life": 50})
    claim(system, member, benefit, key="0")
    path = f"/members/{member.public_id}/entitlements"
    few = queries_of(system, path)
    for n in range(1, 9):
        claim(system, member, benefit, key=str(n))
    with tenancy.tenant(system.shop.pk):
        benefits_service.pause_benefit(
            merchant_id=system.shop.pk,
            benefit_id=stored(system, Entitlement)[0]["benefit_id"],
            at=OPENED,
            actor=JOB,
        )

    items = system.get(path).json()["items"]

    assert queries_of(system, path) == few
    assert len(items) == 9 and {each["why_not"] for each in items} == {"paused"}
    page = system.get(f"{path}?limit=4").json()
    rest = system.get(f"{path}?limit=5&cursor={page['next_cursor']}").json()
    assert [each["code"] for each in page["items"] + rest["items"]] == [each["code"] for each in items]


def test_another_shops_code_and_one_that_is_none_are_not_found(system, neighbour):
    theirs = claim(neighbour, join(neighbour.shop, "u2"), publish(neighbour)).json()["code"]

    for code in (theirs, "0000000001", "x", "%00"):
        problem(system.get(f"/entitlements/{code}"), 404, "not-found")
        for verb in ("reserve", "redeem", "release"):
            problem(system.post(f"/entitlements/{code}/{verb}", key="k"), 404, "not-found")
    assert stored(neighbour, EntitlementUse) == []


def test_a_key_is_needed_and_scopes_are(system, member):
    code = claim(system, member, publish(system)).json()["code"]
    reader = System(system.shop, [Scope.BENEFITS_READ])

    problem(system.post(f"/entitlements/{code}/redeem"), 400, "malformed")
    problem(reader.post(f"/entitlements/{code}/redeem", key="k"), 403, "scope-missing")
    assert reader.get(f"/entitlements/{code}").status_code == 200
    assert stored(system, EntitlementUse) == []


@pytest.mark.parametrize(
    ("body", "status", "slug"),
    [
        ({"saved_minor": 1001}, 422, "invalid"),
        ({"saved_minor": -1}, 422, "invalid"),
        ({"saved_minor": "1"}, 400, "malformed"),
        ({"order": "x" * 65}, 422, "invalid"),
        ({"order": "\x00"}, 400, "malformed"),
        ({"sum": 1}, 400, "malformed"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(system, member, body, status, slug):
    code = claim(system, member, publish(system)).json()["code"]

    problem(system.post(f"/entitlements/{code}/redeem", body, key="k"), status, slug)

    assert stored(system, Entitlement)[0]["state"] == "issued" and stored(system, EntitlementUse) == []


def test_a_redemption_is_told_to_who_listens_once(system, member):
    with tenancy.tenant(system.shop.pk), transaction.atomic():
        webhooks.add_endpoint(
            merchant_id=system.shop.pk,
            at=OPENED,
            actor=JOB,
            url="https://shop.example/hooks",
            events=["entitlement.redeemed"],
        )
    code = claim(system, member, publish(system)).json()["code"]

    done = [system.post(f"/entitlements/{code}/redeem", {"order": "A-1"}, key="r1").json() for _n in range(2)]

    (told,) = stored(system, WebhookDelivery)
    assert told["event"] == "entitlement.redeemed"
    assert (told["data"]["code"], told["data"]["redemption"], told["data"]["order"]) == (
        code,
        done[0]["id"],
        "A-1",
    )
    assert (told["data"]["member"], told["data"]["saved_minor"]) == (member.public_id, 1000)
