"""Events told many times at once: each comes once, caps hold, nobody is stuck (domain.md 6)."""

from __future__ import annotations

import pytest
from django.db import transaction

from members.lib import tenant as tenancy
from members.lib.earning import Earning
from members.lib.refusals import Invalid
from members.models import RulesVersion
from tests.benefits.counter import DAY, Counter
from tests.concurrency.test_points_races import at_once, counted
from tests.members.services.test_earning import earn, refer
from tests.members.services.till import OPENED, Till

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])

WHEN = "2024-01-02"
EVENTS = {
    "check_in": {"points": 2},
    "review": {"points": 20, "day_most": 50},
    "referral": {"points": 80, "referred_points": 40, "on": "joining"},
}


@pytest.fixture
def till(transactional_db) -> Till:
    """A shop that rewards events, with three members."""
    shop = Till()
    shop.configure(OPENED, earning=Earning.read({"events": EVENTS}))
    for name in ("n", "o"):
        shop.join(name, WHEN)
    return shop


def test_a_check_in_told_eight_times_at_once_counts_once(till):
    answers = at_once([lambda: earn(till, WHEN, "check_in").points] * 8)

    assert sorted(answers) == [0] * 7 + [2] and counted(till, "earn") == 1
    till.prove()


def test_reviews_at_once_stay_within_the_days_cap(till):
    answers = at_once([lambda n=n: earn(till, WHEN, "review", f"r{n}").points for n in range(8)])

    assert sorted(answers) == [0] * 5 + [10, 20, 20] and till.balance() == (50, 0, 0)
    till.prove()


def test_a_review_that_several_claim_at_once_is_one_members(till):
    def claim(name: str) -> int:
        try:
            return earn(till, WHEN, "review", "r", name).points
        except Invalid:
            return -1

    answers = at_once([lambda name=name: claim(name) for name in ("m", "n", "o")])

    assert sorted(answers) == [-1, -1, 20] and counted(till, "earn") == 1


def test_a_friend_who_is_brought_many_times_at_once_is_rewarded_once(till):
    at_once([lambda: refer(till, WHEN, "m", "n")] * 8)

    assert (till.balance(), till.balance("n")) == ((80, 0, 0), (40, 0, 0))
    till.prove()


def test_orders_at_once_stay_within_a_campaigns_limit_of_a_member(till):
    campaign = {"code": "double", "multiplier": "2", "member_most": 150}
    till.configure("2024-01-03", earning=Earning.read({"campaigns": [campaign]}))

    at_once([lambda n=n: till.put("2024-01-04", f"o{n}", 100_00) for n in range(8)])

    assert till.balance() == (8 * 100 + 150, 0, 0)
    till.prove()


def test_benefits_that_the_rules_keep_are_published_and_moved_at_once_and_none_is_lost(transactional_db):
    shop = Counter()
    known = [shop.publish("points_multiplier", settings={"multiplier": "2"}) for _n in range(3)]

    acts = [lambda n=n: shop.publish("check_in", DAY, settings={"points": n}).public_id for n in (1, 2, 3)]
    acts += [lambda each=each: shop.move(each, "pause").public_id for each in known[:2]]
    acts += [lambda: shop.put(DAY, "o", 10_00) and ""]
    owners = set(at_once(acts)[:3]) | {known[2].public_id}

    with tenancy.tenant(shop.id), transaction.atomic():
        version = RulesVersion.objects.of(shop.id).order_by("-number")[0]
    earning = Earning.read(version.earning)
    live = {each.owner for each in earning.campaigns if each.when.to_at is None}
    assert {each.owner for each in earning.check_ins} | live == owners
    shop.prove()
