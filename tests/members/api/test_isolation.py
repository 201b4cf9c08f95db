"""Another shop's ids open nothing, on every route of the API."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import transaction
from django.utils import timezone

from benefits.models import (
    Benefit,
    DrawEntry,
    Entitlement,
    EntitlementUse,
    GiftCampaign,
    Plan,
    RewardOrder,
    Subscription,
)
from benefits.services import benefits
from members.api.schema import Operations
from members.lib import tenant as tenancy
from members.lib.earning import Earning
from members.models import AuditRow, Member, Order, PointsAccount, PointsEntry, PointsRequest
from tests.api import JOB, OPENED, give, join
from tests.factories.benefits import DRAW
from tests.factories.ledger import configure

BODIES = {
    "ChangeMember": {"name": "Stolen"},
    "RefundOrder": {"refund_id": "r"},
    "Redeem": {"points": 5},
    "Hold": {"points": 5},
    "Adjust": {"points": 5, "reason": "Stolen"},
    "ReportActivity": {"kind": "check_in"},
    "CancelOrder": {"reason": "Stolen"},
    "BeginCampaign": {"reason": "Stolen"},
    "ChangePlan": {"name": "Stolen"},
    "SellSubscription": {"plan": "card", "reference": "theirs-12"},
    "RefundSubscription": {"reason": "Stolen"},
}
FOUND = [(method, path, view.cls.__name__) for path, _, method, view in Operations().get_api_endpoints()]
# A SKU and the number of an order are each shop's own.
OWN = ("PutOrder", "PutSku")
NAMING = [(method, path, name) for method, path, name in FOUND if "{" in path and name not in OWN]
OF_DRAWS = ("ReadDraw", "ReadProof", "ListEntries", "EnterDraw")


@pytest.fixture
def theirs(neighbour):
    """Ids of the shop next door, as its own system knows them."""
    member = join(neighbour.shop, "ann")
    neighbour.put(
        "/orders/web/o-1", {"member": member.public_id, "lines": [{"sku": "A", "amount_minor": 1000}]}
    )
    with tenancy.tenant(neighbour.shop.pk):
        benefit = benefits.publish_benefit(
            merchant_id=neighbour.shop.pk,
            at=OPENED,
            actor=JOB,
            kind="coupon",
            settings={"off_minor": 500, "uses": 3, "per_member_life": 2},
            name="Theirs",
        )
        draw = benefits.publish_benefit(
            merchant_id=neighbour.shop.pk,
            at=OPENED,
            actor=JOB,
            kind="lucky_draw",
            settings=DRAW,
            name="Theirs too",
            to_at=timezone.now() + dt.timedelta(days=30),
        )
    earning = Earning.read({"events": {"check_in": {"points": 2}}})
    configure(neighbour.shop, timezone.now(), earning=earning)
    give(neighbour, member, 100)
    points = f"/members/{member.public_id}/points"
    redeemed = neighbour.post(f"{points}/redemptions", {"points": 10}, key="theirs-1").json()
    held = neighbour.post(f"{points}/holds", {"points": 10}, key="theirs-2").json()
    claimed = {"benefit": benefit.public_id}
    code = neighbour.post(f"/members/{member.public_id}/entitlements", claimed, key="theirs-3").json()["code"]
    used = neighbour.post(f"/entitlements/{code}/redeem", {}, key="theirs-4").json()
    BODIES["ClaimEntitlement"] = claimed
    sent = {"points": 1, "money_minor": 100, "delivery": "order"}
    reward = neighbour.post(
        "/benefits", {"kind": "points_exchange", "settings": sent, "publish": True}
    ).json()
    ordered = neighbour.post(
        f"/members/{member.public_id}/rewards/{reward['id']}/orders", {}, key="theirs-6"
    ).json()
    plan = neighbour.post("/plans", {"code": "card", "name": "Card", "fee_minor": 9900, "months": 12}).json()
    sold = {"plan": "card", "reference": "theirs-11"}
    term = neighbour.post(f"/members/{member.public_id}/subscriptions", sold, key="theirs-11").json()
    tried = {"kind": "coupon", "settings": {"off_minor": 500}, "holdout_percent": 10, "publish": True}
    tried = neighbour.post("/benefits", tried).json()["id"]
    trial = {"reason": "A trial", "holdout_percent": 10}
    campaign = neighbour.post(f"/benefits/{benefit.public_id}/campaigns", trial, key="theirs-9").json()
    return {
        "tried": tried,
        "campaign_id": campaign["id"],
        "code": code,
        "use_id": used["id"],
        "member_id": member.public_id,
        "benefit_id": benefit.public_id,
        "draw": draw.public_id,
        "reward": reward["id"],
        "reward_order_id": ordered["id"],
        "plan_id": plan["id"],
        "subscription_id": term["id"],
        "redemption_id": redeemed["id"],
        "hold_id": held["id"],
        "channel": "web",
        "external_id": "o-1",
    }


def prepare(neighbour, theirs, name):
    """Bring what an operation is about to where it can be done."""
    order = f"/reward-orders/{theirs['reward_order_id']}"
    if name == "ReleaseEntitlement":
        held = neighbour.post(f"/entitlements/{theirs['code']}/reserve", {}, key="theirs-5").json()
        BODIES[name] = {"reservation": held["id"]}
    elif name in OF_DRAWS:
        theirs["benefit_id"] = theirs["draw"]
    elif name == "ReadBenefitEffect":
        theirs["benefit_id"] = theirs["tried"]
    elif name == "UndoCampaign":
        neighbour.post(f"/campaigns/{theirs['campaign_id']}/cancel", key="theirs-10")
    elif name == "OrderReward":
        theirs["benefit_id"] = theirs["reward"]
    elif name == "PaidBackSubscription":
        term = f"/subscriptions/{theirs['subscription_id']}"
        neighbour.post(f"{term}/refund", {"reason": "Asked for"}, key="theirs-13")
    elif name in ("ShipOrder", "ReceiveOrder"):
        neighbour.post(f"{order}/pay", key="theirs-7")
        if name == "ReceiveOrder":
            neighbour.post(f"{order}/ship", key="theirs-8")


def snapshot(shop):
    with tenancy.tenant(shop.pk), transaction.atomic():
        return [
            list(model.objects.of(shop).order_by("pk").values())
            for model in (
                AuditRow,
                Benefit,
                DrawEntry,
                Entitlement,
                EntitlementUse,
                GiftCampaign,
                Member,
                Order,
                Plan,
                PointsAccount,
                PointsEntry,
                PointsRequest,
                RewardOrder,
                Subscription,
            )
        ]


def test_every_operation_is_walked():
    assert len(FOUND) >= 25 and len(NAMING) >= 17


@pytest.mark.parametrize(("method", "path", "name"), NAMING)
def test_an_id_of_another_shop_is_not_found(system, neighbour, theirs, method, path, name):
    prepare(neighbour, theirs, name)
    address = path.removeprefix("/api/v1").format(**theirs)
    before = snapshot(neighbour.shop), snapshot(system.shop)

    answer = system(method, address, BODIES.get(name), key="walk")

    assert answer.status_code == 404 and answer.json()["type"] == "not-found"
    assert (snapshot(neighbour.shop), snapshot(system.shop)) == before
    own = neighbour(method, address, BODIES.get(name), key="walk").status_code
    # theirs; not drawn yet, or nothing given that could be taken back
    assert own in (200, 201, 202) or (name in ("ReadProof", "UndoCampaign") and own == 409)


def test_an_order_of_the_same_number_is_each_shop_s_own(system, neighbour, theirs):
    answer = system.put("/orders/web/o-1", {"lines": [{"sku": "Z", "amount_minor": 5}]})

    assert answer.status_code == 201
    kept = neighbour.put("/orders/web/o-1", {"lines": [{"sku": "A", "amount_minor": 1000}]}).json()
    assert kept["total_minor"] == 1000 and kept["outcome"] in ("unchanged", "changed")


def test_a_member_of_another_shop_buys_nothing_here(system, theirs):
    body = {"member": theirs["member_id"], "lines": [{"sku": "A", "amount_minor": 1}]}

    assert system.put("/orders/web/o-2", body).status_code == 404
    batch = system.post("/orders/batch", {"orders": [{"channel": "web", "external_id": "o-2", **body}]})
    assert batch.json()["items"][0]["problem"]["type"] == "not-found"


def test_lists_show_only_one_s_own(system, theirs):
    assert system.get("/members").json()["items"] == []
    assert system.get("/members?channel=web&external_id=ann").json()["items"] == []
    assert system.get("/benefits").json()["items"] == []
