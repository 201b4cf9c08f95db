"""Many at once on one pool of codes: each code is given once, and an upload that is taken back loses none."""

from __future__ import annotations

from collections import Counter as Tally

import pytest
from django.db import transaction

from benefits.models import CodeUpload, PoolCode
from benefits.services import pool_uploads
from members.lib import tenant as tenancy
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
