"""A consumer is one person across merchants, known by a verified phone and to the platform alone."""

from __future__ import annotations

import datetime as dt
import threading

import pytest
from django.db import connection, transaction

from members.lib import crypto
from members.lib import tenant as tenancy
from members.models import Consumer, ConsumerLink, Member, MemberStatus, OutboxRow
from members.services import consumers, members, outbox, programs
from members.services.audit import Actor
from tests.conftest import NOON

JOB = Actor.job("test")
PHONE, OTHER_PHONE = "13800138000", "13900139000"
DAY = dt.timedelta(days=1)


@pytest.fixture
def shops(cast):
    """Both shops, their programs open."""
    for shop in (cast.shop, cast.other):
        with tenancy.tenant(shop.pk), transaction.atomic():
            programs.open_program(merchant_id=shop.pk, at=NOON, actor=JOB)
    return cast.shop, cast.other


def join(shop, external_id="u1", at=NOON, **more):
    with tenancy.tenant(shop.pk):
        return members.join(
            merchant_id=shop.pk,
            at=at,
            actor=JOB,
            **{"channel": "web", "external_id": external_id, "phone_verified": True, **more},
        )


def drain(at=NOON):
    with tenancy.platform():
        return outbox.drain(at=at)


def link(member, at=NOON):
    consumers.link(merchant_id=member.merchant_id, member_id=member.pk, at=at)


def links():
    """{consumer: its (merchant, member) pairs}"""
    found = {}
    with tenancy.platform(), transaction.atomic():
        for row in ConsumerLink.objects.order_by("merchant_id", "member_id"):
            found.setdefault(row.consumer_id, []).append((row.merchant_id, row.member_id))
        assert set(found) == set(Consumer.objects.values_list("pk", flat=True))
    return found


def test_one_verified_phone_is_one_consumer_at_every_merchant(shops):
    first, second = (join(shop, phone=PHONE) for shop in shops)

    drain()

    assert list(links().values()) == [[(m.merchant_id, m.pk) for m in (first, second)]]


def test_another_phone_is_another_consumer(shops):
    join(shops[0], phone=PHONE)
    join(shops[1], phone=OTHER_PHONE)

    drain()

    assert [len(pairs) for pairs in links().values()] == [1, 1]


def test_a_phone_nobody_verified_makes_no_consumer(shops):
    shop = shops[0]
    joined = [join(shop, "u1", phone=PHONE, phone_verified=False), join(shop, "u2")]
    with tenancy.tenant(shop.pk):
        people = [("web", f"u{n}", NOON, OTHER_PHONE) for n in range(3, 6)]
        members.join_many(merchant_id=shop.pk, at=NOON, actor=JOB, people=people)

    drain()
    for member in joined:
        link(member)

    assert links() == {}
    with tenancy.platform():
        assert not OutboxRow.objects.exists(), "lists cost nothing"


def test_linking_again_changes_nothing(shops):
    member = join(shops[0], phone=PHONE)
    drain()
    before = links()

    link(member, at=NOON + DAY)

    assert links() == before
    with tenancy.platform():
        assert {row.at for row in (*Consumer.objects.all(), *ConsumerLink.objects.all())} == {NOON}


def test_a_consumer_is_found_by_an_index_that_no_merchants_index_equals(shops):
    member = join(shops[0], phone=PHONE)
    drain()

    with tenancy.platform():
        (consumer,) = Consumer.objects.all()
    assert bytes(consumer.phone_index) == crypto.consumer_index(member.phone)
    assert bytes(consumer.phone_index) not in {crypto.blind_index(shop.pk, member.phone) for shop in shops}
    assert consumer.public_id and str(consumer.pk) != consumer.public_id


def test_who_left_before_the_linking_is_linked_to_nobody(shops):
    member = join(shops[0], phone=PHONE)
    with tenancy.platform():
        Member.objects.filter(pk=member.pk).update(status=MemberStatus.LEFT)

    drain()

    assert links() == {}


def test_where_a_number_passed_on_to_another_member_the_first_keeps_the_consumer(shops):
    first = join(shops[0], "u1", phone=PHONE)
    drain()
    with tenancy.tenant(shops[0].pk):
        members.change(
            merchant_id=first.merchant_id, at=NOON, actor=JOB, public_id=first.public_id, phone=OTHER_PHONE
        )
    second = join(shops[0], "u2", phone=PHONE)
    assert second.pk != first.pk

    drain()

    assert list(links().values()) == [[(first.merchant_id, first.pk)]]


def test_a_merchants_process_links_nobody(shops):
    member = join(shops[0], phone=PHONE)
    with tenancy.tenant(shops[0].pk), transaction.atomic():
        assert OutboxRow.objects.get().payload == {"member": member.pk}, "no trace of other merchants"

    assert links() == {}


@pytest.mark.django_db(transaction=True)
def test_of_two_linked_at_once_none_is_lost_and_the_consumer_is_one(shops):
    joined = [join(shop, phone=PHONE) for shop in shops]
    together = threading.Barrier(2)

    def work(member):
        together.wait(10)
        link(member)
        connection.close()

    threads = [threading.Thread(target=work, args=(member,)) for member in joined]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [len(pairs) for pairs in links().values()] == [2]
