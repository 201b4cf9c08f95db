"""A benefit on no counted channel, or of no SKU in stock, does not count where the policy says so (domain.md 3)."""

from __future__ import annotations

import pytest
from django.db import transaction

from benefits.lib import usefulness as rule
from benefits.models import BenefitRevision, CatalogueSku, Coverage
from benefits.services import benefits
from benefits.web import words
from compliance.selectors import decision_replay, outlook, policies
from members.lib import tenant as tenancy
from tests.compliance.services.conftest import JOB, at
from tests.compliance.services.test_paper_rules import evidence, judged, listed, price_table


@pytest.fixture
def shop(platform):
    return platform.shop("2023-10-01")


@pytest.mark.parametrize(
    ("scope", "outcome"),
    [
        ({"channels": ["other"]}, ("cleared", "uncovered")),
        ({"stores": ["other:kiosk"]}, ("cleared", "uncovered")),
        ({"channels": ["other", "taobao"]}, ("kept", "covered")),
        ({}, ("kept", "covered")),
    ],
)
def test_a_benefit_on_no_counted_channel_saves_nobody(platform, shop, scope, outcome):
    platform.policy("2024-01-01", uncounted_channels=["other"])
    coupon = platform.coupon(shop, "2024-06-01", scope=scope, as_scripted=True)

    with tenancy.tenant(shop.pk), transaction.atomic():
        told = words.why_not_counted(coupon, "CNY", at("2024-06-01"))
    platform.assess("2024-06-12 04:00")
    with tenancy.platform(), transaction.atomic():
        tried = policies.history()
        (change, *_later) = outlook.compare(tried, tried, at=at("2024-06-12 12:00"))

    assert judged(platform, shop) == outcome
    is_paper = outcome[0] == "cleared"
    assert ["channels that do not count (Other)" in each for each in told] == [True] * is_paper
    assert evidence(shop, "2024-06-27 22:00") == [(not is_paper, "channel" if is_paper else "counted")]
    assert change.without == change.with_it == is_paper
    with tenancy.platform(), transaction.atomic():
        assert decision_replay.find(run="2024-06", program=shop.slug).differing == []


def test_a_policy_that_counts_every_channel_counts_it(platform, shop):
    platform.coupon(shop, "2024-06-01", scope={"channels": ["other"]})

    assert judged(platform, shop) == ("kept", "covered")


def test_narrowing_a_scope_is_a_change_that_ends_what_counted_and_is_kept_in_the_history(platform, shop):
    platform.policy("2024-01-01", uncounted_channels=["other"])
    coupon = platform.coupon(shop, "2024-02-01")
    with tenancy.tenant(shop.pk):
        benefits.change_benefit(
            merchant_id=shop.pk, benefit_id=coupon.pk, at=at("2024-03-20"), actor=JOB,
            scope={"channels": ["other"]},
        )  # fmt: skip

    with tenancy.tenant(shop.pk), transaction.atomic():
        rows = [(row.scope, row.configures) for row in BenefitRevision.objects.of(shop.pk).order_by("number")]
        kept = {row.doubts: row.in_force for row in Coverage.objects.of(shop.pk)}
    assert rows == [({}, True), ({"channels": ["other"]}, True)]
    assert kept[0][-1].end == at("2024-03-20")
    assert set(kept) == {0, rule.channel_marks({"channels": ["other"]})}
    assert judged(platform, shop) == ("cleared", "uncovered")


def stocked(shop, sku: str, stock: int | None) -> None:
    with tenancy.tenant(shop.pk), transaction.atomic():
        CatalogueSku.objects.update_or_create(
            merchant_id=shop.pk, sku=sku,
            defaults={"stock": stock, "list_minor": 10_000, "name": sku, "changed_at": at("2024-01-01")},
        )  # fmt: skip


@pytest.mark.parametrize(
    ("stock", "outcome"),
    [(0, ("cleared", "uncovered")), (1, ("kept", "covered")), (None, ("kept", "covered"))],
)
def test_a_sku_of_which_nothing_is_left_is_not_sellable_one_that_is_not_counted_is(
    platform, shop, stock, outcome
):
    platform.policy("2024-01-01", paper_rules=["scope"])
    price_table(shop, "tea")
    stocked(shop, "tea", stock)
    listed(shop, "2024-06-01", "tea")

    assert judged(platform, shop) == outcome
