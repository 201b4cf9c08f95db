"""Activities by API: what a shop's systems report, once by key and by what happened, with caps that are told."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.db import transaction
from django.utils import timezone

from members.lib import tenant as tenancy
from members.lib.earning import Earning
from members.models import PointsEntry, PointsRequest, Referral
from tests.api import System, close, join
from tests.factories.ledger import configure
from tests.members.api.test_door import problem

EVENTS = {
    "check_in": {"points": 2},
    "review": {"points": 20, "day_most": 30},
    "survey": {"points": 30},
    "referral": {"points": 80, "referred_points": 40, "on": "joining"},
}


@pytest.fixture
def shop(system) -> System:
    configure(system.shop, timezone.now(), earning=Earning.read({"events": EVENTS}))
    return system


def report(shop, member, key, **body):
    return shop.post(f"/members/{member.public_id}/activities", body, key=key)


def now_joined(shop, name):
    """A member who joins just now; those of `join` are of long ago."""
    made = shop.post("/members", {"channel": "web", "external_id": name}).json()
    return SimpleNamespace(public_id=made["id"])


def counted(shop, model=PointsRequest) -> int:
    with tenancy.tenant(shop.shop.pk), transaction.atomic():
        return model.objects.of(shop.shop).count()


def test_an_activity_brings_its_points_and_the_same_key_the_first_answer(shop):
    ann = join(shop.shop, "ann")

    first = report(shop, ann, "k1", kind="check_in")
    again = report(shop, ann, "k1", kind="check_in")
    other = report(shop, ann, "k2", kind="check_in")

    assert first.status_code == 201
    body = first.json()
    assert (body["member"], body["kind"], body["points"], body["available"]) == (
        ann.public_id,
        "check_in",
        2,
        2,
    )
    assert again.content == first.content and again.headers["Idempotency-Replayed"] == "true"
    assert (other.status_code, other.json()["points"], other.json()["trimmed_by"]) == (200, 0, "once")
    assert counted(shop, PointsEntry) == 1


def test_a_cap_that_is_reached_says_how_much_was_given_and_why(shop):
    ann = join(shop.shop, "ann")

    given = [report(shop, ann, f"k{n}", kind="review", reference=f"r{n}").json() for n in range(3)]

    assert [(each["points"], each["wanted"], each["trimmed_by"]) for each in given] == [
        (20, 20, ""),
        (10, 20, "day"),
        (0, 20, "day"),
    ]


def test_a_referral_names_another_member_and_rewards_both(shop):
    ann, bob = now_joined(shop, "ann"), now_joined(shop, "bob")

    body = report(shop, ann, "k", kind="referral", referred=bob.public_id).json()

    assert (body["points"], body["waits"]) == (80, False)
    assert shop.get(f"/members/{bob.public_id}/points").json()["available"] == 40


def test_a_referral_waits_for_the_first_order_where_the_rule_says_so(shop):
    events = {"referral": {"points": 80, "on": "first_order"}}
    configure(shop.shop, timezone.now(), earning=Earning.read({"events": events}))
    ann, bob = now_joined(shop, "ann"), now_joined(shop, "bob")

    answer = report(shop, ann, "k", kind="referral", referred=bob.public_id)

    assert (answer.status_code, answer.json()["waits"], answer.json()["points"]) == (201, True, 0)


@pytest.mark.parametrize(
    ("body", "status", "slug", "field"),
    [
        ({"kind": "sneezing"}, 422, "unknown-activity", "kind"),
        ({"kind": "birthday"}, 422, "unknown-activity", "kind"),
        ({"kind": "review"}, 422, "invalid", "reference"),
        ({"kind": "survey", "reference": "x" * 81}, 422, "invalid", "reference"),
        ({"kind": "referral"}, 422, "invalid", "referred"),
        ({"kind": "check_in", "referred": "x"}, 422, "invalid", "referred"),
        ({"kind": "referral", "referred": "nobody"}, 404, "not-found", None),
        ({"kind": 7}, 400, "malformed", "kind"),
        ({}, 400, "malformed", "kind"),
        ({"kind": "check_in", "points": 500}, 400, "malformed", "points"),
    ],
)
def test_bad_activities_have_their_problem_and_move_nothing(shop, body, status, slug, field):
    ann = join(shop.shop, "ann")

    answer = report(shop, ann, "k", **body)

    found = problem(answer, status, slug)
    assert field is None or field in found["errors"]
    assert counted(shop) == 0 and counted(shop, Referral) == 0


def test_what_the_program_gives_nothing_for_is_named_so(shop):
    configure(shop.shop, timezone.now(), earning=Earning())
    ann = join(shop.shop, "ann")

    problem(report(shop, ann, "k", kind="check_in"), 422, "activity-not-rewarded")


def test_a_key_is_needed(shop):
    ann = join(shop.shop, "ann")

    problem(report(shop, ann, "", kind="check_in"), 400, "malformed")


def test_another_merchants_member_is_not_found(shop, neighbour):
    stranger = join(neighbour.shop, "eve")

    problem(report(shop, stranger, "k", kind="check_in"), 404, "not-found")


def test_a_closed_program_rewards_nothing(shop):
    ann = join(shop.shop, "ann")
    close(shop.shop, "closed")

    problem(report(shop, ann, "k", kind="check_in"), 409, "program-not-open")


def test_the_program_says_what_it_gives(shop):
    campaign = {"code": "double", "multiplier": "2", "when": {"channels": ["jd"]}}
    rules = {"order_most": 500, "campaigns": [campaign], "events": {"joining": {"points": 10}}}
    configure(shop.shop, timezone.now(), earning=Earning.read(rules))

    found = shop.get("/program").json()["points"]["earning"]

    assert found == {"combine": "every", "day_most": None, "categories": {}, "check_ins": [], **rules}


def test_a_birthday_is_told_at_joining_and_changed_later(shop):
    who = {"channel": "web", "external_id": "ann", "birthday": "1996-02-29"}

    made = shop.post("/members", who).json()
    changed = shop.patch(f"/members/{made['id']}", {"birthday": "05-17"}).json()
    gone = shop.patch(f"/members/{made['id']}", {"birthday": None}).json()

    assert (made["birthday"], changed["birthday"], gone["birthday"]) == ("02-29", "05-17", None)
    wrong = shop.patch(f"/members/{made['id']}", {"birthday": "02-30"})
    assert "birthday" in problem(wrong, 422, "invalid")["errors"]
