"""Points multipliers and check-ins: what the benefit promises is what the rules of earning give, and nothing else."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import transaction

from benefits.models import Benefit
from members.lib import tenant as tenancy
from members.lib.earning import Earning
from members.lib.refusals import Invalid
from members.models import RulesVersion
from members.services import earning_rules, tier_rules
from members.services.earning import ActivityNotRewarded
from tests.benefits.counter import Counter
from tests.members.services.test_earning import earn, words
from tests.members.services.till import JOB, OPENED, at

pytestmark = pytest.mark.django_db
TIERS = [{"code": "base"}, {"code": "silver", "all": {"spend_minor": 100_000}}]


@pytest.fixture
def shop() -> Counter:
    made = Counter()
    with tenancy.tenant(made.id), transaction.atomic():
        tier_rules.configure(merchant_id=made.id, at=OPENED, actor=JOB, ladder=TIERS)
    return made


def double(shop: Counter, when: str = "2024-01-01", **more) -> Benefit:
    settings = {"multiplier": "2", **more.pop("settings", {})}
    return shop.publish("points_multiplier", when, name="Double days", settings=settings, **more)


def checks(shop: Counter, when: str = "2024-01-01", **more) -> Benefit:
    settings = {"points": 5, "streaks": [{"days": 3, "points": 20}], **more.pop("settings", {})}
    return shop.publish("check_in", when, name="Come by", settings=settings, **more)


def earned(shop: Counter, when: str, order: str, member: str = "m", **more) -> int:
    """The points of an order over 10 yuan."""
    before = shop.balance(member)[0]
    shop.put(when, order, 10_00, member=member, **more)
    return shop.balance(member)[0] - before


def versions(shop: Counter) -> list[RulesVersion]:
    with tenancy.tenant(shop.id), transaction.atomic():
        return list(RulesVersion.objects.of(shop.id).order_by("number"))


def rules(shop: Counter) -> Earning:
    return Earning.read(versions(shop)[-1].earning)


# --- multiplier


def test_orders_earn_more_while_it_is_in_force_and_the_entry_says_by_which_benefit(shop):
    benefit = double(shop, to_at=at("2024-01-11 00:00"))

    assert earned(shop, "2024-01-10 23:59", "o1") == 20
    assert "Campaign “Double days”: × 2 on lines 1: 10 points more." in words(shop)[1]
    assert earned(shop, "2024-01-11 00:00", "o2") == 10
    (campaign,) = rules(shop).campaigns
    assert (campaign.owner, campaign.multiplier) == (benefit.public_id, Decimal(2))
    shop.prove()


@pytest.mark.parametrize(
    ("days", "yes", "no"),
    [
        ({"weekdays": [2]}, ["2024-01-02", "2024-01-09"], ["2024-01-03", "2024-01-08"]),
        ({"month_days": [8, 31]}, ["2024-01-08", "2024-02-08", "2024-03-31"], ["2024-02-29", "2024-03-01"]),
        ({"dates": ["2024-11-11"]}, ["2024-11-11 00:00", "2024-11-11 23:59"], ["2024-11-12 00:00"]),
        (
            {"weekdays": [5], "month_days": [9]},
            ["2024-01-05", "2024-01-09"],
            ["2024-01-10"],
        ),
    ],
)
def test_on_repeated_days_the_ledger_gives_it_on_those_days_alone(shop, days, yes, no):
    double(shop, settings=days)

    given = {when: earned(shop, when, f"o {when}") for when in sorted([*yes, *no])}

    assert given == {when: 20 if when in yes else 10 for when in given}


def test_a_pause_stops_it_for_orders_paid_meanwhile_and_those_paid_before_keep_it(shop):
    benefit = double(shop)
    shop.move(benefit, "pause", "2024-02-01")
    assert earned(shop, "2024-02-02", "late", paid_at=at("2024-01-31")) == 20
    assert earned(shop, "2024-02-02", "o1") == 10

    shop.move(benefit, "resume", "2024-03-01")

    assert earned(shop, "2024-03-02", "o2") == 20
    assert earned(shop, "2024-03-02", "o3", paid_at=at("2024-02-15")) == 10, "paid in the pause"
    shop.move(benefit, "end", "2024-04-01")
    assert earned(shop, "2024-04-01 12:01", "o4") == 10


def test_a_change_holds_from_then_on_and_one_that_changes_nothing_writes_no_rules(shop):
    benefit = double(shop)
    shop.move(benefit, "change", "2024-02-01", settings={"multiplier": "3"})
    assert earned(shop, "2024-02-02", "o1") == 30
    before = len(versions(shop))
    shop.move(benefit, "change", "2024-02-03", settings={"multiplier": "3"})
    shop.move(benefit, "change", "2024-02-03", name="Double days")
    assert len(versions(shop)) == before
    shop.move(benefit, "change", "2024-02-04", kind="priority_shipping", settings={})
    assert earned(shop, "2024-02-05", "o2") == 10


def test_one_that_is_put_off_rests_until_it_begins_again(shop):
    benefit = double(shop)
    shop.move(benefit, "change", "2024-02-01", from_at=at("2024-03-01"))
    assert earned(shop, "2024-02-02", "o1") == 10
    assert earned(shop, "2024-02-02", "late", paid_at=at("2024-01-20")) == 20
    assert earned(shop, "2024-03-01 12:01", "o2") == 20


def test_one_that_begins_later_waits_and_its_caps_hold(shop):
    double(shop, from_at=at("2024-02-01 00:00"), settings={"day_most": 15})
    assert earned(shop, "2024-01-31 23:59", "o1") == 10
    assert [earned(shop, "2024-02-01", f"o{n}") for n in (2, 3, 4)] == [20, 15, 10]


@pytest.mark.parametrize(("limit", "last"), [("day_most", 15), ("member_most", 15)])
def test_a_pause_does_not_begin_its_caps_anew(shop, limit, last):
    benefit = double(shop, settings={limit: 15})
    assert earned(shop, "2024-02-01 09:00", "o1") == 20
    shop.move(benefit, "pause", "2024-02-01 10:00")
    shop.move(benefit, "resume", "2024-02-01 11:00")
    assert [earned(shop, "2024-02-01 12:01", f"o{n}") for n in (2, 3)] == [last, 10]
    shop.prove()


def test_it_is_for_the_tiers_that_it_names(shop):
    double(shop, audience={"tiers": ["silver"]})
    shop.put("2024-01-02", "big", 1000_00)
    shop.join("ann")
    assert earned(shop, "2024-01-03", "o1") == 20
    assert earned(shop, "2024-01-03", "o2", member="ann") == 10


def test_when_its_days_are_over_it_can_still_be_named_anew_and_ended(shop):
    benefit = double(shop, settings={"dates": ["2024-01-05"]})
    shop.move(benefit, "change", "2024-02-01", name="It was a day")
    with pytest.raises(Invalid):
        shop.move(benefit, "change", "2024-02-01", settings={"multiplier": "3", "dates": ["2024-01-06"]})
    shop.move(benefit, "pause", "2024-02-02")
    shop.move(benefit, "resume", "2024-02-03")
    assert shop.move(benefit, "end", "2024-02-04").status == "ended"


def test_two_of_them_multiply_each_other_as_campaigns_do(shop):
    double(shop)
    double(shop, settings={"multiplier": "1.5"})
    assert earned(shop, "2024-01-02", "o") == 30


def test_its_campaign_is_changed_by_the_benefit_alone(shop):
    double(shop)
    (campaign,) = rules(shop).campaigns
    before = len(versions(shop))
    with tenancy.tenant(shop.id):
        for act in (
            lambda who: earning_rules.end_campaign(code=campaign.code, **who),
            lambda who: earning_rules.put_campaign(campaign=campaign, is_new=False, **who),
        ):
            with pytest.raises(Invalid):
                act({"merchant_id": shop.id, "at": at("2024-02-01"), "actor": JOB})
    assert len(versions(shop)) == before


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"settings": {"multiplier": "0.5"}}, "multiplier"),
        ({"settings": {"multiplier": "2.005"}}, "multiplier"),
        ({"settings": {"multiplier": None}}, "multiplier"),
        ({"settings": {"weekdays": [8]}}, "weekdays"),
        ({"settings": {"month_days": "8"}}, "month_days"),
        ({"settings": {"dates": ["11 November"]}}, "dates"),
        ({"settings": {"dates": ["2023-11-11"]}}, "dates"),
        ({"settings": {"weekdays": [1]}, "to_at": at("2024-01-05")}, None),
        ({"settings": {"weekdays": [7]}, "to_at": at("2024-01-05")}, "dates"),
        ({"audience": {"segments": ["abcdefgh23456789"]}}, "audience"),
    ],
)
def test_what_it_cannot_keep_is_refused_and_no_rules_are_written(shop, more, field):
    before = len(versions(shop))
    if field is None:
        double(shop, **more)
        return
    with pytest.raises(Invalid) as caught:
        double(shop, **more)
    assert field in caught.value.errors and len(versions(shop)) == before


def test_a_plays_words_move_no_points(shop):
    benefit = double(shop, as_scripted=True)
    shop.move(benefit, "pause", "2024-01-02", as_scripted=True)
    shop.move(benefit, "resume", "2024-01-03", as_scripted=True)
    assert earned(shop, "2024-01-04", "o") == 10


def test_points_are_multiplied_on_the_channels_and_in_the_scenes_of_the_benefit(shop):
    double(shop, scope={"channels": ["jd"]})
    assert earned(shop, "2024-01-02", "web") == 10
    assert earned(shop, "2024-01-02", "jd", channel="jd") == 20


@pytest.mark.parametrize(
    ("make", "scope"), [(double, {"stores": ["pos:001"]}), (checks, {"channels": ["jd"]})]
)
def test_a_scope_that_the_rules_cannot_keep_is_refused_and_nothing_is_published(shop, make, scope):
    before = len(versions(shop))
    with pytest.raises(Invalid) as refused:
        make(shop, scope=scope)
    assert list(refused.value.errors) == ["scope"]
    with tenancy.tenant(shop.id), transaction.atomic():
        published = Benefit.objects.of(shop.id).count()
    assert (len(versions(shop)), published) == (before, 0)


# --- check-in


def test_each_day_brings_points_and_a_row_of_days_more_and_the_entry_says_why(shop):
    checks(shop)

    given = [earn(shop, f"2024-01-0{day}", "check_in").points for day in (1, 2, 3, 4, 6)]

    assert given == [5, 5, 25, 5, 5]
    told = words(shop)[1]
    assert told[1] == "They come by the benefit “Come by”."
    again = earn(shop, "2024-01-06 23:59", "check_in")
    assert (again.points, again.is_new) == (0, False)
    shop.prove()


def test_several_rows_count_up_to_the_longest_and_then_anew(shop):
    checks(shop, settings={"streaks": [{"days": 4, "points": 40}, {"days": 2, "points": 10}]})
    given = [earn(shop, f"2024-01-{day:02}", "check_in").points for day in range(1, 8)]
    assert given == [5, 15, 5, 45, 5, 15, 5]


def test_a_check_in_is_rewarded_while_the_benefit_is_in_force(shop):
    benefit = checks(shop, to_at=at("2024-01-10 00:00"))
    earn(shop, "2024-01-09", "check_in")
    assert isinstance(shop.refused(lambda: earn(shop, "2024-01-10", "check_in")), ActivityNotRewarded)
    shop.move(benefit, "change", "2024-01-11", to_at=None)
    earn(shop, "2024-01-12", "check_in")
    shop.move(benefit, "pause", "2024-01-13")
    assert isinstance(shop.refused(lambda: earn(shop, "2024-01-14", "check_in")), ActivityNotRewarded)


def test_of_several_rules_the_one_that_gives_most_that_day_does(shop):
    shop.configure("2024-01-01", earning=Earning.read({"events": {"check_in": {"points": 7}}}))
    checks(shop)
    given = [earn(shop, f"2024-01-0{day}", "check_in").points for day in (1, 2, 3)]
    assert given == [7, 7, 25]
    assert "They come by the benefit “Come by”." in words(shop)[1]


def test_it_is_for_the_tiers_that_it_names_the_lowest_among_them(shop):
    checks(shop, audience={"tiers": ["base"]})
    shop.join("ann")
    shop.put("2024-01-02", "big", 1000_00)
    assert earn(shop, "2024-01-03", "check_in", member="ann").points == 5
    assert isinstance(shop.refused(lambda: earn(shop, "2024-01-03", "check_in")), ActivityNotRewarded)


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"points": -1}, "points"),
        ({"points": None}, "points"),
        ({"streaks": [{"days": 1, "points": 5}]}, "streaks"),
        ({"streaks": [{"days": 3, "points": 5}, {"days": 3, "points": 6}]}, "streaks"),
        ({"streaks": 7}, "streaks"),
    ],
)
def test_settings_that_say_no_check_in_are_refused(shop, settings, field):
    before = len(versions(shop))
    with pytest.raises(Invalid) as caught:
        checks(shop, settings=settings)
    assert field in caught.value.errors and len(versions(shop)) == before
