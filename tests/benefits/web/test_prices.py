"""Member price lists: read, shown with differences and rejects, saved only when confirmed."""

from __future__ import annotations

import io
import time
import zipfile
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from openpyxl import Workbook

from benefits.models import Benefit, CatalogueSku, MemberPrice, PriceUpload
from members.lib import tenant as tenancy

NEW = "/benefits/new/member_price/"
GOOD = "sku,name,list_price,member_price\nA1,Tea,100,88\nB2,Cup,¥50.00,49.99\n"


def send(browser, content, url=NEW, name="prices.csv"):
    raw = content if isinstance(content, bytes) else content.encode()
    return browser.post(url, {"name": "Autumn prices", "file": SimpleUploadedFile(name, raw)})


def prices(shop, **where) -> list[tuple[str, str, int, int]]:
    with tenancy.tenant(shop.pk):
        rows = MemberPrice.objects.of(shop).filter(**where).order_by("item__sku", "tier_code", "id")
        return [(r.item.sku, r.tier_code, r.list_minor, r.price_minor) for r in rows]


def counted(shop) -> tuple[int, ...]:
    with tenancy.tenant(shop.pk):
        return tuple(m.objects.of(shop).count() for m in (Benefit, CatalogueSku, MemberPrice))


@pytest.fixture
def published(owner, cast) -> Benefit:
    preview = send(owner, GOOD)
    owner.post(preview.url)
    with tenancy.tenant(cast.shop.pk):
        return Benefit.objects.of(cast.shop).get()


def test_nothing_is_saved_until_the_list_is_confirmed(owner, cast):
    preview = send(owner, GOOD)

    page = owner.get(preview.url)
    assert page.context["counts"] == {"new": 2, "changed": 0, "gone": 0, "same": 0}
    assert counted(cast.shop) == (0, 0, 0)

    done = owner.post(preview.url)
    again = owner.post(preview.url)

    assert done.url == again.url
    assert counted(cast.shop) == (1, 2, 2)
    assert prices(cast.shop) == [("A1", "", 10000, 8800), ("B2", "", 5000, 4999)]
    shown = owner.get(done.url).content.decode()
    assert "¥88.00" in shown
    assert "not synchronised" in shown


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk"])
def test_chinese_columns_in_utf8_and_gbk_are_understood(owner, encoding):
    text = "商品编码,商品名称,划线价,会员价\nA1,龙井茶,１００元,８８．５\n"

    page = owner.get(send(owner, text.encode(encoding)).url)

    (line,) = page.context["page_obj"]
    assert (line.name, line.list_minor, line.after_minor) == ("龙井茶", 10000, 8850)


def test_a_workbook_is_read_like_a_table(owner):
    book = Workbook()
    for row in (
        ["SKU", "List price", "Member price"],
        [10023, 79.9, 59],
        [None, None, None],
        ["C3", 10, 9.5],
    ):
        book.active.append(row)
    file = io.BytesIO()
    book.save(file)

    page = owner.get(send(owner, file.getvalue(), name="prices.xlsx").url)

    assert [(line.sku, line.list_minor, line.after_minor) for line in page.context["page_obj"]] == [
        ("10023", 7990, 5900),
        ("C3", 1000, 950),
    ]


def test_bad_lines_are_told_with_line_and_reason_and_the_rest_goes_on(owner):
    text = (
        "sku,name,list_price,member_price,tier\n"
        "A1,Tea,100,88,\n"
        "A2,Tea,100,eighty,\n"
        "A3,Tea,100,120,\n"
        "A4,Tea,100,0,\n"
        ",Tea,100,50,\n"
        "A5,Tea,100,50,platinum\n"
        "A1,Tea,100,77,\n"
        "A1,Tea,99,88,\n"
        "A1,Tea,100,88,\n"
        "A6,Tea,100.005,50,\n"
        "A7,Tea,,50,\n"
        "=A8,Te"
    )
    preview = send(owner, text)

    page = owner.get(preview.url)
    assert [line.sku for line in page.context["page_obj"]] == ["A1"]
    assert [line for line, _reason, _text in page.context["rejects"]] == [3, 4, 5, 6, 7, 8, 9, 11, 12, 13]
    reasons = "\n".join(reason for _line, reason, _text in page.context["rejects"])
    for part in (
        "eighty",
        "above the list price",
        "above zero",
        "SKU is missing",
        "platinum",
        "line 2",
        "cut off",
    ):
        assert part in reasons
    file = owner.get(reverse("benefits:prices_upload_rejects", args=[preview.url.rstrip("/").split("/")[-1]]))
    assert file["Content-Type"].startswith("text/csv")
    assert "'=A8" in file.content.decode()


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"", "empty"),
        (b"\xff\xfe\x00\x81\xff", "encoding"),
        (b"sku,price\nA1,5\n", "list_price"),
        (b"PK\x03\x04broken", "damaged"),
        (b"sku,list_price,member_price\n", "no rows"),
        (b"sku,list_price,member_price\nA1,10,11\n", "above the list price"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_words(owner, cast, content, part):
    page = send(owner, content)

    assert page.status_code == 422
    assert part in page.content.decode()
    assert counted(cast.shop) == (0, 0, 0)


def test_a_new_list_shows_its_differences_and_takes_the_place_of_the_old(owner, cast, published):
    text = "sku,name,list_price,member_price\nA1,Green tea,100,80\nC3,Pot,200,150\n"
    preview = send(owner, text, url=reverse("benefits:prices_change", args=[published.public_id]))
    page = owner.get(preview.url)
    assert page.context["counts"] == {"new": 1, "changed": 1, "gone": 1, "same": 0}

    owner.post(preview.url)

    assert prices(cast.shop, to_at=None) == [("A1", "", 10000, 8000), ("C3", "", 20000, 15000)]
    assert prices(cast.shop, to_at__isnull=False) == [("A1", "", 10000, 8800), ("B2", "", 5000, 4999)]
    with tenancy.tenant(cast.shop.pk):
        assert Benefit.objects.of(cast.shop).get().revision == 2


def test_the_same_list_again_changes_nothing(owner, cast, published):
    preview = send(owner, GOOD, url=reverse("benefits:prices_change", args=[published.public_id]))

    owner.post(preview.url)

    assert prices(cast.shop, to_at__isnull=False) == []
    with tenancy.tenant(cast.shop.pk):
        assert Benefit.objects.of(cast.shop).get().revision == 1


def test_a_list_that_was_looked_at_before_another_change_is_refused(owner, cast, published):
    url = reverse("benefits:prices_change", args=[published.public_id])
    first = send(owner, "sku,list_price,member_price\nA1,100,80\n", url=url)
    second = send(owner, "sku,list_price,member_price\nA1,100,70\n", url=url)
    owner.post(first.url)

    page = owner.post(second.url)

    assert page.status_code == 422
    assert prices(cast.shop, to_at=None) == [("A1", "", 10000, 8000)]


def test_a_list_without_a_lower_price_does_not_count_and_says_so(owner):
    preview = send(owner, "sku,list_price,member_price\nA1,100,100\n")

    assert "gives members nothing" in owner.get(preview.url).content.decode()
    assert "it gives members nothing" in owner.post(preview.url, follow=True).content.decode()


def test_a_dropped_list_leaves_nothing(owner, cast):
    preview = send(owner, GOOD)
    owner.post(f"{preview.url}drop")

    assert counted(cast.shop) == (0, 0, 0)
    with tenancy.tenant(cast.shop.pk):
        assert not PriceUpload.objects.of(cast.shop).exists()


def test_another_shops_list_is_not_found(owner, outsider, cast):
    preview = send(owner, GOOD)

    for url in (preview.url, f"{preview.url}rejects.csv"):
        assert outsider.get(url).status_code == 404
    assert outsider.post(preview.url).status_code == 404
    assert counted(cast.shop) == (0, 0, 0)


def test_the_page_of_member_prices_says_that_nothing_is_synchronised(owner, published):
    for url in ("/benefits/prices/", NEW, reverse("benefits:prices_change", args=[published.public_id])):
        assert "not synchronised to Douyin, Taobao or JD" in owner.get(url).content.decode()


def parquet(**columns) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


def sheet(*rows) -> bytes:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_a_parquet_file_is_read_like_a_table(owner):
    content = parquet(
        商品编码=[10023, 7],
        name=['Tea "green", fine', None],
        list_price=[79.9, 10.0],
        member_price=[Decimal("59.00"), Decimal("9.50")],
    )

    page = owner.get(send(owner, content, name="prices.parquet").url)

    assert [
        (each.sku, each.name, each.list_minor, each.after_minor) for each in page.context["page_obj"]
    ] == [
        ("10023", 'Tea "green", fine', 7990, 5900),
        ("7", "", 1000, 950),
    ]


def test_prices_that_a_sheet_computed_are_those_it_shows(owner):
    content = sheet(["SKU", "List price", "Member price"], ["A", 33.33, 0.1 + 0.2], [" B ", "１00元", "¥88"])

    page = owner.get(send(owner, content, name="prices.xlsx").url)

    assert [(each.sku, each.list_minor, each.after_minor) for each in page.context["page_obj"]] == [
        ("A", 3333, 30),
        ("B", 10000, 8800),
    ]


def bomb() -> bytes:
    """A sheet of a few hundred kilobytes that unpacks to 200 MB."""
    made = sheet(["sku", "list_price", "member_price"])
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(made)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            data = old.read(info)
            new.writestr(info, data + b" " * (200 << 20) if "sheet1" in info.filename else data)
    return out.getvalue()


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (bomb, "unpacks to more"),
        (lambda: sheet(["sku", "list_price", "member_price"], ["A", 2, 1])[:400], "damaged"),
        (lambda: b"PAR1" + b"\0" * 40, "damaged or encrypted"),
        (lambda: parquet(sku=["A" * 30_000] * 5_000, list_price=[2] * 5_000), "unpacks to more"),
        (lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 40, "old Excel"),
        (lambda: sheet(["sku", "member_price"], ["A", 1]), "These columns are missing: list_price"),
        (lambda: parquet(sku=["A"], member_price=[1]), "These columns are missing: list_price"),
        (
            lambda: sheet(["sku", "list_price", "member_price"], *[[f"A{n}", 2, 1] for n in range(20_001)]),
            "more than 20000 rows",
        ),
    ],
    ids=["bomb", "cut", "broken parquet", "parquet bomb", "xls", "column", "parquet column", "long"],
)
def test_a_sheet_that_cannot_be_used_is_refused_at_its_field_and_soon(owner, cast, make, told):
    content = make()
    begun = time.process_time()

    response = send(owner, content, name="prices.xlsx")

    assert response.status_code == 422
    assert any(told in str(error) for error in response.context["form"].errors["file"])
    assert time.process_time() - begun < 10
    assert counted(cast.shop) == (0, 0, 0)
