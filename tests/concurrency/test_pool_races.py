"""Many at once on one pool of codes: each code is given once, and an upload that is taken back loses none."""

from __future__ import annotations

from collections import Counter as Tally

import pytest
from django.db import connections, transaction

from benefits.models import Benefit, CodeUpload, GiftCampaign, PoolCode
from benefits.services import benefits, campaign_work, campaigns, pool_uploads
from benefits.services.arguments import Arguments
from members.lib import tenant as tenancy
from members.lib.refusals import Busy
from members.models import WorkState
from tests.benefits.counter import DAY, Counter
from tests.benefits.services.test_pools import act, counts, fill, keep, pooled
from tests.concurrency.test_entitlement_races import CLIENTS, outcome
from tests.concurrency.test_points_races import at_once
from tests.members.services.till import JOB, at

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])


@pytest.fixture
def shop(transactional_db) -> Counter:
    made = Counter()
    for n in range(CLIENTS):
        made.join(f"c{n}")
    return made


def held(shop: Counter) -> list[int]:
    """The entitlements that codes were given to, each as often as it holds one."""
    with tenancy.tenant(shop.id), transaction.atomic():
        rows = PoolCode.objects.of(shop.id).filter(state="given")
        return list(rows.values_list("entitlement_id", flat=True))


def drafted(shop: Counter, name: str) -> Benefit:
    said = Arguments(kind="partner_benefit", name=name, settings={"partner": "Music", "pool": True})
    with tenancy.tenant(shop.id):
        return benefits.save_draft(merchant_id=shop.id, at=at(DAY), actor=JOB, arguments=said)


def test_no_code_is_given_twice_and_none_is_lost(shop):
    benefit = pooled(shop, settings={"per_member_life": 100})
    fill(shop, benefit, [f"CODE-{n:04d}" for n in range(13)])

    def client(n: int):
        return lambda: [
            outcome(lambda key=f"{n}-{k}": shop.claim(benefit, member=f"c{n}", key=key)) for k in range(3)
        ]

    told = Tally(each for answers in at_once([client(n) for n in range(CLIENTS)]) for each in answers)

    assert told == {"done": 13, "out-of-stock": 3 * CLIENTS - 13}
    assert counts(shop, benefit) == (0, 13, 0) and shop.stock(benefit) == 0
    assert len(set(held(shop))) == 13


def test_confirming_claiming_and_taking_back_at_once_leave_stock_and_pool_equal(shop):
    benefit = pooled(shop, settings={"per_member_life": 100})
    first = fill(shop, benefit, [f"FIRST-{n:04d}" for n in range(6)])
    second = keep(shop, benefit, [f"SECOND-{n:04d}" for n in range(6)])

    def claims(n: int):
        return lambda: [
            outcome(lambda key=f"{n}-{k}": shop.claim(benefit, member=f"c{n}", key=key)) for k in range(2)
        ]

    def told(verb: str, upload: CodeUpload):
        def run() -> str:
            with tenancy.tenant(shop.id):
                return outcome(
                    lambda: getattr(pool_uploads, verb)(
                        merchant_id=shop.id, public_id=upload.public_id, at=at(DAY), actor=JOB
                    )
                )

        return run

    acts = [told("confirm", second)] * 2 + [told("undo", first)] * 2
    answers = at_once([*[claims(n) for n in range(4)], *acts])

    assert answers[4:] == ["done"] * 4
    done = sum(each == "done" for one in answers[:4] for each in one)
    free, given, withdrawn = counts(shop, benefit)
    assert (given, free + given + withdrawn) == (done, 12)
    assert shop.stock(benefit) == free and len(set(held(shop))) == given
    act(shop, "undo", second)
    assert shop.stock(benefit) == counts(shop, benefit)[0] == 0


def test_the_same_codes_into_two_drafts_and_out_of_a_pool_at_once_wait_one_way_and_each_is_in_one(shop):
    codes = [f"CODE-{n:05d}" for n in range(3_000)]
    old = pooled(shop, name="old")
    before = fill(shop, old, codes)
    drafts = [drafted(shop, f"draft {n}") for n in range(4)]
    uploads = [keep(shop, draft, codes if n % 2 else codes[::-1]) for n, draft in enumerate(drafts)]

    def told(verb: str, upload: CodeUpload):
        return lambda: act(shop, verb, upload) and "done"

    answers = at_once([told("undo", before), *[told("confirm", each) for each in uploads]])

    assert answers == ["done"] * 5, "no deadlock"
    act(shop, "confirm", keep(shop, drafts[0], codes))  # what was still in the old pool when its turn came
    free = [counts(shop, each)[0] for each in (old, *drafts)]
    assert (free[0], sum(free)) == (0, len(codes))


def test_a_campaign_that_meets_a_code_held_elsewhere_goes_on_when_it_is_sent_again(shop):
    benefit = pooled(shop)
    fill(shop, benefit, [f"CODE-{n:04d}" for n in range(CLIENTS + 1)])
    with tenancy.tenant(shop.id):
        campaign = campaigns.begin(
            merchant_id=shop.id, benefit_id=benefit.pk, at=at(DAY), actor=JOB, audience="everyone", reason="thanks"
        )  # fmt: skip

    def work() -> GiftCampaign | None:
        with tenancy.tenant(shop.id):
            return campaign_work.work(merchant_id=shop.id, job_id=campaign.pk, now=lambda: at(DAY))

    with transaction.atomic(using="owner"), connections["owner"].cursor() as other:
        other.execute("select id from benefits_poolcode order by id limit 1 for update")
        with pytest.raises(Busy):
            work()
        with tenancy.tenant(shop.id), transaction.atomic():
            campaign.refresh_from_db()
        assert (campaign.state, campaign.worker, campaign.issued, held(shop)) == ("queued", "", 0, [])

    done = work()

    assert done is not None and (done.state, done.issued) == (WorkState.DONE, CLIENTS + 1)
    assert len(set(held(shop))) == CLIENTS + 1
