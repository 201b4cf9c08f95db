"""What speaks against a benefit that somebody can use: a threshold above the orders, no saving, few people."""

from __future__ import annotations

from decimal import Decimal

import pytest

from benefits.lib import usefulness as rule
from benefits.lib.usefulness import OrderFigures

MANY = OrderFigures(count=100, median_minor=10_000, p95_minor=23_000)
FEW = OrderFigures(count=19)


def doubts(settings, orders=MANY, *, kind="coupon", listed=None, audience=None) -> tuple[str, ...]:
    saving = rule.saving_of(kind, settings, orders, listed)
    threshold = rule.threshold_of(settings)
    return rule.slugs(rule.doubts(threshold=threshold, orders=orders, saving=saving, audience=audience))


@pytest.mark.parametrize(
    ("settings", "orders", "found"),
    [
        ({"off_minor": 100, "at_least_minor": 9_999_900}, MANY, ("threshold", "saving")),
        ({"off_minor": 100, "at_least_minor": 9_999_900}, FEW, ("saving",)),
        ({"off_minor": 1_000, "at_least_minor": 23_000}, MANY, ()),
        ({"off_minor": 1_000, "at_least_minor": 23_001}, MANY, ("threshold",)),
        ({"off_minor": 1_000, "at_least_minor": 23_001}, FEW, ()),
        ({"off_minor": 100, "at_least_minor": 10_000}, MANY, ()),
        ({"off_minor": 99, "at_least_minor": 10_000}, MANY, ("saving",)),
        ({"off_minor": 99}, MANY, ("saving",)),
        ({"off_minor": 99}, FEW, ()),
        ({"off_percent": "0.99"}, MANY, ("saving",)),
        ({"off_percent": 1}, MANY, ()),
        ({"off_percent": 50, "at_least_minor": 20_000, "max_off_minor": 199}, MANY, ("saving",)),
        ({}, MANY, ()),
    ],
)
def test_a_coupon_is_measured_against_its_threshold_and_the_orders(settings, orders, found):
    assert doubts(settings, orders) == found


@pytest.mark.parametrize(("percent", "found"), [(99, ()), ("99.5", ("saving",)), (80, ())])
def test_the_per_cent_of_a_member_price_is_what_is_paid(percent, found):
    assert doubts({"percent": percent}, kind="member_price") == found


def test_a_price_list_saves_what_its_best_price_saves():
    assert rule.best_of([(10_000, 9_950), (10_000, 9_500)]) == Decimal("0.05")
    assert rule.best_of([]) is None
    assert doubts({"list": {}}, kind="member_price", listed=Decimal("0.005")) == ("saving",)
    assert doubts({"list": {}}, kind="member_price", listed=Decimal("0.05")) == ()


@pytest.mark.parametrize("audience", [0, 4, 5, 99, 100, None])
@pytest.mark.parametrize("least", rule.AUDIENCE_STEPS)
def test_a_policy_refuses_exactly_the_audiences_below_its_own_size(audience, least):
    found = rule.audience_doubts(audience)

    assert bool(found & rule.refused_by((), least)) is (audience is not None and audience < least)
    assert not found & rule.refused_by(rule.RULES, 0)


def test_each_rule_is_switched_by_itself():
    found = rule.THRESHOLD | rule.SAVING

    assert found & rule.refused_by(["threshold"], 0) == rule.THRESHOLD
    assert found & rule.refused_by(["saving"], 0) == rule.SAVING
    assert found & rule.refused_by([], 0) == 0
