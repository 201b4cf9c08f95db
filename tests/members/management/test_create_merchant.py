"""`create_merchant`, and what all commands share: JSON on stdout, an instant, one clear line on stderr."""

from __future__ import annotations

import datetime as dt
import json
from io import StringIO

import pytest
from allauth.account.models import EmailAddress
from django.core.management import CommandError, call_command

from members.lib import tenant as tenancy
from members.models import Merchant, Staff, User
from members.selectors import access


@pytest.fixture
def platform(db):
    with tenancy.platform():
        yield


def run(*arguments: str) -> dict:
    out = StringIO()
    call_command("create_merchant", *arguments, "--json", stdout=out, stderr=StringIO())
    return json.loads(out.getvalue())


def test_a_merchant_is_made_with_its_owner_and_a_first_key(platform):
    result = run("Swallow Valley", "--owner", "New@Example.com", "--at", "2024-06-27T23:00+08:00")

    merchant = Merchant.objects.get(slug=result["merchant"])
    owner = User.objects.get(email="new@example.com")
    assert result["owner"] == "new@example.com" and owner.check_password(result["password"])
    assert access.api_key(secret=result["api_key"]).merchant == merchant
    assert Staff.objects.get(merchant=merchant, user=owner).role == "owner"
    assert merchant.created_at == dt.datetime(2024, 6, 27, 15, tzinfo=dt.UTC)
    assert EmailAddress.objects.get(user=owner).verified


def test_an_existing_person_keeps_their_password(platform, cast):
    result = run("Second Shop", "--owner", "owner@example.com")

    cast.owner.refresh_from_db()
    assert "password" not in result and cast.owner.check_password("correct horse battery")


@pytest.mark.parametrize("arguments", [(" ", "--owner", "new@example.com"), ("Shop", "--owner", "nonsense")])
def test_a_refusal_is_one_line_and_makes_nothing(platform, arguments):
    with pytest.raises(CommandError) as refused:
        run(*arguments)

    assert len(str(refused.value).splitlines()) == 1
    assert not Merchant.objects.exists() and not User.objects.exists()


@pytest.mark.parametrize("at", ["yesterday", "2024-06-27T23:00"])
def test_an_instant_is_aware_or_refused(platform, at):
    with pytest.raises(CommandError, match="2024-06-27T23:00"):
        run("Shop", "--owner", "new@example.com", "--at", at)

    assert not Merchant.objects.exists()


def test_without_json_the_result_is_said_in_words(platform):
    out = StringIO()

    call_command("create_merchant", "Shop", "--owner", "new@example.com", stdout=out)

    assert "Merchant shop was made; its owner is new@example.com." in out.getvalue()
