"""Prices and benefits of members with a paid plan: in quotes, the price table and its files, for ever (domain.md 7)."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from django.db import transaction

from benefits.lib import price_sheets
from benefits.lib.price_edits import Edit, plan_column
from benefits.lib.quotes import Cut, PriceRules, SkuPrices
from benefits.models import PriceChangeKind, SkuPrice
from benefits.selectors import audiences, quotes
from benefits.selectors.quotes import Basket
from benefits.services import audiences as observing
from benefits.services import benefits, claims, price_changes, pricing
from benefits.services.asking import NotInAudience
from benefits.services.plans import Offer
from benefits.services.price_stretches import stretches_from_json
from members.lib import tenant as tenancy
from members.lib.refusals import Invalid
from members.services import programs
from tests.benefits.plans import do, plan, refund, sell
from tests.conftest import NOON
from tests.factories import ledger

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)
MONTH = Offer(name="Month", fee_minor=1_000, months=1)
TEA = SkuPrices(
    "TEA",
    10_000,
    members={"base": Cut("percent", Decimal(95))},
    fans=Cut("percent", Decimal(90)),
    plans={"card": Cut("percent", Decimal(80)), "other": Cut("fixed", Decimal(1))},
)


@pytest.fixture
def shop(cast):
    ledger.open_shop(cast.shop, NOON)
    do(pricing.configure, cast.shop, rules=PriceRules(), catalogue=[TEA])
    return cast.shop


def explained(shop, member, at, **more):
    with tenancy.tenant(shop.pk), transaction.atomic():
        key = member.public_id if member else None
        return quotes.explained(
            merchant_id=shop.pk, basket=Basket(lines=[("TEA", 1)], member=key, **more), at=at
        )


def total(shop, member, at, **more) -> int:
    return explained(shop, member, at, **more).quote.total_minor


def test_only_members_with_a_term_then_have_a_plans_price_and_the_receipt_says_so(shop):
    member, other, card = ledger.join(shop, NOON), ledger.join(shop, NOON, "u2"), plan(shop, MONTH)
    term = sell(shop, card, member, NOON + DAY)

    assert total(shop, member, NOON) == total(shop, other, NOON + DAY) == 9_500
    assert total(shop, None, NOON + DAY) == 10_000
    assert total(shop, member, NOON + DAY) == 8_000
    assert total(shop, member, term.to_at - dt.timedelta(seconds=1)) == 8_000
    assert total(shop, member, term.to_at) == 9_500
    receipt = explained(shop, member, NOON + DAY, follows=True).quote.receipt
    assert [(t.layer, t.candidate, t.gives_minor, t.won, t.why) for t in receipt] == [
        ("member", "TEA base", 500, False, "the plan price is not higher"),
        ("fan", "TEA", 1_000, False, "the plan price is not higher"),
        ("plan", "TEA card", 2_000, True, "the lowest price"),
    ]


def test_a_refund_ends_a_plans_price_from_its_instant_on_and_older_quotes_stay(shop):
    member, card = ledger.join(shop, NOON), plan(shop)
    term = sell(shop, card, member)
    before = total(shop, member, NOON + 4 * DAY)

    refund(shop, term, NOON + 5 * DAY)

    assert (before, total(shop, member, NOON + 4 * DAY), total(shop, member, NOON + 5 * DAY)) == (
        8_000,
        8_000,
        9_500,
    )


def test_nobody_has_a_plans_price_while_the_program_is_closed_and_old_quotes_survive_the_closure(shop):
    member, card = ledger.join(shop, NOON), plan(shop, MONTH)
    term = sell(shop, card, member)
    do(programs.close_program, shop, NOON + 2 * DAY)
    assert total(shop, member, NOON + 3 * DAY) == 10_000

    do(programs.open_program, shop, NOON + 13 * DAY)

    assert total(shop, member, NOON + DAY) == 8_000
    assert total(shop, member, NOON + 3 * DAY) == 10_000
    assert total(shop, member, term.to_at + 9 * DAY) == 8_000
    assert total(shop, member, term.to_at + 10 * DAY) == 9_500


def test_a_price_is_explained_for_whoever_holds_a_plan(shop):
    plan(shop)
    assert total(shop, None, NOON, as_plan="card") == 8_000
    assert total(shop, None, NOON, as_plan="none") == 9_500


def test_the_stack_and_the_floor_bind_plan_prices_as_they_bind_member_prices(shop):
    sale = SkuPrices("TEA", 10_000, 8_000, 7_000, plans={"card": Cut("percent", Decimal(80))})
    plan(shop)
    for hours, stack, price in (
        (1, "on_sale_price", 7_000),
        (2, "best_of", 8_000),
        (3, "not_on_sale", 8_000),
    ):
        at = NOON + dt.timedelta(hours=hours)
        do(pricing.configure, shop, at, rules=PriceRules(stack=stack), catalogue=[sale])
        assert total(shop, None, at, as_plan="card") == price


def test_cells_of_plans_are_edited_kept_and_taken_back_as_those_of_tiers(shop):
    plan(shop)
    edits = [Edit("TEA", plan_column("card"), Cut("fixed", Decimal(7_000))), Edit("TEA", "plan:other", None)]
    change = do(price_changes.draft, shop, NOON + DAY, kind=PriceChangeKind.TABLE, edits=edits)
    assert change.rows == [
        ["TEA", "plan:card", {"percent": "80"}, {"fixed": "7000"}],
        ["TEA", "plan:other", {"fixed": "1"}, None],
    ]

    do(price_changes.apply, shop, NOON + DAY, public_id=change.public_id)
    assert total(shop, None, NOON + DAY, as_plan="card") == 7_000
    do(price_changes.undo, shop, NOON + 2 * DAY, public_id=change.public_id)

    assert [total(shop, None, NOON + days * DAY, as_plan="card") for days in (0, 1, 2)] == [
        8_000,
        7_000,
        8_000,
    ]
    with tenancy.tenant(shop.pk), transaction.atomic():
        last = SkuPrice.objects.of(shop.pk).order_by("-from_at").first()
    assert set(last.plans) == {"card", "other"}


def test_changes_from_before_there_were_plans_are_still_read():
    (old,) = stretches_from_json("A", [[NOON.isoformat(), None, 100, None, 1, {}, None]])
    assert old.prices == SkuPrices("A", 100)


def test_files_carry_a_column_of_each_plan_and_read_it_back():
    head, line = price_sheets.head(["base"], ["card"]), price_sheets.line(TEA, ["base"], "CNY", ["card"])
    assert (head[-1], line[-1]) == ("plan:card", "80%")

    sheet = price_sheets.read(
        enumerate([["sku", "Plan:Card", "plan:gone"], ["TEA", "75%", "1"]], 1),
        tiers={}, currency="CNY", plans=["card"],
    )  # fmt: skip

    assert sheet.edits == [Edit("TEA", "plan:card", Cut("percent", Decimal(75)))]


def publish(shop, kind="coupon", at=NOON, settings=None, **more):
    settings = settings or {"off_minor": 500}
    return do(benefits.publish_benefit, shop, at, kind=kind, name=kind, settings=settings, **more)


def test_a_benefit_for_plans_is_for_members_with_a_term_now(shop):
    member, other, card = ledger.join(shop, NOON), ledger.join(shop, NOON, "u2"), plan(shop)
    coupon = publish(shop, audience={"plans": ["card"]})
    term = sell(shop, card, member)

    def claim(who, at, key):
        return do(claims.claim, shop, at, member_id=who.pk, benefit_id=coupon.pk, key=key)

    assert claim(member, NOON, "a")
    with pytest.raises(NotInAudience):
        claim(other, NOON, "b")
    refund(shop, term, NOON + DAY)
    with pytest.raises(NotInAudience):
        claim(member, NOON + DAY, "c")


def test_a_price_benefit_for_plans_acts_in_quotes_for_those_who_hold_one(shop):
    member, card = ledger.join(shop, NOON), plan(shop)
    publish(shop, "discount", audience={"plans": ["card"]})
    sell(shop, card, member, NOON + DAY)

    assert total(shop, member, NOON) == 9_500
    assert total(shop, member, NOON + DAY) == 7_500


def test_an_audience_of_plans_is_empty_until_somebody_holds_one_and_after_the_last(shop):
    member, card = ledger.join(shop, NOON), plan(shop)
    coupon = publish(shop, audience={"plans": ["card"]})
    assert coupon.audience_empty
    term = sell(shop, card, member, NOON + DAY)

    def observe(at):
        with tenancy.tenant(shop.pk), transaction.atomic():
            observing.observe(merchant_id=shop.pk, at=at)
            coupon.refresh_from_db()
            return coupon.audience_empty, coupon.revision_at

    assert observe(NOON + 2 * DAY) == (False, NOON + DAY)
    refund(shop, term, NOON + 3 * DAY)
    assert observe(NOON + 4 * DAY) == (True, NOON + 3 * DAY)
    with tenancy.tenant(shop.pk), transaction.atomic():
        size = audiences.size(merchant_id=shop.pk, audience={"plans": ["card"]}, at=NOON + 2 * DAY, most=5)
    assert size == 1


@pytest.mark.parametrize(
    ("kind", "audience", "settings"),
    [
        ("coupon", {"plans": ["none"]}, None),
        ("coupon", {"plans": [7]}, None),
        ("coupon", {"plans": ["x" * 33]}, None),
        ("points_multiplier", {"plans": ["card"]}, {"multiplier": "2"}),
    ],
)
def test_an_audience_of_plans_that_cannot_be_is_refused(shop, kind, audience, settings):
    plan(shop)
    with pytest.raises(Invalid):
        publish(shop, kind, settings=settings, audience=audience)
