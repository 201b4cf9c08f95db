"""Benefits by API: made, published, paused, resumed, ended, listed."""

from __future__ import annotations

import pytest
from django.db import transaction

from benefits.models import Benefit, BenefitRevision, CatalogueSku, MemberPrice
from benefits.selectors.coverage import stored
from members.lib import tenant as tenancy
from members.lib.scopes import Scope
from members.models import Store
from tests.api import System, queries_of
from tests.factories.benefits import DRAW
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


def test_a_benefit_says_where_it_is_to_be_had(system):
    with tenancy.tenant(system.shop.pk), transaction.atomic():
        Store.objects.create(merchant_id=system.shop.pk, channel="pos", code="001", name="West Lake")
    scope = {"channels": ["taobao"], "stores": ["pos:001"], "scenes": ["takeaway"]}

    made = system.post("/benefits", {**COUPON, "scope": scope}).json()
    published = system.post(f"/benefits/{made['id']}/publish").json()
    gone = system.post("/benefits", {**COUPON, "publish": True, "scope": {"stores": ["pos:404"]}})
    wrong = system.post("/benefits", {**COUPON, "scope": {"channels": ["amazon"]}})

    assert made["scope"] == published["scope"] == scope and published["doubts"] == []
    assert "pos:404" in str(problem(gone, 422, "invalid")["errors"]["scope"])
    assert problem(wrong, 422, "invalid")["errors"]
    assert count(system, Benefit) == 1


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
    lawful = {"settings": DRAW, "to_at": "2099-12-31T00:00:00+08:00"}
    system.post("/benefits", {"kind": "lucky_draw", "name": "draw", "publish": True, **lawful})

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


@pytest.mark.parametrize(
    ("kind", "settings", "field"),
    [
        ("coupon", {}, "off_minor"),
        ("coupon", {"at_least_minor": 10_000}, "off_minor"),
        ("member_price", {}, "prices"),
        ("member_price", {"list": {"rows": 9, "lower": 9, "digest": "made up"}}, "list"),
        ("discount", {}, "percent"),
    ],
)
def test_what_says_not_what_members_get_is_kept_and_not_published(system, kind, settings, field):
    refused = problem(
        system.post("/benefits", {"kind": kind, "settings": settings, "publish": True}), 422, "invalid"
    )
    assert list(refused["errors"]) == [field] and count(system, Benefit) == 0

    draft = system.post("/benefits", {"kind": kind, "settings": settings}).json()
    again = problem(system.post(f"/benefits/{draft['id']}/publish"), 422, "invalid")

    assert again["errors"] == refused["errors"]
    assert system.get(f"/benefits/{draft['id']}").json() == draft and count(system, BenefitRevision) == 0
    with tenancy.tenant(system.shop.pk), transaction.atomic():
        assert stored(merchant_id=system.shop.pk) == ()


# ---- member prices ---------------------------------------------------------------------------------------------------

PRICES = {
    "kind": "member_price",
    "name": "Members pay less",
    "publish": True,
    "prices": [
        {"sku": "tea", "price_minor": 900, "list_minor": 1000, "name": "Tea"},
        {"sku": "tea", "price_minor": 800, "tier": "silver"},
        {"sku": "cup", "price_minor": 500, "list_minor": 500},
    ],
}


def listed(system) -> set[tuple[str, str, int, int]]:
    with tenancy.tenant(system.shop.pk), transaction.atomic():
        rows = MemberPrice.objects.of(system.shop).filter(to_at=None).select_related("item")
        return {(row.sku, row.tier_code, row.price_minor, row.list_minor) for row in rows}


def test_member_prices_are_published_with_their_list(system):
    made = system.post("/benefits", PRICES)

    assert made.status_code == 201, made.content
    assert (made.json()["standing"], made.json()["unusable"]) == ("in_force", [])
    facts = made.json()["settings"]["list"]
    assert (facts["rows"], facts["lower"]) == (3, 2)
    assert listed(system) == {
        ("tea", "", 900, 1000),
        ("tea", "silver", 800, 1000),
        ("cup", "", 500, 500),
    }


def test_a_sku_of_the_catalogue_needs_no_list_price(system):
    system.post("/benefits", PRICES)

    again = system.post("/benefits", {**PRICES, "prices": [{"sku": "tea", "price_minor": 700}]})

    assert again.status_code == 201 and ("tea", "", 700, 1000) in listed(system)


def test_a_draft_takes_its_list_when_it_is_published(system):
    draft = system.post("/benefits", {"kind": "member_price", "name": "Later"}).json()

    published = system.post(f"/benefits/{draft['id']}/publish", {"prices": PRICES["prices"]}).json()

    assert (published["id"], published["standing"]) == (draft["id"], "in_force")
    assert len(listed(system)) == 3


def test_a_list_that_lowers_nothing_is_a_paper_benefit(system):
    dear = [{"sku": "cup", "price_minor": 500, "list_minor": 500}]

    assert system.post("/benefits", {**PRICES, "prices": dear}).json()["unusable"] == ["worth"]


def test_every_wrong_row_is_named_and_nothing_is_published(system):
    good = {"sku": "tea", "price_minor": 900, "list_minor": 1000}
    rows = [
        good,
        {"sku": "cup", "price_minor": 600, "list_minor": 500},
        {"sku": "pot", "price_minor": 600},
        {**good, "tier": "gold"},
        {**good, "price_minor": 1},
        {"sku": "tea", "price_minor": 5, "list_minor": 999, "tier": "base"},
    ]

    refused = problem(system.post("/benefits", {**PRICES, "prices": rows}), 422, "invalid")

    assert list(refused["errors"]) == [
        "prices[1].price_minor",
        "prices[2].list_minor",
        "prices[3].tier",
        "prices[4].sku",
        "prices[5].list_minor",
    ]
    assert count(system, Benefit) == count(system, CatalogueSku) == count(system, MemberPrice) == 0


@pytest.mark.parametrize(
    "row",
    [
        {"sku": "tea"},
        {"price_minor": 5},
        {"sku": "", "price_minor": 5},
        {"sku": " ", "price_minor": 5},
        {"sku": "t\x00", "price_minor": 5},
        {"sku": "t" * 65, "price_minor": 5},
        {"sku": "tea", "price_minor": "5"},
        {"sku": "tea", "price_minor": 5.5},
        {"sku": "tea", "price_minor": True},
        {"sku": "tea", "price_minor": 5, "colour": "green"},
        "tea",
    ],
)
def test_a_row_out_of_shape_is_refused_by_its_place(system, row):
    sent = {**PRICES, "prices": [PRICES["prices"][0], row]}

    told = system.post("/benefits", sent)

    slug = told.json()["type"]
    told = problem(told, {"malformed": 400, "invalid": 422}[slug], slug)
    assert all(place.startswith("prices[1]") for place in told["errors"]) and count(system, Benefit) == 0


def test_a_price_of_nothing_is_refused(system):
    sent = {**PRICES, "prices": [{"sku": "tea", "price_minor": 0, "list_minor": 5}]}

    assert system.post("/benefits", sent).status_code in (400, 422) and count(system, Benefit) == 0


def test_prices_stand_where_they_can(system):
    rows = PRICES["prices"]

    assert (
        "prices"
        in problem(system.post("/benefits", {**COUPON, "publish": True, "prices": rows}), 422, "invalid")[
            "errors"
        ]
    )
    assert (
        "prices" in problem(system.post("/benefits", {**PRICES, "publish": False}), 422, "invalid")["errors"]
    )
    many = [{"sku": f"s{n}", "price_minor": 5, "list_minor": 9} for n in range(5_001)]
    assert system.post("/benefits", {**PRICES, "prices": many}).status_code in (400, 422)
    problem(system.post("/benefits", {**PRICES, "prices": []}), 422, "invalid")
    assert count(system, Benefit) == 0

    assert system.post("/benefits", {**PRICES, "prices": many[:5_000]}).status_code == 201
    assert count(system, MemberPrice) == 5_000
