"""The second factor: set up with an authenticator app, asked for at sign-in, required on the platform."""

from __future__ import annotations

import base64
import hmac
import time

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth import get_user
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.cache import cache
from django.http import HttpResponse
from django.test import RequestFactory

from members.lib import tenant as tenancy
from members.services import people
from members.web.second_factor import requires_second_factor

PASSWORD = "correct horse battery"


@pytest.fixture
def admin(db):
    with tenancy.platform():
        return people.create_person(email="a@example.com", password=PASSWORD, is_admin=True, language="en")


def code_of(secret: str) -> str:
    """What an authenticator app shows now (RFC 6238)."""
    counter = int(time.time()) // 30
    digest = hmac.digest(base64.b32decode(secret), counter.to_bytes(8, "big"), "sha1")
    offset = digest[-1] & 15
    return f"{(int.from_bytes(digest[offset : offset + 4], 'big') & 0x7FFFFFFF) % 10**6:06d}"


def sign_in(client, email="a@example.com"):
    return client.post("/accounts/login/", {"login": email, "password": PASSWORD})


def set_up(client) -> str:
    """Activate an authenticator app over the pages; returns its secret."""
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    secret = client.get("/accounts/2fa/totp/activate/").context["form"].secret
    response = client.post("/accounts/2fa/totp/activate/", {"code": code_of(secret)})
    assert response.status_code == 302, response.context["form"].errors
    return secret


def platform_answer(client) -> HttpResponse | None:
    """What a platform page would answer to this client's session."""
    request = RequestFactory().get("/platform/")
    request.COOKIES = {name: cookie.value for name, cookie in client.cookies.items()}
    SessionMiddleware(lambda r: None).process_request(request)
    MessageMiddleware(lambda r: None).process_request(request)
    with tenancy.platform():
        request.user = get_user(request)
        request.csp_nonce = ""
        return requires_second_factor(request)


def test_a_stranger_is_sent_to_sign_in(client, admin):
    assert platform_answer(client).url == "/accounts/login/?next=%2Fplatform%2F"


def test_who_is_no_admin_may_not_enter(client, cast):
    client.force_login(cast.owner)

    assert platform_answer(client).status_code == 403


def test_an_admin_without_a_second_factor_is_sent_to_set_it_up(client, admin):
    sign_in(client)

    assert platform_answer(client).url == "/accounts/2fa/totp/activate/?next=%2Fplatform%2F"


def test_an_admin_who_set_it_up_shows_a_code_and_enters(client, admin):
    sign_in(client)
    secret = set_up(client)
    client.post("/accounts/logout/")
    cache.clear()  # a code is refused for half a minute after its use; the test does not wait

    first = sign_in(client)
    before = client.get("/settings/me")
    client.post("/accounts/2fa/authenticate/", {"code": code_of(secret)})

    assert first.url == "/accounts/2fa/authenticate/" and before.status_code == 302
    assert platform_answer(client) is None


def test_a_session_without_a_code_is_asked_for_one(client, admin):
    sign_in(client)
    set_up(client)
    client.force_login(admin, backend="django.contrib.auth.backends.ModelBackend")
    session = client.session
    session["account_authentication_methods"] = []
    with tenancy.visitor():
        session.save()

    assert platform_answer(client).url == "/accounts/2fa/reauthenticate/?next=%2Fplatform%2F"


def test_a_recovery_code_lets_in_once(client, admin):
    sign_in(client)
    set_up(client)
    with tenancy.platform():
        codes = Authenticator.objects.get(type="recovery_codes").wrap().get_unused_codes()
    client.post("/accounts/logout/")
    sign_in(client)
    client.post("/accounts/2fa/authenticate/", {"code": codes[0]})
    entered = platform_answer(client)
    client.post("/accounts/logout/")
    sign_in(client)

    again = client.post("/accounts/2fa/authenticate/", {"code": codes[0]})

    assert entered is None
    assert again.status_code == 200 and again.context["form"].errors


def test_secrets_are_sealed_in_the_database(client, admin):
    sign_in(client)
    secret = set_up(client)

    with tenancy.platform():
        row = Authenticator.objects.get(type="totp")
    cache.clear()
    assert secret not in str(row.data) and row.wrap().validate_code(code_of(secret))


def test_a_wrong_code_sets_nothing_up(client, admin):
    sign_in(client)
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    client.get("/accounts/2fa/totp/activate/")

    response = client.post("/accounts/2fa/totp/activate/", {"code": "000000"})

    assert response.context["form"].errors
    with tenancy.platform():
        assert not Authenticator.objects.exists()


@pytest.mark.parametrize(
    "path",
    ["/accounts/2fa/", "/accounts/2fa/recovery-codes/", "/accounts/email/", "/accounts/password/change/"],
)
def test_the_pages_of_ones_account_open_in_our_frame(client, admin, path):
    sign_in(client)
    set_up(client)

    response = client.get(path)

    assert response.status_code == 200 and b"plain-main" in response.content


def test_a_demo_spares_the_second_factor_and_only_a_demo(client, admin, settings, tmp_path):
    settings.DEMO, settings.DATA_DIR = True, tmp_path
    (tmp_path / "demo-accounts.json").write_text('[{"account": "a@example.com", "label": "Admin"}]')
    response = client.post("/demo/sign-in", {"account": "a@example.com"})
    spared = platform_answer(client)
    settings.DEMO = False

    assert response.url == "/platform/" and spared is None
    assert platform_answer(client).url.startswith("/accounts/2fa/totp/activate/")


def test_signing_in_with_a_password_is_not_spared(client, admin, settings, tmp_path):
    settings.DEMO, settings.DATA_DIR = True, tmp_path
    (tmp_path / "demo-accounts.json").write_text('[{"account": "a@example.com", "label": "Admin"}]')
    client.post("/demo/sign-in", {"account": "a@example.com"})
    client.post("/accounts/logout/")
    sign_in(client)

    assert platform_answer(client).url.startswith("/accounts/2fa/totp/activate/")
