"""Pools of codes in the console and on the member's page: uploaded, looked at, confirmed, seen by one member."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from benefits.models import CodeUpload, Entitlement, PoolCode
from tests.api import System, join, open_shop
from tests.benefits.web.test_own import ONCE, own, publish, reader, stored, text

CODES = "code\nMUSIC-AAAA-0001\nMUSIC-BBBB-0002\nMUSIC-AAAA-0001\n1.2E+15\n"


@pytest.fixture
def shop(cast):
    open_shop(cast.shop)
    return cast.shop


@pytest.fixture
def benefit(shop):
    return publish(
        shop, "partner_benefit", name="Music", settings={"partner": "Music, a month", "pool": True}
    )


def upload(owner, benefit, content: str = CODES):
    file = SimpleUploadedFile("codes.txt", content.encode())
    return owner.post(reverse("benefits:pools_upload", args=[benefit.public_id]), {"file": file})


def filled(owner, shop, benefit) -> None:
    owner.post(upload(owner, benefit).url)


def test_a_file_is_looked_at_before_its_codes_count_and_confirmed_in_one_act(owner, shop, benefit):
    page = reverse("benefits:benefits_detail", args=[benefit.public_id])
    assert "No code is left" in owner.get(page).text
    assert "Few codes are left" in owner.get("/benefits/").text

    check = upload(owner, benefit).url
    shown = owner.get(check).text
    assert "MUSIC-" not in shown and "stands in line 2 already" in shown
    assert stored(shop, PoolCode) == []
    done = owner.post(check, follow=True).text

    assert "2 codes were added to the pool." in done and "MUSIC-" not in done
    assert "No code is left" not in done
    assert "Few codes are left" not in owner.get("/benefits/").text
    owner.post(check)
    assert len(stored(shop, PoolCode)) == 2


def test_an_upload_is_dropped_or_taken_back(owner, shop, benefit):
    check = upload(owner, benefit).url
    owner.post(f"{check}drop")
    assert stored(shop, CodeUpload) == []

    filled(owner, shop, benefit)
    (row,) = stored(shop, CodeUpload)
    said = owner.post(reverse("benefits:pools_undo", args=[row.public_id]), follow=True).text

    assert "2 codes were taken out of the pool" in said
    assert {each.state for each in stored(shop, PoolCode)} == {"withdrawn"}


@pytest.mark.parametrize(
    ("content", "said"),
    [("", "empty"), ("1E+12\n", "Line 1"), ("a,b\nc,d\n", "several columns")],
)
def test_a_file_that_cannot_be_used_says_why_and_keeps_nothing(owner, shop, benefit, content, said):
    page = upload(owner, benefit, content)
    assert page.status_code == 422 and said in page.text
    assert stored(shop, CodeUpload) == []


def test_a_benefit_without_a_pool_takes_no_codes(owner, shop):
    assert upload(owner, publish(shop)).status_code == 404


def test_the_member_sees_the_code_and_staff_only_with_a_reason(owner, shop, benefit):
    filled(owner, shop, benefit)
    ann = join(shop, "ann")
    home = own(shop, ann)

    reader().post(f"{home}claim", {"benefit": benefit.public_id, "once": ONCE})

    assert "MUSIC-AAAA-0001" in text(reader().get(home))
    (mine,) = stored(shop, Entitlement)
    system = System(shop)
    told = system.get(f"/members/{ann.public_id}/entitlements").json()["items"]
    one = system.get(f"/entitlements/{mine.code}").json()
    assert told[0]["partner_code"] == one["partner_code"] == "MUSIC-AAAA-0001"
    page = reverse("benefits:entitlements_detail", args=[mine.code])
    assert "****0001" in owner.get(page).text and "MUSIC-AAAA" not in owner.get(page).text
    look = reverse("benefits:entitlements_show", args=[mine.code])
    assert owner.post(look, {"reason": ""}).status_code == 422
    assert "MUSIC-AAAA-0001" in owner.post(look, {"reason": "she lost it"}).text
    assert "MUSIC-AAAA" not in owner.get("/settings/audit/").text


def test_a_form_asks_for_a_list_in_the_place_of_a_stock(owner, shop):
    entries = {
        "name": "Music",
        "once": "once-pool-1234567",
        "partner": "Music",
        "pool": "on",
        "stock": "9",
        "audience": "everyone",
    }
    page = owner.post("/benefits/new/partner_benefit/", entries)
    assert set(page.context["form"].errors) == {"stock"}

    said = owner.post("/benefits/new/partner_benefit/", {**entries, "stock": ""}, follow=True).text

    assert "Upload codes" in said and "no stock is left" in said
