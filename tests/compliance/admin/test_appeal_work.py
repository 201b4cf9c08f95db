"""A reviewer asks the merchant, opens files on record, begins with ready answers, and sees how long appeals take."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from django.db import transaction
from django.utils import timezone

from compliance.lib.appeal_files import Upload
from compliance.models import AppealFile, AppealMessage, Notice, Receipt
from compliance.selectors import notices
from compliance.services import appeals
from members.lib import tenant as tenancy
from members.models import AuditRow, OutboxRow
from tests.compliance.admin.conftest import JOB
from tests.compliance.admin.test_appeals import QUEUE, WORDS, body, decide, file, page_of
from tests.compliance.lib.test_appeal_files import PDF

FIGURES = f"{QUEUE}figures/"


@pytest.fixture(autouse=True)
def uploads(settings, tmp_path: Path) -> None:
    settings.UPLOADS_DIR = tmp_path


def rows(shop, model) -> list:
    with tenancy.platform(), transaction.atomic():
        return list(model.objects.filter(merchant_id=shop.pk).order_by("id"))


def with_file(shop):
    with tenancy.tenant(shop.pk), transaction.atomic():
        at = timezone.now() - dt.timedelta(days=1)
        files = [Upload("list.pdf", PDF)]
        return appeals.file(merchant_id=shop.pk, at=at, actor=JOB, text=WORDS, files=files)


def test_the_reviewer_opens_a_file_as_a_download_and_the_merchant_reads_who_did(admin_client, cleared, cast):
    row = with_file(cleared.bare)
    (paper,) = rows(cleared.bare, AppealFile)
    address = f"{QUEUE}{row.pk}/files/{paper.public_id}/"
    assert address in body(admin_client.get(page_of(row)))

    got = admin_client.get(address)

    assert got.content == PDF and got["Content-Disposition"].startswith("attachment;")
    assert "sandbox" in got["Content-Security-Policy"] and "no-store" in got["Cache-Control"]
    (look,) = [each for each in rows(cleared.bare, AuditRow) if each.action == "appeal.file_read"]
    assert (look.actor_kind, look.actor_label, look.after) == (
        "platform",
        str(cast.admin),
        {"file": "list.pdf"},
    )
    other = file(cleared.empty)
    assert admin_client.get(f"{QUEUE}{other.pk}/files/{paper.public_id}/").status_code == 404


def test_a_merchants_person_opens_no_file_at_the_platforms_address(client, cast, cleared):
    row = with_file(cleared.bare)
    (paper,) = rows(cleared.bare, AppealFile)
    client.force_login(cast.owner)

    assert client.get(f"{QUEUE}{row.pk}/files/{paper.public_id}/").status_code in (302, 403, 404)
    assert client.get(FIGURES).status_code in (302, 403, 404)
    assert [each.action for each in rows(cleared.bare, AuditRow) if each.action == "appeal.file_read"] == []


def test_a_question_reaches_the_merchant_once(admin_client, cleared, cast):
    row, asked = file(cleared.bare), {"text": "Which price list?", "once": "abcdefghjkmnpqrs"}

    for _press in range(2):
        assert admin_client.post(f"{QUEUE}{row.pk}/ask/", asked).status_code == 302

    assert [(each.of_platform, each.text) for each in rows(cleared.bare, AppealMessage)] == [
        (True, "Which price list?")
    ]
    mails = [each for each in rows(cleared.bare, OutboxRow) if each.key.startswith("appeal:message:")]
    assert [each.payload["to"] for each in mails] == [cast.owner.email]
    assert "Which price list?" in body(admin_client.get(page_of(row)))


def test_an_empty_question_and_one_after_the_decision_are_refused(admin_client, cleared):
    row = file(cleared.bare)
    refused = admin_client.post(f"{QUEUE}{row.pk}/ask/", {"text": " "})
    assert refused.status_code == 422 and "Write the message." in body(refused)
    decide(admin_client, row, "refuse", "Nothing was live.")

    late = admin_client.post(f"{QUEUE}{row.pk}/ask/", {"text": "One more"}, follow=True)

    assert "was decided or withdrawn already" in body(late)
    assert rows(cleared.bare, AppealMessage) == []


def test_the_answer_begins_with_a_ready_one_in_the_merchants_language(admin_client, cleared):
    row = file(cleared.bare)
    with tenancy.platform(), transaction.atomic():
        cleared.bare.language = "en"
        cleared.bare.save(update_fields=["language"])

    shown = body(admin_client.get(f"{page_of(row)}?answer=uncovered"))

    assert "Refuse: nothing counted" in shown
    begun = shown.partition('name="answer"')[2].partition("</textarea>")[0]
    assert "no benefit counted by the rule in force (version 1)" in begun
    assert "There was no benefit in these days." in begun
    plain = body(admin_client.get(f"{page_of(row)}?answer=unknown"))
    assert "no benefit counted" not in plain.partition('name="answer"')[2].partition("</textarea>")[0]


def test_the_decision_is_made_again_from_history(admin_client, cleared):
    assert "The same outcome and facts" in body(admin_client.get(page_of(file(cleared.bare))))


def test_the_figures_say_how_long_appeals_took_and_how_they_ended(admin_client, cleared):
    assert "No appeal has ended yet." in body(admin_client.get(FIGURES))
    for shop, upheld in ((cleared.bare, True), (cleared.empty, False)):
        row = file(shop, days_ago=4 if upheld else 3)
        with tenancy.platform(), transaction.atomic():
            at = row.filed_at + dt.timedelta(hours=30 if upheld else 2)
            appeals.decide(merchant_id=shop.pk, appeal_id=row.pk, upheld=upheld, answer="x", at=at, actor=JOB)
    withdrawn = file(cleared.empty, days_ago=2)
    with tenancy.platform(), transaction.atomic():
        at = withdrawn.filed_at + dt.timedelta(hours=1)
        appeals.withdraw(merchant_id=cleared.empty.pk, appeal_id=withdrawn.pk, at=at, actor=JOB)

    shown = body(admin_client.get(FIGURES))

    for words in ("2 hours", "1 day 6 hours", "100 % (2 / 2)", "50 % (1 / 2)"):
        assert words in shown, words
    assert FIGURES in body(admin_client.get(QUEUE))


def test_an_appeal_decided_after_its_day_is_not_in_time(admin_client, shops):
    row = file(shops.bare, days_ago=15)
    with tenancy.platform(), transaction.atomic():
        appeals.decide(
            merchant_id=shops.bare.pk, appeal_id=row.pk, upheld=True, at=timezone.now(), actor=JOB, answer=""
        )

    shown = body(admin_client.get(FIGURES))

    assert "0 % (0 / 1)" in shown and "15 days 0 hours" in shown


# ---- notices that reached nobody ------------------------------------------------------------------------------------

NOTICES = "/platform/compliance/notice/"


def test_the_platform_finds_notices_that_were_not_handed_over_or_seen(admin_client, shops, cast):
    with tenancy.platform(), transaction.atomic():
        seen, failed = (Notice.objects.of(shop.pk).get() for shop in (shops.bare, shops.empty))
        at = timezone.now()
        for notice, channel, event in (
            (seen, "banner", "seen"),
            (failed, "email", "failed"),
            (failed, "inbox", "seen"),
        ):
            Receipt.objects.create(
                merchant_id=notice.merchant_id,
                notice=notice,
                channel=channel,
                event=event,
                user=cast.owner,
                at=at,
            )

    def found(value: str) -> set[int]:
        shown = body(admin_client.get(f"{NOTICES}?reached={value}"))
        return {row.pk for row in (seen, failed) if f"{NOTICES}{row.pk}/change/" in shown}

    assert found("") == {seen.pk, failed.pk}
    assert found("email") == {failed.pk}
    assert found("webhook") == found("unseen") == found("nobody") == set()
    with tenancy.platform(), transaction.atomic():
        young = Notice.objects.exclude(pk__in=[seen.pk, failed.pk]).count()
    assert young == 0
    assert "Could not be handed over" in body(admin_client.get(f"{NOTICES}{failed.pk}/change/"))

    with tenancy.platform(), transaction.atomic():
        Receipt.objects.create(
            merchant_id=failed.merchant_id,
            notice=failed,
            channel="email",
            event="delivered",
            user=cast.owner,
            at=at + dt.timedelta(hours=1),
        )
        (told,) = notices.history(merchant_id=failed.merchant_id)
    assert found("email") == set()
    assert [(each.channel, each.failed) for each in told.channels if each.channel == "email"] == [
        ("email", [])
    ]


def test_a_notice_that_nobody_saw_is_found(admin_client, shops):
    with tenancy.platform(), transaction.atomic():
        notice = Notice.objects.of(shops.bare.pk).get()

    for value in ("unseen", "nobody"):
        assert f"{NOTICES}{notice.pk}/change/" in body(admin_client.get(f"{NOTICES}?reached={value}"))
