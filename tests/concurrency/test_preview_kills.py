"""Previews whose workers are killed at any moment come to the same figures; presses at one moment make one."""

from __future__ import annotations

import datetime as dt
import random
import threading
from collections.abc import Iterator

import pytest
from django.db import connections, transaction

from compliance.lib.calendar import run_instant
from compliance.lib.runs import Run
from compliance.models import Preview, Standing
from compliance.selectors import policies
from compliance.services import installation, previews
from members.lib import tenant as tenancy
from members.services.audit import Actor
from tests.concurrency.test_clearance_kills import (
    FILL,
    RUN_ON,
    forker,
    kill,
    lives,
    start,
    until,
)
from tests.environment import SOAK

KILLS = 30 if SOAK else 6
PROGRAMS = 4000 if SOAK else 1000
PART = 25
MADE_AT = run_instant(dt.date(2024, 6, 20))
ADMIN = Actor("platform", "Owner", 1)


@pytest.fixture
def run(transactional_db) -> Iterator[Run]:
    """A coming run over some thousand programs whose standings nobody has computed yet."""
    with tenancy.platform():
        with transaction.atomic():
            installation.install(at=run_instant(dt.date(2023, 1, 1)), scripted=True)
        with connections["owner"].cursor() as cursor:
            cursor.execute(FILL.format(n=PROGRAMS))
            cursor.execute(
                "insert into compliance_standing (merchant_id, due_at, policy_number, in_force) "
                "select merchant_id, '2023-10-01', 0, false from members_program"
            )
        at = run_instant(RUN_ON)
        with transaction.atomic():
            version = policies.history().at(at)
        yield Run("2024-06", RUN_ON, at, version)


def ask(run: Run) -> Preview:
    with transaction.atomic():
        return previews.ask(run=run, at=MADE_AT, actor=ADMIN, part_size=PART)


def state(row: Preview) -> Preview:
    with transaction.atomic():
        row.refresh_from_db()
    return row


def standings() -> list:
    with transaction.atomic():
        return list(Standing.objects.order_by("pk").values())


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_a_preview_whose_workers_are_killed_comes_to_the_same_figures_and_leaves_no_trace(run):
    dice = random.Random(20240620)
    before, hit = standings(), 0
    wanted = previews.preview(run=run, at=MADE_AT)
    row = ask(run)

    with forker() as process:
        for _ in range(KILLS):
            pid, goal = start(process, "previews"), state(row).parts_done + dice.randint(0, 4)
            until(
                lambda goal=goal, pid=pid: state(row).parts_done >= goal or not lives(pid),
                "a part",
            )
            hit += kill(pid)
            until(lambda pid=pid: not lives(pid), "the killed worker to be gone")
        after_kills = state(row).parts_done
        while state(row).is_open:
            pid = start(process, "previews")
            until(lambda pid=pid: not lives(pid) or not state(row).is_open, "the rest")

    assert hit >= KILLS // 2 and after_kills < row.parts == PROGRAMS // PART
    assert (row.state, row.digest, row.would_clear) == ("done", wanted.digest, wanted.would_clear)
    assert row.counts == wanted.counts and row.cleared == PROGRAMS * 2 // 5
    assert standings() == before


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_presses_at_the_same_moment_make_one_preview(run):
    found, together = [], threading.Barrier(4)

    def press():
        together.wait()
        with tenancy.platform():
            found.append(ask(run).pk)
        connections.close_all()

    threads = [threading.Thread(target=press) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 4 and len(set(found)) == 1
    with transaction.atomic():
        assert Preview.objects.count() == 1
