"""A member's row of facts says what its daily totals say, on every day, whatever was refreshed when."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from members.lib import lifecycle as rhythm
from members.lib import set_based
from members.lib import tenant as tenancy
from members.lib.periods import merchant_day
from members.models import DailyTotal, FactsDue, MemberFacts, TierOutlook
from members.selectors import lifecycle, rfm, tier_outlook
from members.selectors import member_facts as selectors
from members.selectors import segments as segments_of
from members.services import daily, member_facts, tier_hand, tier_rules
from members.services import orders as orders_of
from members.web.segment_words import template
from tests.conftest import NOON
from tests.environment import SOAK
from tests.factories import ledger, people

DAY = dt.timedelta(days=1)
COLUMNS = tuple(selectors.FIGURES)
LEAP = dt.datetime(2028, 2, 28, 12, tzinfo=NOON.tzinfo)


def read(shop: Any, at: dt.datetime) -> dict[int, dict[str, Any]]:
    """All figures as of a day, by member."""
    with tenancy.tenant(shop.pk), transaction.atomic():
        rows = set_based.fetch_all(
            f"select f.member_id, {', '.join(f'f.{name}' for name in COLUMNS)} from {selectors.source(COLUMNS)} f",
            {"merchant": shop.pk, "today": merchant_day(at, shop.zone)},
        )
    return {row[0]: dict(zip(COLUMNS, row[1:], strict=True)) for row in rows}


def computed(shop: Any, at: dt.datetime) -> dict[int, dict[str, Any]]:
    """The same, day by day, in the obvious way; members with nothing are left out."""
    today = merchant_day(at, shop.zone)
    days: dict[int, dict[dt.date, tuple[int, int]]] = {}
    with tenancy.tenant(shop.pk), transaction.atomic():
        for row in DailyTotal.objects.of(shop):
            if row.day <= today and (row.orders or row.spend_minor):
                days.setdefault(row.member_id, {})[row.day] = (row.orders, row.spend_minor)
    found = {}
    for member, totals in days.items():
        bought = sorted(day for day, (orders, _spend) in totals.items() if orders)
        gaps = sorted((after - before).days for before, after in pairwise(bought))
        figures: dict[str, Any] = {
            "first_day": min(bought, default=None),
            "last_day": max(bought, default=None),
            "days": len(bought),
            "gap": rhythm.place(gaps, 2) if gaps else None,
            "spread": rhythm.place(gaps, 3) - rhythm.place(gaps, 1) if gaps else None,
        }
        for place, name in enumerate(("orders", "spend")):
            figures[name] = sum(each[place] for each in totals.values())
            for window in selectors.WINDOWS:
                figures[f"{name}_{window}"] = sum(
                    each[place] for day, each in totals.items() if day > today - window * DAY
                )
        found[member] = figures
    return found


def bought_by(figures: dict[int, dict[str, Any]]) -> dict[int, dict[str, Any]]:
    """Those who have anything: a row of nothing says the same as none."""
    return {key: each for key, each in figures.items() if each["orders"] or each["spend"]}


def refresh(shop: Any, at: dt.datetime, chunk: int = 2) -> int:
    return member_facts.refresh(merchant_id=shop.pk, at=at, chunk=chunk)


def give_back(shop: Any, order: str, at: dt.datetime, amount: int) -> None:
    """A part of an order's one line is refunded."""
    with tenancy.tenant(shop.pk), transaction.atomic():
        orders_of.refund_order(
            merchant_id=shop.pk,
            at=at,
            actor=ledger.JOB,
            channel="web",
            external_id=order,
            refund_id="part",
            lines=[(1, amount)],
        )


@pytest.fixture
def shop(cast):
    ledger.open_shop(cast.shop, NOON)
    return cast.shop


ACTS = st.one_of(
    st.tuples(
        st.just("buy"),
        st.integers(0, 2),
        st.sampled_from((0, 1, 29, 30, 89, 90, 179, 180, 364, 365, 366)),
        st.sampled_from((1, 999, 10_000)),
    ),
    st.tuples(st.just("refund"), st.integers(0, 50), st.booleans()),
    st.tuples(st.just("days"), st.sampled_from((1, 1, 2, 29, 30, 60, 300))),
    st.tuples(st.just("refresh")),
)


def test_whatever_happens_and_whenever_it_is_refreshed_facts_are_what_the_days_come_to(shop):
    members = [ledger.join(shop, LEAP - 800 * DAY, f"h{n}") for n in range(3)]
    runs = iter(range(100_000))

    @settings(max_examples=400 if SOAK else 25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(ACTS, min_size=1, max_size=10))
    def holds(acts: list[tuple[Any, ...]]) -> None:
        at, run, orders = LEAP, next(runs), []
        for number, (verb, *said) in enumerate(acts):
            at += dt.timedelta(minutes=1)
            if verb == "buy":
                name = f"o{run}-{number}"
                ledger.buy(shop, members[said[0]], name, at, said[2], paid_at=at - said[1] * DAY)
                orders.append((name, said[2]))
            elif verb == "refund" and orders:
                name, amount = orders.pop(said[0] % len(orders))
                give_back(shop, name, at, amount if said[1] else max(1, amount // 2))
            elif verb == "days":
                at += said[0] * DAY
            elif verb == "refresh":
                refresh(shop, at)
            assert bought_by(read(shop, at)) == bought_by(computed(shop, at))
        for day in range(3):  # and the days after, with nothing done and with everything
            assert bought_by(read(shop, at + day * DAY)) == bought_by(computed(shop, at + day * DAY))
            refresh(shop, at + day * DAY)
            assert bought_by(read(shop, at + day * DAY)) == bought_by(computed(shop, at + day * DAY))

    holds()


@pytest.mark.parametrize("seed", range(2))
def test_segments_stages_and_scores_are_the_same_from_stored_facts(cast, seed):
    ledger.open_shop(cast.shop, NOON)
    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        people.populate(cast.shop, NOON.date(), members=120, seed=seed)

    def windows_of_their_own(known: Any) -> list[int]:
        """Counts by rows of facts where those decide it, and by the days where not: those who are listed one by one."""
        found = []
        for days in (7, 45, 75, 120, 400):
            for fact, ops in (
                ("orders", {"at_least": 2, "between": [1, 3]}),
                ("spend", {"at_least": 20_000}),
            ):
                for op, value in (ops | {"at_most": 3}).items():
                    rule = {
                        "all": [
                            {"fact": "recency", "op": "at_least", "value": 5},
                            {"fact": fact, "op": op, "value": value, "days": days},
                        ]
                    }
                    found.append(segments_of.count(shop=known, rule=rule))
                    assert found[-1] == len(segments_of.member_ids(shop=known, rule=rule)), rule
        return found

    def all_of_it() -> Any:
        with tenancy.tenant(cast.shop.pk), transaction.atomic():
            about = {"merchant": cast.shop, "at": NOON}
            warned = lifecycle.warnings(**about, limit=1_000)
            rule = {"all": [{"fact": "spend", "op": "at_least", "value": 1, "days": 90}]}
            at_risk = template("at-risk").rule
            known = segments_of.shop(**about)
            assert set(segments_of.member_ids(shop=known, rule=at_risk)) == {
                row.member_id for row in warned.rows
            }
            return (
                lifecycle.counts(**about),
                lifecycle.program_rhythm(**about),
                warned,
                rfm.scores(**about),
                rfm.grid(**about),
                rfm.grid(**about, axis="spend"),
                segments_of.member_ids(shop=known, rule=rule),
                windows_of_their_own(known),
            )

    before = all_of_it()
    assert refresh(cast.shop, NOON, chunk=50) > 50
    assert before == all_of_it()
    assert before[2].rows and len(set(before[-1])) > 5


def test_what_is_refreshed_is_not_refreshed_again_until_something_changes(shop):
    member = ledger.join(shop, LEAP, "u1")
    ledger.buy(shop, member, "o1", LEAP, 5_000)

    assert (refresh(shop, LEAP), refresh(shop, LEAP)) == (1, 0)
    assert refresh(shop, LEAP + 29 * DAY) == 0
    assert refresh(shop, LEAP + 30 * DAY) == 1  # the day left a window
    give_back(shop, "o1", LEAP + 30 * DAY, 100)
    assert refresh(shop, LEAP + 30 * DAY) == 1


def test_the_nights_job_and_the_minutes_make_facts_of_every_shop(shop):
    member = ledger.join(shop, LEAP, "u1")
    ledger.buy(shop, member, "o1", LEAP, 5_000)
    with tenancy.platform():
        assert member_facts.is_due()

    assert member_facts.refresh_marked(at=LEAP) == 1
    with tenancy.platform():
        assert daily.run_daily(zone=shop.timezone, at=LEAP + 40 * DAY)["facts"] == 1

    with tenancy.tenant(shop.pk), transaction.atomic():
        (row,) = MemberFacts.objects.of(shop)
        assert not FactsDue.objects.of(shop).exists()
    assert (row.orders, row.orders_30, row.orders_90, row.spend) == (1, 0, 1, 5_000)
    assert row.changes_on == LEAP.date() + 90 * DAY


def test_a_change_while_facts_are_made_leaves_its_own_mark(shop):
    """The mark goes first and the days are read after; who comes later marks anew."""
    member = ledger.join(shop, LEAP, "u1")
    ledger.buy(shop, member, "o1", LEAP, 5_000)
    refresh(shop, LEAP)
    ledger.buy(shop, member, "o2", LEAP + DAY, 700)

    assert read(shop, LEAP + DAY)[member.pk]["spend"] == 5_700
    with tenancy.tenant(shop.pk), transaction.atomic():
        assert FactsDue.objects.of(shop).count() == 1


def test_a_tier_given_by_hand_is_asked_at_once_and_its_mark_makes_the_row_anew(shop):
    member = ledger.join(shop, NOON, "u1")
    ledger.buy(shop, member, "o1", NOON, 5_000)
    refresh(shop, NOON)
    rule = {
        "all": [
            {"fact": "tier", "op": "is_in", "value": ["silver"]},
            {"fact": "recency", "op": "at_most", "value": 30},
            {"fact": "joined", "op": "at_most", "value": 30},
        ]
    }

    def found() -> tuple[int, int]:
        """Of buyers by their rows, and by every member's own."""
        with tenancy.tenant(shop.pk), transaction.atomic():
            known = segments_of.shop(merchant=shop, at=NOON)
            return segments_of.count(shop=known, rule=rule), len(
                segments_of.member_ids(shop=known, rule=rule)
            )

    assert found() == (0, 0)
    with tenancy.tenant(shop.pk), transaction.atomic():
        tier_hand.set_tier(
            merchant_id=shop.pk,
            at=NOON,
            actor=ledger.JOB,
            member_id=member.pk,
            tier="silver",
            until=NOON.date() + 30 * DAY,
            reason="a test",
        )
    assert found() == (1, 1)
    assert refresh(shop, NOON) == 1 and found() == (1, 1)


def test_another_window_has_all_outlooks_made_again_by_the_night(shop):
    member = ledger.join(shop, LEAP, "u1")
    ledger.buy(shop, member, "o1", LEAP, 5_000)
    refresh(shop, LEAP)
    with tenancy.tenant(shop.pk), transaction.atomic():
        before = TierOutlook.objects.of(shop).get()
        tier_rules.configure(
            merchant_id=shop.pk,
            at=LEAP + DAY,
            actor=ledger.JOB,
            ladder=[{"code": "base"}],
            window={"kind": "lifetime"},
        )
        assert tier_outlook.counted_by(merchant_id=shop.pk, at=LEAP + DAY) is None

    assert daily.run_daily(zone=shop.timezone, at=LEAP + 2 * DAY)["facts"] == 1

    with tenancy.tenant(shop.pk), transaction.atomic():
        after = TierOutlook.objects.of(shop).get()
        assert tier_outlook.counted_by(merchant_id=shop.pk, at=LEAP + DAY) == after.counted_by
    assert after.counted_by > before.counted_by and after.now_spend_minor == 5_000
    assert (before.changes_on, after.changes_on) == ((LEAP + 365 * DAY).date(), (LEAP + 365 * DAY).date())
