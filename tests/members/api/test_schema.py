"""The API's description: valid, complete, and true of what is answered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import jsonschema_rs
import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from django.utils import translation
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from compliance.services import installation
from members.api.schema import document
from members.lib import tenant as tenancy
from members.lib.scopes import Scope
from tests.api import OPENED, System, give, join, open_shop
from tests.conftest import make_cast
from tests.environment import sized
from tests.security.world import undone

OPERATIONS = {(method.upper(), path) for path, found in document()["paths"].items() for method in found}
CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance,
]  # fmt: skip


def things(system: System) -> dict[str, str]:
    """A shop's things by the names that addresses have for their ids."""
    with tenancy.platform():
        installation.install(at=OPENED)
    member = join(system.shop, "ann", phone="13800138000")
    benefit = system.post(
        "/benefits", {"kind": "coupon", "settings": {"off_minor": 500}, "publish": True}
    ).json()
    system.put("/orders/web/o-1", {"member": member.public_id, "lines": [{"sku": "A", "amount_minor": 1000}]})
    give(system, member, 10**9)
    system.put("/skus/A", {"list_minor": 1000})
    points = f"/members/{member.public_id}/points"
    redemption = system.post(f"{points}/redemptions", {"points": 10}, key="r-1").json()
    hold = system.post(f"{points}/holds", {"points": 10}, key="h-1").json()
    rights = f"/members/{member.public_id}/entitlements"
    coupon = {"kind": "coupon", "settings": {"off_minor": 500, "uses": 1000}, "publish": True}
    claimed = {"benefit": system.post("/benefits", coupon).json()["id"]}
    code = system.post(rights, claimed, key="e-1").json()["code"]
    used = system.post(f"/entitlements/{code}/redeem", key="e-2").json()
    sent = {"kind": "points_exchange", "settings": {"points": 1, "delivery": "order"}, "publish": True}
    reward = system.post("/benefits", sent).json()["id"]
    ordered = system.post(f"/members/{member.public_id}/rewards/{reward}/orders", {}, key="w-1").json()
    plan = system.post("/plans", {"code": "card", "name": "Card", "fee_minor": 9900, "months": 12}).json()
    sold = {"plan": "card", "reference": "s-1"}
    term = system.post(f"/members/{member.public_id}/subscriptions", sold, key="s-1").json()
    given = system.post(f"/benefits/{benefit['id']}/campaigns", {"reason": "x"}, key="g-1").json()
    return {
        "member_id": member.public_id,
        "benefit_id": benefit["id"],
        "campaign_id": given["id"],
        "reward_order_id": ordered["id"],
        "plan_id": plan["id"],
        "subscription_id": term["id"],
        "redemption_id": redemption["id"],
        "hold_id": hold["id"],
        "sku": "A",
        "channel": "web",
        "external_id": "o-1",
        "code": code,
        "use_id": used["id"],
    }


@dataclass
class Known:
    """A shop system, ids that exist, and the interface as it is described."""

    secret: str
    ids: dict[str, str]
    schema: BaseSchema


@pytest.fixture(scope="module")
def known(django_db_setup, django_db_blocker) -> Iterator[Known]:
    """Told and read once, in a transaction that is never committed; reading looks through the product's source."""
    schema = schemathesis.openapi.from_dict(document())
    schema.app = get_wsgi_application()
    with django_db_blocker.unblock(), undone(), translation.override("en"):
        shop = make_cast().shop
        open_shop(shop)
        system = System(shop)
        yield Known(system.secret, things(system), schema)


@pytest.fixture
def stays_open() -> Iterator[None]:
    """Requests by WSGI stay in the transaction, as those of Django's own test client do, which undoes this again."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def test_it_is_openapi_3_1_and_every_reference_leads_somewhere(client, db):
    found = client.get("/api/v1/schema")

    body = found.json()
    assert body["openapi"].startswith("3.1.")
    for schema in body["components"]["schemas"].values():
        jsonschema_rs.validator_for({**schema, "components": body["components"]})
    text = json.dumps(body)
    for part in text.split('"$ref": "')[1:]:
        place = body
        for name in part.split('"')[0].removeprefix("#/").split("/"):
            place = place[name]


def test_it_names_every_operation_of_the_interface():
    promised = {
        ("GET", "/program"), ("POST", "/members"), ("GET", "/members"), ("GET", "/members/{member_id}"),
        ("PATCH", "/members/{member_id}"), ("PUT", "/orders/{channel}/{external_id}"), ("POST", "/orders/batch"),
        ("POST", "/orders/{channel}/{external_id}/refunds"), ("GET", "/members/{member_id}/points"),
        ("GET", "/members/{member_id}/points/entries"), ("GET", "/members/{member_id}/tier"),
        ("POST", "/members/{member_id}/points/redemptions"), ("POST", "/members/{member_id}/points/holds"),
        ("POST", "/members/{member_id}/points/redemptions/{redemption_id}/cancel"),
        ("POST", "/members/{member_id}/points/holds/{hold_id}/capture"),
        ("POST", "/members/{member_id}/points/holds/{hold_id}/release"),
        ("POST", "/members/{member_id}/points/adjustments"),
        ("GET", "/benefits"), ("POST", "/benefits"), ("POST", "/benefits/{benefit_id}/publish"),
        ("POST", "/benefits/{benefit_id}/pause"), ("POST", "/benefits/{benefit_id}/end"), ("GET", "/compliance"),
        ("POST", "/quotes"), ("GET", "/members/{member_id}/entitlements"),
        ("POST", "/entitlements/{code}/reserve"), ("POST", "/entitlements/{code}/redeem"),
        ("POST", "/entitlements/{code}/release"),
    }  # fmt: skip

    assert {(method, f"/api/v1{path}") for method, path in promised} <= OPERATIONS


def test_every_operation_names_a_scope_that_keys_can_have():
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            assert operation["security"][0]["key"][0] in Scope.values, (method, path)
            assert operation["summary"] and operation["tags"] != [""], (method, path)


def test_it_is_open_to_everyone_and_says_nothing_about_anyone(client, db):
    assert client.get("/api/v1/schema").status_code == 200
    assert client.get("/api/v1/docs").status_code == 200
    assert client.post("/api/v1/schema").status_code == 405


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize(("method", "path"), sorted(OPERATIONS))
def test_what_is_answered_is_what_is_described(known: Known, stays_open, method, path, mode):
    refused = [negative_data_rejection] if mode == GenerationMode.NEGATIVE and "batch" not in path else []

    @seed(20240627)
    @settings(
        max_examples=sized(100, least=10),
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(case=known.schema[path][method].as_strategy(generation_mode=mode))
    def holds(case):
        # Half of the time of things that exist, else every answer would be 404.
        if case.path_parameters and len(str(case.body)) % 2:
            case.path_parameters |= {name: known.ids[name] for name in case.path_parameters}
        response = case.call(headers={"Authorization": f"Bearer {known.secret}"})
        case.validate_response(response, checks=[*CHECKS, *refused])

    with undone():
        holds()
