"""Redeeming, holding and adjusting by API: what moves, what is refused, and that a key works once."""

from __future__ import annotations

import datetime as dt
import threading

import pytest
import time_machine
from django.db import connection, transaction
from django.utils import timezone

from members.lib import tenant as tenancy
from members.lib.scopes import Scope
from members.models import IdempotencyRow, PointsAccount, PointsEntry, PointsRequest
from tests.api import System, close, give, join
from tests.members.api.test_door import problem

LATER = dt.timedelta(minutes=31)


@pytest.fixture
def ann(system):
    """A member with 100 points."""
    member = join(system.shop, "ann")
    give(system, member, 100)
    return member


def books(shop):
    """All that a refused act may not touch."""
    with tenancy.tenant(shop.pk), transaction.atomic():
        return [
            list(model.objects.of(shop).order_by("pk").values())
            for model in (PointsAccount, PointsEntry, PointsRequest, IdempotencyRow)
        ]


def at(member, *rest):
    return "/".join([f"/members/{member.public_id}/points", *rest])


def points_of(system, member):
    return system.get(at(member)).json()


def redeem(system, member, points=60, key="r-1", **more):
    return system.post(at(member, "redemptions"), {"points": points, **more}, key=key)


def hold(system, member, points=60, key="h-1", **more):
    return system.post(at(member, "holds"), {"points": points, **more}, key=key)


def test_a_redemption_takes_points_and_says_what_is_left(system, ann):
    answer = redeem(system, ann, reason="Order 7")

    assert answer.status_code == 201
    body = answer.json()
    assert body == {
        "id": body["id"],
        "member": ann.public_id,
        "points": 60,
        "status": "done",
        "reason": "Order 7",
        "at": body["at"],
        "available": 40,
    }
    assert (points_of(system, ann)["available"], points_of(system, ann)["redeemed"]) == (40, 60)


def test_too_few_points_are_refused_with_the_number_there_is(system, ann):
    before = books(system.shop)

    told = problem(redeem(system, ann, 101), 422, "insufficient-points")

    assert told["available"] == 100 and "errors" not in told
    assert books(system.shop) == before
    problem(hold(system, ann, 101), 422, "insufficient-points")
    taken = {"points": -101, "reason": "Mistake"}
    problem(system.post(at(ann, "adjustments"), taken, key="a"), 422, "insufficient-points")
    assert books(system.shop) == before


def test_a_cancelled_redemption_gives_its_points_back_and_again_is_a_no_op(system, ann):
    path = at(ann, "redemptions", redeem(system, ann).json()["id"], "cancel")

    first = system.post(path, key="c-1").json()
    again = system.post(path, key="c-2").json()

    assert (
        (first["status"], first["available"]) == (again["status"], again["available"]) == ("cancelled", 100)
    )
    assert points_of(system, ann)["redeemed"] == 0
    with tenancy.tenant(system.shop.pk), transaction.atomic():
        assert [e.kind for e in PointsEntry.objects.order_by("sequence")] == ["adjust", "redeem", "restore"]


def test_a_hold_is_visible_and_lowers_what_can_be_spent(system, ann):
    held = hold(system, ann, minutes=15, reason="Basket 9").json()

    seen = points_of(system, ann)

    assert (held["status"], held["available"], seen["available"]) == ("held", 40, 40)
    lasts = dt.datetime.fromisoformat(held["ends_at"]) - dt.datetime.fromisoformat(held["at"])
    assert lasts == dt.timedelta(minutes=15)
    names = ("id", "points", "at", "ends_at", "reason")
    assert seen["holds"] == [{name: held[name] for name in names}]
    problem(redeem(system, ann, 41), 422, "insufficient-points")


def test_a_captured_hold_is_spent_and_can_be_cancelled(system, ann):
    held = hold(system, ann).json()["id"]

    captured = system.post(at(ann, "holds", held, "capture"), key="x-1").json()
    seen = points_of(system, ann)
    again = system.post(at(ann, "holds", held, "capture"), key="x-2").json()
    problem(system.post(at(ann, "holds", held, "release"), key="x-3"), 409, "not-cancellable")
    cancelled = system.post(at(ann, "redemptions", held, "cancel"), key="x-4").json()

    assert (captured["status"], captured["available"], again["status"]) == ("captured", 40, "captured")
    assert (seen["redeemed"], seen["holds"]) == (60, [])
    assert (cancelled["status"], cancelled["available"]) == ("cancelled", 100)


def test_a_released_hold_gives_back_and_cannot_be_captured(system, ann):
    held = hold(system, ann).json()["id"]

    released = system.post(at(ann, "holds", held, "release"), key="x-1").json()
    before = books(system.shop)
    told = problem(system.post(at(ann, "holds", held, "capture"), key="x-2"), 409, "hold-ended")

    assert (released["status"], released["available"]) == ("released", 100)
    assert "errors" not in told and books(system.shop) == before
    assert system.post(at(ann, "holds", held, "release"), key="x-3").json()["status"] == "released"
    assert books(system.shop)[1] == before[1]


def test_a_hold_whose_time_is_over_cannot_be_captured_and_its_points_can_be_spent(system, ann):
    held = hold(system, ann).json()["id"]
    before = books(system.shop)

    with time_machine.travel(timezone.now() + LATER, tick=False):
        problem(system.post(at(ann, "holds", held, "capture"), key="x-1"), 409, "hold-ended")
        assert books(system.shop) == before
        assert redeem(system, ann, 100).json()["available"] == 0
        assert system.post(at(ann, "holds", held, "release"), key="x-2").json()["status"] == "released"


def test_a_hold_that_still_holds_is_no_redemption_to_cancel(system, ann):
    held = hold(system, ann).json()["id"]
    before = books(system.shop)

    problem(system.post(at(ann, "redemptions", held, "cancel"), key="x"), 409, "not-cancellable")

    assert books(system.shop) == before


def test_what_is_no_hold_is_not_found_as_one(system, ann):
    redeemed = redeem(system, ann).json()["id"]
    adjusted = system.post(at(ann, "adjustments"), {"points": 5, "reason": "Sorry"}, key="a").json()["id"]
    before = books(system.shop)

    for path in (
        at(ann, "holds", redeemed, "capture"),
        at(ann, "holds", redeemed, "release"),
        at(ann, "holds", "nothing", "capture"),
        at(ann, "redemptions", adjusted, "cancel"),
        at(ann, "redemptions", "nothing", "cancel"),
    ):
        problem(system.post(path, key="x"), 404, "not-found")
    assert books(system.shop) == before


def test_what_belongs_to_another_member_is_not_found(system, ann):
    ben = join(system.shop, "ben")
    redeemed = redeem(system, ann).json()["id"]
    cat = join(system.shop, "cat")
    before = books(system.shop)

    problem(system.post(at(ben, "redemptions", redeemed, "cancel"), key="x"), 404, "not-found")
    problem(redeem(system, cat, 1, key="y"), 422, "insufficient-points")

    assert books(system.shop) == before


def test_an_adjustment_adds_or_takes_with_a_reason(system, ann):
    path = at(ann, "adjustments")

    added = system.post(path, {"points": 50, "reason": "Late parcel"}, key="a-1").json()
    taken = system.post(path, {"points": -120, "reason": "Mistake"}, key="a-2").json()

    assert (added["points"], added["status"], added["available"]) == (50, "done", 150)
    assert (taken["points"], taken["available"]) == (-120, 30)


@pytest.mark.parametrize(
    ("points", "status", "slug"),
    [
        (0, 422, "invalid"), (-1, 422, "invalid"), (10**12 + 1, 422, "invalid"), (10**40, 422, "invalid"),
        (1.5, 400, "malformed"), (2.0, 400, "malformed"), ("7", 400, "malformed"), (True, 400, "malformed"),
        (None, 400, "malformed"), ([7], 400, "malformed"), ({"n": 7}, 400, "malformed"),
    ],
)  # fmt: skip
def test_points_are_a_whole_number_above_zero(system, ann, points, status, slug):
    before = books(system.shop)

    for act in ("redemptions", "holds"):
        told = problem(system.post(at(ann, act), {"points": points}, key="x"), status, slug)
        assert list(told["errors"]) == ["points"]
    if points != -1:
        body = {"points": points, "reason": "x"}
        told = problem(system.post(at(ann, "adjustments"), body, key="x"), status, slug)
        assert list(told["errors"]) == ["points"]
    assert books(system.shop) == before


@pytest.mark.parametrize(
    ("act", "body", "status", "slug", "field"),
    [
        ("redemptions", {}, 400, "malformed", "points"),
        ("redemptions", {"points": 1, "pionts": 1}, 400, "malformed", "pionts"),
        ("redemptions", {"points": 1, "reason": "x" * 201}, 422, "invalid", "reason"),
        ("redemptions", {"points": 1, "reason": 7}, 400, "malformed", "reason"),
        ("redemptions", {"points": 1, "reason": "a\x00b"}, 400, "malformed", "reason"),
        ("holds", {"points": 1, "minutes": 0}, 422, "invalid", "minutes"),
        ("holds", {"points": 1, "minutes": 60 * 24 * 7 + 1}, 422, "invalid", "minutes"),
        ("holds", {"points": 1, "minutes": "30"}, 400, "malformed", "minutes"),
        ("adjustments", {"points": 1}, 400, "malformed", "reason"),
        ("adjustments", {"points": 1, "reason": ""}, 422, "invalid", "reason"),
        ("adjustments", {"points": 1, "reason": "  "}, 422, "invalid", "reason"),
    ],
)
def test_a_body_out_of_shape_is_told_by_field(system, ann, act, body, status, slug, field):
    before = books(system.shop)

    told = problem(system.post(at(ann, act), body, key="x"), status, slug)

    assert list(told["errors"]) == [field] and books(system.shop) == before


@pytest.mark.parametrize("raw", [b"{", b"[1]", b"7", b'{"points": NaN}', b'{"points": ' + b"9" * 5000 + b"}"])
def test_what_is_no_json_moves_nothing(system, ann, raw):
    before = books(system.shop)

    problem(system.post(at(ann, "redemptions"), raw=raw, key="x"), 400, "malformed")

    assert books(system.shop) == before


def test_a_body_where_none_belongs_is_malformed(system, ann):
    redeemed = redeem(system, ann).json()["id"]
    before = books(system.shop)

    path = at(ann, "redemptions", redeemed, "cancel")
    problem(system.post(path, {"points": 10}, key="x"), 400, "malformed")

    assert books(system.shop) == before


@pytest.mark.parametrize(
    ("rest", "body"),
    [
        (["redemptions"], {"points": 1}),
        (["holds"], {"points": 1}),
        (["adjustments"], {"points": 1, "reason": "x"}),
        (["redemptions", "any", "cancel"], None),
        (["holds", "any", "capture"], None),
        (["holds", "any", "release"], None),
    ],
)
def test_without_a_key_nothing_moves_and_the_header_is_named(system, ann, rest, body):
    before = books(system.shop)

    told = problem(system.post(at(ann, *rest), body), 400, "malformed")

    assert list(told["errors"]) == ["Idempotency-Key"] and "Idempotency-Key" in told["detail"]
    assert books(system.shop) == before


# ---- keys -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("act", "body"),
    [
        ("redemptions", {"points": 60}),
        ("holds", {"points": 60}),
        ("adjustments", {"points": 7, "reason": "x"}),
    ],
)
def test_the_same_key_and_body_give_the_first_answer_again(system, ann, act, body):
    first = system.post(at(ann, act), body, key="k-1")
    give(system, ann, 1000)
    before = books(system.shop)

    again = system.post(at(ann, act), dict(reversed(body.items())), key="k-1")

    assert (again.status_code, again.content) == (201, first.content)
    assert "Idempotency-Replayed" not in first and again["Idempotency-Replayed"] == "true"
    assert books(system.shop) == before


def test_the_first_answer_stands_whatever_became_of_the_request_and_of_the_program(system, ann):
    first = redeem(system, ann)
    held = hold(system, ann, 10)
    system.post(at(ann, "redemptions", first.json()["id"], "cancel"), key="c-1")
    system.post(at(ann, "holds", held.json()["id"], "release"), key="c-2")
    close(system.shop, "cleared")

    again = redeem(system, ann), hold(system, ann, 10)

    assert [each.content for each in again] == [first.content, held.content]
    problem(redeem(system, ann, key="new"), 403, "program-cleared")


@pytest.mark.parametrize(
    ("act", "body"),
    [
        ("redemptions", {"points": 61}),
        ("redemptions", {"points": 60, "reason": "Another"}),
        ("holds", {"points": 60}),
        ("adjustments", {"points": 60, "reason": ""}),
        ("adjustments", {"points": 60, "reason": "x"}),
    ],
)
def test_redemptions_holds_and_adjustments_share_one_space_of_keys(system, ann, act, body):
    redeem(system, ann, key="k-1")
    before = books(system.shop)

    answer = system.post(at(ann, act), body, key="k-1")

    if body.get("reason") == "":
        problem(answer, 422, "invalid")
    else:
        problem(answer, 409, "idempotency-conflict")
    assert books(system.shop) == before


def test_a_key_used_for_another_member_is_a_conflict(system, ann):
    ben = join(system.shop, "ben")
    give(system, ben, 100)
    redeem(system, ann, key="k-1")
    before = books(system.shop)

    problem(redeem(system, ben, key="k-1"), 409, "idempotency-conflict")

    assert books(system.shop) == before


def test_a_refused_request_keeps_no_key(system, ann):
    problem(redeem(system, ann, 101, key="k-1"), 422, "insufficient-points")
    problem(redeem(system, ann, 0, key="k-1"), 422, "invalid")

    assert redeem(system, ann, 100, key="k-1").status_code == 201


def test_a_points_key_is_kept_by_the_points_alone(system, ann):
    redeem(system, ann)
    hold(system, ann, 1)

    with tenancy.tenant(system.shop.pk), transaction.atomic():
        assert not IdempotencyRow.objects.exists()
        assert set(PointsRequest.objects.values_list("key", flat=True)) >= {"r-1", "h-1"}


def test_a_settling_repeated_under_its_key_is_a_replay_and_its_key_is_spent(system, ann):
    one, two = (redeem(system, ann, 10, key=key).json()["id"] for key in ("k-1", "k-2"))
    first = system.post(at(ann, "redemptions", one, "cancel"), key="c-1")
    redeem(system, ann, 50, key="k-3")

    again = system.post(at(ann, "redemptions", one, "cancel"), key="c-1")

    assert again.content == first.content and again["Idempotency-Replayed"] == "true"
    problem(system.post(at(ann, "redemptions", two, "cancel"), key="c-1"), 409, "idempotency-conflict")


def test_keys_belong_to_a_shop(system, neighbour, ann):
    bob = join(neighbour.shop, "bob")
    give(neighbour, bob, 100)

    assert redeem(system, ann, key="k-1").status_code == 201
    assert redeem(neighbour, bob, key="k-1").json()["available"] == 40


# ---- doors ----------------------------------------------------------------------------------------------------------


def test_reading_points_gives_no_right_to_move_them(system, ann):
    reader = System(system.shop, scopes=[Scope.POINTS_READ])
    redeemed = redeem(system, ann).json()["id"]
    before = books(system.shop)

    problem(redeem(reader, ann, 1, key="x"), 403, "scope-missing")
    problem(hold(reader, ann, 1, key="x"), 403, "scope-missing")
    problem(reader.post(at(ann, "redemptions", redeemed, "cancel"), key="x"), 403, "scope-missing")
    assert reader.get(at(ann)).status_code == 200
    writer = System(system.shop, scopes=[Scope.POINTS_WRITE])
    problem(writer.get(at(ann)), 403, "scope-missing")
    assert books(system.shop) == before


@pytest.mark.parametrize(
    ("kind", "status", "slug"), [("closed", 409, "program-not-open"), ("cleared", 403, "program-cleared")]
)
def test_points_rest_while_the_program_is_not_open(system, ann, kind, status, slug):
    redeemed, held = redeem(system, ann, 10).json()["id"], hold(system, ann, 10).json()["id"]
    close(system.shop, kind)
    before = books(system.shop)

    for path, body in (
        (at(ann, "redemptions"), {"points": 1}),
        (at(ann, "holds"), {"points": 1}),
        (at(ann, "adjustments"), {"points": 1, "reason": "x"}),
        (at(ann, "redemptions", redeemed, "cancel"), None),
        (at(ann, "holds", held, "capture"), None),
        (at(ann, "holds", held, "release"), None),
    ):
        problem(system.post(path, body, key="x"), status, slug)
    assert books(system.shop) == before


def at_once(system, calls):
    """Answers of calls made at the same time, each over a connection of its own."""
    barrier, answers = threading.Barrier(len(calls)), [None] * len(calls)

    def send(place, path, body, key):
        own = System.__new__(System)
        own.__dict__.update(system.__dict__, client=type(system.client)())
        barrier.wait()
        answers[place] = own.post(path, body, key=key)
        connection.close()

    threads = [threading.Thread(target=send, args=[n, *call]) for n, call in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_with_one_key_one_moves_points_and_all_get_its_answer(system, ann):
    answers = at_once(system, [(at(ann, "redemptions"), {"points": 60}, "k-1")] * 8)

    assert [answer.status_code for answer in answers] == [201] * 8
    assert len({answer.content for answer in answers}) == 1
    assert sorted("Idempotency-Replayed" in answer for answer in answers) == [False] + [True] * 7
    assert points_of(system, ann)["available"] == 40


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_for_one_balance_as_many_are_granted_as_there_is(system, ann):
    calls = [(at(ann, "redemptions"), {"points": 30}, f"k-{n}") for n in range(8)]

    answers = at_once(system, calls)

    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [422] * 5
    assert points_of(system, ann)["available"] == 10


@pytest.mark.django_db(transaction=True)
def test_one_key_at_once_for_two_members_is_granted_to_one(system, ann):
    ben = join(system.shop, "ben")
    give(system, ben, 100)
    calls = [(at(member, "redemptions"), {"points": 60}, "k-1") for member in (ann, ben)]

    answers = at_once(system, calls)

    assert sorted(answer.status_code for answer in answers) == [201, 409]
    left = [points_of(system, member)["available"] for member in (ann, ben)]
    assert sorted(left) == [40, 100]
