"""The audit log over HTTP: the shop's own rows, filtered, page by page."""

from __future__ import annotations

import datetime as dt

import pytest

from members.lib import tenant as tenancy
from members.models import Role, Staff, User
from members.services import audit
from members.services.audit import Actor
from members.web import audit_words
from tests.conftest import NOON


@pytest.fixture
def log(cast):
    """Some rows of the shop and one of another."""
    with tenancy.tenant(cast.shop.pk):
        for day in range(3):
            audit.record(
                merchant_id=cast.shop.pk,
                at=NOON + dt.timedelta(days=day + 1),
                actor=Actor.person(cast.owner),
                action="benefit.published",
                subject=("benefit", f"b{day}"),
                label=f"Coupon {day}",
                before={"percent": 90},
                after={"percent": 85},
                reason="spring",
            )
    with tenancy.tenant(cast.other.pk):
        audit.record(
            merchant_id=cast.other.pk,
            at=NOON,
            actor=Actor.job("nightly"),
            action="benefit.published",
            subject=("benefit", "x"),
            label="Their coupon",
        )


def page(client, query=""):
    response = client.get(f"/settings/audit-log{query}")
    return response, response.content.decode()


@pytest.mark.parametrize("role", [Role.OWNER, Role.MANAGER, Role.ANALYST])
def test_owners_managers_and_analysts_read_it(client, cast, log, role):
    with tenancy.platform():
        reader = User.objects.create_user("reader@example.com", "x")
        Staff.objects.create(merchant=cast.shop, user=reader, role=role, joined_at=NOON)
    client.force_login(reader)

    _response, text = page(client)

    assert "Coupon 0" in text and "Their coupon" not in text and "spring" in text


def test_operators_and_cashiers_do_not(client, cast, log):
    client.force_login(cast.clerk)

    assert page(client)[0].status_code == 403


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?topic=merchant", []),
        ("?actor=job", []),
        ("?actor=user&q=Coupon+1", ["Coupon 1"]),
        ("?q=b2", ["Coupon 2"]),
        ("?date_from=2024-05-17&date_to=2024-05-17", ["Coupon 1"]),
        ("?date_to=2024-05-16", ["Coupon 0"]),
        ("?date_from=2024-05-17", ["Coupon 1", "Coupon 2"]),
    ],
)
def test_filters_live_in_the_address(client, cast, log, query, expected):
    client.force_login(cast.owner)

    text = page(client, query)[1]

    assert [f"Coupon {n}" for n in range(3) if f"Coupon {n}" in text] == expected


def test_a_date_that_does_not_exist_is_said_and_left_out(client, cast, log):
    client.force_login(cast.owner)

    response, text = page(client, "?date_from=2024-02-30")

    assert response.status_code == 200 and "Coupon 0" in text and 'role="alert"' in text


def test_fifty_a_page_with_a_constant_number_of_queries(client, cast, log, django_assert_max_num_queries):
    with tenancy.tenant(cast.shop.pk):
        for number in range(120):
            audit.record(
                merchant_id=cast.shop.pk,
                at=NOON - dt.timedelta(days=1),
                actor=Actor.job("nightly"),
                action="x.y",
                subject=("x", number),
            )
    client.force_login(cast.owner)

    with django_assert_max_num_queries(14):
        response, _text = page(client, "?page=2")

    assert len(response.context["rows"]) == 50


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "--"),
        ({}, "--"),
        (0, "0"),
        (["a", "b"], "a, b"),
        ({"kind": "rolling", "max_days": 365}, "kind: rolling; max days: 365"),
    ],
)
def test_values_are_shown_as_people_read_them(value, expected):
    assert audit_words.text(value) == expected


def test_only_what_differs_is_shown(client, cast):
    with tenancy.tenant(cast.shop.pk):
        audit.record(
            merchant_id=cast.shop.pk,
            at=NOON,
            actor=Actor.job("nightly"),
            action="x.y",
            subject=("x", 1),
            before={"stock": 5, "colour": "red"},
            after={"stock": 6, "colour": "red"},
        )
    client.force_login(cast.owner)

    text = page(client, "?topic=")[1]

    assert "<del>5</del> → 6" in text and "colour" not in text
