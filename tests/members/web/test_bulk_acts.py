"""Acts on many members over HTTP: chosen, shown with their cost, confirmed, watched, undone; who may."""

from __future__ import annotations

import datetime as dt
import re

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


def confirming(client, url, form) -> dict[str, str]:
    """What the page's Confirm button sends once it has shown the result of `form`."""
    page = client.post(url, form).content.decode()
    return form | {"confirm": "1", "shown": re.search(r'name="shown" value="([^"]*)"', page)[1]}


def test_all_that_match_get_points_after_their_sum_was_shown_and_give_them_back(owner, cast):
    url = "/members/acts/new?channel=jd&who=all"
    form = {"kind": "points", "points": "40", "reason": "spring", "once": "abcdefghjk234567"}
    assert "Act on all 2 that match" in owner.get("/members/?channel=jd").content.decode()

    page = owner.post(url, form).content.decode()
    assert "80 points are given to 2 members" in page and rows(cast.shop, BulkAct) == []
    form = confirming(owner, url, form)
    for _twice in range(2):
        answer = owner.post(url, form)
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

    url = f"/members/acts/new?who=ticked&m={first.public_id}&m={third.public_id}"
    answer = owner.post(url, confirming(owner, url, {"kind": "tag", "tag": "vip"}))
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


CHANGED = "has changed since it was shown"


def test_arguments_edited_beside_the_confirm_button_are_shown_before_they_are_done(owner, cast):
    url = "/members/acts/new?channel=jd&who=all"
    form = confirming(owner, url, {"kind": "points", "points": "4", "reason": "spring"})

    for edited in ({"points": "40"}, {"reason": "summer"}, {"kind": "tag", "tag": "vip"}, {"shown": ""}):
        answer = owner.post(url, form | edited)
        assert answer.status_code == 422
        assert CHANGED in answer.content.decode()
        assert 'id="consequences"' in answer.content.decode()
    assert rows(cast.shop, BulkAct) == []

    page = owner.post(url, form | {"points": "40"}).content.decode()
    again = form | {"points": "40", "shown": re.search(r'name="shown" value="([^"]*)"', page)[1]}
    assert owner.post(url, again).status_code == 302
    assert rows(cast.shop, BulkAct)[0].arguments == {"points": 40}


def test_a_selection_that_grew_or_is_another_is_shown_before_anything_begins(owner, cast):
    url = "/members/acts/new?channel=jd&who=all"
    form = confirming(owner, url, {"kind": "tag", "tag": "vip"})

    assert owner.post("/members/acts/new?channel=web&who=all", form).status_code == 422
    ledger.join(cast.shop, timezone.now(), "u4", channel="jd")
    answer = owner.post(url, form)

    assert answer.status_code == 422
    assert CHANGED in answer.content.decode()
    assert "Confirm for 3 members" in answer.content.decode()
    assert rows(cast.shop, BulkAct) == []


def test_a_filter_that_vanished_never_means_everybody(owner, cast):
    form = {"kind": "tag", "tag": "vip"}
    form = confirming(owner, "/members/acts/new?who=all", form)

    for gone in ("tier=gone", "channel=gone"):
        url = f"/members/acts/new?who=all&{gone}"
        for answer in (owner.get(url), owner.post(url, form)):
            assert answer.url == "/members/"
        assert "no longer there" in owner.get("/members/").content.decode()
    assert rows(cast.shop, BulkAct) == []


def test_a_form_that_has_begun_an_act_begins_no_other(owner, cast):
    url = "/members/acts/new?who=all"
    once = {"once": "abcdefghjk234567"}
    owner.post(url, confirming(owner, url, {"kind": "tag", "tag": "vip"} | once))
    done(cast.shop, owner)

    answer = owner.post(url, confirming(owner, url, {"kind": "tag", "tag": "vip 2"} | once))

    assert answer.status_code == 422
    assert "begun another act already" in answer.content.decode()
    assert once["once"] not in answer.content.decode()
    assert len(rows(cast.shop, BulkAct)) == 1


def test_operators_are_not_offered_to_stop_an_act_on_points_and_cannot(owner, cast):
    url = "/members/acts/new?who=all"
    page = owner.post(url, confirming(owner, url, {"kind": "points", "points": "5", "reason": "x"})).url
    assert ">Stop<" in owner.get(page).content.decode()
    with tenancy.platform(), transaction.atomic():
        Staff.objects.filter(merchant=cast.shop).update(role=Role.OPERATOR)

    assert ">Stop<" not in owner.get(page).content.decode()
    owner.post(f"{page}/cancel")

    assert [act.state for act in rows(cast.shop, BulkAct)] == ["queued"]
