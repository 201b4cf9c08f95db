"""A month of grades whose workers are killed at any moment grades every program once, as if nothing had happened."""

from __future__ import annotations

import datetime as dt
import random

import pytest
from django.db import connections, transaction

from compliance.lib.calendar import grades_instant, run_instant
from compliance.models import Grade, GradeRun
from compliance.services import installation
from members.lib import tenant as tenancy
from members.models import JoinStanding
from tests.concurrency.test_clearance_kills import FILL, forker, kill, lives, start, until
from tests.environment import SOAK

KILLS = 30 if SOAK else 6
PROGRAMS = 4000 if SOAK else 1000
CHUNK = 10
DUE = grades_instant(dt.date(2024, 5, 1))


def through() -> int:
    with transaction.atomic():
        return GradeRun.objects.values_list("through", flat=True).first() or 0


def is_done() -> bool:
    with transaction.atomic():
        return GradeRun.objects.exclude(done_at=None).exists()


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_a_month_whose_workers_are_killed_grades_every_program_once(transactional_db):
    dice, hit = random.Random(20240501), 0
    work = f"grades {DUE.isoformat()} {CHUNK}"
    with tenancy.platform():
        with transaction.atomic():
            installation.install(at=run_instant(dt.date(2023, 1, 1)))
        with connections["owner"].cursor() as cursor:
            cursor.execute(FILL.format(n=PROGRAMS))

        with forker() as process:
            for _ in range(KILLS):
                pid, goal = start(process, work), through() + dice.randint(0, 4) * CHUNK
                until(lambda goal=goal, pid=pid: through() >= goal or not lives(pid), "a chunk")
                hit += kill(pid)
                until(lambda pid=pid: not lives(pid), "the killed worker to be gone")
            after_kills = through()
            while not is_done():
                pid = start(process, work)
                until(lambda pid=pid: not lives(pid) or is_done(), "the rest")

        assert hit >= KILLS // 2 and 0 < after_kills < PROGRAMS
        with transaction.atomic():
            run = GradeRun.objects.get()
            rows = list(Grade.objects.values_list("merchant_id", "level", "benefit_days"))
            standings = JoinStanding.objects.count()
    # Every fifth program is closed; of the others every fourth has a benefit for the whole month.
    wanted = [(n, "improving", 31 if n % 5 == 0 else 0) for n in range(1, PROGRAMS + 1) if n % 5 != 3]
    assert sorted(rows) == wanted
    assert run.programs == sum(run.counts.values()) == standings == len(wanted)
    assert run.protected == PROGRAMS // 5  # opened in May
