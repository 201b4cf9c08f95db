"""P2: tiers and segments of a large shop, each job beside a sequential scan measured in the same run.

One day's recalculation, the memory of the process that does it, the simulator (of other thresholds, of another window
and of another grace), and (`bench.member_questions`) what a console asks of all members; what a first ladder costs that
lifts a fifth of the members, and the simulator of another window before anything is stored; and what an order costs
that lifts its member, with the mark for the member's facts, beside one that moves nobody and leaves no mark. P2_MEMBERS
says how many members there are where a million is too long a wait. How a day's cost grows: `bench.p2_growth`.
"""

from __future__ import annotations

import datetime as dt
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connections, transaction

from bench import ledger_world, member_questions, member_world
from bench.harness import Row, median, say, scratch, seconds
from bench.member_world import DAYS_EACH, LADDER, TODAY
from members.lib import tenant as tenancy
from members.models import Merchant
from members.selectors import tier_simulation
from members.services import daily, member_facts, orders, tier_rules
from members.services.orders import LineIn, OrderIn

MEMBERS = int(os.environ.get("P2_MEMBERS", "1000000"))
SIZES = {"small": MEMBERS, "full": 32_000_000}
DAYS = [TODAY + dt.timedelta(days=n) for n in range(1, 5)]
MEMORY_DAY = TODAY + dt.timedelta(days=5)
MEMORY_MB = 300
WINDOW_SECONDS = 2  # for 100,000 members
SIMULATED_AT = dt.datetime.combine(MEMORY_DAY, dt.time(12), ZoneInfo(ledger_world.ZONE))
PROPOSED = [
    LADDER[0],
    {"code": "silver", "name": "Silver", "all": {"spend_minor": 120_000, "orders": 3}},
    {"code": "gold", "name": "Gold", "all": {"spend_minor": 600_000}},
]
SIMULATED: dict[str, dict[str, Any]] = {
    "": {},
    ", another window": {"window": {"kind": "rolling", "days": 180}},
    ", another grace": {"grace_days": 30},
}
FIRST_LADDER = [  # which a fifth of the members reach
    LADDER[0],
    {"code": "silver", "name": "Silver", "all": {"spend_minor": 608_000}},
    {"code": "gold", "name": "Gold", "all": {"spend_minor": 670_000}},
]
ORDERS, ROUNDS = 60, 8


def run(scale: str) -> Iterator[Row]:
    """A row a goal."""
    members = SIZES[scale]
    with scratch() as database:
        yield from _large(database, members)
    with scratch():
        yield from _first_ladder(members // 10)
    with scratch():
        yield _order_that_lifts()


def _large(database: str, members: int) -> Iterator[Row]:
    shop = _with_tiers(members)
    yield from member_questions.rows(shop, members)
    limit = median(_scan)
    beside = f"scan of the {DAYS_EACH * members:,} daily rows: {limit:.2f} s"
    yield Row("P2 a day of tiers", _days(members) / limit, beside, 3.5, members)
    yield _memory(database)
    member_facts.refresh(merchant_id=shop, at=SIMULATED_AT)  # which the night's job does after the tiers
    for what, more in SIMULATED.items():
        yield _simulator(shop, members, limit, what, more)


def _simulator(shop: int, members: int, daily: float, what: str, more: dict[str, Any]) -> Row:
    """Other thresholds (and more), in turns with the scan."""
    scans, ours = [], []
    for _turn in range(member_questions.TIMES):
        scans.append(seconds(member_questions.scan_members))
        ours.append(seconds(lambda: _simulated(shop, ladder=PROPOSED, **more)))
    scan, simulated = statistics.median(scans), statistics.median(ours)
    note = f"{simulated / daily:.2f} x the scan of the daily rows"
    say(f"P2: simulator{what} {simulated:.2f} s, scan {scan:.3f} s, {note}")
    beside = f"sequential scan of {members:,} members: {scan:.3f} s"
    return Row(f"P2 simulator of tiers{what}", simulated / scan, beside, 6, members, note=note)


def _with_tiers(members: int) -> int:
    shop = member_world.filled(members, name="P2")
    member_world.hold_tiers(shop, members)
    member_world.make_facts(shop, member_questions.AT)
    return shop


def _days(members: int) -> float:
    """The median of some days' recalculation, committed."""
    ours = []
    for day in DAYS:
        done: list[daily.Recalculated] = []
        ours.append(seconds(lambda day=day, done=done: done.append(recalculated(day))))
        say(f"P2, {members:,} members: {day} {done[0].examined:,} members due, {ours[-1]:.2f} s")
    return statistics.median(ours)


def recalculated(day: dt.date) -> daily.Recalculated:
    """A day's recalculation of the shops of the bench's zone."""
    at = dt.datetime.combine(day, dt.time(3), ZoneInfo(ledger_world.ZONE))
    return daily.recalculate_due(zone=ledger_world.ZONE, at=at)


def _memory(database: str) -> Row:
    """The most memory of a process that recalculates a day."""
    told = subprocess.run(
        [sys.executable, "-m", "bench.tier_worker", database, MEMORY_DAY.isoformat()],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    megabytes, examined = int(told[0]) / 1024, int(told[1])
    return Row(
        "P2 memory of a worker, a day of tiers",
        megabytes / MEMORY_MB,
        f"{MEMORY_MB} MB, used {megabytes:.0f}",
        1.0,
        examined,
    )


def _first_ladder(members: int) -> Iterator[Row]:
    """A ladder put into force where there was none: every member's metrics, and all lifts, committed. Then what another
    window would do."""
    shop = member_world.filled(members, name="P2 first ladder", ladder=LADDER[:1])
    limit = median(_scan)
    ours = seconds(lambda: _put_in_force(shop))
    with connections["owner"].cursor() as cursor:
        cursor.execute("select count(*) from members_tiermove")
        (moves,) = cursor.fetchone()
    assert members / 10 < moves < members / 3, moves
    say(f"P2: a first ladder lifts {moves:,} of {members:,} members in {ours:.2f} s, scan {limit:.3f} s")
    beside = f"scan of the {DAYS_EACH * members:,} daily rows: {limit:.3f} s"
    yield Row("P2 initial tiers of all members", ours / limit, beside, 40, members)
    window = {"kind": "rolling", "days": 180}
    simulated = median(lambda: _simulated(shop, ladder=FIRST_LADDER, window=window))
    yield Row(
        "P2 simulator of tiers, another window, nothing stored",
        simulated / WINDOW_SECONDS,
        f"{WINDOW_SECONDS} s, took {simulated:.2f}",
        members / 100_000,
        members,
    )


def _put_in_force(shop: int) -> None:
    at = dt.datetime.combine(TODAY, dt.time(12), ZoneInfo(ledger_world.ZONE))
    with tenancy.tenant(shop), transaction.atomic():
        tier_rules.configure(merchant_id=shop, at=at, actor=ledger_world.BENCH, ladder=FIRST_LADDER)


def _order_that_lifts() -> Row:
    """Orders one by one, in turns: small ones without marks for the members' facts, and such as lift, with them."""
    shop = ledger_world.shop("P2 orders")
    member_world.put_in_force(shop, LADDER)
    ledger_world.fill(shop, members=2 * ORDERS * (ROUNDS + 1), lots=0, expires_on="null::date")
    plain, lifting = [], []
    for turn in range(ROUNDS + 1):
        first = 1 + 2 * ORDERS * turn
        _marks("disable")
        plain.append([_order(shop, first + n, 1_000) for n in range(ORDERS)])
        _marks("enable")
        lifting.append([_order(shop, first + ORDERS + n, 100_000) for n in range(ORDERS)])
    with connections["owner"].cursor() as cursor:
        cursor.execute("select count(*) from members_tiermove")
        assert cursor.fetchone()[0] == ORDERS * (ROUNDS + 1)
    # The first turn warms up; of each the median, so that a checkpoint is nobody's.
    limits, ours = ([statistics.median(each) for each in turns[1:]] for turns in (plain, lifting))
    ratio = statistics.median(mine / limit for mine, limit in zip(ours, limits, strict=True))
    limit = statistics.median(limits)
    say(f"P2: an order {limit * 1000:.1f} ms, one that lifts {statistics.median(ours) * 1000:.1f} ms")
    return Row(
        "P2 an order that lifts its member",
        ratio,
        f"an order that moves nobody and leaves no mark: {limit * 1000:.1f} ms",
        1.15,
        ORDERS * ROUNDS,
    )


def _marks(verb: str) -> None:
    with connections["owner"].cursor() as cursor:
        for event in ("insert", "update", "delete"):
            cursor.execute(f"alter table members_dailytotal {verb} trigger members_factsdue_{event}")


def _order(shop: int, member: int, amount: int) -> float:
    at = dt.datetime.combine(TODAY, dt.time(12), ZoneInfo(ledger_world.ZONE))
    order = OrderIn(f"o{member}", [LineIn("sku", 1, amount)], member_id=member)

    def post() -> None:
        with tenancy.tenant(shop), transaction.atomic():
            orders.put_order(merchant_id=shop, at=at, actor=ledger_world.BENCH, order=order)

    return _timed(post)


def _timed(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _scan() -> None:
    with transaction.atomic("owner"), connections["owner"].cursor() as cursor:
        cursor.execute("set local enable_indexonlyscan = off; set local enable_indexscan = off")
        cursor.execute("set local max_parallel_workers_per_gather = 0")
        cursor.execute("select count(*), sum(spend_minor), sum(orders) from members_dailytotal")


def _simulated(shop: int, **proposed: Any) -> None:
    at = SIMULATED_AT
    with tenancy.tenant(shop), transaction.atomic():
        merchant = Merchant.objects.get(pk=shop)
        draft = tier_rules.draft(merchant_id=shop, at=at, **proposed)
        found = tier_simulation.simulate(merchant=merchant, at=at, proposal=draft.proposal)
    assert found.total and found.count("fall"), found.flows
