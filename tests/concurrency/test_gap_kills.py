"""A worker that posts the orders of a closure and is killed at any moment leaves none out and posts none twice."""

from __future__ import annotations

import random

import pytest
from django.db import transaction

from members.lib import tenant as tenancy
from members.models import GapPosting, PointsEntry, WorkState
from members.services import gap_postings
from tests.concurrency.test_clearance_kills import forker, kill, lives, start, until
from tests.environment import sized
from tests.members.services.test_gap_postings import begin
from tests.members.services.till import Till

KILLS = sized(20)
PEOPLE = 6 * KILLS


def passed(till: Till) -> int:
    with tenancy.tenant(till.id), transaction.atomic():
        return GapPosting.objects.of(till.id).get().position


@pytest.mark.soak
@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_a_killed_worker_leaves_no_order_out_and_posts_none_twice(monkeypatch):
    dice, hit = random.Random(20240627), 0
    till = Till()
    for n in range(PEOPLE):
        till.join(f"u{n}")
    till.close("2024-04-01")
    for n in range(PEOPLE):
        till.put("2024-04-02", f"o{n}", 500, member=f"u{n}")
    till.open("2024-05-01")
    monkeypatch.setattr(gap_postings, "SMALL", 0)
    job = begin(till)

    with forker() as process:
        for turn in range(KILLS):
            goal = passed(till) + dice.randint(1, 3)
            pid = start(process, f"gap {till.id} {job.pk} 1")
            until(lambda goal=goal, pid=pid: passed(till) >= goal or not lives(pid), "some to be posted")
            if turn % 3 == 0:  # an order of the gap is sent again, changed, while the worker is at it
                n = dice.randrange(PEOPLE)
                till.put("2024-05-03", f"o{n}", 700, member=f"u{n}")
            hit += kill(pid)
            until(lambda pid=pid: not lives(pid), "the killed worker to be gone")
        last = start(process, f"gap {till.id} {job.pk} 50")
        until(lambda: not lives(last), "the last worker to end")

    assert hit >= KILLS // 2, f"only {hit} of {KILLS} kills met a living worker"
    with tenancy.tenant(till.id), transaction.atomic():
        done = GapPosting.objects.of(till.id).get()
        earned: dict[int | None, int] = {}
        for order, points in PointsEntry.objects.of(till.id).values_list("order_id", "points"):
            earned[order] = earned.get(order, 0) + points
    assert (done.state, len(earned)) == (WorkState.DONE, PEOPLE)
    assert set(earned.values()) <= {5, 7}
    till.prove()
