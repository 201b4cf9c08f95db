"""Thirty-two clients at one server over HTTP: what they claim and redeem is exactly the stock (domain.md 8)."""

from __future__ import annotations

import http.client
import json
from collections import Counter as Tally
from typing import Any

import pytest
from django.db import transaction

from benefits.models import BenefitBudget, Entitlement, EntitlementUse
from members.lib import tenant as tenancy
from members.lib.scopes import Scope
from members.models import Member
from members.services import api_keys
from tests.benefits.counter import Counter
from tests.concurrency.test_points_over_http import CLIENTS, served, side_by_side
from tests.environment import sized
from tests.members.services.till import JOB, OPENED

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])
STOCK = sized(1_000)
EACH = sized(10_000) // CLIENTS


class Client:
    """One client: claims for a member of its own under a new key each time, and redeems what it got, asking twice."""

    def __init__(self, port: int, secret: str, member: str, benefit: str, seed: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self.headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
        self.member, self.benefit, self.seed = member, benefit, seed
        self.told: Tally[str] = Tally()

    def post(self, path: str, body: dict[str, Any], key: str) -> tuple[int, Any]:
        self.connection.request(
            "POST", f"/api/v1{path}", json.dumps(body), self.headers | {"Idempotency-Key": key}
        )
        answer = self.connection.getresponse()
        found = json.loads(answer.read())
        self.told[f"{answer.status} {found['type'] if answer.status >= 400 else ''}".strip()] += 1
        return answer.status, found

    def redeem(self, number: int) -> None:
        """One round."""
        key = f"{self.seed}-{number}"
        status, mine = self.post(f"/members/{self.member}/entitlements", {"benefit": self.benefit}, key)
        if status == 201:
            answers = [self.post(f"/entitlements/{mine['code']}/redeem", {}, key) for _twice in range(2)]
            assert answers[0] == answers[1]


@pytest.mark.soak
def test_32_clients_get_and_redeem_exactly_the_stock(transactional_db, tmp_path):
    shop = Counter()
    for n in range(CLIENTS):
        shop.join(f"c{n}")
    benefit = shop.publish(stock=STOCK, settings={"per_member_life": 1_000_000, "budget_minor": STOCK * 1000})
    with tenancy.tenant(shop.id), transaction.atomic():
        public = dict(Member.objects.of(shop.id).values_list("id", "public_id"))
        _key, secret = api_keys.create_key(
            merchant_id=shop.id, name="Till", scopes=[Scope.BENEFITS_WRITE], actor=JOB, at=OPENED
        )

    with served(tmp_path) as port:
        clients = [
            Client(port, secret, public[shop.members[f"c{n}"]], benefit.public_id, n) for n in range(CLIENTS)
        ]
        side_by_side(clients, EACH)

    told = sum((client.told for client in clients), Tally())
    assert told == {
        "201": STOCK,
        "200": 2 * STOCK,
        "409 out-of-stock": EACH * CLIENTS - STOCK,
    }
    with tenancy.tenant(shop.id), transaction.atomic():
        rights = Entitlement.objects.of(shop.id)
        assert rights.count() == rights.filter(state="redeemed").count() == STOCK
        assert EntitlementUse.objects.of(shop.id).count() == STOCK
        assert BenefitBudget.objects.of(shop.id).get().taken_minor == STOCK * 1000
    assert shop.stock(benefit) == 0
    assert len(shop.covered(benefit)) == 1 and shop.covered(benefit)[0].end is not None
