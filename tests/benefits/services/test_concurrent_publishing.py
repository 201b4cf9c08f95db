"""Two people publishing at once: no revision is left out of the coverage, and a close is not overtaken."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable

import pytest
from django.db import connection, transaction

from benefits.models import BenefitRevision, Coverage
from benefits.services import benefits
from members.lib import tenant as tenancy
from members.services import programs
from members.services.audit import Actor

JOB = Actor.job("test")


def together(merchant_id: int, *acts: Callable[[], object]) -> list[BaseException | None]:
    """Run the acts in threads of their own, each in a transaction that waits for the others to have begun."""
    barrier = threading.Barrier(len(acts))
    outcomes: list[BaseException | None] = [None] * len(acts)

    def run(place: int, act: Callable[[], object]) -> None:
        try:
            with tenancy.tenant(merchant_id), transaction.atomic():
                barrier.wait(10)
                act()
        except Exception as error:
            outcomes[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(place, act)) for place, act in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return outcomes


@pytest.mark.django_db(transaction=True)
def test_benefits_published_at_once_are_all_in_the_coverage(cast, noon):
    def publish(hour: int) -> Callable[[], object]:
        start = noon + dt.timedelta(hours=10 * hour)
        return lambda: benefits.publish_benefit(
            merchant_id=cast.shop.pk, at=noon, actor=JOB, kind="coupon", settings={"off_minor": 500}, from_at=start,
            to_at=start + dt.timedelta(hours=1),
        )  # fmt: skip

    outcomes = together(cast.shop.pk, *(publish(hour) for hour in range(6)))

    assert outcomes == [None] * 6
    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        assert len(Coverage.objects.of(cast.shop).get().in_force) == 6


@pytest.mark.django_db(transaction=True)
def test_the_same_form_sent_twice_at_once_publishes_once(cast, noon):
    def publish() -> object:
        return benefits.publish_benefit(
            merchant_id=cast.shop.pk,
            at=noon,
            actor=JOB,
            kind="coupon",
            settings={"off_minor": 500},
            public_id="abcdefgh23456789",
        )

    outcomes = together(cast.shop.pk, publish, publish, publish)

    assert outcomes == [None] * 3
    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        assert BenefitRevision.objects.of(cast.shop).count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_close_and_a_publication_at_once_follow_each_other(cast, noon):
    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        programs.open_program(merchant_id=cast.shop.pk, at=noon, actor=JOB)
    later = noon + dt.timedelta(hours=1)

    published, closed = together(
        cast.shop.pk,
        lambda: benefits.publish_benefit(
            merchant_id=cast.shop.pk, at=later, actor=JOB, kind="coupon", settings={"off_minor": 500}
        ),
        lambda: programs.close_program(merchant_id=cast.shop.pk, at=later, actor=JOB),
    )

    assert closed is None
    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        written = BenefitRevision.objects.of(cast.shop).count()
    assert written == (1 if published is None else 0)
