"""A caller that is killed at any moment, and tries all of it again, leaves one entry a key (domain.md 6)."""

from __future__ import annotations

import random

import pytest

from tests.concurrency.test_clearance_kills import forker, kill, lives, start, until
from tests.concurrency.test_points_races import counted
from tests.environment import sized
from tests.members.services.till import Till

KILLS = sized(30)
KEYS = 80 * KILLS


@pytest.mark.soak
@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_a_caller_killed_and_tried_again_leaves_as_many_entries_as_keys():
    dice = random.Random(20240627)
    till = Till()
    till.adjust("2023-12-02", 2 * KEYS, "start")
    call, hit = f"redeem {till.id} {till.members['m']} {KEYS}", 0

    with forker() as process:
        for _ in range(KILLS):
            goal, more = counted(till, "redeem") + dice.randint(1, 20), dice.randint(0, 9)
            pid = start(process, call)
            until(
                lambda goal=goal, pid=pid: counted(till, "redeem") >= goal or not lives(pid),
                "some redemptions",
            )
            for _moment in range(more):
                counted(till, "redeem")
            hit += kill(pid)
            until(lambda pid=pid: not lives(pid), "the killed caller to be gone")
        left = KEYS - counted(till, "redeem")
        last = start(process, call)
        until(lambda: not lives(last), "the last caller to end")

    assert hit == KILLS and left > 0, f"{hit} of {KILLS} kills met a caller at work, {left} keys were left"
    assert counted(till, "redeem") == KEYS
    assert till.balance() == (KEYS, 0, 0)
    till.prove()
