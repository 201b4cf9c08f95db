"""Many at once on one stock, one budget, one code: limits are exact, and who is killed and tries again does it once
(domain.md 8)."""

from __future__ import annotations

import random
from collections import Counter as Tally
from collections.abc import Callable

import pytest
from django.db import transaction

from benefits.models import Benefit, BenefitBudget, Entitlement, EntitlementUse, QueuedCode
from benefits.services import till_queue
from members.lib import tenant as tenancy
from members.lib.refusals import Refusal
from members.services.audit import Actor
from tests.benefits.counter import DAY, Counter
from tests.concurrency.test_clearance_kills import forker, kill, lives, start, until
from tests.concurrency.test_points_races import at_once
from tests.environment import sized
from tests.factories import shops
from tests.members.services.till import at

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])
CLIENTS = 8


def outcome(act: Callable[[], object]) -> str:
    try:
        act()
    except Refusal as refusal:
        return refusal.slug
    return "done"


def count(shop: Counter, model=Entitlement, **wanted) -> int:
    with tenancy.tenant(shop.id), transaction.atomic():
        return model.objects.of(shop.id).filter(**wanted).count()


@pytest.fixture
def shop(transactional_db) -> Counter:
    made = Counter()
    for n in range(CLIENTS):
        made.join(f"c{n}")
    return made


def test_claims_at_once_take_what_is_there_and_the_coverage_ends_once(shop):
    benefit = shop.publish(stock=11, settings={"per_member_life": 100})

    def client(seed: int) -> Callable[[], list[str]]:
        name = f"c{seed}"
        return lambda: [
            outcome(lambda key=f"{seed}-{n}": shop.claim(benefit, member=name, key=key)) for n in range(4)
        ]

    told = Tally(each for answers in at_once([client(n) for n in range(CLIENTS)]) for each in answers)

    assert told == {"done": 11, "out-of-stock": 4 * CLIENTS - 11}
    assert count(shop) == 11 and shop.stock(benefit) == 0
    assert [span.end for span in shop.covered(benefit)] == [at(DAY)]


def test_claims_of_one_member_at_once_keep_its_limit_and_those_under_one_key_are_one(shop):
    benefit = shop.publish(settings={"per_member_day": 3})
    same = shop.publish(settings={"per_member_day": 3})

    many = [lambda n=n: outcome(lambda: shop.claim(benefit, key=f"k{n}")) for n in range(CLIENTS)]
    one = [lambda: outcome(lambda: shop.claim(same, key="k")) for _n in range(CLIENTS)]

    assert Tally(at_once(many)) == {"done": 3, "limit-reached": CLIENTS - 3}
    assert Tally(at_once(one)) == {"done": CLIENTS}
    assert (count(shop, benefit_id=benefit.pk), count(shop, benefit_id=same.pk)) == (3, 1)


def test_a_budget_is_never_exceeded(shop):
    benefit = shop.publish(settings={"budget_minor": 5_500, "per_member_life": 100})

    acts = [
        lambda n=n: outcome(lambda: shop.claim(benefit, member=f"c{n}", key=f"k{n}")) for n in range(CLIENTS)
    ]

    assert Tally(at_once(acts)) == {"done": 5, "out-of-stock": CLIENTS - 5}
    with tenancy.tenant(shop.id), transaction.atomic():
        assert BenefitBudget.objects.of(shop.id).get().taken_minor == 5_000


def test_a_code_redeemed_at_several_tills_at_once_is_used_as_often_as_it_can_be(shop):
    mine = shop.claim(shop.publish(settings={"uses": 3}))

    acts = [lambda n=n: outcome(lambda: shop.do("redeem", mine.code, key=f"k{n}")) for n in range(CLIENTS)]

    assert Tally(at_once(acts)) == {"done": 3, "entitlement-used": CLIENTS - 3}
    assert shop.stored(mine.code).uses_left == 0 and count(shop, EntitlementUse) == 3


def test_queued_codes_that_arrive_at_once_are_judged_once_a_key_and_used_once(shop):
    mine = shop.claim(shop.publish())
    actor = Actor.person(shops.person("till@example.com"))

    def settled(key: str) -> tuple[str, str]:
        with tenancy.tenant(shop.id):
            row = till_queue.settle(
                merchant_id=shop.id, at=at(DAY), actor=actor, code=mine.code, key=key, taken_at=at(DAY)
            )
        return key, row.outcome

    keys = [f"abcdefgh2345678{sign}" for sign in "ab"]
    told = set(at_once([lambda key=key: settled(key) for key in keys for _tab in range(CLIENTS // 2)]))

    assert sorted(outcome for _key, outcome in told) == ["redeemed", "used"] and len(told) == len(keys)
    assert (count(shop, EntitlementUse), count(shop, QueuedCode)) == (1, 2)


def test_redeeming_and_undoing_at_once_lose_no_use(shop):
    mine = shop.claim(shop.publish(settings={"uses": 9}))
    done = [shop.do("redeem", mine.code) for _n in range(4)]

    undos = [lambda each=each: outcome(lambda: shop.undo(each)) for each in done for _twice in range(2)]
    at_once([*undos, *[lambda: outcome(lambda: shop.do("redeem", mine.code, key="more")) for _n in range(2)]])

    assert shop.stored(mine.code).uses_left == 8
    assert count(shop, EntitlementUse, action="undo") == 4


def test_points_are_spent_for_what_was_exchanged_and_for_nothing_else(shop):
    for n in range(CLIENTS):
        shop.adjust("2024-01-01", 500, f"start {n}", f"c{n}")
    benefit = shop.publish("points_exchange", settings={"item": "Tea", "points": 200}, stock=7)

    acts = [
        lambda n=n, key=key: outcome(lambda: shop.claim(benefit, member=f"c{n}", how="exchange", key=key))
        for n in range(CLIENTS)
        for key in "ab"
    ]
    told = Tally(at_once(acts))

    assert told == {"done": 7, "out-of-stock": 2 * CLIENTS - 7}
    assert sum(shop.balance(f"c{n}")[0] for n in range(CLIENTS)) == 500 * CLIENTS - 7 * 200
    shop.prove()


def test_changing_a_benefit_while_members_claim_it_stops_nobody_for_ever(shop):
    benefit = shop.publish(stock=3, settings={"per_member_life": 100})

    claims = [
        lambda n=n: [
            outcome(lambda k=k: shop.claim(benefit, member=f"c{n}", key=f"{n}-{k}")) for k in range(3)
        ]
        for n in range(CLIENTS - 1)
    ]
    changes = lambda: [  # noqa: E731
        outcome(lambda verb=verb: shop.move(benefit, verb)) for verb in ("pause", "resume") * 3
    ]
    *answers, changed = at_once([*claims, changes])

    assert set(changed) == {"done"}
    told = Tally(each for one in answers for each in one)
    assert set(told) <= {"done", "out-of-stock", "benefit-not-in-force"}
    assert told["done"] == count(shop) == 3 - (shop.stock(Benefit(pk=benefit.pk)) or 0)


@pytest.mark.soak
def test_a_caller_killed_and_tried_again_claims_and_redeems_once_for_each_key(transactional_db):
    kills = sized(20)
    keys = 30 * kills
    dice = random.Random(20240627)
    shop = Counter()
    benefit = shop.publish(stock=2 * keys, settings={"per_member_life": 1_000_000})
    call, hit = f"claim {shop.id} {shop.members['m']} {benefit.pk} {keys}", 0

    with forker() as process:
        for _ in range(kills):
            goal = count(shop, EntitlementUse) + dice.randint(1, 8)
            pid = start(process, call)
            until(
                lambda goal=goal, pid=pid: count(shop, EntitlementUse) >= goal or not lives(pid),
                "some redemptions",
            )
            for _moment in range(dice.randint(0, 5)):
                count(shop)
            hit += kill(pid)
            until(lambda pid=pid: not lives(pid), "the killed caller to be gone")
        left = keys - count(shop, EntitlementUse)
        last = start(process, call)
        until(lambda: not lives(last), "the last caller to end")

    assert hit == kills and left > 0, f"{hit} of {kills} kills met a caller at work, {left} keys were left"
    assert count(shop) == count(shop, EntitlementUse) == count(shop, state="redeemed") == keys
    assert shop.stock(benefit) == keys
