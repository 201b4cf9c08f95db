"""The page on which managers change a member's e-mail address and consent."""

from __future__ import annotations

import pytest
from django.db import transaction
from django.utils import timezone

from members.lib import tenant as tenancy
from members.models import AuditRow, Member
from tests.factories import ledger

ADDRESS = "wang@example.com"


@pytest.fixture
def page(cast) -> str:
    ledger.open_shop(cast.shop, timezone.now())
    return f"/members/{ledger.join(cast.shop, timezone.now()).public_id}"


@pytest.fixture
def owner(client, cast, page):
    client.force_login(cast.owner)
    client.cookies["django_language"] = "en"
    return client


def stored(cast) -> Member:
    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        return Member.objects.of(cast.shop).get()


def test_the_consent_is_not_ticked_and_an_address_alone_is_none(owner, page, cast):
    assert "checked" not in owner.get(f"{page}/email").text

    owner.post(f"{page}/email", {"email": ADDRESS})

    assert (stored(cast).email, stored(cast).email_consent_at) == (ADDRESS, None)
    shown = owner.get(page).text
    assert "w***@example.com" in shown and ADDRESS not in shown and "not given" in shown


def test_a_consent_is_kept_with_its_time_and_source_and_can_be_taken_back(owner, page, cast):
    said = {"email": ADDRESS, "email_consent": "on", "email_consent_source": "form of 3 May"}
    owner.post(f"{page}/email", said)

    assert stored(cast).email_consent_at and stored(cast).email_consent_source == "form of 3 May"
    assert "checked" in owner.get(f"{page}/email").text
    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        row = AuditRow.objects.of(cast.shop).get(action="member.changed")
    assert row.after == {"fields": ["email", "email_consent"]}

    owner.post(f"{page}/email", {"email": ""})
    assert (stored(cast).email, stored(cast).email_consent_at) == (ADDRESS, None)
    assert stored(cast).email_stopped_at

    owner.post(f"{page}/email", {"remove": "on"})
    assert stored(cast).email == ""


def test_a_consent_without_its_source_is_refused_at_its_field_and_nothing_changes(owner, page, cast):
    answer = owner.post(f"{page}/email", {"email": ADDRESS, "email_consent": "on"})

    assert answer.status_code == 422 and "Say where the consent" in answer.text
    assert stored(cast).email == ""


def test_only_managers_come_here(client, cast, page):
    client.force_login(cast.clerk)

    assert client.get(f"{page}/email").status_code == 403
    assert client.post(f"{page}/email", {"email": ADDRESS}).status_code == 403
    assert stored(cast).email == ""
