"""Whatever is done to benefits in whatever order, the stored coverage is what the pure rule makes of their history."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benefits.lib import coverage as rule
from benefits.models import Benefit, BenefitRevision
from benefits.selectors.coverage import stored
from benefits.services import benefits
from members.lib import tenant as tenancy
from members.lib.refusals import Refusal
from members.services.audit import Actor

JOB = Actor.job("test")
KINDS = ["coupon", "lucky_draw", "free_returns"]

hours = st.integers(0, 40)
arguments = st.fixed_dictionaries(
    {},
    optional={
        "from_at": hours,
        "to_at": st.none() | hours,
        "stock": st.sampled_from([None, 0, 5]),
        "settings": st.sampled_from([{}, {"off_minor": 0}, {"off_minor": 700}]),
        "audience": st.sampled_from(["everyone", {"tiers": []}]),
    },
)
publication = st.tuples(st.just("publish"), hours, st.sampled_from(KINDS), arguments)
alteration = st.tuples(st.just("change"), st.integers(0, 2), st.sampled_from([None, *KINDS]), arguments)
move = st.tuples(
    st.sampled_from(["pause", "resume", "end", "stock"]),
    st.integers(0, 2),
    st.sampled_from([0, 3]),
    st.none(),
)
histories = st.lists(st.tuples(st.integers(0, 5), publication | alteration | move), max_size=14)


def expected(merchant_id: int) -> tuple[rule.Coverage, ...]:
    """The pure rule over the revisions, read here on its own."""
    found: dict[int, list[rule.Revision]] = {}
    for row in BenefitRevision.objects.of(merchant_id).order_by("at", "id"):
        found.setdefault(row.benefit_id, []).append(
            rule.Revision(
                action=rule.Action(row.action), at=row.at, kind=row.kind, starts_at=row.from_at, ends_at=row.to_at,
                settings=row.settings, audience=row.audience, audience_empty=row.audience_empty, stock=row.stock,
                worthless=row.worthless,
            )
        )  # fmt: skip
    return rule.program_coverage(found.values())


def act(merchant_id: int, made: list[Benefit], at: dt.datetime, step: tuple, noon: dt.datetime) -> None:
    what, which, kind, given_arguments = step
    rest = {"merchant_id": merchant_id, "at": at, "actor": JOB}
    values = dict(given_arguments or {})
    for name in ("from_at", "to_at"):
        if values.get(name) is not None:
            values[name] = noon + dt.timedelta(hours=values[name])
    if what == "publish":
        made.append(benefits.publish_benefit(kind=kind, as_scripted=True, **values, **rest))
        return
    if not made:
        return
    rest["benefit_id"] = made[which % len(made)].pk
    if what == "change":
        benefits.change_benefit(as_scripted=True, **({"kind": kind} if kind else {}), **values, **rest)
    elif what == "stock":
        benefits.set_stock(stock=kind, **rest)
    else:
        getattr(benefits, f"{what}_benefit")(**rest)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=histories)
def test_stored_coverage_is_what_the_rule_makes_of_the_revisions(cast, noon, history):
    point = transaction.savepoint()
    with tenancy.tenant(cast.shop.pk):
        at, made = noon, []
        for pause, step in history:
            at += dt.timedelta(hours=pause)
            before = BenefitRevision.objects.of(cast.shop).count()
            try:
                act(cast.shop.pk, made, at, step, noon)
            except Refusal:
                assert BenefitRevision.objects.of(cast.shop).count() == before
            assert stored(merchant_id=cast.shop.pk) == expected(cast.shop.pk)
    transaction.savepoint_rollback(point)


def test_coverage_of_one_merchant_says_nothing_of_another(cast, noon):
    with tenancy.tenant(cast.shop.pk):
        benefits.publish_benefit(
            merchant_id=cast.shop.pk, at=noon, actor=JOB, kind="coupon", settings={"off_minor": 500}
        )

    with tenancy.tenant(cast.other.pk):
        assert stored(merchant_id=cast.other.pk) == ()
        assert stored(merchant_id=cast.shop.pk) == ()


@pytest.mark.parametrize("first", ["shop", "other"])
def test_a_program_has_one_due_row_with_its_earliest_change(cast, noon, first):
    from benefits.models import CoverageDue

    merchant = getattr(cast, first)
    with tenancy.tenant(merchant.pk):
        for hour in (0, 1, 2):
            at = noon + dt.timedelta(hours=hour)
            benefits.publish_benefit(
                merchant_id=merchant.pk, at=at, actor=JOB, kind="coupon", settings={"off_minor": 500}
            )

    with tenancy.platform():
        row = CoverageDue.objects.get()
        assert (row.merchant_id, row.changed_at) == (merchant.pk, noon)
