"""Importing orders over HTTP: hand in, check, start, watch, the rejects, cancel; who may."""

from __future__ import annotations

import shutil

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from members.lib import tenant as tenancy
from members.models import AuditRow, ImportJob, ImportState, Member, Order, Role, Staff
from members.services import programs
from members.services.audit import Actor
from members.services.imports import storage, work
from tests.conftest import NOON

HEAD = "order_id,ordered_at,member_key,sku,quantity,amount\n"
GOOD = HEAD + "A1,2024-05-01 10:00,li,s1,1,10.00\nA2,2024-05-02 10:00,wu,s1,1,x\n"


@pytest.fixture(autouse=True)
def uploads(settings, tmp_path):
    settings.UPLOADS_DIR = tmp_path / "uploads"


@pytest.fixture
def owner(client, cast):
    with tenancy.tenant(cast.shop.pk):
        programs.open_program(merchant_id=cast.shop.pk, at=NOON, actor=Actor.job("test"))
    client.force_login(cast.owner)
    client.cookies["django_language"] = "en"
    return client


def hand_in(client, text: str, **more):
    file = SimpleUploadedFile("orders.csv", text.encode(), "text/csv")
    return client.post(
        "/settings/imports", {"file": file, "channel": "taobao", "people": "customers", **more}
    )


def the_import(cast) -> ImportJob:
    with tenancy.tenant(cast.shop.pk):
        return ImportJob.objects.get()


def worked(cast) -> ImportJob:
    """What the worker does."""
    job = the_import(cast)
    with tenancy.tenant(cast.shop.pk):
        work.work(merchant_id=cast.shop.pk, import_id=job.pk, at=timezone.now())
    return the_import(cast)


def test_a_file_is_checked_started_and_reported(owner, cast):
    response = hand_in(owner, GOOD, people="members", declared_source="paper forms")
    job = the_import(cast)
    page = f"/settings/imports/{job.public_id}"
    assert response.status_code == 302 and response.url == page
    assert "every 2s" in owner.get(page).text

    assert worked(cast).state == ImportState.CHECKED
    checked = owner.get(page).text
    assert "Start import" in checked and "“x” is not an amount" in checked and "paper forms" in checked
    with tenancy.tenant(cast.shop.pk):
        assert not Order.objects.exists()

    owner.post(f"{page}/start")
    assert worked(cast).state == ImportState.DONE
    report = owner.get(page).text
    assert "Report" in report and "every 2s" not in report
    with tenancy.tenant(cast.shop.pk):
        assert Order.objects.count() == 1 and Member.objects.get().consent_source == "paper forms"
    rejects = owner.get(f"{page}/rejects")
    assert b"A2,2024-05-02 10:00,wu,s1,1,x" in b"".join(rejects.streaming_content)
    assert "attachment" in rejects["Content-Disposition"]
    assert "orders.csv" in owner.get("/settings/imports").text


def test_what_to_look_at_stands_on_the_page_before_and_after_the_import(owner, cast):
    hand_in(owner, GOOD.rstrip("\n"))
    page = f"/settings/imports/{the_import(cast).public_id}"

    for state in (ImportState.CHECKED, ImportState.DONE):
        assert worked(cast).state == state
        assert "if the file was cut off, check line 3" in owner.get(page).text
        owner.post(f"{page}/start")


def test_htmx_gets_the_progress_alone(owner, cast):
    hand_in(owner, GOOD)

    piece = owner.get(f"/settings/imports/{the_import(cast).public_id}", headers={"HX-Request": "true"}).text

    assert piece.lstrip().startswith('<div id="import"') and "<html" not in piece


def test_columns_with_other_names_are_chosen(owner, cast):
    hand_in(owner, GOOD.replace("amount", "sum").replace(",x", ",1"))
    assert worked(cast).state == ImportState.FAILED
    page = f"/settings/imports/{the_import(cast).public_id}"
    assert "columns are missing" in owner.get(page).text

    names = {name: name for name in ("order_id", "ordered_at", "member_key", "sku", "quantity")}
    assert owner.post(f"{page}/columns", names).status_code == 422
    assert owner.post(f"{page}/columns", names | {"amount": "sum"}).status_code == 302
    assert worked(cast).state == ImportState.CHECKED


def test_an_import_can_be_cancelled(owner, cast):
    hand_in(owner, GOOD)

    owner.post(f"/settings/imports/{the_import(cast).public_id}/cancel")

    assert the_import(cast).state == ImportState.CANCELLED


@pytest.mark.parametrize(
    ("text", "more", "says"),
    [
        (GOOD, {"people": "members"}, "Say where the consent"),
        ("", {}, "empty"),
        ("PK\x03\x04", {}, "Excel file is damaged"),
        (GOOD, {"channel": "carrier pigeon"}, "valid choice"),
    ],
)
def test_a_form_in_error_comes_back_and_begins_nothing(owner, cast, text, more, says):
    response = hand_in(owner, text, **more)

    assert response.status_code == 422 and says in response.text
    with tenancy.tenant(cast.shop.pk):
        assert not ImportJob.objects.exists()


def test_an_analyst_reads_and_changes_nothing(owner, client, cast):
    hand_in(owner, GOOD)
    page = f"/settings/imports/{the_import(cast).public_id}"
    with tenancy.platform():
        Staff.objects.filter(user=cast.clerk).update(role=Role.ANALYST)
    client.force_login(cast.clerk)

    assert client.get(page).status_code == 200
    assert hand_in(client, GOOD + "\n").status_code == 403
    assert client.post(f"{page}/start").status_code == 403
    assert client.get(f"{page}/rejects").status_code == 403


PEOPLE = (
    "order_id,ordered_at,member_key,sku,quantity,amount,phone,name,recipient,note\n"
    "A1,2024-05-01 10:00,13800138001,s1,1,x,13912345678,Wang Fang,Li Lei,call 13700137000\n"
    "A2,2024-05-01 10:00,li,s1,1,13612345678 a,+8613512345678,Ann,Bo,\n"
    "A3,2024-05-01 10:00,wu,s1,1\n"
)
PERSONAL = ("138001380", "912345678", "Wang", "Ann", "Li Lei", "Bo,", "700137000", "612345678", "512345678")


def rejected(owner, cast) -> str:
    """An import whose rows name people and are all left out; its page."""
    hand_in(owner, PEOPLE)
    assert worked(cast).state == ImportState.CHECKED
    return f"/settings/imports/{the_import(cast).public_id}"


def as_role(client, cast, role):
    with tenancy.platform():
        Staff.objects.filter(user=cast.clerk).update(role=role)
    client.force_login(cast.clerk)
    return client


def downloads(cast) -> list[tuple[str, str]]:
    with tenancy.tenant(cast.shop.pk):
        rows = AuditRow.objects.filter(action="import.rejects_taken")
        return [(row.actor_label, row.subject_id) for row in rows]


def test_nobody_reads_numbers_and_names_of_people_on_the_page(owner, cast):
    page = rejected(owner, cast)

    for headers in ({}, {"HX-Request": "true"}):
        text = owner.get(page, headers=headers).text
        assert not [each for each in PERSONAL if each in text]

    assert "A1, 2024-05-01 10:00, 138****8001, s1, 1, x, 139****5678, W*, …, …" in text
    assert "“136****5678 a” is not an amount" in text and "Line 4" in text


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.ANALYST])
def test_who_may_not_take_the_rows_away_reads_lines_and_reasons_alone(owner, client, cast, role):
    page = rejected(owner, cast)

    text = as_role(client, cast, role).get(page).text

    assert "Line 2" in text and "“x” is not an amount" in text
    assert "A1, 2024" not in text and "138****8001" not in text and "/rejects" not in text
    assert client.get(f"{page}/rejects").status_code == 403 and downloads(cast) == []


def test_taking_the_rows_away_is_on_record(owner, cast):
    page = rejected(owner, cast)
    public_id = the_import(cast).public_id

    file = owner.get(f"{page}/rejects")

    assert b"13912345678" in b"".join(file.streaming_content)
    assert downloads(cast) == [(str(cast.owner), public_id)]
    assert "Rows left out of an import downloaded" in owner.get("/settings/audit-log").text


def test_what_is_not_there_leaves_nothing_on_record(owner, cast):
    hand_in(owner, GOOD.replace(",x", ",1"))
    worked(cast)

    assert owner.get(f"/settings/imports/{the_import(cast).public_id}/rejects").status_code == 404
    assert downloads(cast) == []


def test_another_shops_import_does_not_exist(owner, client, cast):
    hand_in(owner, GOOD)
    page = f"/settings/imports/{the_import(cast).public_id}"
    client.force_login(cast.outsider)

    for path in (page, f"{page}/rejects"):
        assert client.get(path).status_code == 404
    for path in (f"{page}/start", f"{page}/cancel", f"{page}/columns"):
        assert client.post(path).status_code == 404


def test_files_that_are_gone_are_said_and_no_error(owner, cast):
    hand_in(owner, GOOD, people="members", declared_source="paper forms")
    worked(cast)
    page = f"/settings/imports/{the_import(cast).public_id}"
    owner.post(f"{page}/start")
    job = worked(cast)
    assert "no longer here" not in owner.get(page).text

    shutil.rmtree(storage.original(job).parent)

    report = owner.get(page).text
    assert "They are kept for 30 days after its end" in report and f"{page}/rejects" not in report
    link = owner.get(f"{page}/rejects", follow=True)
    assert link.redirect_chain == [(page, 302)] and "no longer here" in link.text


def test_a_failed_import_whose_file_is_gone_offers_no_columns_to_choose(owner, cast):
    hand_in(owner, GOOD.replace("amount", "sum"))
    job = worked(cast)
    page = f"/settings/imports/{job.public_id}"
    assert f"{page}/columns" in owner.get(page).text

    shutil.rmtree(storage.original(job).parent)

    shown = owner.get(page).text
    assert "no longer here" in shown and f"{page}/columns" not in shown


def test_an_import_of_a_clean_file_left_nothing_that_could_be_gone(owner, cast):
    hand_in(owner, GOOD.replace(",x", ",1"))
    worked(cast)
    page = f"/settings/imports/{the_import(cast).public_id}"
    owner.post(f"{page}/start")

    shutil.rmtree(storage.original(worked(cast)).parent)

    assert "no longer here" not in owner.get(page).text
    assert owner.get(f"{page}/rejects").status_code == 404


def test_a_worker_that_lacks_the_file_says_so(owner, cast, settings, tmp_path):
    hand_in(owner, GOOD)
    settings.UPLOADS_DIR = tmp_path / "of-another-machine"

    job = worked(cast)

    assert job.state == ImportState.FAILED
    assert job.failure == "The file of this import is no longer there. Hand it in again."
    assert not (tmp_path / "of-another-machine").exists()
    with tenancy.tenant(cast.shop.pk):
        assert not Order.objects.exists()
