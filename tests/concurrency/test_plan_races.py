"""Many tell of sales, cancel and refund at once: a reference is one term, terms never overlap, a refund is one."""

from __future__ import annotations

from collections import Counter as Tally
from itertools import pairwise

import pytest
from django.db import transaction

from benefits.models import Subscription
from benefits.services import subscription_refunds
from members.lib import tenant as tenancy
from members.models import AuditRow
from members.services import programs
from tests.benefits.plans import do, plan, refund, sell
from tests.concurrency.test_entitlement_races import CLIENTS, outcome
from tests.concurrency.test_points_races import at_once
from tests.conftest import NOON
from tests.factories import ledger

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])


@pytest.fixture
def shop(cast):
    ledger.open_shop(cast.shop, NOON)
    return cast.shop


def terms(shop) -> list[Subscription]:
    with tenancy.tenant(shop.pk), transaction.atomic():
        return list(Subscription.objects.of(shop.pk).order_by("from_at"))


def test_one_reference_at_once_is_one_term_whoever_it_is_told_for(shop):
    card, people = plan(shop), [ledger.join(shop, NOON, f"u{n}") for n in range(2)]

    acts = [
        lambda n=n: outcome(lambda: sell(shop, card, people[n % 2], reference="r")) for n in range(CLIENTS)
    ]
    told = Tally(at_once(acts))

    assert told == {"done": CLIENTS // 2, "idempotency-conflict": CLIENTS // 2} and len(terms(shop)) == 1


def test_many_sales_at_once_follow_each_other_without_a_gap(shop):
    card, member = plan(shop), ledger.join(shop, NOON)

    acts = [lambda n=n: outcome(lambda: sell(shop, card, member, reference=f"r{n}")) for n in range(CLIENTS)]
    assert Tally(at_once(acts)) == {"done": CLIENTS}

    found = terms(shop)
    assert found[0].from_at == NOON
    assert all(a.to_at == b.from_at for a, b in pairwise(found))


def test_a_term_refunded_by_many_at_once_is_refunded_once(shop):
    card = plan(shop)
    sold = [sell(shop, card, ledger.join(shop, NOON, f"u{n}")) for n in range(4)]
    do(programs.close_program, shop, NOON)
    everything = {"reason": "ended", "most": 2}

    acts = [
        *(lambda term=term: outcome(lambda: refund(shop, term, NOON)) for term in sold),
        *(
            lambda: outcome(lambda: do(subscription_refunds.refund_all, shop, NOON, **everything))
            for _n in range(4)
        ),
    ]
    at_once(acts)
    do(subscription_refunds.refund_all, shop, NOON, reason="ended")

    with tenancy.tenant(shop.pk), transaction.atomic():
        audited = AuditRow.objects.of(shop.pk).filter(action="subscription.refunded").count()
    assert audited == 4 and all(each.refund_minor == 9_900 for each in terms(shop))
