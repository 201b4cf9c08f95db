"""Warnings: each once, delivered in the inbox, with a receipt; the e-mails follow."""

from __future__ import annotations

import datetime as dt

import pytest
from django.core import mail
from django.db import ProgrammingError, connection, transaction

from compliance.models import Notice, Receipt
from compliance.selectors import standing
from compliance.services import notices
from members.lib import tenant as tenancy
from members.lib.refusals import NotFound
from members.models import OutboxRow
from members.services import outbox
from tests.compliance.services.conftest import at


def sent(shop) -> list[tuple[int, str]]:
    with tenancy.tenant(shop.pk):
        rows = Notice.objects.of(shop).order_by("sent_at")
        return [
            (row.days_before, row.sent_at.astimezone(at("2024-01-01").tzinfo).date().isoformat())
            for row in rows
        ]


def test_a_program_is_warned_at_30_14_7_3_and_1_days_each_once(platform):
    shop = platform.shop("2023-10-01")

    platform.assess_daily("2024-05-25", "2024-06-27")
    platform.assess("2024-06-27 04:00")

    assert sent(shop) == [
        (30, "2024-05-28"),
        (14, "2024-06-13"),
        (7, "2024-06-20"),
        (3, "2024-06-24"),
        (1, "2024-06-26"),
    ]


def test_a_larger_warning_that_was_missed_is_never_sent_later(platform):
    shop = platform.shop("2023-10-01")

    platform.assess("2024-06-18 04:00")
    platform.assess("2024-06-19 04:00")

    assert sent(shop) == [(14, "2024-06-18")]


def test_a_program_with_a_benefit_in_force_is_not_warned(platform):
    shop = platform.shop("2023-10-01")
    platform.coupon(shop, "2024-06-01")

    platform.assess_daily("2024-06-10", "2024-06-20")

    assert sent(shop) == []


def test_a_young_program_is_not_warned_of_a_run_before_its_half_year(platform):
    shop = platform.shop("2024-03-01")

    platform.assess("2024-06-20 04:00")

    assert sent(shop) == []


def test_a_closed_program_is_not_warned(platform):
    shop = platform.shop("2023-10-01")
    platform.close(shop, "2024-06-01")

    platform.assess("2024-06-20 04:00")

    assert sent(shop) == []


def test_a_late_job_warns_with_the_instant_at_which_it_really_delivered(platform):
    shop = platform.shop("2023-10-01")

    platform.assess("2024-06-13 04:00", delivered="2024-06-14 09:00")

    with tenancy.tenant(shop.pk):
        notice = Notice.objects.of(shop).get()
    assert (notice.days_before, notice.sent_at) == (14, at("2024-06-14 09:00"))
    assert platform.run("2024-06-27 23:00")["deferred"] == 1


def test_the_notice_rests_in_the_inbox_with_its_receipt(platform):
    shop = platform.shop("2023-10-01")

    platform.assess("2024-06-13 04:00")

    with tenancy.tenant(shop.pk):
        receipt = Receipt.objects.of(shop).get()
    assert (receipt.channel, receipt.event, receipt.at) == ("inbox", "delivered", at("2024-06-13 04:00"))


def test_owners_and_managers_get_an_email_each_in_their_language(platform, make_user):
    owner = make_user("owner@example.com")
    shop = platform.shop("2023-10-01", owner=owner)
    make_user("manager@example.com", shop, "manager")
    make_user("till@example.com", shop, "cashier")
    with tenancy.platform():
        owner.language = "en"
        owner.save()

    platform.assess("2024-06-13 04:00")
    with tenancy.platform():
        outbox.drain(at=at("2024-06-13 04:05"))
        confirmed = notices.confirm(since=at("2024-06-13"), at=at("2024-06-13 04:06"))
        again = notices.confirm(since=at("2024-06-13"), at=at("2024-06-13 04:06"))

    by_receiver = {message.to[0]: message for message in mail.outbox}
    assert set(by_receiver) == {"owner@example.com", "manager@example.com"}
    assert "2024-06-27" in by_receiver["owner@example.com"].subject
    assert "closes on" in by_receiver["owner@example.com"].subject
    assert (confirmed, again) == (2, 0)
    with tenancy.tenant(shop.pk):
        told = list(Receipt.objects.of(shop).filter(channel="email").values_list("event", "at"))
    assert told == [("delivered", at("2024-06-13 04:05"))] * 2


def test_a_warning_assessed_again_leaves_no_second_email(platform, make_user):
    platform.shop("2023-10-01", owner=make_user("owner@example.com"))

    platform.assess("2024-06-13 04:00")
    platform.assess("2024-06-13 04:00")

    with tenancy.platform():
        assert OutboxRow.objects.filter(topic="email").count() == 1


def test_who_saw_the_popup_is_kept_once_with_the_first_time(platform, make_user):
    one = make_user("one@example.com")
    shop = platform.shop("2023-10-01", owner=one)
    platform.assess("2024-06-13 04:00")
    noon = at("2024-06-13 12:00")

    with tenancy.tenant(shop.pk):
        notice = Notice.objects.of(shop).get()
        seen = {"merchant_id": shop.pk, "public_id": notice.public_id, "channel": "popup", "event": "seen"}
        first = notices.record_receipt(**seen, user_id=one.pk, at=noon)
        second = notices.record_receipt(**seen, user_id=one.pk, at=noon + dt.timedelta(hours=1))

        assert (first, second) == (True, False)
        rows = Receipt.objects.of(shop).filter(channel="popup")
        assert [(row.user_id, row.at) for row in rows] == [(one.pk, noon)]


def test_another_shops_notice_is_not_found(platform, make_user):
    shop, other = platform.shop("2023-10-01"), platform.shop("2023-10-02")
    platform.assess("2024-06-13 04:00")
    with tenancy.tenant(shop.pk):
        public_id = Notice.objects.of(shop).get().public_id

    with tenancy.tenant(other.pk), pytest.raises(NotFound):
        notices.record_receipt(
            merchant_id=other.pk,
            public_id=public_id,
            channel="banner",
            event="seen",
            user_id=None,
            at=at("2024-06-13"),
        )

    with tenancy.platform():
        assert Receipt.objects.filter(channel="banner").count() == 0


def test_a_merchant_can_neither_write_nor_change_a_notice(platform):
    shop = platform.shop("2023-10-01")
    platform.assess("2024-06-13 04:00")

    with tenancy.tenant(shop.pk):
        for forbidden in (
            "update compliance_notice set sent_at = now()",
            "delete from compliance_notice",
            "insert into compliance_notice select * from compliance_notice",
        ):
            with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
                connection.cursor().execute(forbidden)

    assert len(sent(shop)) == 1


def test_new_cover_voids_older_warnings(platform):
    shop = platform.shop("2023-10-01")
    platform.assess("2024-06-13 04:00")
    platform.coupon(shop, "2024-06-20", until="2024-06-21")

    with tenancy.tenant(shop.pk):
        found = standing.find(merchant_id=shop.pk, at=at("2024-06-22"))

        assert found.episode == []
    assert len(sent(shop)) == 1
