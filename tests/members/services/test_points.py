"""Redeem, hold, capture, release, cancel: one effect a key, the same lots back, nothing below zero (domain.md 6)."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import transaction
from django.db.models import F

from members.lib import tenant as tenancy
from members.lib.refusals import (
    HoldEnded,
    IdempotencyConflict,
    InsufficientPoints,
    Invalid,
    NotCancellable,
    NotFound,
    ProgramCleared,
    ProgramNotOpen,
)
from members.models import AuditRow, PointsAccount, PointsRequest, Program, User
from members.services import programs
from members.services.audit import Actor
from members.services.points_desk import open_desk
from tests.members.services.till import JOB, Till, at

pytestmark = pytest.mark.django_db

MONTHLY = {"expiry": {"kind": "rolling", "months": 1}}


@pytest.fixture
def till() -> Till:
    """A member with 100 points of one order."""
    shop = Till()
    shop.put("2024-01-01", "o", 100_00)
    return shop


# -- redeeming


def test_e12_a_redemption_takes_the_earliest_expiry_first_and_a_cancellation_gives_the_same_lots_back():
    till = Till(rules={"expiry": {"kind": "yearly", "month": 3, "day": 31}})
    till.adjust("2024-01-01", 100, "march")
    till.configure("2024-01-02", expiry={"kind": "yearly", "month": 2, "day": 28})
    till.adjust("2024-01-02", 50, "february")
    till.configure("2024-01-03", expiry={"kind": "never"})
    till.adjust("2024-01-03", 30, "never")
    before = [(50, "2024-02-28"), (100, "2024-03-31"), (30, None)]
    assert till.lots() == before

    till.redeem("2024-02-01", 120, "k")

    assert till.lots() == [(30, "2024-03-31"), (30, None)]
    assert till.account()["redeemed"] == 120

    till.act("cancel", "2024-02-02", key="k")

    assert till.lots() == before
    assert till.account()["redeemed"] == 0
    assert till.entries()[3:] == [("redeem", -120, 0), ("restore", 120, 0)]
    till.prove()


def test_a_redemption_of_everything_leaves_nothing_and_one_more_is_refused(till):
    till.redeem("2024-01-02", 100, "k")

    assert till.balance() == (0, 0, 0)
    refusal = till.refused(till.redeem, "2024-01-02", 1, "l")
    assert isinstance(refusal, InsufficientPoints) and refusal.errors == {"available": 0}


def test_waiting_points_are_not_spent():
    till = Till(rules={"pending_days": 7})
    till.put("2024-01-01", "o", 100_00)

    assert isinstance(till.refused(till.redeem, "2024-01-02", 1, "k"), InsufficientPoints)


@pytest.mark.parametrize(
    ("points", "field"),
    [
        (0, "positive"),
        (-5, "positive"),
        (10**12 + 1, "range"),
        (10**40, "range"),
        (1.5, "whole"),
        ("5", "whole"),
        (True, "whole"),
        (None, "whole"),
        (float("nan"), "whole"),
    ],
)
@pytest.mark.parametrize("verb", ["redeem", "hold", "give_back"])
def test_points_that_are_no_positive_whole_number_are_refused(till, verb, points, field):
    refusal = till.refused(till.act, verb, "2024-01-02", member="m", points=points, key="k")

    assert isinstance(refusal, Invalid) and refusal.errors == {"points": field}


@pytest.mark.parametrize("key", ["", "k" * 129])
def test_a_key_has_one_to_128_characters(till, key):
    assert till.refused(till.redeem, "2024-01-02", 1, key).errors == {"key": "length"}


def test_another_merchants_member_is_not_found(till):
    other = Till("other")
    other.members["m"] = till.members["m"]

    assert isinstance(till.refused(other.redeem, "2024-01-02", 1, "k"), NotFound)
    assert isinstance(other.refused(other.redeem, "2024-01-02", 1, "k"), NotFound)


@pytest.mark.parametrize(("status", "refusal"), [("closed", ProgramNotOpen), ("cleared", ProgramCleared)])
def test_nothing_moves_while_the_program_is_not_open(till, status, refusal):
    till.hold("2024-01-02", 10, "h")
    till.redeem("2024-01-02", 10, "r")
    close(till, status)

    for act, arguments in (
        (till.redeem, (1, "k")),
        (till.hold, (1, "k")),
        (till.adjust, (1, "k")),
        (till.give_back, (1, "k")),
    ):
        assert isinstance(till.refused(act, "2024-01-03", *arguments), refusal)
    for verb, key in (("capture", "h"), ("release", "h"), ("cancel", "r")):
        assert isinstance(till.refused(till.act, verb, "2024-01-02 12:10", key=key), refusal)


def close(till: Till, status: str) -> None:
    with tenancy.tenant(till.id):
        program = programs.lock_for_close(merchant_id=till.id)
        programs.begin_closure(program=program, at=at("2024-01-02 12:05"), kind=status, actor=JOB)


def test_a_draft_program_moves_nothing(till):
    with tenancy.tenant(till.id):
        Program.objects.filter(pk=till.id).update(status="draft", opened_at=None)

    assert isinstance(till.refused(till.redeem, "2024-01-02", 1, "k"), ProgramNotOpen)


# -- keys


def test_the_same_request_again_gives_the_first_answer_and_moves_nothing(till):
    first = till.redeem("2024-01-02", 30, "k", reason="tea")
    before = till.picture()

    again = till.redeem("2024-02-02", 30, "k", reason="tea")

    assert again.public_id == first.public_id
    assert till.picture() == before


@pytest.mark.parametrize(
    "other",
    [
        {"wanted": 31},
        {"reason": "coffee"},
        {"member": "n"},
    ],
)
def test_another_body_under_a_used_key_is_refused(till, other):
    till.join("n")
    till.redeem("2024-01-02", 30, "k", reason="tea")

    refusal = till.refused(
        lambda: till.redeem("2024-01-02", **{"wanted": 30, "key": "k", "reason": "tea", **other})
    )

    assert isinstance(refusal, IdempotencyConflict)


@pytest.mark.parametrize("verb", ["hold", "adjust", "give_back"])
def test_there_is_one_key_space_over_all_requests(till, verb):
    till.redeem("2024-01-02", 30, "k")

    assert isinstance(till.refused(getattr(till, verb), "2024-01-02", 30, "k"), IdempotencyConflict)


def test_each_merchant_has_its_own_keys(till):
    other = Till("other")
    other.put("2024-01-01", "o", 100_00)
    till.redeem("2024-01-02", 30, "k")

    other.redeem("2024-01-02", 40, "k")

    assert other.balance() == (60, 0, 0)


def test_a_refused_request_keeps_no_key(till):
    till.refused(till.redeem, "2024-01-02", 101, "k")

    till.redeem("2024-01-02", 100, "k")

    assert till.balance() == (0, 0, 0)


def test_a_new_request_whose_account_moved_on_fails_and_keeps_no_key(till):
    def spend_beside_another():
        wanted = PointsRequest(
            key="k", verb="redeem", member_id=till.members["m"], points=30, at=at("2024-01-02")
        )
        desk = open_desk(merchant_id=till.id, at=wanted.at, wanted=wanted)
        entry = desk.ledger().spend("redeem", 30, cause="request")
        PointsAccount.objects.of(till.id).update(
            sequence=F("sequence") + 1
        )  # what the lock keeps others from
        return desk.write(status="done", sequence=entry.sequence)

    with (
        tenancy.tenant(till.id),
        pytest.raises(RuntimeError, match="moved on while it was locked"),
        transaction.atomic(),
    ):
        spend_beside_another()

    assert till.account()["available"] == 100 and len(till.entries()) == 1
    till.redeem("2024-01-02", 30, "k")
    assert till.account()["available"] == 70


def test_a_used_key_stays_used_after_its_redemption_was_cancelled(till):
    till.redeem("2024-01-02", 30, "k")
    till.act("cancel", "2024-01-03", key="k")
    before = till.picture()

    assert till.redeem("2024-01-04", 30, "k").status == "cancelled"
    assert till.picture() == before
    assert isinstance(till.refused(till.redeem, "2024-01-04", 20, "k"), IdempotencyConflict)


def test_a_used_key_is_answered_although_the_program_is_closed_now(till):
    till.redeem("2024-01-02", 30, "k")
    till.close("2024-01-03")

    assert till.redeem("2024-01-04", 30, "k").status == "done"


# -- cancelling


def test_cancelling_again_is_a_no_op(till):
    till.redeem("2024-01-02", 30, "k")
    till.act("cancel", "2024-01-03", key="k")
    before = till.picture()

    assert till.act("cancel", "2024-01-04", key="k").status == "cancelled"
    assert till.picture() == before


def test_what_was_never_asked_is_not_cancelled(till):
    assert isinstance(till.refused(till.act, "cancel", "2024-01-03", key="k"), NotFound)


@pytest.mark.parametrize("verb", ["adjust", "give_back", "hold"])
def test_only_a_redemption_is_cancelled(verb):
    till = Till(rules=MONTHLY)
    till.put("2024-01-01", "o", 100_00)
    till.redeem("2024-01-01", 50, "spent")
    till.night("2024-02-02")
    till.adjust("2024-02-02", 50, "more")
    getattr(till, verb)("2024-02-02", 10, "k")

    assert isinstance(till.refused(till.act, "cancel", "2024-02-02 12:05", key="k"), NotCancellable)


def test_points_of_a_day_that_is_over_come_back_for_thirty_days():
    till = Till(rules=MONTHLY)
    till.put("2024-01-10", "o", 100_00)  # until 10 February
    till.redeem("2024-02-10", 60, "k")
    till.night("2024-02-11")
    assert till.last() == ("expire", -40, 0)

    till.act("cancel", "2024-02-11", key="k")

    assert till.lots() == [(60, "2024-03-12")]
    till.prove()


def test_points_come_back_to_their_lot_on_its_last_day():
    till = Till(rules=MONTHLY)
    till.put("2024-01-10", "o", 100_00)
    till.redeem("2024-01-11", 60, "k")

    till.act("cancel", "2024-02-10 23:59", key="k")

    assert till.lots() == [(100, "2024-02-10")]


def test_a_lot_over_at_midnight_is_spent_until_the_daily_job_and_comes_back_late_from_then_on():
    till = Till(rules=MONTHLY)
    till.put("2024-01-10", "o", 100_00)

    till.redeem("2024-02-11 02:59", 60, "k")
    till.act("cancel", "2024-02-11 02:59", key="k")

    assert till.lots() == [(40, "2024-02-10"), (60, "2024-03-12")]


def test_a_cancellation_repays_a_deficit():
    till = Till()
    till.put("2024-01-01", "o", 100_00)
    till.redeem("2024-01-02", 80, "k")
    till.refund("2024-01-03", "o", "r")
    assert till.balance() == (0, 0, 80)

    till.act("cancel", "2024-01-04", key="k")

    assert till.balance() == (0, 0, 0)
    assert till.lots() == []
    till.prove()


def test_a_refund_takes_back_what_a_cancellation_gave_back():
    till = Till(rules=MONTHLY)
    till.put("2024-01-10", "a", 60_00)
    till.redeem("2024-01-11", 60, "k")
    till.act("cancel", "2024-02-20", key="k")  # late: one lot of thirty days, still the order's own
    till.put("2024-02-20", "b", 60_00)

    till.refund("2024-02-21", "a", "r")

    assert till.lots() == [(60, "2024-03-20")]


# -- holds


def test_a_hold_lowers_what_is_available_and_capture_spends_it(till):
    held = till.hold("2024-01-02", 30, "h")

    assert (till.balance(), held.status, held.ends_at) == ((70, 0, 0), "held", at("2024-01-02 12:30"))
    assert till.account()["redeemed"] == 0

    till.act("capture", "2024-01-02 12:29", key="h")

    assert (till.balance(), till.account()["redeemed"]) == ((70, 0, 0), 30)
    assert till.entries()[1:] == [("hold", -30, 0), ("capture", 0, 0)]
    till.prove()


def test_a_hold_released_gives_its_points_back_to_their_lots(till):
    till.hold("2024-01-02", 30, "h")

    till.act("release", "2024-01-02 12:10", key="h")

    assert (till.lots(), till.account()["redeemed"]) == ([(100, None)], 0)
    assert till.entries()[1:] == [("hold", -30, 0), ("release", 30, 0)]
    till.prove()


@pytest.mark.parametrize("verb", ["capture", "release"])
def test_capturing_or_releasing_again_is_a_no_op(till, verb):
    till.hold("2024-01-02", 30, "h")
    till.act(verb, "2024-01-02 12:10", key="h")
    before = till.picture()

    till.act(verb, "2024-01-02 13:10", key="h")

    assert till.picture() == before


def test_a_hold_ends_by_itself_at_its_instant():
    till = Till()
    till.put("2024-01-01", "o", 100_00)
    till.hold("2024-01-02", 30, "h", minutes=5)

    till.redeem("2024-01-02 12:05", 100, "k")  # whoever comes finds it ended

    assert till.entries()[1:] == [("hold", -30, 0), ("release", 30, 0), ("redeem", -100, 0)]
    with_instants = till.request("h")
    assert (with_instants.status, with_instants.settled_at) == ("released", at("2024-01-02 12:05"))


def test_a_hold_is_held_until_its_last_second():
    till = Till()
    till.put("2024-01-01", "o", 100_00)
    till.hold("2024-01-02", 30, "h", minutes=5)

    assert isinstance(till.refused(till.redeem, "2024-01-02 12:04", 100, "k"), InsufficientPoints)
    assert till.act("capture", at("2024-01-02 12:05") - dt.timedelta(seconds=1), key="h").status == "captured"


@pytest.mark.parametrize("when", ["2024-01-02 12:30", "2024-03-02 12:00"])
def test_a_capture_after_the_time_limit_is_refused(till, when):
    till.hold("2024-01-02", 30, "h")

    assert isinstance(till.refused(till.act, "capture", when, key="h"), HoldEnded)


def test_a_release_after_the_time_limit_is_the_holds_own_end(till):
    till.hold("2024-01-02", 30, "h")

    till.act("release", "2024-01-05", key="h")

    assert till.entry().at == at("2024-01-02 12:30") and till.entry().cause == "rule"


def test_a_capture_after_a_release_is_refused(till):
    till.hold("2024-01-02", 30, "h")
    till.act("release", "2024-01-02 12:10", key="h")

    assert isinstance(till.refused(till.act, "capture", "2024-01-02 12:15", key="h"), HoldEnded)


def test_a_release_after_a_capture_is_refused_and_a_cancellation_gives_back(till):
    till.hold("2024-01-02", 30, "h")
    till.act("capture", "2024-01-02 12:10", key="h")

    assert isinstance(till.refused(till.act, "release", "2024-01-02 12:15", key="h"), NotCancellable)

    till.act("cancel", "2024-01-03", key="h")

    assert (till.balance(), till.account()["redeemed"]) == ((100, 0, 0), 0)
    till.prove()


@pytest.mark.parametrize("verb", ["capture", "release"])
def test_a_redemption_is_neither_captured_nor_released(till, verb):
    till.redeem("2024-01-02", 30, "k")

    assert isinstance(till.refused(till.act, verb, "2024-01-02", key="k"), Invalid)
    assert isinstance(till.refused(till.act, verb, "2024-01-02", key="never made"), NotFound)


@pytest.mark.parametrize("minutes", [0, -1, 60 * 24 * 7 + 1, 1.5, "30", True])
def test_a_hold_lasts_a_minute_to_a_week(till, minutes):
    assert till.refused(till.hold, "2024-01-02", 1, "h", minutes=minutes).errors == {"minutes": "range"}


def test_points_on_hold_are_no_part_of_a_clawback():
    till = Till(rules={"clawback": "within_balance"})
    till.put("2024-01-01", "o", 100_00)
    till.hold("2024-01-02", 60, "h")

    till.refund("2024-01-02 12:10", "o", "r")

    assert till.last() == ("clawback", -40, 0)

    till.act("release", "2024-01-02 12:20", key="h")

    assert till.balance() == (60, 0, 0)  # what the policy did not take is forgotten


def test_a_hold_released_after_a_refund_repays_the_deficit(till):
    till.hold("2024-01-02", 60, "h")
    till.refund("2024-01-02 12:10", "o", "r")
    assert till.balance() == (0, 0, 60)

    till.act("release", "2024-01-02 12:20", key="h")

    assert till.balance() == (0, 0, 0)
    till.prove()


# -- who did it


def test_what_a_person_does_is_audited_and_what_a_system_does_is_kept_with_the_request(till):
    with tenancy.platform():
        clerk = Actor.person(
            User.objects.create_user("clerk@example.com", "correct horse battery", name="Clerk")
        )
    till.redeem("2024-01-02", 30, "k", actor=Actor.key("till 3"))
    till.act("cancel", "2024-01-03", key="k", actor=clerk)
    till.redeem("2024-01-04", 10, "l", actor=clerk, reason="a cup")

    with tenancy.tenant(till.id):
        rows = list(AuditRow.objects.of(till.id).filter(action__startswith="points.").order_by("id"))
    assert [(row.action, row.actor_label, row.reason) for row in rows] == [
        ("points.cancelled", clerk.label, ""),
        ("points.redeemed", clerk.label, "a cup"),
    ]
    request = till.request("k")
    assert (request.actor_kind, request.actor_label) == ("api_key", "till 3")
    assert request.details == {"settled_by": clerk.label}
    assert rows[0].after == {"points": 30, "request": request.public_id, "status": "cancelled"}


def test_a_clock_that_goes_back_loses_and_brings_nothing():
    till = Till(rules={"expiry": {"kind": "yearly", "month": 3, "day": 31}})
    till.put("2024-03-01", "o", 100_00)
    till.redeem("2024-03-02", 60, "k")
    till.hold("2024-03-02", 10, "h", minutes=60 * 24 * 7)
    till.night("2024-04-01")
    assert till.last() == ("expire", -30, 0)

    till.act("cancel", "2024-03-20", key="k")
    till.act("release", "2024-03-08", key="h")
    till.put("2024-03-20", "p", 5_00)
    till.adjust("2024-03-20", 7, "a")

    assert till.balance() == (82, 0, 0)
    assert till.lots() == [(10, "2024-05-01"), (60, "2024-05-01"), (5, "2025-03-31"), (7, "2025-03-31")]
    till.prove()
    assert till.night("2024-04-02")["expired_lots"] == 0
    assert till.night("2024-05-02")["expired_points"] == 70
    till.prove()


def test_every_refusal_has_a_name_of_its_own():
    assert {
        refusal.slug
        for refusal in (
            Invalid,
            NotFound,
            InsufficientPoints,
            IdempotencyConflict,
            HoldEnded,
            NotCancellable,
            ProgramNotOpen,
            ProgramCleared,
        )
    } == {
        "invalid",
        "not-found",
        "insufficient-points",
        "idempotency-conflict",
        "hold-ended",
        "not-cancellable",
        "program-not-open",
        "program-cleared",
    }
