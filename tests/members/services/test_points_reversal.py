"""Undoing an adjustment or an award by its own lots."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import transaction

from members.lib import tenant as tenancy
from members.lib.refusals import (
    Conflict,
    InsufficientPoints,
    Invalid,
    NotCancellable,
    NotFound,
    ProgramNotOpen,
)
from members.models import AuditRow, PointsRequest
from members.services import daily, points_reversal, programs
from members.services.audit import Actor
from members.services.points_desk import open_desk
from tests.conftest import NOON
from tests.factories import ledger

DAY = dt.timedelta(days=1)


@pytest.fixture
def shop(cast):
    ledger.open_shop(cast.shop, NOON)
    return cast.shop


@pytest.fixture
def member(shop):
    return ledger.join(shop, NOON)


def reverse(shop, key, at, *, actor=ledger.JOB, reason="by mistake", space=""):
    with tenancy.tenant(shop.pk), transaction.atomic():
        return points_reversal.reverse(
            merchant_id=shop.pk, at=at, actor=actor, key=key, reason=reason, space=space
        )


def award(shop, member, amount, at):
    """Points that a rule gave, as an award leaves them."""
    wanted = PointsRequest(
        space="award", key="welcome", verb="award", member_id=member.pk, points=amount, at=at
    )
    with tenancy.tenant(shop.pk), transaction.atomic():
        desk = open_desk(merchant_id=shop.pk, at=at, wanted=wanted)
        entry = desk.ledger().credit("earn", amount, expires_on=None, is_earned=True, cause="rule")
        desk.write(status="done", sequence=entry.sequence)


def refused(shop, member, refusal, call):
    """The call is refused and nothing moved."""
    before = (ledger.entries(shop, member), ledger.standing(shop, member, NOON))
    with pytest.raises(refusal):
        call()
    assert (ledger.entries(shop, member), ledger.standing(shop, member, NOON)) == before


def test_points_that_were_added_leave_their_own_lot_first(shop, member):
    ledger.configure(shop, NOON, expiry={"kind": "rolling", "months": 1})
    ledger.buy(shop, member, "o1", NOON, 10_000)
    ledger.adjust(shop, member, 50, NOON + DAY, key="a")

    request = reverse(shop, "a", NOON + 2 * DAY)

    assert request.status == "cancelled"
    assert ledger.entries(shop, member)[-1] == ("adjust", -50, 100)
    (lot,) = ledger.standing(shop, member, NOON)["lots"]
    assert lot == {"remaining": 100, "expires_on": dt.date(2024, 6, 15)}
    assert ledger.mismatches(NOON) == 0


def test_what_of_them_is_spent_is_taken_in_spending_order(shop, member):
    ledger.adjust(shop, member, 50, NOON, key="a")
    ledger.adjust(shop, member, 30, NOON + DAY, key="b")
    ledger.act("redeem", shop, NOON + DAY, member_id=member.pk, points=20, key="r")

    reverse(shop, "a", NOON + 2 * DAY)

    assert ledger.standing(shop, member, NOON)["lots"] == [{"remaining": 10, "expires_on": None}]
    assert ledger.entries(shop, member)[-1] == ("adjust", -50, 10)
    assert ledger.mismatches(NOON) == 0


def test_points_spent_beyond_the_balance_are_not_taken_back(shop, member):
    ledger.adjust(shop, member, 50, NOON, key="a")
    ledger.act("redeem", shop, NOON, member_id=member.pk, points=20, key="r")

    refused(shop, member, InsufficientPoints, lambda: reverse(shop, "a", NOON + DAY))


def test_points_that_were_taken_go_back_to_their_lots(shop, member):
    ledger.configure(shop, NOON, expiry={"kind": "rolling", "months": 1})
    ledger.buy(shop, member, "o1", NOON, 3_000)
    ledger.buy(shop, member, "o2", NOON + 10 * DAY, 5_000)
    before = ledger.standing(shop, member, NOON)["lots"]
    ledger.adjust(shop, member, -60, NOON + 11 * DAY, key="a")

    reverse(shop, "a", NOON + 12 * DAY)

    assert ledger.standing(shop, member, NOON)["lots"] == before
    assert ledger.entries(shop, member)[-1] == ("adjust", 60, 80)
    assert ledger.mismatches(NOON) == 0


def test_what_expired_is_not_taken_twice(shop, member):
    ledger.configure(shop, NOON, expiry={"kind": "rolling", "months": 1})
    ledger.adjust(shop, member, 50, NOON, key="a")
    ledger.act("redeem", shop, NOON, member_id=member.pk, points=20, key="r")
    daily.run_daily(zone="Asia/Shanghai", at=NOON + 32 * DAY)
    ledger.adjust(shop, member, 100, NOON + 33 * DAY, key="b")

    reverse(shop, "a", NOON + 34 * DAY)

    assert ledger.entries(shop, member)[-3:] == [
        ("expire", -30, 0),
        ("adjust", 100, 100),
        ("adjust", -20, 80),
    ]
    assert ledger.mismatches(NOON) == 0


def test_where_all_expired_there_is_nothing_to_take(shop, member):
    ledger.configure(shop, NOON, expiry={"kind": "rolling", "months": 1})
    ledger.adjust(shop, member, 50, NOON, key="a")
    daily.run_daily(zone="Asia/Shanghai", at=NOON + 32 * DAY)

    refused(shop, member, NotCancellable, lambda: reverse(shop, "a", NOON + 33 * DAY))


def test_reversing_again_is_a_no_op(shop, member):
    ledger.adjust(shop, member, 50, NOON, key="a")
    first = reverse(shop, "a", NOON + DAY)

    again = reverse(shop, "a", NOON + 2 * DAY, reason="once more")

    assert (again.pk, again.details) == (first.pk, first.details)
    assert ledger.entries(shop, member) == [("adjust", 50, 50), ("adjust", -50, 0)]


def test_an_award_is_clawed_back_and_stays_counted_as_earned(shop, member):
    award(shop, member, 30, NOON)

    reverse(shop, "welcome", NOON + DAY, space="award")

    standing = ledger.standing(shop, member, NOON)
    assert (standing["available"], standing["earned"], standing["clawed_back"]) == (0, 30, 30)
    assert ledger.entries(shop, member) == [("earn", 30, 30), ("clawback", -30, 0)]
    assert ledger.mismatches(NOON) == 0


def test_who_reversed_and_why_is_kept(cast, shop, member):
    ledger.adjust(shop, member, 50, NOON, key="a")

    request = reverse(shop, "a", NOON + DAY, actor=Actor.person(cast.owner))

    assert request.details == {"reversed_by": str(cast.owner), "reversal_reason": "by mistake"}
    with tenancy.tenant(shop.pk), transaction.atomic():
        (row,) = AuditRow.objects.filter(action="points.reversed")
    assert (row.reason, row.after["points"]) == ("by mistake", -50)


@pytest.mark.parametrize("reason", ["", "  ", "x" * 201])
def test_a_reversal_needs_a_reason(shop, member, reason):
    ledger.adjust(shop, member, 50, NOON, key="a")

    refused(shop, member, Invalid, lambda: reverse(shop, "a", NOON, reason=reason))


def test_only_what_was_posted_by_hand_or_as_an_award_is_reversed(shop, member):
    ledger.adjust(shop, member, 50, NOON, key="a")
    ledger.act("redeem", shop, NOON, member_id=member.pk, points=20, key="r")

    refused(shop, member, NotCancellable, lambda: reverse(shop, "r", NOON))
    refused(shop, member, NotFound, lambda: reverse(shop, "nothing", NOON))


def test_over_the_limit_one_person_neither_adjusts_nor_reverses(cast, shop, member):
    ledger.adjust(shop, member, 500, NOON, key="a")
    ledger.configure(shop, NOON, adjust_limit=100)
    person = Actor.person(cast.owner)

    refused(shop, member, Conflict, lambda: reverse(shop, "a", NOON, actor=person))
    ledger.adjust(shop, member, -500, NOON, key="b", actor=person)
    assert ledger.entries(shop, member) == [("adjust", 500, 500)]
    refused(shop, member, NotCancellable, lambda: reverse(shop, "b", NOON, actor=person))


def test_nothing_is_reversed_while_the_program_is_closed(shop, member):
    ledger.adjust(shop, member, 50, NOON, key="a")
    with tenancy.tenant(shop.pk), transaction.atomic():
        programs.close_program(merchant_id=shop.pk, at=NOON, actor=ledger.JOB)

    refused(shop, member, ProgramNotOpen, lambda: reverse(shop, "a", NOON))


def test_a_key_of_another_shop_is_not_found(cast, shop, member):
    ledger.adjust(shop, member, 50, NOON, key="a")
    ledger.open_shop(cast.other, NOON)

    with pytest.raises(NotFound):
        reverse(cast.other, "a", NOON)
    assert ledger.standing(shop, member, NOON)["available"] == 50


def test_a_reversal_is_audited_under_the_member_by_the_id_that_all_rows_have(shop, member):
    person = Actor(kind="user", label="Owner")
    ledger.adjust(shop, member, 50, NOON, key="a", actor=person)

    reverse(shop, "a", NOON + DAY, actor=person)

    with tenancy.tenant(shop.pk), transaction.atomic():
        rows = AuditRow.objects.filter(action__in=["points.adjusted", "points.reversed"])
        found = {(row.action, row.subject_kind, row.subject_id) for row in rows}
    assert found == {
        ("points.adjusted", "member", member.public_id),
        ("points.reversed", "member", member.public_id),
    }
