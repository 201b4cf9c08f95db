"""Settings of a shop: what may change, and what orders fix."""

from __future__ import annotations

import pytest

from members.lib import tenant as tenancy
from members.lib.refusals import Conflict, Invalid, NotFound
from members.models import AuditRow, Merchant, Order, Store
from members.services import members, programs
from members.services import shop as service
from members.services.audit import Actor
from tests.conftest import NOON

JOB = Actor.job("test")


@pytest.fixture
def shop(cast):
    with tenancy.tenant(cast.shop.pk):
        yield cast.shop


def change(shop, **more):
    values = {name: getattr(shop, name) for name in service.FIELDS} | more
    return service.change_shop(merchant_id=shop.pk, **values, actor=JOB, at=NOON)


def test_a_change_is_saved_and_said_in_the_audit_log(shop):
    change(shop, name="Swallow", timezone="Asia/Tokyo", currency="JPY", language="en")

    row = AuditRow.objects.get(action="merchant.changed")
    saved = Merchant.objects.get(pk=shop.pk)
    assert (saved.name, saved.timezone, saved.currency, saved.language) == (
        "Swallow",
        "Asia/Tokyo",
        "JPY",
        "en",
    )
    assert row.before["currency"] == "CNY" and row.after["currency"] == "JPY"


def test_the_same_values_change_nothing(shop):
    change(shop)

    assert not AuditRow.objects.filter(action="merchant.changed").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": " "},
        {"timezone": "Mars/Olympus"},
        {"timezone": "localtime"},
        {"currency": "ZZZ"},
        {"language": "tlh"},
    ],
)
def test_what_does_not_exist_is_refused_by_its_field(shop, wrong):
    with pytest.raises(Invalid) as refused:
        change(shop, **wrong)

    assert list(refused.value.errors) == list(wrong)
    assert wrong.get("timezone", "") in str(refused.value.detail)  # named, to be looked for
    kept = Merchant.objects.get(pk=shop.pk)
    assert all(getattr(kept, name) == getattr(shop, name) for name in service.FIELDS)
    assert not AuditRow.objects.filter(action="merchant.changed").exists()


@pytest.mark.parametrize("fixed", [{"currency": "USD"}, {"timezone": "Asia/Tokyo"}])
def test_currency_and_zone_are_fixed_once_orders_exist(shop, fixed):
    Order.objects.create(
        merchant=shop,
        channel="web",
        external_id="1",
        at=NOON,
        status="unpaid",
        total_minor=100,
        net_minor=100,
    )

    with pytest.raises(Conflict):
        change(shop, **fixed)

    saved = Merchant.objects.get(pk=shop.pk)
    assert (saved.currency, saved.timezone) == ("CNY", "Asia/Shanghai")
    assert change(shop, name="Another").name == "Another"


def test_the_zone_is_fixed_once_somebody_joined_and_the_currency_is_not_yet(shop):
    programs.open_program(merchant_id=shop.pk, at=NOON, actor=JOB)
    members.join(merchant_id=shop.pk, at=NOON, actor=JOB, channel="web", external_id="u1")

    with pytest.raises(Conflict) as refused:
        change(shop, timezone="Asia/Tokyo", currency="JPY")

    assert list(refused.value.errors) == ["timezone"]
    saved = Merchant.objects.get(pk=shop.pk)
    assert (saved.currency, saved.timezone) == ("CNY", "Asia/Shanghai")
    assert not AuditRow.objects.filter(action="merchant.changed").exists()
    assert change(shop, currency="JPY").currency == "JPY"


def test_a_store_is_unique_by_channel_and_code(shop):
    service.add_store(merchant_id=shop.pk, code="7", name="Seven", channel="pos", actor=JOB, at=NOON)

    with pytest.raises(Invalid):
        service.add_store(merchant_id=shop.pk, code="7", name="Other", channel="pos", actor=JOB, at=NOON)

    service.add_store(merchant_id=shop.pk, code="7", name="Seven on JD", channel="jd", actor=JOB, at=NOON)
    assert Store.objects.of(shop).filter(code="7").count() == 2


def test_another_shops_store_is_not_found(shop, cast):
    with tenancy.tenant(cast.other.pk):
        theirs = Store.objects.of(cast.other).get()

    with pytest.raises(NotFound):
        service.rename_store(merchant_id=shop.pk, store_id=theirs.public_id, name="Mine", actor=JOB, at=NOON)

    with tenancy.tenant(cast.other.pk):
        assert Store.objects.of(cast.other).get().name == theirs.name
