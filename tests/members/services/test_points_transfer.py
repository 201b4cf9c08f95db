"""Everything a member has becomes another's, who is the same person (domain.md 1 and 6)."""

from __future__ import annotations

import pytest
from django.db import transaction

from members.lib import tenant as tenancy
from members.lib.refusals import IdempotencyConflict, Invalid, NotFound, ProgramNotOpen
from members.models import PointsEntry, PointsLot
from members.selectors import request_words
from members.services import points_transfer
from tests.members.services.till import JOB, Till, at

pytestmark = pytest.mark.django_db
WHEN = "2024-02-01"


def moved(till, source="m", target="n", key="k", reason="the same person", when=WHEN):
    with tenancy.tenant(till.id):
        return points_transfer.transfer(
            merchant_id=till.id,
            at=at(when),
            actor=JOB,
            from_member_id=till.members.get(source, 10**9),
            to_member_id=till.members.get(target, 10**9),
            key=key,
            reason=reason,
        )


def entries(till, name):
    with tenancy.tenant(till.id), transaction.atomic():
        kept = PointsEntry.objects.of(till.id).filter(member_id=till.members[name]).order_by("sequence")
        return [(each.kind, each.points, each.balance_after) for each in kept]


def lots(till, name):
    with tenancy.tenant(till.id), transaction.atomic():
        kept = PointsLot.objects.of(till.id).filter(member_id=till.members[name], remaining__gt=0)
        return sorted((each.remaining, str(each.expires_on)) for each in kept)


@pytest.fixture
def till(db) -> Till:
    """Two members; m has 100 points until 1 March, of which 30 are spent, and 50 until 1 April."""
    shop = Till(rules={"expiry": {"kind": "rolling", "months": 1}})
    shop.join("n")
    shop.put("2024-02-01", "a", 100_00)
    shop.put("2024-02-29", "b", 50_00)
    shop.redeem("2024-02-29", 30, "r")
    return shop


def test_every_lot_moves_with_its_last_usable_day(till):
    before = lots(till, "m")

    moved(till, when="2024-02-29 13:00")

    assert till.balance("m") == (0, 0, 0) and till.balance("n") == (120, 0, 0)
    assert lots(till, "m") == [] and lots(till, "n") == before and len(before) == 2
    assert entries(till, "m")[-1] == ("transfer_out", -120, 0)
    assert [each[0] for each in entries(till, "n")] == ["transfer_in", "transfer_in"]
    till.prove()


def test_a_debt_moves_too_and_is_paid_from_what_the_other_has(till):
    till.join("o")
    till.put("2024-02-29 12:30", "c", 200_00, member="o")
    till.refund("2024-02-29 12:40", "a", "whole")
    till.refund("2024-02-29 12:41", "b", "whole")
    assert till.balance("m") == (0, 0, 30)

    moved(till, "m", "o", when="2024-02-29 13:00")

    assert till.balance("m") == (0, 0, 0) and till.balance("o") == (170, 0, 0)
    assert entries(till, "m")[-1] == ("transfer_out", 30, 0)
    assert entries(till, "o")[-1] == ("transfer_in", -30, 170)
    till.prove()


def test_points_pay_the_debt_of_the_one_they_come_to(till):
    till.join("o")
    till.put("2024-02-29 12:30", "c", 20_00, member="o")
    till.redeem("2024-02-29 12:35", 20, "all of o", "o")
    till.refund("2024-02-29 12:40", "c", "whole")
    assert till.balance("o") == (0, 0, 20)

    moved(till, "m", "o", when="2024-02-29 13:00")

    assert till.balance("o") == (100, 0, 0)
    till.prove()


def test_the_same_key_moves_once_and_another_body_is_refused(till):
    till.join("o")
    first = moved(till, when="2024-02-29 13:00")
    till.put("2024-02-29 13:30", "d", 10_00)

    again = moved(till, when="2024-02-29 14:00")

    assert again.pk == first.pk and till.balance("m") == (10, 0, 0)
    with pytest.raises(IdempotencyConflict):
        moved(till, "m", "o", when="2024-02-29 14:00")
    assert till.balance("m") == (10, 0, 0) and till.balance("o") == (0, 0, 0)
    till.prove()


@pytest.mark.parametrize(
    ("wrong", "raised"),
    [
        ({"target": "m"}, Invalid),
        ({"source": "nobody"}, NotFound),
        ({"target": "nobody"}, NotFound),
        ({"reason": " "}, Invalid),
        ({"key": ""}, Invalid),
        ({"key": "x" * 129}, Invalid),
    ],
)
def test_what_is_refused_moves_nothing(till, wrong, raised):
    before = [entries(till, name) for name in "mn"]

    with pytest.raises(raised):
        moved(till, when="2024-02-29 13:00", **wrong)

    assert [entries(till, name) for name in "mn"] == before


def test_nothing_moves_while_the_program_is_closed(till):
    till.close("2024-02-29 12:30")

    with pytest.raises(ProgramNotOpen):
        moved(till, when="2024-02-29 13:00")

    assert till.balance("m") == (120, 0, 0)


def test_both_sides_say_why(till):
    moved(till, when="2024-02-29 13:00")

    with tenancy.tenant(till.id), transaction.atomic():
        for name, words in (("m", "moved everything of this member"), ("n", "of another member")):
            entry = (
                PointsEntry.objects.of(till.id)
                .select_related("request")
                .filter(member_id=till.members[name])
                .latest("sequence")
            )
            told = request_words.explain(entry, entry.request)
            assert words in told[0] and "the same person" in told[1]
