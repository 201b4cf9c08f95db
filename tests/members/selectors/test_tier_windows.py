"""What another window or another grace would do is told from stored figures as it is told from the daily rows."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

import pytest
from django.db import transaction

from members.lib import tenant as tenancy
from members.lib.tiers import Window
from members.models import FactsDue, Member, Merchant, TierOutlook
from members.selectors import tier_outlook, tier_simulation, tier_window_sql
from members.selectors.tier_simulation import Proposal
from members.services import member_facts, tier_rules
from tests.conftest import NOON
from tests.factories import ledger
from tests.members.selectors.test_tier_simulation import BASE, DAY, JOB, in_order, lived_shop, rung

WINDOWS: list[dict[str, Any]] = [
    *({"kind": "rolling", "days": days} for days in (1, 25, 60, 90, 150, 364, 366, 500)),
    {"kind": "calendar_year"},
    {"kind": "membership_year"},
    {"kind": "lifetime"},
]
LEAST = {"spend_minor": 18_000, "orders": 1, "active_days": 1, "points_earned": 150, "growth": 120}


def some_rules(chance: random.Random) -> dict[str, Any]:
    """A ladder of the same tiers, with any requirements, window, grace and way down."""
    metrics = chance.sample(sorted(LEAST), 2)
    needs = chance.choice(("all", "any"))
    ladder = [BASE] + [
        rung(code, **{needs: {metric: times * LEAST[metric] for metric in metrics}})
        for code, times in (("silver", 1), ("gold", 3))
    ]
    return {
        "ladder": ladder,
        "window": chance.choice(WINDOWS),
        "grace_days": chance.choice((0, 0, 7, 40)),
        "downgrade": chance.choice(("to_qualified", "one_step")),
        "growth": {"spend_minor": ledger.Decimal("0.004"), "orders": ledger.Decimal("31.5")},
        "validity_months": 3,
    }


def told(merchant: Merchant, at: dt.datetime, proposal: Proposal, most: int, *, by_rows: bool) -> Any:
    """What the simulator tells; `by_rows`: as where no outlook is stored."""
    with tenancy.tenant(merchant.pk), transaction.atomic():
        point = transaction.savepoint()
        if by_rows:
            TierOutlook.objects.of(merchant.pk).delete()
        is_stored = tier_outlook.counted_by(merchant_id=merchant.pk, at=at) is not None
        assert is_stored != by_rows
        found = in_order(tier_simulation.simulate(merchant=merchant, at=at, proposal=proposal, most=most))
        transaction.savepoint_rollback(point)
        return found


@pytest.mark.parametrize("seed", range(2))
def test_another_window_or_grace_is_told_from_stored_figures_as_from_the_daily_rows(db, seed):
    chance = random.Random(seed)
    merchant = lived_shop("shop", seed)
    kinds = set()
    for turn in range(4):
        at = NOON + turn * DAY
        with tenancy.tenant(merchant.pk), transaction.atomic():
            tier_rules.configure(merchant_id=merchant.pk, at=at, actor=JOB, **some_rules(chance))
        member_facts.refresh(merchant_id=merchant.pk, at=at)
        for _ in range(8):
            later = at + chance.choice((0, 0, 12, 45)) * DAY
            with tenancy.tenant(merchant.pk), transaction.atomic():
                draft = tier_rules.draft(merchant_id=merchant.pk, at=at, **some_rules(chance))
                if draft.proposal.keeps_days:
                    continue
                due = chance.sample(
                    list(Member.objects.of(merchant).values_list("pk", flat=True)), chance.choice((0, 4))
                )
                FactsDue.objects.bulk_create(FactsDue(merchant_id=merchant.pk, member_id=pk) for pk in due)
            for most in (1_000, 3):
                expected = told(merchant, later, draft.proposal, most, by_rows=True)
                assert told(merchant, later, draft.proposal, most, by_rows=False) == expected
            kinds |= {flow[0] for flow in expected[0]}
            with tenancy.tenant(merchant.pk), transaction.atomic():
                FactsDue.objects.of(merchant.pk).delete()
    assert kinds >= {"rise", "fall", "kept", "stay"}


def test_a_window_is_within_another_only_where_none_of_its_days_lies_outside():
    windows = [Window(spec["kind"], spec.get("days", 365)) for spec in WINDOWS]
    days = [dt.date(2023, 12, 31) + n * DAY for n in range(0, 800, 7)] + [dt.date(2024, 12, 31)]
    joined = [dt.date(2020, 2, 29), dt.date(2023, 3, 1), dt.date(2023, 12, 31)]
    for old in windows:
        for new in windows:
            if tier_window_sql.is_within(old, new):
                assert all(
                    new.start(today, on) >= old.start(today, on)
                    for today in days
                    for on in joined
                    if on <= today
                )
