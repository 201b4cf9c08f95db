"""Staff pages and the page of an invitation, over HTTP."""

from __future__ import annotations

import re

import pytest
from django.core import mail as letters
from django.utils import timezone

from members.lib import tenant as tenancy
from members.models import Invitation, Role, Staff, User
from members.services import outbox, staff

PASSWORD = "correct horse battery"


@pytest.fixture
def owner(client, cast):
    """A browser in which the owner is signed in."""
    client.force_login(cast.owner)
    return client


def of(merchant, user) -> Staff:
    with tenancy.platform():
        return Staff.objects.get(merchant=merchant, user=user)


def invite(cast, email="new@example.com", role=Role.OPERATOR) -> str:
    """Invite somebody; returns the path in the e-mail."""
    with tenancy.tenant(cast.shop.pk):
        staff.invite(merchant=cast.shop, email=email, role=role, by=cast.owner, at=timezone.now())
    with tenancy.platform():
        outbox.drain(at=timezone.now())
    return re.search(r"/invitations/\w+", letters.outbox[-1].body)[0]


def test_the_list_shows_the_team_of_the_shop_alone(owner, cast):
    page = owner.get("/settings/staff").content.decode()

    assert "clerk@example.com" in page and "outsider@example.com" not in page


@pytest.mark.parametrize(
    "path",
    [
        "/settings/staff",
        "/settings/staff/invite",
        "/settings/api-keys",
        "/settings/api-keys/new",
        "/settings/audit-log",
    ],
)
def test_a_cashier_may_not_look(client, cast, path):
    client.force_login(cast.clerk)

    assert client.get(path).status_code == 403
    assert client.post(path, {"email": "a@example.com", "role": "cashier"}).status_code in (403, 405)
    with tenancy.platform():
        assert not Invitation.objects.exists()


def test_strangers_are_sent_to_sign_in_and_back(client, db):
    assert client.get("/settings/staff").url == "/accounts/login/?next=%2Fsettings%2Fstaff"


def test_inviting_shows_the_invitation_in_the_list(owner, cast):
    once = owner.get("/settings/staff/invite").context["form"]["once"].value()
    form = {"email": "new@example.com", "role": "operator", "once": once}
    first = owner.post("/settings/staff/invite", form)
    second = owner.post("/settings/staff/invite", form)

    page = owner.get("/settings/staff").content.decode()

    assert (first.status_code, second.status_code) == (302, 302)
    assert page.count("/resend") == 1 and "new@example.com" in page


def test_a_refused_invitation_keeps_what_was_typed(owner, cast):
    response = owner.post("/settings/staff/invite", {"email": "clerk@example.com", "role": "analyst"})

    assert response.status_code == 422
    assert response.context["form"]["email"].value() == "clerk@example.com"
    assert response.context["form"].errors["email"]
    with tenancy.platform():
        assert not Invitation.objects.exists()


def test_a_manager_is_not_even_offered_the_higher_roles(client, cast):
    with tenancy.platform():
        manager = User.objects.create_user("manager@example.com", PASSWORD)
        Staff.objects.create(merchant=cast.shop, user=manager, role=Role.MANAGER, joined_at=timezone.now())
    client.force_login(manager)

    response = client.post("/settings/staff/invite", {"email": "a@example.com", "role": "owner"})

    assert response.status_code == 422
    with tenancy.platform():
        assert not Invitation.objects.exists()


def test_a_role_is_changed(owner, cast):
    clerk = of(cast.shop, cast.clerk)

    owner.post(f"/settings/staff/{clerk.public_id}/role", {"role": "operator"})

    assert of(cast.shop, cast.clerk).role == "operator"


def test_a_removed_person_is_out_at_once(owner, client, cast):
    clerk = of(cast.shop, cast.clerk)

    owner.post(f"/settings/staff/{clerk.public_id}/remove")

    client.force_login(cast.clerk)
    response = client.get("/settings/me")
    assert response.status_code == 302 and response.url == "/shops/new"


def test_the_last_owner_stays(owner, cast):
    me = of(cast.shop, cast.owner)

    owner.post(f"/settings/staff/{me.public_id}/remove")
    page = owner.get("/settings/staff")

    assert of(cast.shop, cast.owner).left_at is None
    assert page.status_code == 200 and [str(m) for m in page.context["messages"]]


@pytest.mark.parametrize("action", ["role", "remove"])
def test_another_shops_person_is_not_found(owner, cast, action):
    theirs = of(cast.other, cast.outsider)

    response = owner.post(f"/settings/staff/{theirs.public_id}/{action}", {"role": "cashier"})

    assert response.status_code == 404
    assert (of(cast.other, cast.outsider).role, of(cast.other, cast.outsider).left_at) == ("owner", None)


@pytest.mark.parametrize("action", ["resend", "revoke"])
def test_another_shops_invitation_is_not_found(client, cast, action):
    invite(cast)
    with tenancy.platform():
        before = Invitation.objects.values().get()
    client.force_login(cast.outsider)

    response = client.post(f"/settings/invitations/{before['public_id']}/{action}")

    assert response.status_code == 404
    with tenancy.platform():
        assert Invitation.objects.values().get() == before


def test_a_new_person_makes_an_account_and_is_in(client, cast):
    path = invite(cast)

    page = client.get(path)
    response = client.post(path, {"name": "小林", "password": PASSWORD, "language": "en"})

    assert page.status_code == 200 and response.url == "/"
    with tenancy.platform():
        row = Staff.objects.select_related("user").get(user__email="new@example.com")
    assert (row.merchant_id, row.role, row.user.name) == (cast.shop.pk, "operator", "小林")
    assert client.get("/settings/shop").context["request"].merchant == cast.shop


def test_a_weak_password_makes_no_account(client, cast):
    path = invite(cast)

    response = client.post(path, {"name": "X", "password": "short", "language": "en"})

    assert response.status_code == 422 and response.context["form"].errors["password"]
    with tenancy.platform():
        assert not User.objects.filter(email="new@example.com").exists()


def test_who_has_an_account_signs_in_and_accepts(client, cast):
    path = invite(cast, "outsider@example.com", Role.ANALYST)
    stranger = client.get(path).content.decode()
    refused = client.post(path, {"name": "X", "password": PASSWORD, "language": "en"})
    client.force_login(cast.outsider)

    client.get(path)
    with tenancy.platform():
        looking_accepts_nothing = Invitation.objects.get().accepted_at is None
    response = client.post(path)

    assert f"/accounts/login/?next={path}" in stranger and refused.status_code == 200
    assert looking_accepts_nothing and response.url == "/"
    assert client.session["merchant_id"] == cast.shop.pk


def test_another_person_does_not_get_in_with_the_link(client, cast):
    path = invite(cast)
    client.force_login(cast.outsider)

    response = client.post(path)

    assert response.status_code == 422
    with tenancy.platform():
        assert not Staff.objects.filter(merchant=cast.shop, user=cast.outsider).exists()


def test_a_used_link_is_dead(client, cast):
    path = invite(cast)
    client.post(path, {"name": "X", "password": PASSWORD, "language": "en"})
    client.post("/accounts/logout/")

    again = client.post(path, {"name": "Y", "password": PASSWORD, "language": "en"})

    assert again.status_code == 410
    with tenancy.platform():
        assert User.objects.get(email="new@example.com").name == "X"


def test_an_unknown_link_is_not_found(client, db):
    assert client.get("/invitations/" + "0" * 64).status_code == 404
