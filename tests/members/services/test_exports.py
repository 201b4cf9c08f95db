"""Files written in the background: whom they hold, how they stand a kill, who may fetch them and how long."""

from __future__ import annotations

import csv
import datetime as dt

import pytest
from django.db import transaction
from openpyxl import load_workbook

from members.lib import tenant as tenancy
from members.lib.refusals import Conflict, Invalid, NotFound
from members.models import AuditRow, Export, ExportKind, WorkState
from members.services.audit import Actor
from members.services.exports import jobs, storage, work
from members.services.imports.jobs import MOST_ATTEMPTS
from tests.factories import ledger

AT = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)
WHO = Actor.job("test")


@pytest.fixture
def shop(cast, settings, tmp_path):
    """Seven members; one's name would be a formula."""
    settings.UPLOADS_DIR = tmp_path
    ledger.open_shop(cast.shop, AT)
    for n in range(7):
        at = AT + dt.timedelta(minutes=n)
        name = "=1+1" if n == 3 else "王芳"
        member = ledger.join(cast.shop, at, f"u{n}", phone=f"+861391234001{n}", name=name)
        if n in (2, 5):
            ledger.adjust(cast.shop, member, n, at)
    return cast.shop


def ask(shop, **more) -> Export:
    wanted = {"role": "owner", "file_format": "csv", "filters": {}, "kind": ExportKind.MEMBERS} | more
    with tenancy.tenant(shop.pk):
        return jobs.create(merchant_id=shop.pk, at=AT, actor=WHO, **wanted)


def write(shop, job, **more) -> Export:
    with tenancy.tenant(shop.pk):
        found = work.work(merchant_id=shop.pk, job_id=job.pk, at=AT, **more)
    assert found is not None
    return found


def take(shop, job, at=AT, role="owner", key=None):
    with tenancy.tenant(shop.pk):
        return jobs.take(
            merchant_id=shop.pk,
            public_id=job.public_id,
            at=at,
            actor=WHO,
            role=role,
            key=jobs.token(job) if key is None else key,
        )


def lines(path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def actions(shop) -> list[str]:
    with tenancy.tenant(shop.pk), transaction.atomic():
        rows = AuditRow.objects.of(shop).filter(subject_kind="export").order_by("pk")
        return list(rows.values_list("action", flat=True))


def test_a_file_holds_who_is_listed_in_the_lists_order_masked_and_is_on_record(shop):
    job = write(shop, ask(shop, filters={"sort": "points"}), chunk=2)

    _job, path = take(shop, job)
    found = lines(path)
    assert (job.state, job.rows, job.total) == (WorkState.DONE, 7, 7)
    assert [line[5] for line in found[1:4]] == ["5", "2", "0"]
    assert {line[1] for line in found[1:]} == {"王*", "'=*"}
    assert found[1][2] == "139****0015"
    assert actions(shop) == ["export.started", "export.finished", "export.downloaded"]


def test_filters_leave_out_who_is_left_out(shop):
    job = write(shop, ask(shop, filters={"search": "0013"}))

    assert [line[2] for line in lines(storage.file(job))[1:]] == ["139****0013"]


def test_a_sheet_has_numbers_as_numbers_and_no_formula(shop):
    job = write(shop, ask(shop, file_format="xlsx", is_clear=True, reason="Moving to another till"))

    rows = list(load_workbook(storage.file(job)).active.iter_rows())
    assert [cell.value for cell in rows[2]][5] == 5
    assert {row[1].value for row in rows[1:]} == {"王芳", "'=1+1"}
    assert not [cell for row in rows for cell in row if cell.data_type == "f"]
    assert storage.file(job).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("format_", ["csv", "xlsx"])
def test_a_worker_that_died_leaves_nothing_twice(shop, monkeypatch, format_):
    job = ask(shop, file_format=format_)
    whole, calls = work._flush, []

    def dies(out):
        whole(out)
        calls.append(1)
        if len(calls) == 3:  # the second chunk is on disk, its transaction is lost
            raise KeyboardInterrupt

    monkeypatch.setattr(work, "_flush", dies)
    with pytest.raises(KeyboardInterrupt):
        write(shop, job, chunk=2)
    monkeypatch.undo()
    with tenancy.tenant(shop.pk), transaction.atomic():
        job.refresh_from_db()
    assert (job.state, job.position) == (WorkState.RUNNING, 2)

    job = write(shop, job, chunk=2)

    if format_ == "csv":
        found = [line[0] for line in lines(storage.file(job))[1:]]
    else:
        found = [row[0].value for row in load_workbook(storage.file(job)).active.iter_rows(min_row=2)]
    assert len(found) == len(set(found)) == job.rows == 7


def test_whole_numbers_need_a_manager_and_a_reason(shop):
    with pytest.raises(Invalid):
        ask(shop, is_clear=True, role="operator", reason="because")
    with pytest.raises(Invalid):
        ask(shop, is_clear=True, role="manager", reason=" ")
    with pytest.raises(Invalid):
        ask(shop, role="cashier")
    assert actions(shop) == []

    job = write(shop, ask(shop, is_clear=True, role="manager", reason="Letters"))
    with pytest.raises(Invalid):
        take(shop, job, role="analyst")
    assert lines(take(shop, job)[1])[1][2] == "13912340016"


def test_a_link_fits_its_file_alone_and_ends_after_72_hours(shop):
    first, second = write(shop, ask(shop)), write(shop, ask(shop))

    for wrong in ("", "x", jobs.token(second)):
        with pytest.raises(NotFound):
            take(shop, first, key=wrong)
    with pytest.raises(NotFound):
        take(shop, first, at=AT + dt.timedelta(hours=72))
    assert "export.downloaded" not in actions(shop)


def test_the_daily_job_removes_files_whose_time_is_over(shop):
    job = write(shop, ask(shop))
    path = storage.file(job)

    with tenancy.platform():
        assert jobs.clear(at=AT + dt.timedelta(hours=71)) == 0
        assert path.exists()
        assert jobs.clear(at=AT + dt.timedelta(hours=72)) == 1
        assert jobs.clear(at=AT + dt.timedelta(hours=72)) == 0
    assert not path.parent.exists()


def test_asked_twice_it_is_one_and_cancelled_it_leaves_no_file(shop):
    job = ask(shop, once="a" * 16)
    assert ask(shop, once="a" * 16).pk == job.pk

    with tenancy.tenant(shop.pk):
        jobs.cancel(merchant_id=shop.pk, public_id=job.public_id, at=AT, actor=WHO)
        assert work.work(merchant_id=shop.pk, job_id=job.pk, at=AT) is None
    assert actions(shop) == ["export.started", "export.cancelled"]


def test_only_a_few_are_on_their_way_at_once(shop):
    for _n in range(jobs.MOST_OPEN):
        ask(shop)

    with pytest.raises(Conflict):
        ask(shop)


def test_an_export_that_breaks_off_eight_times_at_one_place_has_failed(shop, monkeypatch):
    job = ask(shop)

    def breaks(_lines):
        raise RuntimeError("broken")

    monkeypatch.setattr(work, "_csv", breaks)
    for _n in range(MOST_ATTEMPTS):
        with pytest.raises(RuntimeError):
            write(shop, job)

    job = write(shop, job)

    assert (job.state, job.finished_at) == (WorkState.FAILED, AT)
    assert str(MOST_ATTEMPTS) in job.failure
    assert actions(shop) == ["export.started"]
