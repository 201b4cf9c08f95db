"""Rewards by API: the list, orders under a key, their states, refusals with their problem types, other shops."""

from __future__ import annotations

import pytest
from django.db import transaction

from benefits.models import RewardOrder
from members.lib import tenant as tenancy
from members.lib.scopes import Scope
from tests.api import System, close, give, join
from tests.benefits.api.test_entitlements import publish
from tests.members.api.test_door import problem

CUP = {"item": "Cup", "points": 200, "delivery": "order", "money_minor": 990}


@pytest.fixture
def member(system):
    made = join(system.shop, "u1")
    give(system, made, 250)
    return made


def order(system, member, reward, key="o1", **body):
    return system.post(f"/members/{member.public_id}/rewards/{reward}/orders", body, key=key)


def stored(system) -> list:
    with tenancy.tenant(system.shop.pk), transaction.atomic():
        return list(RewardOrder.objects.of(system.shop).order_by("id").values_list("state", flat=True))


def test_a_reward_is_ordered_once_for_a_key_paid_sent_and_received(system, member):
    reward = publish(system, "points_exchange", CUP, stock=3)
    (listed,) = system.get("/rewards").json()["items"]
    assert (listed["id"], listed["points"], listed["money_minor"], listed["stock"]) == (reward, 200, 990, 3)

    first, again = (order(system, member, reward, send_to="Ann, Road 1") for _n in range(2))

    assert first.status_code == again.status_code == 201 and first.json() == again.json()
    assert again["Idempotency-Replayed"] == "true" and "send_to" not in first.json()
    path = f"/reward-orders/{first.json()['id']}"
    problem(system.post(f"{path}/ship"), 409, "reward-not-paid")
    problem(system.post(f"{path}/receive"), 409, "conflict")
    assert system.post(f"{path}/pay").json()["state"] == "paid"
    assert system.post(f"{path}/ship", {"tracking": "SF 1"}).json()["tracking"] == "SF 1"
    assert system.post(f"{path}/receive").json()["state"] == "received"
    assert system.get(path).json()["received_at"]
    (mine,) = system.get(f"/members/{member.public_id}/reward-orders").json()["items"]
    assert mine["state"] == "received"
    assert system.get("/reward-orders?state=placed").json()["items"] == []
    problem(system.post(f"{path}/cancel", {"reason": "late"}), 409, "not-cancellable")


def test_refusals_have_their_types_and_change_nothing(system, member):
    reward = publish(system, "points_exchange", CUP, stock=1)
    code = publish(system, "points_exchange", {"item": "Tea", "points": 10})
    dear = publish(system, "points_exchange", CUP | {"points": 1000})

    problem(order(system, member, dear), 422, "insufficient-points")
    problem(order(system, member, code, "o2"), 422, "invalid")
    problem(order(system, member, "nobody", "o3"), 404, "not-found")
    problem(order(system, member, reward, key=""), 400, "malformed")
    problem(order(system, member, reward, "o4", send_to=7), 400, "malformed")
    problem(system.post("/reward-orders/nobody/ship"), 404, "not-found")
    assert stored(system) == []
    made = order(system, member, reward, "o5").json()
    problem(order(system, member, reward, "o6"), 422, "insufficient-points")
    cancelled = system.post(f"/reward-orders/{made['id']}/cancel", {"reason": "late"})
    assert cancelled.json()["state"] == "cancelled" and stored(system) == ["cancelled"]
    assert system.get(f"/members/{member.public_id}/points").json()["available"] == 250


def test_a_clearance_stops_new_orders_and_lets_old_ones_be_sent(system, member):
    reward = publish(system, "points_exchange", {"item": "Cup", "points": 100, "delivery": "order"})
    made = order(system, member, reward).json()
    close(system.shop, "cleared")

    problem(system.get("/rewards"), 403, "program-cleared")
    problem(order(system, member, reward, "o2"), 403, "program-cleared")
    problem(system.post(f"/reward-orders/{made['id']}/cancel", {"reason": "late"}), 403, "program-cleared")
    assert system.get(f"/reward-orders/{made['id']}").status_code == 200
    assert system.post(f"/reward-orders/{made['id']}/ship").json()["state"] == "shipped"


def test_another_shops_orders_and_rewards_are_not_there_and_scopes_are_needed(system, neighbour, member):
    reward = publish(system, "points_exchange", CUP)
    made = order(system, member, reward).json()
    reading = System(system.shop, [Scope.BENEFITS_READ])

    for path in (f"/reward-orders/{made['id']}", f"/members/{member.public_id}/reward-orders"):
        problem(neighbour.get(path), 404, "not-found")
    problem(neighbour.post(f"/reward-orders/{made['id']}/ship"), 404, "not-found")
    problem(order(neighbour, member, reward), 404, "not-found")
    problem(order(reading, member, reward, "o2"), 403, "scope-missing")
    assert stored(system) == ["placed"]
