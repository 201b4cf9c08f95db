"""The numbers of the point rules: the service refuses what is out of range, whatever door it came by."""

from __future__ import annotations

from decimal import Decimal

import pytest

from members.lib import tenant as tenancy
from members.lib.refusals import Invalid
from members.models import AuditRow, RulesVersion
from members.services import point_rules
from members.services.audit import Actor
from tests.conftest import NOON

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
