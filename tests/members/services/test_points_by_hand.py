"""What people do by hand: adjustments, their approval above a limit, and giving expired points back (domain.md 6)."""

from __future__ import annotations

import pytest
from django.db import transaction

from members.lib import tenant as tenancy
from members.lib.refusals import (
    Conflict,
    IdempotencyConflict,
    InsufficientPoints,
    Invalid,
    NotFound,
    ProgramNotOpen,
)
from members.models import AuditRow, User
from members.services import points, points_desk
from members.services.audit import Actor
from tests.members.services.till import JOB, Till, at

pytestmark = pytest.mark.django_db

MONTHLY = {"kind": "rolling", "months": 1}


def person(name: str) -> Actor:
    with tenancy.platform():
        return Actor.person(
            User.objects.create_user(f"{name}@example.com", "correct horse battery", name=name)
        )


def actions(till: Till) -> list[tuple[str, str, str]]:
    with tenancy.tenant(till.id):
        rows = AuditRow.objects.of(till.id).filter(action__startswith="points.").order_by("id")
        return [(row.action, row.actor_label, row.reason) for row in rows]


# -- adjusting


def test_points_added_are_available_at_once_and_end_by_the_rule_in_force():
    till = Till(rules={"expiry": MONTHLY, "pending_days": 7})

    till.adjust("2024-01-31", 50, "k", reason="a broken cup")

    assert till.lots() == [(50, "2024-02-29")]
    entry = till.entry()
    assert (entry.kind, entry.points, entry.pending, entry.cause) == ("adjust", 50, 0, "staff")
    assert entry.rules_version == 2
    assert till.account()["earned"] == 0  # adjustments are in no total
    assert actions(till) == [("points.adjusted", "test", "a broken cup")]
    till.prove()


def test_points_added_repay_a_deficit():
    till = Till()
    till.put("2024-01-01", "o", 30_00)
    till.redeem("2024-01-02", 30, "r")
    till.refund("2024-01-03", "o", "r")

    till.adjust("2024-01-04", 50, "k")

    assert (till.balance(), till.last()) == ((20, 0, 0), ("adjust", 50, 0))
    till.prove()


def test_points_taken_go_in_spending_order():
    till = Till(rules={"expiry": MONTHLY})
    till.adjust("2024-01-10", 30, "a")
    till.adjust("2024-01-20", 30, "b")

    till.adjust("2024-01-21", -40, "k")

    assert (till.lots(), till.last()) == ([(20, "2024-02-20")], ("adjust", -40, 0))
    totals = till.account()
    assert (totals["redeemed"], totals["clawed_back"], totals["expired"]) == (0, 0, 0)
    till.prove()


def test_an_adjustment_never_makes_a_deficit():
    till = Till()
    till.adjust("2024-01-10", 30, "a")

    refusal = till.refused(till.adjust, "2024-01-11", -31, "k")

    assert isinstance(refusal, InsufficientPoints) and refusal.errors == {"available": 30}


@pytest.mark.parametrize("reason", ["", "  ", "x" * 201])
def test_an_adjustment_needs_a_reason(reason):
    till = Till()

    refusal = till.refused(till.adjust, "2024-01-11", 5, "k", reason=reason)

    assert isinstance(refusal, Invalid) and set(refusal.errors) == {"reason"}


@pytest.mark.parametrize("points", [0, 10**12 + 1, -(10**12) - 1, 0.5, "7"])
def test_points_of_an_adjustment_are_a_whole_number_not_zero(points):
    till = Till()

    assert set(till.refused(till.adjust, "2024-01-11", points, "k").errors) == {"points"}


def test_the_same_adjustment_again_answers_and_another_reason_is_another_body():
    till = Till()
    first = till.adjust("2024-01-11", 5, "k", reason="one")
    before = till.picture()

    assert till.adjust("2024-01-12", 5, "k", reason="one").public_id == first.public_id
    assert till.picture() == before
    assert isinstance(till.refused(till.adjust, "2024-01-12", 5, "k", reason="two"), IdempotencyConflict)
    assert isinstance(till.refused(till.adjust, "2024-01-12", -5, "k", reason="one"), IdempotencyConflict)


# -- approval above a limit


def limited(**rules) -> Till:
    return Till(rules={"adjust_limit": 100, **rules})


@pytest.mark.parametrize("points", [100, -100])
def test_up_to_the_limit_a_person_adjusts_alone(points):
    till = limited()
    till.adjust("2024-01-01", 300, "start")

    till.adjust("2024-01-02", points, "k", actor=person("Ann"))

    assert till.balance() == (300 + points, 0, 0)


@pytest.mark.parametrize("points", [101, -101])
def test_above_the_limit_an_adjustment_waits_for_another_person(points):
    till, ann, ben = limited(), person("Ann"), person("Ben")
    till.adjust("2024-01-01", 300, "start")
    entries = till.entries()

    assert till.adjust("2024-01-02", points, "k", actor=ann, reason="a fair").status == "proposed"
    assert (till.entries(), till.balance()) == (entries, (300, 0, 0))
    assert isinstance(
        till.refused(till.act, "decide", "2024-01-03", key="k", approves=True, actor=ann), Conflict
    )

    till.act("decide", "2024-01-03", key="k", approves=True, actor=ben, note="seen")

    assert till.balance() == (300 + points, 0, 0)
    request = till.request("k")
    assert (request.status, request.details) == ("done", {"decided_by": ben.label, "note": "seen"})
    assert actions(till)[1:] == [
        ("points.adjustment_proposed", ann.label, "a fair"),
        ("points.adjusted", ben.label, "a fair"),
    ]
    assert isinstance(
        till.refused(till.act, "decide", "2024-01-04", key="k", approves=False, actor=ben), Conflict
    )
    till.prove()


def test_a_proposal_rejected_moves_nothing_for_good():
    till, ann, ben = limited(), person("Ann"), person("Ben")
    till.adjust("2024-01-02", 500, "k", actor=ann)

    till.act("decide", "2024-01-03", key="k", approves=False, actor=ben)

    assert (till.entries(), till.request("k").status) == ([], "rejected")
    assert till.adjust("2024-01-02", 500, "k", actor=ann).status == "rejected"  # the key stays used
    assert isinstance(
        till.refused(till.act, "decide", "2024-01-04", key="k", approves=True, actor=ben), Conflict
    )


def test_a_proposal_to_take_more_than_there_is_by_then_stays_a_proposal():
    till, ann, ben = limited(), person("Ann"), person("Ben")
    till.adjust("2024-01-01", 300, "start")
    till.adjust("2024-01-02", -200, "k", actor=ann)
    till.redeem("2024-01-03", 150, "spent")

    refusal = till.refused(till.act, "decide", "2024-01-04", key="k", approves=True, actor=ben)

    assert isinstance(refusal, InsufficientPoints)
    assert till.request("k").status == "proposed"


def test_what_is_approved_ends_by_the_rule_of_the_approval():
    till, ann, ben = limited(expiry=MONTHLY), person("Ann"), person("Ben")
    till.adjust("2024-01-01", 300, "k", actor=ann)
    till.configure("2024-01-05", expiry={"kind": "rolling", "months": 2}, adjust_limit=100)

    till.act("decide", "2024-01-10", key="k", approves=True, actor=ben)

    assert till.lots() == [(300, "2024-03-10")]


def test_only_an_adjustment_is_decided():
    till = limited()
    till.adjust("2024-01-01", 300, "start")
    till.redeem("2024-01-02", 10, "r")

    assert isinstance(till.refused(till.act, "decide", "2024-01-03", key="r", approves=True), Invalid)
    assert isinstance(till.refused(till.act, "decide", "2024-01-03", key="x", approves=True), NotFound)


def test_a_system_is_not_limited():
    till = limited()

    till.adjust("2024-01-01", 101, "k", actor=Actor.key("loyalty app"))

    assert till.balance() == (101, 0, 0)


# -- giving expired points back


def lapsed(*points: int, window: int = 90) -> Till:
    """A member whose points expired at 03:00 on 2 February, on 3 March…"""
    till = Till(rules={"expiry": MONTHLY, "give_back_days": window})
    for month, each in enumerate(points, start=1):
        till.adjust(f"2024-{month:02}-{month:02}", each, f"lot {month}")
        till.night(f"2024-{month + 1:02}-{month + 1:02}")
    return till


def test_expired_points_come_back_for_thirty_days():
    till = lapsed(100)

    till.give_back("2024-03-01", 60, "k")

    assert till.lots() == [(60, "2024-03-31")]
    assert (till.last(), till.entry().cause) == (("restore", 60, 0), "staff")
    assert till.account()["expired"] == 100
    till.prove()
    till.night("2024-04-01")
    assert till.last() == ("expire", -60, 0)
    till.prove()


@pytest.mark.parametrize(("when", "left"), [("2024-05-02 03:00", 100), ("2024-05-02 03:01", 0)])
def test_points_are_given_back_within_the_window_only(when, left):
    till = lapsed(100)  # on 2 February, 03:00

    refusal = till.refused(till.give_back, when, left + 1, "k")

    assert isinstance(refusal, InsufficientPoints) and refusal.errors == {"available": left}
    if left:
        till.give_back(when, left, "k")


def test_points_are_given_back_once():
    till = lapsed(100)
    till.give_back("2024-03-01", 60, "k")

    assert till.refused(till.give_back, "2024-03-02", 41, "l").errors == {"available": 40}

    till.give_back("2024-03-02", 40, "l")

    assert till.refused(till.give_back, "2024-03-02", 1, "m").errors == {"available": 0}


def test_what_was_given_back_of_older_points_is_not_held_against_newer_ones():
    till = lapsed(100, 60)  # 2 February and 3 March
    till.give_back("2024-05-01", 100, "k")

    assert till.refused(till.give_back, "2024-05-20", 61, "l").errors == {"available": 60}

    till.give_back("2024-05-20", 60, "l")

    assert till.balance() == (160, 0, 0)


def test_points_given_back_that_expire_again_can_be_given_back_again():
    till = lapsed(100)
    till.give_back("2024-03-01", 100, "k")
    till.night("2024-04-01")

    till.give_back("2024-04-02", 100, "l")

    assert till.refused(till.give_back, "2024-04-02", 1, "m").errors == {"available": 0}


def test_points_given_back_repay_a_deficit():
    till = lapsed(100)
    till.put("2024-03-01", "o", 30_00)
    till.redeem("2024-03-01", 30, "r")
    till.refund("2024-03-02", "o", "r")

    till.give_back("2024-03-03", 50, "k")

    assert till.balance() == (20, 0, 0)
    till.prove()


def test_nothing_is_given_back_where_nothing_expired():
    till = Till()
    till.adjust("2024-01-01", 100, "a")

    assert isinstance(till.refused(till.give_back, "2024-01-02", 1, "k"), InsufficientPoints)


def test_giving_back_again_is_the_first_answer():
    till = lapsed(100)
    till.give_back("2024-03-01", 60, "k")
    before = till.picture()

    till.give_back("2024-09-01", 60, "k")

    assert till.picture() == before


def test_a_closed_program_gives_nothing_back():
    till = lapsed(100)
    till.close("2024-03-01")

    assert isinstance(till.refused(till.give_back, "2024-03-02", 1, "k"), ProgramNotOpen)


def test_terms_that_changed_while_the_act_waited_are_not_applied():
    till = Till(rules={"adjust_limit": 1000})
    till.adjust("2024-01-05", 10, "first")
    wanted = points._wanted("adjust", till.members["m"], 500, "k", "why", JOB, at("2024-01-10 12:00"))

    def overtaken() -> None:
        noon = at("2024-01-10 12:00")
        with transaction.atomic():
            desk = points_desk.open_desk(merchant_id=till.id, at=noon, wanted=wanted, with_terms=True)
            till.configure("2024-01-10 11:00", adjust_limit=100)
            points._adjust(desk, JOB)

    with tenancy.tenant(till.id), pytest.raises(Conflict):
        overtaken()

    assert till.balance() == (10, 0, 0)
    assert till.last() == ("adjust", 10, 0)
    till.prove()
