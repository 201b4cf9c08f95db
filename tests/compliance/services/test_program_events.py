"""What endpoints and mail servers are told of a program's fate, once each, with receipts of what came of it."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from django.db import transaction

from compliance.models import Receipt, Run
from compliance.services import appeals, clearance, notices, undoing
from members.lib import tenant as tenancy
from members.lib.webhooks import WebhookEvent
from members.models import OutboxRow, Program, ProgramStatus, WebhookDelivery
from members.services import outbox, webhook_sending, webhooks
from members.services.outbox import MAX_ATTEMPTS
from tests.compliance.services.conftest import JOB, at
from tests.mail_server import mail_server
from tests.receiver import receiving

OURS = [event for event in WebhookEvent.values if event.startswith("program.")]
DAYS = ("2024-05-28", "2024-06-13", "2024-06-20", "2024-06-24", "2024-06-26")


def listen(shop, url: str, events=OURS) -> None:
    with tenancy.tenant(shop.pk):
        webhooks.add_endpoint(merchant_id=shop.pk, at=at("2024-01-01"), actor=JOB, url=url, events=events)


def messages(shop) -> list[tuple[str, dict]]:
    with tenancy.tenant(shop.pk), transaction.atomic():
        rows = WebhookDelivery.objects.of(shop.pk).order_by("id")
        return [(row.event, row.data) for row in rows]


def receipts(shop, channel: str) -> list[tuple[str, str, dt.datetime]]:
    with tenancy.tenant(shop.pk), transaction.atomic():
        rows = Receipt.objects.of(shop.pk).filter(channel=channel).select_related("user").order_by("id")
        return [(row.event, row.user.email if row.user else "", row.at) for row in rows]


def confirm(when: str) -> int:
    with tenancy.platform():
        return notices.confirm(since=at("2024-05-01"), at=at(when))


@pytest.fixture
def url(settings) -> str:
    settings.WEBHOOKS_TO_LOOPBACK = True
    return "http://127.0.0.1:9/hooks"


def test_each_warning_is_told_once_and_the_last_three_are_final_notices(platform, url):
    shop, deaf = platform.shop("2023-10-01"), platform.shop("2023-10-01")
    listen(shop, url)
    listen(deaf, url, events=["member.joined"])

    for _again in range(2):
        for day in DAYS:
            platform.assess(f"{day} 04:00")

    told = [(event, data["days_before"], data["days_left"], data["run_on"]) for event, data in messages(shop)]
    assert told == [
        ("program.at_risk", 30, 30, "2024-06-27"),
        ("program.at_risk", 14, 14, "2024-06-27"),
        ("program.final_notice", 7, 7, "2024-06-27"),
        ("program.final_notice", 3, 3, "2024-06-27"),
        ("program.final_notice", 1, 1, "2024-06-27"),
    ]
    assert messages(deaf) == []


def test_a_closure_and_a_restoration_are_told_once_each(platform, url, make_user):
    shop = platform.shop("2023-10-01", owner=make_user("owner@example.com"))
    listen(shop, url)
    platform.assess("2024-06-13 04:00")
    platform.run("2024-06-27 23:00")
    platform.run("2024-06-27 23:00")
    with tenancy.tenant(shop.pk), transaction.atomic():
        made = appeals.file(merchant_id=shop.pk, at=at("2024-06-28 09:00"), actor=JOB, text="x")
    with tenancy.platform():
        for _again in range(2):
            appeals.decide(
                merchant_id=shop.pk, appeal_id=made.pk, upheld=True, at=at("2024-07-01"), actor=JOB
            )

    assert messages(shop)[1:] == [
        ("program.cleared", {"period": "2024-06", "run_on": "2024-06-27", "days": 270, "policy": 1}),
        ("program.restored", {"status": "open", "protected_until": "2024-07-30T16:00:00+00:00"}),
    ]


def test_an_undone_closure_is_told_by_webhook_and_email(platform, url, make_user):
    shop = platform.shop("2023-10-01", owner=make_user("owner@example.com"))
    listen(shop, url)
    platform.assess("2024-06-13 04:00")
    platform.run("2024-06-27 23:00")
    with tenancy.platform(), transaction.atomic():
        run = Run.objects.get()
    with tenancy.platform():
        undoing.ask(
            run_id=run.pk,
            merchant_ids=None,
            at=at("2024-06-28 10:00"),
            actor=JOB,
            reason="fault",
            confirmed=1,
        )
        undoing.work(run_id=run.pk, now=lambda: at("2024-06-28 10:01"))

    with tenancy.platform(), transaction.atomic():
        assert Program.objects.get(pk=shop.pk).status == ProgramStatus.OPEN
        mails = OutboxRow.objects.filter(merchant_id=shop.pk, key__startswith="undone:")
        assert [row.payload["to"] for row in mails] == ["owner@example.com"]
    assert [event for event, _data in messages(shop)] == [
        "program.at_risk",
        "program.cleared",
        "program.restored",
    ]


def test_a_warning_that_an_endpoint_took_has_its_receipt(platform, settings):
    settings.WEBHOOKS_TO_LOOPBACK = True
    shop = platform.shop("2023-10-01")
    with receiving() as receiver:
        listen(shop, receiver.url())
        platform.assess("2024-06-13 04:00")
        assert confirm("2024-06-13 04:01") == 0
        with tenancy.platform():
            webhook_sending.drain(at=at("2024-06-13 04:02"))

    (taken,) = receiver.requests
    body = json.loads(taken.body)
    assert (body["type"], body["data"]["days_before"]) == ("program.at_risk", 14)
    assert (confirm("2024-06-13 04:03"), confirm("2024-06-13 04:04")) == (1, 0)
    ((event, who, when),) = receipts(shop, "webhook")
    assert (event, who) == ("delivered", "") and when >= at("2024-06-13 04:02")


def test_a_warning_that_no_endpoint_took_is_given_up_with_a_receipt(platform, settings):
    settings.WEBHOOKS_TO_LOOPBACK = True
    shop = platform.shop("2023-10-01")
    with receiving() as receiver:
        receiver.usual = 400
        listen(shop, receiver.url())
        platform.assess("2024-06-13 04:00")
        with tenancy.platform():
            for day in range(15, 30):
                webhook_sending.drain(at=at(f"2024-06-{day} 04:00"))

    assert (confirm("2024-06-30"), confirm("2024-06-30")) == (1, 0)
    assert [event for event, _who, _when in receipts(shop, "webhook")] == ["failed"]


def test_who_got_the_email_and_who_did_not_is_kept_and_the_warning_stands(platform, make_user, settings):
    owner = make_user("owner@example.com")
    shop = platform.shop("2023-10-01", owner=owner)
    make_user("gone@example.com", shop, "manager")
    platform.assess("2024-06-13 04:00")
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_USE_TLS = "127.0.0.1", False
    with mail_server() as server:
        settings.EMAIL_PORT = server.port
        server.refused["gone@example.com"] = "550 no such mailbox"
        with tenancy.platform():
            outbox.drain(at=at("2024-06-13 04:05"))

    assert [address for address, _text in server.taken] == ["owner@example.com"]
    assert (confirm("2024-06-13 04:06"), confirm("2024-06-13 04:07")) == (2, 0)
    assert sorted(receipts(shop, "email")) == [
        ("delivered", "owner@example.com", at("2024-06-13 04:05")),
        ("failed", "gone@example.com", at("2024-06-13 04:06")),
    ]
    platform.run("2024-06-27 23:00")
    with tenancy.platform(), transaction.atomic():
        assert Program.objects.get(pk=shop.pk).status == ProgramStatus.CLEARED


def test_a_mail_server_that_is_full_for_days_is_given_up_and_said(platform, make_user, settings):
    shop = platform.shop("2023-10-01", owner=make_user("owner@example.com"))
    platform.assess("2024-06-13 04:00")
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_USE_TLS = "127.0.0.1", False
    with mail_server() as server:
        settings.EMAIL_PORT = server.port
        server.refused["owner@example.com"] = "452 mailbox full"
        with tenancy.platform():
            outbox.drain(at=at("2024-06-13 04:05"))
            assert confirm("2024-06-13 04:06") == 0  # it is tried again
            for day in range(MAX_ATTEMPTS):
                outbox.drain(at=at("2024-06-14") + dt.timedelta(days=2 * day))

    assert server.taken == []
    assert confirm("2024-07-10") == 1
    assert [event for event, _who, _when in receipts(shop, "email")] == ["failed"]


def test_a_run_that_closes_many_tells_each_endpoint_of_its_own_shop(platform, url):
    shops = [platform.shop("2023-10-01") for _number in range(3)]
    for shop in shops[:2]:
        listen(shop, url, events=["program.cleared"])
    platform.assess("2024-06-13 04:00")
    with tenancy.platform():
        run = clearance.run_now(at=at("2024-06-27 23:00"), actor=JOB)
        clearance.drain(run_id=run.pk, at=at("2024-06-27 23:00"))

    assert [[event for event, _data in messages(shop)] for shop in shops] == [
        ["program.cleared"],
        ["program.cleared"],
        [],
    ]
