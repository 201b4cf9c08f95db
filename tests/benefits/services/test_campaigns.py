"""A benefit given to many: each member once, within all limits, resumed where it broke off, taken back in time."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from benefits.models import Benefit, GiftCampaign
from benefits.services import campaign_work, campaigns
from benefits.services.issuing import NotInForce
from members.lib import tenant as tenancy
from members.lib.refusals import Conflict, Invalid, NotFound, ProgramNotOpen, Refusal
from members.models import WorkState
from members.services import leases, tier_rules
from tests.benefits.counter import Counter
from tests.members.services.till import JOB, OPENED, at

pytestmark = pytest.mark.django_db
LADDER = [{"code": "base"}, {"code": "silver", "all": {"spend_minor": 10_000}}]
DAY = "2024-02-01"


@pytest.fixture
def shop() -> Counter:
    made = Counter()
    with tenancy.tenant(made.id), transaction.atomic():
        tier_rules.configure(merchant_id=made.id, at=OPENED, actor=JOB, ladder=LADDER)
    for name in "abcde":
        made.join(name)
    for name in "ab":
        made.put("2024-01-10", f"o{name}", 10_000, member=name)  # silver
    return made


def begin(shop: Counter, benefit: Benefit, when: str = DAY, **more) -> GiftCampaign:
    with tenancy.tenant(shop.id):
        return campaigns.begin(
            merchant_id=shop.id, benefit_id=benefit.pk, at=at(when), actor=JOB,
            **{"audience": "everyone", "reason": "thanks", **more},
        )  # fmt: skip


def work(shop: Counter, campaign: GiftCampaign, when: str = DAY, chunk: int = 2) -> GiftCampaign:
    with tenancy.tenant(shop.id):
        done = campaign_work.work(merchant_id=shop.id, job_id=campaign.pk, now=lambda: at(when), chunk=chunk)
    assert done is not None
    return done


def act(shop: Counter, verb: str, campaign: GiftCampaign, when: str | dt.datetime = DAY) -> GiftCampaign:
    with tenancy.tenant(shop.id):
        return getattr(campaigns, verb)(
            merchant_id=shop.id, public_id=campaign.public_id, at=at(when), actor=JOB
        )


def given(shop: Counter) -> dict[str, list[tuple[str, str]]]:
    return {name: [(e.source, e.state) for e in shop.of(name)] for name in shop.members if shop.of(name)}


def rows(shop: Counter) -> list[GiftCampaign]:
    with tenancy.tenant(shop.id), transaction.atomic():
        return list(GiftCampaign.objects.of(shop.id))


def test_all_members_get_one_and_the_report_says_so(shop):
    campaign = begin(shop, shop.publish())
    assert given(shop) == {}, "in the background"

    done = work(shop, campaign)

    assert given(shop) == {name: [("campaign", "issued")] for name in "mabcde"}
    assert (done.state, done.issued, done.chosen, done.refused) == (WorkState.DONE, 6, 6, {})
    assert done.position == done.total == 6
    with tenancy.tenant(shop.id):
        again = campaign_work.work(merchant_id=shop.id, job_id=campaign.pk, now=lambda: at(DAY))
    assert again is None and len(shop.of("a")) == 1


def test_a_tier_is_given_and_who_joins_later_is_not_meant(shop):
    benefit = shop.publish()
    silver, all_of = begin(shop, benefit, audience={"tiers": ["silver"]}), begin(shop, benefit)
    shop.join("late", DAY)

    assert work(shop, silver).chosen == 2 and set(given(shop)) == {"a", "b"}
    work(shop, all_of)
    assert "late" not in given(shop)
    assert [len(shop.of(name)) for name in "abc"] == [2, 2, 1], "once a campaign, as limits let"


def test_the_report_counts_who_got_none_by_why(shop):
    benefit = shop.publish(
        settings={"per_member_life": 1, "off_minor": 1000}, audience={"tiers": ["silver"]}, stock=1
    )
    shop.claim(shop.publish(name="another"), member="c")
    done = work(shop, begin(shop, benefit), chunk=10)
    assert (done.issued, done.refused) == (1, {"audience": 4, "none_left": 1})

    shop.move(benefit, "stock", DAY, stock=5)
    more = work(shop, begin(shop, benefit), chunk=10)
    assert (more.issued, more.refused) == (1, {"audience": 4, "limit": 1})
    assert shop.stock(benefit) == 4


def test_a_budget_is_kept_over_all_chunks(shop):
    benefit = shop.publish(settings={"off_minor": 1000, "budget_minor": 3500})
    done = work(shop, begin(shop, benefit))
    assert (done.issued, done.refused) == (3, {"none_left": 3})


def test_work_that_broke_off_goes_on_and_nobody_gets_two(shop, monkeypatch):
    campaign, turns, whole = begin(shop, shop.publish()), [], campaign_work._give

    def breaking(*args):
        turns.append(1)
        goes_on = whole(*args)
        if len(turns) == 2:
            raise ConnectionError("killed before it was written")
        return goes_on

    monkeypatch.setattr(campaign_work, "_give", breaking)
    with pytest.raises(ConnectionError):
        work(shop, campaign)
    (stored,) = rows(shop)
    assert (stored.position, stored.issued, len(given(shop))) == (2, 2, 2)

    done = work(shop, campaign)
    assert (done.position, done.issued) == (6, 6)
    assert {len(each) for each in given(shop).values()} == {1}


def test_another_worker_has_it_while_its_lease_holds(shop):
    campaign = begin(shop, shop.publish())
    with tenancy.tenant(shop.id):
        taken = leases.claim(GiftCampaign, merchant_id=shop.id, pk=campaign.pk, worker="elsewhere:1:x")
        assert taken is not None
        assert campaign_work.work(merchant_id=shop.id, job_id=campaign.pk, now=lambda: at(DAY)) is None
    assert given(shop) == {}


def test_queries_do_not_grow_with_members(shop):
    benefit = shop.publish()
    first, second = begin(shop, benefit, audience={"tiers": ["silver"]}), begin(shop, benefit)
    counts = []
    for campaign in (first, second):
        with CaptureQueriesContext(connection) as queries:
            work(shop, campaign, chunk=100)
        counts.append(len(queries))
    assert counts[0] == counts[1] or abs(counts[0] - counts[1]) <= 4, "two members or six"


@pytest.mark.parametrize("what", ["end", "pause", "close"])
def test_a_benefit_or_program_that_ends_meanwhile_ends_it_in_words_and_keeps_what_was_given(shop, what):
    benefit = shop.publish()
    campaign = begin(shop, benefit)
    shop.close(DAY) if what == "close" else shop.move(benefit, what)

    done = work(shop, campaign)

    assert done.state == WorkState.FAILED and done.failure and given(shop) == {}
    assert campaigns.undo_until(done) is None


def test_undo_takes_back_what_was_not_used_with_stock_and_budget(shop):
    benefit = shop.publish(settings={"off_minor": 1000, "budget_minor": 6000}, stock=6)
    campaign = begin(shop, benefit)
    work(shop, campaign)
    shop.do("redeem", shop.of("a")[0].code)

    act(shop, "undo", campaign, "2024-02-03")
    done = work(shop, campaign, "2024-02-03")

    assert (done.state, done.undone, done.kept) == (WorkState.UNDONE, 5, 1)
    states = {name: state for name, [(_source, state)] in given(shop).items()}
    assert states == dict.fromkeys("mbcde", "revoked") | {"a": "redeemed"}
    assert shop.stock(benefit) == 5
    assert work(shop, begin(shop, benefit, "2024-02-03"), "2024-02-03").issued == 5, (
        "the budget is free again"
    )


def test_undo_is_for_three_days_and_for_what_gave_something(shop):
    campaign = begin(shop, shop.publish())
    with pytest.raises(Conflict):
        act(shop, "undo", campaign)
    work(shop, campaign)
    with pytest.raises(Conflict, match="72 hours"):
        act(shop, "undo", campaign, "2024-02-04 12:01")
    assert set(given(shop)) == set("mabcde")
    assert act(shop, "undo", campaign, "2024-02-04 12:00").state == WorkState.UNDOING


def test_a_stopped_one_gives_no_more_and_can_be_undone(shop):
    campaign = begin(shop, shop.publish())
    assert act(shop, "cancel", campaign).state == act(shop, "cancel", campaign).state == "cancelled"
    with tenancy.tenant(shop.id):
        assert campaign_work.work(merchant_id=shop.id, job_id=campaign.pk, now=lambda: at(DAY)) is None
    assert given(shop) == {}


def test_the_same_request_begins_one(shop):
    benefit = shop.publish()
    first, again = (begin(shop, benefit, once="abcdefgh23456789") for _n in range(2))
    assert first.pk == again.pk and len(rows(shop)) == 1


@pytest.mark.parametrize(
    ("more", "refusal"),
    [
        ({"reason": " "}, Invalid),
        ({"reason": "x" * 181}, Invalid),
        ({"audience": {"tiers": ["gold"]}}, Invalid),
        ({"audience": {"segments": ["nothere"]}}, Invalid),
        ({"kind": "points_exchange", "settings": {"item": "Tea", "points": 5}}, Invalid),
        ({"kind": "priority_shipping"}, Invalid),
        ({"to_at": at("2024-01-20")}, NotInForce),
    ],
)
def test_what_cannot_be_begun_is_refused_and_nothing_is_kept(shop, more, refusal):
    benefit = shop.publish(**{name: more[name] for name in ("kind", "settings", "to_at") if name in more})
    with pytest.raises(refusal):
        begin(shop, benefit, **{name: more[name] for name in ("reason", "audience") if name in more})
    assert rows(shop) == []


def test_another_shops_benefit_and_a_closed_program_are_refused(shop):
    other = Counter("other")
    with pytest.raises(NotFound):
        begin(shop, other.publish())
    benefit = shop.publish()
    shop.close(DAY)
    with pytest.raises(ProgramNotOpen):
        begin(shop, benefit)
    assert rows(shop) == [] and issubclass(ProgramNotOpen, Refusal)
