"""P12: a birthday's gifts for many of a shop's members, beside COPY of the very rows into a table like theirs.

On each of three days other members have their birthday, a tenth of a million (of 32 million a million at full scale;
`P12_MEMBERS` and `P12_GIFTS` for something between: 32 million members take about 20 GB and their time to be filled).
The daily job finds them, looks whether the benefit is for them, and writes an entitlement with a code of its own each.
Then the owner of the tables copies those rows from a file into an empty table with the same columns, checks and
indexes, committed: that is the limit. The two alternate.
"""

from __future__ import annotations

import datetime as dt
import os
import statistics
import tempfile
from collections.abc import Iterator
from typing import IO, Any
from zoneinfo import ZoneInfo

from django.db import connections

from bench import ledger_world
from bench.harness import Row, say, scratch, seconds
from benefits.services import benefits, entitlements_daily
from members.lib import tenant as tenancy

SIZES = {"small": (1_000_000, 100_000), "full": (32_000_000, 1_000_000)}  # members, gifts a day
DAYS = [dt.date(2024, 6, day) for day in (11, 12, 13)]
BORN = {
    "birth_month": "case when i <= {gifts} * 3 - 1 then 6 end",
    "birth_day": "case when i <= {gifts} * 3 - 1 then 11 + i / {gifts} end",
}
ISSUED = "select * from benefits_entitlement where merchant_id = {shop} and cause = 'birthday:2024' and at = '{at}'"


def run(scale: str) -> Iterator[Row]:
    """One row."""
    members, gifts = _sizes(scale)
    with scratch():
        shop = ledger_world.shop("P12")
        say(f"P12: filling {members:,} members")
        born = {name: value.format(gifts=gifts) for name, value in BORN.items()}
        ledger_world.fill(
            shop, members=members, lots=0, expires_on="null::date", more=born, has_accounts=False
        )
        with tenancy.tenant(shop):
            benefits.publish_benefit(
                merchant_id=shop, at=ledger_world.OPENED_AT, actor=ledger_world.BENCH, kind="birthday_gift",
                name="Tea", settings={"gift": "Tea", "value_minor": 3_000, "valid_days": 30},
            )  # fmt: skip
        ratios, limits = [], []
        for day in DAYS:
            at = dt.datetime.combine(day, dt.time(3), ZoneInfo(ledger_world.ZONE))
            ours = seconds(lambda at=at: _issue(at, gifts))
            _owner("vacuum analyze benefits_entitlement")
            limits.append(_copied(shop, at))
            ratios.append(ours / limits[-1])
            say(f"P12: COPY {limits[-1]:.2f} s, gifts {ours:.2f} s")
        yield Row(
            "P12 birthday gifts",
            statistics.median(ratios),
            f"COPY of the same {gifts:,} rows, {members:,} members: {statistics.median(limits):.2f} s",
            3.0,
            gifts,
        )


def _sizes(scale: str) -> tuple[int, int]:
    members, gifts = SIZES[scale]
    return int(os.environ.get("P12_MEMBERS") or members), int(os.environ.get("P12_GIFTS") or gifts)


def _issue(at: dt.datetime, wanted: int) -> None:
    given = entitlements_daily.birthdays_due(zone=ledger_world.ZONE, at=at)
    assert wanted - 1 <= given <= wanted, given


def _copied(shop: int, at: dt.datetime) -> float:
    """Seconds of copying the rows of an instant into a table like theirs."""
    with tempfile.TemporaryFile() as file:
        with connections["owner"].cursor() as cursor:
            with cursor.copy(f"copy ({ISSUED.format(shop=shop, at=at.isoformat())}) to stdout") as rows:
                for block in rows:
                    file.write(block)
            cursor.execute("drop table if exists copied")
            cursor.execute("create table copied (like benefits_entitlement including all)")
        file.seek(0)
        return seconds(lambda: _copy(file))


def _copy(file: IO[bytes]) -> None:
    with connections["owner"].cursor() as cursor, cursor.copy("copy copied from stdin") as rows:
        while block := file.read(1 << 20):
            rows.write(block)


def _owner(statement: str, values: Any = None) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute(statement, values)
