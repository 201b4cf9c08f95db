"""Importing points over HTTP: hand in, check, start, report, undo; the names of columns; who may."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.utils import timezone

from members.lib import tenant as tenancy
from members.models import AuditRow, ColumnName, ImportJob, ImportState, PointsAccount, Role, Staff
from members.services import members, point_rules, programs
from members.services.audit import Actor
from members.tasks.imports import import_points
from tests.conftest import NOON

GOOD = "member_key,points,expires_on,row_id\nu1,100,2099-12-31,a\nu2,50,,b\nu3,7,,c\nu1,0.5,,d\n"
JOB = Actor.job("test")


@pytest.fixture(autouse=True)
def uploads(settings, tmp_path):
    settings.UPLOADS_DIR = tmp_path / "uploads"


@pytest.fixture
def owner(client, cast):
    with tenancy.tenant(cast.shop.pk):
        programs.open_program(merchant_id=cast.shop.pk, at=NOON, actor=JOB)
        point_rules.configure(merchant_id=cast.shop.pk, at=NOON, actor=JOB, per_major=Decimal(1))
        for name in ("u1", "u2"):
            members.join(merchant_id=cast.shop.pk, at=NOON, actor=JOB, channel="pos", external_id=name)
    client.force_login(cast.owner)
    client.cookies["django_language"] = "en"
    return client


def hand_in(client, text: str = GOOD, **more):
    file = SimpleUploadedFile("balances.csv", text.encode(), "text/csv")
    return client.post("/settings/imports/points", {"file": file, "channel": "pos", **more})


def the_import(cast) -> ImportJob:
    with tenancy.tenant(cast.shop.pk):
        return ImportJob.objects.order_by("-id")[0]


def worked(cast) -> ImportJob:
    """What the worker does."""
    with tenancy.tenant(cast.shop.pk):
        import_points(merchant_id=cast.shop.pk, import_id=the_import(cast).pk)
    return the_import(cast)


def balances(cast) -> list[int]:
    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        return list(PointsAccount.objects.order_by("member_id").values_list("available", flat=True))


@pytest.fixture
def imported(owner, cast):
    """An import that is done, and its address."""
    hand_in(owner)
    page = f"/settings/imports/{worked(cast).public_id}"
    owner.post(f"{page}/start")
    assert worked(cast).state == ImportState.DONE
    return page


def test_a_file_is_checked_started_reported_and_undone(owner, cast):
    response = hand_in(owner)
    page = f"/settings/imports/{the_import(cast).public_id}"
    assert response.status_code == 302 and response.url == page
    assert "every 2s" in owner.get(page).text

    assert worked(cast).state == ImportState.CHECKED
    checked = owner.get(page).text
    assert "2099-12" in checked and "Never expire" in checked and "Start import" in checked
    assert "“u3” is no member of this shop." in checked and "not 0.5" in checked
    assert balances(cast) == []

    owner.post(f"{page}/start")
    assert worked(cast).state == ImportState.DONE and balances(cast) == [100, 50]
    report = owner.get(page).text
    assert "Points credited" in report and f'href="{page}/undo"' in report
    assert "would be taken back" not in report
    assert "Points that would be taken back" in owner.get(f"{page}/undo").text
    assert "balances.csv" in owner.get("/settings/imports/points").text
    assert "balances.csv" not in owner.get("/settings/imports").text

    assert owner.post(f"{page}/undo").url == page
    assert "every 2s" in owner.get(page).text
    assert worked(cast).state == ImportState.UNDONE and balances(cast) == [0, 0]
    done = owner.get(page).text
    assert "Points taken back" in done and f'href="{page}/undo"' not in done
    owner.post(f"{page}/undo")
    assert worked(cast).state == ImportState.UNDONE and balances(cast) == [0, 0]


def test_after_72_hours_there_is_no_button_and_the_request_is_refused_in_a_clear_line(owner, cast, imported):
    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        ImportJob.objects.update(finished_at=timezone.now() - dt.timedelta(hours=72, minutes=1))

    assert f'href="{imported}/undo"' not in owner.get(imported).text
    assert "Nothing of this import" in owner.get(f"{imported}/undo", follow=True).text
    assert "72 hours after its end" in owner.post(f"{imported}/undo", follow=True).text
    assert balances(cast) == [100, 50]


def test_the_members_ledger_says_where_the_points_come_from(owner, cast, imported):
    ledger = owner.get("/program/ledger").text

    assert "Opening balance from another system" in ledger


@pytest.mark.parametrize("language", ["zh-hans", "zh-hant", "en"])
def test_the_pages_are_there_in_every_language(owner, imported, language):
    owner.cookies["django_language"] = language

    for address in (imported, "/settings/imports/points", "/settings/imports", "/settings/imports/columns"):
        assert owner.get(address).status_code == 200


def test_who_may_read_may_not_import_nor_undo(owner, cast, client, imported):
    with tenancy.platform(), transaction.atomic():
        Staff.objects.filter(user=cast.clerk).update(role=Role.ANALYST)
    client.force_login(cast.clerk)

    assert client.get("/settings/imports/points").status_code == 200
    assert "Undo import" not in client.get(imported).text
    assert hand_in(client).status_code == 403
    assert client.post(f"{imported}/undo").status_code == 403
    assert client.post("/settings/imports/columns", {"kind": "points"}).status_code == 403
    assert balances(cast) == [100, 50]


def test_another_shops_import_does_not_exist(cast, client, imported):
    client.force_login(cast.outsider)

    assert client.get(imported).status_code == 404
    assert client.post(f"{imported}/undo").status_code == 404
    assert balances(cast) == [100, 50]


class TestColumns:
    def test_a_file_whose_headers_nobody_knows_is_asked_about_once(self, owner, cast):
        odd = GOOD.replace("member_key", "Kundennr").replace("points", "Guthaben")
        hand_in(owner, odd)
        page = f"/settings/imports/{the_import(cast).public_id}"
        assert worked(cast).state == ImportState.FAILED
        assert "Kundennr" in owner.get(page).text

        chosen = {"member_key": "Kundennr", "points": "Guthaben", "row_id": "row_id"}
        assert owner.post(f"{page}/columns", chosen).status_code == 302
        assert worked(cast).preview["points"] == 150

        hand_in(owner, odd + "u2,1,,z\n")
        assert worked(cast).preview["points"] == 151

    def test_names_are_added_changed_and_forgotten_on_their_page(self, owner, cast):
        address = "/settings/imports/columns"
        added = {"kind": "points", "points-new_header": "Guthaben", "points-new_field": "points"}
        assert owner.post(address, added).status_code == 302
        with tenancy.tenant(cast.shop.pk):
            row = ColumnName.objects.get()
            assert (row.kind, row.header, row.field) == ("points", "Guthaben", "points")
        assert "Guthaben" in owner.get(address).text

        owner.post(address, {"kind": "points", f"points-name_{row.pk}": "row_id"})
        with tenancy.tenant(cast.shop.pk):
            assert ColumnName.objects.get().field == "row_id"
        owner.post(address, {"kind": "points", f"points-name_{row.pk}": ""})
        with tenancy.tenant(cast.shop.pk):
            assert not ColumnName.objects.exists()
            assert AuditRow.objects.filter(action="columns.saved").count() == 3

    def test_half_a_name_is_asked_for_its_other_half_and_nothing_is_saved(self, owner, cast):
        response = owner.post("/settings/imports/columns", {"kind": "orders", "orders-new_header": "Betrag"})

        assert response.status_code == 422 and "Choose the field" in response.text
        with tenancy.tenant(cast.shop.pk):
            assert not ColumnName.objects.exists()

    def test_a_name_of_points_means_nothing_in_orders(self, owner, cast):
        owner.post(
            "/settings/imports/columns",
            {"kind": "points", "points-new_header": "X", "points-new_field": "points"},
        )
        hand_in(owner, "member_key,X\nu1,5\n")
        assert worked(cast).preview["points"] == 5

        file = SimpleUploadedFile("o.csv", b"order_id,ordered_at,member_key,sku,quantity,X\n", "text/csv")
        owner.post("/settings/imports", {"file": file, "channel": "taobao", "people": "customers"})
        assert "amount" not in the_import(cast).columns
