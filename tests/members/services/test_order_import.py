"""Files of orders: what is taken, what is left out and why, who becomes a member, and that twice is once."""

from __future__ import annotations

import datetime as dt
import io
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.utils import translation

from members.lib import tenant as tenancy
from members.lib.crypto import identity_index
from members.lib.earning import Earning
from members.lib.refusals import Conflict, Invalid, ProgramNotOpen
from members.models import (
    Identity,
    ImportJob,
    ImportState,
    Member,
    Order,
    OrderBonus,
    OrderLine,
    PointsAccount,
    PointsEntry,
    Refund,
)
from members.services import leases, merchants, point_rules, programs, tier_rules
from members.services.audit import Actor
from members.services.imports import jobs, reading, rejects, storage, work
from members.services.imports.orders import memory, staging
from members.services.imports.orders.kind import check_file
from tests.conftest import NOON

JOB = Actor.job("test")
HEAD = "order_id,ordered_at,member_key,sku,quantity,amount"


@pytest.fixture(autouse=True)
def uploads(settings, tmp_path):
    settings.UPLOADS_DIR = tmp_path / "uploads"
    with translation.override("en"):
        yield


@pytest.fixture
def shop(db):
    with tenancy.platform():
        made = merchants.create_merchant(name="Shop", owner=None, at=NOON, actor=JOB)
    with tenancy.tenant(made.pk):
        tier_rules.configure(
            merchant_id=made.pk,
            at=NOON,
            actor=JOB,
            ladder=[{"code": "base"}, {"code": "silver", "all": {"spend_minor": 10_000}}],
        )
        point_rules.configure(merchant_id=made.pk, at=NOON, actor=JOB, per_major=Decimal(1))
        programs.open_program(merchant_id=made.pk, at=NOON, actor=JOB)
        yield made


def text(*rows: str, head: str = HEAD, end: str = "\n") -> bytes:
    return ("\n".join([head, *rows]) + end).encode()


def take(shop, content: bytes, *, at=NOON, chunk=3, source="", **options) -> ImportJob:
    """Import a file as the command does."""
    job, _made = jobs.create(
        merchant_id=shop.pk,
        at=at,
        actor=JOB,
        content=io.BytesIO(content),
        file_name="orders.csv",
        channel="taobao",
        declared_source=source,
        starts_itself=True,
        **options,
    )
    return work.work(merchant_id=shop.pk, import_id=job.pk, at=at, chunk=chunk)


def reasons(job: ImportJob) -> dict[int, str]:
    return {int(line): reason for line, reason, _row in rejects.first(job, 100)}


def test_a_file_becomes_orders_with_their_lines(shop):
    job = take(
        shop,
        text(
            "A1,2024-05-01 10:00:00,li,s1,2,10.50",
            "A1,2024-05-01 10:00:00,li,s2,1,0.5",
            "A2,2024-05-02 09:00:00,wu,s1,1,3",
        ),
    )

    assert (job.state, job.rows, job.created, job.lines, job.rejected) == (ImportState.DONE, 3, 2, 3, 0)
    first = Order.objects.of(shop).get(external_id="A1")
    assert first.total_minor == 1100 and first.at == NOON
    assert first.paid_at == dt.datetime(2024, 5, 1, 10, tzinfo=shop.zone)
    lines = OrderLine.objects.of(shop).filter(order=first).order_by("number")
    assert [(line.sku, line.quantity, line.amount_minor) for line in lines] == [
        ("s1", 2, 1050),
        ("s2", 1, 50),
    ]


def test_buying_is_not_joining(shop):
    job = take(shop, text("A1,2024-05-01 10:00:00,li,s1,1,10"))

    assert job.members_created == 0 and not Member.objects.of(shop).exists()
    assert Identity.objects.of(shop).get().member_id is None
    assert Order.objects.of(shop).get().member_id is None


def test_declared_people_joined_at_their_first_order_in_the_file(shop):
    job = take(
        shop,
        text(
            "A2,2024-05-02 10:00:00,li,s1,1,60",
            "A1,2024-05-01 10:00:00,li,s1,1,60",
            "A3,2024-05-03 10:00:00,wu,s1,1,5",
        ),
        source="paper forms",
    )

    assert job.members_created == 2
    li = Member.objects.of(shop).get(identities__external_index=identity_index(shop.pk, "taobao", "li"))
    assert li.joined_at == dt.datetime(2024, 5, 1, 10, tzinfo=shop.zone)
    assert (li.source, li.consent_source) == ("list", "paper forms")
    assert PointsAccount.objects.of(shop).get(member=li).available == 120


def test_only_rows_with_evidence_of_joining_make_members(shop):
    head = HEAD + ",joined_at,consent_source,phone,name"
    job = take(
        shop,
        text(
            "A1,2024-05-01 10:00:00,li,s1,1,10,2024-04-01,store form,13812341402,李雷",
            "A2,2024-05-01 11:00:00,wu,s1,1,10,2024-04-01,,,",
            "A3,2024-05-01 12:00:00,ma,s1,1,10,,,,",
            head=head,
        ),
    )

    member = Member.objects.of(shop).get()
    assert job.members_created == 1
    assert (member.phone, member.name, member.consent_source) == ("+8613812341402", "李雷", "store form")
    assert member.joined_at == dt.datetime(2024, 4, 1, tzinfo=shop.zone)
    assert Order.objects.of(shop).filter(member=None).count() == 2


def test_orders_arrive_in_the_order_of_payment(shop):
    take(
        shop,
        text("A2,2024-05-02 10:00:00,li,s1,1,1", "A1,2024-05-01 10:00:00,li,s1,1,1"),
        source="forms",
        chunk=1,
    )

    assert list(Order.objects.of(shop).order_by("id").values_list("external_id", flat=True)) == ["A1", "A2"]


def test_the_same_file_twice_changes_nothing(shop):
    head = HEAD + ",refund_id,refund_amount,status"
    content = text(
        "A1,2024-05-01 10:00:00,li,s1,1,10.00,,,paid",
        "A1,2024-05-01 10:00:00,li,s2,1,20.00,R1,5.00,",
        "A2,2024-05-02 10:00:00,wu,s1,1.5,1.00,,,unpaid",
        head=head,
    )
    first = take(shop, content, source="forms")
    before = everything(shop)

    second = take(shop, content, at=NOON + dt.timedelta(days=1), source="forms")

    assert (first.created, first.refunds, first.members_created) == (2, 1, 2)
    assert (second.created, second.changed, second.unchanged, second.refunds) == (0, 0, 2, 0)
    assert everything(shop) == before


def everything(shop) -> list:
    found = []
    with connection.cursor() as cursor:
        for table in (
            "order",
            "orderline",
            "refund",
            "pointsentry",
            "dailytotal",
            "tierstanding",
            "member",
            "identity",
        ):
            cursor.execute(
                f"select t::text from members_{table} t where merchant_id = %s order by id", [shop.pk]
            )
            found.append(cursor.fetchall())
    return found


def test_an_order_sent_again_with_other_lines_is_adjusted(shop):
    take(shop, text("A1,2024-05-01 10:00:00,li,s1,1,10"), source="forms")

    job = take(shop, text("A1,2024-05-01 10:00:00,li,s1,1,12"), source="forms")

    assert (job.changed, job.created) == (1, 0)
    assert Order.objects.of(shop).get().total_minor == 1200
    assert PointsAccount.objects.of(shop).get().available == 12


def test_a_refund_takes_its_points_back(shop):
    head = HEAD + ",refund_id,refund_amount"
    take(
        shop,
        text("A1,2024-05-01 10:00:00,li,s1,1,10,R1,", "A1,2024-05-01 10:00:00,li,s2,1,20,,", head=head),
        source="f",
    )

    assert Refund.objects.of(shop).get().amount_minor == 1000
    assert PointsAccount.objects.of(shop).get().available == 20


def test_an_order_whose_refund_is_refused_is_stored_and_its_row_says_so(shop):
    head = HEAD + ",refund_id,refund_amount"

    job = take(
        shop,
        text(
            "A1,2024-05-01 10:00:00,li,s1,1,10,R1,50",
            "A2,2024-06-01 10:00:00,li,s1,1,10,R1,50",
            "A3,2024-05-01 10:00:00,li,s1,1,10,,",
            head=head,
        ),
    )

    told = reasons(job)
    assert told[2].startswith("The order was stored; its refund was refused: ")
    assert told[3].startswith("An order cannot be paid") and set(told) == {2, 3}
    assert (job.created, job.refunds, job.rejected) == (2, 0, 2)
    assert Order.objects.of(shop).count() == 2 and Refund.objects.of(shop).count() == 0


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("A9,2024-02-30 10:00:00,li,s1,1,10", "2024-02-30 10:00:00 does not exist"),
        ("A9,30/02/2024,li,s1,1,10", "is not a time"),
        ("A9,,li,s1,1,10", "time is empty"),
        ("A9,2024-05-01 10:00:00,li,s1,1,1o.00", "“1o.00” is not an amount"),
        ("A9,2024-05-01 10:00:00,li,s1,1,1e3", "is not an amount"),
        ("A9,2024-05-01 10:00:00,li,s1,1,-5", "is negative"),
        ("A9,2024-05-01 10:00:00,li,s1,1,1.005", "more than 2 decimals"),
        ("A9,2024-05-01 10:00:00,li,s1,1,", "amount is empty"),
        ("A9,2024-05-01 10:00:00,li,s1,x,10", "is not a quantity"),
        ("A9,2024-05-01 10:00:00,li,,1,10", "SKU is empty"),
        (",2024-05-01 10:00:00,li,s1,1,10", "order number is empty"),
        ("A9,2024-05-01 10:00:00,li,s1,1", "5 cells; the header has 6"),
        ("2.02E+17,2024-05-01 10:00:00,li,s1,1,10", "shortened by a spreadsheet"),
        (f"{'A' * 129},2024-05-01 10:00:00,li,s1,1,10", "more than 128 characters"),
        ("A9,2024-05-17 10:00:00,li,s1,1,10", "later day than it arrives"),
    ],
)
def test_a_bad_row_is_named_with_its_line_and_the_rest_goes_on(shop, row, reason):
    job = take(shop, text("A1,2024-05-01 10:00:00,li,s1,1,10", row, "A2,2024-05-01 10:00:00,li,s1,1,10"))

    assert (job.state, job.rows, job.created, job.rejected) == (ImportState.DONE, 3, 2, 1)
    assert reason in reasons(job)[3]


def test_an_order_with_a_bad_line_is_left_out_whole(shop):
    job = take(shop, text("A1,2024-05-01,li,s1,1,10", "A1,2024-05-01,li,s2,1,x", "A2,2024-05-01,li,s1,1,1"))

    assert (job.created, job.rejected) == (1, 2)
    assert "line 3" in reasons(job)[2]


def test_rows_of_one_order_that_contradict_each_other_are_left_out(shop):
    job = take(
        shop,
        text(
            "A1,2024-05-01,li,s1,1,10",
            "A2,2024-05-01,li,s1,1,10",
            "A1,2024-05-01,wu,s2,1,10",
            "A2,2024-05-02,li,s1,1,10",
        ),
    )

    assert (job.created, job.rejected) == (0, 4)
    assert "member_key differs from line 2" in reasons(job)[4]
    assert "ordered_at differs from line 3" in reasons(job)[5]


@pytest.mark.parametrize("written", ["0001-01-01 00:00:00", "1900-01-01 00:00:00", "2999-12-31 23:59:59"])
def test_a_date_nobody_means_is_a_row_left_out_whatever_the_others_look_like(shop, written):
    job = take(shop, text("A1,2024-05-01 10:00:00,li,s1,1,10", f"A2,{written},li,s1,1,10"))

    assert (job.state, job.created, job.rejected) == ("done", 1, 1)
    assert "too long ago or too far ahead" in reasons(job)[3]


def test_an_order_takes_what_its_first_telling_row_says(shop):
    header = "order_id,ordered_at,paid_at,status,store,member_key,sku,quantity,amount\n"
    rows = [
        "A1,2024-05-01 10:00:00,,,,li,s1,1,10",
        "A1,2024-05-01 10:00:00,2024-05-02 09:00:00,cancelled,s7,li,s2,1,10",
        "A1,2024-05-01 10:00:00,,,,,s3,1,10",
        "A2,2024-05-01 10:00:00,,,,wu,s1,1,10",
        "A2,2024-05-01 10:00:00,,,s7,wu,s1,1,10",
        "A2,2024-05-01 10:00:00,,,s8,wu,s1,1,10",
    ]
    job = take(shop, (header + "\n".join(rows) + "\n").encode())

    assert (job.created, job.rejected) == (1, 3)
    assert "store differs from line 6" in reasons(job)[7]
    order = Order.objects.of(shop).select_related("store").get(external_id="A1")
    assert (order.store.code, order.status, order.paid_at.date().isoformat()) == (
        "s7",
        "cancelled",
        "2024-05-02",
    )
    assert order.total_minor == 3000


def test_a_half_written_last_line_is_left_out_with_its_order(shop):
    job = take(shop, text("A1,2024-05-01,li,s1,1,10", "A22,2024-05-01,li,s1,1,10", "A2", end=""))

    assert (job.created, job.rejected) == (1, 2)
    assert "ends in the middle" in reasons(job)[4]


def test_a_file_cut_inside_a_character_is_still_read(shop):
    content = text("A1,2024-05-01,li,s1,1,10", "A2,2024-05-01,li,蛋糕", end="")[:-1]

    job = take(shop, content)

    assert (job.created, job.rejected) == (1, 1)


def test_a_file_without_a_line_end_is_taken_and_says_so(shop):
    job = take(shop, text("A1,2024-05-01,li,s1,1,10", end=""))

    assert job.created == 1 and "check line 2" in job.notes[0]


@pytest.mark.parametrize(
    "written", ["¥1,234.50", "￥１，２３４．５０", "1234.5元", "CNY 1,234.50", " 1234.500 ", "＋1234.5"]
)
def test_amounts_are_read_as_people_write_them(shop, written):
    take(shop, text(f'A1,2024-05-01,li,s1,1,"{written}"'))

    assert Order.objects.of(shop).get().total_minor == 123_450


@pytest.mark.parametrize(
    ("written", "hour"),
    [
        ("2024-05-01T10:00:00+08:00", 10),
        ("2024-05-01T02:00:00Z", 10),
        ("2024/5/1 10:00", 10),
        ("2024年5月1日 10时00分", 10),
        ("20240501 100000", 10),
        ("2024-05-01", 0),
    ],
)
def test_times_without_a_zone_are_the_merchants(shop, written, hour):
    take(shop, text(f"A1,{written},li,s1,1,10"))

    assert Order.objects.of(shop).get().paid_at == dt.datetime(2024, 5, 1, hour, tzinfo=shop.zone)


def test_gbk_and_chinese_headers_are_recognised(shop):
    content = (
        "订单编号,付款时间,创建时间,买家会员名,商家编码,数量,实付金额（元）,订单状态\n"
        "A1,2024-05-01 10:00:01,2024-05-01 10:00:00,李,蛋糕,1,10.00,交易成功\n"
    )

    job = take(shop, content.encode("gbk"))

    assert (job.encoding, job.created) == ("gbk", 1)
    assert OrderLine.objects.of(shop).get().sku == "蛋糕"
    assert Order.objects.of(shop).get().paid_at.second == 1


def test_a_byte_order_mark_and_quotes_do_no_harm(shop):
    content = b"\xef\xbb\xbf" + text(
        '"A1","2024-05-01","li","a ""big"" one,\nreally",1,10', "", "A2,2024-05-01,li,s1,1,x"
    )

    job = take(shop, content)

    assert OrderLine.objects.of(shop).get().sku == 'a "big" one,\nreally'
    assert list(reasons(job)) == [5]


def test_an_open_quotation_mark_spoils_its_own_line_only(shop):
    job = take(
        shop, text('A1,2024-05-01,li,"s1,1,10', "A2,2024-05-01,li,s1,1,10", "A3,2024-05-01,li,s1,1,10")
    )

    assert job.created == 2 and "never closed" in reasons(job)[2]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "empty"),
        (
            b"order_id\n".replace(b"\n", b"") + b"\n",
            "columns are missing: ordered_at, member_key, sku, quantity, amount",
        ),
        (
            text("A1,2024-05-01,li,s1,1,10", head="order_id,ordered_at,member_key,sku,quantity,sum"),
            "missing: amount",
        ),
        ("order_id,ordered_at\n".encode("utf-16"), "neither UTF-8 nor GBK|not text"),
        (HEAD.encode() + b"\nA1,2024-05-01,caf\xe9,s1,1,10\n", "neither UTF-8 nor GBK .line 2."),
        (
            HEAD.encode() + "\nA1,2024-05-01,ケーキとお茶をください、全部で,s1,1,10\n".encode("shift-jis"),
            "neither UTF-8 nor GBK",
        ),
        (b"PK\x03\x04xlsx", "Excel file is damaged"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_in_one_clear_line(shop, content, why):
    with pytest.raises(Invalid, match=why):
        take(shop, content)

    assert not ImportJob.objects.of(shop).exists()
    assert not list(storage.folder(shop.pk, "x").parent.rglob("*.csv"))


def test_orders_for_a_closed_program_are_stored_and_earn_nothing(shop):
    take(shop, text("A1,2024-05-01,li,s1,1,10"), source="forms")
    programs.close_program(merchant_id=shop.pk, at=NOON, actor=JOB)

    job = take(shop, text("A2,2024-05-02,li,s1,1,10"))

    assert job.created == 1 and PointsAccount.objects.of(shop).get().available == 10
    with pytest.raises(ProgramNotOpen):
        take(shop, text("A3,2024-05-02,wu,s1,1,10"), source="forms")


def test_the_rejects_file_mended_can_be_imported(shop):
    job = take(shop, text("A1,2024-05-01,li,s1,1,10", "A2,2024-05-01,li,s1,1,1O", "A2,2024-05-01,li,s2,1,2"))
    mended = storage.rejects(job).read_bytes().replace(b"1O", b"10")

    again = take(shop, mended)

    assert (again.created, again.rejected) == (1, 0)


def test_a_file_on_its_way_is_not_begun_a_second_time(shop):
    content = text("A1,2024-05-01,li,s1,1,10")
    options = {"merchant_id": shop.pk, "at": NOON, "actor": JOB, "file_name": "o.csv", "channel": "web"}
    first, made = jobs.create(content=io.BytesIO(content), **options)
    second, made_again = jobs.create(content=io.BytesIO(content), **options)

    assert (made, made_again, second.pk) == (True, False, first.pk)
    assert leases.claim(ImportJob, merchant_id=shop.pk, pk=first.pk, worker="elsewhere:1:a") is not None
    assert work.work(merchant_id=shop.pk, import_id=first.pk, at=NOON) is None


def test_a_check_changes_nothing_and_a_start_runs_it(shop):
    take(shop, text("A0,2024-05-01,li,s1,1,10", "A9,2024-05-01,li,s1,1,7"))
    content = text(
        "A0,2024-05-01,li,s1,1,10", "A9,2024-05-01,li,s1,1,8", "A1,2024-05-01,wu,s1,1,10", "A2,x,li,s1,1,10"
    )
    job, _ = jobs.create(
        merchant_id=shop.pk, at=NOON, actor=JOB, content=io.BytesIO(content), file_name="o.csv",
        channel="taobao", declared_source="forms",
    )  # fmt: skip
    job = work.work(merchant_id=shop.pk, import_id=job.pk, at=NOON)

    assert job.state == ImportState.CHECKED and Order.objects.of(shop).count() == 2
    assert [job.preview[name] for name in ("new", "changed", "unchanged", "members_created")] == [1, 1, 1, 2]
    assert list(reasons(job)) == [5]
    jobs.start(merchant_id=shop.pk, public_id=job.public_id, at=NOON, actor=JOB)
    job = work.work(merchant_id=shop.pk, import_id=job.pk, at=NOON)
    assert (job.state, job.created, job.members_created, job.rejected) == (ImportState.DONE, 1, 2, 1)
    with pytest.raises(Conflict):
        jobs.map_columns(merchant_id=shop.pk, public_id=job.public_id, at=NOON, actor=JOB, columns={})


def test_chosen_columns_are_remembered_for_the_next_file(shop):
    head = "no,when,who,sku,quantity,sum"
    content = text("A1,2024-05-01,li,s1,1,10", head=head)
    job, _ = jobs.create(
        merchant_id=shop.pk, at=NOON, actor=JOB, content=io.BytesIO(content), file_name="o.csv", channel="web"
    )
    failed = work.work(merchant_id=shop.pk, import_id=job.pk, at=NOON)
    assert failed.state == ImportState.FAILED and "columns are missing" in failed.failure

    chosen = dict(
        zip(
            ("order_id", "ordered_at", "member_key", "sku", "quantity", "amount"),
            head.split(","),
            strict=True,
        )
    )
    jobs.map_columns(merchant_id=shop.pk, public_id=job.public_id, at=NOON, actor=JOB, columns=chosen)
    assert work.work(merchant_id=shop.pk, import_id=job.pk, at=NOON).state == ImportState.CHECKED
    assert take(shop, text("A2,2024-05-01,li,s1,1,10", head=head)).created == 1


def test_a_broken_off_import_goes_on_where_it_stopped(shop, monkeypatch):
    rows = [f"A{n},2024-05-01 10:00:{n:02d},li,s1,1,10" for n in range(10)]
    calls = []

    def tell(job):
        calls.append(job.position)
        if job.position == 6:
            raise RuntimeError("the machine stopped")

    job, _ = jobs.create(
        merchant_id=shop.pk, at=NOON, actor=JOB, content=io.BytesIO(text(*rows)), file_name="o.csv",
        channel="taobao", declared_source="forms", starts_itself=True,
    )  # fmt: skip
    with pytest.raises(RuntimeError):
        work.work(merchant_id=shop.pk, import_id=job.pk, at=NOON, chunk=3, tell=tell)
    with connection.cursor() as cursor:  # a database that crashed empties unlogged tables
        cursor.execute("delete from members_stagedorder")

    later = NOON + dt.timedelta(hours=1)
    done = work.work(merchant_id=shop.pk, import_id=job.pk, at=later, chunk=3)

    assert (done.state, done.created, done.members_created, done.at) == (ImportState.DONE, 10, 1, NOON)
    assert PointsAccount.objects.of(shop).get().available == 100


def test_a_cancelled_import_stops_after_the_chunk_and_keeps_what_is_posted(shop):
    rows = [f"A{n},2024-05-01 10:00:{n:02d},li,s1,1,10" for n in range(10)]

    def tell(job):
        if job.position == 3:
            jobs.cancel(merchant_id=shop.pk, public_id=job.public_id, at=NOON, actor=JOB)

    job, _ = jobs.create(
        merchant_id=shop.pk, at=NOON, actor=JOB, content=io.BytesIO(text(*rows)), file_name="o.csv",
        channel="taobao", starts_itself=True,
    )  # fmt: skip
    done = work.work(merchant_id=shop.pk, import_id=job.pk, at=NOON, chunk=3, tell=tell)

    assert (done.state, done.position, Order.objects.of(shop).count()) == (ImportState.CANCELLED, 3, 3)


def test_waiting_imports_are_sent_again(shop):
    job, _ = jobs.create(
        merchant_id=shop.pk, at=NOON, actor=JOB, content=io.BytesIO(text("A1,2024-05-01,li,s1,1,10")),
        file_name="o.csv", channel="web",
    )  # fmt: skip

    with tenancy.platform():
        assert jobs.requeue_imports(at=NOON) == 1
    leases.claim(ImportJob, merchant_id=shop.pk, pk=job.pk, worker="elsewhere:1:a")
    with tenancy.platform():
        assert jobs.requeue_imports(at=NOON) == 0


def under_a_scene(shop) -> None:
    rules = {"campaigns": [{"code": "t", "extra": 5, "when": {"scenes": ["takeaway"]}}]}
    with tenancy.tenant(shop.pk):
        point_rules.configure(
            merchant_id=shop.pk, at=NOON, actor=JOB, per_major=Decimal(1), earning=Earning.read(rules)
        )


def test_scenes_of_a_file_choose_campaigns(shop):
    under_a_scene(shop)
    head = f"{HEAD},场景"
    rows = [
        "o1,2024-03-01 10:00,b,s,1,10.00, takeaway ",
        "o2,2024-03-01 11:00,b,s,1,10.00,",
        "o3,2024-03-01 12:00,b,s,1,10.00,",
        "o3,2024-03-01 12:00,b,s2,1,10.00,takeaway",
    ]

    job = take(shop, text(*rows, head=head), source="list")

    assert reasons(job) == {}
    assert (job.state, job.created, job.rejected) == ("done", 3, 0)
    with tenancy.tenant(shop.pk), transaction.atomic():
        earned = PointsEntry.objects.of(shop.pk).order_by("sequence").values_list("points", flat=True)
        assert list(earned) == [15, 10, 25]
        assert list(OrderBonus.objects.of(shop.pk).values_list("scene", flat=True)) == ["takeaway"] * 2


def test_rows_that_tell_two_scenes_or_a_scene_too_long_are_left_out(shop):
    rows = [
        "o1,2024-03-01 10:00,b,s,1,10.00,takeaway",
        "o1,2024-03-01 10:00,b,s2,1,10.00,hotel",
        f"o2,2024-03-01 11:00,b,s,1,10.00,{'x' * 33}",
    ]

    job = take(shop, text(*rows, head=f"{HEAD},scene"), source="list")

    assert job.created == 0
    assert reasons(job) == {
        2: "Left out with line 3 of the same order.",
        3: "Order o1: scene differs from line 2.",
        4: "scene has more than 32 characters.",
    }


def test_a_file_without_scenes_stages_none(shop):
    source = reading._source(text("o1,2024-03-01 10:00,b,s,1,10.00"), "utf-8")
    columns = {name: name for name in HEAD.split(",")}
    checked = check_file(source, merchant=shop, channel="taobao", columns=columns, at=NOON)

    assert staging.columns_of(checked) == staging.COLUMNS
    with_scenes = reading._source(
        text("o1,2024-03-01 10:00,b,s,1,10.00,hotel", head=f"{HEAD},scene"), "utf-8"
    )
    checked = check_file(
        with_scenes, merchant=shop, channel="taobao", columns={**columns, "scene": "scene"}, at=NOON
    )
    assert staging.columns_of(checked) == (*staging.COLUMNS, "scene")
    (played,) = memory.read(checked, 0, 1, merchant_id=shop.pk, channel="taobao", declared_source="")
    assert played.order.scene == "hotel"
