"""P1: deciding a clearance over every program of the platform, beside counting their benefits by reading them.

Two kinds of run over the same programs. One clears none: every program gets its decision with its evidence, durably
written, some runs by one worker alone. The other clears one in twenty, the largest share that the platform's brake lets
an automatic run clear: their status changes, with closure and audit row. What is timed is what workers do:
`clearance.plan`, then the chunks drained by as many workers as the machine has processors, commits included, from
standings that are up to date. Beside it stands one process that counts all benefits by a sequential scan.
"""

from __future__ import annotations

import datetime as dt
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection, connections, transaction

from bench.harness import SCALES, Row, say, scratch, seconds
from benefits.lib.coverage import Configured, Coverage
from benefits.lib.spans import Span
from compliance.lib.calendar import run_instant
from compliance.lib.danger import assess
from compliance.lib.outline import outline
from compliance.lib.policy import Policy, PolicyHistory, PolicyVersion
from compliance.lib.runs import Run
from compliance.models import Decision, Standing
from compliance.models import Run as RunRow
from compliance.selectors import outlook, policies
from compliance.services import clearance, installation
from members.lib import tenant as tenancy

PROGRAMS = int(os.environ.get("P1_PROGRAMS", "460000"))  # of the small scale; fewer to see that each row runs
BENEFITS_EACH = 10
ALONE = (4, 6)  # months whose run one worker drains by itself
CLEARS_FROM = 8  # month of the first run that clears
MEMORY_MB = 300
CLOCK = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)

FILL = """
insert into members_merchant (id, slug, name, currency, timezone, language, created_at)
select i, 'shop-' || i, 'Shop ' || i, 'CNY', 'Asia/Shanghai', 'zh-hans', '2023-01-01+08'
from generate_series(1, {n}) i;
insert into members_program (merchant_id, name, status, first_opened_at, opened_at, created_at)
select i, 'Shop ' || i, 'open', '2023-02-01+08', '2023-02-01+08', '2023-01-01+08' from generate_series(1, {n}) i;
insert into benefits_benefit (merchant_id, public_id, name, kind, status, audience_empty, worthless, stock, revision,
    from_at, to_at, published_at, revision_at, settings, audience)
select m, substr(md5(m || ':' || b), 1, 16), 'Coupon of ' || b,
    (array['coupon', 'member_price', 'lucky_draw'])[b % 3 + 1], 'published', false, false, null, 1,
    at, at + interval '30 days', at, at,
    '{{"threshold_minor": 9900, "off_minor": 1000, "note": "for members, once a day"}}', '"everyone"'
from generate_series(1, {n}) m, generate_series(1, {each}) b,
    lateral (select '2023-03-01+08'::timestamptz + (b * 20 + m % 50) * interval '1 day' as at) x;
insert into benefits_coverage (merchant_id, kind, in_force, configured_at, force_from)
select m, 'coupon', tstzmultirange(tstzrange(at, case when {covered} then null else at + interval '30 days' end)),
    array[at], array[at]
from generate_series(1, {n}) m,
    lateral (select '2023-09-01+08'::timestamptz + (m % 50) * interval '1 day' as at) x;
insert into compliance_standing (merchant_id, opened_at, episode_began_at, danger_at, uncovered_since, refreshed_at,
    first_opened_on, run_on, policy_number, in_force, cover_shape, cover_from, cover_to, configured_at,
    configured_force)
select m, '2023-02-01+08', '2023-02-01+08', case when {covered} then null else at + interval '120 days' end,
    case when {covered} then null else at + interval '30 days' end, '2024-02-20 04:00+08', '2023-02-01',
    case when {covered} then null else '2024-06-27'::date end, 1, {covered},
    case when {covered} then '=coupon:0|' else '-coupon:0|' end, at,
    case when {covered} then null else at + interval '30 days' end, at, at
from generate_series(1, {n}) m,
    lateral (select '2023-09-01+08'::timestamptz + (m % 50) * interval '1 day' as at) x;
"""
UNCOVERED = (1, 8, 9, 10)  # of twenty programs
COVERED = f"m % 20 not in {UNCOVERED}"
WARN = "update compliance_standing set warned_at = %s, last_warned_at = %s where merchant_id %% 20 = %s"


def run(scale: str) -> Iterator[Row]:
    """The ratios."""
    programs = PROGRAMS * SCALES[scale]
    with scratch() as database, tenancy.platform():
        say(f"P1: filling {programs:,} programs with {programs * BENEFITS_EACH:,} benefits")
        fill(programs)
        check_standings(programs)
        simulated = statistics.median(seconds(simulate) for _ in range(3))
        say(f"P1: simulation of a policy {simulated:.2f} s")
        with workers(database) as crew:
            counts, kept, alone, cleared = [], [], [], []
            for month in range(3, CLEARS_FROM + 3):
                warn(month)
                counts.append(seconds(count_benefits))
                times = cleared if month >= CLEARS_FROM else alone if month in ALONE else kept
                working = crew[:1] if month in ALONE else crew
                times.append(seconds(lambda month=month, working=working: decide(month, working)))
                say(f"P1: count {counts[-1]:.2f} s, run of month {month} by {len(working)} {times[-1]:.2f} s")
            memory = max(peak_mb(worker.pid) for worker in crew)
        check_decisions(programs)
    base = statistics.median(counts)
    limit = f"sequential count(*) of {programs * BENEFITS_EACH:,} benefits, {base:.2f} s"
    yield Row("P1 clearance decisions", statistics.median(kept) / base, limit, 1.5, programs)
    yield Row("P1 clearance with status changes", statistics.median(cleared) / base, limit, 4.5, programs)
    yield Row(
        "P1 one worker beside two", statistics.median(alone) / statistics.median(kept),
        f"the same run by {os.cpu_count()} workers", 1.6, programs, at_least=True,
    )  # fmt: skip
    yield Row("P1 memory of a worker", memory / MEMORY_MB, f"{MEMORY_MB} MB", 1.0, programs)
    yield Row("P1 simulation of a policy", simulated / base, limit, 1.0, programs)


def peak_mb(pid: int) -> float:
    """The most memory that a process ever had resident."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise ValueError(f"no peak of {pid}")


def simulate() -> None:
    """What a window of 250 days in place of 90 would change at the coming three runs, over all programs: of those that
    nothing covers since autumn it saves the later half."""
    at = dt.datetime(2024, 6, 1, 4, tzinfo=dt.UTC)
    with transaction.atomic():
        history = policies.history()
        tried = PolicyVersion(
            number=2**31 - 1, effective_from=at, recorded_at=at, policy=Policy(window_days=250)
        )
        found = outlook.compare(history, PolicyHistory([*history.versions, tried]), at=at)
    assert found and any(each.fewer for each in found), found


@contextmanager
def workers(database: str) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that drain runs, ready."""
    crew = [
        subprocess.Popen(
            [sys.executable, "-m", "bench.drainer", database],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(os.cpu_count() or 1)
    ]
    try:
        for worker in crew:
            assert worker.stdout is not None and worker.stdout.readline() == "ready\n"
        yield crew
    finally:
        for worker in crew:
            assert worker.stdin is not None
            worker.stdin.close()
            worker.wait()


def decide(month: int, crew: list[subprocess.Popen[str]]) -> None:
    """One whole run: planned, drained, done."""
    day = dt.date(2024, month, 28)
    at = run_instant(day)
    with transaction.atomic():
        version = policies.history().at(at)
    row, made = clearance.plan(run=Run(f"2024-{month:02}", day, at, version))
    for worker in crew:
        assert worker.stdin is not None
        worker.stdin.write(f"{row.pk}\n")
        worker.stdin.flush()
    for worker in crew:
        assert worker.stdout is not None and worker.stdout.readline() == "done\n"
    assert made and clearance.finish(run_id=row.pk, at=at)


def check_decisions(programs: int) -> None:
    """Every program that was open got its decision in every run, one in twenty was cleared in each of the last."""
    with transaction.atomic():
        for row in RunRow.objects.order_by("at"):
            found = Decision.objects.filter(run_id=row.pk)
            assert found.count() == row.eligible
            share = programs // 20 if row.at.month >= CLEARS_FROM else 0
            assert row.cleared == share == found.filter(outcome="cleared").count(), row.counts


def fill(programs: int) -> None:
    """The platform in 2024: of twenty programs sixteen are covered, four are not, nobody was warned."""
    with transaction.atomic():
        installation.install(at=CLOCK, scripted=True)
    with connections["owner"].cursor() as cursor:
        cursor.execute(FILL.format(n=programs, each=BENEFITS_EACH, covered=COVERED))
        cursor.execute("vacuum analyze")


def warn(month: int) -> None:
    """Before a run that clears: one program in twenty was warned long enough before, each time another one."""
    if month >= CLEARS_FROM:
        sent_at = dt.datetime(2024, month, 3, tzinfo=dt.UTC)
        with connections["owner"].cursor() as cursor:
            cursor.execute(WARN, [sent_at, sent_at, month])
            cursor.execute("vacuum compliance_standing")


def check_standings(programs: int) -> None:
    """The standings filled in are those that the pure rules compute."""
    with transaction.atomic():
        history = policies.history()
        for merchant_id in range(1, programs, max(1, programs // 200)):
            row = Standing.objects.get(merchant_id=merchant_id)
            assert row.opened_at is not None and row.refreshed_at is not None
            at = dt.datetime(2023, 8, 31, 16, tzinfo=dt.UTC) + (merchant_id % 50) * dt.timedelta(days=1)
            end = at + dt.timedelta(days=30) if merchant_id % 20 in UNCOVERED else None
            cover = Coverage("coupon", (Span(at, end),), (Configured(at, at),))
            found = assess([cover], history, row.opened_at, row.refreshed_at)
            assert (found.danger_at, found.uncovered_since) == (row.danger_at, row.uncovered_since)
            line = outline([cover], history.at(row.refreshed_at).policy, row.refreshed_at)
            assert line is not None and (line.shape, line.cover_to) == (row.cover_shape, row.cover_to)
            assert (line.cover_from, line.configured_at) == (row.cover_from, row.configured_at)


def count_benefits() -> None:
    """The limit: read every benefit, one after the other."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("set local enable_indexonlyscan = off; set local max_parallel_workers_per_gather = 0")
        cursor.execute("select count(*) from benefits_benefit")
