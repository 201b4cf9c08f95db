"""Many order a reward at once: stock, limits and points are exact, and a key is one order (domain.md 8)."""

from __future__ import annotations

from collections import Counter as Tally

import pytest
from django.db import transaction

from benefits.models import RewardOrder
from members.lib import tenant as tenancy
from tests.benefits.counter import Counter
from tests.benefits.services.test_rewards import act, place
from tests.concurrency.test_entitlement_races import CLIENTS, count, outcome
from tests.concurrency.test_points_races import at_once

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])
CUP = {"item": "Cup", "points": 100, "delivery": "order"}


@pytest.fixture
def shop(transactional_db) -> Counter:
    made = Counter()
    for n in range(CLIENTS):
        made.join(f"c{n}")
        made.adjust("2024-01-01", 1000, f"start {n}", f"c{n}")
    return made


def test_a_stock_of_ten_gives_ten_orders_and_spends_the_points_of_ten(shop):
    cup = shop.publish("points_exchange", settings=CUP, stock=10)

    acts = [
        lambda n=n: [outcome(lambda k=k: place(shop, cup, f"{n}-{k}", member=f"c{n}")) for k in range(3)]
        for n in range(CLIENTS)
    ]
    told = Tally(each for answers in at_once(acts) for each in answers)

    assert told == {"done": 10, "out-of-stock": 3 * CLIENTS - 10}
    assert count(shop, RewardOrder) == 10 and shop.stock(cup) == 0
    assert sum(shop.balance(f"c{n}")[0] for n in range(CLIENTS)) == 1000 * CLIENTS - 1000
    shop.prove()


def test_one_key_at_once_is_one_order_and_a_limit_holds(shop):
    cup = shop.publish("points_exchange", settings=CUP | {"per_member_life": 2})

    same = [lambda: outcome(lambda: place(shop, cup, "k", member="c0")) for _n in range(CLIENTS)]
    many = [lambda n=n: outcome(lambda: place(shop, cup, f"k{n}", member="c1")) for n in range(CLIENTS)]

    assert Tally(at_once(same)) == {"done": CLIENTS}
    assert Tally(at_once(many)) == {"done": 2, "limit-reached": CLIENTS - 2}
    assert count(shop, RewardOrder) == 3
    assert (shop.balance("c0")[0], shop.balance("c1")[0]) == (900, 800)


def test_sending_and_cancelling_at_once_do_one_of_the_two(shop):
    cup = shop.publish("points_exchange", settings=CUP, stock=5)
    orders = [place(shop, cup, f"k{n}", member=f"c{n}")[0] for n in range(4)]

    acts = [
        each
        for order in orders
        for each in (
            lambda order=order: outcome(lambda: act(shop, "ship", order)),
            lambda order=order: outcome(lambda: act(shop, "cancel", order, reason="late")),
        )
    ]
    at_once(acts)

    with tenancy.tenant(shop.id), transaction.atomic():
        states = Tally(RewardOrder.objects.of(shop.id).values_list("state", flat=True))
    assert sum(states.values()) == 4 and set(states) <= {"shipped", "cancelled"}
    assert shop.stock(cup) == 1 + states["cancelled"]
    assert sum(shop.balance(f"c{n}")[0] for n in range(4)) == 4000 - 100 * states["shipped"]
    shop.prove()
