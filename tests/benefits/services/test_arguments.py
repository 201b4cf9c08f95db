"""What is said about a benefit must be known: the names of its settings, and the tiers of its audience."""

from __future__ import annotations

from typing import Any

import pytest

from benefits.lib.kinds import KINDS
from benefits.models import Benefit, BenefitStatus
from benefits.services import benefits
from benefits.services.arguments import Arguments
from benefits.services.cures import ready_choices
from members.lib import tenant as tenancy
from members.lib.refusals import Invalid
from members.services import members, programs, tier_rules
from tests.benefits.services.test_audiences import LADDER
from tests.benefits.services.test_benefits import DAY, JOB, publish, shop, written  # noqa: F401

BASE = LADDER[:1]


def climb(shop, at, ladder=LADDER) -> None:  # noqa: F811
    tier_rules.configure(merchant_id=shop.pk, at=at, actor=JOB, ladder=ladder)


def change(shop, benefit, at, **arguments: Any) -> Benefit:  # noqa: F811
    return benefits.change_benefit(merchant_id=shop.pk, at=at, actor=JOB, benefit_id=benefit.pk, **arguments)


@pytest.mark.parametrize("code", KINDS)
def test_every_kind_refuses_a_setting_that_it_does_not_know_and_names_those_it_knows(shop, noon, code):  # noqa: F811
    before = written(shop)

    with pytest.raises(Invalid) as refused:
        publish(shop, noon, code, settings={"of_minor": 5})

    told = str(refused.value.errors["settings.of_minor"])
    assert "“of_minor”" in told and ", ".join(KINDS[code].names) in told
    assert KINDS[code].names and written(shop) == before


def test_every_unknown_setting_is_named_by_its_place(shop, noon):  # noqa: F811
    prizes = [{"name": "Tea", "count": 1}, {"name": "Cup", "count": 1, "colour": "blue"}]

    with pytest.raises(Invalid) as refused:
        publish(shop, noon, "lucky_draw", settings={"prizes": prizes, "rules": "", "odds": 3})

    assert set(refused.value.errors) == {"settings.prizes[1].colour", "settings.rules", "settings.odds"}
    assert "name, count, value_minor" in str(refused.value.errors["settings.prizes[1].colour"])
    assert Benefit.objects.of(shop).count() == 0


def test_drafts_and_benefits_published_together_are_asked_the_same(shop, noon):  # noqa: F811
    rest = {"merchant_id": shop.pk, "at": noon, "actor": JOB}
    before = written(shop)

    for wrong in (
        Arguments(kind="coupon", settings={"of_minor": 5}),
        Arguments(kind="coupon", audience="gold"),
    ):
        with pytest.raises(Invalid):
            benefits.save_draft(arguments=wrong, **rest)
        with pytest.raises(Invalid):
            benefits.publish_many(
                benefits=[Arguments(kind="coupon", settings={"off_minor": 5}), wrong], **rest
            )

    assert written(shop) == before


def test_settings_may_be_spelled_freely_where_the_door_says_so(shop, noon):  # noqa: F811
    made = publish(shop, noon, settings={"of_minor": 5}, as_scripted=True)

    changed = change(shop, made, noon + DAY, settings={"minor_off": [5]}, as_scripted=True)

    assert changed.settings == {"minor_off": [5]}


def test_a_change_of_something_else_does_not_ask_about_settings_that_stay(shop, noon):  # noqa: F811
    made = publish(shop, noon, settings={"of_minor": 5}, as_scripted=True)

    assert change(shop, made, noon + DAY, stock=3).settings == {"of_minor": 5}
    with pytest.raises(Invalid) as refused:
        change(shop, made, noon + 2 * DAY, settings={"of_minor": 6})

    assert set(refused.value.errors) == {"settings.of_minor"}
    assert Benefit.objects.of(shop).get().settings == {"of_minor": 5}


def test_an_audience_names_tiers_of_the_ladder_in_force_only(shop, noon):  # noqa: F811
    before = written(shop)

    with pytest.raises(Invalid) as refused:
        publish(shop, noon, audience={"tiers": ["base", "gold"]})

    told = str(refused.value.errors["audience"])
    assert "“gold”" in told and "base" in told
    assert written(shop) == before
    climb(shop, noon + DAY)
    assert publish(shop, noon + DAY, audience=["gold"]).audience == {"tiers": ["gold"]}
    assert publish(shop, noon + DAY, audience={"tiers": []}).audience_empty


def test_a_script_may_name_a_tier_that_nobody_knows_and_reaches_nobody(shop, noon):  # noqa: F811
    assert publish(shop, noon, audience=["gold"], as_scripted=True).audience_empty


def test_a_tier_that_has_left_the_ladder_stays_where_it_is_and_is_named_no_more(shop, noon):  # noqa: F811
    climb(shop, noon)
    made = publish(shop, noon, audience={"tiers": ["base", "gold"]})
    climb(shop, noon + DAY, BASE)

    kept = change(shop, made, noon + 2 * DAY, stock=3, audience={"tiers": ["gold", "base"]})
    with pytest.raises(Invalid):
        change(shop, made, noon + 3 * DAY, audience=["gold"])
    with pytest.raises(Invalid):
        publish(shop, noon + 3 * DAY, audience=["gold"])

    assert (kept.stock, kept.audience) == (3, {"tiers": ["base", "gold"]})
    assert [row.status for row in Benefit.objects.of(shop)] == [BenefitStatus.PUBLISHED]


@pytest.mark.parametrize(
    "arguments",
    [
        {"settings": {"of_minor": 5}, "as_scripted": True},
        {"settings": {"off_minor": 5}, "audience": {"tiers": ["base", "gold"]}},
    ],
)
def test_what_could_not_be_published_today_is_no_ready_choice(shop, noon, arguments):  # noqa: F811
    climb(shop, noon)
    programs.open_program(merchant_id=shop.pk, at=noon, actor=JOB)
    members.join(
        merchant_id=shop.pk, at=noon, actor=JOB, channel="web", external_id="m", phone="", source="page"
    )
    made = publish(shop, noon, name="Old", **arguments)
    benefits.end_benefit(merchant_id=shop.pk, at=noon + DAY, actor=JOB, benefit_id=made.pk)
    climb(shop, noon + 2 * DAY, BASE)

    choices = ready_choices(merchant_id=shop.pk, at=noon + 3 * DAY)

    assert [choice.key for choice in choices] == ["coupon", "share", "small"]


def test_another_shops_ladder_names_no_tier_of_this_one(cast, noon):
    with tenancy.tenant(cast.other.pk):
        climb(cast.other, noon)

    with tenancy.tenant(cast.shop.pk), pytest.raises(Invalid):
        publish(cast.shop, noon, audience=["gold"])

    with tenancy.tenant(cast.shop.pk):
        assert Benefit.objects.of(cast.shop).count() == 0
