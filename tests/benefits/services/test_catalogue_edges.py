"""The catalogue at its edges: what is sent again or only planned, requests that overtake each other (domain.md 7)."""

from __future__ import annotations

import datetime as dt

import pytest

from benefits.lib.price_edits import Edit
from benefits.lib.prices import PriceRow
from benefits.lib.quotes import PriceRules, SkuPrices
from benefits.models import PriceChange, PriceChangeKind, PriceFinding
from benefits.selectors import quotes
from benefits.services import price_changes, price_guard, pricing, sent_skus
from benefits.services.benefits import change_benefit, publish_benefit
from benefits.services.sent_skus import SentSku
from members.lib import tenant as tenancy
from members.lib.refusals import Invalid
from members.services.audit import Actor
from tests.conftest import NOON

JOB = Actor.job("test")
HOUR = dt.timedelta(hours=1)


def at(hours: float) -> dt.datetime:
    return NOON + hours * HOUR


@pytest.fixture
def shop(cast):
    with tenancy.tenant(cast.shop.pk):
        pricing.configure(
            merchant_id=cast.shop.pk,
            at=NOON,
            actor=JOB,
            rules=PriceRules(),
            catalogue=[SkuPrices("A", 10_000), SkuPrices("B", 2_000)],
        )
        yield cast.shop


def change(shop, hours, *edits, **more):
    found = price_changes.draft(
        merchant_id=shop.pk, at=at(hours), actor=JOB, kind=PriceChangeKind.FILE, edits=edits, **more
    )
    return price_changes.apply(merchant_id=shop.pk, public_id=found.public_id, at=at(hours), actor=JOB)


def put(shop, hours, sku, **cells):
    (outcome,) = sent_skus.put(
        merchant_id=shop.pk, at=at(hours), actor=JOB, sent=[SentSku(sku=sku, cells=cells)]
    )
    return outcome


def price(shop, hours, name="A"):
    return quotes.quoted(
        merchant_id=shop.pk, member_id=None, lines=[(name, 1)], follows=False, at=at(hours)
    ).total_minor


def findings(shop):
    rows = PriceFinding.objects.of(shop).order_by("id")
    return [(row.sku, row.kind, row.at) for row in rows]


def test_a_floor_of_one_minor_unit_is_none_however_often_it_is_sent(shop):
    assert [put(shop, hours, "A", floor=1) for hours in (1, 2)] == ["unchanged", "unchanged"]
    assert PriceChange.objects.of(shop).count() == 0


def test_a_list_price_sent_for_a_sku_that_is_only_planned_counts_from_now_on(shop):
    change(shop, 1, Edit("C", "list", 5_000), from_at=at(50))

    outcomes = [put(shop, hours, "C", list=4_000) for hours in (2, 3)]

    assert outcomes == ["changed", "unchanged"]
    assert (price(shop, 2, "C"), price(shop, 60, "C")) == (4_000, 4_000)


def test_a_cell_of_a_sku_that_is_only_planned_is_no_difference_the_second_time(shop):
    change(shop, 1, Edit("C", "list", 5_000), from_at=at(50))

    assert [put(shop, hours, "C", floor=3_000) for hours in (2, 3)] == ["changed", "unchanged"]


def test_the_guard_judges_a_sent_price_by_the_stock_and_product_sent_with_it(shop):
    put(shop, 1, "A", product="Tea")

    put(shop, 2, "N", product="Tea", stock=0, list=1_900)

    assert findings(shop) == [("N", "bait", at(2))]


def test_a_request_that_waited_for_a_later_one_is_taken_as_of_its_instant(shop):
    later = 1 + 30 / 3600
    assert put(shop, later, "A", list=9_000) == "changed"
    assert put(shop, 1, "B", list=1_500) == "changed"

    assert (price(shop, 1, "B"), price(shop, later, "B")) == (2_000, 1_500)
    with pytest.raises(Invalid, match="later version"):
        put(shop, 0.5, "B", list=1_400)


def test_a_person_who_applies_while_a_shop_system_sends_prices_is_not_refused(shop):
    drafted = price_changes.draft(
        merchant_id=shop.pk, at=at(1), actor=JOB, kind=PriceChangeKind.FILE, edits=[Edit("B", "list", 1_500)]
    )
    later = 1 + 30 / 3600
    put(shop, later, "A", list=9_000)

    done = price_changes.apply(merchant_id=shop.pk, public_id=drafted.public_id, at=at(1), actor=JOB)

    assert (done.applied_at, price(shop, 1, "B"), price(shop, later, "B")) == (at(later), 2_000, 1_500)


def test_a_sale_that_ends_before_it_begins_is_refused_at_the_sale(shop):
    with pytest.raises(Invalid) as refused:
        sent_skus.put(
            merchant_id=shop.pk, at=at(1), actor=JOB,
            sent=[SentSku(sku="A", cells={"sale": 900}, sale_from=at(5), sale_to=at(4))],
        )  # fmt: skip

    assert list(refused.value.errors) == ["0.sale"]
    assert PriceChange.objects.of(shop).count() == 0


def test_a_later_list_of_a_benefit_leaves_findings_of_its_own(shop):
    def rows(minor):
        return [PriceRow(sku="A", list_minor=minor, price_minor=9_000)]

    benefit = publish_benefit(
        merchant_id=shop.pk, at=at(1), actor=JOB, kind="member_price", prices=rows(12_000)
    )
    change_benefit(merchant_id=shop.pk, benefit_id=benefit.pk, at=at(2), actor=JOB, prices=rows(13_000))

    assert findings(shop) == [("A", "comparison", at(1)), ("A", "comparison", at(2))]


def test_a_product_of_many_skus_takes_as_much_work_for_each_as_one_of_few(shop, monkeypatch):
    looked = []
    real = price_guard.in_force
    monkeypatch.setattr(price_guard, "in_force", lambda *given: looked.append(1) or real(*given))
    edits = [
        Edit(f"S{n}", column, value)
        for n in range(60)
        for column, value in (("list", 900), ("product", "Tea"))
    ]

    change(shop, 1, *edits)

    assert len(looked) <= 2 * 60  # at drafting and at applying, once for each SKU
