"""Settings, the switcher and one's own profile, over HTTP."""

from __future__ import annotations

import pytest

from members.lib import tenant as tenancy
from members.models import Merchant, Order, Role, Staff, Store
from tests.conftest import NOON

SETTINGS = {"name": "Swallow", "timezone": "Asia/Tokyo", "currency": "JPY", "language": "en"}


@pytest.fixture
def owner(client, cast):
    client.force_login(cast.owner)
    return client


def saved(merchant) -> Merchant:
    with tenancy.platform():
        return Merchant.objects.get(pk=merchant.pk)


def test_the_owner_changes_the_settings(owner, cast):
    response = owner.post("/settings/shop", SETTINGS)

    shop = saved(cast.shop)
    assert response.status_code == 302
    assert {name: getattr(shop, name) for name in SETTINGS} == SETTINGS


def test_an_analyst_reads_them_and_changes_nothing(client, cast):
    with tenancy.platform():
        Staff.objects.filter(user=cast.clerk).update(role=Role.ANALYST)
    client.force_login(cast.clerk)

    assert client.get("/settings/shop").status_code == 200
    assert client.post("/settings/shop", SETTINGS).status_code == 403
    assert saved(cast.shop).name == "Swallow Valley"


def test_currency_and_zone_are_greyed_once_orders_exist(owner, cast):
    with tenancy.tenant(cast.shop.pk):
        Order.objects.create(
            merchant=cast.shop,
            channel="web",
            external_id="1",
            at=NOON,
            status="unpaid",
            total_minor=1,
            net_minor=1,
        )

    owner.post("/settings/shop", SETTINGS)

    shop = saved(cast.shop)
    assert (shop.name, shop.currency, shop.timezone) == ("Swallow", "CNY", "Asia/Shanghai")


@pytest.mark.parametrize("wrong", [{"name": ""}, {"timezone": "Mars/Olympus"}, {"currency": "XXZ"}])
def test_wrong_settings_are_refused_with_422(owner, cast, wrong):
    response = owner.post("/settings/shop", SETTINGS | wrong)

    assert response.status_code == 422 and list(response.context["form"].errors) == list(wrong)
    assert saved(cast.shop).name == "Swallow Valley"


def test_a_store_is_added_and_renamed(owner, cast):
    owner.post("/settings/stores/new", {"name": "North", "code": "N1", "channel": "pos"})
    with tenancy.tenant(cast.shop.pk):
        store = Store.objects.of(cast.shop).get(code="N1")

    owner.post(f"/settings/stores/{store.public_id}", {"name": "South"})

    with tenancy.tenant(cast.shop.pk):
        assert Store.objects.of(cast.shop).get(code="N1").name == "South"


def test_another_shops_store_is_not_found(owner, cast):
    with tenancy.tenant(cast.other.pk):
        store = Store.objects.of(cast.other).get()

    response = owner.post(f"/settings/stores/{store.public_id}", {"name": "Mine"})

    assert response.status_code == 404
    with tenancy.tenant(cast.other.pk):
        assert Store.objects.of(cast.other).get().name == store.name


def test_one_switches_among_ones_own_shops_only(owner, cast):
    with tenancy.platform():
        Staff.objects.create(merchant=cast.other, user=cast.owner, role=Role.ANALYST, joined_at=NOON)

    assert owner.post("/shops/switch", {"merchant": cast.other.slug}).status_code == 302
    assert owner.get("/settings/shop").context["request"].merchant == cast.other


def test_a_strangers_shop_is_not_found(owner, cast):
    assert owner.post("/shops/switch", {"merchant": cast.other.slug}).status_code == 404
    assert owner.get("/settings/shop").context["request"].merchant == cast.shop


def test_a_person_without_a_shop_is_led_to_make_one(client, cast):
    client.force_login(cast.admin)

    assert client.get("/settings/me").url == "/shops/new"
    assert client.get("/shops/new").status_code == 200


def test_a_new_shop_is_made_once_and_worked_in(owner, cast):
    form = {"name": "第二家店", "timezone": "Asia/Shanghai", "currency": "CNY", "language": "zh-hans"}

    owner.post("/shops/new", form)
    owner.post("/shops/new", form)

    with tenancy.platform():
        made = Merchant.objects.get(name="第二家店")
    assert owner.get("/settings/shop").context["request"].merchant == made


def test_ones_language_is_kept_and_used(client, cast):
    client.force_login(cast.clerk)

    response = client.post("/settings/me", {"name": "Lin", "language": "zh-hant"})

    with tenancy.platform():
        cast.clerk.refresh_from_db()
    assert (cast.clerk.name, cast.clerk.language) == ("Lin", "zh-hant")
    assert response.cookies["django_language"].value == "zh-hant"
    assert client.get("/settings/me").context["LANGUAGE_CODE"] == "zh-hant"


@pytest.mark.parametrize("language", ["zh-hans", "zh-hant", "en"])
@pytest.mark.parametrize(
    "path",
    [
        "/settings/shop", "/settings/stores/new", "/settings/me", "/settings/staff", "/settings/staff/invite",
        "/settings/api-keys", "/settings/api-keys/new", "/settings/audit-log", "/shops/new",
    ],
)  # fmt: skip
def test_every_page_opens_in_every_language(owner, language, path):
    owner.cookies["django_language"] = language

    response = owner.get(path)

    assert response.status_code == 200 and f'lang="{language}'.encode().lower() in response.content.lower()


def test_the_menu_shows_a_role_what_it_may_open(client, cast, owner):
    mine = owner.get("/settings/me").content.decode()
    client.force_login(cast.clerk)
    clerks = client.get("/settings/me").content.decode()

    assert "/settings/staff" in mine and "/settings/api-keys" in mine
    assert "/settings/staff" not in clerks and "/settings/audit-log" not in clerks
