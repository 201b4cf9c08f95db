"""Terms of joining: free joining and quotas, for every entrance at one place, off until the platform says so."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import transaction

from compliance.services import grade_policies, installation
from members.lib import tenant as tenancy
from members.lib.refusals import ProgramNotOpen
from members.models import AuditRow, Identity, JoinStanding, JoinTally, Member
from members.services import joining, members, orders, programs
from members.services.audit import Actor
from members.services.joining import FreeJoinNotGranted, JoinQuotaReached, Terms
from members.services.order_items import LineIn, OrderIn
from tests.conftest import NOON
from tests.factories import ledger

JOB = Actor.job("test")
ONE_DAY = dt.timedelta(days=1)
EARLIER = NOON - 30 * ONE_DAY


@pytest.fixture
def shop(cast):
    """The first shop, open, of the lowest grade; the platform limits nothing yet."""
    with tenancy.platform(), transaction.atomic():
        installation.install(at=EARLIER)
        JoinStanding.objects.create(merchant=cast.shop, level="improving", since=EARLIER)
    ledger.open_shop(cast.shop, NOON)
    return cast.shop


def enforce(at=EARLIER, **values):
    with tenancy.platform():
        grade_policies.set_policy(at=at, effective_at=at, actor=JOB, reason="tried", values=values)


def quota(day=None, month=None, at=EARLIER):
    """What the lowest grade may take in; the higher ones as they were."""
    enforce(
        at, **{"enforce.quota": True, "joins_day.improving": day, "joins_month.improving": month, **HIGHER}
    )


HIGHER = {
    f"{name}.{level}": None for name in ("joins_day", "joins_month") for level in ("potential", "quality")
}


def join(shop, external_id, at=NOON, **more):
    with tenancy.tenant(shop.pk):
        return members.join(
            merchant_id=shop.pk, at=at, actor=JOB, channel="web", external_id=external_id, **more
        )


def join_many(shop, names, at=NOON, source="page"):
    people = [members.Joining("web", name, at, source=source) for name in names]
    with tenancy.tenant(shop.pk):
        return members.join_many(merchant_id=shop.pk, at=at, actor=JOB, people=people)


def rows(model, shop):
    with tenancy.tenant(shop.pk), transaction.atomic():
        return list(model.objects.of(shop).values_list("pk", flat=True))


def terms(shop, at=NOON):
    with tenancy.tenant(shop.pk), transaction.atomic():
        return joining.terms_of(merchant_id=shop.pk, at=at)


def test_nothing_is_limited_until_the_policy_switches_it_on(shop):
    enforce(protection_days=30)

    assert terms(shop) == Terms()
    join(shop, "a")
    assert rows(JoinTally, shop) == []


def test_a_rule_counts_from_its_instant_on_and_until_the_next(shop):
    enforce(NOON, **{"enforce.free_join": True})
    enforce(NOON + ONE_DAY, **{"enforce.free_join": False})

    found = [terms(shop, NOON + hours * dt.timedelta(hours=1)).free_join for hours in (-1, 0, 23, 24)]

    assert found == [True, False, False, True]


def test_a_merchant_that_was_never_graded_is_not_limited(cast, shop):
    enforce(**{"enforce.free_join": True, "enforce.quota": True})

    assert terms(cast.other) == Terms()
    assert terms(shop) == Terms(free_join=False, joins_day=100, joins_month=1000)


def test_a_days_quota_takes_in_so_many_and_begins_anew_the_next_day(shop):
    quota(day=2)
    join(shop, "a")
    join(shop, "b")
    before = (rows(Member, shop), rows(Identity, shop), rows(AuditRow, shop))

    with pytest.raises(JoinQuotaReached) as refused:
        join(shop, "c", NOON + dt.timedelta(hours=11, minutes=59))

    assert "2 people may join in a day" in refused.value.detail
    assert (rows(Member, shop), rows(Identity, shop), rows(AuditRow, shop)) == before
    join(shop, "c", NOON + dt.timedelta(hours=12))


def test_a_months_quota_spans_its_days(shop):
    quota(month=3)
    for place in range(3):
        join(shop, str(place), NOON + place * ONE_DAY)

    with pytest.raises(JoinQuotaReached):
        join(shop, "late", NOON + 16 * ONE_DAY)  # the 31st

    join(shop, "late", NOON + 17 * ONE_DAY)


def test_a_join_dated_back_uses_up_the_day_on_which_it_arrives(shop):
    quota(day=1)
    join(shop, "a", joined_at=NOON - 5 * ONE_DAY)

    with pytest.raises(JoinQuotaReached):
        join(shop, "b", joined_at=NOON - 6 * ONE_DAY)


def test_joining_again_uses_up_nothing(shop):
    quota(day=1)
    first = join(shop, "a")

    assert join(shop, "a").pk == first.pk
    assert join_many(shop, ["a", "a"]).created == 0


@pytest.mark.parametrize("source", ["list", "page"])
def test_a_list_that_would_exceed_the_quota_is_refused_whole(shop, source):
    quota(day=3)
    join(shop, "a")

    with pytest.raises(JoinQuotaReached):
        join_many(shop, ["a", "b", "c", "d"], source=source)

    assert len(rows(Member, shop)) == 1
    assert join_many(shop, ["a", "b", "c"], source=source).created == 2


def test_without_free_joining_only_buyers_join_and_declared_lists(shop):
    enforce(**{"enforce.free_join": True})
    with pytest.raises(FreeJoinNotGranted) as refused:
        join(shop, "a")
    assert "people who have bought" in refused.value.detail
    assert rows(Member, shop) == rows(Identity, shop) == []

    with pytest.raises(FreeJoinNotGranted):
        join_many(shop, ["a", "b"])
    assert rows(Member, shop) == []

    assert join_many(shop, ["a"], source="list").created == 1
    join(shop, "b", source="list")


def test_who_has_a_paid_order_joins_without_free_joining(shop):
    enforce(**{"enforce.free_join": True})
    for name, status in (("buyer", "paid"), ("dreamer", "unpaid")):
        order = OrderIn(f"of {name}", [LineIn("tea", 1, 1000)], member_key=name, status=status)
        with tenancy.tenant(shop.pk):
            orders.put_order(merchant_id=shop.pk, at=NOON, actor=JOB, order=order)

    join(shop, "buyer")
    with pytest.raises(FreeJoinNotGranted):
        join(shop, "dreamer")


def test_a_higher_level_takes_in_more(shop):
    quota(day=0)
    with pytest.raises(JoinQuotaReached):
        join(shop, "a")
    with tenancy.platform(), transaction.atomic():
        JoinStanding.objects.filter(pk=shop.pk).update(level="quality")

    join(shop, "a")


def test_a_shop_whose_program_is_closed_hears_that_first(shop):
    quota(day=0)
    with tenancy.tenant(shop.pk), transaction.atomic():
        programs.close_program(merchant_id=shop.pk, at=NOON, actor=JOB)

    with pytest.raises(ProgramNotOpen):
        join(shop, "a")
