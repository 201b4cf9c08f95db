"""Changes of prices: nothing before they are applied, their cells and time after, taken back exactly (domain.md 7)."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from benefits.lib.price_edits import Edit
from benefits.lib.quotes import Cut, PriceRules, Reward, SkuPrices
from benefits.models import PriceChange, PriceChangeKind, PriceVersion, SkuPrice
from benefits.selectors import quotes
from benefits.services import price_changes, pricing
from members.lib import tenant as tenancy
from members.lib.refusals import Conflict, Invalid, NotFound, ProgramNotOpen
from members.models import AuditRow
from members.services import programs
from members.services.audit import Actor
from tests.conftest import NOON

JOB = Actor.job("test")
HOUR = dt.timedelta(hours=1)
A, B = SkuPrices("A", 10_000), SkuPrices("B", 2_000, members={"gold": Cut("percent", Decimal(90))})


@pytest.fixture
def shop(cast):
    with tenancy.tenant(cast.shop.pk):
        pricing.configure(
            merchant_id=cast.shop.pk, at=NOON, actor=JOB, rules=PriceRules(rewards=(Reward(50_000, 1),)),
            catalogue=[A, B],
        )  # fmt: skip
        yield cast.shop


def at(hours: float) -> dt.datetime:
    return NOON + hours * HOUR


def draft(shop, hours, *edits, **more):
    return price_changes.draft(
        merchant_id=shop.pk, at=at(hours), actor=JOB, kind=PriceChangeKind.TABLE,
        edits=[Edit(*each) for each in edits], **more,
    )  # fmt: skip


def apply(shop, change, hours):
    return price_changes.apply(merchant_id=shop.pk, public_id=change.public_id, at=at(hours), actor=JOB)


def undo(shop, change, hours):
    return price_changes.undo(merchant_id=shop.pk, public_id=change.public_id, at=at(hours), actor=JOB)


def price(shop, hours, sku="A"):
    found = quotes.quoted(merchant_id=shop.pk, member_id=None, lines=[(sku, 1)], follows=False, at=at(hours))
    return found.total_minor


def stretches(shop, sku="A"):
    rows = SkuPrice.objects.of(shop).filter(sku=sku).order_by("from_at", "pk")
    return [(row.from_at, row.to_at, row.sale_minor or row.list_minor) for row in rows]


def test_a_draft_changes_no_price_and_names_each_difference(shop):
    before = stretches(shop)

    change = draft(shop, 1, ("A", "sale", 8_000), ("A", "list", 10_000), ("B", "tier:gold", None))

    assert stretches(shop) == before
    assert change.rows == [["A", "sale", None, 8_000], ["B", "tier:gold", {"percent": "90"}, None]]
    assert PriceVersion.objects.of(shop).count() == 1


def test_an_applied_change_counts_from_its_instant_and_the_past_stays(shop):
    change = apply(shop, draft(shop, 1, ("A", "sale", 8_000)), 2)

    assert [price(shop, hours) for hours in (1, 1.99, 2, 3)] == [10_000, 10_000, 8_000, 8_000]
    assert (change.state, change.version) == ("applied", 2)
    assert PriceVersion.objects.of(shop).get(number=2).rewards == [[50_000, 1]]
    assert AuditRow.objects.filter(action="prices.changed", subject_kind="price_change").count() == 1
    assert apply(shop, change, 3).applied_at == at(2)
    assert PriceVersion.objects.of(shop).count() == 2


def test_a_change_for_a_time_ends_by_itself(shop):
    apply(shop, draft(shop, 1, ("A", "sale", 8_000), from_at=at(5), to_at=at(7)), 2)

    assert [price(shop, hours) for hours in (2, 4.99, 5, 6.99, 7)] == [10_000, 10_000, 8_000, 8_000, 10_000]
    assert stretches(shop) == [(NOON, at(5), 10_000), (at(5), at(7), 8_000), (at(7), None, 10_000)]


def test_a_second_change_over_a_planned_one_keeps_what_it_does_not_touch(shop):
    apply(shop, draft(shop, 1, ("A", "sale", 8_000), from_at=at(5), to_at=at(7)), 1)
    apply(shop, draft(shop, 2, ("A", "list", 9_000)), 3)

    assert [price(shop, hours) for hours in (2, 3, 5, 7)] == [10_000, 9_000, 8_000, 9_000]


def test_taken_back_it_is_as_before_and_what_was_quoted_meanwhile_stays(shop):
    change = apply(shop, draft(shop, 1, ("A", "sale", 8_000), ("N", "list", 500)), 2)

    undone = undo(shop, change, 4)

    assert [price(shop, hours) for hours in (1, 3, 4)] == [10_000, 8_000, 10_000]
    assert price(shop, 3, "N") == 500
    with pytest.raises(quotes.UnknownSku):
        price(shop, 4, "N")
    assert undo(shop, undone, 5).undone_at == at(4)


def test_a_planned_change_taken_back_before_it_begins_leaves_no_trace_in_prices(shop):
    before = stretches(shop)
    change = apply(shop, draft(shop, 1, ("A", "sale", 8_000), from_at=at(5), to_at=at(7)), 2)

    undo(shop, change, 3)

    assert [price(shop, hours) for hours in (4, 5, 6, 8)] == [10_000] * 4
    assert stretches(shop)[0][0] == before[0][0]


def test_skus_that_changed_since_stay_as_they_are_when_it_is_taken_back(shop):
    change = apply(shop, draft(shop, 1, ("A", "sale", 8_000), ("B", "sale", 1_500)), 2)
    apply(shop, draft(shop, 3, ("A", "sale", 7_000)), 3)

    undone = undo(shop, change, 4)

    assert (price(shop, 4), price(shop, 4, "B")) == (7_000, 2_000)
    assert undone.left == ["A"]
    other = apply(shop, draft(shop, 5, ("A", "sale", 6_000)), 5)
    apply(shop, draft(shop, 6, ("A", "sale", 5_000)), 6)
    with pytest.raises(Conflict):
        undo(shop, other, 7)
    assert price(shop, 7) == 5_000


def test_prices_that_changed_since_they_were_shown_are_not_overwritten(shop):
    change = draft(shop, 1, ("A", "sale", 8_000))
    apply(shop, draft(shop, 2, ("A", "sale", 9_000)), 2)

    with pytest.raises(Conflict):
        apply(shop, change, 3)

    assert price(shop, 3) == 9_000


@pytest.mark.parametrize(
    ("edits", "more"),
    [
        ([("A", "sale", None)], {}),
        ([("N", "sale", 100)], {}),
        ([("A", "tier:gold", Cut("fixed", Decimal(10_001)))], {}),
        ([("A", "list", None)], {}),
        ([("x" * 65, "list", 100)], {}),
        ([("A", "sale", 8_000)], {"from_at": NOON}),
        ([("A", "sale", 8_000)], {"from_at": at(5), "to_at": at(5)}),
        ([("A", "sale", 8_000)], {"to_at": at(1)}),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_kept(shop, edits, more):
    with pytest.raises(Invalid):
        draft(shop, 1, *edits, **more)

    assert PriceChange.objects.of(shop).count() == 0


def test_one_sku_that_cannot_be_leaves_the_others(shop):
    change = draft(shop, 1, ("A", "sale", 8_000), ("N", "sale", 100))

    assert [row[0] for row in change.rows] == ["A"]
    assert [where for where, _why in change.rejects] == ["N"]


def test_a_first_instant_that_is_over_is_refused_when_it_is_applied(shop):
    change = draft(shop, 1, ("A", "sale", 8_000), from_at=at(2))

    with pytest.raises(Invalid):
        apply(shop, change, 3)

    assert price(shop, 4) == 10_000


def test_the_database_refuses_stretches_of_a_sku_that_overlap(shop):
    with pytest.raises(IntegrityError, match="sku_price_no_overlap"), transaction.atomic():
        SkuPrice.objects.create(merchant=shop, sku="A", list_minor=1, from_at=at(1), to_at=at(2))

    SkuPrice.objects.create(merchant=shop, sku="A", list_minor=1, from_at=at(-2), to_at=NOON)
    assert price(shop, -1) == 1


def test_a_catalogue_told_whole_takes_the_place_of_what_was_planned(shop):
    apply(shop, draft(shop, 1, ("A", "sale", 8_000), from_at=at(5), to_at=at(7)), 2)

    pricing.configure(
        merchant_id=shop.pk, at=at(3), actor=JOB, rules=PriceRules(), catalogue=[SkuPrices("A", 10_000)]
    )

    assert [price(shop, hours) for hours in (2, 3, 5, 8)] == [10_000] * 4
    assert [row[1] for row in stretches(shop)] == [at(3), None]
    with pytest.raises(quotes.UnknownSku):
        price(shop, 3, "B")


def test_only_drafts_are_dropped_and_old_ones_go_by_themselves(shop):
    first, second = draft(shop, 1, ("A", "sale", 8_000)), draft(shop, 1, ("A", "sale", 7_000))
    applied = apply(shop, first, 2)
    with pytest.raises(Conflict):
        price_changes.drop(merchant_id=shop.pk, public_id=applied.public_id)
    with pytest.raises(NotFound):
        price_changes.drop(merchant_id=shop.pk, public_id="nobody")
    assert price(shop, 3) == 8_000

    with tenancy.platform():
        assert price_changes.forget_drafts(at=second.created_at + dt.timedelta(days=8)) == 1
    with tenancy.tenant(shop.pk):
        assert list(PriceChange.objects.of(shop)) == [applied]


def test_who_changes_prices_takes_the_stronger_lock_of_the_program_first(shop):
    change = draft(shop, 1, ("A", "sale", 8_000))

    with CaptureQueriesContext(connection) as queries:
        apply(shop, change, 2)

    locks = [
        each["sql"].lower()
        for each in queries
        if "members_program" in each["sql"] and " for " in each["sql"].lower()
    ]
    assert "for update" in locks[0], "two who both held the weaker one would wait for each other"


def test_a_closed_program_changes_no_prices(shop):
    change = draft(shop, 1, ("A", "sale", 8_000))
    programs.open_program(merchant_id=shop.pk, at=at(1), actor=JOB)
    programs.close_program(merchant_id=shop.pk, at=at(2), actor=JOB)

    with pytest.raises(ProgramNotOpen):
        apply(shop, change, 3)
    with pytest.raises(ProgramNotOpen):
        draft(shop, 3, ("A", "sale", 7_000))

    assert stretches(shop) == [(NOON, None, 10_000)]
