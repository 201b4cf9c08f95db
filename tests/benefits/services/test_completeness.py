"""What is published says what members get (domain.md 3): an empty promise holds off no clearance."""

from __future__ import annotations

from typing import Any

import pytest

from benefits.lib.kinds import KINDS
from benefits.lib.prices import PriceRow
from benefits.models import Benefit, BenefitRevision, BenefitStatus
from benefits.selectors.coverage import stored
from benefits.services import benefits
from benefits.services.arguments import Arguments
from members.lib.refusals import Invalid
from tests.benefits.services.test_benefits import DAY, JOB, publish, shop, written  # noqa: F401

PRICE = PriceRow(sku="tea", list_minor=1000, price_minor=900)
EMPTY: list[tuple[str, dict[str, Any], str]] = [
    ("coupon", {}, "off_minor"),
    ("coupon", {"off_minor": None}, "off_minor"),
    ("coupon", {"at_least_minor": 10_000}, "off_minor"),
    ("coupon", {"max_off_minor": 500}, "off_minor"),
    ("repurchase_coupon", {"valid_days": 30}, "off_minor"),
    ("discount", {}, "percent"),
    ("discount", {"percent": 90, "off_minor": 100}, "off_minor"),
    ("points_offset", {"points": 100}, "off_minor"),
    ("points_offset", {"points": 0, "off_minor": 100}, "points"),
    ("fan_price", {"percent": 90, "skus": [""]}, "skus"),
    ("fan_price", {}, "percent"),
    ("member_price", {}, "prices"),
    ("member_price", {"list": {"rows": 3, "lower": 3, "digest": "x"}}, "list"),
    ("member_price", {"list": {"rows": 3, "lower": 3}, "percent": 100}, "list"),
]


@pytest.mark.parametrize(("kind", "settings", "field"), EMPTY)
def test_what_says_not_what_members_get_is_not_published_and_covers_nothing(
    shop,  # noqa: F811
    noon,
    kind,
    settings,
    field,
):
    before = written(shop)

    with pytest.raises(Invalid) as refused:
        publish(shop, noon, kind, settings=settings)

    assert list(refused.value.errors) == [field]
    assert written(shop) == before and stored(merchant_id=shop.pk) == ()


@pytest.mark.parametrize(
    ("kind", "settings", "prices"),
    [
        ("coupon", {"off_minor": 500}, None),
        ("coupon", {"off_percent": 5, "at_least_minor": 10_000}, None),
        ("member_price", {"percent": 90}, None),
        ("member_price", {"off_minor": 100}, None),
        ("member_price", {"fixed_minor": 990}, None),
        ("member_price", {}, [PRICE]),
        ("free_shipping", {}, None),
    ],
)
def test_what_says_what_members_get_is_published(shop, noon, kind, settings, prices):  # noqa: F811
    made = publish(shop, noon, kind, settings=settings, prices=prices)

    assert made.status == BenefitStatus.PUBLISHED and stored(merchant_id=shop.pk)


def test_a_play_publishes_without_settings_as_its_contract_says(shop, noon):  # noqa: F811
    for kind in KINDS:
        publish(shop, noon, kind, settings={}, as_scripted=True)

    assert {row.kind for row in stored(merchant_id=shop.pk)} == set(KINDS)


def test_an_empty_draft_is_kept_and_kept_again_and_not_published(shop, noon):  # noqa: F811
    rest = {"merchant_id": shop.pk, "at": noon, "actor": JOB}
    draft = benefits.save_draft(arguments=Arguments(kind="coupon"), **rest)
    again = benefits.save_draft(
        arguments=Arguments(kind="coupon", name="Soon"), public_id=draft.public_id, **rest
    )

    with pytest.raises(Invalid):
        benefits.publish_benefit(kind="coupon", public_id=draft.public_id, **rest)

    again.refresh_from_db()
    assert (again.status, again.name) == (BenefitStatus.DRAFT, "Soon")


def test_a_change_does_not_empty_a_benefit(shop, noon):  # noqa: F811
    made = publish(shop, noon)
    rest = {"merchant_id": shop.pk, "at": noon + DAY, "actor": JOB, "benefit_id": made.pk}

    for change in ({"settings": {}}, {"settings": {"at_least_minor": 100}}, {"kind": "member_price"}):
        with pytest.raises(Invalid):
            benefits.change_benefit(**change, **rest)

    made.refresh_from_db()
    assert (made.kind, made.settings) == ("coupon", {"off_minor": 500})
    assert BenefitRevision.objects.of(shop).count() == 1


def test_one_that_a_play_left_empty_can_be_renamed_paused_and_ended(shop, noon):  # noqa: F811
    made = publish(shop, noon, settings={}, as_scripted=True)
    rest = {"merchant_id": shop.pk, "actor": JOB, "benefit_id": made.pk}

    renamed = benefits.change_benefit(at=noon + DAY, name="Old coupon", **rest)
    benefits.pause_benefit(at=noon + 2 * DAY, **rest)
    ended = benefits.end_benefit(at=noon + 3 * DAY, **rest)

    assert (renamed.name, ended.status) == ("Old coupon", BenefitStatus.ENDED)


def test_a_list_stays_with_a_change_of_the_rest(shop, noon):  # noqa: F811
    made = publish(shop, noon, "member_price", settings={}, prices=[PRICE])

    changed = benefits.change_benefit(
        merchant_id=shop.pk,
        at=noon + DAY,
        actor=JOB,
        benefit_id=made.pk,
        settings=dict(made.settings),
        name="Tea",
    )

    assert changed.settings["list"]["rows"] == 1 and Benefit.objects.of(shop).count() == 1
