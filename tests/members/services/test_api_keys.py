"""API keys: shown once, stored as a hash, revoked for good."""

from __future__ import annotations

import pytest

from members.lib import tenant as tenancy
from members.lib.refusals import Conflict, Invalid, NotFound
from members.lib.scopes import Scope
from members.models import ApiKey, AuditRow
from members.selectors import access
from members.services import api_keys
from members.services.audit import Actor
from tests.conftest import NOON

JOB = Actor.job("test")


@pytest.fixture
def shop(cast):
    with tenancy.tenant(cast.shop.pk):
        yield cast.shop


def make(shop, **more):
    values = {"name": "Till", "scopes": [Scope.ORDERS_WRITE], "actor": JOB, "at": NOON, **more}
    return api_keys.create_key(merchant_id=shop.pk, **values)


def test_a_key_opens_its_shop_and_is_stored_as_a_hash(shop):
    key, secret = make(shop)

    found = access.api_key(secret=secret)

    assert found.pk == key.pk and found.merchant == shop
    assert secret not in {key.key_hash, key.prefix} and secret.startswith(key.prefix)
    assert not ApiKey.objects.filter(key_hash__icontains=secret).exists()


def test_a_revoked_key_opens_nothing(shop):
    key, secret = make(shop)

    api_keys.revoke_key(merchant_id=shop.pk, public_id=key.public_id, actor=JOB, at=NOON)
    api_keys.revoke_key(merchant_id=shop.pk, public_id=key.public_id, actor=JOB, at=NOON)

    assert access.api_key(secret=secret) is None
    assert AuditRow.objects.filter(action="api_key.revoked").count() == 1


def test_another_shops_key_is_not_found(shop, cast):
    with tenancy.tenant(cast.other.pk):
        theirs, _secret = make(cast.other)

    with pytest.raises(NotFound):
        api_keys.revoke_key(merchant_id=shop.pk, public_id=theirs.public_id, actor=JOB, at=NOON)

    theirs.refresh_from_db()
    assert theirs.revoked_at is None


@pytest.mark.parametrize(
    "wrong", [{"name": "  "}, {"scopes": []}, {"scopes": ["orders:write", "everything:do"]}]
)
def test_a_key_needs_a_name_and_known_scopes(shop, wrong):
    with pytest.raises(Invalid):
        make(shop, **wrong)

    assert not ApiKey.objects.exists()


def test_the_same_request_twice_makes_one_key(shop):
    first, secret = make(shop, public_id="abcd" * 4)

    second, nothing = make(shop, public_id="abcd" * 4)

    assert (second.pk, nothing) == (first.pk, "") and secret


def test_a_shop_has_a_limited_number_of_live_keys(shop):
    keys = [make(shop)[0] for _ in range(api_keys.MAX_LIVE_KEYS)]

    with pytest.raises(Conflict):
        make(shop)

    assert ApiKey.objects.count() == len(keys)
    api_keys.revoke_key(merchant_id=shop.pk, public_id=keys[0].public_id, actor=JOB, at=NOON)
    assert make(shop)[1]


def test_use_is_noted_once_a_day(shop, django_assert_num_queries):
    key, _secret = make(shop)

    with django_assert_num_queries(1):
        api_keys.note_use(key=key, on=NOON.date())
        api_keys.note_use(key=key, on=NOON.date())

    key.refresh_from_db()
    assert key.last_used_on == NOON.date()
