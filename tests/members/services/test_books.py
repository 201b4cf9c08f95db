"""The books tie whatever happened, and a month that is closed never changes (domain.md 6, Liability)."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from django.db import DatabaseError, connections, transaction
from hypothesis import HealthCheck, settings
from hypothesis.stateful import invariant, run_state_machine_as_test

from members.lib import tenant as tenancy
from members.lib.books import MOVEMENTS, Bucket, Movements
from members.models import Merchant, PointsAccount, PointsLot, PointsRequest, PointsStatement
from members.selectors import books as selector
from members.selectors.books import Books
from members.services import statements
from tests.environment import sized
from tests.members.services.test_points_model import STEPS, PointsOfAShop, is_live
from tests.members.services.till import Till, at

ROLLING = {"expiry": {"kind": "rolling", "months": 1}}


def books(till: Till, when: str | dt.datetime) -> Books:
    with tenancy.tenant(till.id), transaction.atomic():
        return selector.books_at(merchant=Merchant.objects.get(pk=till.id), at=at(when))


def closed(till: Till) -> list[dict[str, Any]]:
    with tenancy.tenant(till.id), transaction.atomic():
        return list(PointsStatement.objects.of(till.id).order_by("month").values())


def moved(one: Any) -> dict[str, int]:
    """The movements that are not 0."""
    return {name: getattr(one, name) for name in MOVEMENTS if getattr(one, name)}


def assert_ties(found: Books) -> None:
    opening = 0
    for month in found.months:
        assert month.opening == opening
        assert month.opening + month.moved.total == month.closing
        opening = month.closing
    assert found.difference == 0
    assert opening == found.pots.balance
    assert sum(each.points for each in found.buckets) == found.pots.available


class BooksOfAShop(PointsOfAShop):
    """The shop of the points' model, with its books looked at after every step."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[dict[str, Any]] = []

    @invariant()
    def the_books_tie_and_say_what_the_accounts_say(self) -> None:
        found = books(self.till, self.now + dt.timedelta(seconds=1))
        with tenancy.tenant(self.till.id), transaction.atomic():
            accounts = {each.member_id: each for each in PointsAccount.objects.of(self.till.id)}
            by_month: dict[Any, int] = {}
            for lot in PointsLot.objects.of(self.till.id).filter(remaining__gt=0):
                if is_live(lot, accounts[lot.member_id]):
                    month = lot.expires_on and lot.expires_on.replace(day=1)
                    by_month[month] = by_month.get(month, 0) + lot.remaining
            held = sum(each.points for each in PointsRequest.objects.of(self.till.id).filter(status="held"))
        every = accounts.values()
        assert_ties(found)
        assert found.pots.available == sum(each.available for each in every)
        assert found.pots.pending == sum(each.pending for each in every)
        assert found.pots.deficit == sum(each.deficit for each in every)
        assert found.pots.held == held
        assert {each.month: each.points for each in found.buckets} == by_month

    @invariant()
    def what_was_closed_stays(self) -> None:
        now = closed(self.till)
        assert now[: len(self.kept)] == self.kept
        assert statements.check(merchant_id=self.till.id) == []
        for row in now[len(self.kept) :]:
            assert row["until"] <= row["closed_at"] <= self.now
            assert row["difference"] == 0
        for before, after in pairwise(now):
            assert after["opening"] == before["closing"]
        self.kept = now


@pytest.mark.soak
@pytest.mark.django_db
def test_the_books_tie_after_every_step_of_whatever_happens():
    run_state_machine_as_test(
        BooksOfAShop,
        settings=settings(
            max_examples=max(1, sized(2_000) // STEPS),
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def lived() -> Till:
    """A January of everything: 100 earned, of them 20 waiting; 30 spent, 10 of it taken back; 5 on hold."""
    till = Till(rules={**ROLLING, "point_cost": Decimal("0.5")})
    till.put("2024-01-05", "a", 80_00)
    till.put("2024-01-06", "b", 20_00, completed_at=None)
    till.redeem("2024-01-07", 20, "spent")
    till.redeem("2024-01-07", 10, "back")
    till.act("cancel", "2024-01-08", key="back")
    till.adjust("2024-01-09", 7, "gift")
    till.hold("2024-01-31 23:50", 5, "held", minutes=60)
    return till


@pytest.mark.django_db
def test_a_months_movements_add_up_to_what_is_owed():
    found = books(lived(), "2024-01-31 23:55")

    (month,) = found.months
    assert month.moved == Movements(issued=100, redeemed=-30, cancelled=10, adjusted=7)
    assert (found.pots.available, found.pots.pending, found.pots.held, found.pots.deficit) == (62, 20, 5, 0)
    assert month.closing == found.pots.balance == 87
    assert found.buckets == [Bucket(dt.date(2024, 2, 1), 62)]
    assert_ties(found)


@pytest.mark.django_db
def test_the_books_of_an_instant_past_leave_out_what_came_later():
    till = lived()
    before = books(till, "2024-01-31 23:55")
    till.act("capture", "2024-02-01 00:10", key="held")
    till.refund("2024-02-02", "a", "r")
    till.night("2024-02-06")

    again = books(till, "2024-01-31 23:55")

    assert (again.pots, again.buckets, again.months[0].closing) == (
        before.pots,
        before.buckets,
        before.months[0].closing,
    )


@pytest.mark.django_db
def test_points_that_members_owe_are_kept_apart():
    till = Till()
    till.put("2024-01-05", "a", 80_00)
    till.redeem("2024-01-06", 80, "k")
    till.refund("2024-01-07", "a", "r")
    till.join("n")
    till.adjust("2024-01-08", 50, "gift", "n")

    found = books(till, "2024-01-09")

    assert (found.pots.available, found.pots.deficit, found.pots.owed, found.pots.balance) == (
        50,
        80,
        50,
        -30,
    )
    assert found.buckets == [Bucket(None, 50)]
    assert_ties(found)


@pytest.mark.django_db
def test_the_job_after_a_months_end_closes_it_and_the_next_begins_where_it_ended():
    till = lived()
    assert till.night("2024-01-31")["months_closed"] == 0

    assert till.night("2024-02-01")["months_closed"] == 1
    assert till.night("2024-02-02")["months_closed"] == 0
    till.night("2024-02-06")  # 62 lapse
    assert till.night("2024-03-01")["months_closed"] == 1

    january, february = closed(till)
    assert (january["month"], january["opening"], january["closing"]) == (dt.date(2024, 1, 1), 0, 87)
    assert (january["available"], january["pending"], january["held"]) == (62, 20, 5)
    assert january["by_expiry"] == [["2024-02-01", 62]]
    assert (january["point_cost"], january["liability_minor"]) == (Decimal("0.5"), 44)  # 43.5, half up
    assert february["opening"] == january["closing"]
    assert statements.check(merchant_id=till.id) == []


@pytest.mark.django_db
def test_a_late_refund_of_an_old_order_is_booked_in_the_month_in_which_it_arrives():
    till = Till(rules={"clawback": "allow_deficit"})
    till.put("2024-01-05", "a", 80_00)
    till.night("2024-02-01")
    (january,) = closed(till)

    till.refund("2024-02-10", "a", "r")
    till.night("2024-03-01")

    first, second = closed(till)
    assert first == january
    assert (second["opening"], second["clawed_back"], second["closing"]) == (80, -80, 0)


@pytest.mark.django_db
def test_an_entry_dated_in_a_closed_month_is_booked_in_the_next_and_counted_as_late():
    """A hold ends at its own instant, also when nobody looked until the month was closed."""
    till = Till()
    till.put("2024-01-05", "a", 80_00)
    till.hold("2024-01-31 23:00", 30, "k", minutes=30)
    till.night("2024-02-01")
    (january,) = closed(till)

    till.redeem("2024-02-03", 1, "j")  # ends the hold first, dated 31 January 23:30
    found = books(till, "2024-02-04")
    till.night("2024-03-01")

    assert [entry.at.month for entry in [till.entry()]] == [2]
    assert (january["available"], january["held"]) == (50, 30)
    first, second = closed(till)
    assert first == january
    assert (second["late"], second["available"], second["held"], second["redeemed"]) == (1, 79, 0, -1)
    assert_ties(found)
    assert found.months[0].closing == 80
    assert statements.check(merchant_id=till.id) == []


@pytest.mark.django_db
def test_months_that_were_missed_are_made_up_each_with_its_own_figures():
    till, twin = Till(), Till("twin")
    for each in (till, twin):
        each.put("2024-01-05", "a", 80_00)
        if each is twin:
            each.night("2024-02-01")
        each.redeem("2024-02-05", 30, "k")
        if each is twin:
            each.night("2024-03-01")
        each.adjust("2024-03-02", 5, "late")
        if each is till:
            assert each.night("2024-03-03")["months_closed"] == 2
            assert each.night("2024-03-03")["months_closed"] == 0

    same = ("month", "opening", "closing", "issued", "redeemed", "available", "by_expiry", "entries", "late")
    assert [[row[name] for name in same] for row in closed(till)] == [
        [row[name] for name in same] for row in closed(twin)
    ]


@pytest.mark.django_db
def test_a_month_ends_in_the_merchants_own_zone_and_a_shop_without_points_has_no_books():
    till, idle = Till(), Till("idle")
    till.adjust("2024-01-31 23:59", 5, "in")
    till.adjust("2024-02-01 00:00", 7, "after")

    till.night("2024-02-01")

    assert [row["closing"] for row in closed(till)] == [5]
    assert closed(idle) == []
    assert books(idle, "2024-02-01").is_empty


@pytest.mark.django_db
def test_a_closed_programs_books_go_on():
    till = Till(rules=ROLLING)
    till.adjust("2024-01-20", 5, "in")
    till.close("2024-01-25")

    assert till.night("2024-02-01")["months_closed"] == 1
    assert till.night("2024-03-01")["months_closed"] == 1
    assert [(row["closing"], row["entries"]) for row in closed(till)] == [(5, 1), (5, 0)]


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
@pytest.mark.parametrize("statement", ["update {t} set closing = 1", "delete from {t}"])
def test_a_statement_is_never_changed_or_deleted_by_anybody(statement):
    till = lived()
    till.night("2024-02-01")
    before, text = closed(till), statement.format(t="members_pointsstatement")

    for scope in (tenancy.tenant(till.id), tenancy.platform()):
        with scope, pytest.raises(DatabaseError), transaction.atomic():
            connections["default"].cursor().execute(text)
    with (
        connections["owner"].cursor() as cursor,
        pytest.raises(DatabaseError, match="never changed or deleted"),
    ):
        cursor.execute(text)

    assert closed(till) == before


@pytest.mark.django_db
def test_the_database_refuses_a_statement_that_does_not_tie():
    till = lived()
    till.night("2024-02-01")
    with tenancy.tenant(till.id), transaction.atomic():
        row = PointsStatement.objects.of(till.id).get()
        row.pk, row.month, row.issued = None, dt.date(2024, 5, 1), row.issued + 1

        with pytest.raises(DatabaseError, match="points_statement_ties"), transaction.atomic():
            row.save(force_insert=True)


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_whoever_forges_a_statement_or_the_entries_it_covers_is_found_out():
    till = lived()
    till.night("2024-02-01")
    till.night("2024-03-01")
    forged = {
        "members_pointsstatement": "set closing = closing + 1, issued = issued + 1, available = available + 1 "
        "where month = '2024-02-01'",
        "members_pointsentry": "set at = at + interval '1 hour' where sequence = 1",
    }
    found = []
    for table, change in forged.items():
        with transaction.atomic("owner"), connections["owner"].cursor() as cursor:
            cursor.execute(f"alter table {table} disable trigger user")
            cursor.execute(f"update {table} {change}")
            cursor.execute(f"alter table {table} enable trigger user")
        found.append(statements.check(merchant_id=till.id))

    assert found == [["2024-02"], ["2024-01", "2024-02"]]


@pytest.mark.django_db
def test_breakage_is_estimated_from_months_whose_points_are_all_used_or_lapsed():
    till = Till(rules={**ROLLING, "point_cost": Decimal(1)})
    for month in range(1, 7):
        till.night(f"2024-{month:02}-01")
        till.put(f"2024-{month:02}-03", f"o{month}", 500_00)
        till.night(f"2024-{month:02}-04")
        till.redeem(f"2024-{month:02}-05", 300, f"k{month}")
    till.give_back("2024-06-06", 100, "sorry")
    till.night("2024-07-01")

    rows = closed(till)
    by_month = {row["month"].month: row["breakage_ppm"] for row in rows}
    assert by_month == {1: None, 2: None, 3: None, 4: 400_000, 5: 400_000, 6: (5 * 200 - 100) * 10**6 // 2500}
    basis = rows[3]["breakage_basis"]
    assert basis == {
        "months": [[f"2024-0{n}-01", 500, 200] for n in (1, 2, 3)],
        "given_back": 0,
    }
    june = rows[5]
    assert june["available"] == 300  # 200 of June, 100 given back
    assert (june["liability_minor"], june["expected_minor"]) == (300, 192)  # 300 less 36 % of it


@pytest.mark.django_db
def test_points_that_never_expire_have_no_breakage():
    till = Till(rules={"point_cost": Decimal(1)})
    for month in range(1, 7):
        till.put(f"2024-{month:02}-03", f"o{month}", 500_00)
    till.night("2024-07-01")

    assert {row["breakage_ppm"] for row in closed(till)} == {None}
    assert {row["expected_minor"] for row in closed(till)} == {None}
