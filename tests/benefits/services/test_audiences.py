"""A named audience: empty it makes a paper benefit, its first member turns the benefit on, its last one off."""

from __future__ import annotations

import pytest
import structlog

from benefits.models import BenefitRevision, Coverage
from benefits.services import benefits
from benefits.services.audiences import observe, observe_everywhere
from members.lib import tenant as tenancy
from members.lib.refusals import Invalid
from members.models import Member, Tier, TierMove, TierStanding
from members.services import members, orders, programs, segments, tier_rules
from members.services.audit import Actor
from members.services.orders import LineIn, OrderIn
from tests.benefits.services.test_benefits import DAY

JOB = Actor.job("test")
LADDER = [{"code": "base"}, {"code": "gold", "all": {"spend_minor": 100_000}}]


@pytest.fixture
def shop(cast, noon):
    with tenancy.tenant(cast.shop.pk):
        programs.open_program(merchant_id=cast.shop.pk, at=noon, actor=JOB)
        tier_rules.configure(merchant_id=cast.shop.pk, at=noon, actor=JOB, ladder=LADDER)
        yield cast.shop


def join(shop, at) -> Member:
    return members.join(
        merchant_id=shop.pk, at=at, actor=JOB, channel="web", external_id="someone", phone="", source="page"
    )


def move(shop, member, to_code, at):
    tiers = {tier.code: tier for tier in Tier.objects.of(shop)}
    was = TierStanding.objects.of(shop).filter(member=member).first()
    TierMove.objects.create(
        merchant=shop, member=member, at=at, from_tier=was.tier if was else tiers["base"], to_tier=tiers[to_code],
        cause="staff", rules_version=1, spend_minor=0, orders=0, active_days=0, points_earned=0, growth=0,
    )  # fmt: skip
    TierStanding.objects.update_or_create(
        merchant=shop, member=member, defaults={"tier": tiers[to_code], "since": at}
    )


def publish(shop, at, codes):
    return benefits.publish_benefit(
        merchant_id=shop.pk,
        at=at,
        actor=JOB,
        kind="coupon",
        settings={"off_minor": 500},
        audience={"tiers": codes},
    )


def spans(shop):
    rows = Coverage.objects.of(shop).filter(kind="coupon")
    return [(span.start, span.end) for row in rows for span in row.in_force]


def test_the_first_and_the_last_member_of_a_tier_turn_the_benefit_on_and_off(shop, noon):
    publish(shop, noon, ["gold"])
    member = join(shop, noon + DAY)
    assert spans(shop) == []

    move(shop, member, "gold", noon + 2 * DAY)
    assert observe(merchant_id=shop.pk, at=noon + 3 * DAY) == 1
    assert observe(merchant_id=shop.pk, at=noon + 3 * DAY) == 0
    move(shop, member, "base", noon + 5 * DAY)
    assert observe(merchant_id=shop.pk, at=noon + 6 * DAY) == 1

    assert spans(shop) == [(noon + 2 * DAY, noon + 5 * DAY)]
    assert Coverage.objects.of(shop).get().configured_at == []
    assert [row.configures for row in BenefitRevision.objects.of(shop).order_by("number")] == [False] * 3


def test_who_never_moved_is_in_the_lowest_tier(shop, noon):
    join(shop, noon)

    publish(shop, noon + DAY, ["base"])

    assert spans(shop) == [(noon + DAY, None)]


def test_a_tier_that_somebody_holds_is_no_empty_audience(shop, noon):
    move(shop, join(shop, noon), "gold", noon)

    publish(shop, noon + DAY, ["gold"])
    publish(shop, noon + 2 * DAY, ["base"])

    assert spans(shop) == [(noon + DAY, None)]
    assert BenefitRevision.objects.of(shop).filter(audience_empty=True).count() == 1


def test_observing_works_while_the_program_is_closed(shop, noon):
    publish(shop, noon, ["gold"])
    member = join(shop, noon)
    programs.close_program(merchant_id=shop.pk, at=noon + DAY, actor=JOB)
    move(shop, member, "gold", noon + 2 * DAY)

    assert observe(merchant_id=shop.pk, at=noon + 3 * DAY) == 1
    assert spans(shop) == [(noon + 2 * DAY, None)]


def test_every_shop_with_a_named_audience_is_looked_at(shop, cast, noon):
    publish(shop, noon, ["gold"])
    with tenancy.tenant(cast.other.pk):
        tier_rules.configure(merchant_id=cast.other.pk, at=noon, actor=JOB, ladder=LADDER)
        publish(cast.other, noon, ["gold"])
    with tenancy.tenant(shop.pk):
        move(shop, join(shop, noon), "gold", noon + DAY)

    assert observe_everywhere(at=noon + 2 * DAY) == 1
    assert spans(shop) == [(noon + DAY, None)]


def buyers(shop, at):
    rule = {"all": [{"fact": "orders", "op": "at_least", "value": 1}]}
    return segments.create(merchant_id=shop.pk, at=at, actor=JOB, name="Buyers", rule=rule)


def order(shop, member, at):
    bought = OrderIn("o1", [LineIn("tea", 1, 1_000)], member_id=member.pk)
    orders.put_order(merchant_id=shop.pk, at=at, actor=JOB, order=bought)


def to_segment(shop, at, public_id):
    return benefits.publish_benefit(
        merchant_id=shop.pk,
        at=at,
        actor=JOB,
        kind="coupon",
        settings={"off_minor": 500},
        audience={"segments": [public_id]},
    )


def test_a_benefit_for_a_segment_is_paper_until_somebody_is_in_it(shop, noon):
    segment = buyers(shop, noon)
    benefit = to_segment(shop, noon, segment.public_id)
    member = join(shop, noon + DAY)
    assert benefit.audience_empty and spans(shop) == []
    assert observe(merchant_id=shop.pk, at=noon + 2 * DAY) == 0

    order(shop, member, noon + 3 * DAY)
    assert observe(merchant_id=shop.pk, at=noon + 4 * DAY) == 1
    assert observe(merchant_id=shop.pk, at=noon + 4 * DAY) == 0
    assert spans(shop) == [(noon + 4 * DAY, None)]

    segments.delete(merchant_id=shop.pk, at=noon + 5 * DAY, actor=JOB, public_id=segment.public_id)
    assert observe(merchant_id=shop.pk, at=noon + 6 * DAY) == 1
    assert spans(shop) == [(noon + 4 * DAY, noon + 6 * DAY)]


def test_a_segment_with_members_makes_a_benefit_that_counts_at_once(shop, noon):
    segment = buyers(shop, noon)
    order(shop, join(shop, noon), noon)

    benefit = to_segment(shop, noon + DAY, segment.public_id)

    assert not benefit.audience_empty and benefit.audience == {"segments": [segment.public_id]}
    assert spans(shop) == [(noon + DAY, None)]


@pytest.mark.parametrize("ids", [["nobody"], [""], [7], "text", ["x" * 33]])
def test_a_segment_that_is_not_there_is_refused(shop, noon, ids):
    with pytest.raises(Invalid) as refusal:
        benefits.publish_benefit(
            merchant_id=shop.pk, at=noon, actor=JOB, kind="coupon", settings={"off_minor": 500},
            audience={"segments": ids},
        )  # fmt: skip

    assert "audience" in refusal.value.errors and spans(shop) == []


def test_a_shop_that_cannot_be_looked_at_keeps_no_other_from_it(shop, cast, noon):
    broken, fine = sorted((cast.shop, cast.other), key=lambda each: each.pk)
    with tenancy.tenant(cast.other.pk):
        programs.open_program(merchant_id=cast.other.pk, at=noon, actor=JOB)
    for each in (broken, fine):
        with tenancy.tenant(each.pk):
            segment = buyers(each, noon)
            to_segment(each, noon, segment.public_id)
            order(each, join(each, noon), noon + DAY)
            if each is broken:
                segment.rule = {"all": [{"fact": "of another age"}]}
                segment.save()

    with structlog.testing.capture_logs() as logs:
        assert observe_everywhere(at=noon + 2 * DAY) == 1

    for each, expected in ((broken, []), (fine, [(noon + 2 * DAY, None)])):
        with tenancy.tenant(each.pk):
            assert spans(each) == expected
    failed = [each for each in logs if each["event"] == "audience_not_observed"]
    assert [(each["merchant_id"], each["log_level"]) for each in failed] == [(broken.pk, "error")]
