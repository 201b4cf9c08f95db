"""Baskets priced by API, each with its receipt (domain.md 7, E13)."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from benefits.api import baskets
from benefits.lib.quotes import Cut, PriceRules, Reward, SkuPrices
from benefits.services import benefits, pricing
from members.api.fields import Strict
from members.lib import tenant as tenancy
from members.lib.scopes import Scope
from tests.api import JOB, OPENED, System, close, give, join
from tests.members.api.test_door import problem

BASE = {"base": Cut("percent", Decimal(90))}
LATER = OPENED + dt.timedelta(days=1)
E13 = PriceRules(rewards=(Reward(10_000, 2_000),))


def set_prices(system, *catalogue, rules=E13, at=OPENED):
    with tenancy.tenant(system.shop.pk):
        pricing.configure(merchant_id=system.shop.pk, at=at, actor=JOB, rules=rules, catalogue=catalogue)


@pytest.fixture
def priced(system):
    """A shop whose members of the lowest tier pay 90 % of a sale price, with spend-and-save."""
    set_prices(system, SkuPrices("A", 10_000, 8_000, members=BASE, fans=Cut("off", Decimal(500))))
    return system


def basket(*lines, **more):
    return {"lines": [{"sku": sku, "quantity": quantity} for sku, quantity in lines], **more}


def test_e13_a_members_basket_is_priced_with_every_candidate_on_its_receipt(priced):
    member = join(priced.shop, "m").public_id

    answer = priced.post("/quotes", basket(("A", 2), member=member, follows=True))
    found = answer.json()

    assert answer.status_code == 200 and found["total_minor"] == 12_400
    assert (found["tier"], found["rules_version"], found["stack"]) == ("base", 1, "on_sale_price")
    assert (found["member"], found["currency"]) == (member, "CNY")
    assert found["lines"] == [
        {
            "sku": "A",
            "quantity": 2,
            "list_minor": 10_000,
            "unit_minor": 7_200,
            "discount_minor": 2_000,
            "total_minor": 12_400,
        }
    ]
    assert [(row["layer"], row["line"], row["gives_minor"], row["won"]) for row in found["receipt"]] == [
        ("sale", 1, 4_000, True),
        ("member", 1, 1_600, True),
        ("fan", 1, 1_000, False),
        ("spend_and_save", 0, 2_000, True),
    ]
    assert all(row["why"] and row["candidate"] for row in found["receipt"])


def test_a_visitor_pays_what_everybody_pays(priced):
    found = priced.post("/quotes", {"lines": [{"sku": "A"}]}).json()

    assert (found["total_minor"], found["tier"], found["member"]) == (8_000, None, None)


def test_a_quote_of_a_past_instant_stays_what_it_was(priced):
    body = basket(("A", 1), at=OPENED.isoformat())
    before = priced.post("/quotes", body).json()

    set_prices(priced, SkuPrices("A", 9_000), at=LATER)

    assert priced.post("/quotes", body).json() == before
    assert priced.post("/quotes", basket(("A", 1))).json()["total_minor"] == 9_000


def test_200_lines_take_as_many_queries_as_one(system):
    set_prices(system, *(SkuPrices(f"S{i}", 1_000 + i, members=BASE) for i in range(200)))
    member = join(system.shop, "m").public_id

    def queries(count):
        body = basket(*((f"S{i}", 1) for i in range(count)), member=member)
        with CaptureQueriesContext(connection) as found:
            assert system.post("/quotes", body).status_code == 200
        return len(found)

    queries(1)  # the key's first use of the day is noted
    assert queries(1) == queries(200)


def publish(system, kind, at=OPENED, scope=None, **settings):
    with tenancy.tenant(system.shop.pk):
        return benefits.publish_benefit(
            merchant_id=system.shop.pk,
            at=at,
            actor=JOB,
            kind=kind,
            name=kind,
            settings=settings,
            scope=scope,
        )


def test_benefits_act_on_a_basket_and_say_what_is_redeemed_for_it(priced):
    member = join(priced.shop, "m")
    give(priced, member, 5_000)
    coupon = publish(priced, "coupon", off_minor=400)
    publish(priced, "points_offset", points=100, off_minor=100, max_percent=10)
    publish(priced, "free_shipping")
    code = priced.post(
        f"/members/{member.public_id}/entitlements", {"benefit": coupon.public_id}, key="c"
    ).json()["code"]

    asked = {"member": member.public_id, "points": "max", "shipping_minor": 800}
    found = priced.post("/quotes", basket(("A", 2), **asked)).json()

    assert (found["goods_minor"], found["shipping_minor"], found["total_minor"]) == (10_800, 0, 10_800)
    assert (found["points"], found["codes"]) == (1_200, [code])
    assert [(row["layer"], row["candidate"], row["gives_minor"]) for row in found["receipt"]][2:4] == [
        ("spend_and_save", "2000 off 10000", 2_000), ("coupon", code, 400),
    ]  # fmt: skip
    typed = f"{code[:5]}-{code[5:]}".lower()
    assert priced.post("/quotes", basket(("A", 2), **asked, coupon=typed)).json()["codes"] == [code]
    here = publish(priced, "discount", scope={"channels": ["jd"]}, off_percent=50)
    sold = [priced.post("/quotes", basket(("A", 1), **asked, channel=each)).json() for each in ("jd", "web")]
    assert [here.public_id in {row["benefit"] for row in each["receipt"] if row["won"]} for each in sold] == [
        True,
        False,
    ]
    problem(priced.post("/quotes", basket(("A", 2), coupon=code)), 422, "invalid")
    problem(priced.post("/quotes", basket(("A", 2), **asked | {"coupon": "0"})), 404, "not-found")


def test_a_basket_says_where_it_is_and_what_is_no_place_is_refused(priced):
    with tenancy.tenant(priced.shop.pk):
        benefits.publish_benefit(
            merchant_id=priced.shop.pk, at=OPENED, actor=JOB, kind="discount", name="At 001",
            settings={"percent": 50}, scope={"stores": ["pos:001"]}, as_scripted=True,
        )  # fmt: skip
    member = join(priced.shop, "m").public_id
    said = [{}, {"channel": "pos", "store": "001"}, {"channel": "pos", "store": "002"}, {"channel": "moon"}]

    found = priced.post(
        "/quotes/batch", {"baskets": [basket(("A", 1), member=member, **each) for each in said]}
    )

    items = found.json()["items"]
    assert [each["quote"] and each["quote"]["total_minor"] for each in items] == [7_200, 3_600, 7_200, None]
    assert list(items[3]["problem"]["errors"]) == ["channel"]


def test_many_baskets_each_have_their_own_outcome_and_take_as_many_queries_as_one(priced):
    member = join(priced.shop, "m").public_id
    many = [
        basket(("A", 2), member=member), basket(("B", 1)), basket(("A", 1), member="nobody"), {"lines": []}, 7,
        basket(("A", 1), points=-1), basket(("A", 1), points=2), basket(("A", 1), follows=True),
    ]  # fmt: skip

    found = priced.post("/quotes/batch", {"baskets": many}).json()

    assert (found["priced"], found["refused"], found["rules_version"]) == (2, 6, 1)
    assert [(row["index"], row["quote"] and row["quote"]["total_minor"]) for row in found["items"]] == [
        (0, 12_400), *((place, None) for place in range(1, 7)), (7, 7_500),
    ]  # fmt: skip
    assert [row["problem"] and row["problem"]["type"] for row in found["items"]] == [
        None, "unknown-sku", "not-found", "invalid", "malformed", "invalid", "invalid", None,
    ]  # fmt: skip
    assert all(row["receipt"] is None for row in found["items"])
    one = priced.post("/quotes", many[0] | {"at": found["at"]}).json()
    told = priced.post("/quotes/batch", {"baskets": many[:1], "receipts": True, "at": found["at"]}).json()[
        "items"
    ][0]
    assert told["receipt"] == one["receipt"] and told["quote"].items() <= one.items()

    def queries(count):
        body = {"baskets": [basket(("A", 1), member=member)] * count}
        with CaptureQueriesContext(connection) as seen:
            assert priced.post("/quotes/batch", body).status_code == 200
        return len(seen)

    assert queries(1) == queries(1_000)
    problem(priced.post("/quotes/batch", {"baskets": many[:1] * 1_001}), 422, "invalid")
    problem(priced.post("/quotes/batch", {"baskets": []}), 422, "invalid")
    close(priced.shop, "cleared")
    problem(priced.post("/quotes/batch", {"baskets": many}), 403, "program-cleared")


texts = st.sampled_from(["A", "", "a" * 65, "\x00", "\ud800", " ", "é"]) | st.integers() | st.none()
numbers = st.sampled_from([0, 1, -1, 10**12, 10**12 + 1, 100_001, True, "1", "max", None, Decimal(1)])
raw_lines = st.lists(
    st.fixed_dictionaries({}, optional={"sku": texts, "quantity": numbers, "x": numbers}) | numbers,
    max_size=2,
)
raw_baskets = st.fixed_dictionaries(
    {},
    optional={
        "lines": st.just([{"sku": "A"}]) | raw_lines | numbers, "member": texts, "coupon": texts, "points": numbers,
        "shipping_minor": numbers, "follows": st.booleans() | numbers, "x": numbers,
        "channel": st.sampled_from(["jd", "nowhere", []]) | texts, "store": texts, "scene": texts,
    },
)  # fmt: skip


@given(raw_baskets)
def test_what_is_plainly_right_is_read_as_its_fields_would_read_it(raw):
    found = baskets.plain_basket(raw)

    if found is not None:
        slow = Strict.run_validation(baskets.BasketItem(), raw)
        assert found == {**slow, "lines": [dict(line) for line in slow["lines"]]}


def test_skus_without_a_price_are_all_told_by_their_lines(priced):
    found = problem(priced.post("/quotes", basket(("B", 1), ("A", 1), ("C", 1))), 422, "unknown-sku")

    assert set(found["errors"]) == {"lines[0].sku", "lines[2].sku"}


@pytest.mark.parametrize(
    ("body", "status", "slug", "place"),
    [
        ({"lines": []}, 422, "invalid", "lines"),
        (basket(*[("A", 1)] * 201), 422, "invalid", "lines"),
        (basket(("A", 0)), 422, "invalid", "lines[0].quantity"),
        (basket(("A", -1)), 422, "invalid", "lines[0].quantity"),
        (basket(("A", 1_000_000)), 422, "invalid", "lines[0].quantity"),
        (basket(("A", 1.5)), 400, "malformed", "lines[0].quantity"),
        (basket(("A", "2")), 400, "malformed", "lines[0].quantity"),
        ({}, 400, "malformed", "lines"),
        (basket(("A", 1), at="2999-01-01T00:00:00+08:00"), 400, "malformed", "at"),
        (basket(("A", 1), at="2990-01-01T00:00:00+08:00"), 422, "invalid", "at"),
        (basket(("A", 1), member="nobody"), 404, "not-found", "member"),
    ],
)
def test_a_basket_that_cannot_be_priced_is_refused_with_the_place(priced, body, status, slug, place):
    assert place in problem(priced.post("/quotes", body), status, slug)["errors"]


def test_another_shops_skus_and_members_do_not_exist(priced, neighbour):
    stranger = join(neighbour.shop, "s").public_id

    problem(neighbour.post("/quotes", basket(("A", 1))), 422, "unknown-sku")
    problem(priced.post("/quotes", basket(("A", 1), member=stranger)), 404, "not-found")


def test_a_key_that_may_not_read_benefits_gets_no_quote(priced):
    system = System(priced.shop, [Scope.MEMBERS_READ])

    problem(system.post("/quotes", basket(("A", 1))), 403, "scope-missing")


def test_while_the_program_is_closed_nobody_is_a_member_to_a_price(priced):
    member = join(priced.shop, "m").public_id
    close(priced.shop, "closed")

    found = priced.post("/quotes", basket(("A", 1), member=member)).json()

    assert (found["total_minor"], found["tier"]) == (8_000, None)


def test_a_cleared_program_prices_no_baskets(priced):
    close(priced.shop, "cleared")

    problem(priced.post("/quotes", basket(("A", 1))), 403, "program-cleared")
