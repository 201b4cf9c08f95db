"""The price table over HTTP: cells changed in place, many at once, a file; each shown before it counts, and undone."""

from __future__ import annotations

import datetime as dt
import io
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from openpyxl import load_workbook

from benefits.lib.quotes import Cut, PriceRules, SkuPrices
from benefits.models import PriceChange, SkuPrice
from benefits.services import pricing
from members.lib import tenant as tenancy
from tests.factories import ledger

URL = "/benefits/prices/table/"


@pytest.fixture
def shop(cast):
    """Two SKUs and two tiers; one has a price for the lowest."""
    at = timezone.now() - dt.timedelta(days=3)
    ledger.open_shop(cast.shop, at)
    catalogue = [SkuPrices("A", 10_000, members={"base": Cut("percent", Decimal(95))}), SkuPrices("B", 5_000)]
    with tenancy.tenant(cast.shop.pk):
        pricing.configure(
            merchant_id=cast.shop.pk, at=at, actor=ledger.JOB, rules=PriceRules(), catalogue=catalogue
        )
    return cast.shop


def shown(client) -> dict[str, str]:
    """The fields of the table as the page has them."""
    rows = client.get(URL).context["rows"]
    data = {}
    for place, row in enumerate(rows):
        data[f"sku-{place}"] = row["sku"]
        if row["is_new"]:
            data[f"new-{place}"] = "1"
        for number, cell in enumerate(row["cells"]):
            data[f"c-{place}-{number}"] = data[f"w-{place}-{number}"] = cell["text"]
    return data


def present(shop, sku):
    with tenancy.tenant(shop.pk):
        return SkuPrice.objects.of(shop).filter(sku=sku, to_at=None).first()


def changes(shop) -> int:
    with tenancy.tenant(shop.pk):
        return PriceChange.objects.of(shop).count()


def test_cells_changed_in_place_are_shown_applied_and_taken_back(owner, shop):
    data = shown(owner)
    assert (data["c-0-0"], data["c-0-4"], data["c-0-5"]) == ("100.00", "95%", "")

    answer = owner.post(URL, data | {"c-0-1": "80", "c-0-5": "8.5 折", "sku-2": "C", "c-2-0": "12.00"})
    page = owner.get(answer.url).content.decode()
    for words in ("Nothing is saved yet", "80.00", "85%", "12.00", "¥85.00"):
        assert words in page, words
    assert present(shop, "A").sale_minor is None

    page = owner.post(answer.url, follow=True).content.decode()
    assert "The prices are changed." in page
    assert (present(shop, "A").sale_minor, present(shop, "A").members["silver"]) == (8_000, {"percent": "85"})
    assert present(shop, "C").list_minor == 1_200

    page = owner.post(f"{answer.url}undo", follow=True).content.decode()
    assert "The change is taken back" in page
    assert (present(shop, "A").sale_minor, present(shop, "C")) == (None, None)
    assert "Taken back" in owner.get("/benefits/prices/changes/").content.decode()


def test_what_cannot_be_is_said_at_its_cell_and_what_was_typed_stays(owner, shop):
    response = owner.post(URL, shown(owner) | {"c-0-1": "cheap", "c-1-5": "150%", "c-2-0": "3"})
    page = response.content.decode()

    assert response.status_code == 422
    assert "A · Sale price: “cheap” is not an amount." in page
    assert "B · Silver: “150%” is no share of a price" in page
    assert "The new row has prices and no SKU." in page
    assert 'value="cheap"' in page
    assert changes(shop) == 0


def test_a_period_is_kept_and_one_that_cannot_be_is_refused(owner, shop):
    data = shown(owner) | {"c-0-1": "80"}

    wrong = owner.post(URL, data | {"from_at": "2090-06-01", "to_at": "2090-05-01"})
    assert wrong.status_code == 422
    assert "would end before it begins" in wrong.content.decode()
    assert changes(shop) == 0

    answer = owner.post(URL, data | {"from_at": "2090-06-01", "to_at": "2090-06-30"})
    page = owner.post(answer.url, follow=True).content.decode()
    assert "2090-06-01" in page and "2090-06-30" in page
    history = owner.get("/benefits/prices/table/history/?sku=A").content.decode()
    assert history.count("Planned") == 2 and "In force" in history


def test_8_5_zhe_down_to_9_is_shown_before_it_counts(owner, shop):
    form = {"columns": ["tier:base", "tier:silver"], "share": "8.5折", "ending": "9", "begins": ""}
    answer = owner.post("/benefits/prices/bulk/", form)
    page = owner.get(answer.url).content.decode()

    assert "84.90" in page and "41.90" in page  # of 85.00 and 42.50
    assert "95%" in page
    owner.post(answer.url)
    assert present(shop, "A").members == {"base": {"fixed": "8490"}, "silver": {"fixed": "8490"}}
    assert present(shop, "B").members["base"] == {"fixed": "4190"}


def test_cells_are_not_written_into_the_columns_of_other_tiers(owner, shop):
    page = owner.get(URL)
    typed = shown(owner) | {"columns": page.context["places"], "c-0-1": "80"}
    assert f'name="columns" value="{typed["columns"]}"' in page.content.decode()

    moved = owner.post(URL, typed | {"columns": typed["columns"].replace("tier:silver", "tier:other")})

    assert moved.status_code == 422 and "The tiers changed meanwhile" in moved.content.decode()
    assert changes(shop) == 0
    assert owner.post(URL, typed).status_code == 302


def test_a_bulk_change_of_a_coming_time_takes_its_share_from_the_list_price_of_then(owner, shop):
    answer = owner.post(URL, shown(owner) | {"c-0-0": "50.00", "from_at": "2090-06-01"})
    owner.post(answer.url)

    form = {"columns": ["tier:base"], "share": "8.5折", "ending": "9", "begins": "A", "from_at": "2090-06-02"}
    answer = owner.post("/benefits/prices/bulk/", form)

    assert "41.90" in owner.get(answer.url).content.decode()


def test_a_bulk_change_without_columns_or_share_is_refused(owner, shop):
    response = owner.post("/benefits/prices/bulk/", {"share": "120", "ending": "exact"})

    assert response.status_code == 422
    assert changes(shop) == 0


@pytest.mark.parametrize("file_format", ["csv", "xlsx"])
def test_a_file_taken_out_comes_in_again_as_no_difference_and_edited_as_its_differences(
    owner, shop, file_format
):
    answer = owner.get(f"/benefits/prices/table.{file_format}")
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    name = f"prices.{file_format}"
    same = owner.post("/benefits/prices/import/", {"file": SimpleUploadedFile(name, content)})
    assert same.status_code == 422
    assert "Nothing differs" in same.content.decode()

    if file_format == "csv":
        content = content.decode("utf-8-sig").replace("95%", "90%").encode()
    else:
        book = load_workbook(io.BytesIO(content))
        book.active["F2"] = "90%"
        out = io.BytesIO()
        book.save(out)
        content = out.getvalue()
    answer = owner.post("/benefits/prices/import/", {"file": SimpleUploadedFile(name, content)})
    page = owner.get(answer.url).content.decode()
    assert "95%" in page and "90%" in page
    owner.post(answer.url)
    assert present(shop, "A").members == {"base": {"percent": "90"}}


def test_bad_lines_of_a_file_are_told_and_the_rest_goes_on(owner, shop):
    text = "sku,list_price,Silver\nA,100.00,90\nB,abc,\nA,1,\n,5,\nN,,4\n"
    answer = owner.post("/benefits/prices/import/", {"file": SimpleUploadedFile("p.csv", text.encode())})
    page = owner.get(answer.url).content.decode()

    for words in (
        "“abc” is not an amount.",
        "stands in line 2 already",
        "The SKU is missing",
        "A list price is needed",
    ):
        assert words in page, words
    assert 'Left out of this change</dt><dd class="bad">4' in page
    empty = owner.post("/benefits/prices/import/", {"file": SimpleUploadedFile("p.csv", b"name\nx\n")})
    assert empty.status_code == 422 and "needs the column sku" in empty.content.decode()


def test_readers_look_and_change_nothing_and_other_shops_see_none_of_it(owner, outsider, clerk, shop):
    answer = owner.post(URL, shown(owner) | {"c-0-1": "80"})

    assert clerk.get(URL).status_code == 403
    assert outsider.get(answer.url).status_code == 404
    assert outsider.post(f"{answer.url}drop").status_code == 404
    assert "100.00" not in outsider.get(URL).content.decode()
    owner.post(f"{answer.url}drop")
    assert changes(shop) == 0
