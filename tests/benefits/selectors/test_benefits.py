"""Reading benefits: the list's conditions say what the pure rule says; evidence is clipped to its window."""

from __future__ import annotations

import datetime as dt

import pytest

from benefits.lib.standing import Standing, standing_of
from benefits.models import Benefit
from benefits.selectors.benefits import BenefitFilter, counts, history, listed
from benefits.selectors.coverage import stretches
from benefits.services import benefits
from benefits.services.arguments import Arguments
from members.lib import tenant as tenancy
from members.services.audit import Actor

JOB = Actor.job("test")
DAY = dt.timedelta(days=1)


@pytest.fixture
def shop(cast):
    with tenancy.tenant(cast.shop.pk):
        yield cast.shop


def test_the_lists_conditions_and_the_rule_agree_on_every_benefit_at_every_instant(shop, noon):
    rest = {"merchant_id": shop.pk, "actor": JOB}
    for start in (None, noon - DAY, noon, noon + 2 * DAY):
        for end in (None, noon + DAY, noon + 3 * DAY):
            if start and end and end <= start:
                continue
            made = [
                benefits.publish_benefit(
                    at=noon - 2 * DAY,
                    kind="coupon",
                    settings={"off_minor": 500},
                    from_at=start,
                    to_at=end,
                    **rest,
                )
                for _each in range(3)
            ]
            benefits.pause_benefit(at=noon - DAY, benefit_id=made[1].pk, **rest)
            benefits.end_benefit(at=noon - DAY, benefit_id=made[2].pk, **rest)
            benefits.save_draft(
                at=noon,
                arguments=Arguments(kind="coupon", settings={"off_minor": 500}, from_at=start, to_at=end),
                **rest,
            )

    rows = list(Benefit.objects.of(shop))
    for at in [noon + n * DAY / 2 for n in range(-6, 9)]:
        for standing in Standing:
            wanted = BenefitFilter(standing=str(standing))
            found = {row.pk for row in listed(merchant_id=shop.pk, wanted=wanted, at=at)}
            assert found == {
                row.pk
                for row in rows
                if standing_of(status=row.status, from_at=row.from_at, to_at=row.to_at, at=at) is standing
            }
            assert counts(merchant_id=shop.pk, wanted=wanted, at=at)[str(standing)] == len(found)


def test_evidence_is_what_each_benefit_was_within_the_window(shop, noon):
    rest = {"merchant_id": shop.pk, "actor": JOB}
    coupon = benefits.publish_benefit(
        at=noon, kind="coupon", settings={"off_minor": 500}, name="Coupon", **rest
    )
    benefits.change_benefit(at=noon + 4 * DAY, benefit_id=coupon.pk, stock=9, **rest)
    benefits.pause_benefit(at=noon + 6 * DAY, benefit_id=coupon.pk, **rest)
    benefits.publish_benefit(
        at=noon, kind="coupon", settings={"off_minor": 500}, name="Paper", stock=0, **rest
    )
    benefits.publish_benefit(
        at=noon + 20 * DAY, kind="coupon", settings={"off_minor": 500}, name="Later", **rest
    )

    found = stretches(merchant_id=shop.pk, start=noon + 2 * DAY, end=noon + 10 * DAY)

    assert [(each.benefit.name, [tuple(span) for span in each.in_force]) for each in found] == [
        ("Coupon", [(noon + 2 * DAY, noon + 6 * DAY)]),
        ("Paper", []),
    ]
    assert [each.at for each in found[0].configured] == [noon + 4 * DAY]
    assert [each.paper for each in found] == [(), ("stock",)]


def test_evidence_known_to_a_job_leaves_out_what_was_done_at_its_instant(shop, noon):
    made = benefits.publish_benefit(
        merchant_id=shop.pk, actor=JOB, at=noon, kind="coupon", settings={"off_minor": 500}
    )
    benefits.end_benefit(merchant_id=shop.pk, actor=JOB, at=noon + DAY, benefit_id=made.pk)

    (known,) = stretches(merchant_id=shop.pk, start=noon, end=noon + 2 * DAY, before=noon + DAY)

    assert [tuple(span) for span in known.in_force] == [(noon, noon + 2 * DAY)]
    assert stretches(merchant_id=shop.pk, start=noon, end=noon + 2 * DAY, before=noon) == []


def test_history_says_what_each_revision_changed(shop, noon):
    rest = {"merchant_id": shop.pk, "actor": JOB}
    made = benefits.publish_benefit(at=noon, kind="coupon", settings={"off_minor": 500}, **rest)
    benefits.change_benefit(at=noon + DAY, benefit_id=made.pk, stock=3, to_at=noon + 9 * DAY, **rest)
    benefits.pause_benefit(at=noon + 2 * DAY, benefit_id=made.pk, **rest)

    steps = history(merchant_id=shop.pk, benefit_id=made.pk)

    assert [(step.row.action, [name for name, _old, _new in step.changes]) for step in steps] == [
        ("pause", []),
        ("change", ["to_at", "stock"]),
        ("publish", []),
    ]
