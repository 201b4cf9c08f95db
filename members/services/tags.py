"""Tags: words that staff put on members, one by one or on everybody of a segment (domain.md 10)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from members.lib import set_based
from members.lib.refusals import Conflict, Invalid, NotFound
from members.lib.segments import LONGEST_TAG
from members.models import Member, MemberStatus, MemberTag, Merchant
from members.selectors import segments as selectors
from members.selectors.segment_query import Query
from members.services import audit, posting, programs
from members.services.audit import Actor

MOST_TAGS = 20  # of a member
PUT_ON = """
insert into members_membertag (merchant_id, member_id, name, at)
select %(merchant)s, m.id, %(name)s, %(at)s from members_member m
where m.merchant_id = %(merchant)s and m.id = any(%(ids)s) {room}
on conflict do nothing returning member_id
"""
HAS_ROOM = (
    "and %(most_tags)s > (select count(*) from members_membertag h "
    "where h.merchant_id = %(merchant)s and h.member_id = m.id)"
)


@transaction.atomic
def add(*, merchant_id: int, at: dt.datetime, actor: Actor, member_id: int, name: str) -> bool:
    """Put a tag on a member; False when it is there already. Raises Invalid, NotFound, Conflict (too many),
    ProgramNotOpen, ProgramCleared."""
    programs.lock_open(merchant_id=merchant_id)
    name = name_of(name)
    lock(merchant_id=merchant_id)
    member = _member(merchant_id, member_id)
    held = set(MemberTag.objects.of(merchant_id).filter(member_id=member_id).values_list("name", flat=True))
    if name in held:
        return False
    if len(held) >= MOST_TAGS:
        raise Conflict(_("A member has at most %(most)s tags. Take one off first.") % {"most": MOST_TAGS})
    MemberTag.objects.create(merchant_id=merchant_id, member_id=member_id, name=name, at=at)
    _audit(member, at, actor, "member.tagged", name)
    return True


@transaction.atomic
def remove(*, merchant_id: int, at: dt.datetime, actor: Actor, member_id: int, name: str) -> bool:
    """Take a tag off a member; False when it is not there. Raises NotFound, ProgramNotOpen, ProgramCleared."""
    programs.lock_open(merchant_id=merchant_id)
    member = _member(merchant_id, member_id)
    gone, _each = MemberTag.objects.of(merchant_id).filter(member_id=member_id, name=name).delete()
    if gone:
        _audit(member, at, actor, "member.untagged", name)
    return bool(gone)


@transaction.atomic
def add_to_segment(*, merchant_id: int, at: dt.datetime, actor: Actor, public_id: str, name: str) -> int:
    """Put a tag on everybody who is in a segment now; how many came to have it. Who has as many tags as a member may
    have is left as it is. Raises NotFound, Invalid, ProgramNotOpen, ProgramCleared."""
    programs.lock_open(merchant_id=merchant_id)
    name = name_of(name)
    lock(merchant_id=merchant_id)
    shop = selectors.shop(merchant=Merchant.objects.get(pk=merchant_id), at=at)
    segment = shop.segments.get(public_id)
    if segment is None:
        raise NotFound(_("There is no such segment."))
    rule = selectors.rule_of(segment)
    shop.require_askable(rule)
    query = Query(shop.scope)
    query.values |= {"tag": name, "tagged_at": at, "most_tags": MOST_TAGS}
    statement = (
        "insert into members_membertag (merchant_id, member_id, name, at) "
        + query.select_of("%(merchant)s, m.id, %(tag)s, %(tagged_at)s", rule, HAS_ROOM)
        + " on conflict do nothing"
    )
    count = set_based.execute(statement, query.values)
    if count:
        audit.record(
            merchant_id=merchant_id,
            at=at,
            actor=actor,
            action="segment.tagged",
            subject=("segment", segment.public_id),
            label=segment.name,
            after={"tag": name, "members": count},
        )
    return count


def put_on(*, merchant_id: int, at: dt.datetime, member_ids: Collection[int], name: str) -> set[int]:
    """Put a tag on those who have it not and have room, in the caller's transaction, which has the lock; on whom."""
    values: dict[str, Any] = {
        "merchant": merchant_id,
        "name": name,
        "ids": list(member_ids),
        "at": at,
        "most_tags": MOST_TAGS,
    }
    with connection.cursor() as cursor:
        cursor.execute(PUT_ON.format(room=HAS_ROOM), values)
        return {row[0] for row in cursor.fetchall()}


def take_off(*, merchant_id: int, member_ids: Collection[int], name: str) -> set[int]:
    """Take a tag off those who have it, in the caller's transaction, which has the lock; off whom."""
    rows = MemberTag.objects.of(merchant_id).filter(member_id__in=member_ids, name=name)
    had = set(rows.values_list("member_id", flat=True))
    rows.delete()
    return had


def lock(*, merchant_id: int) -> None:
    """One writer of a merchant's tags at a time, in a statement of its own: how many there are is judged behind it."""
    posting.lock_order(merchant_id=merchant_id, key=("tags", ""))


def name_of(name: str) -> str:
    """A tag's name as it is kept. Raises Invalid."""
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_TAG or "\x00" in name:
        raise Invalid.on("tag", _("A tag has 1 to %(most)s characters.") % {"most": LONGEST_TAG})
    return name


def _member(merchant_id: int, member_id: int) -> Member:
    here = Member.objects.select_for_update(no_key=True).of(merchant_id).exclude(status=MemberStatus.ERASED)
    member = here.filter(pk=member_id).first()
    if member is None:
        raise NotFound(_("There is no such member."))
    return member


def _audit(member: Member, at: dt.datetime, actor: Actor, action: str, name: str) -> None:
    audit.record(
        merchant_id=member.merchant_id,
        at=at,
        actor=actor,
        action=action,
        subject=("member", member.public_id),
        after={"tag": name},
    )
