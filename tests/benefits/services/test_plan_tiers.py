"""What is left of a plan's tier after a refund, whatever happened to the tier meanwhile (domain.md 5 and 9)."""

from __future__ import annotations

import datetime as dt

import pytest
import structlog
from django.db import transaction

from benefits.models import Subscription
from benefits.services import subscription_floors
from benefits.services.plans import Offer
from members.lib import tenant as tenancy
from members.models import AuditRow, Merchant
from members.selectors import rules as rules_selector
from members.services import posting, programs, tier_hand, tier_rules
from tests.benefits.plans import LADDER, do, golden, plan, refund, sell
from tests.benefits.services.test_subscriptions import DAY, GOLDEN, close, held, night, validity
from tests.conftest import NOON
from tests.factories import ledger

pytestmark = pytest.mark.django_db
LOWER = LADDER[1]["code"]
WITHOUT_GOLD = {"ladder": LADDER[:-1], "targets": {"gold": LOWER}}


@pytest.fixture
def shop(cast):
    return golden(cast.shop)


def day(days: int) -> dt.date:
    return (NOON + days * DAY).date()


def test_a_refunded_grant_that_waits_for_the_daily_job_does_not_become_the_members_own_by_a_new_sale(shop):
    member, card = ledger.join(shop, NOON), plan(shop, GOLDEN)
    term = sell(shop, card, member)
    close(shop, NOON + 10 * DAY)
    refund(shop, term, NOON + 15 * DAY)
    do(programs.open_program, shop, NOON + 21 * DAY)
    new = sell(shop, card, member, NOON + 21 * DAY)
    night(NOON + 22 * DAY)

    refund(shop, new, NOON + 23 * DAY)

    assert validity(shop, member) == day(23)
    night(NOON + 24 * DAY)
    assert held(shop, member)["tier"] == "base"


def test_a_refund_in_a_closure_is_taken_back_also_after_another_closure(shop):
    member, card = ledger.join(shop, NOON), plan(shop, GOLDEN)
    term = sell(shop, card, member)
    close(shop, NOON + 10 * DAY)
    refund(shop, term, NOON + 15 * DAY)
    do(programs.open_program, shop, NOON + 21 * DAY)
    close(shop, NOON + 21 * DAY + dt.timedelta(hours=2))
    do(programs.open_program, shop, NOON + 25 * DAY)

    night(NOON + 26 * DAY), night(NOON + 27 * DAY)

    assert held(shop, member)["tier"] == "base"


def test_a_grant_whose_tier_left_the_ladder_is_taken_back_from_its_target(shop):
    member, card = ledger.join(shop, NOON), plan(shop, GOLDEN)
    term = sell(shop, card, member)
    do(tier_rules.configure, shop, NOON + DAY, **WITHOUT_GOLD)
    assert held(shop, member)["tier"] == LOWER

    refund(shop, term, NOON + 2 * DAY)

    assert validity(shop, member, LOWER) == day(2)
    night(NOON + 3 * DAY)
    assert held(shop, member)["tier"] == "base"


def test_what_a_member_had_of_the_target_before_is_theirs_after_a_refund(shop):
    member, card = (
        ledger.join(shop, NOON),
        plan(shop, Offer(name="Long", fee_minor=1, months=36, tier="gold")),
    )
    hand = {"member_id": member.pk, "reason": "a friend of the shop"}
    do(tier_hand.set_tier, shop, NOON, tier=LOWER, until=day(50), **hand)
    term = sell(shop, card, member)
    do(tier_rules.configure, shop, NOON + DAY, **WITHOUT_GOLD)

    refund(shop, term, NOON + 2 * DAY)

    assert validity(shop, member, LOWER) == day(50)


def test_a_target_that_another_plan_grants_is_not_the_members_own(shop):
    member, card = ledger.join(shop, NOON), plan(shop, GOLDEN)
    other = plan(shop, Offer(name="Half", fee_minor=100, months=6, tier=LOWER), "half")
    half, term = sell(shop, other, member), sell(shop, card, member)
    do(tier_rules.configure, shop, NOON + DAY, **WITHOUT_GOLD)

    refund(shop, term, NOON + 2 * DAY)
    assert validity(shop, member, LOWER) == half.floor_until
    refund(shop, half, NOON + 3 * DAY)

    assert validity(shop, member, LOWER) == day(3)


def test_a_tier_given_by_hand_during_a_term_survives_its_refund(shop):
    member, card = ledger.join(shop, NOON), plan(shop, GOLDEN)
    term = sell(shop, card, member)
    given = {"member_id": member.pk, "tier": "gold", "until": day(100), "reason": "a friend of the shop"}

    told = [do(tier_hand.set_tier, shop, NOON + DAY, **given) for _again in range(2)]
    refund(shop, term, NOON + 2 * DAY)

    assert told == [True, False] and validity(shop, member) == day(100)
    with tenancy.tenant(shop.pk), transaction.atomic():
        rows = list(AuditRow.objects.of(shop.pk).filter(action="tier.set").values_list("after", flat=True))
    assert [row["without_plan_until"] for row in rows] == [day(100).isoformat()]


@pytest.mark.parametrize(
    ("more", "until"),
    [({"keeps_days": True}, 100), ({}, 2), ({"exactly": True}, 2)],  # of a file, of a list, of an undoing
)
def test_a_tier_of_a_file_during_a_term_survives_its_refund_and_one_that_was_refused_does_not(
    shop, more, until
):
    member, card = ledger.join(shop, NOON), plan(shop, GOLDEN)
    term = sell(shop, card, member)
    at = NOON + DAY
    with tenancy.tenant(shop.pk), transaction.atomic():
        posting.lock_merchant(merchant_id=shop.pk, alone=True)
        program = programs.lock_open(merchant_id=shop.pk)
        version = rules_selector.version_at(merchant_id=shop.pk, at=at)
        rules = rules_selector.rules_at(merchant_id=shop.pk, at=at, program=program, version=version)
        given = {member.pk: tier_hand.Given(term.floor_tier_id, day(100))}
        merchant = Merchant.objects.get(pk=shop.pk)
        tier_hand.give_many(
            merchant=merchant, program=program, rules=rules, at=at, tiers=given, reason="x", **more
        )

    refund(shop, term, NOON + 2 * DAY)

    assert validity(shop, member) == day(until)


def test_a_merchant_whose_tiers_cannot_be_taken_back_keeps_none_of_the_others_back(cast):
    broken, fine = sorted([cast.shop, cast.other], key=lambda each: each.pk)
    members = {each.pk: ledger.join(golden(each), NOON) for each in (broken, fine)}
    for each in (broken, fine):
        term = sell(each, plan(each, GOLDEN), members[each.pk])
        close(each, NOON + 10 * DAY)
        refund(each, term, NOON + 15 * DAY)
        do(programs.open_program, each, NOON + 16 * DAY)
    with tenancy.tenant(broken.pk), transaction.atomic():
        # No day before the first one can be looked at.
        Subscription.objects.of(broken.pk).update(floor_since=dt.date.min)

    with structlog.testing.capture_logs() as logs, tenancy.platform():
        done = subscription_floors.take_back_due(zone="Asia/Shanghai", at=NOON + 17 * DAY)

    assert done == 1 and validity(fine, members[fine.pk]) == day(17)
    failed = [each for each in logs if each["event"] == "plan_tier_not_taken_back"]
    assert [(each["merchant_id"], each["log_level"]) for each in failed] == [(broken.pk, "error")]
