"""Sign-up, sign-in, reset and their limits, over HTTP."""

from __future__ import annotations

import re

import pytest
from allauth.account.models import EmailAddress
from django.core import mail as letters
from django.core.cache import cache

from members.lib import tenant as tenancy
from members.models import Merchant, Program, Staff, User
from members.services import people

PASSWORD = "correct horse battery"
FORM = {"shop_name": "燕子谷", "email": "New@Example.com", "password1": PASSWORD, "language": "en"}


@pytest.fixture
def person(db):
    """A person with a verified address who reads English."""
    with tenancy.platform():
        return people.create_person(email="person@example.com", password=PASSWORD, language="en")


@pytest.fixture
def limits(settings):
    """The limits of production; the cache forgets what other tests tried."""
    cache.clear()
    settings.ACCOUNT_RATE_LIMITS = {
        "login": "30/m/ip",
        "login_failed": "20/m/ip,5/5m/key",
        "signup": "10/m/ip",
        "reset_password": "10/m/ip,3/m/key",
    }
    yield
    cache.clear()


def sign_in(client, email="person@example.com", password=PASSWORD):
    return client.post("/accounts/login/", {"login": email, "password": password})


def test_signing_up_makes_the_person_and_their_shop(client, db):
    response = client.post("/accounts/signup/", FORM)

    assert response.status_code == 302 and response.url == "/accounts/confirm-email/"
    with tenancy.platform():
        staff = Staff.objects.select_related("user", "merchant").get()
        assert (staff.user.email, staff.user.language, staff.role) == ("new@example.com", "en", "owner")
        assert (staff.merchant.name, staff.merchant.language) == ("燕子谷", "en")
        assert Program.objects.get(merchant=staff.merchant).status == "draft"


def test_a_code_by_e_mail_confirms_the_address_and_lets_in(client, db):
    client.post("/accounts/signup/", FORM)
    assert client.get("/settings/me").status_code == 302
    code = re.search(r"^([A-Z0-9]{3,4}-?[A-Z0-9]{3,5})\s*$", letters.outbox[0].body, re.MULTILINE)[1]

    response = client.post("/accounts/confirm-email/", {"code": code})

    assert response.status_code == 302 and response.url == "/"
    assert client.get("/settings/me").status_code == 200
    with tenancy.platform():
        assert EmailAddress.objects.get(email="new@example.com").verified


def test_a_wrong_code_lets_nobody_in(client, db):
    client.post("/accounts/signup/", FORM)

    client.post("/accounts/confirm-email/", {"code": "WRONG1"})

    assert client.get("/settings/me").status_code == 302
    with tenancy.platform():
        assert not EmailAddress.objects.get(email="new@example.com").verified


@pytest.mark.parametrize(
    "wrong",
    [
        {"shop_name": "  "},
        {"email": "nonsense"},
        {"password1": "short"},
        {"password1": "1234567890"},
        {"language": "tlh"},
    ],
)
def test_a_wrong_sign_up_makes_nothing(client, db, wrong):
    response = client.post("/accounts/signup/", FORM | wrong)

    assert response.status_code == 200
    assert list(response.context["form"].errors) == list(wrong)
    with tenancy.platform():
        assert not User.objects.exists() and not Merchant.objects.exists()


def test_a_taken_address_is_not_told_to_strangers(client, person):
    response = client.post("/accounts/signup/", FORM | {"email": "person@example.com"})

    assert response.url == "/accounts/confirm-email/"
    assert letters.outbox[0].to == ["person@example.com"]
    with tenancy.platform():
        assert User.objects.count() == 1 and not Merchant.objects.exists()


@pytest.mark.parametrize("language", ["zh-hans", "zh-hant", "en"])
def test_e_mails_are_in_the_receivers_language(client, db, language):
    client.post("/accounts/signup/", FORM | {"language": language}, headers={"accept-language": "en"})

    hello = letters.outbox[0].subject + letters.outbox[0].body
    assert bool(re.search("[一-鿿]", hello)) is (language != "en")


def test_signing_in_goes_home_in_ones_own_language(client, person):
    response = sign_in(client)

    assert response.url == "/" and response.cookies["django_language"].value == "en"
    assert client.get("/shops/new").status_code == 200


def test_a_wrong_password_lets_nobody_in(client, person):
    response = sign_in(client, password="wrong horse battery")

    assert response.status_code == 200 and response.context["form"].errors
    assert client.get("/shops/new").status_code == 302


def test_an_admin_without_a_shop_goes_to_the_platform(client, db):
    with tenancy.platform():
        people.create_person(email="a@example.com", password=PASSWORD, is_admin=True)

    assert sign_in(client, "a@example.com").url == "/platform/"


def test_a_reset_link_works_once(client, person):
    client.post("/accounts/password/reset/", {"email": "person@example.com"})
    link = re.search(r"http\S+", letters.outbox[0].body)[0]
    form = client.get(link, follow=True)
    new = "another horse battery"
    client.post(form.request["PATH_INFO"], {"password1": new, "password2": new})

    client.cookies.clear()
    again = client.get(link, follow=True)

    assert sign_in(client, password=new).url == "/"
    assert again.context.get("token_fail")


def test_too_many_failed_sign_ins_are_paused_with_when_to_try_again(client, person, limits):
    for _try in range(5):
        assert sign_in(client, password="wrong horse battery").status_code == 200

    response = sign_in(client)

    assert response.status_code == 429 and response["Retry-After"] == "300"
    assert client.get("/shops/new").status_code == 302


def test_one_paused_address_leaves_others_alone(client, cast, person, limits):
    for _try in range(6):
        sign_in(client, "owner@example.com", "wrong horse battery")

    assert sign_in(client).url == "/"


def test_too_many_sign_ups_are_paused(client, db, limits):
    for number in range(10):
        client.post("/accounts/signup/", FORM | {"email": f"a{number}@example.com", "password1": "short"})

    response = client.post("/accounts/signup/", FORM)

    assert response.status_code == 429 and int(response["Retry-After"]) > 0
    with tenancy.platform():
        assert not User.objects.exists()


def test_too_many_resets_are_paused(client, person, limits):
    for _try in range(10):
        client.post("/accounts/password/reset/", {"email": f"nobody{_try}@example.com"})

    response = client.post("/accounts/password/reset/", {"email": "person@example.com"})

    assert response.status_code == 429 and int(response["Retry-After"]) > 0
    assert not [letter for letter in letters.outbox if letter.to == ["person@example.com"]]


def test_signing_out_ends_the_session(client, person):
    sign_in(client)

    client.post("/accounts/logout/")

    assert client.get("/shops/new").status_code == 302
