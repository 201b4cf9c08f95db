"""Files of points: each row one credit, once; what is left out and why; and a whole import taken back (domain.md 6)."""

from __future__ import annotations

import datetime as dt
import io

import openpyxl
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st

from members.lib import crypto
from members.lib import tenant as tenancy
from members.lib.refusals import Conflict, Invalid, ProgramNotOpen, Refusal
from members.models import (
    AuditRow,
    Identity,
    ImportJob,
    ImportKind,
    ImportState,
    Member,
    PointsEntry,
    PointsLot,
    PointsRequest,
)
from members.services.audit import Actor
from members.services.imports import jobs, rejects, undo
from members.services.imports import work as working
from members.services.imports.points import checking
from members.services.imports.points.undo import Consequences
from tests.environment import sized
from tests.members.services.till import JOB, Till, at

HEAD = "member_key,points,expires_on,reason,row_id"
DAY = "2024-05-15"


@pytest.fixture(autouse=True)
def uploads(settings, tmp_path):
    settings.UPLOADS_DIR = tmp_path / "uploads"


@pytest.fixture
def till(db):
    return Till()


def text(*rows: str, head: str = HEAD) -> bytes:
    return ("\n".join([head, *rows]) + "\n").encode()


def hand_in(
    till: Till, content: bytes, *, when=DAY, actor=JOB, starts=True, channel="web", **more
) -> ImportJob:
    with tenancy.tenant(till.id):
        job, _made = jobs.create(
            merchant_id=till.id,
            at=at(when),
            actor=actor,
            content=io.BytesIO(content),
            file_name="points.csv",
            channel=channel,
            kind=ImportKind.POINTS,
            starts_itself=starts,
            **more,
        )
    return job


def worked(till: Till, job: ImportJob, *, when=DAY, chunk=3) -> ImportJob:
    with tenancy.tenant(till.id):
        done = working.work(merchant_id=till.id, import_id=job.pk, at=at(when), chunk=chunk)
    assert done is not None
    return done


def take(till: Till, content: bytes, *, when=DAY, chunk=3, **more) -> ImportJob:
    """Import a file as the command does."""
    return worked(till, hand_in(till, content, when=when, **more), when=when, chunk=chunk)


def undone(till: Till, job: ImportJob, *, when=DAY, chunk=2) -> ImportJob:
    with tenancy.tenant(till.id):
        undo.start(merchant_id=till.id, public_id=job.public_id, at=at(when), actor=JOB)
    return worked(till, job, when=when, chunk=chunk)


def foreseen(till: Till, job: ImportJob) -> Consequences | None:
    with tenancy.tenant(till.id):
        return undo.consequences(merchant_id=till.id, job=job)


def reasons(till: Till, job: ImportJob) -> dict[int, str]:
    with tenancy.tenant(till.id):
        return {int(line): reason for line, reason, _row in rejects.first(job, 100)}


class TestCredits:
    def test_each_row_is_a_credit_with_its_own_last_usable_day(self, till):
        till.configure("2024-05-01", expiry={"kind": "rolling", "months": 12})
        job = take(till, text("m,100,2024-12-31,old,a", "m,50,2024-06-30,,b", "m,7,never,,c", "m,9,,,d"))

        assert (job.state, job.created, job.points, job.rejected) == (ImportState.DONE, 4, 166, 0)
        assert till.lots() == [(50, "2024-06-30"), (100, "2024-12-31"), (9, "2025-05-15"), (7, None)]
        assert till.entries() == [("adjust", n, 0) for n in (100, 50, 7, 9)]
        with tenancy.tenant(till.id):
            asked = PointsRequest.objects.get(key="row a")
            assert (asked.space, asked.verb, asked.reason, asked.status) == (
                "import",
                "import",
                "old",
                "done",
            )
            assert asked.details["line"] == 2 and asked.details["import"] == job.public_id
        till.prove()

    def test_members_are_found_by_their_id_by_a_channels_and_by_a_card(self, till):
        with tenancy.tenant(till.id):
            shown = Member.objects.get(pk=till.members["m"]).public_id
        rows = [f"{shown},1,", "m,2,", "m,4,官网", "m,8,web", "m,16,taobao"]
        job = take(till, text(*rows, head="会员卡号,积分余额,渠道"))

        assert till.balance()[0] == 1 + 2 + 4 + 8
        assert reasons(till, job)[6] == "“m” is no member of this shop."

    def test_older_points_are_spent_first_whatever_their_place_in_the_file(self, till):
        take(
            till, text("m,1,2023-01-01,new", "m,2,2022-01-01,old", head="member_key,points,granted_at,reason")
        )

        with tenancy.tenant(till.id):
            assert list(PointsRequest.objects.order_by("sequence").values_list("reason", flat=True)) == [
                "old",
                "new",
            ]

    def test_a_deficit_is_repaid_by_what_is_imported(self, till):
        till.configure("2024-01-01", pending_days=0)
        till.put("2024-01-02", "A", 100_00, completed_at=at("2024-01-02"))
        till.redeem("2024-01-03", 100, "r")
        till.refund("2024-01-04", "A", "f")
        assert till.balance() == (0, 0, 100)

        take(till, text("m,60,,,a", "m,70,,,b"), chunk=1)

        assert till.balance() == (30, 0, 0)
        till.prove()

    def test_an_xlsx_sheet_is_taken_like_the_same_csv(self, till):
        book, out = openpyxl.Workbook(), io.BytesIO()
        for row in (["会员号", "剩余积分", "到期日"], ["m", 1200, dt.date(2024, 12, 31)], ["m", 0.5, None]):
            book.active.append(row)
        book.save(out)

        job = take(till, out.getvalue())

        assert till.lots() == [(1200, "2024-12-31")]
        assert reasons(till, job) == {3: "Points are whole numbers, not 0.5."}


class TestOnce:
    def test_the_same_file_again_changes_nothing(self, till):
        content = text("m,100,,,", "m,50,,,")
        take(till, content)
        before = till.picture()

        again = take(till, content, when="2024-05-16")

        assert (again.created, again.unchanged, again.rejected) == (0, 2, 0)
        assert till.picture() == before

    def test_a_row_of_the_other_system_is_credited_once_in_whichever_file_it_comes(self, till):
        take(till, text("m,100,,,a"))

        job = take(till, text("m,50,,,b", "m,100,,,a", "m,99,,,a2"))
        other = take(till, text("m,101,,,a"))

        assert (job.created, job.unchanged) == (2, 1)
        assert reasons(till, other) == {2: "The row id a was imported before and said something else then."}
        assert till.balance()[0] == 249

    def test_an_import_broken_off_goes_on_where_it_stood(self, till, monkeypatch):
        content = text(*(f"m,{n},,,{n}" for n in range(1, 8)))
        job = hand_in(till, content)
        told: list[int] = []

        def tell(job):
            told.append(job.position)
            if job.position == 4:
                raise KeyboardInterrupt

        with tenancy.tenant(till.id), pytest.raises(KeyboardInterrupt):
            working.work(merchant_id=till.id, import_id=job.pk, at=at(DAY), chunk=2, tell=tell)
        assert till.balance()[0] == 1 + 2 + 3 + 4

        done = worked(till, job, when="2024-05-16")

        assert (done.created, done.points, till.balance()[0]) == (7, 28, 28)
        till.prove()


class TestLeftOut:
    @pytest.mark.parametrize(
        ("row", "why"),
        [
            ("m,1.5,", "Points are whole numbers, not 1.5."),
            ("m,0,", "A row of 0 points adds nothing."),
            ("m,-5,", "-5 is negative: an import only adds points."),
            ("m,99999999999999,", "99999999999999 is more points than anybody can have."),
            ("m,many,", "“many” is not a number of points."),
            ("m,,", "The number of points is empty."),
            ("m,１２，０００ 分,", ""),
            ("m,100.00,", ""),
            ("nobody,5,", "“nobody” is no member of this shop."),
            (",5,", "The row names no member."),
            ("m,5,2024-05-14", "Their last usable day, 2024-05-14, is over."),
            ("m,5,2024-05-15", ""),
            ("m,5,9999-12-31", ""),
            ("m,5,soon", "“soon” is not a day; write it like 2024-06-27."),
            (
                "1.5E+17,5,",
                "1.5E+17 was shortened by a spreadsheet. Format the column as text and export again.",
            ),
        ],
    )
    def test_a_bad_row_is_left_out_with_its_reason_and_the_rest_goes_on(self, till, row, why):
        row = (
            row.replace("，", ",")
            if why
            else f'm,"{row.split(",", 1)[1].rsplit(",", 1)[0]}",{row.rsplit(",", 1)[1]}'
        )
        job = take(till, text(row, "m,3,2024-06-01", head="member_key,points,expires_on"))

        assert reasons(till, job) == ({2: why} if why else {})
        assert job.created == (1 if why else 2)
        till.prove()

    def test_a_row_that_stands_twice_is_taken_once(self, till):
        job = take(till, text("m,5,,,a", "m,6,,,a", "m,7,,,", "m,7,,,"))

        assert reasons(till, job) == {
            3: "The row id a stands in line 2 already.",
            5: "The row says the same as line 4. If both are meant, give each a row id of its own.",
        }
        assert till.balance()[0] == 12

    def test_the_same_file_for_another_channel_says_why_its_rows_are_left_out(self, till):
        till.join("m2")
        content = text("m,5", head="member_key,points")
        take(till, content)

        with tenancy.tenant(till.id):
            Identity.objects.of(till.id).filter(member_id=till.members["m2"]).update(
                external_index=crypto.identity_index(till.id, "pos", "m")
            )
        job = take(till, content, channel="pos")

        assert reasons(till, job) == {
            2: "This line of the same file was imported before, and meant another member or something else."
        }
        till.prove()

    def test_another_shops_member_is_nobody_here(self, till, db):
        other = Till("other")
        other.join("theirs")

        job = take(till, text("theirs,5,,,"))

        assert job.created == 0 and reasons(till, job)[2] == "“theirs” is no member of this shop."
        assert other.balance("theirs") == (0, 0, 0)

    def test_a_file_without_its_columns_is_refused(self, till):
        with pytest.raises(Invalid, match="missing: points"):
            take(till, b"member_key,foo\nm,1\n")

        with tenancy.tenant(till.id):
            assert not ImportJob.objects.exists()

    def test_nothing_moves_while_the_program_is_not_open(self, till):
        till.close("2024-05-10")
        before = till.picture()

        job = take(till, text("m,5,,,"))

        assert job.state == ImportState.FAILED and "not open" in job.failure
        assert till.picture() == before


class TestCheck:
    def test_a_check_says_what_would_be_credited_and_moves_nothing(self, till):
        till.configure("2024-05-01", expiry={"kind": "rolling", "months": 1})
        till.join("n")
        before = till.picture()
        job = hand_in(
            till,
            text("m,100,2024-12-31,,a", "n,50,2024-12-01,,b", "n,7,never,,", "x,9,,,", "m,1,,,"),
            starts=False,
        )

        checked = worked(till, job)

        assert checked.state == ImportState.CHECKED and till.picture() == before
        assert checked.preview == {
            "credits": 4, "points": 158, "members": 2, "unchanged": 0, "largest": 100, "by_rule": 1,
            "months": [["2024-06", 1], ["2024-12", 150], ["never", 7]],
        }  # fmt: skip
        assert checked.rejected == 1 and reasons(till, checked) == {5: "“x” is no member of this shop."}

    def test_what_one_person_may_not_adjust_alone_they_do_not_import_alone(self, till, cast):
        till.configure("2024-05-01", adjust_limit=50)
        anna, bob = Actor.person(cast.owner), Actor.person(cast.clerk)
        job = worked(till, hand_in(till, text("m,51,,,"), starts=False, actor=anna))
        start = {"merchant_id": till.id, "public_id": job.public_id, "at": at(DAY)}

        with tenancy.tenant(till.id):
            with pytest.raises(Conflict, match="at most 50 points, and a row of this file has 51"):
                jobs.start(**start, actor=anna)
            assert jobs.start(**start, actor=bob).state == ImportState.RUNNING

    def test_a_row_of_somebody_who_may_join_before_the_start_counts_for_that_limit(self, till, cast):
        till.configure("2024-05-01", adjust_limit=50)
        anna = Actor.person(cast.owner)
        job = worked(till, hand_in(till, text("m,1,,,", "late,5000000,,,"), starts=False, actor=anna))
        till.join("late")
        before = till.picture()

        with tenancy.tenant(till.id), pytest.raises(Conflict, match="a row of this file has 5000000"):
            jobs.start(merchant_id=till.id, public_id=job.public_id, at=at(DAY), actor=anna)
        assert till.picture() == before

    def test_starting_while_the_program_is_closed_is_refused(self, till):
        job = worked(till, hand_in(till, text("m,51,,,"), starts=False))
        till.close("2024-05-15 13:00")

        with tenancy.tenant(till.id), pytest.raises(ProgramNotOpen):
            jobs.start(merchant_id=till.id, public_id=job.public_id, at=at(DAY), actor=JOB)


class TestUndo:
    def test_untouched_points_are_taken_back_whole_and_the_history_stays(self, till):
        till.adjust(DAY, 5, "own")
        job = take(till, text("m,100,2024-12-31,,a", "m,50,,,b"))

        found = undone(till, job)

        assert found.state == ImportState.UNDONE and till.lots() == [(5, None)]
        assert till.entries()[1:] == [("adjust", n, 0) for n in (100, 50, -100, -50)]
        assert {name: found.undo[name] for name in ("rows", "taken", "left", "expired")} == {
            "rows": 2, "taken": 150, "left": 0, "expired": 0,
        }  # fmt: skip
        with tenancy.tenant(till.id):
            assert PointsRequest.objects.filter(verb="import", status="cancelled").count() == 2
            actions = list(
                AuditRow.objects.filter(action__startswith="import.").values_list("action", flat=True)
            )
        assert actions[-2:] == ["import.undo_started", "import.undone"]
        till.prove()

    def test_spent_points_are_taken_from_others_first_and_what_is_not_there_is_left_without_a_deficit(
        self, till
    ):
        till.join("n")
        job = take(till, text("m,100,,,a", "n,100,,,b"))
        till.redeem(DAY, 80, "r")
        till.redeem(DAY, 80, "s", member="n")
        till.adjust(DAY, 50, "later")
        told = foreseen(till, job)

        found = undone(till, job)

        assert told is not None
        assert (told.points, told.untouched, told.taken, told.left, told.members_left) == (
            200,
            40,
            90,
            110,
            2,
        )
        assert till.balance() == (0, 0, 0) and till.balance("n") == (0, 0, 0)
        assert (found.undo["taken"], found.undo["left"], found.undo["members_left"]) == (90, 110, 2)
        till.prove()

    def test_what_expired_meanwhile_is_gone_and_taken_from_nobody(self, till):
        job = take(till, text("m,100,2024-05-15,,a", "m,10,,,b"), when="2024-05-15 20:00")
        till.night("2024-05-16")
        till.adjust("2024-05-16", 500, "own")
        told = foreseen(till, job)

        found = undone(till, job, when="2024-05-16")

        assert told is not None and (told.taken, told.expired, told.left) == (10, 100, 0)
        assert till.lots() == [(500, None)]
        assert (found.undo["taken"], found.undo["expired"], found.undo["left"]) == (10, 100, 0)
        till.prove()

    def test_undoing_again_is_a_no_op(self, till):
        job = take(till, text("m,100,,,a"))
        undone(till, job)
        before = till.picture()

        with tenancy.tenant(till.id):
            again = undo.start(merchant_id=till.id, public_id=job.public_id, at=at(DAY), actor=JOB)
            assert working.work(merchant_id=till.id, import_id=job.pk, at=at(DAY)) is None

        assert again.state == ImportState.UNDONE and till.picture() == before
        assert foreseen(till, again) is None

    @pytest.mark.parametrize(
        ("when", "is_allowed"), [("2024-05-18 12:00", True), ("2024-05-18 12:01", False)]
    )
    def test_an_import_is_undone_within_72_hours_and_not_later(self, till, when, is_allowed):
        job = take(till, text("m,100,,,a"))
        before = till.picture()

        if is_allowed:
            assert undone(till, job, when=when).state == ImportState.UNDONE
            return
        with (
            tenancy.tenant(till.id),
            pytest.raises(Conflict, match="72 hours after its end; these were over at 2024-05-18 12:00"),
        ):
            undo.start(merchant_id=till.id, public_id=job.public_id, at=at(when), actor=JOB)
        assert till.picture() == before

    def test_an_undoing_broken_off_goes_on_where_it_stood(self, till):
        job = take(till, text(*(f"m,{n},,,{n}" for n in range(1, 6))))
        with tenancy.tenant(till.id):
            undo.start(merchant_id=till.id, public_id=job.public_id, at=at(DAY), actor=JOB)

            def tell(_job):
                raise KeyboardInterrupt

            with pytest.raises(KeyboardInterrupt):
                working.work(merchant_id=till.id, import_id=job.pk, at=at(DAY), chunk=2, tell=tell)
        assert till.balance()[0] == 3 + 4 + 5

        found = worked(till, job, when="2024-05-30")

        assert (found.state, found.undo["taken"], till.balance()[0]) == (ImportState.UNDONE, 15, 0)
        till.prove()

    def test_after_undoing_the_same_file_can_be_imported_anew(self, till):
        content = text("m,100,,,a", "m,50,,,")
        undone(till, take(till, content))

        job = take(till, content, when="2024-05-16")

        assert (job.created, till.balance()[0]) == (2, 150)
        assert undone(till, job, when="2024-05-16").undo["taken"] == 150
        till.prove()

    def test_an_import_that_was_cancelled_half_way_can_be_undone(self, till):
        job = hand_in(till, text(*(f"m,{n},,,{n}" for n in range(1, 6))))

        def tell(job):
            if job.position == 2:
                jobs.cancel(merchant_id=till.id, public_id=job.public_id, at=at(DAY), actor=JOB)

        with tenancy.tenant(till.id):
            found = working.work(merchant_id=till.id, import_id=job.pk, at=at(DAY), chunk=2, tell=tell)
        assert found.state == ImportState.CANCELLED and till.balance()[0] == 3

        assert undone(till, found).undo["taken"] == 3
        assert till.balance()[0] == 0

    def test_a_program_that_is_closed_moves_nothing_and_the_import_can_be_undone_once_it_is_open(self, till):
        job = take(till, text("m,100,,,a"))
        till.close("2024-05-15 13:00")
        before = till.picture()

        with tenancy.tenant(till.id), pytest.raises(ProgramNotOpen):
            undo.start(merchant_id=till.id, public_id=job.public_id, at=at("2024-05-15 14:00"), actor=JOB)
        assert till.picture() == before

        till.open("2024-05-16")
        assert undone(till, job, when="2024-05-16").undo["taken"] == 100

    def test_an_import_of_orders_is_not_undone_here(self, till):
        with tenancy.tenant(till.id):
            job, _made = jobs.create(
                merchant_id=till.id, at=at(DAY), actor=JOB, file_name="o.csv", channel="web",
                content=io.BytesIO(b"order_id,ordered_at,member_key,sku,quantity,amount\n"),
            )  # fmt: skip
            with pytest.raises(Conflict, match="Only an import of points"):
                undo.start(merchant_id=till.id, public_id=job.public_id, at=at(DAY), actor=JOB)


@pytest.mark.soak
@settings(max_examples=sized(200, least=60), deadline=None)
@given(
    st.integers(1, checking.MOST_POINTS),
    st.sampled_from(["{}", "{:,}", " {}分 ", "+{}", "{}.00", "{} points"]),
)
def test_a_number_of_points_is_read_exactly_however_it_is_written(number, form):
    assert checking.whole(form.format(number)) == number


def test_many_rows_take_as_many_statements_as_few(till):
    for n in range(20):
        till.join(f"p{n}")

    def statements(name: str, rows: int) -> tuple[int, int]:
        content = text(*(f"p{n % 20},{n % 9 + 1},2025-01-{n % 28 + 1:02},,{name} {n}" for n in range(rows)))
        with CaptureQueriesContext(connection) as credited:
            job = take(till, content, chunk=5000)
        with CaptureQueriesContext(connection) as taken_back:
            found = undone(till, job, chunk=5000)
        assert (job.created, found.undo["taken"]) == (rows, job.points)
        return len(credited), len(taken_back)

    assert statements("many", 4000) == statements("few", 400)
    assert all(till.balance(f"p{n}") == (0, 0, 0) for n in range(20))
    with tenancy.tenant(till.id):
        assert PointsEntry.objects.count() == 8800
        assert PointsLot.objects.filter(remaining__gt=0).count() == 0
    till.prove()


def test_refusals_are_refusals(till):
    with tenancy.tenant(till.id), pytest.raises(Refusal):
        undo.start(merchant_id=till.id, public_id="nothing", at=at(DAY), actor=JOB)
