"""A worker that lifts members and is killed at any moment leaves nothing out and nothing done twice (domain.md 5)."""

from __future__ import annotations

import random

import pytest
from django.db import transaction

from members.lib import tenant as tenancy
from members.models import TierLift, TierMove, WorkState
from members.services import tier_lifts
from tests.concurrency.test_clearance_kills import forker, kill, lives, start, until
from tests.environment import sized
from tests.members.services.test_tier_lifts import EDITED, edit, rows_of, rung
from tests.members.services.till import Till

KILLS = sized(20)
PEOPLE = 6 * KILLS
LADDER = [{"code": "base", "name": "Base"}, rung("silver", 25, all={"orders": 1})]


def passed(till: Till) -> int:
    with tenancy.tenant(till.id), transaction.atomic():
        return TierLift.objects.of(till.id).get(at=EDITED).position


@pytest.mark.soak
@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_a_killed_worker_leaves_nobody_out_and_lifts_nobody_twice(monkeypatch):
    dice, hit = random.Random(20241118), 0
    till = Till()
    for n in range(PEOPLE):
        till.join(f"u{n}")
        till.put("2024-01-02", f"o{n}", 500, member=f"u{n}")
    monkeypatch.setattr(tier_lifts, "SMALL", 0)
    lift = edit(till, EDITED, in_background=True, ladder=LADDER)

    with forker() as process:
        for turn in range(KILLS):
            goal = passed(till) + dice.randint(1, 3)
            pid = start(process, f"lift {till.id} {lift.pk} 1")
            until(lambda goal=goal, pid=pid: passed(till) >= goal or not lives(pid), "some to be lifted")
            if turn % 3 == 0:  # somebody buys while the worker is at it
                till.put("2024-03-11", f"p{turn}", 700, member=f"u{dice.randrange(PEOPLE)}")
            hit += kill(pid)
            until(lambda pid=pid: not lives(pid), "the killed worker to be gone")
        last = start(process, f"lift {till.id} {lift.pk} 50")
        until(lambda: not lives(last), "the last worker to end")

    assert hit >= KILLS // 2, f"only {hit} of {KILLS} kills met a living worker"
    rows = rows_of(till)
    with tenancy.tenant(till.id), transaction.atomic():
        done = TierLift.objects.of(till.id).get(pk=lift.pk)
        moves = TierMove.objects.of(till.id).filter(cause="rules")
        assert sorted(moves.values_list("member_id", flat=True)) == sorted(
            till.members[f"u{n}"] for n in range(PEOPLE)
        )
    assert (done.state, done.position, done.moved) == (WorkState.DONE, PEOPLE + 1, PEOPLE)
    assert {row[3] for row in rows["moves"]} == {EDITED}
    assert sum(row[4] == 25 for row in rows["entries"]) == PEOPLE  # a welcome each, once
    till.prove()
