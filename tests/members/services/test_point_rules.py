"""The numbers of the point rules: the service refuses what is out of range, whatever door it came by."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import transaction
from django.utils import translation

from members.lib import tenant as tenancy
from members.lib.earning import Earning
from members.lib.refusals import Invalid
from members.models import AuditRow, Merchant, RulesVersion, Tier
from members.selectors import point_trial
from members.services import point_rules
from members.services.audit import Actor
from tests.conftest import NOON
from tests.members.services.till import Till, at

JOB = Actor.job("test")


@pytest.fixture
def shop(cast):
    with tenancy.tenant(cast.shop.pk):
        yield cast.shop


def configure(shop, **values) -> RulesVersion:
    return point_rules.configure(
        merchant_id=shop.pk, at=NOON, actor=JOB, **{"per_major": Decimal(1), **values}
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("adjust_limit", -1),
        ("adjust_limit", 10**12 + 1),
        ("adjust_limit", True),
        ("adjust_limit", Decimal("1.5")),
        ("give_back_days", -1),
        ("give_back_days", 3651),
        ("give_back_days", None),
        ("give_back_days", "30"),
        ("point_cost", Decimal("-0.01")),
        ("point_cost", Decimal("999900.01")),
        ("point_cost", Decimal("NaN")),
        ("point_cost", Decimal("Infinity")),
        ("point_cost", Decimal("0.0000001")),
        ("point_cost", "1"),
    ],
)
def test_a_number_out_of_its_range_is_refused_on_its_field_and_changes_nothing(shop, field, value):
    configure(shop)
    before = RulesVersion.objects.of(shop).count(), AuditRow.objects.of(shop).count()

    with pytest.raises(Invalid) as refused:
        configure(shop, per_major=Decimal(2), **{field: value})

    assert list(refused.value.errors) == [field]
    assert (RulesVersion.objects.of(shop).count(), AuditRow.objects.of(shop).count()) == before


@pytest.mark.parametrize(
    "values",
    [
        {"adjust_limit": None, "point_cost": None, "give_back_days": 0},
        {"adjust_limit": 0, "point_cost": Decimal(0), "give_back_days": 3650},
        {"adjust_limit": 10**12, "point_cost": Decimal("999900")},
        {"point_cost": Decimal("0.000001")},
    ],
)
def test_the_ends_of_the_ranges_are_taken(shop, values):
    version = configure(shop, **values)

    version.refresh_from_db()
    assert {name: getattr(version, name) for name in values} == values


def test_a_cost_that_the_column_cannot_hold_is_refused_in_a_currency_of_three_digits(shop):
    with tenancy.platform():
        type(shop).objects.filter(pk=shop.pk).update(currency="KWD")

    with pytest.raises(Invalid) as refused:
        configure(shop, point_cost=Decimal(9_999_000))

    assert list(refused.value.errors) == ["point_cost"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("rules", "told"),
    [
        ({"per_major": Decimal(1_000_000)}, "A rate lies between 0 and 999,999, not 1000000."),
        (
            {"tier_multipliers": {"base": Decimal(1_000_000)}},
            "A rate lies between 0 and 999,999, not 1000000.",
        ),
        ({"point_cost": Decimal("1E+30")}, "“1E+30” does not lie between 0 and 999,900."),
        ({"pending_days": 1.5}, "Points wait 0 to 3650 days, not 1.5."),
        ({"pending_days": True}, "Points wait 0 to 3650 days, not True."),
        ({"expiry": "rolling"}, "An expiry is an object of names and values."),
    ],
)
def test_a_number_that_no_column_holds_is_refused_in_words(rules, told):
    till = Till()

    with translation.override("en"), pytest.raises(Invalid) as refused:
        till.configure("2024-01-01", **rules)

    assert refused.value.detail == told


@pytest.mark.django_db
def test_no_order_earns_more_than_anybody_can_have_whatever_the_rules_multiply():
    till = Till()
    till.configure("2024-01-01", per_major=Decimal(999_999), tier_multipliers={"base": Decimal(999_999)})

    till.put("2024-01-02", "o", 10**15 - 1)
    assert till.balance() == (10**12, 0, 0)
    till.refund("2024-01-03", "o", "r")
    assert till.balance() == (0, 0, 0)

    times = [{"code": f"c{n}", "multiplier": "100"} for n in range(50)]
    till.configure("2024-01-04", earning=Earning.read({"campaigns": times}))
    till.put("2024-01-05", "p", 10**6)
    assert till.balance() == (10**12, 0, 0)
    till.prove()


@pytest.mark.django_db
def test_a_trial_of_a_rule_that_multiplies_without_end_is_a_number():
    till = Till()
    for n in range(20):
        till.put("2024-01-02", f"o{n}", 10**15 - 1)

    with tenancy.tenant(till.id), transaction.atomic():
        merchant = Merchant.objects.get(pk=till.id)
        found = point_trial.trial(
            merchant=merchant,
            at=at("2024-01-03"),
            tiers=list(Tier.objects.of(till.id)),
            per_major=Decimal(999_999),
            multipliers={"base": Decimal(1000)},
        )

    assert found.total.orders == 20
    assert found.total.would_earn > 2**63
