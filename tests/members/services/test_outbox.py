"""The outbox: what a transaction left is handed over once it committed, tried again with growing pauses."""

from __future__ import annotations

import datetime as dt
import threading

import pytest
from django.core import mail as letters
from django.db import connection, transaction

from members.lib import tenant as tenancy
from members.models import Merchant, OutboxRow, User
from members.services import mail, outbox
from members.tasks.outbox import drain_outbox
from tests.conftest import NOON

MINUTE = dt.timedelta(minutes=1)


def leave(cast, key: str = "k", **more):
    with tenancy.tenant(cast.shop.pk):
        return mail.leave_email(
            merchant_id=cast.shop.pk,
            key=key,
            to="owner@example.com",
            template="members/staff/email/invitation",
            context={"inviter": "Somebody", "role": "Cashier", "link": "https://x"},
            at=NOON,
            **more,
        )


def drain(at=NOON):
    with tenancy.platform():
        return outbox.drain(at=at)


def only_row() -> OutboxRow:
    with tenancy.platform():
        return OutboxRow.objects.get()


@pytest.fixture
def topic(monkeypatch):
    """A topic of the test's own; what it is told to do is done at each hand-over."""
    seen = []

    def prepare(merchant_id, payload, at):
        def send():
            seen.append(payload)
            if payload.get("fails"):
                raise OSError("the other side is down")

        return send

    monkeypatch.setitem(outbox.HANDLERS, "test", prepare)
    return seen


def leave_test(cast, **payload):
    with tenancy.tenant(cast.shop.pk):
        return outbox.leave(merchant_id=cast.shop.pk, topic="test", key="k", payload=payload, at=NOON)


def test_what_was_left_is_handed_over_once(cast):
    leave(cast)

    first, second = drain(), drain()

    assert (first.done, second.done) == (1, 0)
    assert [letter.to for letter in letters.outbox] == [["owner@example.com"]]
    assert only_row().done_at == NOON


def test_the_same_key_is_left_once(cast):
    made = [leave(cast), leave(cast)]

    drain()

    assert made[0] is not None and made[1] is None
    assert len(letters.outbox) == 1


def test_a_message_that_became_stale_is_not_sent(cast):
    leave(cast, until=NOON + MINUTE)

    report = drain(at=NOON + MINUTE)

    assert report.done == 1 and letters.outbox == []


@pytest.mark.parametrize(("mine", "shops", "expected"), [("en", "zh-hant", "en"), ("", "zh-hant", "zh-hant")])
def test_the_language_is_the_receivers_else_the_shops(cast, mine, shops, expected):
    with tenancy.platform():
        User.objects.filter(email="owner@example.com").update(language=mine)
        Merchant.objects.filter(pk=cast.shop.pk).update(language=shops)
        shop = Merchant.objects.get(pk=cast.shop.pk)

        language = mail.language_for(email="Owner@example.com", merchant=shop)

    assert language == expected


def test_a_failure_is_tried_again_after_pauses_that_grow(cast, topic):
    leave_test(cast, fails=True)
    at, waits = NOON, []

    for _attempt in range(outbox.MAX_ATTEMPTS):
        assert drain(at=at).failed == 1
        row = only_row()
        waits.append(row.due_at - at)
        assert drain(at=row.due_at - MINUTE / 60).failed == 0
        at = row.due_at

    assert waits == sorted(waits) and waits[0] == MINUTE and waits[-1] == dt.timedelta(days=1)
    assert len(topic) == outbox.MAX_ATTEMPTS
    assert drain(at=at).failed == 0  # given up: the row stays open with its error
    assert only_row().done_at is None and "the other side is down" in only_row().last_error


def test_a_message_that_fails_leaves_no_address_behind(cast, monkeypatch):
    def fails(*_arguments, **_more):
        raise ValueError("Invalid address owner@example.com")

    monkeypatch.setattr(letters.EmailMessage, "send", fails)
    leave(cast)

    assert drain().failed == 1
    assert only_row().last_error == "NotSent: ValueError"


def test_a_worker_that_died_leaves_a_row_for_the_next(cast, topic):
    leave_test(cast)
    with tenancy.platform():
        outbox.claim(at=NOON)  # and then the power fails

    assert drain(at=NOON + outbox.LEASE - MINUTE).done == 0
    assert drain(at=NOON + outbox.LEASE).done == 1
    assert len(topic) == 1


def test_one_bad_row_does_not_hold_up_the_others(cast, topic):
    with tenancy.tenant(cast.shop.pk):
        for key, fails in (("a", True), ("b", False)):
            outbox.leave(merchant_id=cast.shop.pk, topic="test", key=key, payload={"fails": fails}, at=NOON)
        outbox.leave(merchant_id=cast.shop.pk, topic="unheard of", key="c", payload={}, at=NOON)

    report = drain()

    assert (report.done, report.failed) == (1, 2)


def test_the_sweep_wakes_the_task_only_when_something_is_due(
    cast, topic, monkeypatch, django_capture_on_commit_callbacks
):
    sent = []
    monkeypatch.setattr(outbox.queue.current_app, "send_task", lambda name, **_: sent.append(name))
    with tenancy.platform(), django_capture_on_commit_callbacks(execute=True):
        assert outbox.sweep(at=NOON) is False
    leave_test(cast)
    with tenancy.platform(), django_capture_on_commit_callbacks(execute=True):
        assert outbox.sweep(at=NOON) is True

    assert sent == ["members.outbox"]


@pytest.mark.django_db(transaction=True)
def test_two_workers_hand_over_each_row_once(cast, topic):
    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        for number in range(40):
            outbox.leave(
                merchant_id=cast.shop.pk, topic="test", key=str(number), payload={"n": number}, at=NOON
            )

    def work():
        drain_outbox()
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(payload["n"] for payload in topic) == list(range(40))
    with tenancy.platform(), transaction.atomic():
        assert not OutboxRow.objects.filter(done_at=None).exists()


def test_a_rolled_back_transaction_leaves_nothing(cast):
    def fail_after_leaving():
        with transaction.atomic():
            leave(cast)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), tenancy.tenant(cast.shop.pk):
        fail_after_leaving()

    with tenancy.platform():
        assert not OutboxRow.objects.exists()
