"""Staff of a shop: who gives which role, invitations that work once, a shop that keeps an owner."""

from __future__ import annotations

import datetime as dt
import re
import threading

import pytest
from django.core import mail as letters
from django.db import connection, transaction

from members.lib import tenant as tenancy
from members.lib.refusals import Conflict, Invalid, NotFound
from members.models import AuditRow, Invitation, Merchant, OutboxRow, Role, Staff, User
from members.services import outbox, people, staff
from tests.conftest import NOON

MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def shop(cast):
    """The shop in scope."""
    with tenancy.tenant(cast.shop.pk):
        yield cast.shop


def hire(shop, email: str, role: str) -> Staff:
    user = User.objects.create_user(email, "correct horse battery", name=email.split("@")[0].title())
    return Staff.objects.create(merchant=shop, user=user, role=role, joined_at=NOON)


def row_of(shop, user) -> Staff:
    return Staff.objects.get(merchant=shop, user=user)


def link_sent(at) -> str:
    """The token in the last e-mail after the outbox was drained."""
    letters.outbox.clear()
    with tenancy.platform():
        outbox.drain(at=at)
    return re.search(r"/invitations/(\w+)", letters.outbox[-1].body)[1]


def test_an_invited_person_comes_in_with_the_role(shop, cast):
    staff.invite(merchant=shop, email="New@Example.com", role=Role.OPERATOR, by=cast.owner, at=NOON)
    token = link_sent(NOON)
    newcomer = people.create_person(email="new@example.com", password="correct horse battery")

    row = staff.accept(token=token, user=newcomer, at=NOON + MINUTE)

    assert (row.role, row.joined_at, row.left_at) == (Role.OPERATOR, NOON + MINUTE, None)
    assert list(AuditRow.objects.filter(action__startswith="staff.").values_list("action", flat=True)) == [
        "staff.invited",
        "staff.joined",
    ]


def test_the_invitation_is_written_in_the_receivers_language(shop, cast):
    User.objects.create_user("new@example.com", "x", language="en")
    staff.invite(merchant=shop, email="new@example.com", role=Role.CASHIER, by=cast.owner, at=NOON)

    link_sent(NOON)

    assert letters.outbox[0].to == ["new@example.com"]
    assert letters.outbox[0].subject == "Owner invites you to work for Swallow Valley"
    assert "Your role: Cashier." in letters.outbox[0].body


def test_the_token_is_stored_only_as_a_hash(shop, cast):
    invitation = staff.invite(merchant=shop, email="a@example.com", role=Role.CASHIER, by=cast.owner, at=NOON)
    token = link_sent(NOON)

    assert invitation.token_hash == staff.token_hash(token) != token
    assert not OutboxRow.objects.filter(payload__icontains=token).exists()


def test_an_invitation_works_once(shop, cast):
    staff.invite(merchant=shop, email="outsider@example.com", role=Role.ANALYST, by=cast.owner, at=NOON)
    token = link_sent(NOON)
    row = staff.accept(token=token, user=cast.outsider, at=NOON)
    staff.remove(merchant_id=shop.pk, staff_id=row.public_id, by=cast.owner, at=NOON)

    with pytest.raises(staff.InvitationSpent):
        staff.accept(token=token, user=cast.outsider, at=NOON)

    assert row_of(shop, cast.outsider).left_at == NOON


def test_an_invitation_works_for_its_address_only(shop, cast):
    staff.invite(merchant=shop, email="new@example.com", role=Role.ANALYST, by=cast.owner, at=NOON)
    token = link_sent(NOON)

    with pytest.raises(staff.NotAllowed):
        staff.accept(token=token, user=cast.outsider, at=NOON)

    assert not Staff.objects.filter(merchant=shop, user=cast.outsider).exists()
    assert Invitation.objects.get().accepted_at is None


def test_an_invitation_is_valid_for_seven_days_and_not_an_instant_longer(shop, cast):
    staff.invite(merchant=shop, email="outsider@example.com", role=Role.ANALYST, by=cast.owner, at=NOON)
    token = link_sent(NOON)
    end = NOON + dt.timedelta(days=7)

    with pytest.raises(staff.InvitationSpent):
        staff.accept(token=token, user=cast.outsider, at=end)

    assert not Staff.objects.filter(merchant=shop, user=cast.outsider).exists()
    assert (
        staff.accept(token=token, user=cast.outsider, at=end - dt.timedelta(microseconds=1)).role
        == Role.ANALYST
    )


def test_sending_again_makes_a_new_link_and_kills_the_old_one(shop, cast):
    invitation = staff.invite(
        merchant=shop, email="outsider@example.com", role=Role.ANALYST, by=cast.owner, at=NOON
    )
    old = link_sent(NOON)
    later = NOON + dt.timedelta(days=8)
    staff.resend(merchant_id=shop.pk, invitation_id=invitation.public_id, by=cast.owner, at=later)
    new = link_sent(later)

    with pytest.raises(NotFound):
        staff.accept(token=old, user=cast.outsider, at=later)

    assert new != old
    assert staff.accept(token=new, user=cast.outsider, at=later).left_at is None


def test_sending_again_at_once_changes_nothing(shop, cast):
    invitation = staff.invite(merchant=shop, email="a@example.com", role=Role.ANALYST, by=cast.owner, at=NOON)

    staff.resend(merchant_id=shop.pk, invitation_id=invitation.public_id, by=cast.owner, at=NOON + MINUTE / 2)

    assert Invitation.objects.get().token_hash == invitation.token_hash
    assert OutboxRow.objects.count() == 1


def test_a_revoked_invitation_lets_nobody_in_and_is_not_sent(shop, cast):
    invitation = staff.invite(
        merchant=shop, email="outsider@example.com", role=Role.ANALYST, by=cast.owner, at=NOON
    )
    staff.revoke(merchant_id=shop.pk, invitation_id=invitation.public_id, by=cast.owner, at=NOON)

    with tenancy.platform():
        report = outbox.drain(at=NOON)
    with pytest.raises(staff.InvitationSpent):
        staff.accept(token=staff.token_of(invitation), user=cast.outsider, at=NOON)

    assert letters.outbox == [] and report.done == 1
    assert not Staff.objects.filter(merchant=shop, user=cast.outsider).exists()


def test_who_left_can_be_invited_back(shop, cast):
    clerk = row_of(shop, cast.clerk)
    staff.remove(merchant_id=shop.pk, staff_id=clerk.public_id, by=cast.owner, at=NOON)
    staff.invite(merchant=shop, email="clerk@example.com", role=Role.MANAGER, by=cast.owner, at=NOON)

    row = staff.accept(token=link_sent(NOON), user=cast.clerk, at=NOON)

    assert (row.pk, row.role, row.left_at) == (clerk.pk, Role.MANAGER, None)


@pytest.mark.parametrize("email", ["clerk@example.com", "CLERK@example.com"])
def test_who_works_here_is_not_invited(shop, cast, email):
    with pytest.raises(Conflict):
        staff.invite(merchant=shop, email=email, role=Role.ANALYST, by=cast.owner, at=NOON)

    assert not Invitation.objects.exists() and not OutboxRow.objects.exists()


def test_an_address_has_one_open_invitation(shop, cast):
    staff.invite(merchant=shop, email="a@example.com", role=Role.ANALYST, by=cast.owner, at=NOON)

    with pytest.raises(Conflict):
        staff.invite(merchant=shop, email="a@example.com", role=Role.CASHIER, by=cast.owner, at=NOON)

    assert Invitation.objects.get().role == Role.ANALYST


def test_the_same_request_twice_makes_one_invitation(shop, cast):
    first = staff.invite(
        merchant=shop, email="a@example.com", role=Role.ANALYST, by=cast.owner, at=NOON, public_id="abcd" * 4
    )

    second = staff.invite(
        merchant=shop, email="a@example.com", role=Role.ANALYST, by=cast.owner, at=NOON, public_id="abcd" * 4
    )

    assert first.pk == second.pk and OutboxRow.objects.count() == 1


@pytest.mark.parametrize(("email", "role"), [("nonsense", Role.ANALYST), ("a@example.com", "emperor")])
def test_an_invitation_needs_an_address_and_a_role(shop, cast, email, role):
    with pytest.raises(Invalid):
        staff.invite(merchant=shop, email=email, role=role, by=cast.owner, at=NOON)

    assert not Invitation.objects.exists()


@pytest.mark.parametrize("role", [Role.OWNER, Role.MANAGER])
def test_a_manager_gives_only_roles_below_their_own(shop, cast, role):
    manager = hire(shop, "manager@example.com", Role.MANAGER)
    clerk = row_of(shop, cast.clerk)

    with pytest.raises(staff.NotAllowed):
        staff.invite(merchant=shop, email="a@example.com", role=role, by=manager.user, at=NOON)
    with pytest.raises(staff.NotAllowed):
        staff.change_role(merchant_id=shop.pk, staff_id=clerk.public_id, role=role, by=manager.user, at=NOON)

    clerk.refresh_from_db()
    assert clerk.role == Role.CASHIER and not Invitation.objects.exists()


def test_a_manager_moves_those_below(shop, cast):
    manager = hire(shop, "manager@example.com", Role.MANAGER)
    clerk = row_of(shop, cast.clerk)

    staff.change_role(
        merchant_id=shop.pk, staff_id=clerk.public_id, role=Role.OPERATOR, by=manager.user, at=NOON
    )

    clerk.refresh_from_db()
    assert clerk.role == Role.OPERATOR
    assert AuditRow.objects.get(action="staff.role_changed").before == {"role": "cashier"}


@pytest.mark.parametrize("role", [Role.MANAGER, Role.CASHIER, Role.OPERATOR, Role.ANALYST])
def test_nobody_raises_themselves(shop, cast, role):
    row = hire(shop, "person@example.com", role)

    with pytest.raises(staff.NotAllowed):
        staff.change_role(merchant_id=shop.pk, staff_id=row.public_id, role=Role.OWNER, by=row.user, at=NOON)

    row.refresh_from_db()
    assert row.role == role


def test_a_manager_does_not_touch_an_owner(shop, cast):
    manager = hire(shop, "manager@example.com", Role.MANAGER)
    owner = row_of(shop, cast.owner)

    with pytest.raises(staff.NotAllowed):
        staff.remove(merchant_id=shop.pk, staff_id=owner.public_id, by=manager.user, at=NOON)

    owner.refresh_from_db()
    assert owner.left_at is None


def test_the_last_owner_neither_leaves_nor_steps_down(shop, cast):
    owner = row_of(shop, cast.owner)

    with pytest.raises(staff.LastOwner):
        staff.remove(merchant_id=shop.pk, staff_id=owner.public_id, by=cast.owner, at=NOON)
    with pytest.raises(staff.LastOwner):
        staff.change_role(
            merchant_id=shop.pk, staff_id=owner.public_id, role=Role.MANAGER, by=cast.owner, at=NOON
        )

    owner.refresh_from_db()
    assert (owner.role, owner.left_at) == (Role.OWNER, None)
    assert not AuditRow.objects.filter(action__in=["staff.left", "staff.role_changed"]).exists()


def test_an_owner_leaves_when_another_stays(shop, cast):
    hire(shop, "second@example.com", Role.OWNER)
    owner = row_of(shop, cast.owner)

    staff.remove(merchant_id=shop.pk, staff_id=owner.public_id, by=cast.owner, at=NOON)

    owner.refresh_from_db()
    assert owner.left_at == NOON


def test_who_was_removed_changes_nothing_any_more(shop, cast):
    manager = hire(shop, "manager@example.com", Role.MANAGER)
    clerk = row_of(shop, cast.clerk)
    staff.remove(merchant_id=shop.pk, staff_id=manager.public_id, by=cast.owner, at=NOON)

    with pytest.raises(staff.NotAllowed):
        staff.remove(merchant_id=shop.pk, staff_id=clerk.public_id, by=manager.user, at=NOON)

    clerk.refresh_from_db()
    assert clerk.left_at is None


def test_another_shops_people_and_invitations_are_not_found(shop, cast):
    theirs = row_of(cast.other, cast.outsider)
    with tenancy.tenant(cast.other.pk):
        invitation = staff.invite(
            merchant=cast.other, email="a@example.com", role=Role.CASHIER, by=cast.outsider, at=NOON
        )

    with pytest.raises(NotFound):
        staff.remove(merchant_id=shop.pk, staff_id=theirs.public_id, by=cast.owner, at=NOON)
    with pytest.raises(NotFound):
        staff.revoke(merchant_id=shop.pk, invitation_id=invitation.public_id, by=cast.owner, at=NOON)

    theirs.refresh_from_db()
    invitation.refresh_from_db()
    assert theirs.left_at is None and invitation.revoked_at is None


@pytest.mark.django_db(transaction=True)
def test_two_owners_removing_each_other_at_once_leave_one(cast):
    with tenancy.platform(), transaction.atomic():
        second = hire(cast.shop, "second@example.com", Role.OWNER)
        first = row_of(cast.shop, cast.owner)
    barrier = threading.Barrier(2)
    outcomes = []

    def remove(target: Staff, by: User) -> None:
        barrier.wait()
        try:
            with tenancy.tenant(cast.shop.pk):
                staff.remove(merchant_id=cast.shop.pk, staff_id=target.public_id, by=by, at=NOON)
            outcomes.append("removed")
        except staff.NotAllowed:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [
        threading.Thread(target=remove, args=(second, cast.owner)),
        threading.Thread(target=remove, args=(first, second.user)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with tenancy.platform(), transaction.atomic():
        owners = Staff.objects.filter(merchant=cast.shop, role=Role.OWNER, left_at=None).count()
    assert sorted(outcomes) == ["refused", "removed"] and owners == 1


def test_the_merchants_row_is_left_as_it_was(shop, cast):
    before = Merchant.objects.filter(pk=shop.pk).values().get()

    staff.invite(merchant=shop, email="a@example.com", role=Role.CASHIER, by=cast.owner, at=NOON)

    assert Merchant.objects.filter(pk=shop.pk).values().get() == before
