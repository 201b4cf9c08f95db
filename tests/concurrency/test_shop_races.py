"""A shop's zone is fixed by the first joining, also where both come at one instant (domain.md 1)."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import OperationalError, connection, transaction

from members.lib import tenant as tenancy
from members.lib.refusals import Conflict
from members.models import Member, Merchant
from members.services import members, merchants, programs, shop
from tests.concurrency.test_points_races import at_once
from tests.members.services.till import JOB, OPENED, ZONE

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])


@pytest.fixture
def merchant(transactional_db) -> Merchant:
    """An open shop that nobody has joined."""
    with tenancy.platform(), transaction.atomic():
        made = merchants.create_merchant(name="shop", owner=None, at=OPENED, actor=JOB, timezone=ZONE.key)
    with tenancy.tenant(made.pk), transaction.atomic():
        programs.open_program(merchant_id=made.pk, at=OPENED, actor=JOB)
    return made


def join(merchant: Merchant) -> None:
    members.join(merchant_id=merchant.pk, at=OPENED, actor=JOB, channel="web", external_id="first")


def moved(merchant: Merchant, wait: str = "30s") -> str:
    """What a change to another zone comes to, waiting so long for others."""
    values: dict[str, Any] = {"currency": merchant.currency, "language": merchant.language, "actor": JOB}
    try:
        with tenancy.tenant(merchant.pk), transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("select set_config('lock_timeout', %s, true)", [wait])
            shop.change_shop(
                merchant_id=merchant.pk, name=merchant.name, timezone="Asia/Tokyo", at=OPENED, **values
            )
    except Conflict:
        return "refused"
    except OperationalError:
        return "waits"
    return "changed"


def test_a_change_of_the_zone_waits_for_the_first_joining_and_is_refused_after_it(merchant):
    with tenancy.tenant(merchant.pk), transaction.atomic():
        join(merchant)
        assert at_once([lambda: moved(merchant, "100ms")]) == ["waits"]

    assert moved(merchant) == "refused"
    with tenancy.tenant(merchant.pk), transaction.atomic():
        merchant.refresh_from_db()
        assert merchant.timezone == ZONE.key and Member.objects.of(merchant).count() == 1
