"""The tenancy shell: a transaction has its scope's role and rows, or nothing at all."""

from __future__ import annotations

import threading

import pytest
from django.db import IntegrityError, ProgrammingError, connection, connections, transaction
from django.db.utils import DataError, InternalError

from config.postgres.base import NAMES
from members.lib import tenant as tenancy
from members.models import AuditRow, Store, User
from members.services import audit
from members.services.audit import Actor
from tests.conftest import NOON


def role_and_merchant() -> tuple[str, str]:
    with connection.cursor() as cursor:
        cursor.execute("select current_user, current_setting('app.merchant_id', true)")
        return cursor.fetchone()


def test_the_log_in_role_can_do_nothing_by_itself(db):
    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        User.objects.count()


def test_a_merchant_sees_its_own_rows_only(cast):
    with tenancy.tenant(cast.shop.pk):
        seen = set(Store.objects.values_list("merchant_id", flat=True))

    assert seen == {cast.shop.pk}


def test_the_platform_sees_every_merchants_rows(cast):
    with tenancy.platform():
        seen = set(Store.objects.values_list("merchant_id", flat=True))

    assert seen == {cast.shop.pk, cast.other.pk}


def test_forgetting_the_tenant_is_an_error_not_an_empty_page(cast):
    with tenancy.visitor(), pytest.raises((DataError, ProgrammingError)), transaction.atomic():
        list(Store.objects.all())


def test_a_row_for_another_merchant_is_refused(cast):
    with tenancy.tenant(cast.shop.pk):
        with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
            Store.objects.create(merchant=cast.other, code="x", name="x")

        assert not Store.objects.filter(code="x").exists()
    with tenancy.platform():
        assert not Store.objects.filter(code="x").exists()


def test_leaving_a_scope_restores_the_one_before_in_the_same_transaction(cast):
    with tenancy.tenant(cast.shop.pk):
        with tenancy.platform():
            inner = role_and_merchant()
        outer = role_and_merchant()

    assert inner[0].endswith("_platform") and outer == (NAMES.app, str(cast.shop.pk))


def test_an_aborted_transaction_leaves_the_scope_without_a_word(cast):
    with (
        tenancy.tenant(cast.shop.pk),
        pytest.raises(ProgrammingError),
        transaction.atomic(),
        tenancy.tenant(cast.other.pk),
    ):
        connection.cursor().execute("select nothing from nowhere")

    with tenancy.tenant(cast.shop.pk):
        assert role_and_merchant()[1] == str(cast.shop.pk)


def test_the_audit_log_cannot_be_changed(cast):
    with tenancy.tenant(cast.shop.pk):
        before = AuditRow.objects.count()
        for forbidden in ("update members_auditrow set reason = 'x'", "delete from members_auditrow"):
            with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
                connection.cursor().execute(forbidden)

        assert AuditRow.objects.count() == before > 0


@pytest.mark.django_db(databases=["default", "owner"], transaction=True)
def test_not_even_the_owner_changes_the_audit_log(cast):
    with pytest.raises((IntegrityError, InternalError), match="never changed"):
        connections["owner"].cursor().execute("update members_auditrow set reason = 'x'")


@pytest.mark.django_db(transaction=True)
def test_nothing_of_a_scope_outlives_its_transaction(cast):
    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        inside = role_and_merchant()

    assert inside == (NAMES.app, str(cast.shop.pk))
    assert role_and_merchant() == (NAMES.web, "")


@pytest.mark.django_db(transaction=True)
def test_a_failing_hook_leaves_no_half_open_transaction(cast, monkeypatch):
    def broken(scope):
        raise RuntimeError("the hook failed")

    wrapper = connections["default"]
    monkeypatch.setattr(wrapper, "send_scope", broken)
    with pytest.raises(RuntimeError), tenancy.tenant(cast.shop.pk), transaction.atomic():
        pytest.fail("the block must not be entered")
    monkeypatch.undo()

    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        Store.objects.create(merchant=cast.shop, code="after", name="after")
    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        assert Store.objects.filter(code="after").exists()


@pytest.mark.django_db(transaction=True)
def test_threads_have_scopes_of_their_own(cast):
    seen = {}

    def look(shop):
        with tenancy.tenant(shop.pk), transaction.atomic():
            seen[shop.pk] = set(Store.objects.values_list("merchant_id", flat=True))
        connection.close()

    threads = [threading.Thread(target=look, args=(shop,)) for shop in (cast.shop, cast.other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert seen == {cast.shop.pk: {cast.shop.pk}, cast.other.pk: {cast.other.pk}}


def test_an_audit_row_says_who_what_and_why(cast):
    with tenancy.tenant(cast.shop.pk):
        audit.record(
            merchant_id=cast.shop.pk,
            at=NOON,
            actor=Actor.person(cast.owner),
            action="x.changed",
            subject=("x", 1),
            before={"a": 1},
            after={"a": 2},
            reason="because",
        )
        row = AuditRow.objects.get(action="x.changed")

    assert (row.actor_label, row.before, row.after, row.reason) == ("Owner", {"a": 1}, {"a": 2}, "because")
