"""A run whose workers are killed at any moment decides every program once, as if nothing had happened."""

from __future__ import annotations

import datetime as dt
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from celery import current_app
from django.conf import settings
from django.db import OperationalError, connection, connections, transaction

from compliance.lib.calendar import run_instant
from compliance.lib.runs import Run
from compliance.models import Decision, RunChunk, RunState
from compliance.models import Run as RunRow
from compliance.models.decisions import REASON_CODES
from compliance.selectors import judging, policies
from compliance.services import clearance, installation, standing, ticks
from compliance.tasks import clearance as clearance_tasks  # which says on which queue they go
from config import embedded
from members.lib import queue
from members.lib import tenant as tenancy
from members.models import AuditRow, Closure, OutboxRow, Program
from tests import programs
from tests.concurrency.own_server import own_server
from tests.environment import SOAK, forget_messages, sized

PROGRAMS = 20_000 if SOAK else 4_000
CHUNK = 200 if SOAK else 40
KILLS = 60 if SOAK else 20
ROUNDS = range(3 if SOAK else 1)  # runs that are disturbed
WIPES = sized(20)
CRASHES = sized(10)
WAIT = 60.0
RUN_ON = dt.date(2024, 6, 27)

# Every fifth program: covered; warned in time; never warned; closed by its merchant and warned; young.
FILL = """
insert into members_user (id, password, is_superuser, email, name, language, is_staff, is_active, date_joined)
values (1, '', false, 'owner@example.com', '', '', false, true, now());
insert into members_merchant (id, slug, name, currency, timezone, language, created_at)
select i, 'shop-' || i, 'Shop ' || i, 'CNY', 'Asia/Shanghai', 'zh-hans', '2023-01-01+08' from generate_series(1, {n}) i;
insert into members_staff (public_id, merchant_id, user_id, role, joined_at)
select 'staff' || i, i, 1, 'owner', '2023-01-01+08' from generate_series(1, {n}) i;
insert into members_program (merchant_id, name, status, first_opened_at, opened_at, closed_at, created_at)
select i, '', case i % 5 when 3 then 'closed' else 'open' end, opened, opened,
    case i % 5 when 3 then '2024-06-27 22:00+08'::timestamptz end, '2023-01-01+08'
from generate_series(1, {n}) i,
    lateral (select case i % 5 when 4 then '2024-05-01+08'::timestamptz else '2023-10-01+08' end as opened) x;
insert into members_closure (merchant_id, kind, from_at, ended_by)
select i, 'closed', '2024-06-27 22:00+08', '' from generate_series(3, {n}, 5) i;
insert into benefits_coverage (merchant_id, kind, in_force, configured_at, force_from)
select i, 'coupon', '{{[2024-05-01 00:00+08,)}}', array[at], array[at]
from generate_series(5, {n}, 5) i, lateral (select '2024-05-01+08'::timestamptz as at) x;
insert into compliance_notice (merchant_id, public_id, sent_at, danger_at, for_run_on, days_before, policy_id)
select i, 'notice' || i, '2024-06-01 04:00+08', '2023-10-01+08', '2024-06-27', 30, 1
from generate_series(1, {n}) i where i % 5 in (1, 3);
"""


@contextmanager
def forker() -> Iterator[subprocess.Popen[str]]:
    """The process that forks workers."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "tests.concurrency.drain_worker",
            connections["default"].settings_dict["NAME"],
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=settings.BASE_DIR,
        env=programs.environment(
            Path(settings.DATA_DIR), database=programs.address(), broker=embedded.broker_url() or ""
        )
        | {"DATABASE_OWNER_URL": programs.address("owner")},
    )
    try:
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait()


def start(process: subprocess.Popen[str], what: int | str) -> int:
    """Have a worker forked for a run, or for the open previews ("previews"); its pid."""
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(f"{what}\n")
    process.stdin.flush()
    return int(process.stdout.readline())


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def kill(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def done_chunks(run_id: int) -> int:
    with transaction.atomic():
        return RunChunk.objects.filter(run_id=run_id, is_done=True).count()


def until(condition, what: str) -> None:
    """Ask the database again and again, for a bounded time."""
    deadline = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < deadline, f"waited too long for {what}"


@pytest.fixture
def run(transactional_db) -> Iterator[RunRow]:
    """A planned run over some thousand programs."""
    with planned() as row:
        yield row


@pytest.fixture
def run_of_its_own(transactional_db, tmp_path) -> Iterator[RunRow]:
    """The same on a server that nobody else works on."""
    with own_server(tmp_path), planned() as row:
        yield row


@contextmanager
def planned() -> Iterator[RunRow]:
    """A run over `PROGRAMS` that is planned, as the platform."""
    with tenancy.platform():
        with transaction.atomic():
            installation.install(at=run_instant(dt.date(2023, 1, 1)), scripted=True)
        with connections["owner"].cursor() as cursor:
            cursor.execute(FILL.format(n=PROGRAMS))
        at = run_instant(RUN_ON)
        standing.refresh_due(at=at, today=RUN_ON)
        with transaction.atomic():
            version = policies.history().at(at)
        row, _made = clearance.plan(run=Run("2024-06", RUN_ON, at, version), chunk_size=CHUNK)
        yield row


def undisturbed(row: RunRow) -> dict[int, str]:
    """What one statement over all programs would decide."""
    with transaction.atomic():
        rule = Run(row.period, row.run_on, row.at, policies.history().at(row.at))
        with connection.cursor() as cursor:
            cursor.execute(f"select merchant_id, reason from ({judging.JUDGED}) judged", judging.values(rule))
            words = {code: word for word, code in REASON_CODES.items()}
            return {merchant_id: words[code] for merchant_id, code in cursor.fetchall()}


@pytest.mark.soak
@pytest.mark.parametrize("seed", ROUNDS)
@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_workers_killed_at_random_moments_decide_every_program_once(run, seed):
    dice = random.Random(20240627 + seed)
    wanted = undisturbed(run)
    hit = 0

    with forker() as process:
        for _ in range(KILLS):
            base, pids = done_chunks(run.pk), [start(process, run.pk), start(process, run.pk)]
            goal, polls = base + dice.randint(0, 6), dice.randint(0, 12)
            until(
                lambda goal=goal, pids=pids: done_chunks(run.pk) >= goal or not any(map(lives, pids)),
                "a chunk",
            )
            for _ in range(polls):
                done_chunks(run.pk)
            killed = [kill(pid) for pid in pids]
            hit += any(killed)
            until(lambda pids=pids: not any(map(lives, pids)), "the killed workers to be gone")
        open_after_kills = RunChunk.objects.filter(run=run, is_done=False)
        with transaction.atomic():
            left = open_after_kills.count()
        resumed = start(process, run.pk)
        until(lambda: not lives(resumed) or done_chunks(run.pk) == PROGRAMS // CHUNK, "the rest")
        until(lambda: is_done(run.pk), "the run to be done")

    assert hit >= KILLS // 2, f"only {hit} of {KILLS} kills met a living worker"
    assert left < PROGRAMS // CHUNK
    assert_as_wanted(run, wanted)


def is_done(run_id: int) -> bool:
    clearance.finish(run_id=run_id, at=run_instant(RUN_ON))
    with transaction.atomic():
        return RunRow.objects.get(pk=run_id).state == RunState.DONE


def assert_as_wanted(run: RunRow, wanted: dict[int, str]) -> None:
    """One decision per eligible program, the wanted one; each effect of a clearing once."""
    with transaction.atomic():
        found = list(Decision.objects.filter(run_id=run.pk).values_list("merchant_id", "reason"))
        cleared = {merchant_id for merchant_id, reason in wanted.items() if reason == "uncovered"}
        run.refresh_from_db()

        assert len(found) == len(wanted) == PROGRAMS and dict(found) == wanted
        assert run.counts == {
            "eligible": PROGRAMS,
            "cleared": PROGRAMS * 2 // 5,
            "kept": PROGRAMS * 2 // 5,
            "deferred": PROGRAMS // 5,
            "held": 0,
        }
        assert set(Program.objects.filter(status="cleared").values_list("pk", flat=True)) == cleared
        closures = list(Closure.objects.filter(to_at=None).values_list("merchant_id", "kind"))
        assert len(closures) == len(cleared) and dict(closures) == dict.fromkeys(cleared, "cleared")
        audit = list(AuditRow.objects.filter(action="program.cleared").values_list("merchant_id", flat=True))
        assert sorted(audit) == sorted(cleared)
        mails = list(OutboxRow.objects.filter(topic="email").values_list("merchant_id", flat=True))
        assert sorted(mails) == sorted(cleared)


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_the_sweep_finishes_what_a_lost_broker_forgot(run, monkeypatch):
    wanted = undisturbed(run)
    sent = []
    monkeypatch.setattr(
        "members.lib.queue.current_app.send_task", lambda name, **kw: sent.append((name, kw["kwargs"]))
    )
    clearance.drain_chunk(run_id=run.pk)

    ticks.sweep(at=run.at)

    assert ("compliance.drain", {"run_id": run.pk}) in sent
    assert clearance.drain(run_id=run.pk, at=run.at)
    assert_as_wanted(run, wanted)


def delivered() -> list[str]:
    """The names of the tasks that lie on the broker for the clearance's queue; they are taken off."""
    names = []
    with (
        current_app.connection_for_read() as broker,
        broker.SimpleQueue(queue.QUEUES[clearance_tasks.clearance.TASK]) as box,
        suppress(box.Empty),
    ):
        while True:
            message = box.get_nowait()
            names.append(message.headers["task"])
            message.ack()
    return names


@pytest.mark.soak
@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_a_broker_that_is_wiped_again_and_again_loses_no_program(run):
    wanted, dice = undisturbed(run), random.Random(20240628)
    with forker() as process:
        for _ in range(WIPES):
            ticks.sweep(at=run.at)
            forget_messages()
            assert clearance.TASK not in delivered()  # whoever waited for it waits for ever
            ticks.sweep(at=run.at)
            assert clearance.TASK in delivered()
            base, pid = done_chunks(run.pk), start(process, run.pk)
            goal = base + dice.randint(1, 3)
            until(lambda goal=goal, pid=pid: done_chunks(run.pk) >= goal or not lives(pid), "a chunk")
            kill(pid)
            until(lambda pid=pid: not lives(pid), "the killed worker to be gone")
    assert clearance.drain(run_id=run.pk, at=run.at)
    assert_as_wanted(run, wanted)


def crash() -> None:
    """The server's process behind this connection dies: all connections end, and it recovers from its log."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select pg_backend_pid()")
        pid = cursor.fetchone()[0]
    os.kill(pid, signal.SIGKILL)
    connections.close_all()


def is_back() -> bool:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("select 1")
    except OperationalError:
        connections.close_all()
        return False
    return True


@pytest.mark.soak
@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_crashes_of_the_database_lose_no_program_and_double_none(run_of_its_own):
    run = run_of_its_own
    wanted, dice = undisturbed(run), random.Random(20240629)
    with forker() as process:
        for _ in range(CRASHES):
            base, pids = done_chunks(run.pk), [start(process, run.pk), start(process, run.pk)]
            goal = base + dice.randint(0, 3)
            until(
                lambda goal=goal, pids=pids: done_chunks(run.pk) >= goal or not any(map(lives, pids)),
                "a chunk",
            )
            crash()
            until(is_back, "the server to recover")
            until(lambda pids=pids: not any(map(lives, pids)), "workers without a server to end")
    assert clearance.drain(run_id=run.pk, at=run.at)
    assert_as_wanted(run, wanted)
