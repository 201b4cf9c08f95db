"""Joining: once per identity, by evidence only; one at a time and many at once are the same rule."""

import datetime as dt
import threading

import pytest
from django.db import IntegrityError, connection, transaction

from members.lib import tenant as tenancy
from members.lib.crypto import identity_index, keyring
from members.lib.refusals import Invalid, NotFound, ProgramNotOpen
from members.models import AuditRow, Identity, Member
from members.services import members, programs
from members.services.audit import Actor
from tests.conftest import NOON

JOB = Actor.job("test")


@pytest.fixture
def shop(cast):
    """The first shop, its program open."""
    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        programs.open_program(merchant_id=cast.shop.pk, at=NOON, actor=JOB)
    return cast.shop


def join(shop, external_id="u1", at=NOON, **more):
    with tenancy.tenant(shop.pk):
        return members.join(
            merchant_id=shop.pk, at=at, actor=JOB, **{"channel": "web", "external_id": external_id, **more}
        )


def join_many(shop, people, at=NOON):
    with tenancy.tenant(shop.pk):
        return members.join_many(merchant_id=shop.pk, at=at, actor=JOB, people=people)


def rows(model, shop):
    with tenancy.tenant(shop.pk), transaction.atomic():
        return list(model.objects.of(shop).order_by("id"))


def test_joining_twice_by_one_identity_makes_one_member(shop):
    first = join(shop, phone="13800138000", name="王小明")

    second = join(shop, at=NOON + dt.timedelta(days=1))

    assert second.pk == first.pk
    assert [m.phone for m in rows(Member, shop)] == ["+8613800138000"]
    assert rows(Identity, shop)[0].linked_at == NOON


def test_a_missing_phone_is_filled_in_and_a_stored_one_stays(shop):
    join(shop)

    join(shop, phone="13800138000", name="王小明")
    join(shop, phone="13900139000", name="李四")

    (member,) = rows(Member, shop)
    assert (member.phone, member.name) == ("+8613800138000", "王小明")


def test_an_unverified_phone_merges_nobody(shop):
    join(shop, "u1", phone="13800138000")
    join(shop, "u2", phone="13800138000", channel="jd")

    assert len(rows(Member, shop)) == 2


def test_one_verified_phone_is_one_member_on_every_channel(shop):
    first = join(shop, "zhang", phone="13800138000", name="张三", channel="jd", phone_verified=True)

    second = join(shop, "li", phone="+86 138 0013 8000", name="李四", channel="taobao", phone_verified=True)

    assert second.pk == first.pk
    assert {i.member_id for i in rows(Identity, shop)} == {first.pk}


def test_a_customer_becomes_a_member_by_joining_and_not_before(shop):
    with tenancy.tenant(shop.pk), transaction.atomic():
        known = members.identify_many(merchant_id=shop.pk, at=NOON, keys=[("web", "u1")])
    assert known["web", "u1"].member_id is None

    member = join(shop, "u1")

    (identity,) = rows(Identity, shop)
    assert (identity.pk, identity.member_id) == (known["web", "u1"].id, member.pk)


def test_a_program_that_is_not_open_takes_nobody_in(cast):
    with pytest.raises(ProgramNotOpen):
        join(cast.shop)
    with pytest.raises(ProgramNotOpen):
        join_many(cast.shop, [("web", "u1", NOON)])

    assert rows(Member, cast.shop) == []
    assert rows(Identity, cast.shop) == []


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"channel": "fax"}, "no channel “fax”"),
        ({"external_id": " "}, "1 to 128 characters"),
        ({"external_id": "x" * 129}, "1 to 128 characters"),
        ({"source": "rumour"}, "no source “rumour”"),
        ({"phone": "138****1402"}, "not a phone number"),
        ({"name": "x" * 81}, "at most 80 characters"),
        ({"joined_at": NOON + dt.timedelta(minutes=1)}, "in the future"),
    ],
)
def test_a_joining_that_cannot_be_is_refused_whole(shop, more, says):
    from django.utils import translation

    with translation.override("en"), pytest.raises(Invalid, match=says):
        join(shop, **more)

    assert rows(Member, shop) == []
    assert rows(Identity, shop) == []


def test_many_at_once_equals_one_by_one(shop, cast):
    with tenancy.tenant(cast.other.pk), transaction.atomic():
        programs.open_program(merchant_id=cast.other.pk, at=NOON, actor=JOB)
    people = [
        ("web", "u1", NOON - dt.timedelta(days=40), "13800138000", "王小明", "list"),
        ("jd", "u1", NOON - dt.timedelta(hours=13), "", "Ann Lee", "list"),
        ("web", "u1", NOON, "13900139000", "", "list"),
        ("pos", "card 9", NOON, "", "", "list"),
    ]

    joined = join_many(shop, people)
    for channel, external_id, joined_at, phone, name, source in people:
        join(
            cast.other,
            external_id,
            channel=channel,
            joined_at=joined_at,
            phone=phone,
            name=name,
            source=source,
        )

    def told(of):
        return [
            (m.joined_at, m.joined_on, m.channel, m.source, m.phone, m.name, m.status)
            for m in rows(Member, of)
        ]

    assert told(shop) == told(cast.other)
    assert joined.created == 3
    assert joined.ids[0] == joined.ids[2] == rows(Member, shop)[0].pk
    assert join_many(shop, people) == (joined.ids, 0)
    assert len(rows(Member, shop)) == 3


def test_a_list_leaves_out_a_phone_that_is_none(shop):
    join_many(shop, [("web", "u1", NOON, "138****1402", "王*", "list")])

    (member,) = rows(Member, shop)
    assert (member.phone, member.phone_index, member.name) == ("", None, "王*")


def test_what_is_stored_is_sealed_for_its_merchant(shop):
    member = join(shop, phone="13800138000", name="王小明")

    with tenancy.tenant(shop.pk), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "select phone, name, phone_index, phone_tail from members_member where id = %s", [member.pk]
        )
        phone, name, index, tail = cursor.fetchone()

    assert keyring().open(shop.pk, phone) == "+8613800138000"
    assert keyring().open(shop.pk, name) == "王小明"
    assert len(index) == 16
    assert tail is not None


def test_an_update_in_clear_is_refused_by_the_field(shop):
    join(shop)

    with tenancy.tenant(shop.pk), transaction.atomic(), pytest.raises(TypeError, match="sealed"):
        Member.objects.of(shop).update(phone="+8613800138000")


def test_an_identity_cannot_name_another_merchants_member(shop, cast):
    member = join(shop)

    with tenancy.tenant(cast.other.pk), transaction.atomic():
        Identity.objects.create(
            merchant=cast.other,
            channel="web",
            external_id="u1",
            external_index=identity_index(cast.other.pk, "web", "u1"),
            member_id=member.pk,
            at=NOON,
        )
        with pytest.raises(IntegrityError):
            connection.check_constraints()
        transaction.set_rollback(True)


def test_showing_a_number_needs_a_reason_and_is_logged(shop):
    member = join(shop, phone="13800138000")

    def reveal(**more):
        with tenancy.tenant(shop.pk):
            asked = {"public_id": member.public_id, "reason": "call back", **more}
            return members.reveal_phone(merchant_id=shop.pk, at=NOON, actor=JOB, **asked)

    with pytest.raises(Invalid):
        reveal(reason=" ")
    with pytest.raises(NotFound):
        reveal(public_id="nobody")
    assert reveal() == "+8613800138000"

    looks = [row for row in rows(AuditRow, shop) if row.action == "member.phone_revealed"]
    assert [(row.subject_id, row.reason) for row in looks] == [(member.public_id, "call back")]


def test_numbers_cannot_be_read_in_bulk(shop, monkeypatch):
    monkeypatch.setattr(members, "REVEALS_AN_HOUR", 2)
    member = join(shop, phone="13800138000")

    def reveal(at):
        with tenancy.tenant(shop.pk):
            return members.reveal_phone(
                merchant_id=shop.pk, at=at, actor=JOB, public_id=member.public_id, reason="call"
            )

    reveal(NOON)
    reveal(NOON)
    with pytest.raises(members.TooManyReveals):
        reveal(NOON + dt.timedelta(minutes=59))
    assert reveal(NOON + dt.timedelta(minutes=60)) == "+8613800138000"


@pytest.mark.django_db(transaction=True)
def test_two_who_join_at_once_are_one_member(shop):
    def at_once(work):
        barrier, answers = threading.Barrier(4), []

        def one(n):
            try:
                barrier.wait(5)
                answers.append(work(n))
            finally:
                connection.close()

        threads = [threading.Thread(target=one, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        return answers

    by_identity = at_once(lambda n: join(shop, "u1", phone="13800138000").pk)
    by_phone = at_once(lambda n: join(shop, f"v{n}", phone="13900139000", phone_verified=True).pk)
    by_list = at_once(lambda n: tuple(join_many(shop, [("web", f"l{i}", NOON) for i in range(50)]).ids))

    assert len(by_identity) == len(by_phone) == len(by_list) == 4
    assert len(set(by_identity)) == len(set(by_phone)) == len(set(by_list)) == 1
    assert len(rows(Member, shop)) == 52
