"""Tags put on at once: each once, and no more of them than a member may have (domain.md 10)."""

from __future__ import annotations

import pytest
from django.db import transaction

from members.lib import tenant as tenancy
from members.lib.refusals import Conflict
from members.models import MemberTag
from members.services import tags
from tests.concurrency.test_points_races import at_once
from tests.members.services.till import JOB, OPENED, Till

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])


@pytest.fixture
def till(transactional_db) -> Till:
    """A shop with a member that has one tag less than it may."""
    shop = Till()
    shop.join("u1")
    for number in range(tags.MOST_TAGS - 1):
        put(shop, f"tag {number}")
    return shop


def put(till: Till, name: str) -> bool | None:
    """Whether the tag was new; None for one too many."""
    try:
        with tenancy.tenant(till.id), transaction.atomic():
            who = {"merchant_id": till.id, "member_id": till.members["u1"]}
            return tags.add(**who, at=OPENED, actor=JOB, name=name)
    except Conflict:
        return None


def held(till: Till) -> int:
    with tenancy.tenant(till.id), transaction.atomic():
        return MemberTag.objects.of(till.id).count()


def test_a_double_click_puts_a_tag_on_once(till):
    done = at_once([lambda: put(till, "vip")] * 4)

    assert sorted(done) == [False, False, False, True] and held(till) == tags.MOST_TAGS


def test_of_different_tags_at_once_only_as_many_are_put_on_as_there_is_room_for(till):
    done = at_once([lambda n=n: put(till, f"new {n}") for n in range(4)])

    assert sorted(done, key=str) == [None, None, None, True] and held(till) == tags.MOST_TAGS
