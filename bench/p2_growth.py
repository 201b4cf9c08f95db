"""P2, how a day's recalculation of tiers grows: a shop of N members beside one of a fifth of them.

Both shops stand at once, each in a database of its own, and are worked in pairs, one day after the other, so that what
else the machine does meets both alike; the row is the median of the pairs. N is a million, or P2_MEMBERS, or P2_GROWTH
for this row alone; at `--scale full` it is five millions. A million members with six days each take 2.4 GB of disk:
the headline size is `make bench ONLY=p2_growth P2_GROWTH=5000000`, with 15 GB free under `var/`.
"""

from __future__ import annotations

import datetime as dt
import os
import statistics
from collections.abc import Iterator

from django.db import connection, transaction

from bench import member_world, p2_tiers
from bench.harness import Row, say, scratch, seconds
from bench.member_world import TODAY
from compliance.play.stage import pointed_to
from members.lib import tenant as tenancy

TIMES = 5
SIZES = {"small": p2_tiers.MEMBERS, "full": 5_000_000}
DAYS = [TODAY + dt.timedelta(days=n) for n in range(1, 8)]


def run(scale: str) -> Iterator[Row]:
    """One row."""
    many = int(os.environ.get("P2_GROWTH") or SIZES[scale])
    few = many // TIMES
    with scratch() as small:
        _filled(few)
        with scratch():
            _filled(many)
            pairs = [_pair(small, day) for day in DAYS]
    ratio = statistics.median(ours / limit for limit, ours in pairs)
    limit, ours = (statistics.median(each) for each in zip(*pairs, strict=True))
    say(f"P2: a day of {few:,} members {limit:.2f} s, of {many:,} {ours:.2f} s, median of pairs {ratio:.2f}")
    beside = f"a day of tiers of {few:,} members: {limit:.2f} s"
    yield Row("P2 a day of tiers, five times the members", ratio, beside, 5.5, many)


def _filled(members: int) -> None:
    shop = member_world.filled(members, name="P2 growth")
    member_world.hold_tiers(shop, members)
    member_world.settle()


def _pair(small: str, day: dt.date) -> tuple[float, float]:
    """A day of the small shop and of the large, committed."""
    with pointed_to(small):
        limit = _day(day)
    return limit, _day(day)


def _day(day: dt.date) -> float:
    with tenancy.platform(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select 1")  # connecting is not part of a day
    return seconds(lambda: p2_tiers.recalculated(day))
