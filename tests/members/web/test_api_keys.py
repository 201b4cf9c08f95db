"""API keys over HTTP: shown once, revoked, the shop's own."""

from __future__ import annotations

import re

import pytest

from members.lib import tenant as tenancy
from members.models import ApiKey
from members.selectors import access


@pytest.fixture
def owner(client, cast):
    client.force_login(cast.owner)
    return client


def make(client, **more):
    form = {"name": "Till", "scopes": ["orders:write", "members:read"], "once": "abcd" * 4, **more}
    return client.post("/settings/api-keys/new", form)


def secret_on(page) -> str | None:
    found = re.search(r'value="(ls_[\w-]+)"', page.content.decode())
    return found[1] if found else None


def test_a_new_key_is_shown_once(owner, cast):
    made = make(owner)
    secret = secret_on(owner.get(made.url))

    with tenancy.visitor():
        key = access.api_key(secret=secret)
    assert key.merchant == cast.shop and key.scopes == ["members:read", "orders:write"]
    assert secret_on(owner.get("/settings/api-keys")) is None


def test_pressing_twice_makes_one_key_and_still_shows_it(owner, cast):
    make(owner)
    again = make(owner)

    assert secret_on(owner.get(again.url))
    with tenancy.platform():
        assert ApiKey.objects.count() == 1


def test_the_secret_does_not_lie_in_the_session_in_clear(owner, cast):
    make(owner)

    sealed = str(dict(owner.session.items()))
    secret = secret_on(owner.get("/settings/api-keys"))

    assert secret and secret not in sealed


def test_a_key_without_scopes_is_refused_and_not_made(owner, cast):
    response = make(owner, scopes=[])

    assert response.status_code == 422
    with tenancy.platform():
        assert not ApiKey.objects.exists()


def test_a_revoked_key_is_dead(owner, cast):
    secret = secret_on(owner.get(make(owner).url))
    with tenancy.visitor():
        key = access.api_key(secret=secret)

    owner.post(f"/settings/api-keys/{key.public_id}/revoke")

    with tenancy.visitor():
        assert access.api_key(secret=secret) is None


def test_another_shops_key_is_not_found(owner, client, cast):
    make(owner)
    with tenancy.platform():
        key = ApiKey.objects.get()
    client.force_login(cast.outsider)

    response = client.post(f"/settings/api-keys/{key.public_id}/revoke")

    assert response.status_code == 404
    with tenancy.platform():
        key.refresh_from_db()
    assert key.revoked_at is None
    assert b"Till" not in client.get("/settings/api-keys").content
