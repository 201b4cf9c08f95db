"""Prices of the catalogue through time (domain.md 7)."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from benefits.lib.quotes import Cut, PriceRules, Reward, SkuPrices
from benefits.models import PriceVersion, SkuPrice
from benefits.selectors import quotes
from benefits.services import pricing
from members.lib import tenant as tenancy
from members.lib.refusals import Invalid
from members.services.audit import Actor
from tests.conftest import NOON

JOB = Actor.job("test")
A = SkuPrices("A", 1_000, members={"gold": Cut("percent", Decimal("90"))})
B = SkuPrices("B", 2_000, fans=Cut("off", Decimal(100)))


@pytest.fixture
def configure(cast):
    def at(hours, *catalogue, rules=PriceRules()):  # noqa: B008 (frozen)
        return pricing.configure(
            merchant_id=cast.shop.pk,
            at=NOON + dt.timedelta(hours=hours),
            actor=JOB,
            rules=rules,
            catalogue=catalogue,
        )

    with tenancy.tenant(cast.shop.pk):
        yield at


def test_only_prices_that_differ_are_written_and_nothing_when_none_does(cast, configure):
    first = configure(0, A, B)
    again = configure(1, A, B)
    assert again == first and SkuPrice.objects.of(cast.shop).count() == 2

    configure(2, A, SkuPrices("B", 2_100))

    rows = SkuPrice.objects.of(cast.shop).order_by("sku", "from_at").values_list("sku", "list_minor", "to_at")
    assert list(rows) == [
        ("A", 1_000, None),
        ("B", 2_000, NOON + dt.timedelta(hours=2)),
        ("B", 2_100, None),
    ]
    assert PriceVersion.objects.of(cast.shop).count() == 2


def test_a_quote_of_a_past_instant_stays_what_it_was(cast, configure):
    def total(hours):
        return quotes.quoted(
            merchant_id=cast.shop.pk,
            member_id=None,
            lines=[("A", 1)],
            follows=False,
            at=NOON + dt.timedelta(hours=hours),
        ).total_minor

    configure(0, A)
    before = total(1)
    configure(2, SkuPrices("A", 900), rules=PriceRules(rewards=(Reward(100, 50),)))

    assert (before, total(1), total(2)) == (1_000, 1_000, 850)


@pytest.mark.parametrize("catalogue", [(A, A), (SkuPrices("", 1),), (SkuPrices("x" * 65, 1),)])
def test_a_catalogue_that_cannot_be_is_refused_and_changes_nothing(cast, configure, catalogue):
    configure(0, B)
    with pytest.raises(Invalid):
        configure(1, *catalogue)
    assert list(SkuPrice.objects.of(cast.shop).values_list("sku", "to_at")) == [("B", None)]


def test_prices_of_before_the_present_version_are_refused_and_change_nothing(cast, configure):
    configure(2, A)
    with pytest.raises(Invalid, match="later version"):
        configure(1, B)
    assert list(SkuPrice.objects.of(cast.shop).values_list("sku", "to_at")) == [("A", None)]
