"""Housekeeping: what had its time goes, what has not stays; once a day, and never in a play."""

from __future__ import annotations

import datetime as dt
import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.sessions.models import Session
from django.db import transaction

from benefits.models import PriceUpload
from compliance.lib.runs import Run as RuleRun
from compliance.models import Preview
from compliance.selectors import policies
from compliance.services import housekeeping, previews, schedule, ticks
from members.lib import batches
from members.lib import tenant as tenancy
from members.models import IdempotencyRow, ImportJob, ImportState, JobTick, Merchant, OutboxRow
from members.services.imports import jobs, rejects, storage, work
from tests.compliance.services.conftest import JOB, Platform, at

NOW = at("2024-06-15 05:00")
DAY = dt.timedelta(days=1)
HOUR = dt.timedelta(hours=1)
HEAD = "order_id,ordered_at,member_key,sku,quantity,amount\n"
GOOD = HEAD + "A1,2024-05-01 10:00,li,s1,1,10.00\n"
WITH_REJECTS = GOOD + "A2,2024-05-02 10:00,wu,s1,1,x\n"
WITHOUT_COLUMNS = GOOD.replace("amount", "sum")


@pytest.fixture
def uploads(settings, tmp_path: Path) -> Path:
    """Where files of imports lie."""
    settings.UPLOADS_DIR = tmp_path
    return tmp_path / storage.FOLDER


@pytest.fixture
def shop(platform: Platform, uploads: Path) -> Merchant:
    """A shop that is open."""
    return platform.shop("2024-01-01")


def tidy(now: dt.datetime = NOW) -> dict[str, int]:
    with tenancy.platform():
        return housekeeping.tidy(at=now)


def left(model, field: str) -> set:
    with tenancy.platform(), transaction.atomic():
        return set(model.objects.values_list(field, flat=True))


def test_answers_to_repeated_requests_are_kept_for_thirty_days(shop: Merchant) -> None:
    ages = {"old": 30 * DAY + HOUR, "young": 30 * DAY - HOUR}
    with tenancy.platform():
        for key, age in ages.items():
            IdempotencyRow.objects.create(
                merchant=shop, key=key, body_hash="x", status=200, answer="{}", at=NOW - age
            )

    assert tidy()["idempotency"] == 1

    assert left(IdempotencyRow, "key") == {"young"}


def test_messages_handed_over_are_kept_for_ninety_days_and_open_ones_until_they_are_done(
    shop: Merchant,
) -> None:
    long_ago, lately = NOW - 90 * DAY - HOUR, NOW - 90 * DAY + HOUR
    with tenancy.platform():
        for key, done_at in (("old", long_ago), ("young", lately), ("open", None)):
            OutboxRow.objects.create(
                merchant=shop, topic="email", key=key, created_at=long_ago, due_at=long_ago, done_at=done_at
            )

    assert tidy()["outbox"] == 1

    assert left(OutboxRow, "key") == {"young", "open"}


def test_price_lists_that_nobody_confirmed_are_kept_for_a_week(shop: Merchant) -> None:
    rows = [("old", 7 * DAY + HOUR, None), ("young", 7 * DAY - HOUR, None), ("used", 8 * DAY, NOW - 8 * DAY)]
    with tenancy.platform():
        for name, age, confirmed_at in rows:
            PriceUpload.objects.create(
                merchant=shop, file_name=name, uploaded_at=NOW - age, confirmed_at=confirmed_at
            )

    assert tidy()["price_uploads"] == 1

    assert left(PriceUpload, "file_name") == {"young", "used"}


def test_sessions_that_ended_go(shop: Merchant) -> None:
    with tenancy.platform():
        for key, until in (("ended", NOW - HOUR), ("alive", NOW + HOUR)):
            Session.objects.create(session_key=key, session_data="", expire_date=until)

    assert tidy()["sessions"] == 1

    assert left(Session, "session_key") == {"alive"}


def test_of_a_periods_old_previews_the_latest_five_stay(shop: Merchant) -> None:
    with tenancy.platform():
        version = policies.history().at(NOW)
        for period in ("2024-04", "2024-05"):
            for days in range(40, 47) if period == "2024-04" else (50,):
                run = RuleRun(period, (NOW - days * DAY).date(), NOW - days * DAY, version)
                previews.preview(run=run, at=NOW - days * DAY)
        young = [previews.preview(run=run, at=NOW - DAY).made_at for _again in range(6)]

    assert tidy()["previews"] == 3

    kept = {NOW - days * DAY for days in range(40, 45)}
    assert left(Preview, "made_at") == kept | set(young)


def test_a_great_many_go_in_many_short_transactions(shop: Merchant) -> None:
    with tenancy.platform():
        OutboxRow.objects.bulk_create(
            OutboxRow(
                merchant=shop, topic="email", key=str(n), created_at=NOW, due_at=NOW,
                done_at=NOW - (DAY if n % 2 else 0 * DAY),
            )
            for n in range(25)
        )  # fmt: skip
        gone = batches.delete(
            "members_outboxrow", key=["merchant_id", "id"], condition="done_at < %s", values=[NOW], batch=4
        )

    assert gone == 12
    assert left(OutboxRow, "key") == {str(n) for n in range(0, 25, 2)}


# ---- files ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def imported(shop: Merchant) -> Callable[[str, dt.datetime], ImportJob]:
    """Hand a file in and work it to its end at an instant."""

    def take(content: str, ended: dt.datetime) -> ImportJob:
        with tenancy.tenant(shop.pk):
            job, _made = jobs.create(
                merchant_id=shop.pk, at=ended, actor=JOB, content=io.BytesIO(content.encode()),
                file_name="orders.csv", channel="taobao", starts_itself="sum" not in content,
            )  # fmt: skip
            done = work.work(merchant_id=shop.pk, import_id=job.pk, at=ended)
        assert done is not None
        return done

    return take


def test_files_of_imports_are_kept_for_thirty_days_after_their_end(imported) -> None:
    old, young = imported(WITH_REJECTS, NOW - 30 * DAY - HOUR), imported(WITH_REJECTS, NOW - 30 * DAY + HOUR)
    failed = imported(WITHOUT_COLUMNS, NOW - 31 * DAY)
    assert (old.state, failed.state) == (ImportState.DONE, ImportState.FAILED)
    assert storage.original(failed).exists() and storage.rejects(old).exists()

    assert tidy()["import_files"] == 2

    assert not storage.original(failed).parent.exists()
    assert not storage.rejects(old).parent.exists()
    assert rejects.first(old, 5) == []
    assert [line for line, *_rest in rejects.first(young, 5)] == ["3"]


def test_files_of_an_import_that_has_not_ended_stay(shop: Merchant, uploads: Path) -> None:
    with tenancy.tenant(shop.pk):
        job, _made = jobs.create(
            merchant_id=shop.pk, at=NOW - 60 * DAY, actor=JOB, content=io.BytesIO(GOOD.encode()),
            file_name="orders.csv", channel="taobao",
        )  # fmt: skip
    aged(storage.original(job).parent, NOW - 60 * DAY)

    assert tidy()["import_files"] == 0

    assert storage.original(job).exists()


def aged(path: Path, changed_at: dt.datetime) -> Path:
    """Have a file or folder look as if it was changed last at an instant."""
    os.utime(path, (changed_at.timestamp(), changed_at.timestamp()))
    return path


def test_folders_that_belong_to_no_import_go_after_a_day(shop: Merchant, uploads: Path) -> None:
    mine = uploads / str(shop.pk)
    folders = {name: mine / name for name in ("forgotten", "just-begun")}
    for folder in folders.values():
        folder.mkdir(parents=True)
        (folder / storage.ORIGINAL).write_text(GOOD)
    aged(folders["forgotten"], NOW - DAY - HOUR)
    aged(folders["just-begun"], NOW - DAY + HOUR)

    assert tidy()["import_files"] == 1

    assert [path.name for path in mine.iterdir()] == ["just-begun"]


def test_rejects_of_dry_runs_go_after_thirty_days_and_other_files_are_not_ours(
    shop: Merchant, uploads: Path
) -> None:
    uploads.mkdir(exist_ok=True)
    for name, age in (("dry-run-a.rejects.csv", 31), ("dry-run-b.rejects.csv", 29)):
        (uploads / name).write_text(WITH_REJECTS)
        aged(uploads / name, NOW - age * DAY)
    elsewhere = uploads.parent / "elsewhere.csv"
    elsewhere.write_text("kept")
    aged(elsewhere, NOW - 400 * DAY)

    assert tidy()["import_files"] == 1

    assert [path.name for path in uploads.iterdir() if path.is_file()] == ["dry-run-b.rejects.csv"]
    assert elsewhere.exists()


def test_nothing_to_do_is_no_trouble(shop: Merchant) -> None:
    assert set(tidy().values()) == {0}


# ---- when -----------------------------------------------------------------------------------------------------------


def test_the_beat_does_it_once_a_day_and_its_report_stays(shop: Merchant) -> None:
    with tenancy.platform():
        Session.objects.create(session_key="ended", session_data="", expire_date=NOW - HOUR)
        ticks.tick(at=NOW - 1 * HOUR)
        assert not JobTick.objects.filter(job="housekeeping", due_at=NOW).exists()

        ticks.tick(at=NOW)
        ticks.tick(at=NOW + HOUR)

        (row,) = JobTick.objects.filter(job="housekeeping", due_at__gte=NOW)
    assert (row.due_at, row.scope, row.done_at) == (NOW, "platform", NOW)
    assert row.report["sessions"] == 1
    assert left(Session, "session_key") == set()


def test_plays_and_replays_do_not_know_it(shop: Merchant) -> None:
    due = schedule.due_jobs(after=NOW - 40 * DAY, until=NOW + 40 * DAY)

    assert {job.name for job in due} == {"daily", "assessment", "clearance"}
