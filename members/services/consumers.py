"""Which members of different merchants are one natural person: known to the platform alone (domain.md 1).

Only a phone verified by code or authorised by the channel says who somebody is, so members without one, as lists and
orders bring them, have no consumer and cost nothing here.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import partial
from typing import Any

from django.db import transaction

from members.lib import crypto
from members.lib import tenant as tenancy
from members.models import Consumer, ConsumerLink, Member, MemberStatus
from members.services import outbox

TOPIC = "consumer"


def leave(*, member: Member, at: dt.datetime) -> None:
    """Have the person behind a new member linked after the commit, where the phone is verified.

    The merchant's role has no right on consumers, so the platform's task does it. Needs the tenant in scope.
    """
    if member.phone_verified:
        payload = {"member": member.pk}
        outbox.leave(
            merchant_id=member.merchant_id, topic=TOPIC, key=member.public_id, payload=payload, at=at
        )


@outbox.handles(TOPIC)
def prepare_link(merchant_id: int, payload: dict[str, Any], at: dt.datetime) -> Callable[[], Any]:
    """The linking of an outbox row, which the task calls as the platform."""
    return partial(link, merchant_id=merchant_id, member_id=payload["member"], at=at)


@transaction.atomic
def link(*, merchant_id: int, member_id: int, at: dt.datetime) -> None:
    """Link a member to the consumer of their verified phone, made where nobody knew it. Works as the platform.

    A member is linked once and stays; linking again changes nothing. A member without a verified phone, or who has
    left, is linked to nobody.
    """
    with tenancy.platform():
        rows = Member.objects.of(merchant_id).filter(phone_verified=True, status=MemberStatus.ACTIVE)
        member = rows.filter(pk=member_id).first()
        if member is None:
            return
        consumer, _made = Consumer.objects.get_or_create(
            phone_index=crypto.consumer_index(member.phone), defaults={"at": at}
        )
        ConsumerLink.objects.bulk_create(
            [ConsumerLink(merchant_id=merchant_id, member=member, consumer=consumer, at=at)],
            ignore_conflicts=True,
        )
