"""A scheduled job tells how far it is while it works, and its tick forgets it when it is done."""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from members.lib import tenant as tenancy
from members.models import JobTick
from members.services import daily, job_progress
from tests.conftest import NOON
from tests.factories import ledger
from tests.members.services.test_tier_hand import LADDER, configure, set_tier

DAY = dt.timedelta(days=1)
ZONE = "Asia/Shanghai"


def daily_tick(at) -> JobTick:
    with tenancy.platform(), transaction.atomic():
        return JobTick.objects.create(job="daily", scope=ZONE, due_at=at, started_at=at)


def told(tick) -> dict | None:
    with tenancy.platform(), transaction.atomic():
        return JobTick.objects.get(pk=tick.pk).progress


def test_the_recalculation_of_tiers_says_how_many_are_due_and_a_command_tells_nobody(cast):
    ledger.open_shop(cast.shop, NOON)
    configure(cast.shop, NOON, LADDER)
    for name in ("u1", "u2"):
        set_tier(cast.shop, ledger.join(cast.shop, NOON, name), NOON, "gold", NOON.date() + 5 * DAY)
    night = dt.datetime.combine(NOON.date() + 6 * DAY, dt.time(3), NOON.tzinfo)
    tick, other = daily_tick(night), daily_tick(night + DAY)

    with job_progress.telling(tick.pk):
        done = daily.recalculate_due(zone=ZONE, at=night)
    daily.recalculate_due(zone=ZONE, at=night + DAY)

    assert done.downgraded == 2
    assert told(tick) == {
        "step": "tiers",
        "done": 0,
        "total": 2,
    }  # begun: what follows is written once a second
    assert told(other) is None


def test_what_is_told_within_a_second_is_written_together(cast, monkeypatch):
    tick = daily_tick(NOON)
    monkeypatch.setattr(job_progress, "EVERY", 0)

    with job_progress.telling(tick.pk):
        job_progress.begin("tiers", 48_210)
        job_progress.advance(5_000)
        job_progress.advance(5_000)

    assert told(tick) == {"step": "tiers", "done": 10_000, "total": 48_210}
