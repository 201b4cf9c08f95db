"""What events bring: joining, birthdays, check-ins, reviews, surveys, referrals; each once, capped, explained."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from members.lib import tenant as tenancy
from members.lib.earning import Earning
from members.lib.refusals import Conflict, Invalid, NotCancellable, NotFound, ProgramNotOpen
from members.models import Merchant, PointsRequest
from members.selectors import entry_words
from members.services import earning, members, points_reversal, referrals
from members.services.audit import Actor
from members.services.member_lists import Joining
from tests.members.services.till import JOB, OPENED, Till, at

RULES = {
    "joining": {"points": 100},
    "birthday": {"points": 50},
    "check_in": {"points": 2, "streak_days": 3, "streak_points": 10},
    "review": {"points": 20, "day_most": 50},
    "survey": {"points": 30},
    "referral": {"points": 80, "referred_points": 40},
}


@pytest.fixture
def till(db) -> Till:
    """A shop that rewards everything; its member "m" joined before it did."""
    shop = Till()
    reward(shop, OPENED)
    return shop


def reward(shop: Till, when, **rules) -> None:
    shop.configure(when, earning=Earning.read({"events": {**RULES, **rules}}))


def earn(shop: Till, when: str, event: str, reference: str = "", member: str = "m", actor: Actor = JOB):
    with tenancy.tenant(shop.id):
        return earning.earn(
            merchant_id=shop.id,
            at=at(when),
            actor=actor,
            member_id=shop.members[member],
            event=event,
            reference=reference,
        )


def refer(shop: Till, when: str, referrer: str, referred: str):
    with tenancy.tenant(shop.id):
        return referrals.refer(
            merchant_id=shop.id,
            at=at(when),
            actor=JOB,
            referrer_id=shop.members[referrer],
            referred_id=shop.members[referred],
        )


def born(shop: Till, day: str, member: str = "m") -> None:
    with tenancy.tenant(shop.id), transaction.atomic():
        row = members.Member.objects.get(pk=shop.members[member])
        members.change(merchant_id=shop.id, at=OPENED, actor=JOB, public_id=row.public_id, birthday=day)


def words(shop: Till, member: str = "m") -> tuple[str, list[str]]:
    with tenancy.tenant(shop.id), transaction.atomic():
        merchant = Merchant.objects.get(pk=shop.id)
        why, sentences = entry_words.opened(merchant, shop.members[member], shop.entry(member).sequence)
        return entry_words.describe(why.entry), sentences


# --- joining


def test_joining_brings_its_points_once(till):
    till.join("ann", "2024-01-01")
    till.join("ann", "2024-01-02")

    assert till.entries("ann") == [("earn", 100, 0)]
    assert words(till, "ann") == (
        "Joined the program",
        ["Version 2 of the rules gives 100 points for this.", "100 new points never expire."],
    )
    till.prove()


def test_those_of_a_declared_list_joined_elsewhere_one_by_one_and_together(till):
    with tenancy.tenant(till.id):
        one = members.join(
            merchant_id=till.id, at=at("2024-01-01"), actor=JOB, channel="jd", external_id="a", source="list"
        )
        many = members.join_many(
            merchant_id=till.id, at=at("2024-01-01"), actor=JOB, people=[Joining("jd", "b", at("2024-01-01"))]
        )
    till.members |= {"a": one.pk, "b": many.ids[0]}

    assert till.entries("a") == till.entries("b") == []


def test_people_who_join_together_each_get_what_one_gets(till):
    people = [Joining("jd", f"p{n}", at("2024-01-01"), source="channel") for n in range(60)]
    with tenancy.tenant(till.id):
        ids = members.join_many(merchant_id=till.id, at=at("2024-01-01"), actor=JOB, people=people).ids
    till.members |= {f"p{n}": pk for n, pk in enumerate(ids)}

    assert {tuple(till.entries(f"p{n}")) for n in range(60)} == {(("earn", 100, 0),)}
    till.prove()


def test_a_rule_that_is_off_brings_nothing(till):
    reward(till, "2024-01-01", joining={"points": 100, "active": False})

    till.join("ann", "2024-01-02")

    assert till.entries("ann") == []
    assert isinstance(till.refused(lambda: earn(till, "2024-01-01", "sneezing")), earning.UnknownActivity)


# --- birthdays


def test_a_birthday_comes_once_a_year_on_the_merchants_day(till):
    born(till, "05-17")

    till.night("2024-05-16")
    assert till.entries() == []
    assert till.night("2024-05-17")["birthday_points"] == 50
    assert till.night("2024-05-17")["birthdays"] == 0
    till.night("2024-05-18")
    till.night("2025-05-17")

    assert till.entries() == [("earn", 50, 0)] * 2
    assert words(till)[0] == "Birthday"
    till.prove()


@pytest.mark.parametrize(
    ("day", "is_it"), [("2024-02-28", False), ("2024-02-29", True), ("2025-02-28", True)]
)
def test_the_29th_of_february_is_the_28th_in_a_common_year(till, day, is_it):
    born(till, "1996-02-29")

    assert till.night(day)["birthdays"] == int(is_it)


def test_late_jobs_worked_one_by_one_give_each_birthday_once(till):
    born(till, "05-17")
    till.join("ann", "2024-01-01")
    born(till, "05-18", "ann")

    for day in ("2024-05-16", "2024-05-17", "2024-05-18", "2024-05-17", "2024-05-18"):
        till.night(day)

    assert till.balance() == (50, 0, 0) and till.balance("ann") == (150, 0, 0)
    assert till.entry().at.date() == dt.date(2024, 5, 16)  # 03:00 in Shanghai, of the 17th


def test_a_birthday_that_was_moved_over_new_year_does_not_come_twice(till):
    born(till, "12-30")
    till.night("2024-12-30")
    born(till, "01-02")

    till.night("2025-01-02")

    assert till.balance() == (50, 0, 0)


def test_nobody_has_a_birthday_while_the_program_is_closed(till):
    born(till, "05-17")
    till.close("2024-05-01")

    assert till.night("2024-05-17")["birthdays"] == 0


def test_a_day_that_no_year_has_is_no_birthday(till):
    assert "birthday" in till.refused(lambda: born(till, "02-30")).errors


# --- check-ins, reviews, surveys


def test_a_check_in_counts_once_a_merchant_day_and_a_row_of_days_brings_more(till):
    given = [earn(till, f"2024-01-0{day}", "check_in").points for day in (1, 2, 3, 4)]
    again = earn(till, "2024-01-04 23:59", "check_in")

    assert given == [2, 2, 12, 2]
    assert (again.points, again.trimmed_by, again.is_new) == (0, "once", False)
    assert till.balance() == (18, 0, 0)


def test_a_day_left_out_begins_the_row_anew(till):
    given = [earn(till, f"2024-01-0{day}", "check_in").points for day in (1, 2, 4, 5, 6)]

    assert given == [2, 2, 2, 2, 12]
    assert words(till)[1] == [
        "Version 2 of the rules gives 12 points for this.",
        "10 of them are for 3 days in a row.",
        "12 new points never expire.",
    ]


def test_reviews_stop_at_the_days_cap_and_say_so(till):
    given = [earn(till, "2024-01-01", "review", f"r{n}") for n in range(4)]
    next_day = earn(till, "2024-01-02", "review", "r9")

    assert [(each.points, each.trimmed_by) for each in given] == [(20, ""), (20, ""), (10, "day"), (0, "day")]
    assert next_day.points == 20
    assert earn(till, "2024-01-02", "review", "r3").trimmed_by == "once"  # it was told on a full day
    assert len(till.entries()) == 4
    till.prove()


def test_a_trimmed_award_says_what_was_due(till):
    for n in range(3):
        earn(till, "2024-01-01", "review", f"r{n}")

    assert words(till) == (
        "Wrote a review (r2)",
        [
            "Version 2 of the rules gives 20 points for this.",
            "The cap per day trimmed it: 20 points were due, 10 were left.",
            "10 new points never expire.",
        ],
    )


def test_a_survey_is_rewarded_once_to_each_member(till):
    till.join("ann", "2024-01-01")

    first, again = earn(till, "2024-01-01", "survey", "s"), earn(till, "2024-02-01", "survey", "s")
    other = earn(till, "2024-01-01", "survey", "s", "ann")

    assert (first.points, again.points, other.points) == (30, 0, 30)


def test_a_review_of_one_member_is_no_others(till):
    till.join("ann", "2024-01-01")
    earn(till, "2024-01-01", "review", "r")

    assert "reference" in till.refused(lambda: earn(till, "2024-01-01", "review", "r", "ann")).errors


@pytest.mark.parametrize(
    ("event", "reference", "refusal"),
    [
        ("review", " ", Invalid),
        ("survey", "s" * 81, Invalid),
        ("sneezing", "", earning.UnknownActivity),
        ("birthday", "", earning.UnknownActivity),
    ],
)
def test_what_is_no_activity_moves_nothing(till, event, reference, refusal):
    assert isinstance(till.refused(lambda: earn(till, "2024-01-01", event, reference)), refusal)


def test_without_a_rule_nothing_is_rewarded(till):
    till.configure("2024-01-01", earning=Earning())

    refusal = till.refused(lambda: earn(till, "2024-01-02", "check_in"))

    assert isinstance(refusal, earning.ActivityNotRewarded) and refusal.slug == "activity-not-rewarded"


def test_a_closed_program_rewards_nothing(till):
    till.close("2024-01-01")

    assert isinstance(till.refused(lambda: earn(till, "2024-01-02", "check_in")), ProgramNotOpen)


def test_awards_expire_by_the_rule_and_repay_what_is_owed_first(till):
    till.configure("2024-01-01", expiry={"kind": "rolling", "months": 1})
    till.put("2024-01-02", "o", 100_00)
    till.redeem("2024-01-02", 100, "k")
    till.refund("2024-01-03", "o", "r")

    earn(till, "2024-01-04", "survey", "s")

    assert till.balance() == (0, 0, 70)
    for n in range(3):
        earn(till, f"2024-01-0{n + 5}", "review", f"a{n}")
        earn(till, f"2024-01-0{n + 5}", "review", f"b{n}")
    assert till.balance() == (50, 0, 0)
    assert till.lots() == [(10, "2024-02-06"), (20, "2024-02-07"), (20, "2024-02-07")]
    till.prove()


def test_an_award_is_reversed_as_everything_that_was_given_by_hand_or_rule(till):
    done = earn(till, "2024-01-01", "survey", "s").request

    with tenancy.tenant(till.id):
        points_reversal.reverse(
            merchant_id=till.id, at=at("2024-01-02"), actor=JOB, key=done.key, space="award", reason="twice"
        )

    assert till.entries() == [("earn", 30, 0), ("clawback", -30, 0)]
    till.prove()


def test_an_award_that_gave_nothing_has_nothing_to_reverse(till):
    for n in range(4):
        request = earn(till, "2024-01-01", "review", f"r{n}").request

    def reverse():
        with tenancy.tenant(till.id):
            points_reversal.reverse(
                merchant_id=till.id,
                at=at("2024-01-02"),
                actor=JOB,
                key=request.key,
                space="award",
                reason="x",
            )

    assert isinstance(till.refused(reverse), NotCancellable)


# --- referrals


def test_a_referral_rewards_both_when_the_friend_has_an_order_that_counts(till):
    till.join("ann", "2024-01-01")

    _referral, earned = refer(till, "2024-01-02", "m", "ann")
    assert earned is None and till.night("2024-01-03")["referrals"] == 0
    till.put("2024-01-04", "o", 1_00, member="ann")
    assert till.night("2024-01-05")["referrals"] == 1
    till.night("2024-01-06")

    assert till.balance() == (80, 0, 0) and till.balance("ann") == (141, 0, 0)
    assert words(till)[0] == "Brought a friend" and words(till, "ann")[0] == "Was brought by a friend"
    till.prove()


def test_an_order_that_was_refunded_whole_rewards_nobody(till):
    till.join("ann", "2024-01-01")
    refer(till, "2024-01-02", "m", "ann")
    till.put("2024-01-04", "o", 1_00, member="ann")
    till.refund("2024-01-04", "o", "r")

    assert till.night("2024-01-05")["referrals"] == 0


def test_a_referral_by_joining_rewards_at_once_and_the_same_again_nothing(till):
    reward(till, "2024-01-01", referral={"points": 80, "referred_points": 40, "on": "joining"})
    till.join("ann", "2024-01-01")

    _first, earned = refer(till, "2024-01-02", "m", "ann")
    _again, repeated = refer(till, "2024-01-03", "m", "ann")

    assert (earned.points, repeated.points, repeated.trimmed_by) == (80, 0, "once")
    assert till.balance("ann") == (140, 0, 0)


def test_more_friends_than_a_month_has_room_for_are_welcome_and_bring_nothing(till):
    reward(
        till, "2024-01-01", referral={"points": 80, "referred_points": 40, "on": "joining", "month_most": 1}
    )
    for name in ("ann", "bob", "cat"):
        till.join(name, "2024-01-20")

    refer(till, "2024-01-21", "m", "ann")
    _second, earned = refer(till, "2024-01-22", "m", "bob")
    _third, later = refer(till, "2024-02-01", "m", "cat")

    assert (earned.points, earned.wanted, earned.trimmed_by, later.points) == (0, 80, "month", 80)
    assert till.balance("bob") == (140, 0, 0)


def test_nobody_brings_themselves_those_before_them_or_those_of_others(till):
    till.join("ann", "2024-01-01")
    till.join("bob", "2024-01-02")
    refer(till, "2024-01-03", "m", "bob")

    assert isinstance(till.refused(lambda: refer(till, "2024-01-03", "m", "m")), Invalid)
    assert isinstance(till.refused(lambda: refer(till, "2024-01-03", "bob", "ann")), Invalid)
    assert isinstance(till.refused(lambda: refer(till, "2024-01-03", "ann", "bob")), Conflict)
    assert isinstance(till.refused(lambda: refer(till, "2024-02-10", "m", "ann")), Invalid)


def test_two_members_of_one_phone_are_one_person(till):
    with tenancy.tenant(till.id):
        for name in ("ann", "ann2"):
            made = members.join(
                merchant_id=till.id,
                at=at("2024-01-01"),
                actor=JOB,
                channel="web",
                external_id=name,
                phone="13800138000",
            )
            till.members[name] = made.pk

    assert "phone" in till.refused(lambda: refer(till, "2024-01-03", "ann", "ann2")).detail


def test_another_merchants_member_earns_nothing_here(till):
    other = Till("other")
    till.members["stranger"] = other.members["m"]

    assert isinstance(till.refused(lambda: earn(till, "2024-01-01", "check_in", member="stranger")), NotFound)
    with tenancy.tenant(other.id), transaction.atomic():
        assert not PointsRequest.objects.of(other.id).exists()


def test_friends_who_wait_for_a_rule_that_is_off_cost_a_night_one_look_at_the_shop(till):
    for n in range(3):
        till.join(f"f{n}", "2024-01-01")
        refer(till, "2024-01-02", "m", f"f{n}")
        till.put("2024-01-03", f"o{n}", 1_00, member=f"f{n}")
    reward(till, "2024-01-04", referral={"points": 80, "active": False})

    looks = []
    for asked in range(3):
        with CaptureQueriesContext(connection) as queries:
            assert till.night(f"2024-01-0{5 + asked}")["referrals"] == 0
        looks.append(sum("members_referral" in each["sql"] for each in queries))

    assert set(looks) == {1}
    reward(till, "2024-01-08", referral={"points": 80, "referred_points": 40})
    assert till.night("2024-01-09")["referrals"] == 3
