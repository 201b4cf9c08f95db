"""Acts on many members over HTTP: chosen, shown with their cost, confirmed, watched, undone; who may."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import transaction
from django.utils import timezone

from members.lib import tenant as tenancy
from members.models import BulkAct, Member, MemberTag, PointsAccount, Role, Staff
from members.services.bulk_acts import work
from tests.factories import ledger


@pytest.fixture
def owner(client, cast):
    """Three members, two of them from JD; no more than 100 points by one person."""
    at = timezone.now() - dt.timedelta(days=2)
    ledger.open_shop(cast.shop, at, adjust_limit=100)
    for name, channel in (("u1", "web"), ("u2", "jd"), ("u3", "jd")):
        ledger.join(cast.shop, at, name, channel=channel)
    client.force_login(cast.owner)
    client.cookies["django_language"] = "en"
    return client


def rows(shop, model):
    with tenancy.tenant(shop.pk), transaction.atomic():
        return list(model.objects.of(shop).order_by("pk"))


def done(shop, client) -> str:
    act = rows(shop, BulkAct)[-1]
    with tenancy.tenant(shop.pk):
        work.work(merchant_id=shop.pk, job_id=act.pk, now=timezone.now)
    return client.get(f"/members/acts/{act.public_id}").content.decode()


def test_all_that_match_get_points_after_their_sum_was_shown_and_give_them_back(owner, cast):
    url = "/members/acts/new?channel=jd&who=all"
    form = {"kind": "points", "points": "40", "reason": "spring", "once": "abcdefghjk234567"}
    assert "Act on all 2 that match" in owner.get("/members/?channel=jd").content.decode()

    page = owner.post(url, form).content.decode()
    assert "80 points are given to 2 members" in page and rows(cast.shop, BulkAct) == []
    for _twice in range(2):
        answer = owner.post(url, form | {"confirm": "1"})
    act = rows(cast.shop, BulkAct)[0]
    assert answer.url == f"/members/acts/{act.public_id}"
    assert "data-hx-trigger" in owner.get(answer.url).content.decode()
    assert "Can be undone until" in done(cast.shop, owner)
    assert [account.available for account in rows(cast.shop, PointsAccount)] == [40, 40]

    owner.post(f"{answer.url}/undo")
    assert "Taken back" in done(cast.shop, owner)
    assert [account.available for account in rows(cast.shop, PointsAccount)] == [0, 0]


def test_the_ticked_alone_get_the_tag(owner, cast):
    first, _second, third = rows(cast.shop, Member)

    answer = owner.post(
        f"/members/acts/new?who=ticked&m={first.public_id}&m={third.public_id}",
        {"kind": "tag", "tag": "vip", "confirm": "1"},
    )
    assert answer.status_code == 302
    done(cast.shop, owner)

    assert {tag.member_id for tag in rows(cast.shop, MemberTag)} == {first.pk, third.pk}


def test_what_cannot_be_is_said_at_its_field_and_nothing_begins(owner, cast):
    url = "/members/acts/new?who=all"
    for form, said in (
        ({"kind": "points", "points": "101", "reason": "x"}, "at most 100 points"),
        ({"kind": "points", "points": "5"}, "Say why"),
        ({"kind": "tag"}, "A tag has"),
        ({"kind": "tier", "reason": "x"}, "Choose a tier"),
    ):
        answer = owner.post(url, form | {"confirm": "1"})
        assert answer.status_code == 422
        assert said in answer.content.decode()
    assert owner.get("/members/acts/new?who=ticked").url == "/members/"
    assert rows(cast.shop, BulkAct) == []


def test_operators_tag_and_move_no_points_and_another_shops_member_is_nobody(owner, cast):
    at = timezone.now() - dt.timedelta(days=1)
    ledger.open_shop(cast.other, at)
    stranger = ledger.join(cast.other, at, "stranger")
    assert owner.get(f"/members/acts/new?who=ticked&m={stranger.public_id}").url == "/members/"
    with tenancy.platform(), transaction.atomic():
        Staff.objects.filter(merchant=cast.shop).update(role=Role.OPERATOR)

    answer = owner.post(
        "/members/acts/new?who=all", {"kind": "points", "points": "5", "reason": "x", "confirm": "1"}
    )

    assert answer.status_code == 422
    with tenancy.platform(), transaction.atomic():
        Staff.objects.filter(merchant=cast.shop).update(role=Role.ANALYST)
    assert owner.get("/members/acts/new?who=all").status_code == 403
    assert rows(cast.shop, BulkAct) == []
