"""The command that recalculates tiers."""

from __future__ import annotations

import datetime as dt
import io
import json

from django.core.management import call_command

from members.lib import tenant as tenancy
from members.models import Merchant
from members.services import orders
from tests.conftest import NOON
from tests.members.services.test_posting_bulk import JOB, open_shop


def told(*options: str) -> dict:
    out = io.StringIO()
    call_command("recalculate_tiers", *options, "--json", stdout=out)
    return json.loads(out.getvalue())


def test_only_members_whose_validity_ended_are_looked_at(db):
    shop, people = open_shop("shop")
    order = orders.OrderIn("o1", [orders.LineIn("s", 1, 20_000)], member_id=people[0], paid_at=NOON)
    with tenancy.tenant(shop):
        orders.put_order(merchant_id=shop, at=NOON, actor=JOB, order=order)
        slug = Merchant.objects.get(pk=shop).slug
    ended = (NOON + dt.timedelta(days=366)).isoformat()

    assert told("--at", NOON.isoformat())["examined"] == 0
    assert told("--at", NOON.isoformat(), "--full") == {
        "examined": 4, "upgraded": 0, "downgraded": 0, "unchanged": 4, "repaired": 0,
    }  # fmt: skip
    assert told("--merchant", slug, "--at", ended) == {
        "examined": 1, "upgraded": 0, "downgraded": 1, "unchanged": 0, "repaired": 0,
    }  # fmt: skip
    assert told("--at", ended)["examined"] == 0
