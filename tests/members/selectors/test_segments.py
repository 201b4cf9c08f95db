"""A rule's one query means the members that the pure rule means, one by one."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from members.lib import tenant as tenancy
from members.lib.segments import FACTS, Rule, check
from members.models import Segment
from members.selectors import segments as selectors
from tests.conftest import NOON
from tests.environment import SOAK
from tests.factories import ledger, people
from tests.factories.people import BENEFITS, CHANNELS, TAGS, People

STORES = ("store-0", "store-1")  # in the place of ids not known before
WORDS = {
    "lifecycle": ("introduction", "growth", "mature", "decline", "dormant", "lost"),
    "tier": ("base", "silver"),
    "tag": TAGS,
    "channel": CHANNELS,
    "store": STORES,
    "birth_month": tuple(str(n) for n in range(1, 13)),
    "segment": ("static", "dynamic"),
    "benefit": BENEFITS,
}
NUMBERS = {
    "recency": (0, 1, 9, 29, 30, 31, 90, 400),
    "orders": (0, 1, 2, 5),
    "spend": (0, 100, 10_000, 100_000),
    "active_days": (0, 1, 4, 6),
    "joined": (0, 1, 30, 300),
    "points": (0, 5, 100, 200),
    "expiring": (0, 1, 100),
    "birthday": (0, 1, 7, 30, 365),
    "benefit_uses": (0, 1, 2, 5),
}
WINDOWS = (1, 7, 30, 31, 90, 180, 365)


@st.composite
def conditions(draw: Any) -> Rule:
    """Any condition that may be said."""
    code = draw(st.sampled_from(sorted(FACTS)))
    fact = FACTS[code]
    found: Rule = {"fact": code, "op": draw(st.sampled_from(fact.ops))}
    if fact.window == "required" or (fact.window and draw(st.booleans())):
        found["days"] = draw(st.sampled_from(WINDOWS))
    if fact.kind == "choice":
        found["value"] = sorted(draw(st.sets(st.sampled_from(WORDS[code]), min_size=1, max_size=3)))
    elif fact.kind == "date":
        found["value"] = str(NOON.date() - dt.timedelta(days=draw(st.sampled_from((0, 1, 30, 300)))))
    elif found["op"] == "between":
        found["value"] = sorted(draw(st.tuples(*[st.sampled_from(NUMBERS[code])] * 2)))
    elif found["op"] != "never":
        found["value"] = draw(st.sampled_from(NUMBERS[code]))
    return found


def groups(parts: Any) -> Any:
    """all, any or none of some parts."""
    return st.builds(
        lambda name, below: {name: below},
        st.sampled_from(("all", "any", "none")),
        st.lists(parts, min_size=1, max_size=3),
    )


RULES = groups(st.one_of(conditions(), groups(st.one_of(conditions(), groups(conditions())))))


def named(rule: Any, ids: dict[str, str]) -> Any:
    """A rule with the ids of this shop in it."""
    if isinstance(rule, dict):
        return {key: named(value, ids) for key, value in rule.items()}
    if isinstance(rule, list):
        return [named(each, ids) for each in rule]
    return ids.get(rule, rule) if isinstance(rule, str) else rule


@pytest.fixture
def world(cast):
    """Eighty members with random lives, a snapshot of some, and a segment that names it."""
    ledger.open_shop(cast.shop, NOON)
    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        found = people.populate(cast.shop, NOON.date(), members=80, seed=7)
        about = {"merchant": cast.shop, "created_at": NOON, "changed_at": NOON}
        some = {pk for pk in found.persons if pk % 3 == 0}
        rule = {"all": [{"fact": "points", "op": "at_least", "value": 5}]}
        static = Segment.objects.create(**about, name="Static", kind="static", rule=rule)
        people.into_segment(found, static, some)
        rule = {
            "any": [
                {"fact": "segment", "op": "is_in", "value": [static.public_id]},
                {"fact": "points", "op": "at_least", "value": 100},
            ]
        }
        dynamic = Segment.objects.create(**about, name="Dynamic", rule=rule)
        found.persons = {
            pk: people.replace(
                person,
                segments=person.segments
                | ({dynamic.public_id} if person.points >= 100 or pk in some else set()),
            )
            for pk, person in found.persons.items()
        }
    ids = {"static": static.public_id, "dynamic": dynamic.public_id}
    ids |= {name: store.public_id for name, store in zip(STORES, found.stores, strict=True)}
    return found, ids


def test_any_rule_means_the_same_members_as_one_query_and_one_by_one(world):
    found, ids = world
    seen = {"all": 0, "some": 0}

    with tenancy.tenant(found.merchant.pk), transaction.atomic():
        shop = selectors.shop(merchant=found.merchant, at=NOON)
        shop = dataclasses.replace(shop, benefits={key: key for key in BENEFITS})

        @settings(
            max_examples=3_000 if SOAK else 300,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(RULES)
        def same(said: Rule) -> None:
            rule = check(named(said, ids), shop.known)
            wanted = found.meant(rule)
            assert set(selectors.member_ids(shop=shop, rule=rule)) == wanted
            assert selectors.count(shop=shop, rule=rule) == len(wanted)
            assert selectors.has_any(shop=shop, rule=rule) is bool(wanted)
            seen["all"] += 1
            seen["some"] += 0 < len(wanted) < len(found.persons)

        same()

    assert seen["some"] > seen["all"] // 3


def test_buyers_are_counted_too_where_one_of_two_conditions_is_a_sum_and_the_other_their_joining(world):
    found, _ids = world
    bought = {"fact": "orders", "op": "at_least", "value": 1}
    sums = {"fact": "benefit_uses", "op": "at_least", "value": 2}
    joinings = [
        {"fact": "joined", "op": "at_most", "value": 30},
        {"fact": "joined_on", "op": "from", "value": str(NOON.date() - dt.timedelta(days=30))},
    ]

    with tenancy.tenant(found.merchant.pk), transaction.atomic():
        shop = selectors.shop(merchant=found.merchant, at=NOON)
        for joined in joinings:
            rule = check({"all": [bought, {"any": [sums, joined]}]}, shop.known)
            wanted = found.meant(rule)
            assert 0 < len(wanted) < len(found.persons)
            assert selectors.count(shop=shop, rule=rule) == len(wanted)


def test_two_rules_overlap_as_their_members_do(world):
    found, _ids = world
    late = {"all": [{"fact": "lifecycle", "op": "is_in", "value": ["decline", "dormant", "lost"]}]}
    rich = {"any": [{"fact": "points", "op": "at_least", "value": 100}]}

    with tenancy.tenant(found.merchant.pk), transaction.atomic():
        shop = selectors.shop(merchant=found.merchant, at=NOON)
        both = selectors.overlap(shop=shop, left=late, right=rich)

    one, other = found.meant(late), found.meant(rich)
    assert (both.left, both.right, both.both) == (len(one), len(other), len(one & other))
    assert 0 < both.both < both.left


def test_counts_of_all_segments_are_those_of_each(world, django_assert_num_queries):
    found, _ids = world

    with tenancy.tenant(found.merchant.pk), transaction.atomic():
        shop = selectors.shop(merchant=found.merchant, at=NOON)
        segments = list(shop.segments.values())
        with django_assert_num_queries(1 + 3):  # one is told how to be planned
            counted = selectors.counts(shop=shop, segments=segments)
        single = {each.pk: selectors.count(shop=shop, rule=selectors.rule_of(each)) for each in segments}

    assert counted == single and all(counted.values())


def test_a_tier_that_is_gone_is_told_and_holds_nobody(world):
    found, _ids = world
    rule = {"all": [{"fact": "tier", "op": "is_in", "value": ["platinum"]}]}

    with tenancy.tenant(found.merchant.pk), transaction.atomic():
        shop = selectors.shop(merchant=found.merchant, at=NOON)
        assert shop.gone(rule) == ["platinum"]
        assert selectors.count(shop=shop, rule=rule) == 0


def test_another_shop_finds_none_of_these_members(world, cast):
    found, ids = world
    everybody = {"any": [{"fact": "joined", "op": "at_least", "value": 0}]}
    theirs = {"all": [{"fact": "segment", "op": "is_in", "value": [ids["static"]]}]}

    with tenancy.tenant(cast.other.pk), transaction.atomic():
        shop = selectors.shop(merchant=cast.other, at=NOON)
        assert selectors.count(shop=shop, rule=everybody) == 0
        assert selectors.count(shop=shop, rule=theirs) == 0
        assert shop.gone(theirs) == [ids["static"]]
        # Row security is the net where the filter names somebody else.
        shop = selectors.shop(merchant=found.merchant, at=NOON)
        assert selectors.count(shop=shop, rule=everybody) == 0
    with tenancy.tenant(found.merchant.pk), transaction.atomic():
        shop = selectors.shop(merchant=found.merchant, at=NOON)
        assert selectors.count(shop=shop, rule=everybody) == len(found.persons)


def test_the_merchants_day_decides_not_the_servers(cast):
    """23:30 in Shanghai and 00:30 are two days; in UTC they are one."""
    late = NOON.replace(hour=23, minute=30)
    ledger.open_shop(cast.shop, NOON)
    member = ledger.join(cast.shop, NOON)
    ledger.buy(cast.shop, member, "o1", late, 1_000)
    today = {"all": [{"fact": "recency", "op": "at_most", "value": 0}]}

    def count(at: dt.datetime) -> int:
        with tenancy.tenant(cast.shop.pk), transaction.atomic():
            return selectors.count(shop=selectors.shop(merchant=cast.shop, at=at), rule=today)

    assert count(late) == 1
    assert count(late + dt.timedelta(hours=1)) == 0


@pytest.mark.parametrize("seed", range(3))
def test_everybodys_stage_is_that_of_the_pure_rule(cast, seed):
    from members.selectors import lifecycle

    ledger.open_shop(cast.shop, NOON)
    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        found: People = people.populate(cast.shop, NOON.date(), members=(60, 150, 25)[seed], seed=seed)
        about = {"merchant": cast.shop, "at": NOON}
        stages = {
            stage: set(lifecycle.members_in(**about, stage=stage, limit=1_000))
            for stage in WORDS["lifecycle"]
        }
        counted = lifecycle.counts(**about)
        program = lifecycle.program_rhythm(**about)
        warned = lifecycle.warnings(**about, limit=1_000)

    wanted: dict[str, set[int]] = {stage: set() for stage in WORDS["lifecycle"]}
    for pk, person in found.persons.items():
        wanted[person.lifecycle].add(pk)
    assert stages == wanted
    assert counted == {stage: len(members) for stage, members in wanted.items()}
    assert program.rhythm == found.program
    assert warned.total == len(warned.rows) and {row.member_id for row in warned.rows} <= wanted["decline"]


@pytest.mark.parametrize("seed", range(3))
def test_everybodys_scores_are_those_of_the_pure_rule(cast, seed):
    from members.lib import rfm as rule
    from members.selectors import rfm

    ledger.open_shop(cast.shop, NOON)
    today = NOON.date()
    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        found = people.populate(cast.shop, today, members=(60, 150, 3)[seed], seed=seed)
        scores = rfm.scores(merchant=cast.shop, at=NOON)
        grid = rfm.grid(merchant=cast.shop, at=NOON)
        cells = {
            (r, f): set(rfm.members_in(merchant=cast.shop, at=NOON, recency=r, other=f, limit=1_000))
            for r in range(1, 6)
            for f in range(1, 6)
        }

    bought = {}
    for pk, person in found.persons.items():
        days = {
            day: totals
            for day, totals in person.days.items()
            if totals[0] and rule.since(today) <= day <= today
        }
        if days:
            bought[pk] = rule.Bought(max(days), *(sum(part) for part in zip(*days.values(), strict=True)))
    wanted = rule.scores(bought)
    assert scores == wanted
    assert {cell: len(ids) for cell, ids in cells.items() if ids} == grid
    assert all(
        (wanted[pk].recency, wanted[pk].frequency) == cell for cell, ids in cells.items() for pk in ids
    )
