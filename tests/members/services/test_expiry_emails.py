"""Notices of points that expire go by e-mail to members who agreed, once each, and stop in one step."""

from __future__ import annotations

import datetime as dt
import re
import smtplib

import pytest
from django.core import mail as mailbox
from django.core.mail import EmailMessage
from django.db import transaction
from django.test import Client
from django.utils import translation
from structlog.testing import capture_logs

from members.lib import tenant as tenancy
from members.models import AuditRow, ExpiryEmail, ExpiryNotice, Member, OutboxRow, Program
from members.selectors import points_coming
from members.services import expiry_emails, outbox
from members.services import members as joining
from members.services.member_emails import address_or_none
from tests.members.services.till import JOB, OPENED, Till, at

ROLLING = {"expiry": {"kind": "rolling", "months": 2}}
NIGHT = "2024-02-09"
SENT_AT = at("2024-02-09 03:05")
ADDRESS = "wang@example.com"

pytestmark = pytest.mark.django_db


def change(till: Till, member: str = "m", when: dt.datetime = OPENED, **values) -> Member:
    with tenancy.tenant(till.id), transaction.atomic():
        public_id = Member.objects.of(till.id).get(pk=till.members[member]).public_id
        return joining.change(merchant_id=till.id, at=when, actor=JOB, public_id=public_id, **values)


def agrees(till: Till, member: str = "m", address: str = ADDRESS) -> Member:
    return change(till, member, email=address, email_consent=True, email_consent_source="form at the till")


def shop(**more) -> Till:
    till = Till(rules=ROLLING, **more)
    till.adjust("2024-01-10", 50, "a")  # usable until 10 March
    return till


def drain(when: dt.datetime = SENT_AT) -> outbox.Drained:
    with tenancy.platform():
        return outbox.drain(at=when)


def states(till: Till) -> list[str]:
    with tenancy.tenant(till.id), transaction.atomic():
        return list(ExpiryEmail.objects.of(till.id).order_by("id").values_list("state", flat=True))


def soon(till: Till) -> dict:
    with tenancy.tenant(till.id), transaction.atomic():
        return Program.objects.get(pk=till.id).points_expiring


def link_of(message) -> str:
    (link,) = re.findall(r"http://\S+(/email/stop/\S+)", message.body)
    return link


def test_a_member_who_agreed_gets_one_e_mail_a_notice():
    till = shop()
    agrees(till)

    for _again in range(2):
        till.night(NIGHT)
        drain()

    (message,) = mailbox.outbox
    assert message.to == [ADDRESS]
    assert "50" in message.subject and "2024-03-10" in message.subject and "shop" in message.body
    assert message.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert link_of(message) in message.extra_headers["List-Unsubscribe"]
    assert states(till) == ["sent"]
    assert soon(till)["mailed"] == 1
    with tenancy.tenant(till.id), transaction.atomic():
        member = Member.objects.of(till.id).get()
        seen = points_coming.coming(merchant=member.merchant, member=member, at=SENT_AT)
        assert seen.mailed == {dt.date(2024, 3, 10): SENT_AT}
        assert ExpiryNotice.objects.of(till.id).count() == 1
        assert not any(ADDRESS in str(row.payload) for row in OutboxRow.objects.of(till.id))


def test_it_is_in_the_language_of_the_shop():
    till = shop()
    agrees(till)
    with translation.override("en"):
        till.night(NIGHT)
        drain()

    assert mailbox.outbox[0].subject  # whatever the worker speaks
    with tenancy.tenant(till.id), transaction.atomic():
        notice = ExpiryNotice.objects.of(till.id).get()
        member = Member.objects.of(till.id).get()
        member.merchant.language = "en"
        message = expiry_emails.compose(merchant=member.merchant, member=member, notice=notice, points=50)
    assert message.subject == "50 points at shop can be used until 2024-03-10"


@pytest.mark.parametrize("how", ["no address", "no consent", "consent withdrawn", "another address"])
def test_without_an_address_and_a_consent_to_it_nothing_is_sent(how):
    till = shop()
    if how == "no consent":
        change(till, email=ADDRESS)
    elif how != "no address":
        agrees(till)
    if how == "consent withdrawn":
        change(till, email_consent=False)
    elif how == "another address":
        change(till, email="new@example.com")

    assert till.night(NIGHT)["expiry_notices"] == 1
    drain()

    assert (mailbox.outbox, states(till)) == ([], [])


def test_a_consent_taken_back_before_the_sending_counts():
    till = shop()
    agrees(till)
    till.night(NIGHT)
    change(till, email_consent=False)

    drain()

    assert (mailbox.outbox, states(till)) == ([], ["left_out"])


@pytest.mark.parametrize("late", ["2024-03-11 09:00", "closed"])
def test_a_message_that_is_too_late_or_of_a_closed_program_is_not_sent(late):
    till = shop()
    agrees(till)
    till.night(NIGHT)
    if late == "closed":
        till.close("2024-02-09 03:02")

    drain(SENT_AT if late == "closed" else at(late))

    assert (mailbox.outbox, states(till)) == ([], ["left_out"])


def test_a_worker_killed_before_the_sending_sends_once_when_it_goes_on(monkeypatch):
    till = shop()
    agrees(till)
    till.night(NIGHT)
    whole = EmailMessage.send

    def killed(*_arguments, **_more):
        raise KeyboardInterrupt

    monkeypatch.setattr(EmailMessage, "send", killed)
    with pytest.raises(KeyboardInterrupt):
        drain()
    monkeypatch.setattr(EmailMessage, "send", whole)
    drain(SENT_AT + outbox.LEASE)

    assert (len(mailbox.outbox), states(till)) == (1, ["sent"])


def test_a_worker_killed_after_the_sending_sends_nothing_again(monkeypatch):
    till = shop()
    agrees(till)
    till.night(NIGHT)
    whole = outbox.settle

    def killed(*_arguments, **_more):
        raise KeyboardInterrupt

    monkeypatch.setattr(outbox, "settle", killed)
    with pytest.raises(KeyboardInterrupt):
        drain()
    monkeypatch.setattr(outbox, "settle", whole)
    drain(SENT_AT + outbox.LEASE)

    assert (len(mailbox.outbox), states(till)) == (1, ["sent"])


def test_an_address_that_the_mail_server_refuses_is_not_tried_again(monkeypatch):
    till = shop()
    agrees(till)
    till.night(NIGHT)

    def refused(*_arguments, **_more):
        raise smtplib.SMTPRecipientsRefused({ADDRESS: (550, b"no such user")})

    monkeypatch.setattr(EmailMessage, "send", refused)
    assert (drain().done, drain(SENT_AT + outbox.LEASE).done) == (1, 0)

    assert states(till) == ["refused"]


def failing(monkeypatch, error: Exception) -> None:
    def fails(*_arguments, **_more):
        raise error

    monkeypatch.setattr(EmailMessage, "send", fails)


def test_a_message_that_the_mail_server_refuses_for_good_is_not_tried_again(monkeypatch):
    till = shop()
    agrees(till)
    till.night(NIGHT)
    failing(monkeypatch, smtplib.SMTPDataError(554, f"no mail for {ADDRESS}".encode()))

    assert (drain().done, drain(SENT_AT + outbox.LEASE).done) == (1, 0)
    assert states(till) == ["refused"]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (smtplib.SMTPDataError(451, f"later, {ADDRESS}".encode()), "NotSent: SMTPDataError 451"),
        (
            smtplib.SMTPRecipientsRefused({ADDRESS: (450, b"greylisted")}),
            "NotSent: SMTPRecipientsRefused 450",
        ),
        (ValueError(f"Invalid address {ADDRESS}"), "NotSent: ValueError"),
        (ConnectionRefusedError(111, "Connection refused"), "NotSent: ConnectionRefusedError 111"),
    ],
)
def test_what_hinders_a_message_is_kept_and_logged_without_the_address(monkeypatch, error, said):
    till = shop()
    agrees(till)
    till.night(NIGHT)
    failing(monkeypatch, error)

    with capture_logs() as logs:
        assert drain().failed == 1

    assert states(till) == ["waiting"] and ADDRESS not in str(logs)
    assert [line["error"] for line in logs if line["event"] == "outbox_failed"] == [said.split(": ")[1]]
    with tenancy.tenant(till.id), transaction.atomic():
        assert OutboxRow.objects.of(till.id).get(topic=expiry_emails.TOPIC).last_error == said


@pytest.mark.parametrize(("spent", "says"), [(30, 20), (50, None)])
def test_points_spent_before_the_sending_are_not_in_the_message(spent, says):
    till = shop()
    agrees(till)
    till.night(NIGHT)
    till.redeem("2024-02-09 03:02", spent, "r")

    drain()

    assert states(till) == ["left_out" if says is None else "sent"]
    numbers = [re.findall(r"\d+", message.subject.replace("2024-03-10", "")) for message in mailbox.outbox]
    assert numbers == ([] if says is None else [[str(says)]])


def test_the_thousands_of_a_shop_are_spread_over_minutes(monkeypatch):
    monkeypatch.setattr(expiry_emails, "A_MINUTE", 2)
    till = shop()
    agrees(till)
    for n in range(4):
        till.join(f"n{n}")
        till.adjust("2024-01-10", 5, f"a{n}", f"n{n}")
        agrees(till, f"n{n}", f"n{n}@example.com")
    till.night(NIGHT)

    sent = [drain(at("2024-02-09 03:00") + n * dt.timedelta(minutes=1)).done for n in range(3)]

    assert sent == [2, 2, 1]


class TestStopping:
    def sent_link(self) -> tuple[Till, str]:
        till = shop()
        agrees(till)
        till.night(NIGHT)
        drain()
        return till, link_of(mailbox.outbox[0])

    def member(self, till: Till) -> Member:
        with tenancy.tenant(till.id), transaction.atomic():
            return Member.objects.of(till.id).get(pk=till.members["m"])

    def test_a_mailbox_stops_them_by_one_post_without_signing_in_and_again_changes_nothing(self):
        till, link = self.sent_link()
        client = Client(enforce_csrf_checks=True)

        first = client.post(link, {"List-Unsubscribe": "One-Click"})
        stopped_at = self.member(till).email_stopped_at
        again = client.post(link, {"List-Unsubscribe": "One-Click"})

        assert (first.status_code, again.status_code) == (200, 200)
        member = self.member(till)
        assert (member.email_consent_at, member.email_consent_source) == (None, "form at the till")
        assert stopped_at is not None and member.email_stopped_at == stopped_at
        with tenancy.tenant(till.id), transaction.atomic():
            assert AuditRow.objects.of(till.id).filter(action="member.email_stopped").count() == 1

    def test_looking_at_the_link_changes_nothing_and_shows_no_whole_address(self):
        till, link = self.sent_link()

        page = Client().get(link)

        assert page.status_code == 200 and ADDRESS not in page.content.decode()
        assert self.member(till).email_consent_at is not None

    def test_a_link_that_was_not_made_here_is_none(self):
        till, link = self.sent_link()

        for wrong in (f"{link}x", link.replace(":", ":A", 1), "/email/stop/nothing"):
            assert Client().post(wrong).status_code == 404
        assert self.member(till).email_consent_at is not None

    def test_the_link_of_a_former_address_stops_no_later_one_and_shows_none(self):
        till, link = self.sent_link()
        agrees(till, address="new@example.com")
        before = self.member(till).email_consent_at

        client = Client(headers={"accept-language": "en"})
        looked, posted = client.get(link), client.post(link)

        for answer in (looked, posted):
            assert answer.status_code == 200 and "sends you no more" in answer.text
            assert "example.com" not in answer.text and 'class="form"' not in answer.text
        member = self.member(till)
        assert before and (member.email_consent_at, member.email_stopped_at) == (before, None)
        with tenancy.tenant(till.id), transaction.atomic():
            assert not AuditRow.objects.of(till.id).filter(action="member.email_stopped").exists()

    def test_it_works_while_the_program_is_closed(self):
        till, link = self.sent_link()
        till.close("2024-02-10")

        assert Client().post(link).status_code == 200
        assert self.member(till).email_stopped_at is not None

    def test_joining_again_brings_no_consent_back_and_agreeing_anew_does(self):
        till, link = self.sent_link()
        Client().post(link)
        change(till, email="")
        with tenancy.tenant(till.id):
            joining.join(
                merchant_id=till.id, at=SENT_AT, actor=JOB, channel="web", external_id="m",
                email=ADDRESS, email_consent=True, email_consent_source="list",
            )  # fmt: skip
        assert self.member(till).email_consent_at is None

        agrees(till)
        assert (self.member(till).email_consent_at, self.member(till).email_stopped_at) == (OPENED, None)


def test_what_is_no_address_is_none():
    assert address_or_none(" Wang@Example.COM ") == ADDRESS
    for text in ("", "w***@example.com", "wang", "wang@", f"{'a' * 300}@example.com"):
        assert address_or_none(text) == ""
