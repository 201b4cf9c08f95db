"""Ready choices for a program at risk."""

from __future__ import annotations

import datetime as dt

import pytest

from benefits.lib.prices import PriceRow
from benefits.selectors import prices
from benefits.selectors.coverage import in_force
from benefits.services import benefits
from benefits.services.cures import publish_choice, ready_choices
from members.lib import tenant as tenancy
from members.lib.refusals import Invalid
from members.services.audit import Actor

JOB = Actor.job("test")
DAY = dt.timedelta(days=1)


@pytest.fixture
def shop(cast):
    with tenancy.tenant(cast.shop.pk):
        yield cast.shop


def end_after(shop, at, days, **arguments):
    made = benefits.publish_benefit(merchant_id=shop.pk, at=at, actor=JOB, **arguments)
    return benefits.end_benefit(merchant_id=shop.pk, at=at + days * DAY, actor=JOB, benefit_id=made.pk)


def test_a_new_shop_has_three_choices_and_each_says_what_it_can_cost(shop, noon):
    choices = ready_choices(merchant_id=shop.pk, at=noon)

    assert [(choice.key, choice.cost_cap_minor) for choice in choices] == [
        ("coupon", 200_000),
        ("share", 200_000),
        ("small", 90_000),
    ]


def test_the_counted_benefit_that_ended_last_comes_first(shop, noon):
    end_after(shop, noon, 3, kind="coupon", name="Older", settings={"off_minor": 500}, stock=10)
    end_after(shop, noon, 5, kind="coupon", name="Newer", settings={"off_minor": 700}, stock=10)
    end_after(shop, noon, 7, kind="lucky_draw", name="Draw", as_scripted=True)
    end_after(shop, noon, 8, kind="coupon", name="Paper", settings={"off_minor": 0})

    first, *rest = ready_choices(merchant_id=shop.pk, at=noon + 9 * DAY)

    assert "“Newer”" in str(first.title)
    assert first.cost_cap_minor == 7000
    assert first.arguments["to_at"] >= noon + 39 * DAY
    assert [choice.key for choice in rest] == ["coupon", "share"]


def test_a_benefit_whose_time_ran_out_can_be_renewed_with_the_stock_it_began_with(shop, noon):
    made = benefits.publish_benefit(
        merchant_id=shop.pk, at=noon, actor=JOB, kind="coupon", name="Gone", stock=8, to_at=noon + DAY,
        settings={"off_minor": 100},
    )  # fmt: skip
    benefits.set_stock(merchant_id=shop.pk, at=noon, actor=JOB, benefit_id=made.pk, stock=0)

    first = ready_choices(merchant_id=shop.pk, at=noon + 2 * DAY)[0]

    assert (first.renews, first.arguments["stock"]) == (made, 8)


def test_choices_keep_to_the_kinds_that_the_policy_counts(shop, noon):
    end_after(shop, noon, 3, kind="free_shipping")

    choices = ready_choices(merchant_id=shop.pk, at=noon + 9 * DAY, uncounted_kinds={"coupon"})

    assert [choice.kind for choice in choices] == ["free_shipping"]


def test_every_choice_is_in_force_the_moment_it_is_published(shop, noon):
    end_after(shop, noon - 9 * DAY, 3, kind="coupon", settings={"off_minor": 100})

    for choice in ready_choices(merchant_id=shop.pk, at=noon):
        made = publish_choice(merchant_id=shop.pk, key=choice.key, at=noon, actor=JOB)
        assert made in [row for row, _kind, _doubts in in_force(merchant_id=shop.pk, at=noon)]


def test_renewed_member_prices_come_with_their_list(shop, noon):
    rows = [PriceRow(sku="A1", name="Tea", list_minor=1000, price_minor=800)]
    old = end_after(shop, noon, 3, kind="member_price", name="Prices", prices=rows)

    made = publish_choice(merchant_id=shop.pk, key=f"renew-{old.public_id}", at=noon + 9 * DAY, actor=JOB)

    assert made.pk != old.pk
    assert [
        (row.sku, row.price_minor) for row in prices.present(merchant_id=shop.pk, benefit_id=made.pk)
    ] == [("A1", 800)]


def test_a_choice_pressed_twice_publishes_once(shop, noon):
    first = publish_choice(
        merchant_id=shop.pk, key="coupon", at=noon, actor=JOB, public_id="abcdefgh23456789"
    )
    second = publish_choice(
        merchant_id=shop.pk, key="coupon", at=noon, actor=JOB, public_id="abcdefgh23456789"
    )

    assert first.pk == second.pk


def test_a_choice_that_is_gone_is_refused(shop, noon):
    with pytest.raises(Invalid):
        publish_choice(merchant_id=shop.pk, key="renew-nothing", at=noon, actor=JOB)


def test_one_that_says_not_what_it_gives_is_not_offered_again(shop, noon):
    end_after(shop, noon, 3, kind="coupon", name="Empty", settings={}, as_scripted=True)

    choices = ready_choices(merchant_id=shop.pk, at=noon + 9 * DAY)

    assert [choice.key for choice in choices] == ["coupon", "share", "small"]
