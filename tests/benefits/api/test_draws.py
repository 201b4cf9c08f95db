"""Draws by API: what is published, entering under a key, refusals by their types, the proof."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from django.db import transaction

from benefits.lib import draws as rule
from benefits.models import Benefit, DrawEntry
from benefits.services import drawing
from members.lib import tenant as tenancy
from members.lib.scopes import Scope
from members.models import PointsRequest
from tests.api import SHANGHAI, System, close, give, join, open_shop, queries_of
from tests.factories.benefits import DRAW
from tests.members.api.test_door import problem

CLOSE = "2099-12-31T00:00:00+08:00"
AFTER = dt.datetime(2100, 1, 1, tzinfo=SHANGHAI)


def publish(system: System, *, to_at: str = CLOSE, kind: str = "lucky_draw", **settings):
    body = {"kind": kind, "name": "Spring", "settings": DRAW | settings, "to_at": to_at, "publish": True}
    return system.post("/benefits", body)


def draw(system: System, **more) -> str:
    made = publish(system, **more)
    assert made.status_code == 201, made.content
    return made.json()["id"]


def enter(system: System, member, benefit: str, key: str = "e1"):
    return system.post(f"/members/{member.public_id}/draws/{benefit}/entries", key=key)


def rows(system: System, model) -> int:
    with tenancy.tenant(system.shop.pk), transaction.atomic():
        return model.objects.of(system.shop).count()


@pytest.fixture
def member(system):
    return join(system.shop, "u1")


def test_what_is_published_stands_there_before_entries_close_and_the_seed_does_not(system):
    body = system.get(f"/benefits/{draw(system)}/draw").json()

    assert body["rules_hash"] == rule.sha(rule.canonical(body["rules"]))
    assert len(body["commitment"]) == 64 and body["state"] == "open" and body["counts_for_clearance"] is False
    assert [body[name] for name in ("seed", "root", "digest", "drawn_at")] == [None] * 4
    assert body["verify_url"].endswith(f"/draws/{system.shop.slug}/{body['id']}/verify")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"to_at": None}, "to_at"),
        ({"prizes": []}, "prizes"),
        ({"terms": ""}, "terms"),
        ({"prizes": [{"name": "Car", "count": 1, "value_minor": 5_000_001}]}, "prizes"),
        ({"kind": "draw_purchase"}, "price_minor"),
    ],
)
def test_a_draw_without_its_disclosure_is_refused_in_words(system, change, field):
    told = problem(publish(system, **change), 422, "invalid")

    assert list(told["errors"]) == [field] and rows(system, Benefit) == 0


def test_a_member_enters_once_however_often_it_is_asked(system, member):
    benefit = draw(system)
    first, again = enter(system, member, benefit), enter(system, member, benefit)

    assert first.status_code == again.status_code == 201 and first.json() == again.json()
    body = first.json()
    salt = system.get(f"/benefits/{benefit}/draw").json()["rules"]["salt"]
    assert body["entrant"] == rule.entrant_of(salt, member.public_id, 1)
    assert (body["is_drawn"], body["prize"], body["code"]) == (False, None, None)
    problem(enter(system, member, benefit, key="e2"), 409, "limit-reached")
    listed = system.get(f"/members/{member.public_id}/draws/{benefit}/entries").json()
    assert listed == {"items": [body], "left": 0} and rows(system, DrawEntry) == 1


def test_what_an_entry_costs_is_spent_with_it(system, member):
    give(system, member, 50)
    benefit = draw(system, points=30, entries=2)

    assert enter(system, member, benefit).json()["points"] == 30
    short = problem(enter(system, member, benefit, key="e2"), 422, "insufficient-points")

    assert short["available"] == 20
    assert (rows(system, DrawEntry), rows(system, PointsRequest)) == (1, 2)


def test_other_shops_members_benefits_and_draws_do_not_exist(system, member, cast):
    other = System(cast.other)
    open_shop(cast.other)
    theirs, stranger = draw(other), join(cast.other, "u2")
    mine = draw(system)

    for answer in (
        enter(system, stranger, mine),
        enter(system, member, theirs),
        system.get(f"/benefits/{theirs}/draw"),
        system.get(f"/benefits/{theirs}/draw/proof"),
        system.get(f"/members/{stranger.public_id}/draws/{mine}/entries"),
    ):
        problem(answer, 404, "not-found")
    assert rows(system, DrawEntry) == rows(other, DrawEntry) == 0


@pytest.mark.parametrize(
    ("kind", "status", "slug"), [("closed", 409, "program-not-open"), ("cleared", 403, "program-cleared")]
)
def test_a_program_that_is_not_open_takes_no_entries(system, member, kind, status, slug):
    benefit = draw(system)
    close(system.shop, kind)

    problem(enter(system, member, benefit), status, slug)

    assert rows(system, DrawEntry) == 0


def test_what_has_begun_is_not_ended_or_paused(system, member):
    benefit = draw(system)
    enter(system, member, benefit)

    for verb in ("end", "pause"):
        problem(system.post(f"/benefits/{benefit}/{verb}", {}), 409, "draw-begun")
    assert system.get(f"/benefits/{benefit}").json()["status"] == "published"


def test_the_proof_is_there_when_winners_are_and_never_before(system, member):
    benefit = draw(system)
    enter(system, member, benefit)
    problem(system.get(f"/benefits/{benefit}/draw/proof"), 409, "conflict")

    with tenancy.platform():
        drawing.draw_due(at=AFTER)

    body = system.get(f"/benefits/{benefit}/draw").json()
    proof = system.get(f"/benefits/{benefit}/draw/proof").json()
    assert proof["digest"] == body["digest"] and rule.commitment_of(body["seed"]) == body["commitment"]
    (entry,) = system.get(f"/members/{member.public_id}/draws/{benefit}/entries").json()["items"]
    assert (entry["is_drawn"], entry["prize"]) == (True, "Tea") and entry["entrant"] in proof["entrants"]
    held = system.get(f"/entitlements/{entry['code']}").json()
    assert held["source"] == "draw" and held["member"] == member.public_id
    assert member.public_id not in json.dumps(proof)


def test_the_number_of_queries_does_not_grow_with_entries(system):
    benefit = draw(system)
    enter(system, join(system.shop, "a"), benefit)
    few = queries_of(system, f"/benefits/{benefit}/draw")
    for n in range(5):
        enter(system, join(system.shop, f"b{n}"), benefit)

    assert queries_of(system, f"/benefits/{benefit}/draw") == few


def test_reading_needs_its_scope_and_entering_needs_another(system, member):
    benefit = draw(system)
    reader = System(system.shop, scopes=[Scope.BENEFITS_READ])

    assert reader.get(f"/benefits/{benefit}/draw").status_code == 200
    problem(enter(reader, member, benefit), 403, "scope-missing")
