"""Where a member's terms in a plan lie after refunds: nobody waits for a term that was refunded (domain.md 9)."""

from __future__ import annotations

import pytest
from django.db import transaction

from benefits.models import Subscription
from benefits.services import plans, subscription_refunds
from benefits.services.plans import Offer
from members.lib import tenant as tenancy
from members.models import AuditRow
from members.services import programs
from tests.benefits.plans import do, golden, plan, refund, sell
from tests.benefits.services.test_subscriptions import DAY, GOLDEN, close, validity
from tests.conftest import NOON
from tests.factories import ledger

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(cast):
    return golden(cast.shop)


def test_refunded_terms_hold_no_place_a_sale_after_them_begins_at_once(shop):
    member, card = ledger.join(shop, NOON), plan(shop)
    first, second = sell(shop, card, member), sell(shop, card, member, NOON + DAY)
    refund(shop, second, NOON + 2 * DAY)
    refund(shop, first, NOON + 2 * DAY)

    assert sell(shop, card, member, NOON + 3 * DAY).from_at == NOON + 3 * DAY


def test_a_sale_after_all_were_refunded_in_a_closure_begins_at_once(shop):
    member, card = ledger.join(shop, NOON), plan(shop)
    sell(shop, card, member), sell(shop, card, member, NOON + DAY)
    close(shop, NOON + 10 * DAY)
    do(subscription_refunds.refund_all, shop, NOON + 11 * DAY, reason="it ended")
    do(programs.open_program, shop, NOON + 40 * DAY)

    assert sell(shop, card, member, NOON + 41 * DAY).from_at == NOON + 41 * DAY


def test_a_sale_into_the_gap_of_a_refund_begins_at_once_and_moves_later_terms_on_by_what_it_lacks(shop):
    member, card = ledger.join(shop, NOON), plan(shop, GOLDEN)
    first, second = sell(shop, card, member), sell(shop, card, member, NOON + DAY)
    refund(shop, first, NOON + 2 * DAY)

    new = sell(shop, card, member, NOON + 3 * DAY)

    with tenancy.tenant(shop.pk), transaction.atomic():
        moved = Subscription.objects.of(shop.pk).get(pk=second.pk)
        told = AuditRow.objects.of(shop.pk).filter(action="subscription.sold").order_by("-id")[0].after
    assert (new.from_at, new.days) == (NOON + 3 * DAY, 365)
    assert moved.from_at == new.to_at == second.from_at + 3 * DAY and moved.days == second.days
    assert moved.to_at == moved.ends_at == second.to_at + 3 * DAY and told["later_terms_moved_days"] == 3
    assert validity(shop, member) == moved.floor_until == second.floor_until + 3 * DAY


def test_a_gap_long_enough_moves_nothing(shop):
    member, card = ledger.join(shop, NOON), plan(shop)
    first, second = sell(shop, card, member), sell(shop, card, member, NOON + DAY)
    refund(shop, first, NOON + 2 * DAY)
    month = Offer(name="Card", fee_minor=900, months=1)
    do(plans.change, shop, NOON + 2 * DAY, plan_id=card.public_id, offer=month)

    sell(shop, card, member, NOON + 3 * DAY)

    with tenancy.tenant(shop.pk), transaction.atomic():
        assert Subscription.objects.of(shop.pk).get(pk=second.pk).from_at == second.from_at
