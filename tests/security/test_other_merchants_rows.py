"""A merchant's process writes its own merchant's rows only, also where everybody may read."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.db import DatabaseError, ProgrammingError, connection, transaction
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Model

from members.lib import tenant as tenancy
from members.models import ApiKey, Consumer, ConsumerLink, Invitation, Merchant, Role, Staff, User
from members.services import api_keys, staff
from members.services.audit import Actor
from tests.conftest import NOON


@pytest.fixture
def others(cast) -> dict[type[Model], Any]:
    """A row of the other merchant in each table that is read to find the tenant."""
    with tenancy.tenant(cast.other.pk), transaction.atomic():
        key, _secret = api_keys.create_key(
            merchant_id=cast.other.pk, name="Till", scopes=["members:read"], actor=Actor.job("test"), at=NOON
        )
        invitation = staff.invite(
            merchant=cast.other, email="guest@example.com", role=Role.ANALYST, by=cast.outsider, at=NOON
        )
        person = Staff.objects.get(merchant=cast.other, user=cast.outsider)
    return {Merchant: cast.other, Staff: person, Invitation: invitation, ApiKey: key}


CHANGES = {
    Merchant: {"name": "Taken over"},
    Staff: {"role": Role.CASHIER},
    Invitation: {"token_hash": "0" * 64},
    ApiKey: {"scopes": ["orders:write"]},
}


def stored(row: Model) -> dict[str, Any]:
    with tenancy.platform(), transaction.atomic():
        return type(row).objects.filter(pk=row.pk).values().get()


@pytest.mark.parametrize("model", CHANGES)
def test_another_merchants_row_is_found_and_not_changed(cast, others, model):
    row = others[model]
    before = stored(row)

    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        found = model.objects.filter(pk=row.pk).exists()
        changed = model.objects.filter(pk=row.pk).update(**CHANGES[model])
        locked = model.objects.select_for_update().filter(pk=row.pk).exists()

    assert (found, changed, locked) == (True, 0, False)
    assert stored(row) == before


@pytest.mark.parametrize("model", CHANGES)
def test_without_a_merchant_nothing_is_changed(others, model):
    row = others[model]
    before = stored(row)

    with pytest.raises(DatabaseError), tenancy.visitor(), transaction.atomic():
        model.objects.filter(pk=row.pk).update(**CHANGES[model])

    assert stored(row) == before


# Rows that would let the first merchant's clerk into the second shop.
PLANTED: dict[type[Model], dict[str, Any]] = {
    Staff: {"role": Role.OWNER, "joined_at": NOON},
    Invitation: {
        "email": "clerk@example.com",
        "role": Role.OWNER,
        "token_hash": "1" * 64,
        "invited_at": NOON,
        "expires_at": NOON,
    },
    ApiKey: {"name": "Mine", "key_hash": "1" * 64, "scopes": ["members:read"], "created_at": NOON},
}
PERSON = {Staff: "user", Invitation: "invited_by", ApiKey: "created_by"}


@pytest.mark.parametrize("model", PLANTED)
def test_a_row_is_neither_made_for_another_merchant_nor_given_to_it(cast, model):
    def planted(merchant: Merchant) -> Model:
        return model(merchant=merchant, **{PERSON[model]: cast.admin}, **PLANTED[model])

    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        planted(cast.shop).save()
    with tenancy.platform(), transaction.atomic():
        before = list(model.objects.order_by("pk").values())

    with tenancy.tenant(cast.shop.pk):
        for forbidden in (
            lambda: planted(cast.other).save(),
            lambda: model.objects.filter(merchant=cast.shop).update(merchant=cast.other),
        ):
            with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
                forbidden()
    with pytest.raises(DatabaseError), tenancy.visitor(), transaction.atomic():
        planted(cast.other).save()

    with tenancy.platform(), transaction.atomic():
        assert list(model.objects.order_by("pk").values()) == before


@pytest.mark.parametrize("model", [*CHANGES, User])
def test_nothing_of_the_directory_is_deleted_not_even_by_the_platform(cast, others, model):
    with tenancy.platform(), transaction.atomic():
        before = model.objects.count()

    for scope in (tenancy.tenant(cast.other.pk), tenancy.platform()):
        with pytest.raises(ProgrammingError, match="permission denied"), scope, transaction.atomic():
            model.objects.all()._raw_delete("default")

    with tenancy.platform(), transaction.atomic():
        assert model.objects.count() == before > 0


HIDDEN = [
    Consumer,
    ConsumerLink,
    ContentType,
    Group,
    LogEntry,
    MigrationRecorder.Migration,
    Permission,
    User.groups.through,
    User.user_permissions.through,
]


@pytest.mark.parametrize("model", HIDDEN, ids=lambda model: model._meta.db_table)
def test_a_merchants_process_neither_reads_nor_writes_what_is_not_a_merchants(cast, model):
    table, key = model._meta.db_table, model._meta.pk.column
    statements = [
        f"select count(*) from {table}",
        f"insert into {table} default values",
        f"update {table} set {key} = {key}",
        f"delete from {table}",
    ]

    # Who has no tenant may be refused for that already, when the server plans by the row policy.
    nobody = 'permission denied|invalid input syntax for type bigint: ""'
    for scope, refusal in ((tenancy.tenant(cast.shop.pk), "permission denied"), (tenancy.visitor(), nobody)):
        with scope:
            for statement in statements:
                with pytest.raises(DatabaseError, match=refusal), transaction.atomic():
                    connection.cursor().execute(statement)
