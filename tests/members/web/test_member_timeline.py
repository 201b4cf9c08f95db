"""The timeline of a member, over HTTP and without a script."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import transaction
from django.utils import timezone

from members.lib import tenant as tenancy
from members.models import BulkAct, BulkActMember, ExpiryNotice, Member, MemberStatus, Referral
from members.services import tags
from tests.factories import ledger

DAY = dt.timedelta(days=1)


@pytest.fixture
def at():
    """Ten days ago, since pages read the clock."""
    return timezone.now().replace(microsecond=0) - 10 * DAY


@pytest.fixture
def shop(cast, at):
    ledger.open_shop(cast.shop, at)
    return cast.shop


@pytest.fixture
def member(shop, at):
    """Somebody with an order that brought points and a tier, an adjustment, a refund, a tag and a notice."""
    member = ledger.join(shop, at, phone="13800131402", name="王小明")
    ledger.buy(shop, member, "order-1", at + DAY, 100_000)
    ledger.refund(shop, "order-1", at + 2 * DAY)
    ledger.adjust(shop, member, 50, at + 3 * DAY)
    with tenancy.tenant(shop.pk), transaction.atomic():
        tags.add(merchant_id=shop.pk, at=at + 4 * DAY, actor=ledger.JOB, member_id=member.pk, name="vip")
        ExpiryNotice.objects.create(
            merchant_id=shop.pk,
            member_id=member.pk,
            expires_on=dt.date(2031, 3, 1),
            days=30,
            points=50,
            at=at + 5 * DAY,
        )
    return member


@pytest.fixture
def owner(client, cast):
    client.force_login(cast.owner)
    client.cookies["django_language"] = "en"
    return client


def page_of(client, member, **query):
    response = client.get(f"/members/{member.public_id}/timeline", query)
    assert response.status_code == 200
    return response.content.decode()


def test_each_line_says_what_and_why(owner, member):
    page = page_of(owner, member)

    for words in (
        "Joined on ",
        "Order order-1 paid: ",
        "It comes to ",
        "Order order-1 refunded whole: ",
        "+50 points: ",
        "a reason",
        "Tier Member → Silver",
        "by an order",
        "Tag “vip” put on",
        "Told that 50 points expire after 2031-03-01",
        "The rule tells at most 30 days before",
        "no e-mail",
    ):
        assert words in page, words
    assert f"/members/{member.public_id}?why=1#entry-1" in page
    assert "王小明" not in page
    assert "13800131402" not in page


@pytest.mark.parametrize("language", ["zh-hans", "zh-hant"])
def test_the_page_is_told_in_other_languages(owner, member, language):
    owner.cookies["django_language"] = language

    page = page_of(owner, member)

    assert f'lang="{language}' in page.lower()
    assert "vip" in page


def test_the_member_page_links_to_it(owner, member):
    page = owner.get(f"/members/{member.public_id}").content.decode()

    assert f"/members/{member.public_id}/timeline" in page


def test_the_member_page_shows_the_latest_of_it_with_their_why_in_place(owner, shop, member):
    for number in range(9):
        ledger.buy(shop, member, f"more-{number}", timezone.now(), 1_000)

    response = owner.get(f"/members/{member.public_id}")
    happened = response.content.decode().partition('id="happened"')[2].partition("</section>")[0]

    assert len(response.context["happened"]) == happened.count("<tr><td>") == 10
    assert "Order more-8 paid: " in happened
    assert "It comes to 10 points by now, under version " in happened
    assert "Joined on" not in happened


def test_an_order_sent_again_says_what_it_was_and_a_friend_who_was_brought_is_led_to(owner, shop, member, at):
    friend = ledger.join(shop, at + 6 * DAY, "friend")
    ledger.buy(shop, member, "order-2", at + 6 * DAY, 7_000)
    ledger.buy(shop, member, "order-2", at + 7 * DAY, 8_000)
    with tenancy.tenant(shop.pk), transaction.atomic():
        Referral.objects.create(merchant_id=shop.pk, referrer=member, referred=friend, at=at + 7 * DAY)

    page = page_of(owner, member)

    assert "Order order-2 was sent again, changed" in page
    assert "before: ¥70.00, Paid" in page
    assert "Brought another member" in page
    assert "not rewarded yet" in page
    assert f'href="/members/{friend.public_id}"' in page


def test_a_kind_in_the_address_shows_that_kind_alone(owner, member):
    page = page_of(owner, member, kind="tags")

    assert "Tag “vip” put on" in page
    assert "order-1" not in page
    assert page_of(owner, member, kind="nonsense", before="nonsense").count("<tr>") > 5


def test_earlier_lines_are_a_link_away_and_htmx_gets_the_lines_alone(owner, shop, member, at):
    for number in range(40):
        ledger.adjust(shop, member, 1, at + 6 * DAY, key=f"one {number}")

    first = owner.get(f"/members/{member.public_id}/timeline")
    mark = first.context["next"]
    later = owner.get(
        f"/members/{member.public_id}/timeline", {"before": str(mark)}, headers={"HX-Request": "true"}
    )

    assert f"before={mark}" in first.content.decode()
    assert "<html" not in later.content.decode()
    assert len(first.context["lines"]) == 30
    told = [line["told"].url for page in (first, later) for line in page.context["lines"]]
    entries = [url for url in told if "?why=" in url]
    assert len(entries) == len(set(entries)) == len(ledger.entries(shop, member))


def test_an_erased_member_shows_nothing_of_the_person(owner, shop, member):
    with tenancy.tenant(shop.pk), transaction.atomic():
        Member.objects.of(shop.pk).filter(pk=member.pk).update(status=MemberStatus.ERASED)

    page = page_of(owner, member)

    assert "order-1" in page
    for personal in ("vip", "a reason", "Known on", "Told that"):
        assert personal not in page


def test_another_shops_member_is_not_there(owner, cast, shop, at):
    ledger.open_shop(cast.other, at)
    theirs = ledger.join(cast.other, at)

    assert owner.get(f"/members/{theirs.public_id}/timeline").status_code == 404


def test_acts_on_many_and_imports_say_by_whom_and_lead_to_their_page(owner, cast, shop, member, at):
    with tenancy.tenant(shop.pk), transaction.atomic():
        who = {"merchant_id": shop.pk, "created_at": at + 6 * DAY, "by_label": "Somebody"}
        for kind, arguments in (
            ("tag", {"tag": "gift"}),
            ("untag", {"tag": "late"}),
            ("tier", {"tier": "silver", "tier_id": 1, "until": "2031-01-01"}),
            ("points", {"points": 7}),
        ):
            act = BulkAct.objects.create(
                public_id=f"bulk_{kind}", kind=kind, arguments=arguments, state="done", **who
            )
            BulkActMember.objects.create(
                merchant_id=shop.pk, act=act, member_id=member.pk, outcome="refused", why="not open"
            )
    page = page_of(owner, member, kind="acts")

    assert page.count("Act on many members: ") >= 4
    assert "Somebody · not done: not open" in page
    assert "+7 points" in page
    assert "/members/acts/bulk_tag" in page
