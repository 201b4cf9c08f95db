"""A points multiplier on certain dates covers those days alone; on days that come again and again, its period."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import transaction

from benefits.lib import coverage as rule
from benefits.lib.spans import Span, Spans
from benefits.models import Benefit, BenefitRevision
from benefits.selectors import coverage
from benefits.selectors.coverage import as_rule
from benefits.services import coverage as writing
from members.lib import tenant as tenancy
from members.lib.periods import local_instant
from tests.benefits.counter import Counter
from tests.members.services.till import ZONE, at

pytestmark = pytest.mark.django_db
SOON, LATE = "2024-02-01 10:00", "2024-03-01 10:00"


@pytest.fixture
def shop() -> Counter:
    return Counter()


def double(shop: Counter, **more) -> Benefit:
    settings = {"multiplier": "2", **more.pop("settings", {})}
    return shop.publish("points_multiplier", at(SOON), settings=settings, **more)


def days(*pairs: tuple[str, str]) -> Spans:
    """Merchant days, each from the first to before the second."""
    ends = [[local_instant(dt.date.fromisoformat(day), dt.time.min, ZONE) for day in pair] for pair in pairs]
    return tuple(Span(*pair) for pair in ends)


def stored(shop: Counter) -> rule.Coverage:
    with tenancy.tenant(shop.id), transaction.atomic():
        (row,) = [row for row in coverage.stored(merchant_id=shop.id) if row.kind == "points_multiplier"]
        return row


def test_a_date_to_come_covers_that_day_alone_and_is_configured_for_it(shop):
    benefit = double(shop, settings={"dates": ["2024-11-11"]})

    row = stored(shop)
    assert row.in_force == days(("2024-11-11", "2024-11-12"))
    assert row.configured == (rule.Configured(at(SOON), row.in_force[0].start),)
    with tenancy.tenant(shop.id), transaction.atomic():
        assert coverage.in_force(merchant_id=shop.id, at=at(LATE)) == []
        assert coverage.in_force(merchant_id=shop.id, at=at("2024-11-11 09:00"))[0][0] == benefit


def test_days_in_a_row_are_one_stretch_and_the_period_binds(shop):
    double(shop, settings={"dates": ["2024-06-18", "2024-06-17", "2024-11-11"]}, to_at=at("2024-06-18 12:00"))

    (span,) = stored(shop).in_force
    assert span == Span(days(("2024-06-17", "2024-06-18"))[0].start, at("2024-06-18 12:00"))


@pytest.mark.parametrize("settings", [{}, {"weekdays": [3]}, {"month_days": [8], "dates": ["2024-11-11"]}])
def test_days_that_come_again_and_again_cover_the_whole_period(shop, settings):
    double(shop, settings=settings)

    assert stored(shop).in_force == (Span(at(SOON), None),)


def test_a_change_of_the_days_covers_from_then_on_and_another_name_changes_nothing(shop):
    benefit = double(shop, settings={"dates": ["2024-02-10", "2024-11-11"]})
    shop.move(benefit, "change", at("2024-02-11 10:00"), name="Another")
    assert stored(shop).in_force == days(("2024-02-10", "2024-02-11"), ("2024-11-11", "2024-11-12"))

    shop.move(benefit, "change", at(LATE), settings={"multiplier": "2"})
    assert stored(shop).in_force == (*days(("2024-02-10", "2024-02-11")), Span(at(LATE), None))


def test_a_pause_takes_its_part_of_a_day(shop):
    benefit = double(shop, settings={"dates": ["2024-02-10"]})
    for verb, when in (("pause", "2024-02-10 10:00"), ("resume", "2024-02-10 12:00")):
        shop.move(benefit, verb, at(when))

    (day,) = days(("2024-02-10", "2024-02-11"))
    assert stored(shop).in_force == (
        Span(day.start, at("2024-02-10 10:00")),
        Span(at("2024-02-10 12:00"), day.end),
    )


def test_what_was_published_before_days_were_kept_stays_as_it_was_judged(shop):
    double(shop, settings={"dates": ["2024-11-11"]})
    with tenancy.tenant(shop.id), transaction.atomic():
        row = BenefitRevision.objects.of(shop.id).get()
        row.measured = {name: value for name, value in row.measured.items() if name != "acts"}

        (kept,) = rule.benefit_coverage([as_rule(row)])
    assert kept.in_force == (Span(at(SOON), None),)


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_a_day_beyond_all_calendars_is_none(shop, day):
    double(shop, settings={"dates": ["2024-11-11", day]})

    assert stored(shop).in_force == days(("2024-11-11", "2024-11-12"))


def test_a_publication_stores_what_reading_the_whole_history_would(shop):
    shop.publish("coupon", at("2024-01-20 10:00"), to_at=at("2024-02-20 10:00"))
    double(shop, settings={"dates": ["2024-11-11", "2024-12-12"]})
    shop.publish("coupon", at(LATE), stock=5)
    as_published = stored(shop)

    with tenancy.tenant(shop.id), transaction.atomic():
        kept = set(coverage.stored(merchant_id=shop.id))
        writing.lock(merchant_id=shop.id)
        assert set(writing.refresh(merchant_id=shop.id, at=at(LATE))) == kept
    assert as_published.in_force == days(("2024-11-11", "2024-11-12"), ("2024-12-12", "2024-12-13"))
