"""Orders by API: one, many, refunds, and what a program that is not open makes of them."""

from __future__ import annotations

from decimal import Decimal
from urllib.parse import quote

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from members.lib import tenant as tenancy
from members.lib.earning import Earning
from members.models import Order, PointsEntry, Refund
from members.services import point_rules
from tests.api import JOB, OPENED, close, join
from tests.factories.ledger import configure
from tests.members.api.test_door import problem

LINES = [{"sku": "A", "amount_minor": 3333}, {"sku": "B", "quantity": 2, "amount_minor": 6667}]


def counted(system, model):
    with tenancy.tenant(system.shop.pk), transaction.atomic():
        return model.objects.of(system.shop).count()


def test_an_order_earns_by_the_rule_in_force_and_says_so(system):
    ann = join(system.shop, "ann")

    answer = system.put("/orders/web/o-1", {"member": ann.public_id, "lines": LINES, "currency": "CNY"})

    assert answer.status_code == 201
    body = answer.json()
    assert body["outcome"] == "created" and body["member"] == ann.public_id
    assert (body["total_minor"], body["net_minor"], body["points"]) == (10000, 10000, 100)
    assert body["earning"]["tier"] == "base" and body["earning"]["multiplier"] == "1"
    assert [(line["quantity"], line["points"]) for line in body["lines"]] == [("1", 33), ("2", 67)]


def test_the_same_order_again_changes_nothing(system):
    ann = join(system.shop, "ann")
    body = {"member": ann.public_id, "lines": LINES, "paid_at": "2024-06-01T10:00:00+08:00"}
    body["completed_at"] = body["paid_at"]

    first = system.put("/orders/web/o-1", body)
    again = system.put("/orders/web/o-1", body)

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json()["outcome"] == "unchanged" and again.json()["points"] == 100
    assert counted(system, PointsEntry) == 1


def test_an_orders_points_are_what_its_rule_makes_of_it_though_the_policy_left_some(system):
    with tenancy.tenant(system.shop.pk), transaction.atomic():
        point_rules.configure(
            merchant_id=system.shop.pk, at=OPENED, actor=JOB, per_major=Decimal(1), clawback="only_pending"
        )
    ann = join(system.shop, "ann")
    system.put("/orders/web/o-1", {"member": ann.public_id, "lines": LINES})

    body = system.post(
        "/orders/web/o-1/refunds", {"refund_id": "r", "lines": [{"line": 1, "amount_minor": 3333}]}
    )
    again = system.post(
        "/orders/batch", {"orders": [{"channel": "web", "external_id": "o-1", "lines": LINES}]}
    )

    entries = system.get(f"/members/{ann.public_id}/points/entries").json()["items"]
    assert (body.json()["points"], sum(entry["points"] for entry in entries)) == (67, 100)
    assert again.json()["items"][0]["points"] == 67
    shapes = system.get("/schema").json()["components"]["schemas"]
    for shape in ("OrderOut", "RefundOut", "BatchItemOut"):
        told = shapes[shape]["properties"]["points"]["description"]
        assert told.startswith("What the order comes to by its rule, after its refunds.")


def test_a_changed_order_is_adjusted_by_the_difference(system):
    ann = join(system.shop, "ann")
    system.put("/orders/web/o-1", {"member": ann.public_id, "lines": LINES})

    body = system.put("/orders/web/o-1", {"lines": [{"sku": "A", "amount_minor": 5000}]}).json()

    assert (body["outcome"], body["points"], body["member"]) == ("changed", 50, ann.public_id)
    assert system.get(f"/members/{ann.public_id}/points").json()["available"] == 50


def test_a_buyer_who_has_joined_is_found_and_one_who_has_not_is_a_customer(system):
    ann = join(system.shop, "ann")

    member = system.put("/orders/web/o-1", {"buyer": "ann", "lines": LINES}).json()
    customer = system.put("/orders/web/o-2", {"buyer": "ben", "lines": LINES}).json()

    assert (member["member"], member["points"]) == (ann.public_id, 100)
    assert (customer["member"], customer["points"], customer["earning"]) == (None, 0, None)


@pytest.mark.parametrize("number", ["2024/06/1", "单号 7", "a?b", "batch", "x.y~z"])
def test_an_order_s_number_may_be_anything(system, number):
    answer = system.put(f"/orders/web/{quote(number, safe='')}", {"lines": LINES})

    assert answer.status_code == 201 and answer.json()["external_id"] == number


def test_what_a_rule_refuses_stores_nothing(system):
    ann, ben = join(system.shop, "ann"), join(system.shop, "ben")
    system.put("/orders/web/o-1", {"member": ann.public_id, "lines": LINES})

    problem(
        system.put("/orders/web/o-1", {"member": ben.public_id, "lines": LINES}), 409, "order-member-fixed"
    )
    problem(system.put("/orders/web/o-2", {"member": "nobody", "lines": LINES}), 404, "not-found")
    problem(system.put("/orders/market/o-2", {"lines": LINES}), 422, "invalid")
    problem(system.put("/orders/web/o-2", {"lines": []}), 422, "invalid")
    problem(system.put("/orders/web/o-2", {"lines": LINES, "currency": "USD"}), 422, "invalid")
    problem(
        system.put("/orders/web/o-2", {"lines": LINES, "paid_at": "2999-01-01T00:00:00Z"}), 400, "malformed"
    )
    problem(
        system.put("/orders/web/o-2", {"lines": LINES, "paid_at": "2900-01-01T00:00:00Z"}), 422, "invalid"
    )
    assert counted(system, Order) == 1


def test_what_is_wrong_with_a_field_is_told_in_a_sentence(system):
    system.put("/orders/web/o-1", {"lines": LINES})
    long = "x" * 129
    told = [
        problem(system.put("/orders/nosuch/o1", {"lines": LINES}), 422, "invalid"),
        problem(system.put(f"/orders/web/{long}", {"lines": LINES}), 422, "invalid"),
        problem(
            system.put("/orders/web/o2", {"lines": LINES, "paid_at": "2900-01-01T00:00:00Z"}), 422, "invalid"
        ),
        problem(system.post("/orders/nosuch/o1/refunds", {"refund_id": "r"}), 422, "invalid"),
        problem(
            system.post(
                "/orders/web/o-1/refunds", {"refund_id": "r", "lines": [{"line": 9, "amount_minor": 1}]}
            ),
            422,
            "invalid",
        ),
    ]

    assert [list(each["errors"]) for each in told] == [
        ["channel"], ["external_id"], ["paid_at"], ["channel"], ["lines"],
    ]  # fmt: skip
    assert all(each["errors"] == {name: [each["detail"]]} for each in told for name in each["errors"])
    assert told[0]["detail"].startswith("There is no channel “nosuch”. Known channels: taobao")
    assert counted(system, Order) == 1


def test_a_refund_takes_back_what_its_lines_earned(system):
    ann = join(system.shop, "ann")
    system.put("/orders/web/o-1", {"member": ann.public_id, "lines": LINES})
    refund = {"refund_id": "r-1", "lines": [{"line": 1, "amount_minor": 3333}]}

    first = system.post("/orders/web/o-1/refunds", refund)
    again = system.post("/orders/web/o-1/refunds", refund)
    rest = system.post("/orders/web/o-1/refunds", {"refund_id": "r-2"}).json()

    assert (first.status_code, again.status_code) == (201, 200)
    assert (first.json()["points"], first.json()["refund_minor"]) == (67, 3333)
    assert (rest["points"], rest["refund_minor"], rest["net_minor"]) == (0, 6667, 0)


def test_a_refund_over_what_is_left_is_refused_whole(system):
    system.put("/orders/web/o-1", {"lines": LINES})
    over = {"refund_id": "r", "lines": [{"line": 1, "amount_minor": 1}, {"line": 2, "amount_minor": 6668}]}

    problem(system.post("/orders/web/o-1/refunds", over), 422, "refund-exceeds-order")
    problem(system.post("/orders/web/o-9/refunds", {"refund_id": "r"}), 404, "not-found")

    assert counted(system, Refund) == 0


def test_a_refund_id_used_for_other_lines_is_a_conflict(system):
    system.put("/orders/web/o-1", {"lines": LINES})
    system.post("/orders/web/o-1/refunds", {"refund_id": "r", "lines": [{"line": 1, "amount_minor": 1}]})

    other = {"refund_id": "r", "lines": [{"line": 1, "amount_minor": 2}]}
    problem(system.post("/orders/web/o-1/refunds", other), 409, "idempotency-conflict")


@pytest.mark.parametrize("kind", ["closed", "cleared"])
def test_orders_of_a_program_that_is_not_open_are_stored_and_earn_nothing(system, kind):
    ann = join(system.shop, "ann")
    close(system.shop, kind)

    body = system.put("/orders/web/o-1", {"member": ann.public_id, "lines": LINES})
    batch = system.post(
        "/orders/batch", {"orders": [{"channel": "web", "external_id": "o-2", "lines": LINES}]}
    )
    refund = system.post("/orders/web/o-1/refunds", {"refund_id": "r"})

    assert (body.status_code, body.json()["points"], body.json()["earning"]) == (201, 0, None)
    assert batch.json()["created"] == 1 and refund.status_code == 201
    assert counted(system, Order) == 2 and counted(system, PointsEntry) == 0


def test_a_batch_answers_per_item_and_applies_no_item_by_half(system):
    ann = join(system.shop, "ann")
    order = {"channel": "web", "lines": LINES, "member": ann.public_id}
    sent = [
        {**order, "external_id": "good"},
        {**order, "external_id": "typo", "lnes": []},
        {
            **order,
            "external_id": "text",
            "lines": [{"sku": "A", "amount_minor": 1}, {"sku": "B", "amount_minor": "2"}],
        },
        {**order, "external_id": "other", "member": "nobody"},
        {**order, "external_id": "empty", "lines": []},
        {**order, "external_id": "good"},
        {**order, "external_id": "good", "lines": LINES[:1]},
        "nonsense",
        {**order, "external_id": "dollars", "currency": "USD"},
        {**order, "external_id": "customer", "member": None},
    ]

    answer = system.post("/orders/batch", {"orders": sent})

    assert answer.status_code == 200
    body = answer.json()
    outcomes = [(row["outcome"], (row["problem"] or {}).get("type")) for row in body["items"]]
    assert outcomes == [
        ("created", None),
        ("refused", "malformed"),
        ("refused", "malformed"),
        ("refused", "not-found"),
        ("refused", "invalid"),
        ("unchanged", None),
        ("changed", None),
        ("refused", "malformed"),
        ("refused", "invalid"),
        ("created", None),
    ]
    assert list(body["items"][1]["problem"]["errors"]) == ["lnes"]
    assert list(body["items"][2]["problem"]["errors"]) == ["lines[1].amount_minor"]
    assert [row["index"] for row in body["items"]] == list(range(10))
    assert (body["created"], body["changed"], body["unchanged"], body["refused"]) == (2, 1, 1, 6)
    assert body["items"][6]["points"] == 33 and counted(system, Order) == 2


def test_an_order_named_twice_in_a_batch_answers_each_time_as_if_sent_alone(system):
    ann = join(system.shop, "ann")
    order = {"channel": "web", "external_id": "o-1", "member": ann.public_id, "lines": LINES}
    dearer = order | {"lines": [{"sku": "A", "amount_minor": 20000}]}

    first, second = system.post("/orders/batch", {"orders": [order, dearer]}, key="k-1").json()["items"]

    assert (first["outcome"], first["net_minor"], first["points"]) == ("created", 10000, 100)
    assert (second["outcome"], second["net_minor"], second["points"]) == ("changed", 20000, 200)


@pytest.mark.parametrize(
    "change",
    [{"buyer": "b\t"}, {"store": "\x01"}, {"lines": [{"sku": "a\x1fb", "amount_minor": 1}]}],
)
def test_a_key_with_a_control_character_is_refused_and_stores_nothing(system, change):
    answer = system.put("/orders/web/o-1", {"lines": LINES} | change)

    assert answer.status_code == 422 and "control character" in answer.content.decode()
    assert counted(system, Order) == 0


def test_half_a_character_in_a_batch_is_refused_with_its_item(system):
    orders = [{"channel": "web", "external_id": "\ud800", "lines": LINES}, {"\ud800": 1}]

    body = system.post("/orders/batch", {"orders": orders}, key="k-1").json()

    assert [row["problem"]["type"] for row in body["items"]] == ["malformed"] * 2
    assert counted(system, Order) == 0


def test_a_batch_has_from_1_to_1000_orders(system):
    order = {"channel": "web", "external_id": "o", "lines": LINES}

    problem(system.post("/orders/batch", {"orders": [order] * 1001}), 422, "invalid")
    problem(system.post("/orders/batch", {"orders": []}), 422, "invalid")
    problem(system.post("/orders/batch", {"orders": order}), 400, "malformed")
    assert counted(system, Order) == 0


def test_a_batch_of_many_takes_as_many_queries_as_one_of_few(system):
    for number in range(60):
        join(system.shop, f"u{number}")

    def count(numbers):
        orders = [
            {"channel": "web", "external_id": f"o{n}", "buyer": f"u{n}", "lines": LINES} for n in numbers
        ]
        with CaptureQueriesContext(connection) as queries:
            assert system.post("/orders/batch", {"orders": orders}).json()["created"] == len(orders)
        return len(queries)

    system.get("/program")
    few = count(range(5))
    assert count(range(5, 60)) < few + 10  # what is many is copied by way of a staging table


def test_an_order_says_its_scene_and_learns_its_campaigns(system):
    ann = join(system.shop, "ann")
    campaign = {"code": "lunch", "extra": 5, "when": {"scenes": ["takeaway"]}}
    configure(system.shop, timezone.now(), earning=Earning.read({"campaigns": [campaign]}))

    takeaway = system.put(
        "/orders/web/o-1", {"member": ann.public_id, "lines": LINES, "scene": "takeaway"}
    ).json()
    other = system.put("/orders/web/o-2", {"member": ann.public_id, "lines": LINES}).json()

    assert (takeaway["points"], takeaway["earning"]["campaigns"]) == (105, ["lunch"])
    assert (other["points"], other["earning"]["campaigns"]) == (100, [])


@pytest.mark.parametrize(
    ("lines", "status", "slug"),
    [
        ([], 422, "refund-exceeds-order"),
        ([{"line": 1, "amount_minor": 0}], 422, "refund-exceeds-order"),
        ([{"line": 1, "amount_minor": 3334}], 422, "refund-exceeds-order"),
        ([{"line": 1, "amount_minor": 10**40}], 422, "invalid"),
        ([{"line": 1, "amount_minor": -1}], 422, "invalid"),
        ([{"line": 0, "amount_minor": 1}], 422, "invalid"),
        ([{"line": 3, "amount_minor": 1}], 422, "invalid"),
        ([{"line": 10**40, "amount_minor": 1}], 422, "invalid"),
        ([{"line": 1, "amount_minor": 1.5}], 400, "malformed"),
        ([{"line": 1, "amount_minor": "1"}], 400, "malformed"),
        ([{"line": "1", "amount_minor": 1}], 400, "malformed"),
        ([{"line": 1}], 400, "malformed"),
        ("all", 400, "malformed"),
    ],
)
def test_a_refund_of_what_is_not_there_moves_nothing(system, lines, status, slug):
    ann = join(system.shop, "ann")
    system.put("/orders/web/o-1", {"member": ann.public_id, "lines": LINES})

    problem(system.post("/orders/web/o-1/refunds", {"refund_id": "r", "lines": lines}), status, slug)

    assert (counted(system, Refund), counted(system, PointsEntry)) == (0, 1)


@pytest.mark.parametrize("when", ["9999-12-31T00:00:00Z", "9999-12-25T00:00:00Z", "0001-01-01T00:00:00Z"])
@pytest.mark.parametrize("name", ["completed_at", "paid_at"])
def test_a_clock_that_stands_nowhere_is_refused_by_its_field(system, name, when):
    told = problem(system.put("/orders/web/o-1", {"lines": LINES, name: when}), 400, "malformed")

    assert list(told["errors"]) == [name] and counted(system, Order) == 0


def test_an_order_completed_in_centuries_waits_that_long(system):
    ann = join(system.shop, "ann")
    with tenancy.tenant(system.shop.pk), transaction.atomic():
        point_rules.configure(
            merchant_id=system.shop.pk, at=OPENED, actor=JOB, per_major=Decimal(1), pending_days=3650
        )

    body = {"member": ann.public_id, "lines": LINES, "completed_at": "2998-12-31T00:00:00Z"}
    assert system.put("/orders/web/o-1", body).status_code == 201

    points = system.get(f"/members/{ann.public_id}/points").json()
    assert (points["available"], points["pending"]) == (0, 100)
