"""Benefits for the members of paid plans: who sees them, when the audience turns, what joining cannot bring."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import transaction

from benefits.models import Benefit
from benefits.selectors import own
from benefits.services import audiences, benefits
from benefits.services.plans import Offer
from members.lib import tenant as tenancy
from members.lib.refusals import Invalid
from tests.benefits.plans import do, golden, plan, refund, sell
from tests.benefits.services.test_subscriptions import DAY
from tests.conftest import NOON
from tests.factories import ledger

pytestmark = pytest.mark.django_db
PLANS = {"plans": ["card"]}


@pytest.fixture
def shop(cast):
    return golden(cast.shop)


def publish(shop, name: str, at: dt.datetime = NOON, **more):
    settings = {"kind": "coupon", "settings": {"off_minor": 500}, **more}
    return do(benefits.publish_benefit, shop, at, name=name, **settings)


@pytest.mark.parametrize("last", ["for all", "for the plan"])
def test_a_member_sees_what_is_for_their_plan_and_nobody_else_does(shop, last):
    buyer, other, card = ledger.join(shop, NOON), ledger.join(shop, NOON, "u2"), plan(shop)
    sell(shop, card, buyer)
    for name in sorted(["for all", "for the plan"], key=lambda each: each == last):
        publish(shop, name, **({"audience": PLANS} if name == "for the plan" else {}))

    with tenancy.tenant(shop.pk), transaction.atomic():
        seen = [
            {each.name for each in own.in_force_for(merchant_id=shop.pk, member=who, at=NOON + DAY)}
            for who in (buyer, other)
        ]
    assert seen == [{"for all", "for the plan"}, {"for all"}]


def test_a_term_refunded_before_it_began_brings_nobody_into_an_audience(shop):
    member, other = ledger.join(shop, NOON), ledger.join(shop, NOON, "u2")
    card = plan(shop, Offer(name="Month", fee_minor=1_000, months=1))
    coupon = publish(shop, "coupon", audience=PLANS)
    first, second = sell(shop, card, member), sell(shop, card, member, reference="second")

    def observed(at: dt.datetime):
        with tenancy.tenant(shop.pk), transaction.atomic():
            audiences.observe(merchant_id=shop.pk, at=at)
            coupon.refresh_from_db()
            return coupon.audience_empty, coupon.revision_at

    assert not observed(NOON + DAY)[0]
    refund(shop, second, NOON + 2 * DAY)
    refund(shop, first, NOON + 2 * DAY)
    assert observed(NOON + 3 * DAY) == (True, NOON + 2 * DAY)
    late = NOON + 120 * DAY
    assert observed(late - DAY)[0]
    sell(shop, card, other, late)

    assert observed(late + DAY) == (False, late)


def test_a_gift_that_joining_brings_is_refused_for_plans_and_a_birthday_gift_is_not(shop):
    plan(shop)
    gift = {"settings": {"gift": "tea", "value_minor": 500}, "stock": 9, "audience": PLANS}

    with pytest.raises(Invalid) as caught:
        publish(shop, "welcome", kind="welcome_gift", **gift)
    assert "audience" in caught.value.errors
    with tenancy.tenant(shop.pk), transaction.atomic():
        assert not Benefit.objects.of(shop.pk).exists()
    assert publish(shop, "birthday", kind="birthday_gift", **gift).audience == PLANS
