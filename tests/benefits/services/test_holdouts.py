"""Members held out of a benefit: they never get it, both groups are written down alike, and what it did is counted."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import transaction

from benefits.lib.effects import Arm, Cost, Figures
from benefits.lib.holdouts import is_held
from benefits.models import Benefit, BenefitEffect, Exposure, GiftCampaign
from benefits.selectors import effects as selectors
from benefits.selectors import own
from benefits.services import campaign_work, campaigns, effects_daily, exposures
from benefits.services.arguments import Arguments
from benefits.services.asking import NotInAudience
from benefits.services.benefits import save_draft
from members.lib import tenant as tenancy
from members.lib.periods import daily_job_instant
from members.lib.refusals import Invalid
from members.models import Member, Merchant
from members.services import tier_rules
from tests.benefits.counter import Counter
from tests.members.services.till import JOB, OPENED, ZONE, at

pytestmark = pytest.mark.django_db
LADDER = [{"code": "base"}, {"code": "silver", "all": {"spend_minor": 10_000}}]
DAY = "2024-02-01"
NAMES = [f"n{n}" for n in range(30)]


@pytest.fixture
def shop() -> Counter:
    made = Counter()
    with tenancy.tenant(made.id), transaction.atomic():
        tier_rules.configure(merchant_id=made.id, at=OPENED, actor=JOB, ladder=LADDER)
    for name in NAMES:
        made.join(name)
    return made


def arms(shop: Counter, trial: Benefit | GiftCampaign) -> tuple[set[str], set[str]]:
    """Who may have it, and who is held out, by the rule."""
    held = {n for n, pk in shop.members.items() if is_held(trial.public_id, trial.holdout_percent, pk)}
    return set(shop.members) - held, held


def exposed(shop: Counter, benefit: Benefit) -> dict[str, tuple[bool, dt.datetime]]:
    with tenancy.tenant(shop.id), transaction.atomic():
        rows = {row.member_id: row for row in Exposure.objects.of(shop.id).filter(benefit=benefit)}
    return {
        name: (rows[pk].is_held, rows[pk].at.astimezone(ZONE))
        for name, pk in shop.members.items()
        if pk in rows
    }


def enrol(shop: Counter, benefit: Benefit, when: str = DAY, chunk: int = 7) -> int:
    with tenancy.platform():
        return exposures.enrol(merchant_id=shop.id, benefit_id=benefit.pk, at=at(when), chunk=chunk)


def figures(
    shop: Counter, benefit: Benefit, when: str, days: int = 7, campaign: GiftCampaign | None = None
) -> Figures:
    with tenancy.tenant(shop.id), transaction.atomic():
        merchant = Merchant.objects.get(pk=shop.id)
        return selectors.figures(
            merchant=merchant, benefit=benefit, campaign=campaign, days=days, at=at(when)
        )


def test_who_is_held_out_cannot_claim_is_given_nothing_and_does_not_see_it(shop):
    benefit = shop.publish(holdout_percent=50, stock=100)
    may, held = arms(shop, benefit)
    one, other = min(may), min(held)

    shop.claim(benefit, member=one)
    for how, more in (("claim", {}), ("give", {"reason": "a friend"})):
        with pytest.raises(NotInAudience):
            shop.claim(benefit, member=other, how=how, **more)

    assert (len(shop.of(one)), shop.of(other), shop.stock(benefit)) == (1, [], 99)
    with tenancy.tenant(shop.id), transaction.atomic():
        seen = {
            name: own.in_force_for(
                merchant_id=shop.id, member=Member.objects.get(pk=shop.members[name]), at=at(DAY)
            )
            for name in (one, other)
        }
    assert seen == {one: [benefit], other: []}


def test_what_comes_by_itself_leaves_the_held_out_and_takes_no_stock_for_them(shop):
    gift = shop.publish("birthday_gift", settings={"gift": "Tea"}, holdout_percent=50, stock=3)
    for name in NAMES[:20]:
        with tenancy.tenant(shop.id), transaction.atomic():
            Member.objects.of(shop.id).filter(pk=shop.members[name]).update(birth_month=2, birth_day=1)
    shop.nightly(DAY)

    may, held = (each & set(NAMES[:20]) for each in arms(shop, gift))
    got = {name for name in NAMES if shop.of(name)}
    assert got < may and len(got) == 3 and shop.stock(gift) == 0
    seen = exposed(shop, gift)
    assert set(seen) == may | held, "also those of both groups for whom nothing was left"
    assert {name for name, (is_out, _at) in seen.items() if is_out} == held
    shop.nightly(DAY)
    assert exposed(shop, gift) == seen


def test_who_may_claim_is_written_down_from_when_they_could(shop):
    benefit = shop.publish(when="2024-01-10", holdout_percent=50, to_at=at("2024-03-01"))
    shop.join("late", "2024-01-20")

    assert enrol(shop, benefit) == 32
    seen = exposed(shop, benefit)
    assert {name for name, (is_out, _at) in seen.items() if is_out} == arms(shop, benefit)[1]
    assert (seen["n0"][1], seen["late"][1]) == (at("2024-01-10"), at("2024-01-20"))
    shop.join("later", DAY)
    assert (enrol(shop, benefit, "2024-02-02"), enrol(shop, benefit, "2024-03-02")) == (1, 0)


def test_publishing_sends_for_who_may_claim_at_once_and_the_minute_for_what_begins_later(shop, monkeypatch):
    sent: list = []
    monkeypatch.setattr(exposures.queue, "enqueue", lambda name, **ids: sent.append((name, ids)))
    now = shop.publish(holdout_percent=10)
    later = shop.publish(holdout_percent=10, from_at=at("2024-01-20"), when="2024-01-10")
    shop.publish("birthday_gift", settings={"gift": "Tea"}, holdout_percent=10)
    shop.publish()

    def ids(benefit: Benefit) -> tuple[str, dict]:
        return exposures.TASK, {"merchant_id": shop.id, "benefit_id": benefit.pk}

    assert [each for each in sent if each[0] == exposures.TASK] == [ids(now)]
    sent.clear()
    with tenancy.platform():
        assert exposures.requeue(at=at("2024-01-21")) == 2
    assert sent == [ids(now), ids(later)]
    shop.close("2024-01-22")
    with tenancy.platform():
        assert exposures.requeue(at=at("2024-01-23")) == 0, "a program that is not open enrols nobody"


def test_a_tier_is_written_down_from_when_it_was_reached_and_a_start_to_come_is_waited_for(shop):
    shop.put("2024-01-15", "o1", 10_000, member="n1")
    benefit = shop.publish(
        holdout_percent=50, audience={"tiers": ["silver"]}, from_at=at("2024-01-20"), when="2024-01-10"
    )

    def waiting(when: str) -> list[tuple[int, int]]:
        with tenancy.platform(), transaction.atomic():
            return selectors.to_enrol(at=at(when))

    assert (waiting("2024-01-19"), enrol(shop, benefit, "2024-01-19")) == ([], 0)
    assert waiting("2024-01-20") == [(shop.id, benefit.pk)]
    assert enrol(shop, benefit, "2024-01-20") == 1 and waiting("2024-01-21") == []
    shop.put("2024-01-25", "o2", 10_000, member="n2")
    with tenancy.platform():
        effects_daily.run_daily(zone=ZONE.key, at=daily_job_instant(dt.date(2024, 1, 26), ZONE))
    assert {name: when for name, (_is_out, when) in exposed(shop, benefit).items()} == {
        "n1": at("2024-01-20"), "n2": at("2024-01-25"),
    }  # fmt: skip


def test_a_campaign_leaves_its_own_group_out_and_reports_how_many(shop):
    benefit = shop.publish(holdout_percent=10)
    with tenancy.tenant(shop.id):
        campaign = campaigns.begin(
            merchant_id=shop.id, benefit_id=benefit.pk, at=at(DAY), actor=JOB, audience="everyone",
            reason="thanks", holdout_percent=50,
        )  # fmt: skip
        done = campaign_work.work(merchant_id=shop.id, job_id=campaign.pk, now=lambda: at(DAY), chunk=8)
    assert done is not None

    may = arms(shop, benefit)[0]
    got = {name for name in shop.members if shop.of(name)}
    assert got == may & arms(shop, campaign)[0]
    assert (done.issued, done.refused) == (len(got), {"holdout": 31 - len(got)})
    with tenancy.tenant(shop.id), transaction.atomic():
        rows = Exposure.objects.of(shop.id).filter(campaign=campaign)
        assert {row.member_id for row in rows} == {shop.members[name] for name in may}


def test_the_share_is_fixed_by_publishing_and_never_makes_a_paper_benefit(shop):
    with tenancy.tenant(shop.id):
        about = {"merchant_id": shop.id, "at": at("2024-01-10"), "actor": JOB}
        settings = {"off_minor": 1000}
        draft = save_draft(**about, arguments=Arguments(kind="coupon", settings=settings, holdout_percent=5))
        for bad in (51, -1):
            with pytest.raises(Invalid):
                save_draft(**about, arguments=Arguments(kind="coupon", holdout_percent=bad))
    benefit = shop.publish(public_id=draft.public_id, holdout_percent=50, when="2024-01-10")
    assert benefit.pk == draft.pk and benefit.holdout_percent == 50
    assert not benefit.audience_empty and not benefit.worthless
    assert shop.covered(benefit)

    with pytest.raises(Invalid):
        shop.move(benefit, "change", kind="points_exchange", settings={"item": "Cup", "points": 5})
    changed = shop.move(benefit, "change", name="Another name")
    assert (changed.holdout_percent, changed.kind) == (50, "coupon")


def test_effects_count_both_groups_over_their_own_days_net_of_refunds_with_what_was_saved(shop):
    benefit = shop.publish(when="2024-02-01", holdout_percent=50, settings={"off_minor": 1000})
    enrol(shop, benefit)
    may, held = (sorted(each) for each in arms(shop, benefit))
    one, two, other = may[0], may[1], held[0]

    shop.put("2024-01-31", "before", 5_000, member=one)
    for n, (day, name, amount) in enumerate(
        [("2024-02-01", one, 3_000), ("2024-02-07", one, 2_000), ("2024-02-08", one, 9_000),
         ("2024-02-03", two, 4_000), ("2024-02-02", other, 1_000)]
    ):  # fmt: skip
        shop.put(day, f"o{n}", amount, member=name)
    shop.refund("2024-02-20", "o3", "r1", (1, 1_500))
    mine, unused = shop.claim(benefit, member=one), shop.claim(benefit, member=two)
    shop.do("redeem", mine.code, "2024-02-05", saved_minor=800)
    shop.undo(shop.do("redeem", unused.code, "2024-02-05"), "2024-02-05")
    shop.do("redeem", unused.code, "2024-02-08")  # when two's days are over

    found = figures(shop, benefit, "2024-02-20")
    assert found.treated == Arm(
        members=len(may), over=len(may), buyers=2, orders=3, orders_square=2 * 2 + 1,
        spend_minor=7_500, spend_square=5_000**2 + 2_500**2,
    )  # fmt: skip
    assert (found.held.members, found.held.buyers, found.held.spend_minor) == (len(held), 1, 1_000)
    assert found.cost == Cost(had=2, uses=1, saved_minor=800)
    early = figures(shop, benefit, "2024-02-01")
    assert (early.treated.spend_minor, early.treated.over, early.cost.uses) == (3_000, 0, 1)
    assert figures(shop, benefit, "2024-02-20", days=30).treated.spend_minor == 16_500


def test_nights_keep_figures_for_pages_that_cannot_wait_and_other_shops_have_none(shop, monkeypatch):
    benefit = shop.publish(holdout_percent=50, when="2024-01-20")
    other = Counter("another")
    with tenancy.platform():
        report = effects_daily.run_daily(zone=ZONE.key, at=at(DAY))
    assert report == {"members_enrolled": 31, "effects_counted": 1}
    shop.put(DAY, "o1", 3_000, member=min(arms(shop, benefit)[0]))
    monkeypatch.setattr(selectors, "PAGE_MS", 1)
    monkeypatch.setattr(selectors, "ARMS", selectors.ARMS.replace("from came", "from came, pg_sleep(0.2)"))

    def told(tenant: int, merchant: int):
        with tenancy.tenant(tenant), transaction.atomic():
            return selectors.counted(
                merchant=Merchant.objects.get(pk=merchant),
                benefit=benefit,
                campaign=None,
                days=30,
                at=at(DAY),
            )

    stored = told(shop.id, shop.id)
    assert stored.is_stored and stored.figures.treated.spend_minor == 0
    assert stored.figures.treated.members + stored.figures.held.members == 31
    assert told(other.id, other.id).figures.treated == told(other.id, shop.id).figures.held == Arm()
    monkeypatch.undo()
    assert told(shop.id, shop.id).figures.treated.spend_minor == 3_000
    with tenancy.tenant(shop.id), transaction.atomic():
        assert BenefitEffect.objects.of(shop.id).count() == 3
