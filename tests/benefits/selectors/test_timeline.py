"""A member's timeline tells of rights and what became of them, of entries in draws, and of orders of rewards."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from members.lib import tenant as tenancy
from members.models import Member, MemberStatus, Merchant
from members.selectors import timeline
from members.selectors.timeline import Line, Mark
from members.web import timeline_words
from tests.benefits.draws import DrawShop
from tests.benefits.services.test_rewards import act, place, reward

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> DrawShop:
    """Member "m" has had one of each thing, beside "n" to whom some of the same happened."""
    made = DrawShop()
    made.join("n")
    made.adjust("2024-01-10", 500, "start")
    coupon = made.publish(settings={"per_member_life": 4, "valid_days": 20})
    for name in ("m", "n"):
        used = made.claim(coupon, "2024-02-01", member=name)
        made.do("redeem", used.code, "2024-02-02", key=f"used {name}")
    made.claim(coupon, "2024-02-03")
    taken = made.claim(coupon, "2024-02-04")
    made.revoke(taken.code, "2024-02-05")
    cup = reward(made)
    order, _is_new = place(made, cup, when="2024-02-06")
    act(made, "ship", order, "2024-02-07", tracking="SF 1")
    other, _is_new = place(made, cup, key="other", when="2024-02-06")
    act(made, "cancel", other, "2024-02-08", reason="no stock")
    made.enter(made.draw(), "2024-02-09")
    made.nightly("2024-03-10")
    return made


def told(shop: DrawShop, member: str = "m", size: int = 1000, kind: str = "benefits", **changed: Any):
    """Every page of one member, read through the marks, and the lines in words."""
    with tenancy.tenant(shop.id), transaction.atomic():
        merchant = Merchant.objects.get(pk=shop.id)
        who = Member.objects.of(shop.id).get(pk=shop.members[member])
        for name, value in changed.items():
            setattr(who, name, value)
        lines: list[Line] = []
        before: Mark | None = None
        while True:
            page = timeline.page(merchant=merchant, member=who, kind=kind, size=size, before=before)
            lines += page.lines
            if page.next is None:
                break
            before = Mark.parse(str(page.next))
        reader = timeline_words.Reader(merchant, who)
        return lines, [row["told"] for row in timeline_words.rows(lines, reader)]


def test_each_thing_is_told_once_with_its_why_newest_first(shop):
    lines, words = told(shop)

    said = [(line.source, each.what, each.why) for line, each in zip(lines, words, strict=True)]
    assert said == [
        ("lapsed", "Benefit “coupon”: Expired", ""),
        ("draw_entry", "Entry 1 in the draw “Spring”", "test"),
        ("reward_act", "Order of a reward cancelled: “Cup”", "Till · no stock"),
        ("reward_act", "Reward sent: “Cup”", "Till"),
        ("reward", "Reward “Cup” ordered", "200 points · now: Cancelled"),
        ("reward", "Reward “Cup” ordered", "200 points · now: Sent"),
        ("right_act", "Entitlement taken back: “coupon”", "test · a mistake"),
        ("right", "Benefit “coupon” received", "Claimed · valid until 2024-02-24 · taken back later"),
        ("right", "Benefit “coupon” received", "Claimed · valid until 2024-02-23"),
        ("used", "Benefit “coupon”: Redeemed", "Till 1 · saved ¥10.00"),
        ("right", "Benefit “coupon” received", "Claimed · valid until 2024-02-21"),
    ]
    assert all(
        each.url
        for line, each in zip(lines, words, strict=True)
        if line.source not in ("draw_entry", "right_act")
    )


def test_what_a_row_tells_the_audit_log_does_not_tell_again(shop):
    _lines, words = told(shop, kind="acts")

    assert words == []  # the draw was entered and the code taken back, with an audit row each


def test_pages_hold_each_line_once_and_another_members_stay_theirs(shop):
    whole, _words = told(shop, kind="")
    benefits = [line.mark for line in told(shop)[0]]

    assert [line.mark for line in told(shop, size=2, kind="")[0]] == [line.mark for line in whole]
    assert benefits == [line.mark for line in whole if line.mark in set(benefits)]
    assert [line.source for line in told(shop, "n")[0]] == ["used", "right"]
    assert told(shop, status=MemberStatus.ERASED) == ([], [])


def test_a_page_is_one_query_and_one_for_each_kind_of_row_it_shows(shop):
    with tenancy.tenant(shop.id), transaction.atomic():
        merchant = Merchant.objects.get(pk=shop.id)
        who = Member.objects.of(shop.id).get(pk=shop.members["m"])
        with CaptureQueriesContext(connection) as captured:
            page = timeline.page(merchant=merchant, member=who, kind="benefits", size=100)
            for line in page.lines:
                timeline_words.told(line, timeline_words.Reader(merchant, who))

    assert len(captured) == 1 + len({line.source for line in page.lines})
