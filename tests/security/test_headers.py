"""What every answer carries: the content policy with its nonce, the safety headers, cookies; and what is refused."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from django.conf import settings as configured

from config.checks import PRODUCTION
from config.embedded import BASE_DIR
from members.lib import tenant as tenancy
from tests.conftest import ScopedClient
from tests.factories import shops
from tests.security.routes import Route
from tests.security.test_walk import known, worth_walking
from tests.security.world import TRUSTED, World, undone

INLINE = (
    (re.compile(r"<[a-zA-Z][^>]*\sstyle\s*=", re.S), "a style attribute"),
    (re.compile(r"<[a-zA-Z][^>]*\son[a-z]+\s*=\s*[\"']", re.S), "an event attribute"),
    (re.compile(r"(href|action|src)\s*=\s*[\"']\s*javascript:", re.I), "a javascript: address"),
    (
        re.compile(r"<(script|style)(?![^>]*\b(nonce=|src=|type=\"application/json\"))[^>]*>", re.S),
        "a script or style without nonce",
    ),
    (
        re.compile(r"(src|href)\s*=\s*[\"'](https?:)?//(?!127\.0\.0\.1|testserver)[^\"']*\.(js|css|woff2?)"),
        "a foreign file",
    ),
)


def policy_of(response) -> dict[str, list[str]]:
    """The content policy of an answer by directive."""
    parts = (part.split() for part in response["Content-Security-Policy"].split(";"))
    return {name: values for name, *values in parts}


def answers(world: World, visitor: str):
    """What a visitor gets at every address, with its route; asked for once."""
    if visitor not in world.answers:
        world.answers[visitor] = [
            (route, answer(world, visitor, route)) for route in known() if worth_walking(route, visitor)
        ]
    return world.answers[visitor]


def answer(world: World, visitor: str, route: Route):
    """What a visitor gets at an address, without what it was made of."""
    with undone():
        found = world.visitors[visitor].get(route.path(world.ours))
    found.context = found.templates = None
    return found


def pages(world: World, visitor: str):
    """Every page that a visitor gets, with its route."""
    for route, page in answers(world, visitor):
        if page.get("Content-Type", "").startswith("text/html") and page.status_code != 302:
            yield route, page


@pytest.mark.parametrize("visitor", ["anonymous", "owner", TRUSTED])
def test_every_page_keeps_the_content_policy(world: World, visitor: str):
    wrong, seen, nonces = [], 0, set()

    for route, page in pages(world, visitor):
        seen += 1
        policy, html = policy_of(page), page.content.decode()
        text = page["Content-Security-Policy"]
        if "unsafe" in text or "*" in text or policy["default-src"] != ["'none'"]:
            wrong.append(f"{route.template}: {text}")
        if policy["frame-ancestors"] != ["'none'"] or policy["base-uri"] != ["'none'"]:
            wrong.append(f"{route.template}: may be framed: {text}")
        declared = {value[7:-1] for value in policy["script-src"] if value.startswith("'nonce-")}
        used = set(re.findall(r'<(?:script|style)[^>]*\bnonce="([^"]*)"', html))
        if used and used != declared:
            wrong.append(f"{route.template}: nonces {used} are not {declared}")
        if declared & nonces:
            wrong.append(f"{route.template}: a nonce was used before")
        nonces |= declared
        wrong += [f"{route.template}: {what}: {found[0][:120]}" for pattern, what in INLINE
                  if (found := pattern.search(html))]  # fmt: skip

    assert seen > 5
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("visitor", ["anonymous", "owner", "key of all scopes"])
def test_every_answer_carries_the_safety_headers(world: World, visitor: str):
    wrong = []

    for route, found in answers(world, visitor):
        if visitor.startswith("key") != route.template.startswith("/api/"):
            continue
        expected = {
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Referrer-Policy": "same-origin",
            "Cross-Origin-Opener-Policy": "same-origin",
        }
        wrong += [
            f"{route.template}: {name}: {found.get(name)}"
            for name, value in expected.items()
            if found.get(name) != value
        ]
        if not found.get("X-Request-ID"):
            wrong.append(f"{route.template}: no request id")

    assert not wrong, "\n".join(wrong)


def test_pages_of_signed_in_people_are_kept_by_no_cache(world: World):
    wrong = []

    for route, page in pages(world, "owner"):
        if "/accounts/" not in route.template and "Cookie" not in page.get("Vary", ""):
            wrong.append(f"{route.template}: Vary: {page.get('Vary')}")

    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("get", "/nowhere/", 404),
        ("get", "/members/nobody", 404),
        ("get", "/planted/undeclared", 403),
        ("patch", "/planted/broken", 500),
        ("get", "/api/v1/nowhere", 404),
        ("patch", "/api/v1/program", 405),
    ],
)
def test_errors_are_said_in_words_under_the_same_policy(world: World, settings, method, path, status):
    settings.ROOT_URLCONF = "tests.security.planted"
    with undone():
        answer = getattr(world.visitors["owner"], method)(path)

    text = answer.content.decode()
    assert answer.status_code == status
    assert "Traceback" not in text and "RuntimeError" not in text
    if path.startswith("/api/"):
        assert answer["Content-Type"] == "application/problem+json"
        assert set(answer.json()) >= {"type", "title", "status"}
    else:
        assert "'unsafe" not in answer["Content-Security-Policy"]
        assert not [what for pattern, what in INLINE if pattern.search(text)]
        assert 'nonce=""' not in text.replace(' nonce="" src=', "")
        assert "<h1>" in text


def test_a_foreign_host_is_refused(world: World):
    page = world.visitors["anonymous"].get("/accounts/login/", headers={"host": "evil.example"})

    assert page.status_code == 400
    assert "evil.example" not in page.content.decode()


@pytest.mark.parametrize(
    "target",
    ["//evil.example/", "https://evil.example/", "/\\evil.example", "javascript:alert(1)", "///evil.example"],
)
def test_no_redirect_leaves_the_site(world: World, target: str):
    owner, anonymous = world.visitors["owner"], world.visitors["anonymous"]
    tries = [
        (anonymous, "/accounts/login/", {"login": "owner@ours.example", "password": shops.PASSWORD}),
        (owner, "/preferences/theme", {"theme": "dark"}),
        (owner, "/preferences/language", {"language": "en"}),
        (owner, "/program/", {"name": "Ours"}),
        (owner, "/compliance/receipts", {"notice": world.ours.ids["compliance.Notice"]}),
        (owner, "/compliance/banner/hide", {}),
        (owner, "/compliance/final-notice", {}),
        (owner, "/shops/switch", {"merchant": world.ours.merchant.slug}),
    ]

    for client, path, form in tries:
        cookies = client.cookies.copy()
        with undone():
            answer = client.post(
                f"{path}?next={target}", {**form, "next": target, "go": target}, headers={"referer": target}
            )
        client.cookies = cookies

        assert answer.status_code < 500, path
        location = answer.get("Location", "/")
        assert location.startswith("/") and not location.startswith(("//", "/\\")), f"{path} -> {location}"
        assert "evil.example" not in location.split("?")[0], f"{path} -> {location}"


# ---- sessions and cookies -------------------------------------------------------------------------------------------


def sign_in(client: ScopedClient):
    return client.post("/accounts/login/", {"login": "owner@ours.example", "password": shops.PASSWORD})


def test_signing_in_gives_a_new_session_and_leaves_the_old_one_worthless(world: World):
    with undone():
        planted = ScopedClient(headers={"accept-language": "en"})
        planted.cookies["sessionid"] = "x" * 32
        planted.get("/accounts/login/")
        sign_in(planted)
        fresh = planted.cookies["sessionid"].value

        thief = ScopedClient()
        thief.cookies["sessionid"] = "x" * 32

        assert fresh != "x" * 32
        assert planted.get("/settings/me").status_code == 200
        assert thief.get("/settings/me").status_code == 302


def test_signing_out_ends_the_session_on_the_server(world: World):
    with undone():
        client = ScopedClient()
        sign_in(client)
        copied = client.cookies["sessionid"].value
        client.post("/accounts/logout/")

        thief = ScopedClient()
        thief.cookies["sessionid"] = copied

        assert thief.get("/settings/me").status_code == 302


def test_a_new_password_ends_the_other_sessions(world: World):
    with undone():
        client, elsewhere = ScopedClient(), ScopedClient()
        sign_in(client)
        sign_in(elsewhere)
        assert elsewhere.get("/settings/me").status_code == 200
        new = "another horse battery"

        client.post(
            "/accounts/password/change/",
            {"oldpassword": shops.PASSWORD, "password1": new, "password2": new},
        )

        assert elsewhere.get("/settings/me").status_code == 302


def test_the_sessions_cookie_is_out_of_reach_of_scripts(world: World):
    with undone():
        client = ScopedClient()
        answer = sign_in(client)

    cookie = answer.cookies["sessionid"]
    assert cookie["httponly"] and cookie["samesite"] == "Lax"
    assert configured.CSRF_COOKIE_HTTPONLY
    assert configured.CSRF_COOKIE_SAMESITE == "Lax"


def test_a_form_without_its_token_is_refused_in_words(world: World):
    client = ScopedClient(enforce_csrf_checks=True, headers={"accept-language": "en"})

    page = client.post("/accounts/login/", {"login": "owner@ours.example", "password": shops.PASSWORD})

    assert page.status_code == 403
    assert "page was open for too long" in page.content.decode()


def configured_by(environment: dict[str, str], script: str) -> None:
    """Run a script under settings of an environment of its own."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import django; django.setup()\nfrom django.conf import settings as s\n" + script,
        ],
        cwd=BASE_DIR,
        env={**os.environ, **environment, "DJANGO_SETTINGS_MODULE": "config.settings"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr


def test_under_https_cookies_are_secure_and_browsers_are_told_to_stay():
    script = (
        "assert s.SESSION_COOKIE_SECURE and s.CSRF_COOKIE_SECURE and s.LANGUAGE_COOKIE_SECURE\n"
        "assert s.SECURE_SSL_REDIRECT and s.SECURE_HSTS_SECONDS >= 31536000\n"
        "from django.test import RequestFactory\n"
        "from members.web import preferences\n"
        "for view, form in ((preferences.set_theme, {'theme': 'dark'}),):\n"
        "    answer = view(RequestFactory().post('/', form, secure=True, HTTP_HOST='localhost'))\n"
        "    assert all(cookie['secure'] for cookie in answer.cookies.values()), answer.cookies\n"
    )
    configured_by({"HTTPS": "true"}, script)


@pytest.mark.parametrize(
    ("flags", "header"),
    [
        ({}, "max-age=31536000"),
        ({"HSTS_SUBDOMAINS": "true"}, "max-age=31536000; includeSubDomains"),
        (
            {"HSTS_SUBDOMAINS": "true", "HSTS_PRELOAD": "true"},
            "max-age=31536000; includeSubDomains; preload",
        ),
    ],
)
def test_names_below_the_sites_own_are_bound_to_https_only_when_asked_for(flags, header):
    script = (
        "from django.http import HttpResponse\n"
        "from django.middleware.security import SecurityMiddleware\n"
        "from django.test import RequestFactory\n"
        "answer = SecurityMiddleware(lambda request: HttpResponse())(RequestFactory().get('/', secure=True))\n"
        f"assert answer['Strict-Transport-Security'] == {header!r}, answer['Strict-Transport-Security']\n"
    )
    configured_by({"HTTPS": "true", **flags}, script)


def test_the_deployment_check_is_silent_without_what_binds_names_that_are_not_ours():
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=BASE_DIR,
        env={**os.environ, **PRODUCTION, "LIUSHUI_TESTING": "false"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert "security." not in done.stderr


def test_nobody_is_told_who_has_an_account(world: World):
    client = ScopedClient(headers={"accept-language": "en"})

    def answer(email: str) -> tuple[int, str]:
        with undone():
            page = client.post("/accounts/login/", {"login": email, "password": "wrong horse battery"})
        text = re.sub(r'nonce[-=]"?[^"\' ]+|value="[^"]*"', "", page.content.decode())
        return page.status_code, text

    assert answer("owner@ours.example") == answer("nobody@ours.example")


def test_the_log_in_role_can_do_nothing_by_itself(world: World):
    from django.db import connection, transaction
    from django.db.utils import ProgrammingError

    assert tenancy.current_scope() == tenancy.NOTHING
    with (
        transaction.atomic(),
        pytest.raises(ProgrammingError, match="permission denied"),
        transaction.atomic(),
    ):
        connection.cursor().execute("select count(*) from members_member")
