"""Files, messages and drafts of appeals: what is taken and what is refused, who opens what, what is kept."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction

from compliance.lib.appeal_files import MOST_BYTES
from compliance.models import Appeal, AppealDraft, AppealFile, AppealMessage
from compliance.services import appeal_files, appeal_threads, appeals
from members.lib import tenant as tenancy
from members.models import AuditRow, OutboxRow
from members.services.audit import Actor
from tests.compliance.lib.test_appeal_files import EXE, PDF
from tests.compliance.web.conftest import JOB, Shop, staff, when
from tests.compliance.web.test_appeals import ONCE, PAGE, WORDS, decide, filed, text
from tests.compliance.web.test_pages import in_state

DRAFT = f"{PAGE}draft"


@pytest.fixture(autouse=True)
def uploads(settings, tmp_path: Path) -> Path:
    settings.UPLOADS_DIR = tmp_path
    return tmp_path / appeal_files.FOLDER


@pytest.fixture
def cleared(shop, clock):
    in_state(shop, clock, "cleared")
    return shop


@pytest.fixture
def owner(client, cast):
    client.force_login(cast.owner)
    return client


def paper(name: str = "list.pdf", content: bytes = PDF) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, content_type="application/pdf")


def send(client, *files, words: str = WORDS, path: str = PAGE, once: str = ONCE):
    return client.post(path, {"text": words, "once": once, "attached": list(files)})


def rows(shop: Shop, model) -> list:
    with tenancy.tenant(shop.pk), transaction.atomic():
        return list(model.objects.filter(merchant_id=shop.pk).order_by("id"))


def actions(shop: Shop) -> list[str]:
    return [row.action for row in rows(shop, AuditRow) if row.action.startswith("appeal.")]


def on_disk(uploads: Path) -> list[Path]:
    return sorted(path for path in uploads.rglob("*") if path.is_file())


def address(made: Appeal, file: AppealFile) -> str:
    return f"{PAGE}{made.public_id}/files/{file.public_id}"


def test_files_are_kept_sealed_and_given_out_as_downloads_on_record(owner, cleared, uploads):
    assert send(owner, paper("../营业 list.pdf"), paper("two.png")).status_code == 302

    (made,), (first, second) = filed(cleared), rows(cleared, AppealFile)
    assert [(row.name, row.kind, row.size) for row in (first, second)] == [
        ("营业 list.pdf", "pdf", len(PDF)),
        ("two.png.pdf", "pdf", len(PDF)),
    ]
    for path in on_disk(uploads):
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700
        assert b"PDF" not in path.read_bytes()

    page = text(owner, f"{PAGE}{made.public_id}/")
    assert "营业 list.pdf" in page and address(made, first) in page
    got = owner.get(address(made, first))

    assert got.content == PDF
    assert got["Content-Disposition"].startswith("attachment;")
    assert got["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in got["Content-Security-Policy"] and "'none'" in got["Content-Security-Policy"]
    assert got["Cache-Control"] == "no-store, private"
    assert actions(cleared) == ["appeal.filed", "appeal.file_read"]
    assert "File of an appeal opened" in text(owner, "/settings/audit-log")


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ([("list.pdf", EXE)], "“list.pdf” is no PDF, PNG, JPEG or WebP"),
        ([("good.pdf", PDF), ("list.pdf", EXE)], "“list.pdf” is no PDF, PNG, JPEG or WebP"),
        ([("big.pdf", PDF + b"x" * MOST_BYTES)], "“big.pdf” has 6 MB; a file has at most 5 MB."),
        ([("none.pdf", b"")], "“none.pdf” is empty."),
        ([(f"{n}.pdf", PDF) for n in range(11)], "at most 10 files; with these it would have 11"),
    ],
)
def test_a_file_that_is_not_taken_is_named_and_nothing_is_filed(owner, cleared, uploads, files, problem):
    answered = send(owner, *(paper(name, content) for name, content in files))

    assert answered.status_code == 422
    assert problem in answered.content.decode()
    assert WORDS in answered.content.decode()
    assert filed(cleared) == [] and rows(cleared, AppealFile) == [] and on_disk(uploads) == []


def test_a_hundred_megabytes_are_refused_before_they_are_read(owner, cleared, uploads):
    answered = owner.post(PAGE, {"text": WORDS, "once": ONCE}, CONTENT_LENGTH=str(100 << 20))

    assert answered.status_code == 413
    assert (
        "The files have 100 MB; this form takes 50 MB together. Nothing was saved."
        in answered.content.decode()
    )
    assert filed(cleared) == [] and on_disk(uploads) == []


def test_pressing_twice_keeps_each_file_once(owner, cleared, uploads):
    for _press in range(2):
        assert send(owner, paper()).status_code == 302

    assert len(filed(cleared)) == len(rows(cleared, AppealFile)) == len(on_disk(uploads)) == 1


@pytest.mark.parametrize(("role", "status"), [("manager", 200), ("analyst", 200), ("cashier", 403)])
def test_readers_of_the_shop_open_files(client, owner, cleared, role, status):
    send(owner, paper())
    (made,), (file,) = filed(cleared), rows(cleared, AppealFile)
    client.force_login(staff(cleared, role, role))

    assert client.get(address(made, file)).status_code == status
    assert ("appeal.file_read" in actions(cleared)) is (status == 200)


def test_a_file_is_not_there_for_others_nor_under_another_appeal(client, owner, cast, cleared):
    send(owner, paper())
    (made,), (file,) = filed(cleared), rows(cleared, AppealFile)
    owner.post(f"{PAGE}{made.public_id}/withdraw")
    send(owner, once="bcdefghjkmnpqrst")
    _first, second = filed(cleared)

    assert owner.get(address(second, file)).status_code == 404
    assert owner.get(f"{PAGE}{made.public_id}/files/unknown").status_code == 404
    client.force_login(cast.outsider)
    assert client.get(address(made, file)).status_code == 404
    assert client.get(f"{PAGE}{made.public_id}/").status_code == 404
    assert client.post(f"{PAGE}{made.public_id}/", {"text": "mine"}).status_code == 404
    assert "appeal.file_read" not in actions(cleared) and rows(cleared, AppealMessage) == []


def test_a_file_copied_to_another_shop_or_changed_does_not_open(owner, cleared, uploads):
    send(owner, paper())
    (made,), (file,), (path,) = filed(cleared), rows(cleared, AppealFile), on_disk(uploads)
    sealed = path.read_bytes()
    path.write_bytes(sealed[:-1] + bytes([sealed[-1] ^ 1]))

    assert owner.get(address(made, file)).status_code == 404
    assert actions(cleared) == ["appeal.filed"]


def ask(shop: Shop, made: Appeal, words: str = "Please send the price list.") -> None:
    with tenancy.platform(), transaction.atomic():
        appeal_threads.write(
            merchant_id=shop.pk,
            appeal_id=made.pk,
            text=words,
            at=when("2026-07-02 09:10"),
            actor=JOB,
            of_platform=True,
        )


def test_shop_and_platform_write_to_each_other_while_it_is_reviewed(owner, cast, cleared):
    send(owner)
    (made,) = filed(cleared)
    ask(cleared, made)
    with tenancy.tenant(cleared.pk), transaction.atomic():
        (mail,) = OutboxRow.objects.of(cleared.pk).filter(key__startswith="appeal:message:")
    assert (mail.payload["to"], mail.payload["context"]["text"]) == (
        cast.owner.email,
        "Please send the price list.",
    )
    page = text(owner, f"{PAGE}{made.public_id}/")
    assert "The platform" in page and "Please send the price list." in page

    for _press in range(2):
        answered = send(owner, paper(), words="Here it is.", path=f"{PAGE}{made.public_id}/", once="b" * 16)
        assert answered.status_code == 302

    assert [(row.of_platform, row.text) for row in rows(cleared, AppealMessage)] == [
        (True, "Please send the price list."),
        (False, "Here it is."),
    ]
    assert len(rows(cleared, AppealFile)) == 1
    assert actions(cleared) == ["appeal.filed", "appeal.message", "appeal.message"]


def test_a_message_that_went_to_another_appeal_is_refused_in_words(owner, cleared, uploads):
    send(owner)
    (first,) = filed(cleared)
    send(owner, words="Here it is.", path=f"{PAGE}{first.public_id}/", once="b" * 16)
    owner.post(f"{PAGE}{first.public_id}/withdraw")
    send(owner, once="bcdefghjkmnpqrst")
    _first, second = filed(cleared)

    answered = send(owner, words="Again.", path=f"{PAGE}{second.public_id}/", once="b" * 16)

    assert answered.status_code == 422
    assert "was sent to another appeal already" in answered.content.decode()
    assert [row.text for row in rows(cleared, AppealMessage)] == ["Here it is."]


@pytest.mark.parametrize(
    ("words", "files", "problem"),
    [
        ("x" * 2001, [], "A message has at most 2,000 characters; this one has 2,001."),
        (" ", [], "Write the message."),
        ("See", [("list.pdf", EXE)], "is no PDF"),
        ("See", [(f"{n}.pdf", PDF) for n in range(10)], "at most 10 files; with these it would have 11"),
    ],
)
def test_a_message_that_is_not_taken_changes_nothing(owner, cleared, uploads, words, files, problem):
    send(owner, paper())
    (made,) = filed(cleared)

    answered = send(
        owner,
        *(paper(name, content) for name, content in files),
        words=words,
        path=f"{PAGE}{made.public_id}/",
    )

    assert answered.status_code == 422
    assert problem in answered.content.decode()
    assert rows(cleared, AppealMessage) == [] and len(on_disk(uploads)) == 1


def test_after_the_decision_nobody_writes_and_the_shop_is_told_by_email(owner, cast, cleared):
    send(owner)
    (made,) = filed(cleared)
    decide(cleared, upheld=False, answer="It had ended in March.")

    answered = send(owner, words="But!", path=f"{PAGE}{made.public_id}/")

    assert answered.status_code == 422
    assert "was decided or withdrawn already" in answered.content.decode()
    assert rows(cleared, AppealMessage) == []
    with tenancy.tenant(cleared.pk), transaction.atomic():
        (mail,) = OutboxRow.objects.of(cleared.pk).filter(key__startswith="appeal:decided:")
    assert mail.payload["to"] == cast.owner.email
    assert mail.payload["context"]["answer"] == "It had ended in March."


def test_what_is_written_is_kept_by_itself_and_there_again_on_return(owner, cleared, clock):
    saved = owner.post(DRAFT, {"text": "The coupon\r\nran"}, headers={"HX-Request": "true"})
    assert "Draft saved" in saved.content.decode() and "<html" not in saved.content.decode()
    owner.post(DRAFT, {"text": "The coupon ran until"}, headers={"HX-Request": "true"})

    assert [row.text for row in rows(cleared, AppealDraft)] == ["The coupon ran until"]
    page = text(owner)
    assert ">\nThe coupon ran until</textarea>" in page and "It is not filed yet." in page
    assert f'data-hx-post="{DRAFT}"' in page and f'formaction="{DRAFT}"' in page
    assert filed(cleared) == []

    send(owner)
    assert rows(cleared, AppealDraft) == []


def test_without_scripts_a_button_keeps_the_draft_however_long(owner, cleared):
    answered = owner.post(DRAFT, {"text": "x" * 2001}, follow=True)

    assert "Draft saved" in answered.content.decode()
    assert [len(row.text) for row in rows(cleared, AppealDraft)] == [2001]
    refused = owner.post(DRAFT, {"text": "x" * 10_001}, follow=True)
    assert "A draft has at most 10,000 characters; this one has 10,001." in refused.content.decode()
    assert [len(row.text) for row in rows(cleared, AppealDraft)] == [2001]
    owner.post(DRAFT, {"text": " "})
    assert rows(cleared, AppealDraft) == []


def test_a_draft_is_its_writers_alone(client, owner, cleared):
    owner.post(DRAFT, {"text": "mine"})
    client.force_login(staff(cleared, "manager", "manager"))

    assert "mine</textarea>" not in text(client)
    client.force_login(staff(cleared, "analyst", "analyst"))
    assert client.post(DRAFT, {"text": "no"}).status_code == 403
    assert [row.text for row in rows(cleared, AppealDraft)] == ["mine"]


def test_files_go_three_years_after_the_end_and_strays_after_a_day(owner, cleared, uploads):
    send(owner, paper())
    (made,) = filed(cleared)
    stray = uploads / str(cleared.pk) / "abcdefghij"
    stray.write_bytes(b"left by a worker that died")
    later = when("2026-07-02 10:00")
    os.utime(stray, (later.timestamp(), later.timestamp()))

    def clear(at: dt.datetime) -> int:
        with tenancy.platform():
            return appeal_files.clear(at=at)

    assert clear(later + dt.timedelta(hours=1)) == 0
    assert clear(later + dt.timedelta(days=2)) == 1
    assert not stray.exists() and len(on_disk(uploads)) == 1
    assert clear(later + dt.timedelta(days=3 * 366)) == 0  # it is not decided yet
    with tenancy.tenant(cleared.pk), transaction.atomic():
        appeals.withdraw(merchant_id=cleared.pk, appeal_id=made.pk, at=when("2026-07-03"), actor=JOB)
    assert clear(when("2029-07-01")) == 0
    assert clear(when("2029-07-04")) == 1
    assert on_disk(uploads) == []
    assert "no longer kept" in text(owner, f"{PAGE}{made.public_id}/")
    assert rows(cleared, AppealFile)[0].gone_at == when("2029-07-04")


def test_old_drafts_are_forgotten(owner, cast, cleared):
    with tenancy.tenant(cleared.pk):
        appeal_threads.save_draft(
            merchant_id=cleared.pk, text="old", at=when("2026-05-01"), actor=Actor.person(cast.owner)
        )
    with tenancy.platform():
        assert appeal_threads.forget_old_drafts(at=when("2026-06-29")) == 0
        assert appeal_threads.forget_old_drafts(at=when("2026-07-01")) == 1
    assert rows(cleared, AppealDraft) == []
