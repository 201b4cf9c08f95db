"""Webhooks over HTTP: the secret shown once, the log, sending again, deleting; owners and managers only."""

from __future__ import annotations

import re

import pytest
from django.db import transaction
from django.utils import timezone

from members.lib import tenant as tenancy
from members.models import Role, Staff, User, WebhookDelivery, WebhookEndpoint
from members.services import points, webhook_sending
from tests.api import JOB, join, open_shop
from tests.conftest import NOON
from tests.receiver import receiving

LIST = "/settings/webhooks"


@pytest.fixture(autouse=True)
def in_english(client):
    """The browser reads English."""
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"


@pytest.fixture
def owner(client, cast):
    client.force_login(cast.owner)
    return client


@pytest.fixture
def receiver(settings):
    settings.WEBHOOKS_TO_LOOPBACK = True
    with receiving() as found:
        yield found


@pytest.fixture
def sent(owner, cast, receiver):
    """A webhook that was sent one message."""
    open_shop(cast.shop)
    make(owner, receiver.url())
    with tenancy.tenant(cast.shop.pk):
        points.adjust(
            merchant_id=cast.shop.pk,
            at=timezone.now(),
            actor=JOB,
            member_id=join(cast.shop, "ann").pk,
            points=5,
            key="a",
            reason="given",
        )
    work()
    return endpoint(), delivery()


def work():
    with tenancy.platform():
        webhook_sending.drain(at=timezone.now())


def endpoint():
    with tenancy.platform(), transaction.atomic():
        return WebhookEndpoint.objects.get()


def delivery():
    with tenancy.platform(), transaction.atomic():
        return WebhookDelivery.objects.get()


def make(client, url="https://shop.example/hooks", **more):
    form = {"url": url, "events": ["points.changed"], "once": "abcd" * 4, **more}
    return client.post(f"{LIST}/new", form)


def secret_on(page) -> str | None:
    found = re.search(r'value="(whsec_[\w+/=]+)"', page.content.decode())
    return found[1] if found else None


def test_a_new_webhooks_secret_is_shown_once(owner):
    made = make(owner)

    secret = secret_on(owner.get(made.url))

    assert secret == endpoint().secret
    assert secret_on(owner.get(LIST)) is None
    assert "https://shop.example/hooks" in owner.get(LIST).content.decode()


def test_pressing_twice_adds_one_and_still_shows_its_secret(owner):
    make(owner)
    again = make(owner)

    assert secret_on(owner.get(again.url)) == endpoint().secret


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"url": "http://shop.example/"}, "begins with https://"),
        ({"url": "https://192.168.1.1/"}, "private network"),
        ({"events": []}, "Choose at least one event."),
        ({"events": ["shop.burned"]}, "shop.burned"),
        ({"url": ""}, "This field is required."),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_added(owner, form, told):
    page = make(owner, **form)

    assert page.status_code == 422 and told in page.content.decode()
    with tenancy.platform():
        assert not WebhookEndpoint.objects.exists()


def test_the_log_shows_what_was_sent_and_what_was_answered(owner, receiver, sent):
    webhook, message = sent
    receiver.answers = [500]
    with tenancy.platform(), transaction.atomic():
        WebhookDelivery.objects.update(done_at=None, due_at=timezone.now())
    work()

    page = owner.get(f"{LIST}/{webhook.public_id}").content.decode()

    assert f"msg_{message.public_id}" in page and "points.changed" in page and "Delivered" not in page
    assert "Will be tried again" in page and "The answer says no." in page
    assert re.search(r"HTTP 500 after \d+ ms", page) and re.search(r"HTTP 204 after \d+ ms", page)
    assert "does not answer" in page and "&quot;available&quot;: 5" in page


def test_a_message_is_sent_again_by_its_button(owner, receiver, sent):
    webhook, message = sent

    answer = owner.post(f"{LIST}/messages/{message.public_id}/again")
    work()

    assert answer.url == f"{LIST}/{webhook.public_id}"
    ids = [taken.headers["webhook-id"] for taken in receiver.requests]
    assert ids == [f"msg_{message.public_id}"] * 2


def test_a_deleted_webhook_is_gone_and_sent_nothing(owner, receiver, sent):
    webhook, message = sent
    page = owner.get(f"{LIST}/{webhook.public_id}").content.decode()
    assert f'action="{LIST}/{webhook.public_id}/delete"' in page and 'role="alertdialog"' in page

    answer = owner.post(f"{LIST}/{webhook.public_id}/delete")

    assert answer.url == LIST and endpoint().deleted_at is not None
    assert owner.get(f"{LIST}/{webhook.public_id}").status_code == 404
    again = owner.post(f"{LIST}/messages/{message.public_id}/again", follow=True)
    assert "was deleted" in again.content.decode()
    work()
    assert len(receiver.requests) == 1


def test_looking_deletes_and_sends_nothing(owner, receiver, sent):
    webhook, message = sent

    assert owner.get(f"{LIST}/{webhook.public_id}/delete").status_code == 405
    assert owner.get(f"{LIST}/messages/{message.public_id}/again").status_code == 405
    assert endpoint().deleted_at is None


def test_another_shops_webhook_is_not_found(client, cast, sent):
    webhook, message = sent
    client.force_login(cast.outsider)

    assert client.get(f"{LIST}/{webhook.public_id}").status_code == 404
    assert client.post(f"{LIST}/{webhook.public_id}/delete").status_code == 404
    assert client.post(f"{LIST}/messages/{message.public_id}/again").status_code == 404
    assert b"127.0.0.1:" not in client.get(LIST).content
    assert endpoint().deleted_at is None


@pytest.mark.parametrize(
    ("role", "may"),
    [
        (Role.OWNER, True),
        (Role.MANAGER, True),
        (Role.OPERATOR, False),
        (Role.CASHIER, False),
        (Role.ANALYST, False),
    ],
)
def test_owners_and_managers_look_after_webhooks(client, cast, role, may):
    with tenancy.platform():
        person = User.objects.create_user("somebody@example.com", "x")
        Staff.objects.create(merchant=cast.shop, user=person, role=role, joined_at=NOON)
    client.force_login(person)

    assert client.get(LIST).status_code == (200 if may else 403)
    assert make(client).status_code == (302 if may else 403)
    with tenancy.platform():
        assert WebhookEndpoint.objects.exists() is may
