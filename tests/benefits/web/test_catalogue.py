"""The catalogue over HTTP: searched, paged, taken out and in again, and one SKU through time (domain.md 7)."""

from __future__ import annotations

import datetime as dt

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from benefits.models import CatalogueSku, PriceChange
from benefits.selectors import catalogue
from benefits.services import sent_skus
from benefits.services.sent_skus import SentSku
from benefits.web import catalogue as page
from benefits.web import sheets
from members.lib import tenant as tenancy
from tests.factories import ledger

URL = "/benefits/prices/catalogue/"
FILE = (
    "product,name,sku,list,sale,from,to,stock,floor\n"
    "Tea,100 g,T1,129.00,99.00,2090-06-01,2090-06-07,40,80.00\n"
    "Tea,200 g,T2,229.00,,,,0,\n"
    ",,C1,50.00,45.00,,,,\n"
)


@pytest.fixture
def shop(cast):
    ledger.open_shop(cast.shop, timezone.now() - dt.timedelta(days=3))
    return cast.shop


def take_in(owner, text):
    return owner.post("/benefits/prices/import/", {"file": SimpleUploadedFile("c.csv", text.encode())})


def applied(owner, text=FILE):
    answer = take_in(owner, text)
    owner.post(answer.url)
    return answer.url


def skus(response) -> list[str]:
    return [row["one"].item.sku for row in response.context["rows"]]


def test_a_file_of_products_is_shown_as_differences_applied_and_taken_back(owner, shop):
    answer = take_in(owner, FILE)
    differences = owner.get(answer.url).content.decode()
    for words in ("Product", "100 g", "Stock", "129.00", "2090-06-01 to 2090-06-07"):
        assert words in differences, words
    with tenancy.tenant(shop.pk):
        assert CatalogueSku.objects.of(shop).count() == 0

    owner.post(answer.url)
    with tenancy.tenant(shop.pk):
        row = catalogue.one(merchant_id=shop.pk, sku="T1")
        assert (catalogue.item_of(row), row.list_minor) == (
            {"product": "Tea", "name": "100 g", "stock": 40},
            12_900,
        )
    owner.post(f"{answer.url}undo")
    with tenancy.tenant(shop.pk):
        row = catalogue.one(merchant_id=shop.pk, sku="T1")
        assert catalogue.item_of(row) == {"product": None, "name": None, "stock": None}
        assert PriceChange.objects.of(shop).get().state == "undone"


@pytest.mark.parametrize("file_format", ["csv", "xlsx"])
def test_the_file_taken_out_comes_in_again_as_no_difference(owner, shop, file_format):
    applied(owner)

    answer = owner.get(f"/benefits/prices/catalogue.{file_format}")
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    again = owner.post("/benefits/prices/import/", {"file": SimpleUploadedFile(f"c.{file_format}", content)})

    if file_format == "csv":
        assert "Tea,100 g,T1,129.00,99.00,2090-06-01,2090-06-07,40,80.00" in content.decode()
    assert again.status_code == 422 and "Nothing differs" in again.content.decode()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("Tea,,T1,1.00,0.50,2090-06-07,2090-06-01,,", "The sale ends before it begins."),
        ("Tea,,T1,1.00,,2090-06-07,,,", "days of a sale and no sale price"),
        ("Tea,,T1,1.00,0.50,2090-13-01,,,", "is no day"),
        ("Tea,,T1,1.00,,,,-3,", "is no stock"),
        ("Tea,,T1,1.00,,,,99999999999,", "is no stock"),
        ("Tea,,T1,,,,,3,", "A list price is needed."),
        ("x" * 161 + ",,T1,1.00,,,,,", "at most 160 characters"),
    ],
)
def test_a_bad_line_is_left_out_with_why(owner, shop, line, words):
    head = FILE.split("\n", 1)[0]
    answer = take_in(owner, f"{head}\n{line}\n,,OK,1.00,,,,,\n")

    text = owner.get(answer.url).content.decode()
    assert words in text
    with tenancy.tenant(shop.pk):
        (change,) = PriceChange.objects.of(shop)
        assert [row[:2] for row in change.rows] == [["OK", "list"]]


def test_the_list_is_searched_narrowed_and_paged_by_the_last_sku(owner, shop, monkeypatch):
    applied(owner)
    assert skus(owner.get(URL)) == ["C1", "T1", "T2"]
    assert skus(owner.get(URL, {"q": "T"})) == ["T1", "T2"]
    assert skus(owner.get(URL, {"q": "200"})) == ["T2"]
    assert skus(owner.get(URL, {"product": "Tea"})) == ["T1", "T2"]
    assert skus(owner.get(URL, {"state": "on_sale"})) == ["C1"]
    assert skus(owner.get(URL, {"state": "no_stock"})) == ["T2"]
    assert skus(owner.get(URL, {"state": "no_product"})) == ["C1"]
    assert "planned" in owner.get(URL).content.decode()

    monkeypatch.setattr(page, "PER_PAGE", 2)
    first = owner.get(URL)
    assert (skus(first), first.context["next_after"]) == (["C1", "T1"], "T1")
    rest = owner.get(URL, {"after": "T1"})
    assert (skus(rest), rest.context["next_after"]) == (["T2"], "")


def test_a_page_of_skus_takes_as_many_queries_as_one_sku(owner, shop):
    def queries():
        with CaptureQueriesContext(connection) as found:
            owner.get(URL)
        return len(found)

    applied(owner)
    few = queries()
    with tenancy.tenant(shop.pk):
        sent_skus.put(
            merchant_id=shop.pk, at=timezone.now(), actor=ledger.JOB,
            sent=[SentSku(sku=f"S{n}", cells={"list": 100, "product": f"P{n}"}) for n in range(30)],
        )  # fmt: skip
    assert queries() == few


def test_more_rows_than_a_sheet_holds_are_told_and_csv_has_them_all(owner, shop, monkeypatch):
    applied(owner)
    monkeypatch.setattr(sheets, "MOST_ROWS", 2)

    sheet = owner.get("/benefits/prices/catalogue.xlsx", follow=True)
    table = owner.get("/benefits/prices/table.xlsx", follow=True)
    lines = b"".join(owner.get("/benefits/prices/catalogue.csv").streaming_content).decode()

    for answer in (sheet, table):
        assert "at most 2 rows here, and these are 3" in answer.content.decode()
    assert len(lines.strip().splitlines()) == 4


def test_what_each_tier_pays_is_a_file(owner, shop):
    applied(owner, "sku,list_price,sale_price,base\nC1,50.00,45.00,90%\nT1,20.00,,\n")

    lines = (
        b"".join(owner.get("/benefits/prices/paid.csv").streaming_content).decode("utf-8-sig").splitlines()
    )

    assert lines[0].startswith("sku,list_price,everybody,base")
    assert lines[1].startswith("C1,50.00,45.00,40.50") and lines[2].startswith("T1,20.00,20.00,20.00")


def test_the_history_of_a_sku_shows_who_changed_what_a_line_and_its_table(owner, shop):
    url = applied(owner)
    owner.post(f"{url}undo")

    text = owner.get("/benefits/prices/table/history/", {"sku": "C1"}).content.decode()

    assert text.count("List price: -- → 50.00") == 1 and text.count("List price: 50.00 → --") == 1
    assert "owner@example.com" in text or "Owner" in text
    assert "Show as a table" in text and "What everybody pays" in text
    assert "Who changed what" in text


def test_struck_through_prices_state_their_basis_in_the_table_and_where_a_price_is_explained(owner, shop):
    with tenancy.tenant(shop.pk):
        now = timezone.now()
        for days, cells in ((2, {"list": 10_000}), (1, {"sale": 8_000})):
            sent_skus.put(
                merchant_id=shop.pk, at=now - dt.timedelta(days=days), actor=ledger.JOB,
                sent=[SentSku(sku="A", cells=cells)],
            )  # fmt: skip

    table = owner.get("/benefits/prices/table/").content.decode()
    explained = owner.get("/benefits/prices/explain/", {"sku": "A", "quantity": "1"}).content.decode()

    for text in (table, explained):
        assert "¥100.00 struck through; the lowest price of everybody in the 7 days before" in text
    assert "Check comparison" not in table


def test_cashiers_do_not_see_the_catalogue_and_other_shops_see_none_of_it(owner, clerk, outsider, shop):
    applied(owner)

    assert clerk.get(URL).status_code == 403
    assert skus(outsider.get(URL)) == []
    assert "129.00" not in outsider.get("/benefits/prices/table/history/?sku=T1").content.decode()
