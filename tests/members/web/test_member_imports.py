"""Importing members over HTTP: hand in with a source, check, start, report, undo; what is shown of people; who may."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction

from members.lib import tenant as tenancy
from members.models import ImportJob, ImportState, Member, MemberStatus, Role, Staff
from members.services import members
from members.services.audit import Actor
from members.tasks.imports import import_members
from tests.conftest import NOON
from tests.factories import ledger

GOOD = (
    "member_key,phone,name,tier,birthday\n"
    "c1,13800138000,李四,silver,05-17\nknown,13900139000,赵六,,\nc3,,王五,platinum,1985-02-13\n"
)
JOB = Actor.job("test")
SOURCE = "paper forms of the store"


@pytest.fixture(autouse=True)
def uploads(settings, tmp_path):
    settings.UPLOADS_DIR = tmp_path / "uploads"


@pytest.fixture
def owner(client, cast):
    ledger.open_shop(cast.shop, NOON)
    with tenancy.tenant(cast.shop.pk):
        members.join(
            merchant_id=cast.shop.pk, at=NOON, actor=JOB, channel="pos", external_id="known", name="孙七"
        )
    client.force_login(cast.owner)
    client.cookies["django_language"] = "en"
    return client


def hand_in(client, text: str = GOOD, **more):
    file = SimpleUploadedFile("cards.csv", text.encode(), "text/csv")
    data = {"file": file, "channel": "pos", "declared_source": SOURCE, **more}
    return client.post("/settings/imports/members", data)


def the_import(cast) -> ImportJob:
    with tenancy.tenant(cast.shop.pk):
        return ImportJob.objects.order_by("-id")[0]


def worked(cast) -> ImportJob:
    """What the worker does."""
    with tenancy.tenant(cast.shop.pk):
        import_members(merchant_id=cast.shop.pk, import_id=the_import(cast).pk)
    return the_import(cast)


def active(cast) -> int:
    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        return Member.objects.filter(status=MemberStatus.ACTIVE).count()


def test_a_list_is_checked_started_reported_and_undone(owner, cast):
    response = hand_in(owner)
    page = f"/settings/imports/{the_import(cast).public_id}"
    assert response.status_code == 302 and response.url == page

    assert worked(cast).state == ImportState.CHECKED
    checked = owner.get(page).text
    assert SOURCE in checked and "Members given the tier Silver" in checked and "Start import" in checked
    assert "no tier “platinum”" in checked
    assert "Line 3" in checked and "name: what is stored stays" in checked
    assert active(cast) == 1

    owner.post(f"{page}/start")
    assert worked(cast).state == ImportState.DONE and active(cast) == 2
    report = owner.get(page).text
    assert f'href="{page}/undo"' in report and "would be taken back" not in report
    assert "Members that would be taken back" in owner.get(f"{page}/undo").text
    assert "cards.csv" in owner.get("/settings/imports/members").text
    assert "cards.csv" not in owner.get("/settings/imports").text

    assert owner.post(f"{page}/undo").url == page
    assert worked(cast).state == ImportState.UNDONE and active(cast) == 1
    done = owner.get(page).text
    assert "Members taken back" in done and f'href="{page}/undo"' not in done


def test_a_list_without_a_source_is_refused_at_its_field(owner, cast):
    response = hand_in(owner, declared_source="  ")

    assert (
        response.status_code == 422 and "Say where the consent of these people comes from." in response.text
    )
    with tenancy.tenant(cast.shop.pk):
        assert not ImportJob.objects.exists()


def test_pages_show_no_name_phone_or_birthday_of_anybody(owner, cast):
    hand_in(owner)
    page = f"/settings/imports/{worked(cast).public_id}"
    checked = owner.get(page).text
    owner.post(f"{page}/start")
    worked(cast)

    rows = owner.get(f"{page}/rows")
    shown = checked + owner.get(page).text + b"".join(rows.streaming_content).decode()
    for secret in ("13800138000", "13900139000", "李四", "赵六", "王五", "孙七", "1985"):
        assert secret not in shown, secret


def test_rows_as_csv_say_what_became_of_each(owner, cast):
    hand_in(owner)
    page = f"/settings/imports/{worked(cast).public_id}"
    owner.post(f"{page}/start")
    worked(cast)

    text = b"".join(owner.get(f"{page}/rows").streaming_content).decode("utf-8-sig")
    head, first, second = text.strip().splitlines()
    assert head.startswith("line,member,outcome")
    assert first.startswith("2,") and "new member" in first
    assert second.startswith("3,") and "filled in" in second and "phone" in second and "name: what" in second


def test_kept_members_are_named_after_an_undoing(owner, cast):
    hand_in(owner)
    page = f"/settings/imports/{worked(cast).public_id}"
    owner.post(f"{page}/start")
    worked(cast)
    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        made = Member.objects.latest("id")
        Member.objects.filter(pk=made.pk).update(phone_verified=True)

    owner.post(f"{page}/undo")
    assert worked(cast).undo["kept"] == 1
    done = owner.get(page).text
    assert f"/members/{made.public_id}" in done and "Known by more than this list" in done


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.CASHIER, Role.ANALYST])
def test_who_may_not_import_may_neither_hand_in_nor_undo_nor_take_rows(owner, cast, role):
    hand_in(owner)
    page = f"/settings/imports/{worked(cast).public_id}"
    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        Staff.objects.filter(user=cast.owner).update(role=role)

    assert hand_in(owner).status_code == 403
    assert owner.post(f"{page}/start").status_code == 403
    assert owner.post(f"{page}/undo").status_code == 403
    assert owner.get(f"{page}/rows").status_code == 403
    assert active(cast) == 1
