"""SKUs by API: put, put many, listed; safe to repeat; refused in words by their place (domain.md 7)."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import transaction

from benefits.models import CatalogueSku, PriceChange, PriceFinding
from benefits.services import guard_policies
from members.lib import tenant as tenancy
from members.lib.scopes import Scope
from tests.api import JOB, OPENED, System, close
from tests.members.api.test_door import problem

TEA = {"product": "Tea", "name": "100 g", "list_minor": 12_900, "stock": 40, "floor_minor": 9_000}


def count(system, model=CatalogueSku):
    with tenancy.tenant(system.shop.pk), transaction.atomic():
        return model.objects.of(system.shop).count()


def test_a_sku_is_made_then_the_same_again_changes_nothing_and_quotes_know_it(system):
    made = system.put("/skus/tea-100", TEA)
    again = system.put("/skus/tea-100", TEA)

    assert (made.status_code, again.status_code) == (201, 200)
    assert made.json() == {
        "sku": "tea-100", **TEA, "sale": None, "is_priced": True, "currency": "CNY", "outcome": "created",
    }  # fmt: skip
    assert again.json() == made.json() | {"outcome": "unchanged"}
    assert count(system, PriceChange) == 1
    assert system.post("/quotes", {"lines": [{"sku": "tea-100"}]}).json()["total_minor"] == 12_900


def test_what_is_left_out_stays_and_null_takes_it_away(system):
    system.put("/skus/tea-100", TEA)

    changed = system.put("/skus/tea-100", {"stock": None, "floor_minor": None, "product": None}).json()

    assert (changed["list_minor"], changed["name"]) == (12_900, "100 g")
    assert (changed["stock"], changed["floor_minor"], changed["product"]) == (None, None, None)


def test_a_sale_with_its_time_is_shown_before_it_runs(system):
    begin, end = "2090-06-01T00:00:00+08:00", "2090-06-08T00:00:00+08:00"
    sale = {"price_minor": 9_900, "from_at": begin, "to_at": end}

    found = system.put("/skus/tea-100", TEA | {"sale": sale}).json()
    ended = system.put("/skus/tea-100", {"sale": None}).json()

    assert found["sale"]["price_minor"] == 9_900
    assert dt.datetime.fromisoformat(found["sale"]["from_at"]) == dt.datetime.fromisoformat(begin)
    assert dt.datetime.fromisoformat(found["sale"]["to_at"]) == dt.datetime.fromisoformat(end)
    assert ended["sale"] is None and ended["outcome"] == "changed"


def test_many_are_sent_at_once_and_each_has_its_outcome(system):
    system.put("/skus/tea-100", TEA)
    body = {"skus": [{"sku": "tea-100", **TEA}, {"sku": "tea-200", "list_minor": 19_900, "product": "Tea"}]}

    answer = system.post("/skus/batch", body, key="once")
    replay = system.post("/skus/batch", body, key="once")

    assert answer.json() == {
        "items": [{"sku": "tea-100", "outcome": "unchanged"}, {"sku": "tea-200", "outcome": "created"}]
    }
    assert replay.json() == answer.json() and count(system) == 2


def test_the_list_is_paged_by_cursor_and_narrowed_by_product(system):
    skus = [{"sku": f"S{n}", "list_minor": 1_000 + n, "product": "A" if n % 2 else "B"} for n in range(5)]
    system.post("/skus/batch", {"skus": skus})

    first = system.get("/skus?limit=3").json()
    rest = system.get(f"/skus?limit=3&cursor={first['next_cursor']}").json()

    assert [each["sku"] for each in first["items"] + rest["items"]] == ["S0", "S1", "S2", "S3", "S4"]
    assert rest["next_cursor"] is None
    assert [each["sku"] for each in system.get("/skus?product=A").json()["items"]] == ["S1", "S3"]


@pytest.mark.parametrize(
    ("path", "body", "status", "slug", "place"),
    [
        ("/skus/new", {"stock": 1}, 422, "invalid", "list_minor"),
        ("/skus/new", {"list_minor": 0}, 422, "invalid", "list_minor"),
        ("/skus/new", {"list_minor": "12"}, 400, "malformed", "list_minor"),
        ("/skus/new", {"list_minor": 1, "stock": -1}, 422, "invalid", "stock"),
        ("/skus/new", {"list_minor": 1, "price": 2}, 400, "malformed", "price"),
        ("/skus/" + "x" * 65, {"list_minor": 1}, 422, "invalid", "sku"),
    ],
)
def test_a_bad_sku_is_refused_at_its_field_and_nothing_is_kept(system, path, body, status, slug, place):
    found = problem(system.put(path, body), status, slug)

    assert place in found["errors"]
    assert count(system) == 0


def test_a_batch_with_one_bad_sku_keeps_none_and_tells_each_by_its_place(system):
    body = {"skus": [{"sku": "a", "list_minor": 1}, {"sku": "b"}, {"sku": "a", "list_minor": 2}]}
    twice = problem(system.post("/skus/batch", body), 422, "invalid")
    bad = problem(system.post("/skus/batch", {"skus": body["skus"][:2]}), 422, "invalid")

    assert set(twice["errors"]) == {"skus[2].sku"}
    assert set(bad["errors"]) == {"skus[1]"}
    assert count(system) == 0


def test_more_than_a_thousand_are_refused(system):
    body = {"skus": [{"sku": f"s{n}", "list_minor": 1} for n in range(1_001)]}

    assert "skus" in problem(system.post("/skus/batch", body), 422, "invalid")["errors"]


def test_a_key_without_the_scope_and_a_closed_program_are_refused(system):
    reader = System(system.shop, [Scope.BENEFITS_READ])
    problem(reader.put("/skus/tea-100", TEA), 403, "scope-missing")
    assert reader.get("/skus").status_code == 200
    close(system.shop, "closed")
    problem(system.put("/skus/tea-100", TEA), 409, "program-not-open")
    assert count(system) == 0


def test_what_the_price_guard_blocks_is_told_with_its_numbers_and_changes_nothing(system):
    with tenancy.platform(), transaction.atomic():
        guard_policies.publish(
            at=OPENED, effective_at=OPENED, actor=JOB, values={"comparison": "block"}, reason="tested"
        )
    system.put("/skus/tea-100", TEA)

    body = {"list_minor": 20_000, "sale": {"price_minor": 12_000}}
    found = problem(system.put("/skus/tea-100", body), 422, "price-guard")

    assert "¥200.00 stands struck through" in found["detail"] and "¥129.00" in found["detail"]
    assert system.get("/skus").json()["items"][0]["list_minor"] == 12_900
    assert count(system, PriceFinding) == 0
