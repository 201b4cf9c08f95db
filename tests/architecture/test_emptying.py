"""Between tests that commit the database is emptied to what migrations left, and filled with what was told."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from django.db import transaction

from members.lib import tenant as tenancy
from members.models import AuditRow, Merchant
from tests import emptying
from tests.conftest import NOON
from tests.environment import missing

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _superuser_is_known() -> None:
    if emptying.superuser() is None:
        missing("a superuser of the database server (DATABASE_URL names another one)")


def lines(told: emptying.Rows) -> dict[str, list[bytes]]:
    """Rows in one order: where they lie in a table depends on what was deleted there."""
    return {name: sorted(written.splitlines()) for name, written in told.items()}


def test_no_row_is_left_but_permissions_not_even_of_tables_that_nobody_deletes_from(cast):
    told = emptying.rows()

    emptying.empty()

    assert {AuditRow._meta.db_table, Merchant._meta.db_table} <= set(told)
    assert emptying.rows() == {}
    with tenancy.platform(), transaction.atomic():
        assert Permission.objects.exists()


def test_what_was_told_comes_back_row_by_row_and_new_rows_go_beyond_it(cast):
    told = emptying.rows()
    emptying.empty()

    emptying.refill(told)

    assert lines(emptying.rows()) == lines(told)
    with tenancy.platform(), transaction.atomic():
        assert Merchant.objects.get(pk=cast.shop.pk).name == "Swallow Valley"
        added = Merchant.objects.create(
            slug="new", name="New", timezone="Asia/Shanghai", currency="CNY", created_at=NOON
        )
    assert added.pk > max(cast.shop.pk, cast.other.pk)


def test_rows_are_not_written_over_others(cast):
    told = emptying.rows()

    with pytest.raises(AssertionError, match="have rows already"):
        emptying.refill(told)

    assert emptying.rows() == told
