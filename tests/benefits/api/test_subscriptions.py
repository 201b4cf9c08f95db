"""Paid membership by API: plans, terms under a reference, cancelling, refunds, what a clearance leaves reachable."""

from __future__ import annotations

import pytest
from django.db import transaction

from benefits.models import Plan, Subscription
from members.lib import tenant as tenancy
from members.lib.scopes import Scope
from tests.api import System, close, join
from tests.members.api.test_door import problem

CARD = {"code": "card", "name": "Card", "fee_minor": 9_900, "months": 12}


@pytest.fixture
def member(system):
    return join(system.shop, "u1")


def make(system, **more) -> dict:
    made = system.post("/plans", {**CARD, **more})
    assert made.status_code == 201, made.content
    return made.json()


def sell(system, member, reference="r-1", key="", **more):
    body = {"plan": "card", "reference": reference, **more}
    return system.post(f"/members/{member.public_id}/subscriptions", body, key=key)


def stored(system) -> list:
    with tenancy.tenant(system.shop.pk), transaction.atomic():
        return list(
            Subscription.objects.of(system.shop).order_by("id").values_list("reference", "paid_minor")
        )


def test_a_plan_is_made_changed_and_withdrawn_and_terms_keep_their_version(system, member):
    plan = make(system)
    term = sell(system, member).json()

    changed = system.patch(f"/plans/{plan['id']}", {"fee_minor": 12_900}).json()
    gone = system.patch(f"/plans/{plan['id']}", {"is_sold": False}).json()

    assert (plan["version"], changed["version"], gone["version"]) == (1, 2, 3)
    assert (changed["fee_minor"], changed["months"], gone["is_sold"]) == (12_900, 12, False)
    assert system.get(f"/plans/{plan['id']}").json() == gone == system.get("/plans").json()["items"][0]
    assert (term["plan"], term["version"], term["state"], term["paid_minor"]) == ("card", 1, "active", 9_900)
    problem(sell(system, member, "r-2"), 409, "plan-withdrawn")


def test_a_fee_is_told_once_by_its_reference_and_the_next_term_follows(system, member):
    make(system)

    first, again = sell(system, member, key="a"), sell(system, member, key="b")
    replayed, second = sell(system, member, key="a"), sell(system, member, "r-2", paid_minor=5_000).json()

    assert (first.status_code, again.status_code) == (201, 200) and first.json() == again.json()
    assert replayed["Idempotency-Replayed"] == "true"
    assert second["from_at"] == first.json()["to_at"] and second["state"] == "upcoming"
    assert stored(system) == [("r-1", 9_900), ("r-2", 5_000)]
    problem(sell(system, join(system.shop, "u2")), 409, "idempotency-conflict")
    (listed, _older) = system.get(f"/members/{member.public_id}/subscriptions").json()["items"]
    assert listed == second == system.get(f"/subscriptions/{second['id']}").json()
    assert len(system.get("/subscriptions?state=active&plan=card").json()["items"]) == 1


def test_a_term_is_cancelled_refunded_and_paid_back(system, member):
    make(system)
    path = f"/subscriptions/{sell(system, member).json()['id']}"

    assert system.post(f"{path}/cancel").json()["state"] == "cancelled"
    problem(system.post(f"{path}/paid-back"), 409, "conflict")
    problem(system.post(f"{path}/refund", {"reason": " "}), 422, "invalid")
    refunded = system.post(f"{path}/refund", {"reason": "Asked for"}).json()
    assert (refunded["state"], refunded["refund_minor"], refunded["owed_minor"]) == ("refunded", 9_900, 0)
    assert len(system.get("/subscriptions?state=owed").json()["items"]) == 1
    assert system.post(f"{path}/paid-back").json()["paid_back_at"]
    assert len(system.get("/subscriptions?state=paid_back").json()["items"]) == 1


def test_a_clearance_stops_selling_and_leaves_refunds_reachable(system, member):
    make(system)
    sell(system, member)
    sell(system, join(system.shop, "u2"), "r-2")
    problem(system.post("/subscriptions/refund-all", {"reason": "ended"}), 409, "conflict")
    close(system.shop, "cleared")

    problem(sell(system, member, "r-3"), 403, "program-cleared")
    assert sell(system, member).status_code == 200  # known already: answered as before
    problem(system.post("/plans", CARD), 403, "program-cleared")
    problem(system.get("/plans"), 403, "program-cleared")
    due = system.get("/subscriptions?state=to_refund").json()["items"]
    assert [each["owed_minor"] for each in due] == [9_900, 9_900]
    one = system.post(f"/subscriptions/{due[0]['id']}/refund", {"reason": "ended"}).json()
    assert one["refund_minor"] == due[0]["owed_minor"]
    assert system.post("/subscriptions/refund-all", {"reason": "ended"}).json() == {"refunded": 1, "left": 0}


@pytest.mark.parametrize(
    ("more", "status", "kind"),
    [
        ({"code": "Card"}, 422, "invalid"),
        ({"months": 37}, 422, "invalid"),
        ({"fee_minor": -1}, 422, "invalid"),
        ({"fee_minor": "1"}, 400, "malformed"),
        ({"tier": "black"}, 422, "invalid"),
        ({"price": 1}, 400, "malformed"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_by_type(system, more, status, kind):
    problem(system.post("/plans", {**CARD, **more}), status, kind)
    with tenancy.tenant(system.shop.pk), transaction.atomic():
        assert not Plan.objects.of(system.shop).exists()


def test_a_key_reads_or_writes_as_its_scopes_say(system, member):
    make(system)
    reader = System(system.shop, scopes=[Scope.BENEFITS_READ])
    assert reader.get("/plans").status_code == reader.get("/subscriptions").status_code == 200
    problem(sell(reader, member), 403, "scope-missing")
    problem(reader.post("/plans", CARD), 403, "scope-missing")


def test_baskets_are_quoted_with_plan_prices_and_benefits_are_published_for_plans(system, member):
    make(system)
    made = system.post(
        "/benefits",
        {"kind": "coupon", "settings": {"off_minor": 500}, "audience": {"plans": ["card"]}, "publish": True},
    )
    assert made.json()["audience"] == {"plans": ["card"]}
    problem(
        system.post("/benefits", {"kind": "coupon", "audience": {"plans": "card"}, "publish": True}),
        400,
        "malformed",
    )
