"""P3: one durable posting, redeemed or credited, on the database's side, beside pgbench's TPC-B.

The statements that our service sends for one posting are recorded once, with numbers that occur nowhere else; those
numbers then become pgbench's variables, and pgbench itself sends them, as durable and with two clients as TPC-B: that
one in the simple protocol, ours prepared, as `members.lib.prepared` does. Members are many, as TPC-B's accounts. Both
in turns.
"""

from __future__ import annotations

import datetime as dt
import re
import statistics
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
from django.db import connection, connections, transaction

from bench import ledger_world, pgbench
from bench.harness import Row, say, scratch
from config.postgres.base import NAMES
from members.lib import prepared
from members.lib import tenant as tenancy
from members.services import points

MEMBERS = 100_000
ROUNDS = 5
SECONDS = {"small": 4, "full": 20}
AT = dt.datetime(2024, 6, 1, 12, tzinfo=dt.UTC)
# A member whose numbers are found nowhere else in the statements.
MEMBER, AVAILABLE, EARNED, REDEEMED, SEQUENCE, LOT, LEFT = (
    76_543_210,
    5_000_111,
    6_000_113,
    1_000_117,
    2_000_119,
    2_000_003,
    4_000_123,
)
POINTS, KEY, PUBLIC = 17, "THE-KEY", re.compile(r"'[a-z0-9]{16,24}'")
MODEL = f"""
insert into members_member select (jsonb_populate_record(m, jsonb_build_object('id', {MEMBER}, 'public_id', 'x'))).*
from members_member m where id = 1;
insert into members_pointsaccount (merchant_id, member_id, available, pending, deficit, earned, redeemed, expired,
    clawed_back, sequence)
values ({{shop}}, {MEMBER}, {AVAILABLE}, 0, 0, {EARNED}, {REDEEMED}, 0, 0, {SEQUENCE});
insert into members_pointslot (merchant_id, member_id, number, available_at, amount, remaining, expires_on)
values ({{shop}}, {MEMBER}, {LOT}, '2024-02-02+08', 5000000, {LEFT}, '2025-06-30');
"""


def run(scale: str) -> Iterator[Row]:
    """Two rows."""
    with scratch() as database, tempfile.TemporaryDirectory() as folder:
        shop = ledger_world.shop("P3")
        ledger_world.fill(shop, members=MEMBERS, lots=3, expires_on="date '2025-01-01' + n")
        with connections["owner"].cursor() as cursor:
            cursor.execute(MODEL.format(shop=shop))
        pgbench.fill(database)
        scripts = {
            "redeem": _script(shop, Path(folder) / "redeem.sql", _redeem(shop)),
            "credit": _script(shop, Path(folder) / "credit.sql", _credit(shop)),
        }
        for name, script in scripts.items():
            limits, ours = [], []
            for _round in range(ROUNDS):
                limits.append(
                    pgbench.tps("owner", database, SECONDS[scale], "-M", "simple", "-b", "tpcb-like")
                )
                ours.append(
                    pgbench.tps("default", database, SECONDS[scale], "-M", "prepared", "-f", str(script))
                )
            limit = statistics.median(limits)
            say(f"P3 {name}: TPC-B {limit:.0f} a second, ours {statistics.median(ours):.0f}")
            yield Row(
                f"P3 single posting, {name}",
                statistics.median(mine / theirs for mine, theirs in zip(ours, limits, strict=True)),
                f"pgbench TPC-B, {pgbench.CLIENTS} clients, {limit:,.0f} a second",
                1.0,
                MEMBERS,
                at_least=True,
            )


def _redeem(shop: int) -> Callable[[], object]:
    return lambda: points.redeem(
        merchant_id=shop, at=AT, actor=ledger_world.BENCH, member_id=MEMBER, points=POINTS, key=KEY
    )


def _credit(shop: int) -> Callable[[], object]:
    return lambda: points.adjust(
        merchant_id=shop,
        at=AT,
        actor=ledger_world.BENCH,
        member_id=MEMBER,
        points=POINTS,
        key=KEY,
        reason="bench",
    )


def _script(shop: int, path: Path, act: Callable[[], object]) -> Path:
    """What the act sends, as a script for pgbench."""
    lines = [
        f"\\set m random(1, {MEMBERS})",
        "\\set k random(1, 1000000000000000)",
        "begin;",
        f"select set_config('role', '{NAMES.app}', true), set_config('app.merchant_id', '{shop}', true);",
    ]
    for sql in _sent(shop, act):
        lines.append(_with_variables(sql) + (" \\gset" if "for update" in sql else ";"))
    path.write_text("\n".join([*lines, "commit;"]) + "\n", encoding="utf-8")
    return path


def _sent(shop: int, act: Callable[[], object]) -> list[str]:
    """The statements that an act sends between begin and commit, parameters filled in."""
    sent: list[str] = []
    fetch_one = prepared.fetch_one

    def note(statement: str, parameters: Any) -> None:
        with psycopg.ClientCursor(connection.connection) as cursor:
            sent.append(cursor.mogrify(statement, parameters).strip())

    def note_prepared(statement: str, parameters: dict[str, Any]) -> Any:
        note(statement, parameters)
        return fetch_one(statement, parameters)

    def note_plain(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if not sql.startswith(("SAVEPOINT", "RELEASE")):
            note(sql, params)
        return execute(sql, params, many, context)

    prepared.fetch_one = note_prepared  # type: ignore[assignment]
    try:
        with tenancy.tenant(shop), transaction.atomic(), connection.execute_wrapper(note_plain):
            act()
            transaction.set_rollback(True)
    finally:
        prepared.fetch_one = fetch_one
    return sent


def _with_variables(sql: str) -> str:
    number, left = "((:numbers)::text::bigint[])[1]", "((:remaining)::text::bigint[])[1]"
    replaced = {
        f"'{MEMBER}'": "(:m)::text",
        str(MEMBER): ":m",
        f"'{KEY}'": "('k' || :k)",
        str(AVAILABLE - POINTS): ":available - 17",
        str(AVAILABLE + POINTS): ":available + 17",
        str(EARNED): ":earned",
        str(REDEEMED + POINTS): ":redeemed + 17",
        str(REDEEMED): ":redeemed",
        str(SEQUENCE + 1): ":sequence + 1",
        str(SEQUENCE): ":sequence",
        str(LEFT - POINTS): f"{left} - 17",
        str(LOT): number,
    }
    sql = PUBLIC.sub("('p' || :k)", sql)
    for literal, variable in replaced.items():
        sql = sql.replace(f"'{{{literal}}}'", f"array[{variable}]").replace(literal, variable)
    return sql
