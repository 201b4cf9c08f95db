"""What the price guard found, on its page and as a file; what it blocks is said where prices are applied."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import transaction
from django.utils import timezone

from benefits.models import PriceFinding
from benefits.services import guard_policies, sent_skus
from benefits.services.sent_skus import SentSku
from members.lib import tenant as tenancy
from tests.factories import ledger

URL = "/benefits/prices/findings/"


@pytest.fixture
def shop(cast):
    at = timezone.now() - dt.timedelta(days=2)
    ledger.open_shop(cast.shop, at)
    with tenancy.tenant(cast.shop.pk):
        sent_skus.put(
            merchant_id=cast.shop.pk, at=at, actor=ledger.JOB,
            sent=[SentSku(sku=sku, cells={"list": 10_000}) for sku in ("A", "B")],
        )  # fmt: skip
    return cast.shop


def begin(owner, sku="A"):
    """A list price raised for a sale, on its page of differences."""
    data = {f"sku-{n}": each for n, each in enumerate("AB")}
    place = "AB".index(sku)
    return owner.post(
        "/benefits/prices/table/", data | {f"c-{place}-0": "150.00", f"c-{place}-1": "99.00"}
    ).url


def block(**values):
    with tenancy.platform(), transaction.atomic():
        at = timezone.now()
        guard_policies.publish(at=at, effective_at=at, actor=ledger.JOB, values=values, reason="tested")


def test_a_warning_is_shown_before_applying_and_then_stands_on_the_page_with_its_numbers(owner, shop):
    change = begin(owner)
    assert "What the price guard found" in owner.get(change).content.decode()
    assert "No findings" not in owner.get(URL).content.decode()

    owner.post(change)

    text = owner.get(URL).content.decode()
    assert "A: ¥150.00 stands struck through, but everybody could buy it at ¥100.00 in the 7 days" in text
    lines = b"".join(owner.get("/benefits/prices/findings.csv").streaming_content).decode("utf-8-sig")
    assert "basis=10000; days=7" in lines and "Dishonest comparison" in lines


def test_a_block_is_said_nothing_is_saved_and_its_record_stays(owner, shop):
    block(comparison="block")
    change = begin(owner)

    refused = owner.post(change)

    assert refused.status_code == 422 and "stands struck through" in refused.content.decode()
    with tenancy.tenant(shop.pk):
        (row,) = PriceFinding.objects.of(shop)
        assert (row.is_blocked, row.policy) == (True, 1)
    assert "version 1 of its policy" in owner.get(URL).content.decode()


def test_findings_are_narrowed_by_kind_outcome_sku_and_day(owner, shop):
    owner.post(begin(owner))
    owner.post(begin(owner, "B"))

    def found(**query):
        return [row["row"].sku for row in owner.get(URL, query).context["rows"]]

    assert found() == ["B", "A"] and found(q="A") == ["A"]
    assert found(kind="bait") == [] and found(kind="comparison", outcome="warned") == ["B", "A"]
    assert found(outcome="blocked") == [] and found(date_to="2020-01-01") == []
    assert found(kind="nonsense") == ["B", "A"]


def test_other_shops_findings_are_not_shown(owner, outsider, shop):
    owner.post(begin(owner))

    assert list(outsider.get(URL).context["rows"]) == []
