"""People at the platform's pages: admins are made, given and taken the right, shut out; all of it is audited."""

from __future__ import annotations

import pytest
from django.db import transaction

from members.lib import tenant as tenancy
from members.models import PlatformAuditRow, User

NEW = {
    "email": "New@Example.com",
    "name": "New",
    "language": "en",
    "password": "a long enough phrase",
}


def stored(user: User) -> User:
    with tenancy.platform(), transaction.atomic():
        return User.objects.get(pk=user.pk)


def acts() -> list[str]:
    with tenancy.platform(), transaction.atomic():
        return list(PlatformAuditRow.objects.order_by("id").values_list("action", flat=True))


def do(client, user: User, act: str) -> str:
    return client.post(f"/platform/members/user/{user.pk}/{act}/do/", follow=True).content.decode()


def test_a_platform_admin_is_made(admin_client, cast):
    response = admin_client.post("/platform/members/user/add/", NEW)

    with tenancy.platform(), transaction.atomic():
        made = User.objects.get(email="new@example.com")
        audited = PlatformAuditRow.objects.get(action="admin.created")
    assert made.is_staff and made.check_password(NEW["password"])
    assert response.url == f"/platform/members/user/{made.pk}/change/"
    assert audited.actor_id == cast.admin.pk and NEW["password"] not in str(audited.after)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"email": "owner@example.com"}, "email"),
        ({"email": "nobody"}, "email"),
        ({"password": "short"}, "password"),
        ({"password": "1234567890"}, "password"),
    ],
)
def test_a_wrong_entry_makes_nobody(admin_client, cast, changed, field):
    response = admin_client.post("/platform/members/user/add/", NEW | changed)

    assert response.status_code == 422 and field in response.context["form"].errors
    assert acts() == []


def test_a_person_is_given_and_taken_the_right(admin_client, cast):
    do(admin_client, cast.owner, "grant")
    given = stored(cast.owner).is_staff
    do(admin_client, cast.owner, "withdraw")

    assert given and not stored(cast.owner).is_staff and not stored(cast.owner).is_superuser
    assert acts() == ["admin.granted", "admin.withdrawn"]


def test_a_person_is_shut_out_and_let_in_again(admin_client, cast):
    do(admin_client, cast.owner, "shut-out")
    out = stored(cast.owner).is_active
    do(admin_client, cast.owner, "let-in")

    assert not out and stored(cast.owner).is_active
    assert acts() == ["user.shut_out", "user.let_in"]


@pytest.mark.parametrize("act", ["withdraw", "shut-out"])
def test_nobody_does_it_to_themselves(admin_client, cast, act):
    page = do(admin_client, cast.admin, act)

    assert "ask another admin" in page and stored(cast.admin).is_staff and stored(cast.admin).is_active
    assert acts() == []


def test_an_unknown_act_or_a_look_does_nothing(admin_client, cast):
    assert admin_client.get(f"/platform/members/user/{cast.owner.pk}/grant/do/").status_code == 405
    assert admin_client.post(f"/platform/members/user/{cast.owner.pk}/erase/do/").status_code == 403
    assert not stored(cast.owner).is_staff


def test_a_person_shows_where_they_work_and_no_password(admin_client, cast):
    page = admin_client.get(f"/platform/members/user/{cast.owner.pk}/change/").content.decode()

    assert "Swallow Valley" in page and "Owner" in page
    assert stored(cast.owner).password not in page


def test_people_are_found_by_address_and_name(admin_client, cast):
    by_address = admin_client.get("/platform/members/user/?q=outs").content.decode()
    by_name = admin_client.get("/platform/members/user/?q=lerk").content.decode()

    assert "outsider@example.com" in by_address and "clerk@example.com" not in by_address
    assert "clerk@example.com" in by_name


def test_merchants_are_found_and_lead_to_their_program(admin_client, cast):
    found = admin_client.get("/platform/members/merchant/?q=valley").content.decode()
    page = admin_client.get(f"/platform/members/merchant/{cast.shop.pk}/change/").content.decode()

    assert "Swallow Valley" in found and "Other Shop" not in found
    assert f"/platform/members/program/{cast.shop.pk}/change/" in page and "clerk" in page.lower()
