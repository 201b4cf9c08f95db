"""Draws on the member's own page: what is told before, entering in one act, refusals in words, the result."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import transaction
from django.utils import timezone

from benefits.models import Draw, DrawEntry
from benefits.services import drawing, draws
from members.lib import tenant as tenancy
from tests.api import close, join, open_shop
from tests.benefits.web.test_own import JOB, ONCE, give, own, publish, reader, stored, text
from tests.factories.benefits import given

OTHER_ONCE = "23456789abcdefgh"


@pytest.fixture
def shop(cast):
    open_shop(cast.shop)
    return cast.shop


@pytest.fixture
def member(shop):
    return join(shop, "u1", name="王小明")


def draw(shop, *, days: int = 5, **more):
    """A draw open for entries; `more` are settings, or what a benefit has besides."""
    besides = {name: more.pop(name) for name in ("stock", "audience", "name") if name in more}
    now = timezone.now()
    return publish(
        shop,
        "lucky_draw",
        from_at=now - dt.timedelta(minutes=30),
        to_at=now + dt.timedelta(days=days),
        settings=given("lucky_draw") | more,
        **({"name": "Spring"} | besides),
    )


def behind(shop, benefit) -> Draw:
    (found,) = [each for each in stored(shop, Draw) if each.benefit_id == benefit.pk]
    return found


def enter(shop, member, benefit, once: str = ONCE, **more):
    return reader().post(
        f"{own(shop, member)}draws/enter", {"benefit": benefit.public_id, "once": once}, **more
    )


def hold(shop, days: int = 6) -> None:
    with tenancy.platform():
        drawing.draw_due(at=timezone.now() + dt.timedelta(days=days))


def test_a_member_reads_prizes_time_cost_rules_and_commitment_before_entering(shop, member):
    benefit = draw(shop, points=20, terms="Claim by mail.")
    give(shop, member, 50)
    page = reader().get(own(shop, member))

    said, row = text(page), behind(shop, benefit)
    for words in ("Spring", "Enter until", "20 points", "Claim by mail.", row.commitment, row.rules_hash):
        assert words in said
    for prize in row.rules["prizes"]:
        assert prize["name"] in said
    assert f"/draws/{shop.slug}/{row.public_id}/verify" in page.content.decode()
    assert "Benefits for you" not in said, "a draw is listed once, as a draw"
    assert "clearance" not in said, "what counts for clearance is the merchant's concern"


def test_a_member_enters_in_one_act_and_the_form_sent_twice_enters_and_pays_once(shop, member):
    benefit = draw(shop, points=20)
    give(shop, member, 50)

    first, again = (enter(shop, member, benefit, follow=True) for _n in range(2))

    (entry,) = stored(shop, DrawEntry)
    assert entry.member_id == member.pk and entry.points == 20
    assert "You have entered" in text(first) and entry.entrant in text(first)
    assert first.status_code == again.status_code == 200 and "30 available" in text(again)
    assert f'value="{benefit.public_id}"' not in first.content.decode(), "one entry a member"


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"audience": {"tiers": ["silver"]}}, "This benefit is for other members."),
        ({"points": 500}, "points"),
        ({"stock": 0}, "Nothing is left"),
    ],
)
def test_what_cannot_be_entered_offers_no_act_and_is_refused_in_words(shop, member, more, says):
    benefit = draw(shop, **more)

    assert f'value="{benefit.public_id}"' not in reader().get(own(shop, member)).content.decode()
    page = enter(shop, member, benefit)

    assert page.status_code == 422 and says in text(page)
    assert stored(shop, DrawEntry) == []


def test_a_second_entry_is_refused_and_two_are_had_where_the_rules_say_so(shop, member):
    once, twice = draw(shop), draw(shop, entries=2, name="Twice")
    for benefit in (once, twice):
        enter(shop, member, benefit)
        enter(shop, member, benefit, OTHER_ONCE)

    entered = [row.draw_id for row in stored(shop, DrawEntry)]
    assert sorted(entered) == sorted([behind(shop, once).pk, *[behind(shop, twice).pk] * 2])
    refused = enter(shop, member, once, "zzzzzzzzzzzzzzz2")
    assert refused.status_code == 422 and "the most for one member" in text(refused)


def test_another_shops_draw_and_what_is_no_draw_are_not_there(shop, member, cast):
    open_shop(cast.other)
    foreign, coupon = draw(cast.other), publish(shop)

    for benefit in (foreign, coupon):
        page = enter(shop, member, benefit)
        assert page.status_code == 404 and "There is no such draw." in text(page)
    assert stored(shop, DrawEntry) == stored(cast.other, DrawEntry) == []


def test_a_paused_program_shows_what_was_entered_and_takes_no_entry(shop, member):
    entered, other = draw(shop), draw(shop, name="Summer")
    enter(shop, member, entered)
    close(shop, "closed")

    page = reader().get(own(shop, member))
    assert "Spring" in text(page) and "Summer" not in text(page)
    assert enter(shop, member, other).status_code == 422 and len(stored(shop, DrawEntry)) == 1


def test_the_result_is_told_to_who_won_and_who_did_not_with_the_way_to_check_it(shop, member):
    benefit = draw(shop, prizes=[{"name": "Teapot", "value_minor": 9900, "count": 1}])
    other = join(shop, "u2")
    with tenancy.tenant(shop.pk), transaction.atomic():
        for each in (member, other):
            draws.enter(
                merchant_id=shop.pk, at=timezone.now(), actor=JOB, member_id=each.pk, benefit_id=benefit.pk,
                key="x",
            )  # fmt: skip
    hold(shop)

    pages = [reader().get(own(shop, each)) for each in (member, other)]
    told = sorted("You have won:" in text(page) for page in pages)
    assert told == [False, True], "one piece, one winner"
    for page in pages:
        assert ("Teapot, worth" in text(page)) == ("You have won:" in text(page))
        assert ("You have won nothing this time." in text(page)) == ("You have won:" not in text(page))
        assert "Check the draw" in text(page) and "Enter until" not in text(page)
