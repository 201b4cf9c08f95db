"""Benefits by API: made, published, paused, resumed, ended, listed."""

from __future__ import annotations

from django.db import transaction

from benefits.models import Benefit, BenefitRevision
from members.lib import tenant as tenancy
from members.lib.scopes import Scope
from tests.api import System, queries_of
from tests.members.api.test_door import problem

COUPON = {"kind": "coupon", "name": "满100减10", "settings": {"at_least_minor": 10_000, "off_minor": 1_000}}


def count(system, model):
    with tenancy.tenant(system.shop.pk), transaction.atomic():
        return model.objects.of(system.shop).count()


def test_a_benefit_is_kept_as_a_draft_and_then_published(system):
    made = system.post("/benefits", COUPON)
    draft = made.json()

    published = system.post(f"/benefits/{draft['id']}/publish").json()

    assert made.status_code == 201
    assert (draft["status"], draft["standing"], draft["revision"]) == ("draft", "draft", 0)
    assert (published["status"], published["standing"], published["revision"]) == ("published", "in_force", 1)
    assert published["id"] == draft["id"] and published["settings"] == COUPON["settings"]
    assert published["currency"] == "CNY" and published["audience"] == "everyone"


def test_a_benefit_is_published_at_once_when_told_so(system):
    made = system.post("/benefits", {**COUPON, "publish": True, "stock": 0})

    assert made.status_code == 201 and made.json()["standing"] == "in_force"
    assert made.json()["unusable"] == ["stock"]


def test_publishing_again_changes_nothing(system):
    made = system.post("/benefits", {**COUPON, "publish": True}).json()

    again = system.post(f"/benefits/{made['id']}/publish").json()

    assert again == made and count(system, BenefitRevision) == 1


def test_a_benefit_is_paused_resumed_and_ended_with_a_reason(system):
    made = system.post("/benefits", {**COUPON, "publish": True}).json()
    path = f"/benefits/{made['id']}"

    moves = [
        system.post(f"{path}/{verb}", {"reason": "Stocktaking"}).json() for verb in ("pause", "resume", "end")
    ]

    assert [(each["status"], each["standing"]) for each in moves] == [
        ("paused", "paused"),
        ("published", "in_force"),
        ("ended", "over"),
    ]
    problem(system.post(f"{path}/publish"), 409, "conflict")
    problem(system.post(f"{path}/resume"), 422, "invalid")
    with tenancy.tenant(system.shop.pk), transaction.atomic():
        rows = BenefitRevision.objects.of(system.shop).order_by("number")
        assert [row.reason for row in rows][1:] == ["Stocktaking"] * 3


def test_what_a_rule_refuses_is_told_by_field_and_makes_nothing(system):
    over = {**COUPON, "settings": {"off_percent": 101}}
    turned = {**COUPON, "from_at": "2030-02-01T00:00:00+08:00", "to_at": "2030-01-01T00:00:00+08:00"}

    assert "off_percent" in problem(system.post("/benefits", over), 422, "invalid")["errors"]
    assert "to_at" in problem(system.post("/benefits", turned), 422, "invalid")["errors"]
    assert "kind" in problem(system.post("/benefits", {"kind": "gift_card"}), 422, "invalid")["errors"]
    problem(system.post("/benefits", {**COUPON, "settings": [1]}), 400, "malformed")
    problem(system.post("/benefits", {**COUPON, "settings": {"a": "\x00"}}), 400, "malformed")
    problem(system.post("/benefits", {**COUPON, "discount": 5}), 400, "malformed")
    assert count(system, Benefit) == 0


def test_a_misspelt_setting_is_refused_with_the_names_that_are_known(system):
    for publish in (True, False):
        sent = system.post("/benefits", {"kind": "coupon", "settings": {"of_minor": 5}, "publish": publish})

        (told,) = problem(sent, 422, "invalid")["errors"]["settings.of_minor"]
        assert "off_minor, off_percent, at_least_minor, max_off_minor" in told

    assert count(system, Benefit) == 0


def test_an_audience_is_what_the_schema_says_and_names_tiers_that_exist(system):
    for audience in ("gold", ["base"], {"segment": "s"}, {"tiers": "base"}, {"tiers": [1]}, None, 7):
        problem(system.post("/benefits", {**COUPON, "audience": audience}), 400, "malformed")
    unknown = problem(system.post("/benefits", {**COUPON, "audience": {"tiers": ["x"]}}), 422, "invalid")

    assert unknown["errors"] == {"audience": ["There is no tier “x”. Tiers: base, silver."]}
    assert count(system, Benefit) == 0
    for audience in ("everyone", {"tiers": ["base"]}, {"tiers": []}):
        assert system.post("/benefits", {**COUPON, "audience": audience}).json()["audience"] == audience


def test_the_list_is_newest_first_by_cursor_and_narrows(system):
    for number in range(3):
        system.post("/benefits", {**COUPON, "name": f"c{number}", "publish": number != 1})
    system.post("/benefits", {"kind": "lucky_draw", "name": "draw", "publish": True})

    first = system.get("/benefits?limit=3").json()
    system.post("/benefits", {**COUPON, "name": "later"})
    second = system.get(f"/benefits?limit=3&cursor={first['next_cursor']}").json()

    assert [row["name"] for row in first["items"] + second["items"]] == ["draw", "c2", "c1", "c0"]
    assert [row["name"] for row in system.get("/benefits?standing=draft").json()["items"]] == ["later", "c1"]
    assert [row["name"] for row in system.get("/benefits?kind=lucky_draw").json()["items"]] == ["draw"]


def test_a_key_published_twice_publishes_once(system):
    first = system.post("/benefits", {**COUPON, "publish": True}, key="k-1")
    again = system.post("/benefits", {**COUPON, "publish": True}, key="k-1")

    assert first.content == again.content and count(system, Benefit) == 1


def test_reading_needs_one_scope_and_writing_another(system):
    reader = System(system.shop, scopes=[Scope.BENEFITS_READ])

    assert reader.get("/benefits").status_code == 200
    problem(reader.post("/benefits", COUPON), 403, "scope-missing")


def test_the_list_needs_as_many_queries_for_many_as_for_few(system):
    system.post("/benefits", COUPON)
    few = queries_of(system, "/benefits")
    for _ in range(5):
        system.post("/benefits", COUPON)

    assert queries_of(system, "/benefits") == few
