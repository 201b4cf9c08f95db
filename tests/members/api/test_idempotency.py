"""A keyed request has one effect and one answer, however often and however at once it is sent."""

from __future__ import annotations

import threading

import pytest
from django.db import connection, transaction

from members.lib import tenant as tenancy
from members.models import IdempotencyRow, Member, Refund
from tests.api import System, close, join
from tests.members.api.test_door import problem

BODY = {"channel": "web", "external_id": "u1", "phone": "13800138000"}


def rows(shop, model):
    with tenancy.tenant(shop.pk), transaction.atomic():
        return list(model.objects.of(shop).order_by("pk"))


def test_the_same_key_and_body_give_the_first_answer_again(system):
    first = system.post("/members", BODY, key="k-1")
    again = system.post("/members", dict(reversed(BODY.items())), key="k-1")

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert "Idempotency-Replayed" not in first and again["Idempotency-Replayed"] == "true"
    assert len(rows(system.shop, Member)) == 1


def test_the_first_answer_stands_whatever_became_of_the_program(system):
    first = system.post("/members", BODY, key="k-1")
    close(system.shop, "cleared")

    again = system.post("/members", BODY, key="k-1")

    assert (again.status_code, again.content) == (201, first.content)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/members", {**BODY, "name": "Ann"}),
        ("POST", "/benefits", {"kind": "coupon"}),
        ("PUT", "/orders/web/o-1", {"lines": [{"sku": "A", "amount_minor": 1}]}),
    ],
)
def test_the_same_key_for_another_request_is_a_conflict_and_changes_nothing(system, method, path, body):
    system.post("/members", BODY, key="k-1")

    problem(system(method, path, body, key="k-1"), 409, "idempotency-conflict")

    assert len(rows(system.shop, Member)) == 1 and len(rows(system.shop, IdempotencyRow)) == 1


def test_a_refused_request_keeps_no_key(system):
    problem(system.post("/members", {**BODY, "phone": "12"}, key="k-1"), 422, "invalid")
    problem(system.post("/members", {**BODY, "phnoe": "12"}, key="k-1"), 400, "malformed")

    assert rows(system.shop, IdempotencyRow) == []
    assert system.post("/members", BODY, key="k-1").status_code == 201


def test_keys_belong_to_a_shop(system, neighbour):
    assert system.post("/members", BODY, key="k-1").status_code == 201
    assert neighbour.post("/members", BODY, key="k-1").status_code == 201


def test_without_a_key_nothing_is_kept(system):
    system.post("/members", BODY)

    assert rows(system.shop, IdempotencyRow) == []


@pytest.mark.parametrize("key", ["x" * 121, "é", "a\tb"])
def test_a_key_that_is_none_is_malformed(system, key):
    told = problem(system.post("/members", BODY, key=key), 400, "malformed")

    assert list(told["errors"]) == ["Idempotency-Key"]


def test_what_is_kept_holds_no_phone_and_no_name(system):
    system.post("/members", {**BODY, "name": "Ann Lee"}, key="k-1")

    (row,) = rows(system.shop, IdempotencyRow)
    assert "13800138000" not in row.answer and "Lee" not in row.answer


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_with_one_key_one_has_the_effect_and_all_the_answer(system):
    join(system.shop, "ann")
    system.put("/orders/web/o-1", {"buyer": "ann", "lines": [{"sku": "A", "amount_minor": 100}]})
    barrier, answers = threading.Barrier(6), []

    def send():
        own = System.__new__(System)
        own.__dict__.update(system.__dict__, client=type(system.client)())
        barrier.wait()
        body = {"refund_id": "r-1", "lines": [{"line": 1, "amount_minor": 10}]}
        answers.append(own.post("/orders/web/o-1/refunds", body, key="k-1"))
        connection.close()

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [answer.status_code for answer in answers] == [201] * 6
    assert len({answer.content for answer in answers}) == 1
    assert sorted("Idempotency-Replayed" in answer for answer in answers) == [False] + [True] * 5
    assert len(rows(system.shop, Refund)) == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_at_once_with_one_key_and_different_bodies_one_is_a_conflict(system):
    barrier, answers = threading.Barrier(2), []

    def send(external_id):
        own = System.__new__(System)
        own.__dict__.update(system.__dict__, client=type(system.client)())
        barrier.wait()
        answers.append(own.post("/members", {"channel": "web", "external_id": external_id}, key="k-1"))
        connection.close()

    threads = [threading.Thread(target=send, args=[name]) for name in ("ann", "ben")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answer.status_code for answer in answers) == [201, 409]
    assert len(rows(system.shop, Member)) == 1
