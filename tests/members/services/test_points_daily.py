"""What time does to points: confirming, expiring, holds that end, closures and switches of the rule (domain.md 6)."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from members.lib import tenant as tenancy
from members.lib.refusals import InsufficientPoints
from members.models import PendingPoints, PointsEntry, PointsLot, Program
from members.services import merchants, points_daily, programs
from tests.members.services.till import JOB, ZONE, Till, at

pytestmark = pytest.mark.django_db

MONTHLY = {"kind": "rolling", "months": 1}


def due_at(till: Till) -> list[str]:
    with tenancy.tenant(till.id):
        rows = PendingPoints.objects.of(till.id).order_by("order_id")
        return [row.due_at and row.due_at.astimezone(ZONE).isoformat(" ", "minutes")[:16] for row in rows]


def whole_entries(till: Till) -> list[Any]:
    with tenancy.tenant(till.id):
        rows = PointsEntry.objects.of(till.id).order_by("member_id", "sequence")
        return [
            (
                row.member_id,
                row.sequence,
                row.kind,
                row.points,
                row.pending,
                row.balance_after,
                row.cause,
                row.posting,
            )
            for row in rows
        ]


# -- confirming


def test_the_first_daily_job_at_or_after_the_due_instant_confirms():
    till = Till(rules={"pending_days": 7})
    till.put("2024-01-01 03:00", "at the very instant", 10_00)
    till.put("2024-01-01 03:01", "a minute later", 20_00)
    assert due_at(till) == ["2024-01-08 03:00", "2024-01-08 03:01"]

    assert till.night("2024-01-08")["confirmed_points"] == 10
    assert till.balance() == (10, 20, 0)
    entry = till.entry()
    assert (entry.kind, entry.at, entry.cause, entry.posting) == (
        "confirm",
        at("2024-01-08 03:00"),
        "order",
        -1,
    )

    assert till.night("2024-01-09")["confirmed_points"] == 20
    assert till.balance() == (30, 0, 0)
    till.prove()


def test_confirming_again_confirms_nothing():
    till = Till(rules={"pending_days": 1})
    till.put("2024-01-01", "o", 10_00)
    till.night("2024-01-03")
    before = till.picture()

    done = till.night("2024-01-03")

    assert (done["confirmed_lots"], till.picture()) == (0, before)


def test_confirmations_go_by_due_instant_then_by_arrival():
    till = Till(rules={"pending_days": 7, "expiry": MONTHLY})
    till.put("2024-01-05", "first to arrive", 1_00, completed_at=at("2024-01-05"))
    till.put("2024-01-05 13:00", "first to be due", 2_00, completed_at=at("2024-01-02"))
    till.put("2024-01-05 14:00", "due with the first", 4_00, completed_at=at("2024-01-05"))

    till.night("2024-01-13")

    assert till.entries()[3:] == [("confirm", 2, -2), ("confirm", 1, -1), ("confirm", 4, -4)]
    assert till.lots() == [(2, "2024-02-13"), (1, "2024-02-13"), (4, "2024-02-13")]
    till.prove()


def test_an_order_not_completed_waits_without_a_date_and_is_confirmed_once_it_is_completed():
    till = Till(rules={"pending_days": 7})
    till.put("2024-01-01", "o", 10_00, completed_at=None)
    till.night("2024-06-01")
    assert (till.balance(), due_at(till)) == ((0, 10, 0), [None])

    till.put("2024-06-01", "o", 10_00)

    assert due_at(till) == ["2024-06-08 12:00"]

    till.put("2024-06-02", "o", 10_00, completed_at=at("2024-05-25"))

    assert till.entries() == [("earn", 0, 10), ("confirm", 10, -10)]
    till.prove()


def test_confirmations_repay_a_deficit_one_after_the_other():
    till = Till(rules={"pending_days": 7})
    till.put("2024-01-01", "spent", 12_00, completed_at=at("2023-12-01"))
    till.redeem("2024-01-01", 12, "k")
    till.refund("2024-01-02", "spent", "r")
    for n, amount in enumerate((5_00, 10_00, 3_00)):
        till.put(f"2024-01-02 13:0{n}", f"o{n}", amount)

    till.night("2024-01-10")

    assert till.balance() == (6, 0, 0)
    assert till.lots() == [(3, None), (3, None)]
    till.prove()


def test_what_a_refund_took_inside_the_wait_is_not_confirmed():
    till = Till(rules={"pending_days": 7})
    till.put("2024-01-01", "o", 6_00, 4_00)
    till.refund("2024-01-02", "o", "r1", (2, 4_00))
    till.night("2024-01-09")
    till.refund("2024-01-10", "o", "r2")

    assert till.entries() == [("earn", 0, 10), ("clawback", 0, -4), ("confirm", 6, -6), ("clawback", -6, 0)]
    till.prove()


def test_an_order_that_rises_and_waits_anew_is_confirmed_anew():
    till = Till(rules={"pending_days": 7})
    till.put("2024-01-01", "o", 10_00)
    till.night("2024-01-09")

    till.put("2024-01-10", "o", 15_00, completed_at=at("2024-01-10"))
    till.night("2024-01-18")

    assert till.entries()[2:] == [("earn", 0, 5), ("confirm", 5, -5)]
    assert till.entry().posting == -2
    till.prove()


# -- expiring


def test_points_count_until_the_first_daily_job_after_their_last_day():
    till = Till(rules={"expiry": MONTHLY})
    till.put("2024-01-31", "o", 10_00)  # until 29 February

    assert till.night("2024-02-29")["expired_lots"] == 0

    till.redeem("2024-03-01 02:59", 4, "k")
    done = till.night("2024-03-01")

    assert (done["expired_lots"], done["expired_points"]) == (1, 6)
    assert (till.balance(), till.last(), till.account()["expired"]) == ((0, 0, 0), ("expire", -6, 0), 6)
    entry = till.entry()
    assert (entry.cause, entry.lot, entry.at) == ("rule", 1, at("2024-03-01 03:00"))
    assert isinstance(till.refused(till.redeem, "2024-03-01 03:00", 1, "l"), InsufficientPoints)
    till.prove()


def test_each_lot_has_one_expire_entry_in_spending_order():
    till = Till(rules={"expiry": {"kind": "yearly", "month": 3, "day": 31}})
    till.adjust("2024-01-03", 30, "later")
    till.put("2024-01-02", "o", 10_00)  # a clock set back
    till.configure("2024-01-04", expiry={"kind": "yearly", "month": 3, "day": 30})
    till.adjust("2024-01-04", 5, "a day earlier")

    till.night("2024-04-05")

    assert till.entries()[3:] == [("expire", -5, 0), ("expire", -10, 0), ("expire", -30, 0)]
    assert [row[5] for row in whole_entries(till)[3:]] == [40, 30, 0]
    till.prove()
    before = till.picture()
    assert till.night("2024-04-06")["expired_lots"] == 0 and till.picture() == before


def test_points_that_never_end_are_left_alone():
    till = Till()
    till.put("2024-01-01", "o", 10_00)

    assert till.night("2124-01-01")["expired_lots"] == 0
    assert till.balance() == (10, 0, 0)


def test_a_job_that_runs_months_late_expires_what_is_over_and_nothing_else():
    till = Till(rules={"expiry": MONTHLY})
    for month in range(1, 10):
        till.put(f"2024-0{month}-10", f"o{month}", 10_00)

    done = till.night("2024-08-11")

    assert (done["expired_lots"], done["expired_points"]) == (7, 70)
    assert till.lots() == [(10, "2024-09-10"), (10, "2024-10-10")]
    till.prove()


def test_lots_of_many_members_expire_together_and_each_has_its_own_entries():
    till = Till(rules={"expiry": MONTHLY})
    for n in range(30):
        till.join(f"m{n}")
        till.put("2024-01-10", f"o{n}", (n + 1) * 100, member=f"m{n}")
        till.put("2024-01-10", f"p{n}", 100, member=f"m{n}")
        if n % 3 == 0:
            till.redeem("2024-01-11", 1, f"k{n}", member=f"m{n}")

    done = till.night("2024-02-11")

    # What was spent comes off the older lot; of the first member it was all of it.
    assert (done["expired_lots"], done["expired_points"]) == (59, 465 + 30 - 10)
    assert till.balance("m29") == (0, 0, 0)
    assert till.entries("m29")[-2:] == [("expire", -30, 0), ("expire", -1, 0)]
    till.prove()


def test_a_days_lots_are_worked_in_parts_without_losing_one(monkeypatch):
    monkeypatch.setattr(points_daily, "CHUNK", 4)
    monkeypatch.setattr(points_daily, "EXPIRING", 4)
    monkeypatch.setattr(
        points_daily, "work_parts", lambda work, parts: [work(part) for part in parts]
    )  # one connection in a test's transaction
    till = Till(rules={"expiry": MONTHLY, "pending_days": 1})
    for n in range(13):
        till.join(f"m{n}")
        till.put("2024-01-08", f"o{n}", (n + 1) * 100, member=f"m{n}")

    confirmed = till.night("2024-01-10")
    expired = till.night("2024-02-11")

    assert (confirmed["confirmed_lots"], confirmed["confirmed_points"]) == (13, 91)
    assert (expired["expired_lots"], expired["expired_points"]) == (13, 91)
    till.prove()


def test_jobs_concern_one_zone_and_open_programs_only():
    till = Till(rules={"expiry": MONTHLY, "pending_days": 1})
    till.put("2024-01-01", "o", 10_00)
    with tenancy.platform():
        far = merchants.create_merchant(
            name="far", owner=None, at=at("2024-01-01"), actor=JOB, timezone="Asia/Tokyo"
        )
    assert far.zone.key == "Asia/Tokyo"

    with tenancy.platform():
        for job in (points_daily.confirm_due, points_daily.expire_due):
            assert job(zone="Asia/Tokyo", at=at("2024-06-01")).lots == 0
            assert job(zone=ZONE.key, at=at("2024-06-01"), merchant_id=far.pk).lots == 0
    till.close("2024-01-02")
    done = till.night("2024-06-01")

    assert (done["confirmed_lots"], done["expired_lots"], till.balance()) == (0, 0, (0, 10, 0))


# -- holds


def test_the_sweep_ends_holds_each_at_its_own_instant():
    till = Till(rules={"expiry": MONTHLY})
    till.join("n")
    till.adjust("2024-01-10", 100, "a")
    till.adjust("2024-01-10", 100, "b", "n")
    till.hold("2024-02-10 23:40", 30, "late", minutes=30)
    till.hold("2024-02-10 23:40", 40, "in time", "n", minutes=10)
    till.hold("2024-02-10 23:40", 5, "captured", "n", minutes=10)
    till.act("capture", "2024-02-10 23:45", key="captured")

    with tenancy.platform():
        assert points_daily.next_hold_end() == at("2024-02-10 23:50")
        assert points_daily.end_due_holds(at=at("2024-02-11 00:09")) == 1
        assert points_daily.end_due_holds(at=at("2024-02-11 08:00")) == 1
        assert points_daily.next_hold_end() is None

    assert till.lots("n") == [(95, "2024-02-10")]
    assert till.lots() == [(70, "2024-02-10"), (30, "2024-03-12")]  # ended on the day after the lot's last
    assert (till.entry().at, till.entry().cause) == (at("2024-02-11 00:10"), "rule")
    till.prove()


def test_a_hold_of_a_closed_program_does_not_keep_others_from_ending(monkeypatch):
    closed, other = Till("closed"), Till("other")
    for till in (closed, other):
        till.adjust("2024-01-01", 100, "a")
        till.hold("2024-01-02", 30, "h")
    closed.close("2024-01-02 12:01")

    with tenancy.platform():
        assert points_daily.end_due_holds(at=at("2024-01-03")) == 1
    assert (closed.balance(), other.balance()) == ((70, 0, 0), (100, 0, 0))

    end_hold = points_daily.end_hold

    def closing_meanwhile(*, merchant_id: int, request_id: int) -> Any:
        if merchant_id == other.id:
            other.close("2024-01-03")
        return end_hold(merchant_id=merchant_id, request_id=request_id)

    other.hold("2024-01-03", 30, "i")
    closed.open("2024-01-03")
    monkeypatch.setattr(points_daily, "end_hold", closing_meanwhile)
    with tenancy.platform():
        points_daily.end_due_holds(at=at("2024-01-04"))

    assert (closed.balance(), other.balance()) == ((100, 0, 0), (70, 0, 0))


# -- closures


def test_nothing_expires_or_is_confirmed_while_closed_and_opening_shifts_what_was_frozen():
    till = Till(rules={"expiry": MONTHLY, "pending_days": 7})
    till.put("2024-01-01", "o", 10_00, completed_at=at("2023-12-01"))
    till.put("2024-01-25", "p", 20_00)
    till.redeem("2024-01-26", 10, "k")
    till.adjust("2024-01-26", 5, "a")
    till.close("2024-01-30 18:00")
    till.night("2024-02-03")
    assert till.balance() == (5, 20, 0)

    till.open("2024-02-10 09:00")  # ten days lie wholly in the closure, 31 January to 9 February

    assert till.lots() == [(5, "2024-03-07")]
    assert due_at(till)[-1] == "2024-02-01 12:00"  # a due instant does not move

    till.act("cancel", "2024-02-11", key="k")

    assert till.lots() == [(10, "2024-02-11"), (5, "2024-03-07")]  # a spent lot moved too
    assert till.night("2024-02-11")["confirmed_points"] == 20
    till.prove()


def test_a_lot_that_expired_before_the_closure_stays_expired():
    till = Till(rules={"expiry": MONTHLY})
    till.put("2024-01-01", "o", 10_00)
    till.redeem("2024-01-02", 4, "k")
    till.night("2024-02-02")
    till.close("2024-02-02")
    till.open("2024-06-02 12:00")
    till.night("2024-06-03")

    assert till.balance() == (0, 0, 0)
    till.act("cancel", "2024-06-03", key="k")
    assert till.lots() == [(4, "2024-07-03")]
    till.prove()


def test_a_lot_frozen_on_the_morning_after_its_last_day_is_not_brought_back_to_life():
    till = Till(rules={"expiry": MONTHLY})
    till.put("2024-01-01", "o", 10_00)
    till.close("2024-02-02 01:00")  # before the job that would have expired it

    till.open("2024-02-20 01:00")

    assert till.lots() == [(10, "2024-02-18")]
    assert till.night("2024-02-20")["expired_points"] == 10
    till.prove()


def test_a_closure_within_one_day_moves_nothing():
    till = Till(rules={"expiry": MONTHLY})
    till.put("2024-01-01", "o", 10_00)
    till.close("2024-01-10 00:00")
    till.open("2024-01-10 23:59")

    assert till.lots() == [(10, "2024-02-01")]


def test_closures_shift_lots_again_and_again():
    till = Till(rules={"expiry": MONTHLY})
    till.put("2024-01-01", "o", 10_00)
    for day in (5, 10, 15):
        till.close(f"2024-01-{day:02} 12:00")
        till.open(f"2024-01-{day + 3:02} 12:00")

    assert till.lots() == [(10, "2024-02-07")]


def test_a_clearance_freezes_as_a_closure_does():
    till = Till(rules={"expiry": MONTHLY})
    till.put("2024-01-01", "o", 10_00)
    with tenancy.tenant(till.id), transaction.atomic():
        program = programs.lock_for_close(merchant_id=till.id)
        programs.begin_closure(program=program, at=at("2024-01-31 23:00"), kind="cleared", actor=JOB)
    till.night("2024-02-02")

    with tenancy.tenant(till.id), transaction.atomic():
        Program.objects.filter(pk=till.id).update(status="open", closed_at=None)
        programs.end_closure(merchant_id=till.id, at=at("2024-03-01"), ended_by="restored")

    assert till.lots() == [(10, "2024-03-01")]
    till.prove()


# -- the rule changes


def test_an_edit_concerns_lots_that_become_available_later():
    till = Till(rules={"expiry": MONTHLY, "pending_days": 5})
    till.put("2024-01-01", "before", 10_00, completed_at=at("2023-12-01"))
    till.put("2024-01-01", "waiting", 20_00)

    till.configure("2024-01-03", expiry={"kind": "rolling", "months": 3})
    till.night("2024-01-07")

    assert till.lots() == [(10, "2024-02-01"), (20, "2024-04-07")]

    till.configure("2024-01-08", expiry={"kind": "never"})
    till.put("2024-01-09", "never", 30_00)

    assert till.lots() == [(10, "2024-02-01"), (20, "2024-04-07"), (30, None)]


@pytest.mark.parametrize(
    ("rule", "last"),
    [
        ({"kind": "rolling", "months": 6}, "2024-12-30"),
        ({"kind": "yearly", "month": 12, "day": 31}, "2025-12-31"),
        ({"kind": "yearly", "month": 6, "day": 30}, "2025-06-30"),
    ],
)
def test_switching_from_never_dates_what_there_is_as_if_it_came_that_day(rule, last):
    till = Till()
    till.put("2023-12-02", "old", 10_00)
    till.put("2023-12-03", "spent", 20_00)
    till.redeem("2023-12-04", 30, "k")
    till.adjust("2023-12-05", 5, "a")

    till.configure("2024-06-30", expiry=rule)

    assert till.lots() == [(5, last)]
    till.act("cancel", "2024-07-01", key="k")
    assert till.lots() == [(10, last), (20, last), (5, last)]  # spent lots were dated too
    till.prove()


def test_only_the_switch_from_never_dates_old_lots():
    till = Till(rules={"expiry": MONTHLY})
    till.put("2024-01-01", "dated", 10_00)
    till.configure("2024-01-02", expiry={"kind": "never"})
    till.put("2024-01-02", "never", 20_00)

    till.configure("2024-01-03", per_major=Decimal(2), expiry={"kind": "never"})
    assert till.lots() == [(10, "2024-02-01"), (20, None)]
    till.configure("2024-01-04", expiry={"kind": "rolling", "months": 2})
    assert till.lots() == [(10, "2024-02-01"), (20, "2024-03-04")]
    till.configure("2024-01-05", expiry={"kind": "rolling", "months": 9})
    assert till.lots() == [(10, "2024-02-01"), (20, "2024-03-04")]


def test_a_switch_wakes_up_no_lot_of_another_merchant():
    till, other = Till(), Till("other")
    for each in (till, other):
        each.adjust("2024-01-01", 5, "a")

    till.configure("2024-01-02", expiry=MONTHLY)

    assert (till.lots(), other.lots()) == ([(5, "2024-02-02")], [(5, None)])


def test_the_daily_job_confirms_before_it_expires():
    till = Till(rules={"expiry": {"kind": "yearly", "month": 1, "day": 31}, "pending_days": 1})
    till.put("2024-01-30", "o", 10_00)

    till.night("2024-02-01")

    assert till.lots() == [(10, "2025-01-31")]  # available on 1 February, so not of this January
    with tenancy.tenant(till.id):
        lot = PointsLot.objects.of(till.id).get()
        assert lot.available_at == at("2024-02-01 03:00")
        assert lot.available_at.tzinfo is not None and isinstance(lot.expires_on, dt.date)
