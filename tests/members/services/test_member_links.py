"""Links to members' own pages: whole, of one member, over at their instant; made by staff they are logged."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import transaction

from members.lib import tenant as tenancy
from members.lib.refusals import Invalid, NotFound
from members.models import AuditRow, Member, MemberStatus
from members.services import member_links
from members.services.audit import Actor
from members.services.member_links import LinkEnded
from tests.api import join, open_shop
from tests.conftest import NOON

pytestmark = pytest.mark.django_db


@pytest.fixture
def member(cast) -> Member:
    open_shop(cast.shop)
    return join(cast.shop, "u1")


def token_of(cast, member: Member, minutes: int = 10) -> str:
    link = member_links.make(merchant=cast.shop, member=member, at=NOON, minutes=minutes)
    return link.url.rstrip("/").rpartition("/")[2]


def test_a_link_names_its_shop_and_member_until_its_instant(cast, member):
    token = token_of(cast, member)

    assert member_links.read(token, at=NOON) == (cast.shop.slug, member.public_id)
    assert member_links.read(token, at=NOON + dt.timedelta(minutes=9, seconds=59))
    with pytest.raises(LinkEnded):
        member_links.read(token, at=NOON + dt.timedelta(minutes=10))


def test_a_link_changed_in_any_character_is_no_link(cast, member):
    token = token_of(cast, member)

    for place, sign in enumerate(token):
        changed = token[:place] + ("A" if sign != "A" else "B") + token[place + 1 :]
        with pytest.raises(NotFound) as caught:
            member_links.read(changed, at=NOON)
        assert not isinstance(caught.value, LinkEnded)
    for broken in ("", ".", "~~", token[:-1], f"{token}A", token.replace(".", "~")):
        with pytest.raises(NotFound):
            member_links.read(broken, at=NOON)


@pytest.mark.parametrize("minutes", [0, -1, member_links.MOST_MINUTES + 1, True, 1.5])
def test_a_link_works_for_a_minute_to_thirty_days(cast, member, minutes):
    with pytest.raises(Invalid):
        member_links.make(merchant=cast.shop, member=member, at=NOON, minutes=minutes)


def test_who_left_gets_no_link(cast, member):
    member.status = MemberStatus.LEFT

    with pytest.raises(NotFound):
        member_links.make(merchant=cast.shop, member=member, at=NOON)


def test_staff_who_show_a_link_stand_in_the_audit_log(cast, member):
    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        who = Actor.person(cast.clerk)
        member_links.show(merchant=cast.shop, member=member, at=NOON, actor=who)
        (row,) = AuditRow.objects.of(cast.shop).filter(action="member.page_shown")

    assert (row.subject_id, row.actor_id) == (member.public_id, cast.clerk.pk)
    assert "link" not in str(row.after)
