"""What is told to a merchant's endpoints of benefits, entitlements and winners: each once, as the API describes it."""

from __future__ import annotations

import jsonschema_rs
import pytest
from django.db import transaction

from members.api.webhook_schema import DATA
from members.lib import tenant as tenancy
from members.lib.webhooks import WebhookEvent
from members.models import WebhookDelivery
from members.services import webhooks
from tests.benefits.counter import Counter
from tests.benefits.draws import DrawShop
from tests.members.services.till import JOB, OPENED

pytestmark = pytest.mark.django_db
EVENTS = [each for each in WebhookEvent.values if each.startswith(("benefit.", "entitlement.", "draw."))]


def listen(shop: Counter, events: list[str] = EVENTS) -> Counter:
    with tenancy.tenant(shop.id), transaction.atomic():
        webhooks.add_endpoint(
            merchant_id=shop.id, at=OPENED, actor=JOB, url="https://shop.example/hooks", events=events
        )
    return shop


def schema_of(name: str) -> dict:
    """What the API says of an event's data."""
    properties = DATA[WebhookEvent(name)]
    return {
        "type": "object", "properties": properties, "required": list(properties), "additionalProperties": False,
    }  # fmt: skip


def told(shop: Counter) -> list[tuple[str, dict]]:
    with tenancy.tenant(shop.id), transaction.atomic():
        return list(WebhookDelivery.objects.of(shop.id).order_by("id").values_list("event", "data"))


def test_the_life_of_entitlements_is_told_in_order_once_each():
    shop = listen(Counter())
    benefit = shop.publish(settings={"uses": 2})
    mine = shop.claim(benefit, key="k")
    shop.claim(benefit, key="k")
    done = shop.do("redeem", mine.code, key="r")
    shop.do("redeem", mine.code, key="r")
    shop.undo(done)
    shop.revoke(mine.code)
    shop.revoke(mine.code)

    events = told(shop)

    assert [name for name, _data in events] == [
        "benefit.published", "entitlement.issued", "entitlement.redeemed", "entitlement.undone", "entitlement.revoked",
    ]  # fmt: skip
    for name, data in events:
        jsonschema_rs.validate(schema_of(name), data)
    assert events[3][1]["redemption"] == events[2][1]["redemption"] == done.use.public_id
    assert (events[1][1]["code"], events[1][1]["source"]) == (mine.code, "claim")


def test_gifts_for_many_are_told_one_by_one_and_the_held_out_are_not():
    shop = listen(Counter(), ["entitlement.issued"])
    shop.publish("welcome_gift", settings={"gift": "Tea"}, holdout_percent=50)
    for n in range(12):
        shop.join(f"n{n}")

    got = [name for name in shop.members if shop.of(name)]
    assert 0 < len(got) < 12
    assert [data["code"] for _event, data in told(shop)] == [shop.of(name)[0].code for name in got]


def test_winners_of_a_draw_are_told_with_their_prize_and_code():
    shop = listen(DrawShop(), ["draw.won"])
    benefit = shop.held()

    events = told(shop)

    assert {event for event, _data in events} == {"draw.won"}
    assert {(data["prize"], data["code"]) for _event, data in events} == {
        ("Tea", win.entitlement.code) for win in shop.wins(benefit)
    }
    assert len(events) == 3 and {data["draw"] for _event, data in events} == {shop.behind(benefit).public_id}
    jsonschema_rs.validate(schema_of("draw.won"), events[0][1])


def test_nobody_is_told_where_nobody_listens():
    shop = listen(Counter(), ["points.changed"])
    shop.claim(shop.publish())
    assert told(shop) == []
