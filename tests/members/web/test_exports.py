"""Exports and saved views over HTTP: from the filtered list to the file; who may do what."""

from __future__ import annotations

import datetime as dt
import re
from urllib.parse import urlencode

import pytest
from django.db import transaction
from django.utils import timezone

from members.lib import tenant as tenancy
from members.models import Export, Member, Role, SavedView, Staff
from members.services import segments
from members.services.exports import work
from tests.factories import ledger


@pytest.fixture
def owner(client, cast, settings, tmp_path):
    """Three members of two channels."""
    settings.UPLOADS_DIR = tmp_path
    at = timezone.now() - dt.timedelta(days=2)
    ledger.open_shop(cast.shop, at)
    for name, channel in (("u1", "web"), ("u2", "jd"), ("u3", "jd")):
        phone = f"+86139123400{name[1]}1"
        ledger.join(cast.shop, at, name, channel=channel, phone=phone, name="王芳")
    client.force_login(cast.owner)
    client.cookies["django_language"] = "en"
    return client


def become(shop, role):
    with tenancy.platform(), transaction.atomic():
        Staff.objects.filter(merchant=shop).update(role=role)


def rows(shop, model):
    with tenancy.tenant(shop.pk), transaction.atomic():
        return list(model.objects.of(shop).order_by("pk"))


def test_the_filtered_list_becomes_a_file_that_its_page_links_to(owner, cast):
    page = owner.get("/members/?channel=jd").content.decode()
    url = re.search(r'href="(/settings/exports/new[^"]*)"', page)[1]
    assert "2 members are exported" in owner.get(url).content.decode()

    answer = owner.post(url, {"format": "csv", "once": "abcdefghjk234567"})
    job = rows(cast.shop, Export)[0]
    assert answer.url == f"/settings/exports/{job.public_id}"
    assert "data-hx-trigger" in owner.get(answer.url).content.decode()
    with tenancy.tenant(cast.shop.pk):
        work.work(merchant_id=cast.shop.pk, job_id=job.pk, now=timezone.now)

    page = owner.get(answer.url).content.decode()
    link = re.search(r'href="([^"]*/file\?key=[^"]*)"', page)[1]
    file = owner.get(link)
    assert file["Content-Disposition"].startswith("attachment")
    text = b"".join(file.streaming_content).decode()
    assert text.count("\n") == 3 and "139****0021" in text and "王芳" not in text
    assert owner.get(link.partition("?")[0]).status_code == 404
    assert owner.get(f"{link}x").status_code == 404


def test_another_shops_person_gets_neither_page_nor_file(owner, cast, client):
    owner.post("/settings/exports/new", {"format": "csv"})
    job = rows(cast.shop, Export)[0]

    client.force_login(cast.outsider)

    assert client.get(f"/settings/exports/{job.public_id}").status_code == 404
    assert client.get(f"/settings/exports/{job.public_id}/file?key=x").status_code == 404


def test_cashiers_export_nothing_and_operators_are_not_offered_whole_numbers(owner, cast):
    become(cast.shop, Role.OPERATOR)
    assert "is_clear" not in owner.get("/settings/exports/new").content.decode()
    answer = owner.post("/settings/exports/new", {"format": "csv", "is_clear": "on", "reason": "x"})
    assert answer.status_code == 422

    become(cast.shop, Role.CASHIER)
    assert owner.post("/settings/exports/new", {"format": "csv"}).status_code == 403
    assert rows(cast.shop, Export) == []


def test_a_view_is_saved_chosen_renamed_and_deleted(owner, cast):
    page = owner.get("/members/?channel=jd&sort=oldest").content.decode()
    url = re.search(r'href="(/members/views\?query=[^"]*)"', page)[1]

    answer = owner.post(url, {"name": "JD, oldest", "is_shared": "on"}, follow=True)
    assert answer.redirect_chain[-1][0] == "/members/?channel=jd&sort=oldest"
    view = rows(cast.shop, SavedView)[0]
    assert f'?{view.query.replace("&", "&amp;")}" aria-current="page"' in answer.content.decode()

    owner.post(f"/members/views/{view.public_id}", {"name": "From JD"})
    view = rows(cast.shop, SavedView)[0]
    assert (view.name, view.is_shared) == ("From JD", False)
    owner.post(f"/members/views/{view.public_id}", {"delete": "1"})
    assert rows(cast.shop, SavedView) == []


def test_a_view_keeps_filters_alone(owner, cast):
    owner.post(
        "/members/views?query=" + "channel%3Djd%26page%3D3%26next%3Dhttps%3A%2F%2Fevil.example", {"name": "x"}
    )

    assert rows(cast.shop, SavedView)[0].query == "channel=jd"


def test_ones_own_view_is_not_another_persons_and_a_shared_one_is_changed_by_its_keepers(owner, cast, client):
    owner.post("/members/views?query=channel%3Djd", {"name": "Mine"})
    owner.post("/members/views?query=channel%3Dweb", {"name": "Ours", "is_shared": "on"})
    mine, ours = rows(cast.shop, SavedView)

    owner.get("/members/")  # what was said of them is read
    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        Staff.objects.filter(merchant=cast.shop, user=cast.clerk).update(role=Role.ANALYST)
    client.force_login(cast.clerk)
    page = client.get("/members/").content.decode()

    assert "Ours" in page and "Mine" not in page
    assert client.get(f"/members/views/{mine.public_id}").status_code == 404
    assert client.post(f"/members/views/{ours.public_id}", {"delete": "1"}).status_code == 404
    assert client.post("/members/views", {"name": "x", "is_shared": "on"}).status_code == 422
    assert len(rows(cast.shop, SavedView)) == 2


def test_a_filter_that_is_no_longer_there_exports_nobody(owner, cast):
    for answer in (
        owner.get("/settings/exports/new?tier=gone"),
        owner.post("/settings/exports/new?tier=gone", {"format": "csv"}),
    ):
        assert (answer.status_code, answer.url) == (302, "/members/")
    assert "no longer there" in owner.get("/members/").content.decode()
    assert rows(cast.shop, Export) == []


def test_an_analyst_does_not_cancel_an_export_of_whole_numbers(owner, cast):
    owner.post("/settings/exports/new", {"format": "csv", "is_clear": "on", "reason": "Letters"})
    job = rows(cast.shop, Export)[0]
    become(cast.shop, Role.ANALYST)

    assert "/cancel" not in owner.get(f"/settings/exports/{job.public_id}").content.decode()
    owner.post(f"/settings/exports/{job.public_id}/cancel")

    assert rows(cast.shop, Export)[0].is_worked


def test_a_view_keeps_nobodys_phone_or_email(owner, cast):
    for searched in ("13912340011", "+86 139-1234-0011", "１３９１２３４００１１", "Wang@Example.com"):
        for sharing in ({}, {"is_shared": "on"}):
            query = urlencode({"query": urlencode({"q": searched, "channel": "jd"})})
            answer = owner.post(f"/members/views?{query}", {"name": "x"} | sharing)
            assert answer.status_code == 422
            assert "no phone number or e-mail" in answer.content.decode()
    assert rows(cast.shop, SavedView) == []

    for kept in ("王芳", "0011"):
        assert owner.post(f"/members/views?query=q%3D{kept}", {"name": kept}).status_code == 302


def test_a_view_that_names_a_phone_from_before_is_not_shared(owner, cast):
    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        view = SavedView.objects.create(
            merchant=cast.shop, by=cast.owner, name="x", query="q=13912340011", created_at=timezone.now()
        )

    answer = owner.post(f"/members/views/{view.public_id}", {"name": "x", "is_shared": "on"})

    assert answer.status_code == 422
    assert rows(cast.shop, SavedView)[0].is_shared is False


def test_the_ledger_a_segment_and_tier_flow_lead_to_a_file_of_what_they_show(owner, cast):
    at = timezone.now() - dt.timedelta(days=1)
    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        first = Member.objects.of(cast.shop).order_by("pk")[0]
        segment = segments.create(
            merchant_id=cast.shop.pk,
            at=at,
            actor=ledger.JOB,
            name="From JD",
            rule={"all": [{"fact": "channel", "op": "is_in", "value": ["jd"]}]},
        )
    ledger.buy(cast.shop, first, "order-1", at, 100_000)

    for page, told in (
        ("/program/ledger?kind=earn", "1 entry is exported"),
        (f"/members/segments/{segment.public_id}", "2 members are exported"),
        ("/members/tier-flow?cause=order", "1 move is exported"),
    ):
        shown = owner.get(page).content.decode()
        url = re.search(r'href="(/settings/exports/new[^"]*)"', shown)[1].replace("&amp;", "&")
        form = owner.get(url).content.decode()
        assert told in form
        assert ("is_clear" in form) == ("segments" in page)
        answer = owner.post(url, {"format": "csv"})
        assert answer.status_code == 302
        assert data_of(owner, cast.shop, answer.url) == int(told.split()[0])


def data_of(client, shop, page) -> int:
    """How many rows the file of an export's page has."""
    with tenancy.tenant(shop.pk):
        job = rows(shop, Export)[-1]
        work.work(merchant_id=shop.pk, job_id=job.pk, now=timezone.now)
    link = re.search(r'href="([^"]*/file\?key=[^"]*)"', client.get(page).content.decode())[1]
    return b"".join(client.get(link).streaming_content).decode().count("\n") - 1


def test_filters_of_the_ledger_that_mean_nothing_export_nothing(owner, cast):
    for url in ("/settings/exports/new/ledger?kind=fax", "/settings/exports/new/tier-moves?cause=luck"):
        assert owner.post(url, {"format": "csv"}).status_code == 302
    assert owner.get("/settings/exports/new/segment/gone").status_code == 404
    assert rows(cast.shop, Export) == []
