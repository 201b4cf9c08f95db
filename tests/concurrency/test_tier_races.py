"""Recalculations of tiers at once and cut off: each member is decided once (domain.md 5)."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import transaction

from members.lib import tenant as tenancy
from members.models import TierMove, TierStanding
from members.services import daily, posting, tier_rules
from members.services.daily import Recalculated
from tests.concurrency.test_points_races import at_once
from tests.members.services.till import JOB, OPENED, ZONE, Till

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])
LADDER = [{"code": "base"}, {"code": "silver", "all": {"spend_minor": 100}}]
NIGHT = dt.datetime(2025, 1, 3, 3, tzinfo=ZONE)  # a year and a day after the orders
PEOPLE = 12


@pytest.fixture
def till(transactional_db) -> Till:
    """A shop whose members all fall in one night."""
    shop = Till()
    with tenancy.tenant(shop.id), transaction.atomic():
        tier_rules.configure(merchant_id=shop.id, at=OPENED, actor=JOB, ladder=LADDER)
    for n in range(PEOPLE):
        shop.join(f"u{n}")
        shop.put("2024-01-02", f"o{n}", 1_000, member=f"u{n}")
    return shop


def recalculated() -> Recalculated:
    return daily.recalculate_due(zone=ZONE.key, at=NIGHT)


def moves(till: Till) -> list[str]:
    with tenancy.tenant(till.id), transaction.atomic():
        return list(
            TierMove.objects.of(till.id).filter(cause="recalculation").values_list("member_id", flat=True)
        )


def holding_silver(till: Till) -> int:
    with tenancy.tenant(till.id), transaction.atomic():
        return TierStanding.objects.of(till.id).filter(tier__code="silver").count()


def test_recalculations_at_once_decide_each_member_once(till):
    done = at_once([recalculated] * 4)

    assert sum(each.downgraded for each in done) == PEOPLE
    assert len(moves(till)) == len(set(moves(till))) == PEOPLE and holding_silver(till) == 0


def test_an_order_during_the_recalculation_leaves_the_member_renewed(till):
    at_once([recalculated, lambda: till.put("2025-01-03 03:00", "late", 1_000, member="u3")])

    with tenancy.tenant(till.id), transaction.atomic():
        late = TierStanding.objects.of(till.id).select_related("tier").get(member_id=till.members["u3"])
    assert (late.tier.code, late.valid_until) == ("silver", dt.date(2026, 1, 3))


def test_a_recalculation_that_was_killed_goes_on_with_who_is_left(till, monkeypatch):
    monkeypatch.setattr(daily, "CHUNK", 5)
    whole, written = posting.write, []

    def killed(**what):
        if len(written) == 2:
            raise SystemExit
        written.append(whole(**what))

    monkeypatch.setattr(posting, "write", killed)
    with pytest.raises(SystemExit):
        recalculated()
    assert len(moves(till)) == 10
    monkeypatch.setattr(posting, "write", whole)

    rest = recalculated()

    assert (rest.examined, rest.downgraded) == (PEOPLE - 10, PEOPLE - 10)
    assert len(moves(till)) == len(set(moves(till))) == PEOPLE and holding_silver(till) == 0


def test_a_night_read_in_small_parts_misses_nobody_and_reads_nobody_twice(till, monkeypatch):
    monkeypatch.setattr(daily, "BATCH", 5)
    monkeypatch.setattr(daily, "CHUNK", 2)

    parts = [ids for _shop, ids in daily.due_members(zone=ZONE.key, today=NIGHT.date())]

    due = [till.members[f"u{n}"] for n in range(PEOPLE)]
    assert sorted(member for ids in parts for member in ids) == sorted(due)
    assert max(map(len, parts)) == 2 and recalculated().downgraded == PEOPLE
