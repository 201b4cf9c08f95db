"""A member's timeline holds everything once, newest first, however it is paged."""

from __future__ import annotations

import datetime as dt

import pytest
from django.apps import apps
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from members.lib import tenant as tenancy
from members.models import Member, MemberStatus, Referral
from members.selectors import timeline
from members.selectors.timeline import KINDS, Mark, sources
from members.services import tags
from tests.conftest import NOON
from tests.factories import ledger

DAY = dt.timedelta(days=1)
KIND_OF = {source.name: source.kind for source in sources()}


@pytest.fixture
def shop(cast):
    ledger.open_shop(cast.shop, NOON)
    return cast.shop


@pytest.fixture
def member(shop):
    """Somebody with a little of everything, much of it at one instant, beside another to whom the same happened."""
    for name in ("u1", "u2"):
        member = ledger.join(shop, NOON, name)
        for number in range(3):
            ledger.buy(shop, member, f"{name} {number}", NOON + DAY, 60_000, paid_at=NOON + DAY)
        ledger.refund(shop, f"{name} 1", NOON + DAY)
        ledger.adjust(shop, member, 5, NOON + DAY, key=name)
        with tenancy.tenant(shop.pk), transaction.atomic():
            tags.add(
                merchant_id=shop.pk, at=NOON + 2 * DAY, actor=ledger.JOB, member_id=member.pk, name="vip"
            )
            tags.remove(
                merchant_id=shop.pk, at=NOON + 3 * DAY, actor=ledger.JOB, member_id=member.pk, name="vip"
            )
    return Member.objects.of(shop.pk).get(pk=member.pk)


def lines(shop, member, size=1000, **wanted):
    """Every page, one after the other, through the marks as an address writes them."""
    found, before = [], None
    with tenancy.tenant(shop.pk), transaction.atomic():
        while True:
            page = timeline.page(merchant=shop, member=member, size=size, before=before, **wanted)
            found.append(page.lines)
            if page.next is None:
                return found
            assert len(page.lines) == size
            before = Mark.parse(str(page.next))
            assert before == page.next


def flat(pages):
    return [(line.source, line.mark) for page in pages for line in page]


@pytest.fixture(autouse=True)
def scope(shop):
    """What the fixtures read is read in the shop."""
    with tenancy.tenant(shop.pk), transaction.atomic():
        yield


def test_everything_is_there_newest_first(shop, member):
    (page,) = lines(shop, member)

    marks = [(line.mark.at, line.mark.place, line.mark.number) for line in page]
    assert marks == sorted(marks, reverse=True)
    sources = [line.source for line in page]
    assert sources[:2] == ["tagged", "tagged"]
    assert set(sources[-2:]) == {"identity", "joined"}
    assert {name: sources.count(name) for name in ("order", "refund", "entry")} == {
        "order": 3,
        "refund": 1,
        "entry": 5,
    }
    assert "move" in sources


@pytest.mark.parametrize("size", [1, 2, 5, 7])
def test_pages_hold_every_line_once_also_at_one_instant(shop, member, size):
    assert flat(lines(shop, member, size)) == flat(lines(shop, member))


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_pages_likewise(shop, member, kind):
    whole = flat(lines(shop, member))

    assert flat(lines(shop, member, 2, kind=kind)) == [one for one in whole if KIND_OF[one[0]] == kind]


def test_what_is_no_mark_is_none():
    for text in ("", "x", "20240515T040000.000000_1_", "20249915T040000.000000_1_1", "1_1_1", "_٣_1"):
        assert Mark.parse(text) is None


def test_of_an_erased_member_only_the_books_are_told(shop, member):
    member.status = MemberStatus.ERASED

    sources = {line.source for page in lines(shop, member) for line in page}

    assert sources == {"joined", "order", "refund", "entry", "move"}


def test_a_page_is_one_query_and_one_for_each_kind_of_row_it_shows(shop, member):
    for size in (1, 3, 100):
        with CaptureQueriesContext(connection) as captured:
            page = timeline.page(merchant=shop, member=member, size=size)

        assert len(captured) == 1 + len({line.source for line in page.lines})


# What names a member and is no event of its own: what it came to stands in a table that is told.
TOLD_BY_OTHERS = {
    "DailyTotal", "EarningUse", "PointsAccount", "PointsLot", "PointsAllocation", "PendingPoints", "PointsRequest",
    "MemberFacts", "FactsDue", "TierStanding", "TierValidity", "SegmentMember", "ExpiryEmail", "ConsumerLink",
    "BenefitUse", "TierLiftMember", "TierOutlook",
    "Exposure",  # that one could have had a benefit: nothing happened
}  # fmt: skip


def test_every_table_that_names_a_member_is_told_or_its_events_are(shop, member):
    told = {source.rows(shop, member).model for source in sources()}
    silent = {
        model.__name__
        for model in apps.get_models()
        for field in model._meta.local_fields
        if field.is_relation and field.related_model is Member and model not in told
    }

    assert silent == TOLD_BY_OTHERS


def test_an_order_sent_again_and_who_was_brought_are_told(shop, member):
    ledger.buy(shop, member, "u2 0", NOON + 4 * DAY, 50_000, paid_at=NOON + DAY)
    other = Member.objects.of(shop.pk).exclude(pk=member.pk).get()
    Referral.objects.create(merchant_id=shop.pk, referrer=member, referred=other, at=NOON + 5 * DAY)

    (page,) = lines(shop, member)

    assert [line.source for line in page if line.source in ("brought", "revision")] == ["brought", "revision"]
    assert "brought" not in {line.source for line in lines(shop, other)[0]}
