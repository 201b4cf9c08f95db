"""The page on which managers change a member's e-mail address and consent."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone

from members.lib import tenant as tenancy
from members.models import AuditRow, Member
from members.services import member_emails
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


def opened(owner, page) -> dict[str, str]:
    """What the form holds as it is shown, for a browser to send back."""
    form = owner.get(f"{page}/email").context["form"]
    shown = {name: form[name].value() for name in form.fields}
    return {name: "on" if value is True else value for name, value in shown.items() if value}


def agree(owner, page, address: str = ADDRESS) -> None:
    said = {"email": address, "new_consent": "on", "new_consent_source": "form of 3 May"}
    owner.post(f"{page}/email", opened(owner, page) | said)


def stop(cast) -> None:
    member = stored(cast)
    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        link = member_emails.stop_link(merchant=cast.shop, member=member)
    Client().post(urlsplit(link).path)
    assert stored(cast).email_stopped_at


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
    agree(owner, page)

    assert stored(cast).email_consent_at and stored(cast).email_consent_source == "form of 3 May"
    assert "checked" in owner.get(f"{page}/email").text
    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        row = AuditRow.objects.of(cast.shop).get(action="member.changed")
    assert row.after == {"fields": ["email", "email_consent"]}

    form = opened(owner, page)
    form.pop("email_consent")
    owner.post(f"{page}/email", form)
    assert (stored(cast).email, stored(cast).email_consent_at) == (ADDRESS, None)
    assert stored(cast).email_stopped_at

    owner.post(f"{page}/email", opened(owner, page) | {"remove": "on"})
    assert stored(cast).email == ""


@pytest.mark.parametrize("more", [{}, {"email": "new@example.com", "new_consent": "on"}, {"remove": "on"}])
def test_a_stop_while_the_page_is_open_is_not_undone_by_saving(owner, page, cast, more):
    agree(owner, page)
    form = opened(owner, page) | more
    assert form["email_consent"] == "on"
    stop(cast)
    before = stored(cast)

    answer = owner.post(f"{page}/email", form | {"new_consent_source": "form of 3 May"})

    assert answer.status_code == 422 and "after you opened this page" in answer.text
    after = stored(cast)
    assert after.email == before.email == ADDRESS and after.email_consent_at is None
    assert after.email_stopped_at == before.email_stopped_at is not None


def test_saving_a_consent_that_was_shown_ticked_records_none_anew(owner, page, cast):
    agree(owner, page)
    before = stored(cast)

    assert owner.post(f"{page}/email", opened(owner, page)).status_code == 302

    after = stored(cast)
    assert before.email_consent_at and after.email_consent_at == before.email_consent_at


def test_a_new_address_does_not_inherit_the_consent_to_the_old_one(owner, page, cast):
    agree(owner, page)
    form = opened(owner, page)
    assert form["email_consent"] == "on" and "new_consent" not in form

    owner.post(f"{page}/email", form | {"email": "new@example.com"})

    assert (stored(cast).email, stored(cast).email_consent_at) == ("new@example.com", None)
    agree(owner, page, "newer@example.com")
    assert stored(cast).email == "newer@example.com" and stored(cast).email_consent_at


def test_a_consent_to_a_new_address_needs_that_address(owner, page, cast):
    owner.post(f"{page}/email", {"email": ADDRESS})

    said = {"new_consent": "on", "new_consent_source": "form of 3 May"}
    answer = owner.post(f"{page}/email", opened(owner, page) | said)

    assert answer.status_code == 422 and "Write the address" in answer.text
    assert stored(cast).email_consent_at is None


def test_a_consent_without_its_source_is_refused_at_its_field_and_nothing_changes(owner, page, cast):
    answer = owner.post(f"{page}/email", {"email": ADDRESS, "new_consent": "on"})

    assert answer.status_code == 422 and "Say where the consent" in answer.text
    assert stored(cast).email == ""


def test_what_is_no_address_is_refused_at_its_field(owner, page, cast):
    answer = owner.post(f"{page}/email", {"email": "wang@"})

    assert answer.status_code == 422 and "is not an e-mail address" in answer.text
    assert stored(cast).email == ""


def test_only_managers_come_here(client, cast, page):
    client.force_login(cast.clerk)

    assert client.get(f"{page}/email").status_code == 403
    assert client.post(f"{page}/email", {"email": ADDRESS}).status_code == 403
    assert stored(cast).email == ""
