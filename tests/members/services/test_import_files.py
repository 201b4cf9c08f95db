"""XLSX and Parquet files of imports: what they say is read as it is shown, and no file takes more than its bounds."""

from __future__ import annotations

import datetime as dt
import io
import re
import resource
import time
import tracemalloc
import zipfile
import zlib
from contextlib import contextmanager
from decimal import Decimal

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from members.lib.refusals import Invalid
from members.models import ImportState, Order, OrderLine
from members.services.imports import reading, rejects, storage, xlsx
from tests.conftest import NOON
from tests.members.services.test_order_import import shop, take, uploads  # noqa: F401 (fixtures)

HEAD = ["order_id", "ordered_at", "member_key", "sku", "quantity", "amount"]
SHEET = "xl/worksheets/sheet1.xml"
MB = 1 << 20


def book(*rows, head=HEAD, change=None) -> bytes:
    made = openpyxl.Workbook()
    for row in (head, *rows):
        made.active.append(row)
    if change:
        change(made)
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def table(**columns) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


def changed(content: bytes, part: str, change) -> bytes:
    """An archive with one part changed."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            data = old.read(info)
            new.writestr(info.filename, change(data) if info.filename == part else data)
    return out.getvalue()


def refusal(tmp_path, content: bytes) -> str:
    """Why a file is refused at first sight; it must not take time or memory."""
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(Invalid) as caught:
        reading.look(path)
    return caught.value.detail


@pytest.fixture
def read(tmp_path):
    """The rows of a sheet's or table's CSV, its header first."""

    def as_lines(content: bytes) -> list[str]:
        path = tmp_path / "file"
        path.write_bytes(content)
        return reading.open_file(path).text.decode().splitlines()

    return as_lines


class TestXlsx:
    def test_a_sheet_of_orders_is_imported_like_the_same_csv(self, shop):  # noqa: F811
        job = take(
            shop,
            book(
                ["A1", dt.datetime(2024, 5, 1, 10, 0), "li", "s1", 2, 10.5],
                ["A1", dt.datetime(2024, 5, 1, 10, 0), "li", "s2", 1, 0.1],
                ["A2", dt.datetime(2024, 5, 2, 9, 30, 15), "wu", "s1", 1, "x"],
            ),
        )

        assert (job.state, job.encoding, job.created, job.rejected) == (ImportState.DONE, "xlsx", 1, 1)
        assert rejects.first(job, 1)[0][:2] == ("4", "“x” is not an amount.")
        assert Order.objects.get().paid_at.isoformat() == "2024-05-01T02:00:00+00:00"
        assert sorted(OrderLine.objects.values_list("sku", "amount_minor")) == [("s1", 1050), ("s2", 10)]

    def test_money_is_what_the_sheet_shows_and_never_computed(self, read):
        stored = changed(
            book(["A", 1, "k", "s", 1, 7]),
            SHEET,
            lambda data: data.replace(b"<v>7</v>", b"<v>33.329999999999998</v>"),
        )

        assert read(stored)[1].endswith(",33.33")
        assert xlsx.digits("0.30000000000000004") == "0.3"
        assert xlsx.digits("1E-2") == "0.01" and xlsx.digits("123456789012345678") == "123456789012345678"
        assert Decimal(xlsx.digits("4999999.9900000002")) == Decimal("4999999.99")

    def test_an_order_number_that_lost_its_digits_is_left_out_and_said(self, shop):  # noqa: F811
        job = take(shop, book([1.2345678901234501e17, "2024-05-01 10:00", "li", "s", 1, 1]))

        assert "was shortened by a spreadsheet" in rejects.first(job, 1)[0][1]

    def test_dates_formulas_and_errors_are_read_as_shown(self, read):
        def change(made):
            sheet = made.active
            sheet["B2"].number_format = 'yyyy"年"m"月"d"日"'
            sheet["F3"] = "=E3*2"

        rows = read(
            book(["A", 45413, "k", "s", 1, "#N/A"], ["B", 45413.5, "k", "s", True, None], change=change)
        )

        assert rows[1] == "A,2024-05-01,k,s,1,#N/A"
        assert rows[2] == "B,45413.5,k,s,TRUE,=E3*2"

    def test_cells_left_empty_at_a_rows_end_are_empty_and_not_missing(self, read):
        assert read(book(["x", None, None], [None, "y"], head=["a", "b", "c"])) == ["a,b,c", "x,,", ",y,"]

    def test_dates_of_old_macs_count_from_1904(self, read):
        def change(made):
            made.epoch = openpyxl.utils.datetime.MAC_EPOCH

        assert (
            read(book([dt.datetime(2024, 5, 1, 10, 0)], head=["at"], change=change))[1]
            == "2024-05-01 10:00:00"
        )

    def test_rows_keep_their_numbers_and_the_first_visible_sheet_is_read(self, read):
        def change(made):
            made.create_sheet("notes", 0).sheet_state = "hidden"
            made.active = 1
            sheet = made["Sheet"]
            sheet["A5"] = "two\nlines"

        assert read(book(["x"], head=["a"], change=change)) == ["a", "x", "", "", "two lines"]

    def test_texts_written_in_runs_are_whole_and_sounds_above_them_are_no_text(self, read):
        run = (
            b'<is><r><t>\xe6\x9d\x8e</t></r><r><t>\xe5\x9b\x9b</t></r><rPh sb="0" eb="1"><t>li</t></rPh></is>'
        )
        made = changed(
            book(["x"], head=["a"]),
            SHEET,
            lambda data: re.sub(rb'<c r="A2".*?</c>', b'<c r="A2" t="inlineStr">' + run + b"</c>", data),
        )

        assert read(made) == ["a", "李四"]

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"PK\x03\x04 and no more", "damaged"),
            (reading.OLE + b"\0" * 600, "old Excel"),
            (reading.OLE + "EncryptedPackage".encode("utf-16-le"), "password"),
            (changed(book(), "xl/workbook.xml", lambda data: b"<a"), "damaged"),
            (changed(book(), SHEET, lambda data: data[:40]), "damaged"),
            (changed(book(), SHEET, lambda data: b'<!DOCTYPE a [<!ENTITY b "c">]>' + data), "damaged"),
        ],
    )
    def test_what_is_no_sheet_is_refused_in_a_clear_line(self, tmp_path, content, words):
        assert words in refusal(tmp_path, content)

    def test_an_archive_of_something_else_is_refused(self, tmp_path):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            archive.writestr("word/document.xml", "<w/>")

        assert "no Excel sheet" in refusal(tmp_path, out.getvalue())

    def test_a_row_is_no_wider_than_500_columns(self, tmp_path):
        assert "more than 500 columns" in refusal(tmp_path, book(["x"] * 501, head=["y"] * 501))


class TestParquet:
    def test_a_table_of_orders_is_imported_like_the_same_csv(self, shop):  # noqa: F811
        job = take(
            shop,
            table(
                order_id=["A1", "A1"],
                ordered_at=pa.array([NOON, NOON], pa.timestamp("us", "Asia/Shanghai")),
                member_key=["li", "li"],
                sku=pa.array(["s1", "s,2"]).dictionary_encode(),
                quantity=pa.array([1, 2], pa.int32()),
                amount=pa.array([Decimal("10.50"), Decimal("0.01")], pa.decimal128(10, 2)),
            ),
        )

        assert (job.state, job.encoding, job.created, job.rejected) == (ImportState.DONE, "parquet", 1, 0)
        assert Order.objects.get().paid_at == NOON
        assert sorted(OrderLine.objects.values_list("sku", "amount_minor")) == [("s,2", 1), ("s1", 1050)]

    def test_numbers_days_and_nothing_become_text(self, read):
        made = table(
            a=[1.5, float("nan")],
            b=pa.array([dt.date(2024, 5, 1), None]),
            c=["two\nlines", None],
            d=[True, False],
        )

        assert [line.replace('"', "") for line in read(made)] == [
            "a,b,c,d",
            "1.5,2024-05-01,two lines,true",
            ",,,false",
        ]

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (table(a=[[1, 2]], b=["x"]), "hold lists or records: a"),
            (b"PAR1" + b"\0" * 50, "damaged"),
            (table(**{f"c{i}": [1] for i in range(501)}), "unpacks to more"),
        ],
    )
    def test_what_cannot_be_a_table_of_texts_is_refused(self, tmp_path, content, words):
        assert words in refusal(tmp_path, content)


class TestBounds:
    """Whatever a file says of itself, refusing it takes milliseconds and little memory."""

    @contextmanager
    def bounded(self):
        """Asserts that what happens inside stays small."""
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        tracemalloc.start()
        since = time.perf_counter()
        yield
        seconds, (_now, peak) = time.perf_counter() - since, tracemalloc.get_traced_memory()
        tracemalloc.stop()
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert peak < 8 * MB and grown < 32 * 1024, (peak, grown)
        assert seconds < 1, seconds

    def bomb(self, path, declared: int):
        """10 MB of archive whose sheet unpacks to 10 GB, and says so or not."""
        squeezed = zlib.compressobj(9, zlib.DEFLATED, -15)
        block = squeezed.compress(b"<c/>" * (4 * MB)) + squeezed.flush(zlib.Z_FULL_FLUSH)
        with zipfile.ZipFile(path, "w") as archive:
            with zipfile.ZipFile(io.BytesIO(book())) as good:
                for name in set(good.namelist()) - {SHEET}:
                    archive.writestr(name, good.read(name))
            archive.writestr(SHEET, block * (10 * 1024 // 16))
            about = archive.getinfo(SHEET)  # what the list of parts will say of it
            about.compress_type, about.file_size = zipfile.ZIP_DEFLATED, declared
        assert 8 * MB < path.stat().st_size < 12 * MB
        return path

    def test_a_bomb_of_10_gb_is_refused_at_sight(self, tmp_path):
        bomb = self.bomb(tmp_path / "bomb.xlsx", 10 << 30)

        with self.bounded(), pytest.raises(Invalid, match="unpacks to more"):
            reading.look(bomb)

    def test_a_bomb_that_lies_about_its_size_is_read_no_further_than_it_says(self, tmp_path):
        bomb = self.bomb(tmp_path / "bomb.xlsx", 5 * MB)

        with self.bounded(), pytest.raises(Invalid, match=r"damaged|unpacks to more"):
            reading.look(bomb)

    def test_a_row_of_endless_cells_takes_no_memory(self, tmp_path):
        cells = b"<worksheet><sheetData><row>" + b"<c/>" * (1 * MB)
        content = changed(book(), SHEET, lambda _data: cells)

        with self.bounded():
            assert "unpacks to more" in refusal(tmp_path, content)

    def test_an_archive_of_endless_parts_is_refused_by_its_list(self, tmp_path):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            for number in range(3_000):
                archive.writestr(str(number), b"")

        with self.bounded():
            assert "unpacks to more" in refusal(tmp_path, out.getvalue())

    def test_a_parquet_file_of_one_long_text_a_million_times_is_refused(self, tmp_path):
        path = tmp_path / "file"
        text = pa.DictionaryArray.from_arrays(pa.array([0] * 2_000_000, pa.int32()), ["x" * 10_000])
        pq.write_table(pa.table({"order_id": text}), path)
        assert path.stat().st_size < MB
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

        with pytest.raises(Invalid, match="unpacks to more"):
            reading.open_file(path)
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 128 * 1024

    def test_a_file_of_2_gb_is_refused_before_it_is_copied(self, tmp_path):
        path = tmp_path / "large.csv"
        with path.open("wb") as out:
            out.truncate(2 << 30)  # a sparse file

        with (
            self.bounded(),
            path.open("rb") as content,
            pytest.raises(Invalid, match="has 2048 MB; a file may have 512 MB"),
        ):
            storage.keep(content, tmp_path / "kept.csv")
        with self.bounded(), pytest.raises(Invalid, match="2048 MB"):
            reading.open_file(path)
        assert not (tmp_path / "kept.csv").exists()

    def test_bytes_that_come_without_a_size_are_stopped_as_they_arrive(self, tmp_path, settings):
        settings.MAX_UPLOAD_BYTES = 3 * MB
        given = []

        class Endless(io.RawIOBase):
            def read(self, size=-1):
                given.append(size)
                return b"x" * size

        with pytest.raises(Invalid, match="may have 3 MB"):
            storage.keep(Endless(), tmp_path / "kept.csv")
        assert len(given) == 4


def test_a_request_that_announces_too_much_is_answered_before_its_body_is_read(client, settings, db):
    settings.MAX_UPLOAD_BYTES = 2 * MB
    client.cookies["django_language"] = "en"

    large = client.post("/settings/imports", {"file": SimpleUploadedFile("a.csv", b"x" * 4 * MB)})
    small = client.post("/settings/imports", {"file": SimpleUploadedFile("a.csv", b"x")})

    assert large.status_code == 413 and "a file may have 2 MB" in large.text
    assert small.status_code == 302  # to sign in
