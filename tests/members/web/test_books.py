"""The books of points, over HTTP: what is owed, months, statements that print, files; and for whom."""

from __future__ import annotations

import csv
import datetime as dt
import io
from decimal import Decimal
from itertools import pairwise

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from members.lib import tenant as tenancy
from members.lib.periods import add_months
from members.models import PointsStatement, Role, Staff
from members.services import points_daily, statements
from tests.factories import ledger

URL = "/program/books"


@pytest.fixture
def months():
    """The first days of the last five months and this one."""
    this = timezone.localdate().replace(day=1)
    return [add_months(this, -n) for n in range(5, -1, -1)]


def on(month: dt.date, day: int) -> dt.datetime:
    return dt.datetime.combine(month.replace(day=day), dt.time(12), tzinfo=timezone.get_default_timezone())


@pytest.fixture
def shop(cast, months):
    """Five months of 500 points, 300 of them used; each month's rest lapses in the next; all but this one closed."""
    rule = {"expiry": {"kind": "rolling", "months": 12}, "point_cost": Decimal("1.5")}
    ledger.open_shop(cast.shop, on(months[0], 1), **rule)
    member = ledger.join(cast.shop, on(months[0], 2))
    for place, month in enumerate(months[:-1]):
        ledger.buy(cast.shop, member, f"o{place}", on(month, 3), 500_00)
        ledger.act("redeem", cast.shop, on(month, 4), member_id=member.pk, points=300, key=f"k{place}")
    statements.close_months(merchant_id=cast.shop.pk, at=timezone.now())
    return cast.shop


@pytest.fixture
def owner(client, cast):
    client.force_login(cast.owner)
    client.cookies["django_language"] = "en"
    return client


def rows_of(response):
    return list(csv.reader(io.StringIO(response.content.decode("utf-8-sig"))))


def test_the_page_says_what_is_owed_and_what_it_costs(owner, shop):
    response = owner.get(URL)
    page = response.content.decode()

    assert response.status_code == 200
    assert response.context["books"].pots.owed == 1000
    assert response.context["total"].minor == 1500
    assert "¥15.00" in page
    assert [each.points for each in response.context["lines"]] == [500, 500]  # the oldest were used first


def test_each_chart_has_a_name_and_a_table_with_the_same_numbers(owner, shop, months):
    page = owner.get(URL).content.decode()

    for name in (
        "Available points by the month of their last usable day",
        "Points issued, redeemed and expired in each month",
        "Balance of the books at the end of each month, and now",
    ):
        assert f'aria-label="{name}"' in page
        assert page.count(f"{name}</caption>") == (0 if name.startswith("Available") else 1)
    assert f"<title>{months[0]:%Y-%m} Redeemed 300</title>" in page


def test_every_whole_month_has_a_statement_and_this_one_is_open(owner, shop, months):
    page = owner.get(URL)

    assert [
        (text, bool(month.statement), month.closing) for text, month, _moved in page.context["months"]
    ] == [
        (f"{months[5]:%Y-%m}", False, 1000),
        *[(f"{months[n]:%Y-%m}", True, 200 * (n + 1)) for n in (4, 3, 2, 1, 0)],
    ]


def test_a_statement_shows_its_tie_and_prints(owner, shop, months):
    response = owner.get(f"{URL}/{months[1]:%Y-%m}")
    page = response.content.decode()

    assert response.status_code == 200
    assert "Opening + movements = closing" in page
    assert "data-print" in page
    assert response.context["row"].seal in page
    assert dict(response.context["moved"])["Issued"] == 500
    assert response.context["total"].points == 400


def test_a_statement_stays_what_it_was_whatever_arrives_later(owner, shop, cast, months):
    before = owner.get(f"{URL}/{months[0]:%Y-%m}/statement.csv").content
    ledger.refund(shop, "o0", timezone.now())

    assert owner.get(f"{URL}/{months[0]:%Y-%m}/statement.csv").content == before
    found = owner.get(URL).context["books"]
    assert found.months[0].closing == 200
    assert found.months[-1].moved.clawed_back == -500


def test_the_file_of_a_statement_adds_up(owner, shop, months):
    head, *lines = rows_of(owner.get(f"{URL}/{months[1]:%Y-%m}/statement.csv"))
    points = {line[0]: int(line[1]) for line in lines if line[0] != "Seal"}

    assert head == ["Line", "Points", "Currency", "Liability"]
    movements = sum(int(line[1]) for line in lines[1:10])
    assert points["Opening balance"] + movements == points["Closing balance"]
    assert points["All that is owed"] == 400
    assert [line[3] for line in lines if line[0] == "All that is owed"] == ["6.00"]


def test_the_file_of_months_holds_each_month_with_its_opening_and_closing(owner, shop, months):
    head, *lines = rows_of(owner.get(f"{URL}.csv"))
    rows = [dict(zip(head, line, strict=True)) for line in lines]

    assert [row["Month"] for row in rows] == [f"{month:%Y-%m}" for month in months]
    assert [row["State"] for row in rows] == ["Closed"] * 5 + ["Open"]
    assert all(a["Closing balance"] == b["Opening balance"] for a, b in pairwise(rows))
    assert (rows[0]["Issued"], rows[0]["Redeemed"], rows[0]["Liability"]) == ("500", "-300", "3.00")


def test_the_file_of_what_is_owed_ends_with_the_sum(owner, shop):
    _head, *lines = rows_of(owner.get(f"{URL}/liability.csv"))

    assert sum(int(line[1]) for line in lines[:-1]) == int(lines[-1][1]) == 1000
    assert lines[-1][3] == "15.00"


def test_without_enough_history_no_estimate_is_shown_and_the_page_says_why(owner, shop):
    page = owner.get(URL).content.decode()

    assert "No estimate yet: it needs at least 3 months with 1,000 points in all" in page
    assert "After breakage" not in page


def test_an_estimate_is_shown_with_what_it_rests_on(owner, cast, months):
    ledger.open_shop(
        cast.shop, on(months[0], 1), point_cost=Decimal(1), expiry={"kind": "rolling", "months": 1}
    )
    member = ledger.join(cast.shop, on(months[0], 2))
    for place, month in enumerate(months[:-1]):
        ledger.buy(cast.shop, member, f"o{place}", on(month, 3), 500_00)
        with tenancy.platform():
            points_daily.expire_due(zone=cast.shop.timezone, at=on(month, 4))
        ledger.act("redeem", cast.shop, on(month, 5), member_id=member.pk, points=300, key=f"k{place}")
    statements.close_months(merchant_id=cast.shop.pk, at=timezone.now())

    page = owner.get(URL)

    assert page.context["share"] == "40.0%"
    assert "of 2,000 points of the months below, 800 expired" in page.content.decode()
    assert [row[1:] for row in page.context["basis_rows"]] == [(500, 200)] * 4
    assert page.context["total"].expected_minor == 120  # 200 less 40 %


def test_a_shop_without_points_is_told_what_comes(owner, cast):
    page = owner.get(URL)

    assert page.status_code == 200
    assert "No points moved yet" in page.content.decode()
    assert rows_of(owner.get(f"{URL}.csv"))[1:] == []


@pytest.mark.parametrize("month", ["2020-01", "2020-13", "x", "2020-1", "9999-99"])
def test_a_month_that_is_not_closed_has_no_statement(owner, shop, month):
    assert owner.get(f"{URL}/{month}").status_code == 404
    assert owner.get(f"{URL}/{month}/statement.csv").status_code == 404


def test_only_those_who_read_reports_see_the_books(client, cast, shop, months):
    client.force_login(cast.clerk)
    for name, status in ((Role.ANALYST, 200), (Role.CASHIER, 403)):
        with tenancy.platform():
            Staff.objects.filter(user=cast.clerk).update(role=name)
        for url in (URL, f"{URL}.csv", f"{URL}/liability.csv", f"{URL}/{months[0]:%Y-%m}"):
            assert client.get(url).status_code == status


def test_a_page_asks_as_few_questions_however_many_months_there_are(owner, shop):
    owner.get(URL)
    with CaptureQueriesContext(connection) as few:
        owner.get(URL)
    with tenancy.tenant(shop.pk), transaction.atomic():
        last = PointsStatement.objects.of(shop.pk).order_by("month").last()
        for name in (
            "issued", "imported", "redeemed", "cancelled", "expired", "given_back", "clawed_back", "adjusted",
        ):  # fmt: skip
            setattr(last, name, 0)
        last.opening = last.closing
        for n in range(1, 13):
            last.pk, last.month = None, add_months(last.month, -20 - n)
            last.save(force_insert=True)
    with CaptureQueriesContext(connection) as many:
        owner.get(URL)

    assert len(many) == len(few)
