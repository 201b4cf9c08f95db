"""Files written in the background: whom they hold, how they stand a kill, who may fetch them and how long."""

from __future__ import annotations

import csv
import datetime as dt
from contextlib import contextmanager

import pytest
from django.db import connection, transaction
from openpyxl import load_workbook

from members.lib import tenant as tenancy
from members.lib.refusals import Conflict, Invalid, NotFound
from members.models import AuditRow, Export, ExportKind, WorkState
from members.services import leases, members
from members.services.audit import Actor
from members.services.exports import jobs, storage, work
from members.services.leases import MOST_ATTEMPTS
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
        found = work.work(merchant_id=shop.pk, job_id=job.pk, now=lambda: AT, **more)
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
        if len(calls) == 4:  # the second chunk is on disk, its transaction is lost
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


def cancel(shop, job, role="owner"):
    with tenancy.tenant(shop.pk):
        jobs.cancel(merchant_id=shop.pk, public_id=job.public_id, at=AT, actor=WHO, role=role)


def stolen(shop, job):
    """Another worker takes the export, as it may once a lease ran out."""
    with tenancy.tenant(shop.pk), transaction.atomic():
        Export.objects.of(shop).filter(pk=job.pk).update(worker="elsewhere:1:b0b0", leased_until=None)


def folder(shop, job):
    return storage.place(shop.pk, job.public_id)


@pytest.mark.django_db(transaction=True)
def test_a_sheet_is_made_in_no_transaction_and_keeps_its_lease(shop, monkeypatch):
    monkeypatch.setattr(work, "ROWS_A_LEASE", 2)
    monkeypatch.setattr(work, "BYTES_A_LEASE", 100)
    whole, renewed = leases.renew, []

    def renew(model, job):
        assert not connection.in_atomic_block
        renewed.append(1)
        return whole(model, job)

    monkeypatch.setattr(leases, "renew", renew)
    job = write(shop, ask(shop, file_format="xlsx"))

    assert job.state == WorkState.DONE and len(renewed) > 5
    assert [path.name for path in folder(shop, job).iterdir()] == ["lines.xlsx"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("by_rows", [True, False])
def test_a_sheet_that_is_cancelled_while_it_is_made_leaves_no_file(shop, monkeypatch, by_rows):
    monkeypatch.setattr(work, "ROWS_A_LEASE" if by_rows else "BYTES_A_LEASE", 2)
    job, whole, calls = ask(shop, file_format="xlsx"), leases.renew, []

    def renew(model, mine):
        calls.append(1)
        if len(calls) == 2:
            cancel(shop, job)
        return whole(model, mine)

    monkeypatch.setattr(leases, "renew", renew)

    assert write(shop, job).state == WorkState.CANCELLED
    assert not folder(shop, job).exists()


def test_a_worker_that_lost_the_export_leaves_the_others_files_alone(shop, monkeypatch):
    job, whole = ask(shop), work._list_ids
    theirs = storage.folder(job) / "ids.b0b0.part"

    def slow(*given):
        total = whole(*given)
        stolen(shop, job)
        theirs.write_bytes(b"")
        return total

    monkeypatch.setattr(work, "_list_ids", slow)
    assert write(shop, job).state == WorkState.QUEUED
    assert [path.name for path in folder(shop, job).iterdir()] == [theirs.name]

    monkeypatch.undo()
    assert write(shop, job).rows == 7


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_cancelling_while_the_list_is_written_ends_the_work(shop, monkeypatch, when):
    job, whole = ask(shop), work._list_ids

    def slow(*given):
        if when == "before":
            cancel(shop, job)
        total = whole(*given)
        if when == "after":
            cancel(shop, job)
        return total

    monkeypatch.setattr(work, "_list_ids", slow)

    assert write(shop, job).state == WorkState.CANCELLED
    assert not folder(shop, job).exists()


@pytest.mark.django_db(transaction=True)
def test_the_lease_is_kept_while_the_list_is_written(shop, monkeypatch):
    monkeypatch.setattr(work, "LISTED_AT_ONCE", 2)
    job, whole, seen = ask(shop), leases.beside, []

    @contextmanager
    def watched(model, mine):
        with whole(model, mine) as keep:
            yield lambda: seen.append(keep()) or seen[-1]

    monkeypatch.setattr(leases, "beside", watched)

    assert write(shop, job).rows == 7
    assert seen == [True, True, True]


def test_control_characters_are_no_names_and_stop_no_sheet(shop):
    with pytest.raises(Invalid):
        ledger.join(shop, AT, "u9", name="王\x0b芳")
    member = ledger.join(shop, AT, "u9", name="王芳")
    with tenancy.tenant(shop.pk), pytest.raises(Invalid):
        members.change(merchant_id=shop.pk, at=AT, actor=WHO, public_id=member.public_id, name="a\x01b")
    with tenancy.tenant(shop.pk), transaction.atomic():
        member.refresh_from_db()
        assert member.name == "王芳"
        member.name = "\x01=1\x0b+1\uffff"  # as one that came in before
        member.save()

    job = write(shop, ask(shop, file_format="xlsx", is_clear=True, reason="Moving"))

    names = [row[1].value for row in load_workbook(storage.file(job)).active.iter_rows(min_row=2)]
    assert names.count("'=1+1") == 2


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
        jobs.cancel(merchant_id=shop.pk, public_id=job.public_id, at=AT, actor=WHO, role="owner")
        assert work.work(merchant_id=shop.pk, job_id=job.pk, now=lambda: AT) is None
    assert actions(shop) == ["export.started", "export.cancelled"]


def test_only_a_few_are_on_their_way_at_once(shop):
    for _n in range(jobs.MOST_OPEN):
        ask(shop)

    with pytest.raises(Conflict):
        ask(shop)


def test_what_a_worker_left_behind_goes_with_the_daily_job(shop, monkeypatch):
    failed, running, done = ask(shop), ask(shop, filters={"search": "0013"}), write(shop, ask(shop))
    for job in (failed, running):
        (storage.folder(job) / "lines.csv").write_text("x")
    unknown = storage.place(shop.pk, "nobody")
    unknown.mkdir()
    with tenancy.tenant(shop.pk), transaction.atomic():
        rows = Export.objects.of(shop)
        rows.filter(pk=failed.pk).update(state=WorkState.FAILED, filters={"search": "13912340013"})

    with tenancy.platform():
        assert jobs.clear(at=AT) == 2
        assert jobs.clear(at=AT) == 0

    assert not folder(shop, failed).exists() and not unknown.exists()
    assert folder(shop, running).exists() and storage.file(done).exists()
    with tenancy.tenant(shop.pk), transaction.atomic():
        assert rows.get(pk=failed.pk).filters == {}
        assert rows.get(pk=running.pk).filters != {}


def test_a_file_that_cannot_be_removed_is_not_forgotten(shop, monkeypatch):
    job, late = write(shop, ask(shop)), AT + dt.timedelta(hours=72)
    monkeypatch.setattr(storage.shutil, "rmtree", lambda *_args, **_more: None)
    with tenancy.platform():
        assert jobs.clear(at=late) == 0
        monkeypatch.undo()
        assert jobs.clear(at=late) == 1
    assert not folder(shop, job).exists()


def test_what_was_searched_for_is_never_kept_in_clear_nor_longer_than_needed(shop):
    job = ask(shop, filters={"search": "13912340013", "sort": "oldest"})
    assert "139" not in str(job.filters)

    job = write(shop, job)

    assert (job.rows, job.filters) == (1, {"sort": "oldest"})


@pytest.mark.parametrize("gone", [{"tier_id": 999_999_999}, {"channel": "fax"}, {"sort": "luck"}])
def test_filters_by_what_is_not_there_mean_nobody(shop, gone):
    with pytest.raises(Invalid):
        ask(shop, filters=gone)
    assert actions(shop) == []

    job = ask(shop)
    with tenancy.tenant(shop.pk), transaction.atomic():
        Export.objects.of(shop).filter(pk=job.pk).update(filters=gone)
    job = write(shop, job)
    assert job.state == WorkState.FAILED and job.failure


def test_whole_numbers_are_cancelled_by_who_may_have_them(shop):
    job = ask(shop, is_clear=True, reason="Letters")

    with pytest.raises(Invalid):
        cancel(shop, job, role="analyst")
    with tenancy.tenant(shop.pk), transaction.atomic():
        job.refresh_from_db()
    assert job.is_worked and actions(shop) == ["export.started"]

    cancel(shop, job, role="manager")
    assert actions(shop) == ["export.started", "export.cancelled"]


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
