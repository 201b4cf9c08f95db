"""The catalogue through changes of prices and from shop systems: time, history, undo, the guard (domain.md 7)."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from django.db import IntegrityError, InternalError, connection, transaction
from django.test.utils import CaptureQueriesContext

from benefits.lib.price_edits import Edit
from benefits.lib.prices import PriceRow
from benefits.lib.quotes import Cut, PriceRules, SkuPrices
from benefits.models import (
    CatalogueSku,
    MemberPrice,
    PriceChange,
    PriceChangeKind,
    PriceEntry,
    PriceFinding,
    PriceVersion,
    Product,
    SkuPrice,
)
from benefits.selectors import catalogue, price_guard, quotes
from benefits.services import guard_policies, price_changes, pricing, sent_skus
from benefits.services.benefits import publish_benefit
from benefits.services.price_guard import PriceBlocked
from benefits.services.sent_skus import SentSku
from members.lib import tenant as tenancy
from members.lib.refusals import Conflict, Invalid, ProgramNotOpen
from members.services import programs
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


def draft(shop, hours, *edits, **more):
    return price_changes.draft(
        merchant_id=shop.pk, at=at(hours), actor=JOB, kind=PriceChangeKind.FILE, edits=edits, **more
    )


def apply(shop, change, hours):
    return price_changes.apply(merchant_id=shop.pk, public_id=change.public_id, at=at(hours), actor=JOB)


def undo(shop, change, hours):
    return price_changes.undo(merchant_id=shop.pk, public_id=change.public_id, at=at(hours), actor=JOB)


def put(shop, hours, *sent):
    return sent_skus.put(merchant_id=shop.pk, at=at(hours), actor=JOB, sent=sent)


def sku(code, *, sale_from=None, sale_to=None, **cells):
    return SentSku(sku=code, cells=cells, sale_from=sale_from, sale_to=sale_to)


def price(shop, hours, name="A"):
    return quotes.quoted(
        merchant_id=shop.pk, member_id=None, lines=[(name, 1)], follows=False, at=at(hours)
    ).total_minor


def item(shop, name="A"):
    row = catalogue.one(merchant_id=shop.pk, sku=name)
    return None if row is None else catalogue.item_of(row)


# ---- time ------------------------------------------------------------------------------------------------------------


def test_a_sale_with_its_own_time_begins_and_ends_by_itself_while_the_rest_counts_at_once(shop):
    change = draft(
        shop, 1, Edit("A", "list", 11_000), Edit("A", "sale", 8_000, at(5), at(7)), Edit("A", "stock", 3)
    )
    apply(shop, change, 2)

    assert [price(shop, hours) for hours in (1.5, 2, 5, 6.99, 7)] == [10_000, 11_000, 8_000, 8_000, 11_000]
    assert item(shop)["stock"] == 3


def test_a_dated_sale_takes_the_place_of_every_sale_from_now_on(shop):
    apply(shop, draft(shop, 1, Edit("A", "sale", 8_000, at(5), at(9))), 1)
    apply(shop, draft(shop, 2, Edit("A", "sale", 8_000, at(5), at(7))), 2)

    assert [price(shop, hours) for hours in (4, 5, 7, 8)] == [10_000, 8_000, 10_000, 10_000]


def test_the_same_dated_sale_again_is_no_difference(shop):
    edit = Edit("A", "sale", 8_000, at(5), at(7))
    apply(shop, draft(shop, 1, edit), 1)

    with pytest.raises(Invalid, match="Nothing differs"):
        draft(shop, 2, edit)
    with pytest.raises(Invalid, match="Nothing differs"):
        draft(shop, 6, edit)  # while it runs


def test_a_sale_that_ends_before_it_begins_and_a_new_sku_without_list_price_are_left_out_with_why(shop):
    change = draft(
        shop, 1, Edit("A", "sale", 8_000, at(7), at(5)), Edit("N", "stock", 3), Edit("B", "list", 1_900)
    )

    assert [row[0] for row in change.rows] == ["B"]
    assert change.rejects == [["A", "The sale ends before it begins."], ["N", "A list price is needed."]]


def test_only_cells_that_differ_count_against_the_most_of_a_change(shop, monkeypatch):
    monkeypatch.setattr(price_changes, "MOST_EDITS", 1)
    same = [Edit("A", "list", 10_000), Edit("B", "list", 2_000)]

    assert len(draft(shop, 1, *same, Edit("A", "sale", 9_000)).rows) == 1
    with pytest.raises(Invalid, match="at most 1 prices"):
        draft(shop, 1, Edit("A", "sale", 9_000), Edit("B", "sale", 1_000))
    assert PriceChange.objects.of(shop).count() == 1


def test_two_prices_of_a_sku_at_one_instant_are_refused_by_the_database(shop):
    with pytest.raises(IntegrityError), transaction.atomic():
        SkuPrice.objects.create(merchant=shop, sku="A", list_minor=1, from_at=at(1), to_at=at(2), members={})


def test_a_member_price_above_the_list_price_is_refused_by_the_database(shop):
    benefit = publish_benefit(
        merchant_id=shop.pk, at=at(1), actor=JOB, kind="member_price",
        prices=[PriceRow(sku="A", list_minor=10_000, price_minor=9_000)],
    )  # fmt: skip
    (row,) = MemberPrice.objects.of(shop).filter(benefit=benefit)
    with pytest.raises(IntegrityError), transaction.atomic():
        MemberPrice.objects.filter(pk=row.pk).update(price_minor=10_001)


# ---- catalogue and undo ----------------------------------------------------------------------------------------------


def test_products_names_and_stock_are_told_with_a_change_and_taken_back_with_it(shop):
    change = apply(
        shop,
        draft(shop, 1, Edit("A", "product", "Tea"), Edit("A", "name", "100 g"), Edit("A", "stock", 5)),
        1,
    )
    assert item(shop) == {"product": "Tea", "name": "100 g", "stock": 5}
    put(shop, 2, sku("A", stock=4))

    undone = undo(shop, change, 3)

    assert item(shop) == {"product": None, "name": None, "stock": 4}  # sold meanwhile: stays
    assert (undone.state, undone.left) == ("undone", ["A"])
    assert Product.objects.of(shop).count() == 1


def test_a_change_of_the_catalogue_alone_is_refused_when_it_is_not_as_it_was_shown(shop):
    change = draft(shop, 1, Edit("A", "stock", 5))
    put(shop, 1, sku("A", stock=9))

    with pytest.raises(Conflict, match="Prices changed since"):
        apply(shop, change, 2)
    assert item(shop)["stock"] == 9


def test_stock_below_zero_is_refused_by_the_database(shop):
    with pytest.raises(IntegrityError), transaction.atomic():
        CatalogueSku.objects.of(shop).filter(sku="A").update(stock=-1)


# ---- history ---------------------------------------------------------------------------------------------------------


def test_the_history_of_a_sku_tells_what_when_and_who_also_of_what_was_taken_back(shop):
    change = apply(shop, draft(shop, 1, Edit("A", "sale", 8_000)), 2)
    undo(shop, change, 3)

    rows = list(catalogue.entries(merchant_id=shop.pk, sku="A"))

    assert [(row.source, row.at, row.by_label, row.cells) for row in rows] == [
        ("undo", at(3), JOB.label, [["sale", 8_000, None]]),
        ("file", at(2), JOB.label, [["sale", None, 8_000]]),
        ("rules", NOON, JOB.label, [["list", None, 10_000]]),
    ]
    assert rows[1].change == change.public_id


def test_the_history_is_never_changed_or_deleted(shop):
    with pytest.raises((InternalError, IntegrityError, Exception)) as refused, transaction.atomic():
        PriceEntry.objects.of(shop).update(by_label="nobody")
    assert "permission denied" in str(refused.value) or "never changed" in str(refused.value)


# ---- a shop system ---------------------------------------------------------------------------------------------------


def test_a_sku_is_made_changed_and_left_as_it_is(shop):
    new = sku("N", list=5_000, name="Cup", product="Cups", stock=7, floor=3_000)

    assert put(shop, 1, new, sku("A", list=9_000)) == ["created", "changed"]
    assert put(shop, 2, new, sku("A", list=9_000)) == ["unchanged", "unchanged"]
    assert (price(shop, 1, "N"), price(shop, 1)) == (5_000, 9_000)
    assert item(shop, "N") == {"product": "Cups", "name": "Cup", "stock": 7}
    (change,) = PriceChange.objects.of(shop)
    assert (change.kind, change.state) == ("api", "applied")


def test_stock_alone_makes_no_change_of_prices(shop):
    versions = PriceVersion.objects.of(shop).count()

    assert put(shop, 1, sku("A", stock=3)) == ["changed"]
    assert (PriceChange.objects.of(shop).count(), PriceVersion.objects.of(shop).count()) == (0, versions)


def test_a_sale_sent_takes_the_place_of_the_planned_one_and_null_ends_it(shop):
    put(shop, 1, sku("A", sale=8_000, sale_from=at(5), sale_to=at(9)))
    put(shop, 2, sku("A", sale=7_000, sale_from=at(3), sale_to=at(4)))
    assert [price(shop, hours) for hours in (2, 3, 4, 6)] == [10_000, 7_000, 10_000, 10_000]

    put(shop, 2.5, sku("A", sale=None))
    assert price(shop, 3) == 10_000


def test_one_bad_sku_refuses_all_and_every_error_is_told_by_its_place(shop):
    with pytest.raises(Invalid) as refused:
        put(
            shop, 1, sku("A", list=9_000), sku("N", stock=1), sku("B", sale=1, sale_from=at(3), sale_to=at(2))
        )

    assert set(refused.value.errors) == {"1", "2.sale"}
    assert (price(shop, 1), item(shop, "N")) == (10_000, None)


def test_a_sku_named_twice_and_more_than_a_thousand_are_refused(shop):
    with pytest.raises(Invalid, match="named twice"):
        put(shop, 1, sku("A", stock=1), sku("A", stock=2))
    with pytest.raises(Invalid, match=r"1 to 1,000"):
        put(shop, 1, *(sku(f"S{n}", list=1) for n in range(1_001)))
    assert item(shop)["stock"] is None


def test_queries_do_not_grow_with_skus(shop):
    def queries(first, count):
        with CaptureQueriesContext(connection) as found:
            put(shop, first, *(sku(f"S{first}-{n}", list=1_000, product=f"P{n}") for n in range(count)))
        return len(found)

    queries(1, 60)  # from then on products have other SKUs, which the guard looks at
    assert queries(2, 60) == queries(3, 2)


def test_a_program_that_is_not_open_takes_no_skus(shop):
    programs.open_program(merchant_id=shop.pk, at=at(0), actor=JOB)
    programs.close_program(merchant_id=shop.pk, at=at(1), actor=JOB)

    with pytest.raises(ProgramNotOpen):
        put(shop, 2, sku("A", stock=1))


# ---- the guard -------------------------------------------------------------------------------------------------------


def findings(shop):
    return [
        (row.sku, row.kind, row.is_blocked, row.source)
        for row in PriceFinding.objects.of(shop).order_by("id")
    ]


def test_what_the_guard_finds_is_shown_with_the_change_and_kept_once_it_is_applied(shop):
    change = draft(shop, 1, Edit("A", "list", 15_000), Edit("A", "sale", 9_000))
    assert [(kind, name, blocks) for kind, name, blocks, _numbers in change.findings] == [
        ("comparison", "A", False)
    ]
    assert findings(shop) == []

    apply(shop, change, 2)

    assert findings(shop) == [("A", "comparison", False, "change")]
    (row,) = PriceFinding.objects.of(shop)
    assert (row.numbers["struck"], row.numbers["basis"], row.numbers["days"]) == (15_000, 10_000, 7)


def test_a_bait_is_found_by_the_stock_and_product_that_the_same_change_tells(shop):
    change = draft(
        shop, 1,
        Edit("A", "product", "Tea"), Edit("B", "product", "Tea"), Edit("B", "stock", 0), Edit("B", "sale", 1_900),
    )  # fmt: skip

    assert [each[:2] for each in change.findings] == [["bait", "B"]]
    apply(shop, change, 2)
    assert ("B", "bait", False, "change") in findings(shop)


def blocking(shop, **values):
    """A policy of the platform, then the shop's scope again."""
    with transaction.atomic(), tenancy.platform():
        guard_policies.publish(at=at(0), effective_at=at(0), actor=JOB, values=values, reason="tested")


def test_a_blocked_change_saves_no_price_and_leaves_its_record(shop):
    blocking(shop, comparison="block")
    change = draft(shop, 1, Edit("A", "list", 15_000), Edit("A", "sale", 9_000))
    assert change.findings[0][2] is True

    with pytest.raises(PriceBlocked, match="stands struck through"):
        apply(shop, change, 2)

    change.refresh_from_db()
    assert (change.state, price(shop, 2)) == ("draft", 10_000)
    assert findings(shop) == [("A", "comparison", True, "change")]


def test_a_blocked_list_of_member_prices_publishes_nothing(shop):
    blocking(shop, floor="block")
    apply(shop, draft(shop, 1, Edit("A", "floor", 9_000)), 1)
    rows = [PriceRow(sku="A", list_minor=10_000, price_minor=8_000)]

    with pytest.raises(PriceBlocked, match="under the floor"):
        publish_benefit(merchant_id=shop.pk, at=at(2), actor=JOB, kind="member_price", prices=rows)
    assert MemberPrice.objects.of(shop).count() == 0


def test_a_list_with_a_struck_price_nobody_paid_is_kept_as_a_finding(shop):
    rows = [PriceRow(sku="A", list_minor=12_000, price_minor=9_500)]

    publish_benefit(merchant_id=shop.pk, at=at(2), actor=JOB, kind="member_price", prices=rows)

    assert findings(shop) == [("A", "comparison", False, "list")]


def test_findings_are_counted_by_merchant_kind_and_time(shop):
    apply(shop, draft(shop, 1, Edit("A", "list", 15_000), Edit("A", "sale", 9_000)), 2)

    assert price_guard.counts(start=at(0), end=at(3)) == {shop.pk: {"comparison": 1}}
    assert price_guard.counts(start=at(0), end=at(2)) == {}


def test_a_tier_price_of_nobody_far_below_is_found_once_there_are_members(shop):
    cut = Cut("fixed", Decimal(1_000))

    assert draft(shop, 1, Edit("A", "tier:gold", cut)).findings == []  # no members yet


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"floor": "shout"}, "floor"),
        ({"far_percent": 0}, "far_percent"),
        ({"far_percent": 101}, "far_percent"),
        ({"days": 366}, "days"),
    ],
)
def test_a_policy_out_of_range_is_refused_at_its_setting(shop, values, place):
    with pytest.raises(Invalid) as refused:
        blocking(shop, **values)
    assert place in refused.value.errors
    assert price_guard.policy_at(at(1)).number == 0
